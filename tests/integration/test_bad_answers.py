"""Undocumented answers to every kind of request: they break nothing, and the account recovers when they end."""

import asyncio
import json
import logging
from dataclasses import replace

import aiohttp
import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.timings import timings_of
from simulator.gizwits.devices import GizwitsDevice
from simulator.server import Fault, Server
from simulator.simulation import Simulation

from .accounts import add_account, make_entry, poll, state_of
from .passing_time import ChangeTimings, settle, until
from .subjects import SUBJECTS, twenty_devices

# For each cloud, every kind of request that a poll or a set-up makes, by the last segment of its path.
REQUESTS = [
    ("gizwits_open", "login"),
    ("gizwits_open", "bindings"),
    ("gizwits_open", "datapoint"),
    ("gizwits_open", "latest"),
    ("gizwits_enterprise", "access_token"),
    ("gizwits_enterprise", "search"),
    ("gizwits_enterprise", "datapoint"),
    ("gizwits_enterprise", "data"),
    ("sodata", "token"),
    ("sodata", "sites"),
    ("sodata", "devices"),
    ("sodata", "variables"),
    ("sodata", "last-values"),
    ("firstlight", "genre"),
]

_HTML = "<html><body>Please log in to the network</body></html>"
BAD_ANSWERS = {
    "html": Fault(status=200, body=_HTML, content_type="text/html"),
    "html called json": Fault(status=200, body=_HTML),
    "bad gateway": Fault(status=502, body=_HTML, content_type="text/html"),
    "not found": Fault(status=404, body=_HTML, content_type="text/html"),
    "nothing": Fault(status=200, body=""),
    "cut off": Fault(cuts_at=25),
    "null": Fault(status=200, body="null"),
    "empty list": Fault(status=200, body="[]"),
    "list": Fault(status=200, body='[1, "two", null, {"deep": [[]]}]'),
    "empty object": Fault(status=200, body="{}"),
    "number": Fault(status=200, body="42"),
    "text": Fault(status=200, body='"ok"'),
    "other types": Fault(
        status=200,
        body="""{"token": {}, "uid": [], "access_token": {}, "expires_in": "soon", "devices": {"0": 1}, "attr": 7,
        "objects": "none", "meta": 3, "results": {"a": 1}, "total": "many", "entities": "x", "name": 9, "values": true,
        "header": [], "data": {"deep": {"deeper": [true]}}, "updated_at": "yesterday", "error_code": null}""",
    ),
    "wrong members": Fault(
        status=200,
        body="""{"token": [], "uid": {}, "expire_at": "x", "expired_at": -1, "access_token": [], "expires_in": null,
        "devices": [null, 1, "x", {}, {"did": 5}, {"deviceUuid": 1, "values": [null, {"serviceId": []}]}],
        "objects": [null, 1, {"did": {}}, {"ts": "x", "attrs": 1}], "meta": {"total": "x"},
        "results": [null, {"uuid": 7, "name": []}, {"serviceId": 1, "itemType": [], "itemIndex": {}}],
        "total": -1, "attr": {"set_temp": {}, "switch": [], "mode": 99}, "updated_at": -1e99,
        "entities": [{"attrs": [{"name": null}, {"name": "x", "data_type": 5}, 3]}],
        "header": {"code": "x", "errors": 5}, "data": [[], null, {"name": {}, "value": "x"}]}""",
    ),
    "enormous numbers": Fault(status=200, body='{"error_code": 1e400, "devices": [], "data": 1e999, "results": []}'),
    "dropped": Fault(drops=True),
}


def _strike(simulation: Simulation, kind: str, last_segment: str, fault: Fault) -> None:
    for server in _servers(simulation, kind):
        server.faults = [replace(fault, matches=lambda request: request.path.rstrip("/").endswith(f"/{last_segment}"))]


def _servers(simulation: Simulation, kind: str) -> list[Server]:
    return [SUBJECTS[kind].server(simulation), *([simulation.keycloak] if kind == "sodata" else [])]


def _assert_nothing_broke(hass: HomeAssistant, caplog: pytest.LogCaptureFixture, name: str) -> None:
    records = [record for record in caplog.records if record.name.startswith(("custom_components", "homeassistant"))]
    assert not [record.getMessage() for record in records if record.exc_info and record.levelno >= logging.WARNING], (
        name
    )
    assert not [record.getMessage() for record in records if "Unexpected error" in record.getMessage()], name
    asyncio_errors = [record for record in caplog.records if record.name == "asyncio"]
    assert not [record.getMessage() for record in asyncio_errors if record.levelno >= logging.ERROR], name
    assert not hass.config_entries.flow.async_progress(), name
    caplog.clear()


def _revoke_tokens(simulation: Simulation) -> None:
    simulation.gizwits_open.revoke_tokens()
    simulation.gizwits_enterprise.revoke_tokens()
    simulation.keycloak.revoke_sessions()


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "last_segment"), REQUESTS)
async def test_bad_answers_while_polling_break_nothing(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    last_segment: str,
) -> None:
    subject = SUBJECTS[kind]
    entry = await add_account(hass, simulation, kind)
    before = {state.entity_id for state in hass.states.async_all()}
    for value, (name, fault) in enumerate(BAD_ANSWERS.items(), 10):
        # The account requests the definitions again after a week, and the tokens because the cloud refuses them.
        freezer.tick(8 * 86400)
        _strike(simulation, kind, last_segment, fault)
        _revoke_tokens(simulation)
        await poll(hass, entry)
        _assert_nothing_broke(hass, caplog, name)
        assert {state.entity_id for state in hass.states.async_all()} >= before, name

        for server in _servers(simulation, kind):
            server.faults = []
        subject.report(simulation, value)
        freezer.tick(3700)
        await poll(hass, entry)
        assert float(subject.state(hass, simulation, entry)) == value, name


@pytest.mark.parametrize(("kind", "last_segment"), REQUESTS)
async def test_bad_answers_while_setting_up_break_nothing(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    last_segment: str,
) -> None:
    subject = SUBJECTS[kind]
    for value, name in enumerate(("html", "not found", "cut off", "null", "other types", "wrong members"), 10):
        _strike(simulation, kind, last_segment, BAD_ANSWERS[name])
        entry = await add_account(hass, simulation, kind)
        assert entry.state in {ConfigEntryState.LOADED, ConfigEntryState.SETUP_RETRY}, name
        assert entry.error_reason_translation_key or entry.state is ConfigEntryState.LOADED, name
        _assert_nothing_broke(hass, caplog, name)

        for server in _servers(simulation, kind):
            server.faults = []
        subject.report(simulation, value)
        freezer.tick(2 * 86400)  # longer than any pause
        if entry.state is not ConfigEntryState.LOADED:
            await hass.config_entries.async_reload(entry.entry_id)
        await poll(hass, entry)
        assert float(subject.state(hass, simulation, entry)) == value, name
        await hass.config_entries.async_remove(entry.entry_id)


@pytest.mark.parametrize("name", ["html", "null", "cut off", "other types", "dropped"])
@pytest.mark.parametrize(("kind", "last_segment"), [("gizwits_open", "latest"), ("gizwits_enterprise", "data")])
async def test_a_bad_answer_affects_only_its_own_device(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str, last_segment: str, name: str
) -> None:
    subject = SUBJECTS[kind]
    entry = await add_account(hass, simulation, kind)
    device_id = subject.device_id(simulation)
    server = subject.server(simulation)
    others = {
        state.device.id: state for state in entry.runtime_data.coordinator.fleet.values() if state.device.is_online
    }
    del others[device_id]
    assert others
    server.faults = [replace(BAD_ANSWERS[name], matches=lambda request: f"/{device_id}/{last_segment}" in request.path)]
    for _ in range(3):
        freezer.tick(1000)
        await poll(hass, entry)
    assert entry.runtime_data.coordinator.last_update_success
    assert subject.state(hass, simulation, entry) == "unavailable"
    assert all(state.is_available for state in others.values())


async def test_numbers_written_as_text_are_read_as_numbers(hass: HomeAssistant, simulation: Simulation) -> None:
    subject = SUBJECTS["gizwits_open"]
    entry = await add_account(hass, simulation, "gizwits_open")
    device_id = subject.device_id(simulation)
    simulation.gizwits_open.faults = [
        Fault(
            matches=lambda request: request.path.endswith(f"{device_id}/latest"),
            body='{"did": "x", "updated_at": "1700000000", "attr": {"set_temp": "19", "switch": "0"}}',
        )
    ]
    await poll(hass, entry)
    assert subject.state(hass, simulation, entry) == "24"  # older than the known value
    entry.runtime_data.coordinator.fleet[device_id].readings.clear()
    await poll(hass, entry)
    assert float(subject.state(hass, simulation, entry)) == 19
    assert state_of(hass, "switch", entry, device_id, "switch").state == "off"


@pytest.mark.parametrize(("kind", "last_segment"), [("gizwits_open", "latest"), ("sodata", "last-values")])
async def test_a_slow_answer_times_out(
    hass: HomeAssistant,
    simulation: Simulation,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    last_segment: str,
) -> None:
    subject = SUBJECTS[kind]
    entry = await add_account(hass, simulation, kind)
    http_timings = timings_of(hass).http
    usual, http_timings.limit = http_timings.limit, aiohttp.ClientTimeout(total=0.05)
    _strike(simulation, kind, last_segment, Fault(delay=0.4))
    await poll(hass, entry)
    _assert_nothing_broke(hass, caplog, kind)
    assert not entry.runtime_data.coordinator.last_update_success
    assert entry.runtime_data.coordinator.last_exception.translation_key == "timeout"
    http_timings.limit = usual
    for server in _servers(simulation, kind):
        server.faults = []
    subject.report(simulation, 27)
    await poll(hass, entry)
    assert float(subject.state(hass, simulation, entry)) == 27


async def test_a_set_up_does_not_wait_for_slow_devices(
    hass: HomeAssistant, simulation: Simulation, change_timings: ChangeTimings
) -> None:
    change_timings(first_readings=0.05)
    subject = SUBJECTS["gizwits_open"]
    device_id = subject.device_id(simulation)
    simulation.gizwits_open.faults = [
        Fault(matches=lambda request: request.path.endswith(f"{device_id}/latest"), delay=2, times=1)
    ]
    entry = make_entry(hass, simulation, "gizwits_open")
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert subject.state(hass, simulation, entry) == "unknown"
    await settle(hass)
    assert float(subject.state(hass, simulation, entry)) == 24


async def test_devices_are_shown_while_the_set_up_waits_for_another(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    slow, fast = twenty_devices(simulation, "gizwits_open")[:2]
    gate = asyncio.Event()
    simulation.gizwits_open.faults = [
        Fault(matches=lambda request: request.path.endswith(f"{slow.did}/latest"), gate=gate)
    ]
    entry = make_entry(hass, simulation, "gizwits_open")
    setting_up = asyncio.ensure_future(hass.config_entries.async_setup(entry.entry_id))
    registry = er.async_get(hass)

    def shown(device: GizwitsDevice) -> str | None:
        entity_id = registry.async_get_entity_id("switch", DOMAIN, f"{entry.unique_id}_{device.did}_switch")
        state = hass.states.get(entity_id) if entity_id is not None else None
        return state.state if state is not None else None

    await until(lambda: shown(fast))
    assert shown(fast) in {"on", "off"}
    assert not setting_up.done()
    assert shown(slow) is None
    gate.set()
    assert await setting_up
    await hass.async_block_till_done()
    assert shown(slow) in {"on", "off"}


async def test_a_shortened_list_removes_no_device(hass: HomeAssistant, simulation: Simulation) -> None:
    server = simulation.gizwits_enterprise
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    entities = set(hass.states.async_entity_ids())
    for objects in ([], [{"mac": "0123456789ab"}] * 4):
        body = json.dumps({"meta": {"total": 4}, "objects": objects})
        server.faults = [Fault(matches=lambda request: request.path.endswith("/devices/search"), body=body)]
        for _ in range(4):
            await poll(hass, entry)
            assert not entry.runtime_data.coordinator.last_update_success
    assert set(hass.states.async_entity_ids()) == entities
    server.faults = []
    SUBJECTS["gizwits_enterprise"].report(simulation, 23)
    await poll(hass, entry)
    assert float(SUBJECTS["gizwits_enterprise"].state(hass, simulation, entry)) == 23


async def test_datapoints_missing_from_a_shortened_definition_are_added_soon(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    server = simulation.gizwits_open
    device = next(iter(server.devices.values()))
    body = json.loads(json.dumps(device.product.definition))
    gone = body["entities"][0]["attrs"].pop()["name"]  # an alarm that is on none of the vendor's screens
    is_its = f"product_key={device.product.key}"
    server.faults = [Fault(matches=lambda request: is_its in request.query_string, body=json.dumps(body), times=1)]
    entry = await add_account(hass, simulation, "gizwits_open")
    unique_id = f"{entry.unique_id}_{device.did}_{gone}"
    registry = er.async_get(hass)
    assert registry.async_get_entity_id("binary_sensor", DOMAIN, unique_id) is None
    freezer.tick(700)
    await poll(hass, entry)
    assert registry.async_get_entity_id("binary_sensor", DOMAIN, unique_id) is not None
