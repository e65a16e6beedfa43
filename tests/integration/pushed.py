"""Accounts of the two Gizwits clouds that push, each with a device that a test watches."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.datapoint_cloud.coordinator import DatapointCoordinator
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.products import PUMP
from simulator.server import Server
from simulator.simulation import Simulation

from .accounts import entity_id_of, make_pushed_entry
from .passing_time import calm, pass_time, settle, until

PUSHING_KINDS = ("gizwits_open", "gizwits_enterprise")
STEP_SECONDS = 5  # time passes in steps that leave room for the pings of a connection


@dataclass(slots=True)
class Pushed:
    """One account. `key` is a number of `device` that can be written, `alarm` one of its alarms."""

    hass: HomeAssistant
    simulation: Simulation
    freezer: FrozenDateTimeFactory
    kind: str
    _entry: MockConfigEntry | None = field(default=None)

    @property
    def is_open(self) -> bool:
        return self.kind == "gizwits_open"

    @property
    def server(self) -> Server:
        return self.simulation.gizwits_open if self.is_open else self.simulation.gizwits_enterprise

    @property
    def devices(self) -> list[GizwitsDevice]:
        """All devices that Home Assistant shows."""
        if not self.is_open:
            products = self.simulation.gizwits_enterprise.products.values()
            return [device for product in products for device in product.devices.values()]
        server = self.simulation.gizwits_open
        return [device for device in server.devices.values() if device.uid == server.uid]

    @property
    def device(self) -> GizwitsDevice:
        if self.is_open:
            return next(device for device in self.devices if device.product is PUMP)
        return self.devices[1]

    @property
    def key(self) -> str:
        return "Flow" if self.is_open else "set_temp"

    @property
    def alarm(self) -> str:
        return "Fault_NoLoad" if self.is_open else "over_pressure"

    @property
    def entry(self) -> MockConfigEntry:
        assert self._entry is not None
        return self._entry

    @property
    def coordinator(self) -> DatapointCoordinator:
        coordinator: DatapointCoordinator = self.entry.runtime_data.coordinator
        return coordinator

    async def add(self, options: dict[str, Any] | None = None) -> None:
        """Set the account up and wait until push covers its devices."""
        self.make(options)
        await self.set_up()
        await until(self.is_all_pushed)
        await settle(self.hass)

    def silence_alarms(self) -> None:
        """Clear all alarms of the device, which the simulator would otherwise set at random."""
        kinds = {"alert", "fault"}
        names = [attribute.name for attribute in self.device.product.attributes if attribute.type in kinds]
        self.set(values=dict.fromkeys(names, False))

    def make(self, options: dict[str, Any] | None = None) -> None:
        """Add the account to Home Assistant."""
        self._entry = make_pushed_entry(self.hass, self.simulation, self.kind, options=options)

    async def set_up(self) -> None:
        await self.hass.config_entries.async_setup(self.entry.entry_id)
        await self.hass.async_block_till_done()

    def is_all_pushed(self) -> bool:
        states = self.coordinator.fleet.values()
        return all(self.coordinator.is_pushed(state.device) for state in states)

    def is_pushed(self) -> bool:
        return self.coordinator.is_pushed(self.coordinator.fleet[self.device.did].device)

    # Events

    def report(self, value: float) -> None:
        """Let the device report a value from 6 to 20."""
        self.set(values={self.key: self._raw_value(value)})

    def set(self, *, values: Mapping[str, float], device: GizwitsDevice | None = None) -> None:
        """Let a device report any values, and move the time on by a millisecond."""
        (device or self.device).set(**values)
        self.freezer.tick(timedelta(milliseconds=1))  # frozen time would not run timers that are due now

    def _raw_value(self, value: float) -> float:
        return value + 30 if self.is_open else value

    def shown(self, device: GizwitsDevice | None = None) -> float | str:
        """Return the value that Home Assistant shows, in the unit of `report`."""
        state = self.hass.states.get(self.entity_id("number", self.key, device))
        assert state is not None
        return state.state if state.state in {"unknown", "unavailable"} else float(state.state) - self._raw_value(0)

    async def wait_for_state(self, key: str, state: str) -> None:
        """Wait until a binary sensor has this state, without moving the time on."""
        await until(lambda: self.state("binary_sensor", key) == state)

    async def wait_for_value(self, value: float, device: GizwitsDevice | None = None) -> None:
        """Wait until Home Assistant shows the value, without moving the time on."""
        await until(lambda: self.shown(device) == value)

    async def wait_until_acknowledged(self, number: int) -> None:
        """Wait until SNoti has so many acknowledgements, and move the time on: it gets some of them together."""

        def is_acknowledged() -> bool:
            self.freezer.tick(timedelta(milliseconds=1))
            return len(self.simulation.gizwits_snoti.of("event_ack")) >= number

        await until(is_acknowledged)

    def entity_id(self, platform: str, key: str, device: GizwitsDevice | None = None) -> str:
        return entity_id_of(self.hass, platform, self.entry, (device or self.device).did, key)

    def state(self, platform: str, key: str) -> str:
        state = self.hass.states.get(self.entity_id(platform, key))
        assert state is not None
        return state.state

    def lose(self) -> None:
        """Drop all connections without closing them properly."""
        if self.is_open:
            self.simulation.gizwits_open.push.drop()
        else:
            self.simulation.gizwits_snoti.drop_connections()

    def connections(self) -> int:
        return len(self.simulation.gizwits_open.push.connections) + self.simulation.gizwits_snoti.connections

    async def pass_time(self, seconds: float, *, report: Callable[[int], float] | None = None) -> None:
        """Move the time on in steps; `report` gives the value that the device reports at each step."""
        for step in range(round(seconds / STEP_SECONDS)):
            await pass_time(self.hass, self.freezer, STEP_SECONDS)
            if report is not None:
                self.report(report(step))
                await self.wait_for_value(report(step))
            else:
                await calm()

    def changes(self) -> Callable[[], list[tuple[str, str]]]:
        """Return a function that lists the entities and their new states from now on, in order."""
        events = async_capture_events(self.hass, "state_changed")
        return lambda: [(event.data["entity_id"], event.data["new_state"].state) for event in events]

    def requests(self) -> list[str]:
        """Return the paths of all requests except those of the WebSocket."""
        return [request.path for request in self.server.log if not request.path.startswith("/ws/")]
