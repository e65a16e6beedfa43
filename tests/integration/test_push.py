"""Push in Home Assistant: a pushed report is shown at once, and polls continue beside it."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from simulator.gizwits.devices import GizwitsDevice
from simulator.simulation import Simulation

from .passing_time import calm, until
from .pushed import PUSHING_KINDS, Pushed

pytestmark = pytest.mark.usefixtures("fixed_time")

_SELDOM = {"interval": 7200}


@pytest.fixture(params=PUSHING_KINDS)
def pushed(
    request: pytest.FixtureRequest, hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> Pushed:
    pushed = Pushed(hass, simulation, freezer, request.param)
    pushed.device.set(**{pushed.alarm: False})
    return pushed


async def test_a_pushed_value_is_shown_without_a_request(pushed: Pushed) -> None:
    await pushed.add()
    pushed.server.reset_counts()
    for value in (11, 12):
        pushed.report(value)
        await pushed.wait_for_value(value)
    assert pushed.requests() == []


async def test_a_report_changes_only_the_datapoints_in_it(pushed: Pushed) -> None:
    await pushed.add()
    changes = pushed.changes()
    pushed.report(11)
    await pushed.wait_for_value(11)
    await calm()
    assert [entity_id for entity_id, _ in changes()] == [pushed.entity_id("number", pushed.key)]


async def test_an_alarm_fires_an_event_when_it_begins_and_when_it_ends(pushed: Pushed) -> None:
    pushed.silence_alarms()
    await pushed.add()
    event = pushed.entity_id("event", "$alarm")
    event_types: list[str] = []

    def record_event(changes: Callable[[], list[tuple[str, str]]]) -> None:
        state = pushed.hass.states.get(event)
        assert state is not None
        assert state.attributes["key"] == pushed.alarm
        event_types.append(state.attributes["event_type"])
        assert [entity_id for entity_id, _ in changes()].count(event) == 1

    for is_raised in (True, False):
        changes = pushed.changes()
        await pushed.pass_time(5)
        pushed.set(values={pushed.alarm: is_raised})
        await pushed.wait_for_state("$problem", "on" if is_raised else "off")
        await calm()
        record_event(changes)
    assert event_types == ["raised", "cleared"]


async def test_a_device_that_connects_or_disconnects_is_shown_at_once(pushed: Pushed) -> None:
    await pushed.add()
    pushed.server.reset_counts()
    for is_online in (False, True, False):
        pushed.freezer.tick()
        pushed.device.is_online = is_online
        await pushed.wait_for_state("$connectivity", "on" if is_online else "off")
        connectivity = pushed.hass.states.get(pushed.entity_id("binary_sensor", "$connectivity"))
        assert connectivity is not None
        if is_online:
            assert "last_online" not in connectivity.attributes
        else:
            assert dt_util.utcnow() - connectivity.attributes["last_online"] < timedelta(seconds=1)
        assert pushed.shown() != "unavailable"  # its last report is not yet too old
    assert pushed.requests() == []


def _twin(pushed: Pushed) -> GizwitsDevice:
    """Return a device that the cloud adds later."""
    original = pushed.device
    return GizwitsDevice(
        product=original.product,
        did="NewDevice0000000000000",
        mac="00000000abcd",
        clock=original.clock,
        alias="Twin",
        uid=original.uid,
    )


def _bind(pushed: Pushed, twin: GizwitsDevice) -> None:
    if pushed.is_open:
        server = pushed.simulation.gizwits_open
        server.devices[twin.did] = twin
        server.push.push_binding(twin.did, server.uid, is_bound=True)
    else:
        snoti = pushed.simulation.gizwits_snoti
        pushed.simulation.gizwits_enterprise.products[twin.product.key].devices[twin.did] = twin
        twin.listeners.append(snoti)
        snoti.push(twin.product.key, "device.bind", twin)


def _unbind(pushed: Pushed, twin: GizwitsDevice) -> None:
    if pushed.is_open:
        server = pushed.simulation.gizwits_open
        del server.devices[twin.did]
        server.push.push_binding(twin.did, server.uid, is_bound=False)
    else:
        del pushed.simulation.gizwits_enterprise.products[twin.product.key].devices[twin.did]
        pushed.simulation.gizwits_snoti.push(twin.product.key, "device.unbind", twin)


async def test_a_new_device_is_added_and_pushed_before_the_next_poll(pushed: Pushed) -> None:
    await pushed.add(_SELDOM)
    runtime = pushed.entry.runtime_data
    await pushed.pass_time(300)
    twin = _twin(pushed)
    _bind(pushed, twin)
    await until(lambda: twin.did in pushed.coordinator.fleet)
    await until(pushed.is_all_pushed)
    await pushed.hass.async_block_till_done()
    assert pushed.entry.runtime_data is runtime
    for value in (15, 16):
        pushed.set(device=twin, values={pushed.key: value + 30 if pushed.is_open else value})
        await pushed.wait_for_value(value, twin)


async def test_several_reasons_for_a_new_list_cause_one_list_shortly_afterwards(pushed: Pushed) -> None:
    await pushed.add(_SELDOM)
    pushed.server.reset_counts()
    for _ in range(5):
        _bind(pushed, _twin(pushed))
        await calm()
    assert pushed.requests() == []  # the client listed the devices a short while ago
    await pushed.pass_time(120)
    listings = [path for path in pushed.requests() if path.endswith(("/app/bindings", "/devices/search"))]
    assert len(listings) == pushed.coordinator.cloud.requests_a_listing
    assert _twin(pushed).did in pushed.coordinator.fleet


async def test_an_unbound_device_is_removed_once_that_is_certain(pushed: Pushed) -> None:
    twin = _twin(pushed)
    await pushed.add()
    _bind(pushed, twin)
    await pushed.pass_time(60)
    entity_id = pushed.entity_id("number", pushed.key, twin)
    _unbind(pushed, twin)
    await pushed.pass_time(60)
    assert er.async_get(pushed.hass).async_get(entity_id) is not None
    await pushed.pass_time(180)
    assert er.async_get(pushed.hass).async_get(entity_id) is None
    assert twin.did not in pushed.coordinator.fleet


def _readings_of(pushed: Pushed) -> Counter[str]:
    """Return how often each device was read."""
    reads = [
        request
        for request in pushed.server.log
        if request.path.startswith("/app/devdata/") or request.path.endswith("/data")
    ]
    known = {device.did for device in pushed.devices}
    return Counter(
        did
        for request in reads
        if (did := next((did for did in known if did in request.path or did in request.query.values()), None))
    )


async def test_a_pushed_device_is_read_rarely_and_its_reports_do_not_postpone_that(pushed: Pushed) -> None:
    await pushed.add()
    pushed.server.reset_counts()
    await pushed.pass_time(3600, report=lambda step: 6 + step % 10)
    online = {device.did for device in pushed.devices if device.did in pushed.coordinator.fleet}
    reads = _readings_of(pushed)
    assert {reads[did] for did in online} <= {3, 4}
    assert reads[pushed.device.did] in {3, 4}


async def _disable_push(pushed: Pushed) -> Callable[[], Any]:
    """Drop the push connection and refuse new ones; return a function that ends that."""
    if pushed.is_open:
        push = pushed.simulation.gizwits_open.push
        push.refuses_logins = True
        push.drop()

        async def end() -> None:
            push.refuses_logins = False
    else:
        snoti = pushed.simulation.gizwits_snoti
        port = int(snoti.address.rpartition(":")[2])
        await snoti.stop()

        async def end() -> None:
            await snoti.start(port)

    return end


async def test_polls_replace_dead_push_and_no_entity_flaps(pushed: Pushed) -> None:
    await pushed.add()
    changes = pushed.changes()
    end = await _disable_push(pushed)
    await until(lambda: not pushed.is_pushed())
    for minute in range(60):
        pushed.report(6 + minute % 10)
        await pushed.pass_time(60)
        assert pushed.shown() == 6 + minute % 10
    await end()
    await pushed.pass_time(1800, report=None)
    await until(pushed.is_all_pushed)
    pushed.server.reset_counts()
    await pushed.pass_time(840, report=lambda step: 6 + step % 10)
    assert max(_readings_of(pushed).values(), default=0) <= 1
    assert {state for _, state in changes()}.isdisjoint({"unavailable", "unknown"})
    shown = [state for entity_id, state in changes() if entity_id == pushed.entity_id("number", pushed.key)]
    assert all(before != after for before, after in pairwise(shown))
