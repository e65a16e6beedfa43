"""How devices obey commands, and what the user sees second by second until the result is certain."""

import asyncio
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud import commands, confirmation, disconnect_reasons
from custom_components.datapoint_cloud.const import DOMAIN
from simulator.gizwits import GizwitsEnterpriseServer, GizwitsOpenServer
from simulator.gizwits.devices import GizwitsDevice
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of, poll, state_of
from .passing_time import is_of_push
from .subjects import air_conditioner, chiller, twenty_devices


class Watched:
    """A device that is on, and the states that Home Assistant shows for it while the test moves the time on."""

    def __init__(self, hass: HomeAssistant, simulation: Simulation, kind: str, freezer: FrozenDateTimeFactory) -> None:
        self.hass = hass
        self.kind = kind
        self.server: GizwitsOpenServer | GizwitsEnterpriseServer
        if kind == "gizwits_open":
            self.server, self.device = simulation.gizwits_open, air_conditioner(simulation)
        else:
            self.server, self.device = simulation.gizwits_enterprise, chiller(simulation)
        self._freezer = freezer
        self._asleep: list[tuple[datetime, asyncio.Future[None]]] = []
        self.entry: MockConfigEntry

    async def sleep(self, seconds: float) -> None:
        """Sleep in the time that the test moves on."""
        if not seconds:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        self._asleep.append((dt_util.utcnow() + timedelta(seconds=seconds), woken))
        await woken

    async def tick(self, seconds: float) -> None:
        """Let time pass, and all that is due come to rest."""
        self._freezer.tick(timedelta(seconds=seconds))
        for until, woken in tuple(self._asleep):
            if until <= dt_util.utcnow():
                self._asleep.remove((until, woken))
                if not woken.done():
                    woken.set_result(None)
        await self.come_to_rest()

    async def until_accepted(self) -> None:
        """Wait until the cloud has accepted the running command."""
        while self.is_settled:  # noqa: ASYNC110  # the task is not ours
            await asyncio.sleep(0)
        await self.come_to_rest()

    async def come_to_rest(self) -> None:
        """Wait until all background tasks sleep."""
        while self._are_busy():  # noqa: ASYNC110  # the tasks are not ours
            await asyncio.sleep(0)

    def _are_busy(self) -> bool:
        sleepers = sum(not woken.done() for _, woken in self._asleep)
        return sum(not task.done() and not is_of_push(task) for task in self.entry._background_tasks) > sleepers

    async def shown_for(self, seconds: int, platform: str = "switch", key: str = "switch") -> list[str]:
        """Return the state that is shown at the end of each second."""
        shown = []
        for _ in range(seconds):
            await self.tick(1)
            shown.append(self.shown(platform, key))
        return shown

    def shown(self, platform: str = "switch", key: str = "switch", device: GizwitsDevice | None = None) -> str:
        return state_of(self.hass, platform, self.entry, (device or self.device).did, key).state

    async def turn(self, way: str) -> None:
        entity_id = entity_id_of(self.hass, "switch", self.entry, self.device.did, "switch")
        await self.hass.services.async_call("switch", f"turn_{way}", {"entity_id": entity_id}, blocking=True)

    async def set(self, *, wait: bool = False, **values: Any) -> str:
        """Set datapoints by the action, and return its response."""
        found = dr.async_get(self.hass).async_get_device_by_identifier((DOMAIN, self.device.did), self.entry.entry_id)
        assert found is not None
        data = {"device_id": found.id, "values": values, "wait": wait}
        answer: Any = await self.hass.services.async_call(
            DOMAIN, "set_datapoints", data, blocking=True, return_response=True
        )
        return str(answer["devices"][found.id]["result"])

    @property
    def requests(self) -> tuple[int, int]:
        """Return the number of commands and the number of readings."""
        counts = self.server.requests.items()
        writes = sum(count for route, count in counts if "/control" in route)
        return writes, sum(count for route, count in counts if route.endswith(("/latest", "/data")))

    @property
    def is_settled(self) -> bool:
        return not self.entry.runtime_data.coordinator.fleet[self.device.did].pending


@pytest.fixture(params=["gizwits_open", "gizwits_enterprise"])
async def watched(
    hass: HomeAssistant,
    fixed_time: None,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Watched:
    watched = Watched(hass, simulation, request.param, freezer)
    for module in (commands, confirmation, disconnect_reasons):
        monkeypatch.setattr(module, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": watched.sleep}))
    watched.device.set(switch=True, set_temp=16)
    watched.entry = await add_account(hass, simulation, request.param)
    await watched.come_to_rest()
    watched.server.reset_counts()
    assert watched.shown() == "on"
    return watched


async def test_the_first_early_reading_usually_confirms_a_command(watched: Watched) -> None:
    await watched.turn("off")
    assert (watched.shown(), watched.is_settled) == ("off", False)
    assert await watched.shown_for(1) == ["off"]
    assert watched.is_settled
    assert await watched.shown_for(40) == ["off"] * 40
    assert watched.requests == (1, 1)


async def test_a_command_stays_shown_while_the_device_takes_twenty_seconds(watched: Watched) -> None:
    watched.device.change({"obedience": {"delay": 20}})
    await watched.turn("off")
    assert watched.shown() == "off"
    assert await watched.shown_for(29) == ["off"] * 29
    assert not watched.is_settled
    assert await watched.shown_for(1) == ["off"]
    assert watched.is_settled
    assert await watched.shown_for(20) == ["off"] * 20
    assert watched.requests == (1, 5)


async def test_a_refused_command_raises_an_error_and_changes_nothing(watched: Watched) -> None:
    code = 9025 if watched.kind == "gizwits_open" else 5401
    watched.device.change({"obedience": {"refused_with": code}})
    with pytest.raises(ServiceValidationError):
        await watched.turn("off")
    assert watched.shown() == "on"
    assert await watched.shown_for(40) == ["on"] * 40
    assert watched.requests == (1, 0)


async def test_a_command_to_an_offline_device_shows_it_as_disconnected_at_once(watched: Watched) -> None:
    watched.device.is_online = False
    assert watched.shown("binary_sensor", "$connectivity") == "on"
    with pytest.raises(HomeAssistantError, match="was not contacted: it is offline"):
        await watched.turn("off")
    assert (watched.shown(), watched.shown("binary_sensor", "$connectivity")) == ("on", "off")
    assert await watched.shown_for(40) == ["on"] * 40
    assert watched.requests == (1, 0)


async def test_a_lost_command_is_reverted_after_half_a_minute(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    watched.device.change({"obedience": {"is_lost": True}})
    await watched.turn("off")
    assert watched.shown() == "off"
    assert await watched.shown_for(35) == ["off"] * 35
    assert await watched.shown_for(10) == ["on"] * 10
    assert [record.getMessage() for record in caplog.records if "did not confirm" in record.getMessage()] == [
        f"{watched.entry.runtime_data.coordinator.fleet[watched.device.did].device.name} did not confirm switch"
    ]
    assert watched.requests == (1, 5)


@pytest.mark.parametrize("last", ["off", "on"])
async def test_ten_clicks_in_one_second_all_arrive_and_the_last_one_stays(watched: Watched, last: str) -> None:
    watched.device.change({"obedience": {"delay": 0.5}})
    other = "on" if last == "off" else "off"
    ways = [other, last] * 5
    for way in ways:
        await watched.turn(way)
        assert watched.shown() == way
        await watched.tick(0.1)
        assert watched.shown() == way
    assert [body["attrs"]["switch"] for body in watched.device.received] == [way == "on" for way in ways]
    assert await watched.shown_for(40) == [last] * 40
    assert watched.is_settled
    assert watched.requests == (10, 1)


@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise"])
@pytest.mark.usefixtures("whole_fleets")
async def test_a_scene_of_twenty_devices_needs_one_command_and_one_reading_each(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    devices = twenty_devices(simulation, kind)
    watched = Watched(hass, simulation, kind, freezer)
    for module in (commands, confirmation, disconnect_reasons):
        monkeypatch.setattr(module, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": watched.sleep}))
    for device in devices:
        device.set(switch=True)
    watched.entry = await add_account(hass, simulation, kind)
    await watched.come_to_rest()
    watched.server.reset_counts()
    assert await async_setup_component(hass, "scene", {})
    await hass.async_block_till_done()
    states = {entity_id_of(hass, "switch", watched.entry, device.did, "switch"): "off" for device in devices}
    await hass.services.async_call("scene", "apply", {"entities": states}, blocking=True)
    for _ in range(40):
        assert {watched.shown(device=device) for device in devices} == {"off"}
        await watched.tick(1)
    assert watched.requests == (20, 20)


@pytest.mark.parametrize("stale", [{"stale_reads": 2}, {"stale_seconds": 5}])
async def test_stale_readings_do_not_flip_the_value_back(watched: Watched, stale: dict[str, Any]) -> None:
    watched.device.change({"obedience": stale})
    await watched.turn("off")
    assert await watched.shown_for(6) == ["off"] * 6
    assert not watched.is_settled
    assert await watched.shown_for(40) == ["off"] * 40
    assert watched.is_settled
    assert watched.requests == (1, 3)


async def test_a_stale_reading_of_the_former_value_does_not_confirm_the_return_to_it(watched: Watched) -> None:
    watched.device.change({"obedience": {"delay": 3}})
    await watched.turn("off")
    waiting = watched.hass.async_create_task(watched.set(switch=True, wait=True))
    while len(watched.device.received) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0)
    # The first early reading shows the switch on, because the device has not yet obeyed even the first command.
    assert await watched.shown_for(2) == ["on"] * 2
    assert not watched.is_settled
    assert await watched.shown_for(40) == ["on"] * 40
    assert await waiting == "confirmed"
    assert watched.is_settled


async def test_a_running_poll_does_not_flip_the_value_back(watched: Watched) -> None:
    # Its answer will hold neither the former nor the commanded value, and yet is no evidence against the command.
    watched.device.set(set_temp=19)
    watched.device.change({"obedience": {"delay": 5}})
    where, gate = "/latest" if watched.kind == "gizwits_open" else "/data", asyncio.Event()
    is_ours = lambda request: request.path.endswith(where) and watched.device.did in request.path  # noqa: E731
    watched.server.faults.append(Fault(matches=is_ours, gate=gate, times=1))
    polling = watched.hass.async_create_task(poll(watched.hass, watched.entry))
    while not any(map(is_ours, watched.server.log)):  # noqa: ASYNC110
        await asyncio.sleep(0)
    watched._freezer.tick(timedelta(seconds=0.1))
    await watched.set(set_temp=18)
    gate.set()
    await polling
    assert not watched.is_settled
    assert float(watched.shown("number", "set_temp")) == 18
    shown = await watched.shown_for(40, "number", "set_temp")
    assert {float(value) for value in shown} == {18}
    assert watched.is_settled


async def test_two_datapoints_at_once_are_sent_in_one_command_and_confirmed_together(watched: Watched) -> None:
    watched.device.change({"obedience": {"delay": 5}})
    waiting = watched.hass.async_create_task(watched.set(switch=False, set_temp=18, wait=True))
    await watched.until_accepted()
    for second in range(1, 40):
        assert (watched.shown(), float(watched.shown("number", "set_temp"))) == ("off", 18)
        assert watched.is_settled == (second > 7)
        await watched.tick(1)
    assert await waiting == "confirmed"
    assert watched.device.received == [{"attrs": {"switch": False, "set_temp": 18}}]
    assert watched.requests == (1, 3)


async def test_a_value_that_the_device_overrides_is_shown_as_the_device_reports_it(watched: Watched) -> None:
    watched.device.change({"obedience": {"limits": {"set_temp": [19, 20]}}})
    waiting = watched.hass.async_create_task(watched.set(switch=False, set_temp=17, wait=True))
    await watched.until_accepted()
    shown = await watched.shown_for(40, "number", "set_temp")
    assert [float(value) for value in shown] == [17] * 14 + [19] * 26
    assert watched.shown() == "off"
    assert await waiting == "accepted"
    assert watched.requests == (1, 4)


async def test_commands_obeyed_in_the_wrong_order_are_corrected_by_the_next_poll(watched: Watched) -> None:
    watched.device.change({"obedience": {"first_delays": [5, 0.5]}})
    for value in (17, 18):
        await watched.set(set_temp=value)
    assert {float(value) for value in await watched.shown_for(10, "number", "set_temp")} == {18}
    assert watched.requests == (2, 1)
    await poll(watched.hass, watched.entry)
    assert float(watched.shown("number", "set_temp")) == 17
