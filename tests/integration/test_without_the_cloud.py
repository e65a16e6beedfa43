"""An account with known devices is set up from its store while its cloud does not answer, and polls when it can."""

import asyncio
import json
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.const import DOMAIN, OPTION_INTERVAL
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import KINDS, add_account, make_entry, poll, state_of
from .passing_time import pass_time, settle, until
from .subjects import SUBJECTS

pytestmark = pytest.mark.usefixtures("hass_storage")

# Firstlight's queries are known from the entry: while their last answers are young, set-up sends no request.
_REQUESTED_AT_SET_UP = [kind for kind in KINDS if kind != "firstlight"]
_INTERVAL = {"gizwits_open": 60, "gizwits_enterprise": 60, "sodata": 120, "firstlight": 900}


def _silence(simulation: Simulation, fault: Fault | None) -> None:
    for server in simulation.servers:
        server.faults = [fault] if fault is not None else []
        server.reset_counts()


def _shown(hass: HomeAssistant) -> dict[str, str]:
    return {state.entity_id: state.state for state in hass.states.async_all()}


async def _restart(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_restart_without_the_cloud_shows_the_stored_values(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    subject = SUBJECTS[kind]
    subject.report(simulation, 21)
    entry = await add_account(hass, simulation, kind)
    before = _shown(hass)
    _silence(simulation, Fault(drops=True))
    await _restart(hass, entry)
    assert entry.state is ConfigEntryState.LOADED
    assert _shown(hass).keys() == before.keys()
    assert float(subject.state(hass, simulation, entry)) == 21
    if kind != "firstlight":
        connectivity = state_of(hass, "binary_sensor", entry, subject.device_id(simulation), "$connectivity")
        assert connectivity.state == "on"
        assert state_of(hass, "sensor", entry, "$devices").state == "unavailable"

    # The cloud answers again, and the account polls it before the next regular poll.
    _silence(simulation, None)
    subject.report(simulation, 22)
    await pass_time(hass, freezer, 11 if kind in _REQUESTED_AT_SET_UP else _INTERVAL[kind] + 1)
    assert float(subject.state(hass, simulation, entry)) == 22
    assert state_of(hass, "sensor", entry, "$devices").state != "unavailable"
    await pass_time(hass, freezer, _INTERVAL[kind] + 1)
    assert {key: _shown(hass)[key] == "unavailable" for key in before} == {
        key: state == "unavailable" for key, state in before.items()
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_stored_values_expire_after_the_usual_time(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    subject = SUBJECTS[kind]
    entry = await add_account(hass, simulation, kind)
    _silence(simulation, Fault(drops=True))
    await _restart(hass, entry)
    for _ in range(5):
        await pass_time(hass, freezer, max(1000, _INTERVAL[kind] + 1))
    assert subject.state(hass, simulation, entry) == "unavailable"

    # Nor does one more restart make an unavailable entity available again.
    await _restart(hass, entry)
    assert subject.state(hass, simulation, entry) == "unavailable"
    if kind != "firstlight":
        connectivity = state_of(hass, "binary_sensor", entry, subject.device_id(simulation), "$connectivity")
        assert connectivity.state == "unknown"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_restart_after_days_without_the_cloud_shows_no_old_value_as_live(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    subject = SUBJECTS[kind]
    entry = await add_account(hass, simulation, kind)
    await hass.config_entries.async_unload(entry.entry_id)
    freezer.tick(3 * 86_400)
    _silence(simulation, Fault(drops=True))
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert subject.state(hass, simulation, entry) == "unavailable"


async def test_the_user_can_change_the_interval_while_the_quota_is_exhausted(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    subject = SUBJECTS["gizwits_enterprise"]
    subject.report(simulation, 21)
    entry = await add_account(hass, simulation, "gizwits_enterprise", options={OPTION_INTERVAL: 60})
    server = simulation.gizwits_enterprise
    server.quota_remaining = 0
    server.quota_reset = int(server.clock()) + 1500
    await poll(hass, entry)
    server.reset_counts()
    hass.config_entries.async_update_entry(entry, options={OPTION_INTERVAL: 300})
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.coordinator.wished_interval.total_seconds() == 300
    assert float(subject.state(hass, simulation, entry)) == 21
    assert not server.log
    subject.report(simulation, 22)
    for _ in range(17):
        await pass_time(hass, freezer, 100)
    await settle(hass)
    assert float(subject.state(hass, simulation, entry)) == 22


@pytest.mark.parametrize("kind", _REQUESTED_AT_SET_UP)
async def test_a_silent_cloud_does_not_delay_a_start(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    subject = SUBJECTS[kind]
    subject.report(simulation, 21)
    entry = await add_account(hass, simulation, kind)
    await hass.config_entries.async_unload(entry.entry_id)
    gate = asyncio.Event()
    _silence(simulation, Fault(gate=gate))
    starting = hass.async_create_task(hass.config_entries.async_setup(entry.entry_id))
    await until(lambda: any(server.log for server in simulation.servers))
    freezer.tick(10.5)
    await asyncio.wait_for(starting, 30)
    assert entry.state.value == "loaded"
    assert float(subject.state(hass, simulation, entry)) == 21
    _silence(simulation, None)
    gate.set()


async def test_a_silent_cloud_with_unknown_devices_does_not_delay_the_start_of_home_assistant(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = make_entry(hass, simulation, "gizwits_open")
    gate = asyncio.Event()
    _silence(simulation, Fault(gate=gate))
    monkeypatch.setattr(type(hass), "is_running", property(lambda _: False))
    starting = hass.async_create_task(hass.config_entries.async_setup(entry.entry_id))
    await until(lambda: simulation.gizwits_open.log)
    freezer.tick(10.5)
    await asyncio.wait_for(starting, 30)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "timeout"
    gate.set()


async def test_refused_credentials_ask_the_user_to_sign_in_although_the_devices_are_known(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    await hass.config_entries.async_unload(entry.entry_id)
    simulation.gizwits_open.password = "another"
    simulation.gizwits_open.revoke_tokens()
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert [flow["context"]["source"] for flow in hass.config_entries.flow.async_progress()] == [SOURCE_REAUTH]


@pytest.mark.parametrize("kind", _REQUESTED_AT_SET_UP)
@pytest.mark.parametrize("spoil", [None, [], {"listed_at": "?"}, {"devices": [{}]}])
async def test_an_account_whose_store_has_no_list_needs_the_cloud_for_its_set_up(
    hass: HomeAssistant, hass_storage: dict[str, Any], simulation: Simulation, kind: str, spoil: Any
) -> None:
    entry = await add_account(hass, simulation, kind)
    await hass.config_entries.async_unload(entry.entry_id)
    stored = hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"]
    if spoil is None:
        del stored["devices"]
    else:
        stored["devices"] = spoil
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    _silence(simulation, Fault(drops=True))
    await hass.config_entries.async_unload(entry.entry_id)
    del hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"]["devices"]
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state.value == "setup_retry"


@pytest.mark.parametrize("kind", KINDS)
async def test_damage_in_a_stored_list_affects_only_the_damaged_part(
    hass: HomeAssistant, hass_storage: dict[str, Any], simulation: Simulation, kind: str
) -> None:
    entry = await add_account(hass, simulation, kind)
    await hass.config_entries.async_unload(entry.entry_id)
    stored = hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"]["devices"]
    stored["devices"] += [
        7,
        {"device": {"id": "x"}},
        {**stored["devices"][0], "schema": 1000},
        {"device": {**stored["devices"][0]["device"], "last_online": "?"}},
    ]
    for schema in stored["schemas"]:
        schema.append({"key": "odd", "name": "Odd", "data_type": "?"})
    hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"] = json.loads(json.dumps({"memory": {}, "readings": {}})) | {
        "readings": hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"]["readings"],
        "devices": stored,
    }
    _silence(simulation, Fault(drops=True))
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert SUBJECTS[kind].state(hass, simulation, entry) != "unavailable"


async def test_a_datapoint_that_the_vendor_removed_is_not_restored_from_the_store(
    hass: HomeAssistant, hass_storage: dict[str, Any], simulation: Simulation
) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    device_id = SUBJECTS["gizwits_open"].device_id(simulation)
    await hass.config_entries.async_unload(entry.entry_id)
    stored = hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"]["devices"]
    for schema in stored["schemas"]:
        schema.append({"key": "old", "name": "Old", "data_type": "bool"})
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert "old" not in entry.runtime_data.coordinator.fleet[device_id].datapoints
    assert "set_temp" in entry.runtime_data.coordinator.fleet[device_id].datapoints


async def test_devices_of_a_removed_product_are_not_shown_from_the_store(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    product_key = list(simulation.gizwits_enterprise.products)[1]
    await hass.config_entries.async_unload(entry.entry_id)
    (gone,) = (subentry for subentry in entry.subentries.values() if subentry.unique_id == product_key)
    hass.config_entries.async_remove_subentry(entry, gone.subentry_id)
    _silence(simulation, Fault(drops=True))
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    fleet = entry.runtime_data.coordinator.fleet
    assert fleet
    assert product_key not in {state.device.scope for state in fleet.values()}


async def test_a_start_without_the_cloud_is_logged_once(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    _silence(simulation, Fault(drops=True))
    caplog.clear()
    await _restart(hass, entry)
    for _ in range(10):
        await pass_time(hass, freezer, 100)
    records = [
        record for record in caplog.records if record.name.startswith("custom_components") and record.levelno > 20
    ]
    assert ["Cannot connect" in record.getMessage() for record in records] == [True]
    _silence(simulation, None)
    caplog.clear()
    for _ in range(3):
        await pass_time(hass, freezer, 100)
    assert [record.getMessage() for record in caplog.records if "recovered" in record.getMessage()]


async def test_a_product_that_only_the_store_knows_stays_while_its_list_fails(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    refused = list(simulation.gizwits_enterprise.products)[1]
    _silence(
        simulation, Fault(matches=lambda request: refused in request.path, status=404, body='{"error_code": "5206"}')
    )
    await _restart(hass, entry)
    assert entry.state is ConfigEntryState.LOADED
    devices = set(simulation.gizwits_enterprise.products[refused].devices)
    assert entry.runtime_data.coordinator.fleet.keys() & devices == devices
    for _ in range(5):
        await pass_time(hass, freezer, 61)
    assert entry.runtime_data.coordinator.fleet.keys() & devices == devices


@pytest.mark.parametrize(
    ("kind", "path"), [("gizwits_open", "/app/bindings"), ("gizwits_enterprise", "search"), ("sodata", "/devices")]
)
async def test_stored_devices_are_read_while_their_list_is_damaged(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str, path: str
) -> None:
    subject = SUBJECTS[kind]
    subject.report(simulation, 21)
    entry = await add_account(hass, simulation, kind)
    subject.server(simulation).faults = [
        Fault(matches=lambda request: request.path.endswith(path), status=200, body='{"total": 4, "results": []}')
    ]
    await _restart(hass, entry)
    assert entry.state is ConfigEntryState.LOADED
    subject.report(simulation, 22)
    for _ in range(8):
        await pass_time(hass, freezer, _INTERVAL[kind] + 1)
    assert float(subject.state(hass, simulation, entry)) == 22


@pytest.mark.parametrize("kind", _REQUESTED_AT_SET_UP)
async def test_the_cloud_is_retried_until_it_answers_although_polling_is_disabled(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    subject = SUBJECTS[kind]
    entry = await add_account(hass, simulation, kind)
    hass.config_entries.async_update_entry(entry, pref_disable_polling=True)
    _silence(simulation, Fault(drops=True))
    await _restart(hass, entry)
    for _ in range(5):
        await pass_time(hass, freezer, _INTERVAL[kind] + 1)
    assert state_of(hass, "sensor", entry, "$devices").state == "unavailable"
    _silence(simulation, None)
    await pass_time(hass, freezer, _INTERVAL[kind] + 1)
    assert state_of(hass, "sensor", entry, "$devices").state != "unavailable"
    server = subject.server(simulation)
    server.reset_counts()
    for _ in range(3):
        await pass_time(hass, freezer, _INTERVAL[kind] + 1)
    assert not server.log
