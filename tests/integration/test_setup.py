"""How an account is set up, unloaded, restarted and removed."""

import asyncio
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er

import custom_components.datapoint_cloud as integration
from custom_components.datapoint_cloud.device_registry import async_sync_devices
from custom_components.datapoint_cloud.storage import AccountStorage
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import KINDS, add_account, make_entry, poll, state_of
from .flows import add
from .passing_time import pass_time, settle, until
from .subjects import SUBJECTS, twenty_devices


@pytest.mark.parametrize("kind", KINDS)
async def test_an_account_shows_its_values_and_keeps_nothing_running_when_unloaded(
    hass: HomeAssistant, simulation: Simulation, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    subject = SUBJECTS[kind]
    subject.report(simulation, 21)
    entry = await add_account(hass, simulation, kind)
    assert entry.state is ConfigEntryState.LOADED
    assert float(subject.state(hass, simulation, entry)) == 21

    subject.report(simulation, 22)
    await poll(hass, entry)
    assert float(subject.state(hass, simulation, entry)) == 22

    assert await hass.config_entries.async_unload(entry.entry_id)
    await settle(hass)
    assert entry.state.value == "not_loaded"
    assert subject.state(hass, simulation, entry) == "unavailable"
    assert not entry._background_tasks
    assert not [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_unloaded_account_sends_no_request(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    entry = await add_account(hass, simulation, kind)
    await hass.config_entries.async_unload(entry.entry_id)
    server = SUBJECTS[kind].server(simulation)
    server.reset_counts()
    await pass_time(hass, freezer, 3600)
    assert not server.log


@pytest.mark.parametrize("kind", KINDS)
async def test_a_reloaded_account_has_the_same_devices_and_entities(
    hass: HomeAssistant, simulation: Simulation, kind: str
) -> None:
    entry = await add_account(hass, simulation, kind)

    def registered() -> tuple[set[str], set[str]]:
        entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        return {entity.id for entity in entities}, {device.id for device in devices}

    def shown() -> dict[str, str]:
        return {state.entity_id: state.state for state in hass.states.async_all()}

    await settle(hass)
    before, states = registered(), shown()
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert registered() == before
    assert shown().keys() == states.keys()
    assert {entity_id for entity_id, state in shown().items() if state == "unavailable"} == {
        entity_id for entity_id, state in states.items() if state == "unavailable"
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_removing_an_account_deletes_its_stored_files(
    hass: HomeAssistant, hass_storage: dict[str, Any], simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    entry = await add_account(hass, simulation, kind)
    key = f"datapoint_cloud.{entry.entry_id}"
    await pass_time(hass, freezer, 400)
    assert hass_storage[key]["data"]["readings"][SUBJECTS[kind].device_id(simulation)]["readings"]

    await hass.config_entries.async_remove(entry.entry_id)
    await pass_time(hass, freezer, 400)
    assert key not in hass_storage
    assert not dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert not er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(drops=True), "unreachable"),
        (Fault(status=502, body="<html>Bad Gateway</html>", content_type="text/html"), "server_error"),
        (Fault(status=200, body="<html>Please sign in</html>", content_type="text/html"), "unexpected_answer"),
    ],
    ids=["dropped", "bad gateway", "html"],
)
async def test_an_account_whose_cloud_is_down_is_set_up_later(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str, fault: Fault, reason: str
) -> None:
    subject = SUBJECTS[kind]
    server = subject.server(simulation)
    server.faults = [fault]
    entry = await add_account(hass, simulation, kind)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == reason
    assert not hass.config_entries.flow.async_progress()

    server.faults = []
    subject.report(simulation, 23)
    await pass_time(hass, freezer, 20)
    await hass.async_block_till_done()
    assert entry.state.value == "loaded"
    assert entry.error_reason_translation_key is None
    assert float(subject.state(hass, simulation, entry)) == 23


async def test_a_refusal_without_a_code_is_logged_once_with_its_status(
    hass: HomeAssistant, simulation: Simulation, caplog: pytest.LogCaptureFixture
) -> None:
    simulation.sodata.faults = [Fault(matches=lambda request: request.path.endswith("/devices"), status=403, body="{}")]
    entry = await add_account(hass, simulation, "sodata")
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert str(entry.reason) == "This account is not allowed to do this"
    assert caplog.text.count("Account of sodata: right_missing, HTTP 403 at /") == 1
    await hass.config_entries.async_reload(entry.entry_id)
    assert caplog.text.count("Account of sodata: right_missing, HTTP 403 at /") == 1


async def test_an_account_is_set_up_later_when_its_login_server_is_down(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    await simulation.keycloak.stop()
    entry = await add_account(hass, simulation, "sodata")
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "unreachable"
    assert not simulation.sodata.log


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("gizwits_open", {"password": "wrong"}),
        ("gizwits_open", {"username": "nobody@example.com"}),
        ("gizwits_enterprise", {"enterprise_secret": "wrong"}),
        ("gizwits_enterprise", {"enterprise_id": "wrong"}),
        ("sodata", {"password": "wrong"}),
        ("sodata", {"client_secret": "wrong"}),
        ("firstlight", {"user_token": "wrong"}),
        ("firstlight", {"authorization_token": "wrong"}),
    ],
)
async def test_refused_credentials_ask_the_user_once_to_sign_in_again(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    kind: str,
    wrong: dict[str, Any],
) -> None:
    entry = await add_account(hass, simulation, kind, **wrong)
    if "authorization_token" in wrong:
        # No code names this token, so the client believes only a refusal that lasts.
        assert entry.state is ConfigEntryState.SETUP_RETRY
        await pass_time(hass, freezer, 10)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "auth_failed"
    server = SUBJECTS[kind].server(simulation)
    server.reset_counts()
    await pass_time(hass, freezer, 800)
    assert not server.log
    await pass_time(hass, freezer, 3600)
    flows = hass.config_entries.flow.async_progress()
    assert [(flow["context"]["source"], flow["context"]["entry_id"]) for flow in flows] == [
        (SOURCE_REAUTH, entry.entry_id)
    ]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_account_of_a_later_minor_version_is_set_up(
    hass: HomeAssistant, simulation: Simulation, kind: str
) -> None:
    entry = make_entry(hass, simulation, kind)
    hass.config_entries.async_update_entry(entry, minor_version=7)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    assert entry.minor_version == 7


async def test_an_account_of_a_later_major_version_is_left_alone(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = make_entry(hass, simulation, "gizwits_open")
    hass.config_entries.async_update_entry(entry, version=2)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.MIGRATION_ERROR
    assert not simulation.gizwits_open.log


async def test_readings_that_arrive_during_an_unload_leave_nothing_behind(
    hass: HomeAssistant,
    simulation: Simulation,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    late = twenty_devices(simulation, "gizwits_open")[0]
    server = simulation.gizwits_open
    del server.devices[late.did]
    entry = await add_account(hass, simulation, "gizwits_open")
    coordinator = entry.runtime_data.coordinator
    server.devices[late.did] = late
    gate = asyncio.Event()
    server.faults = [Fault(matches=lambda request: request.path.endswith(f"{late.did}/latest"), gate=gate)]
    polling = entry.async_create_background_task(hass, coordinator.async_refresh(), "poll")
    await until(lambda: late.did in coordinator.fleet)
    close = AccountStorage.async_close

    async def close_late(storage: AccountStorage) -> None:
        gate.set()
        await polling
        await close(storage)

    with monkeypatch.context() as patch:
        patch.setattr(AccountStorage, "async_close", close_late)
        assert await hass.config_entries.async_unload(entry.entry_id)
    assert late.did in coordinator.fleet
    others = {"zone.home"}  # the device trackers need it
    left = [state.entity_id for state in hass.states.async_all() if not state.attributes.get("restored")]
    assert set(left) - others == set()

    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert state_of(hass, "switch", entry, late.did, "switch").state in {"on", "off"}
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_many_readings_cause_one_sync_of_the_device_registry(
    hass: HomeAssistant, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = 0

    def sync(*arguments: Any) -> None:
        nonlocal times
        times += 1
        async_sync_devices(*arguments)

    monkeypatch.setattr(integration, "async_sync_devices", sync)
    await add_account(hass, simulation, "gizwits_open")
    assert times == 1


async def test_a_sodata_user_signs_in_once_for_form_set_up_and_reload(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    result = await add(hass, simulation, "sodata")
    await hass.async_block_till_done()
    entry = result["result"]
    assert entry.state is ConfigEntryState.LOADED
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert simulation.keycloak.grants == ["password"]
    assert await hass.config_entries.async_remove(entry.entry_id)
    await add(hass, simulation, "sodata")
    assert simulation.keycloak.grants == ["password", "password"]
