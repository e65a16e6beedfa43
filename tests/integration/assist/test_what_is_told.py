"""What tools keep to themselves, what they cost, and what they say when the cloud answers no more."""

import asyncio
from types import MappingProxyType

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import llm
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.datapoint_cloud.accounts import scope_type
from custom_components.datapoint_cloud.const import DOMAIN
from simulator.server import Fault
from simulator.simulation import Simulation

from ..accounts import USAGE_QUERY, add_account, entity_id_of
from ..passing_time import settle, until
from ..subjects import air_conditioner, ups
from .asking import ask_directly, expose

SPA, AC = "Terrace spa", "客厅空调"


@pytest.fixture
async def entry(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    assert await async_setup_component(hass, "homeassistant", {})
    return await add_account(hass, simulation, "gizwits_open")


async def _tools(hass: HomeAssistant) -> set[str]:
    llm_context = llm.LLMContext(
        platform="test", context=Context(), language="en", assistant="conversation", device_id=None
    )
    api = await llm.async_get_api(hass, llm.LLM_API_ASSIST, llm_context)
    return {tool.name for tool in api.tools if tool.name.startswith(DOMAIN)}


async def test_without_exposed_entities_there_are_no_tools(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    assert await async_setup_component(hass, "llm", {})
    expose(hass)
    assert len(await _tools(hass)) == 8
    expose(hass, is_exposed=False)
    assert await _tools(hass) == set()


async def test_only_exposed_devices_and_datapoints_are_told(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    expose(hass, is_exposed=False)
    expose(hass, entities=[entity_id_of(hass, "sensor", entry, device.did, "room_temp")])
    ask = await ask_directly(hass, simulation)
    listed = await ask("list_devices")
    assert [row["device"] for row in listed.data["devices"]] == [AC]
    told = await ask("get_device", device=AC)
    assert [row["name"] for row in told.data["values"]] == ["Room temperature"]
    assert (await ask("list_offline_devices")).data == {"offline": [], "online": 1, "unknown": 0}
    assert (await ask("list_alarms")).data["devices_checked"] == 1
    hidden = await ask("get_device", device=SPA)
    assert hidden.is_error
    assert SPA not in str(hidden.data["did_you_mean"])
    secret = await ask("get_history", device=AC, datapoint="Sleep", range="yesterday")
    assert secret.is_error
    assert "not exposed" in secret.data["error"]
    assert secret.requests == 0


async def test_only_what_the_user_may_read_is_told(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    expose(hass)
    user = MockUser(name="Somebody").add_to_hass(hass)
    entity_id = entity_id_of(hass, "sensor", entry, air_conditioner(simulation).did, "room_temp")
    user.mock_policy({"entities": {"entity_ids": {entity_id: {"read": True}}}})
    ask = await ask_directly(hass, simulation, Context(user_id=user.id))
    listed = await ask("list_devices")
    assert [row["device"] for row in listed.data["devices"]] == [AC]
    told = await ask("get_device", device=AC)
    assert [row["name"] for row in told.data["values"]] == ["Room temperature"]


async def test_the_names_that_the_user_gave_are_understood(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    expose(hass)
    entity_id = entity_id_of(hass, "number", entry, air_conditioner(simulation).did, "set_temp")
    er.async_get(hass).async_update_entity(entity_id, name="Wunschtemperatur")
    ask = await ask_directly(hass, simulation)
    told = await ask("get_device", device=entity_id)
    wished = air_conditioner(simulation).attrs["set_temp"]
    assert {"name": "Wunschtemperatur", "value": wished, "unit": "°C"} in told.data["values"]


async def test_a_spent_budget_is_said_and_nothing_is_sent(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    expose(hass)
    entry.runtime_data.coordinator.cloud.budget.share = 0.0
    ask = await ask_directly(hass, simulation)
    refused = await ask("get_history", device=SPA, datapoint="Water temperature", range="yesterday")
    assert refused.is_error
    assert refused.data["error"].startswith("The cloud accepts no more requests until ")
    assert refused.requests == 0
    figures = await ask("get_fleet_figures")
    assert figures.data["accounts"][0]["devices_online"] == 4


async def test_a_cloud_that_is_down_is_said(hass: HomeAssistant, simulation: Simulation) -> None:
    assert await async_setup_component(hass, "homeassistant", {})
    await add_account(hass, simulation, "sodata")
    expose(hass)
    ask = await ask_directly(hass, simulation)
    await simulation.sodata.stop()
    refused = await ask("get_history", device=ups(simulation).name, datapoint="Active power", range="yesterday")
    assert refused.is_error
    assert refused.data["error"] == "Cannot connect to the cloud"


async def test_a_cloud_that_does_not_answer_in_time_is_said(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, simulation: Simulation
) -> None:
    assert await async_setup_component(hass, "homeassistant", {})
    await add_account(hass, simulation, "sodata")
    expose(hass)
    ask = await ask_directly(hass, simulation)
    gate = asyncio.Event()
    simulation.sodata.faults.append(Fault(gate=gate))
    before = simulation.sodata.requests.total()
    question = ask("get_history", device=ups(simulation).name, datapoint="Active power", range="yesterday")
    asking = asyncio.ensure_future(question)
    await until(lambda: simulation.sodata.requests.total() > before)
    freezer.tick(41)
    late = await asking
    gate.set()
    assert late.is_error
    assert late.data["error"] == "The cloud takes too long to answer this. Ask for a shorter range."


async def test_an_unknown_account_is_answered_with_those_there_are(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    expose(hass)
    ask = await ask_directly(hass, simulation)
    unknown = await ask("get_fleet_figures", account="The neighbours")
    assert unknown.is_error
    assert unknown.data == {
        "error": "No account with exposed devices is called The neighbours.",
        "did_you_mean": [entry.title],
    }


async def test_an_account_without_usage_queries_counts_no_usage(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    expose(hass)
    ask = await ask_directly(hass, simulation)
    refused = await ask("get_usage", range="yesterday")
    assert refused.is_error
    assert refused.data == {"error": "No account with exposed entities counts usage."}


async def test_one_of_several_usage_queries_has_to_be_named(hass: HomeAssistant, simulation: Simulation) -> None:
    assert await async_setup_component(hass, "homeassistant", {})
    entry = await add_account(hass, simulation, "firstlight")
    data = USAGE_QUERY | {"aty": "platform", "field": "deviceName"}
    players = ConfigSubentry(
        data=MappingProxyType(data),
        subentry_type="usage_query",
        title="Players",
        unique_id=scope_type("usage_query").id_of(data),
    )
    hass.config_entries.async_add_subentry(entry, players)
    await settle(hass)
    expose(hass)
    ask = await ask_directly(hass, simulation)
    for unclear in ({}, {"query": "Tea"}):
        refused = await ask("get_usage", range="yesterday", **unclear)
        assert refused.is_error
        assert refused.data == {"error": "Say which usage query is meant.", "did_you_mean": ["Genres", "Players"]}
        assert refused.requests == 0
    named = await ask("get_usage", range="yesterday", query="Players")
    assert {group["name"] for group in named.data["groups"]} == {"Android TV", "iPhone", "Web"}


async def test_a_range_that_makes_no_sense_is_explained(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    expose(hass)
    ask = await ask_directly(hass, simulation)
    call = {"device": SPA, "datapoint": "Water temperature"}
    wrong = await ask("get_history", **call, start="the day before yesterday")
    assert wrong.is_error
    assert wrong.data["error"].startswith("The range is not valid")
    backwards = await ask("get_history", **call, start="2026-03-02", end="2026-03-01")
    assert backwards.is_error
    assert "is not before the end" in backwards.data["error"]
