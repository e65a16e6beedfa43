"""Push that arrives late, twice, in the wrong order or never, push that the server refuses, and how push ends."""

import asyncio
import logging
import time
from functools import partial
from http import HTTPStatus
from typing import Any

import pytest
from aiohttp import web
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.repairs.const import DOMAIN as REPAIRS
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.components.diagnostics import get_diagnostics_for_config_entry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.datapoint_cloud.clouds.gizwits.enterprise.snoti import SnotiPush
from custom_components.datapoint_cloud.clouds.gizwits.open.websocket import WebSocketPush
from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.fleet.listeners import EntityKey
from simulator.gizwits.obedience import Obedience
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import poll
from .passing_time import calm, pass_time, settle, until
from .pushed import PUSHING_KINDS, Pushed

pytestmark = pytest.mark.usefixtures("fixed_time")


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    return str(getattr(request, "param", "gizwits_enterprise"))


@pytest.fixture
def pushed(hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str) -> Pushed:
    return Pushed(hass, simulation, freezer, kind)


both = pytest.mark.parametrize("kind", PUSHING_KINDS, indirect=True)
of_open_api = pytest.mark.parametrize("kind", ["gizwits_open"], indirect=True)


# Old messages


async def test_messages_that_waited_while_push_was_dead_do_not_undo_polled_values(pushed: Pushed) -> None:
    await pushed.add()
    snoti = pushed.simulation.gizwits_snoti
    await snoti.stop()
    for value in (8, 9, 10):
        pushed.report(value)
        pushed.freezer.tick(20)
    for is_online in (False, True):
        pushed.device.is_online = is_online
        pushed.freezer.tick(20)
    await poll(pushed.hass, pushed.entry)
    assert pushed.shown() == 10
    changes = pushed.changes()
    await snoti.start(int(snoti.address.rpartition(":")[2]))
    pushed.freezer.tick(30)
    await until(pushed.is_all_pushed)
    await pushed.wait_until_acknowledged(5)
    await calm()
    expected = {pushed.entity_id("number", pushed.key), pushed.entity_id("binary_sensor", "$connectivity")}
    assert [change for change in changes() if change[0] in expected] == []


async def test_wrong_order_and_repetition_of_messages_change_nothing(pushed: Pushed) -> None:
    await pushed.add()
    snoti, now = pushed.simulation.gizwits_snoti, pushed.device.clock()
    changes = pushed.changes()
    for value, at in ((12, now + 2), (11, now + 1), (12, now + 2), (10, now)):
        snoti.report(pushed.device, {pushed.key: value}, at)
    await pushed.wait_until_acknowledged(4)
    entity_id = pushed.entity_id("number", pushed.key)
    assert [float(state) for changed, state in changes() if changed == entity_id] == [12]


async def test_an_event_is_acknowledged_once_its_value_is_shown(pushed: Pushed) -> None:
    await pushed.add()
    snoti = pushed.simulation.gizwits_snoti
    for value in (11, 12, 13):
        pushed.report(value)
        snoti.received.clear()
        await pushed.wait_until_acknowledged(1)
        assert pushed.shown() == value


@of_open_api
@pytest.mark.parametrize("ahead", [-3600, 60, 3600])
async def test_the_clock_of_a_cloud_does_not_decide_between_push_and_polls(pushed: Pushed, ahead: float) -> None:
    server = pushed.simulation.gizwits_open
    server.clock = pushed.device.clock = lambda: time.time() + ahead
    await pushed.add()
    pushed.freezer.tick(10)
    pushed.report(9)
    await pushed.wait_for_value(9)
    server.push.refuses_logins = True
    pushed.lose()
    await until(lambda: not pushed.is_pushed())
    pushed.freezer.tick(70)
    pushed.report(12)
    await poll(pushed.hass, pushed.entry)
    assert pushed.shown() == 12


@of_open_api
async def test_a_poll_with_old_values_does_not_undo_pushed_values(
    pushed: Pushed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pushed.add()
    pushed.report(9)
    await pushed.wait_for_value(9)
    before = pushed.device.read()
    pushed.freezer.tick(5)
    pushed.report(12)
    await pushed.wait_for_value(12)
    monkeypatch.setattr(pushed.device, "read", lambda: before)
    await pushed.coordinator.async_read_device(pushed.device.did)
    assert pushed.shown() == 12


@both
async def test_a_list_requested_earlier_does_not_undo_a_pushed_disconnection(pushed: Pushed) -> None:
    await pushed.add()
    state = pushed.coordinator.fleet[pushed.device.did]
    listed = next(device for device in pushed.coordinator.inventory.listed if device.id == pushed.device.did)
    requested_at = state.availability.presence_as_of
    assert requested_at is not None
    pushed.freezer.tick(5)
    pushed.device.is_online = False
    await until(lambda: pushed.state("binary_sensor", "$connectivity") == "off")
    pushed.coordinator.inventory.update_device(listed, requested_at)
    assert state.device.is_online is False
    pushed.device.is_online = True
    pushed.freezer.tick(6)
    await pushed.coordinator.async_refresh()
    assert state.device.is_online is True


# Commands


@both
async def test_push_confirms_a_command(pushed: Pushed) -> None:
    await pushed.add({"interval": 7200})
    await pushed.pass_time(30)  # the coordinator also reads each pushed device once
    pushed.device.obedience = Obedience(stale_reads=1000)
    data = {"entity_id": pushed.entity_id("number", pushed.key), "value": 44 if pushed.is_open else 14}
    await pushed.hass.services.async_call("number", "set_value", data, blocking=True)
    pushed.freezer.tick(0.001)
    state = pushed.coordinator.fleet[pushed.device.did]
    await until(lambda: not state.pending)
    assert pushed.shown() == 14
    await pushed.pass_time(60)
    assert pushed.shown() == 14


# Refusals


def _issues(hass: HomeAssistant) -> list[ir.IssueEntry]:
    return [issue for (domain, _), issue in ir.async_get(hass).issues.items() if domain == DOMAIN]


async def test_a_refused_push_opens_a_repair_that_leads_to_the_product(
    pushed: Pushed, hass_client: ClientSessionGenerator
) -> None:
    hass = pushed.hass
    product = next(iter(pushed.simulation.gizwits_enterprise.products.values()))
    right, product.auth_secret = product.auth_secret, "another"
    pushed.make()
    product.auth_secret = right
    await pushed.set_up()
    await until(lambda: _issues(hass))
    (issue,) = _issues(hass)
    assert (issue.translation_key, issue.is_fixable) == ("push_refused", True)
    other = list(pushed.simulation.gizwits_enterprise.products.values())[1]
    await until(
        lambda: all(
            pushed.coordinator.is_pushed(pushed.coordinator.fleet[did].device)
            for did in other.devices
            if did in pushed.coordinator.fleet
        )
    )
    await poll(hass, pushed.entry)
    assert len(_issues(hass)) == 1

    assert await async_setup_component(hass, REPAIRS, {})
    client = await hass_client()
    answer = await client.post("/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issue.issue_id})
    assert answer.status == HTTPStatus.OK
    form = await answer.json()
    answer = await client.post(f"/api/repairs/issues/fix/{form['flow_id']}", json={})
    _, flow_id = (await answer.json())["next_flow"]
    typed = {
        "product_key": product.product_key,
        "product_secret": product.product_secret,
        "advanced": {"auth_id": product.auth_id, "auth_secret": right},
    }
    result = await hass.config_entries.subentries.async_configure(flow_id, typed)
    assert (result["type"], result["reason"]) == ("abort", "reconfigure_successful")
    await hass.async_block_till_done()
    await until(pushed.is_all_pushed)
    assert _issues(hass) == []


@both
async def test_a_lost_push_connection_leaves_the_issues_of_the_account_as_they_are(pushed: Pushed) -> None:
    await pushed.add()
    if pushed.is_open:
        pushed.simulation.gizwits_open.app_id = "another"
    else:
        pushed.simulation.gizwits_enterprise.is_ip_allowed = False
    await poll(pushed.hass, pushed.entry)
    before = [issue.issue_id for issue in _issues(pushed.hass)]
    assert before
    pushed.lose()
    await until(lambda: not pushed.is_pushed())
    assert [issue.issue_id for issue in _issues(pushed.hass)] == before


@of_open_api
@pytest.mark.parametrize("is_polled", [True, False], ids=["polled", "not polled"])
async def test_a_refused_account_asks_the_user_once_to_sign_in_again(pushed: Pushed, is_polled: bool) -> None:
    pushed.make()
    pushed.hass.config_entries.async_update_entry(pushed.entry, pref_disable_polling=not is_polled)
    await pushed.set_up()
    await until(pushed.is_all_pushed)
    server = pushed.simulation.gizwits_open
    server.password = "changed"
    server.revoke_tokens()
    server.push.invalidate()
    await pushed.pass_time(120)
    (flow,) = pushed.hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == "reauth"
    assert not server.push.connections


@of_open_api
async def test_push_retries_a_refusal_that_only_push_meets(pushed: Pushed) -> None:
    pushed.make()
    pushed.hass.config_entries.async_update_entry(pushed.entry, pref_disable_polling=True)
    await pushed.set_up()
    await until(pushed.is_all_pushed)
    server = pushed.simulation.gizwits_open
    password, server.password = server.password, "changed"
    server.revoke_tokens()
    server.push.invalidate()
    await pushed.pass_time(60)
    assert pushed.hass.config_entries.flow.async_progress()
    server.password = password
    await pushed.pass_time(900)
    await until(lambda: not pushed.hass.config_entries.flow.async_progress())
    await until(lambda: pushed.entry.state is ConfigEntryState.LOADED and pushed.is_all_pushed())


# Our own errors


def _fail(*_: Any) -> None:
    raise RuntimeError("a fault of ours")


def _tracebacks(caplog: pytest.LogCaptureFixture) -> int:
    return sum(record.exc_info is not None for record in caplog.records)


@both
async def test_a_listener_that_raises_neither_ends_push_nor_keeps_events_from_the_others(
    pushed: Pushed, caplog: pytest.LogCaptureFixture
) -> None:
    pushed.silence_alarms()
    await pushed.add()
    listeners, did = pushed.coordinator.listeners, pushed.device.did
    events: list[Any] = []
    listeners._listeners[EntityKey(did, pushed.key)].insert(0, _fail)
    listeners._event_listeners[did].insert(0, partial(_fail))  # differs from the other listener
    listeners.async_add_for_events(lambda _, event: events.append(event), did)
    for value in (11, 12, 13):
        pushed.report(value)
        await pushed.wait_for_value(value)
    pushed.set(values={pushed.alarm: True})
    await pushed.wait_for_state("$problem", "on")
    assert len(events) == 1
    assert _tracebacks(caplog) == 2  # one for each listener that failed, although one of them failed three times
    assert pushed.is_pushed()


@both
async def test_a_listener_that_raises_does_not_keep_the_others_from_learning_of_new_devices(pushed: Pushed) -> None:
    await pushed.add()
    events: list[None] = []
    listeners = pushed.coordinator.listeners
    listeners._inventory_listeners.insert(0, _fail)
    listeners.async_add_for_inventory(lambda: events.append(None))
    listeners.async_mark_inventory_changed()
    pushed.report(11)
    await pushed.wait_for_value(11)
    assert events == [None]


@both
async def test_news_that_cannot_be_merged_do_not_end_the_connection(
    pushed: Pushed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await pushed.add()
    with monkeypatch.context() as broken:
        broken.setattr(pushed.coordinator.reader, "merge_snapshot", _fail)
        for value in (11, 12):
            pushed.report(value)
            await until(lambda: _tracebacks(caplog))
        await calm()
    connections = pushed.connections()
    pushed.report(13)
    await pushed.wait_for_value(13)
    assert pushed.connections() == connections
    assert _tracebacks(caplog) == 1


@both
async def test_push_connects_again_after_any_end(
    pushed: Pushed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kind = WebSocketPush if pushed.is_open else SnotiPush
    began: list[float] = []

    async def end(*_: Any) -> None:
        began.append(time.time())
        _fail()

    pushed.make()
    with monkeypatch.context() as broken:
        broken.setattr(kind, "listen", end)
        await pushed.set_up()
        await pushed.pass_time(3600)
    assert 5 < len(began) < 20  # the delay between tries grows
    assert _tracebacks(caplog) == 1
    await pushed.pass_time(900)
    await until(pushed.is_all_pushed)
    pushed.report(11)
    await pushed.wait_for_value(11)


# Outages


@both
async def test_a_long_outage_is_logged_once_when_it_lasts_and_once_when_it_ends(
    pushed: Pushed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    snoti = pushed.simulation.gizwits_snoti

    def lines() -> list[tuple[str, str]]:
        records = [record for record in caplog.records if "push from" in record.getMessage()]
        return [(record.levelname, record.getMessage().rpartition(": ")[2]) for record in records]

    async def end() -> None:
        if pushed.is_open:
            pushed.server.faults = [Fault(lambda request: request.path.startswith("/ws/"), status=503, body="")]
            pushed.lose()
        else:
            await snoti.stop()

    async def begin() -> None:
        pushed.server.faults = []
        if not pushed.is_open:
            await snoti.start(int(snoti.address.rpartition(":")[2]))

    await pushed.add()
    await end()
    await pushed.pass_time(300)
    await begin()
    await pushed.pass_time(600)
    assert pushed.is_all_pushed()
    assert lines() == []
    await end()
    await pushed.pass_time(1500)
    assert lines() == [("WARNING", "no push from 127.0.0.1 any more; its devices are polled instead")]
    await begin()
    await pushed.pass_time(600)
    assert pushed.is_all_pushed()
    assert lines()[1:] == [("INFO", "push from 127.0.0.1 is back")]


@of_open_api
async def test_an_outage_is_over_when_its_devices_move_to_another_host(
    pushed: Pushed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    second = await pushed.server.listen_too()

    def levels() -> list[str]:
        return [record.levelname for record in caplog.records if "push from" in record.getMessage()]

    async def move(port: int | None) -> None:
        for device in pushed.devices:
            device.ws_port = port
        await pushed.pass_time(120)

    def is_at_first(request: web.Request) -> bool:
        return request.path == "/ws/app/v1" and request.url.port != second

    await pushed.add()
    pushed.server.faults = [Fault(is_at_first, status=503, body="")]
    pushed.lose()
    await pushed.pass_time(1500)
    assert levels() == ["WARNING"]
    await move(second)
    assert pushed.is_all_pushed()
    assert levels() == ["WARNING", "INFO"]
    await move(None)
    await pushed.pass_time(1500)
    assert levels() == ["WARNING", "INFO", "WARNING"]


@both
async def test_a_server_that_never_answered_is_logged_too(pushed: Pushed, caplog: pytest.LogCaptureFixture) -> None:
    if pushed.is_open:
        pushed.server.faults = [Fault(lambda request: request.path.startswith("/ws/"), status=503, body="")]
    else:
        await pushed.simulation.gizwits_snoti.stop()
    pushed.make()
    await pushed.set_up()
    await pushed.pass_time(1500)
    assert len([record for record in caplog.records if "no push from" in record.getMessage()]) == 1


@both
async def test_a_server_that_ends_every_connection_is_retried_at_growing_delays_and_logged_once(
    pushed: Pushed, caplog: pytest.LogCaptureFixture
) -> None:
    await pushed.add()
    snoti, push = pushed.simulation.gizwits_snoti, pushed.simulation.gizwits_open.push

    def logins() -> int:
        return len(push.commands("login_req") if pushed.is_open else snoti.of("login_req"))

    before = logins()
    available = {did: state.is_available for did, state in pushed.coordinator.fleet.items()}
    for _ in range(300):
        await pushed.pass_time(5)
        if pushed.connections():
            pushed.lose()
            await calm()
    assert 6 < logins() - before < 30
    assert len([record for record in caplog.records if "no push from" in record.getMessage()]) == 1
    assert not [record for record in caplog.records if "is back" in record.getMessage()]
    assert {did: state.is_available for did, state in pushed.coordinator.fleet.items()} == available


# How push ends


@both
async def test_unloading_an_account_ends_its_connections(pushed: Pushed) -> None:
    await pushed.add()
    assert pushed.connections()
    assert await pushed.hass.config_entries.async_unload(pushed.entry.entry_id)
    await until(lambda: not pushed.connections())
    assert not [task for task in asyncio.all_tasks() if task.get_name().endswith(" push")]
    changes = pushed.changes()
    pushed.report(12)
    await calm()
    assert changes() == []


@both
async def test_push_continues_after_a_reload(pushed: Pushed) -> None:
    await pushed.add()
    pushed.report(11)
    await pushed.wait_for_value(11)
    assert await pushed.hass.config_entries.async_reload(pushed.entry.entry_id)
    await until(pushed.is_all_pushed)
    assert pushed.shown() == 11
    pushed.report(12)
    await pushed.wait_for_value(12)
    subkeys = {item["subkey"] for login in pushed.simulation.gizwits_snoti.of("login_req") for item in login["data"]}
    assert len(subkeys) == (0 if pushed.is_open else 1)


@both
async def test_push_ends_when_home_assistant_stops(pushed: Pushed) -> None:
    await pushed.add()
    await pushed.hass.async_stop(force=True)
    await until(lambda: not pushed.connections())


@both
async def test_push_continues_where_polling_is_disabled(pushed: Pushed) -> None:
    pushed.make()
    pushed.hass.config_entries.async_update_entry(pushed.entry, pref_disable_polling=True)
    await pushed.set_up()
    await until(pushed.is_all_pushed)
    await settle(pushed.hass)
    pushed.server.reset_counts()
    await pushed.pass_time(1200, report=lambda step: 6 + step % 10)
    assert pushed.requests() == []


@both
async def test_an_account_whose_cloud_answers_only_push_keeps_its_devices(pushed: Pushed) -> None:
    """Polls and push use different servers: one may be down while the other works."""
    await pushed.add()
    pushed.server.faults = [Fault(matches=lambda request: not request.path.startswith("/ws/"), status=502, body="")]
    changes = pushed.changes()
    await pushed.pass_time(1800, report=lambda step: 6 + step % 10)
    entity_id = pushed.entity_id("number", pushed.key)
    assert "unavailable" not in {state for changed, state in changes() if changed == entity_id}


@both
async def test_diagnostics_count_the_pushed_devices(pushed: Pushed, hass_client: ClientSessionGenerator) -> None:
    await pushed.add()
    assert await async_setup_component(pushed.hass, "diagnostics", {})
    diagnostics: Any = await get_diagnostics_for_config_entry(pushed.hass, hass_client, pushed.entry)
    polling = diagnostics["polling"]
    assert polling["heard"] == len(pushed.coordinator.fleet) > 3
    assert polling["interval_in_force"] == 60
    assert polling["activity"] == (None if pushed.is_open else "on_trial")


async def test_a_missing_push_server_does_not_disturb_polling(pushed: Pushed) -> None:
    await pushed.simulation.gizwits_snoti.stop()
    pushed.make()
    await pushed.set_up()
    assert pushed.entry.state is ConfigEntryState.LOADED
    pushed.report(13)
    await pass_time(pushed.hass, pushed.freezer, 60)
    assert pushed.shown() == 13
    assert not pushed.is_pushed()
