"""The identity of a subentry comes from its data, not from its title."""

from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.translation import async_get_translations
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import add_account, make_entry, poll


async def _add(
    hass: HomeAssistant, simulation: Simulation, kind: str, unique_id: str | None, **changes: Any
) -> MockConfigEntry:
    usual = make_entry(hass, simulation, kind)
    await hass.config_entries.async_remove(usual.entry_id)
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Account",
        unique_id=usual.unique_id,
        data=usual.data,
        subentries_data=[
            ConfigSubentryData(
                subentry_type=subentry.subentry_type,
                title=subentry.title,
                data={**subentry.data, "group_by": None, "gid": None, **changes},
                unique_id=unique_id and f"{unique_id}{number}",
            )
            for number, subentry in enumerate(usual.subentries.values())
        ],
    )
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


@pytest.mark.parametrize("unique_id", [None, "another"])
@pytest.mark.parametrize("kind", ["gizwits_enterprise", "firstlight"])
async def test_devices_belong_to_their_subentries(
    hass: HomeAssistant, simulation: Simulation, kind: str, unique_id: str | None
) -> None:
    entry = await _add(hass, simulation, kind, unique_id)
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    in_scopes = [device for device in devices if device.config_subentry_id is not None]
    assert len(in_scopes) == len(devices) - 1  # without the account's own


async def test_a_query_is_found_by_its_title(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await _add(hass, simulation, "firstlight", "another")
    call = {"config_entry_id": entry.entry_id, "query": "Genres", "range": "last_7_days"}
    answer: Any = await hass.services.async_call(DOMAIN, "get_usage", call, blocking=True, return_response=True)
    assert answer["query"] == "content genre per day"
    assert answer["rows"]


async def test_a_problem_of_a_subentry_is_reported(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await _add(hass, simulation, "gizwits_enterprise", "another", product_secret="wrong")
    issues = [issue for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN]
    assert {issue.translation_key for issue in issues} == {"wrong_product_secret"}
    assert {issue.data and issue.data["subentry_id"] for issue in issues} == set(entry.subentries)


async def test_the_failure_of_a_subentry_is_described_in_sentences(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    _, second = simulation.gizwits_enterprise.products
    simulation.gizwits_enterprise.faults = [
        Fault(matches=lambda request: second in request.path and request.path.endswith("/search"), status=500, body="")
    ]
    for _ in range(4):
        freezer.tick(61)
        await poll(hass, entry)
    (issue,) = [issue for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN and issue.active]
    texts = await async_get_translations(hass, "en", "issues", {DOMAIN})
    text = texts[f"component.{DOMAIN}.issues.{issue.translation_key}.description"]
    # Home Assistant removes the full stop from a failure text.
    assert "failed. The next request follows later. Its devices" in text.format(
        **(issue.translation_placeholders or {})
    )
