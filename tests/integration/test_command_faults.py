"""Commands on bad days: for every answer of the cloud the caller gets a readable error, and no other device suffers."""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.translation import async_get_exception_message
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.gizwits.devices import GizwitsDevice
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of, poll, state_of
from .passing_time import until
from .subjects import SUBJECTS, air_conditioner, chiller

pytestmark = pytest.mark.usefixtures("fixed_time")

_HTML = {"body": "<html><body>No</body></html>", "content_type": "text/html"}
_LONGEST_WAIT_SECONDS = 40  # in the simulated cloud's time

_REFUSALS: dict[str, dict[str, Any]] = {
    "reset": {"drops": True},
    "hang": {},
    "500 without content": {"status": 500, "body": ""},
    "500 with HTML": {"status": 500, **_HTML},
    "502 with HTML": {"status": 502, **_HTML},
    "503 with Retry-After": {"status": 503, "headers": {"Retry-After": "600"}, **_HTML},
    "400 without code": {"status": 400, "body": "{}"},
    "401 with HTML": {"status": 401, **_HTML},
    "401 without content": {"status": 401, "body": ""},
    "403 with HTML": {"status": 403, **_HTML},
    "403 without content": {"status": 403, "body": ""},
    "404 with HTML": {"status": 404, **_HTML},
    "404 without code": {"status": 404, "body": "{}"},
    "429": {"status": 429, "body": ""},
    "429 with Retry-After": {"status": 429, "headers": {"Retry-After": "600"}, **_HTML},
    "redirect": {"status": 302, "headers": {"Location": "https://portal.example/"}, "body": ""},
    "cut": {"body": '{"error_co'},
    "HTML with 200": _HTML,
    "text with 200": {"body": "OK, but no JSON", "content_type": "text/plain"},
}
_ACCEPTED: dict[str, dict[str, Any]] = {
    # The documents promise an empty object, and for one cloud no content at all.
    "empty": {"body": ""},
    "an empty object": {"body": "{}"},
    "null": {"body": "null"},
    "an empty list": {"body": "[]"},
}


@dataclass(slots=True)
class _Commanded:
    """A device that is on, in an account whose commands the test can make fail."""

    hass: HomeAssistant
    simulation: Simulation
    freezer: FrozenDateTimeFactory
    kind: str
    entry: MockConfigEntry
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def device(self) -> GizwitsDevice:
        return air_conditioner(self.simulation) if self.kind == "gizwits_open" else chiller(self.simulation)

    def fail(self, fault: dict[str, Any]) -> None:
        server = SUBJECTS[self.kind].server(self.simulation)
        gate = None if fault else self.gate
        server.faults = [Fault(matches=_is_control, gate=gate, **fault)]
        server.reset_counts()

    def heal(self) -> None:
        self.gate.set()
        SUBJECTS[self.kind].server(self.simulation).faults = []

    @property
    def sent(self) -> int:
        return sum(map(_is_control, SUBJECTS[self.kind].server(self.simulation).log))

    async def call(self, way: str) -> Any:
        """Turn it off; return the exception or the result of the call."""
        calling = self.hass.async_create_task(_WAYS[way](self))
        await until(lambda: self.sent or calling.done())
        for _ in range(_LONGEST_WAIT_SECONDS):
            for _ in range(300):
                if calling.done():
                    return calling.exception() or calling.result()
                await asyncio.sleep(0)
            self.freezer.tick(1)
        raise AssertionError("the caller waits for ever")

    def shown(self) -> str:
        return state_of(self.hass, "switch", self.entry, self.device.did, "switch").state

    def unavailable(self) -> set[str]:
        return {state.entity_id for state in self.hass.states.async_all() if state.state == "unavailable"}

    async def turn_off(self) -> None:
        entity_id = entity_id_of(self.hass, "switch", self.entry, self.device.did, "switch")
        await self.hass.services.async_call("switch", "turn_off", {"entity_id": entity_id}, blocking=True)

    async def set_datapoints(self) -> None:
        await self._act("set_datapoints", {"values": {"switch": False}, "wait": True})

    async def send_raw(self) -> None:
        await self._act("send_raw", {"payload": "0a0b"})

    async def _act(self, name: str, data: dict[str, Any]) -> None:
        device = dr.async_get(self.hass).async_get_device_by_identifier((DOMAIN, self.device.did), self.entry.entry_id)
        assert device is not None
        await self.hass.services.async_call(DOMAIN, name, {"device_id": device.id, **data}, blocking=True)


_WAYS = {
    "switch": _Commanded.turn_off,
    "set_datapoints": _Commanded.set_datapoints,
    "send_raw": _Commanded.send_raw,
}


def _is_control(request: web.Request) -> bool:
    return request.path.endswith("/control") or "/control/" in request.path


def _text_of(error: BaseException) -> str:
    assert isinstance(error, HomeAssistantError)
    assert error.translation_domain == DOMAIN
    assert error.translation_key is not None
    return async_get_exception_message(error.translation_domain, error.translation_key, error.translation_placeholders)


def _lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    records = [record for record in caplog.records if record.name.startswith("custom_components")]
    assert not [record for record in records if record.exc_info]
    return [record.getMessage() for record in records if record.levelno >= logging.INFO]


@pytest.fixture(params=["gizwits_open", "gizwits_enterprise"])
async def commanded(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, request: pytest.FixtureRequest
) -> _Commanded:
    for device in (air_conditioner(simulation), chiller(simulation)):
        device.set(switch=True)
    entry = await add_account(hass, simulation, request.param)
    commanded = _Commanded(hass, simulation, freezer, request.param, entry)
    assert commanded.shown() == "on"
    return commanded


@pytest.mark.parametrize("name", _REFUSALS)
@pytest.mark.parametrize("way", _WAYS)
async def test_a_failing_command_raises_a_readable_error_and_affects_only_its_device(
    hass: HomeAssistant, commanded: _Commanded, caplog: pytest.LogCaptureFixture, way: str, name: str
) -> None:
    lost_before = commanded.unavailable()
    caplog.clear()
    commanded.fail(_REFUSALS[name])
    error = await commanded.call(way)
    text = _text_of(error)
    assert text.endswith(".") or text[-1].isalnum()
    assert "{" not in text
    # The client renews a refused token and repeats the command, which was not executed; it repeats nothing else.
    assert commanded.sent <= (2 if name.startswith("401") else 1)
    assert commanded.shown() == "on"
    assert not commanded.entry.runtime_data.coordinator.fleet[commanded.device.did].pending

    for _ in range(3):
        commanded.freezer.tick(61)
        await poll(hass, commanded.entry)
        assert commanded.unavailable() <= lost_before
    assert commanded.shown() == ("on" if commanded.device.attrs["switch"] else "off")
    assert commanded.entry.state is ConfigEntryState.LOADED
    assert not list(commanded.entry.async_get_active_flows(hass, {"reauth"}))
    assert len(_lines(caplog)) <= 1

    commanded.heal()
    commanded.device.set(switch=True)
    await commanded.turn_off()
    assert commanded.shown() == "off"
    assert commanded.device.received[-1]["attrs"] == {"switch": False}


@pytest.mark.parametrize("name", _ACCEPTED)
async def test_an_accepted_command_that_is_not_obeyed_is_reverted_with_one_line(
    hass: HomeAssistant, commanded: _Commanded, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    commanded.fail(_ACCEPTED[name])
    assert await commanded.call("switch") is None
    assert commanded.shown() == "off"
    for _ in range(3):
        commanded.freezer.tick(40)
        await poll(hass, commanded.entry)
    assert commanded.shown() == "on"
    assert [line.rpartition(" did ")[2] for line in _lines(caplog)] == ["not confirm switch"]
