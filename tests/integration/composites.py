"""A made-up device whose profile makes entities of several of its datapoints."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import pytest
from homeassistant.core import HomeAssistant, State
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud import user_profiles
from custom_components.datapoint_cloud.profiles import Profile, Profiles
from custom_components.datapoint_cloud.profiles.format import read_profiles
from simulator.gizwits.behaviours import Value, steady
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.household import device_of
from simulator.gizwits.products import READABLE, WRITABLE, Attribute, AttributeType, Product
from simulator.simulation import Simulation

from .accounts import add_account, poll, state_of

_KEY: Final = "fa4ec0b05e0000000000000000000c01"


def flag(name: str, *, value: bool = False, kind: AttributeType = WRITABLE) -> Attribute:
    """Make an attribute that is on or off."""
    return Attribute(name=name, title=name, type=kind, data_type="bool", behaviour=steady(value))


def number(name: str, value: float, limits: tuple[int, int] = (0, 255), **more: Any) -> Attribute:
    """Make an attribute with a raw number; `more` are other fields of the attribute."""
    fields = {"type": WRITABLE, "data_type": "uint8"} | more
    low, high = limits
    return Attribute(name=name, title=name, behaviour=steady(value), minimum=low, maximum=high, **fields)


def measured(name: str, value: float, limits: tuple[int, int] = (0, 255), **more: Any) -> Attribute:
    """Make an attribute with a raw number that can only be read."""
    return number(name, value, limits, type=READABLE, **more)


def choice(name: str, value: str, *labels: str, kind: AttributeType = WRITABLE) -> Attribute:
    """Make an attribute with one of several labels."""
    return Attribute(name=name, title=name, type=kind, data_type="enum", behaviour=steady(value), labels=labels)


@dataclass(frozen=True, slots=True)
class Made:
    """A device, the only one of its account, and what a user sees and does of it."""

    hass: HomeAssistant
    entry: MockConfigEntry
    device: GizwitsDevice

    def state(self, platform: str, name: str = "") -> State:
        """Return the state of the primary entity of a platform, or of the one with a name."""
        return state_of(self.hass, platform, self.entry, self.device.did, f"${platform}{name and f'_{name}'}")

    async def call(self, service: str, name: str = "", **data: Any) -> dict[str, Any]:
        """Call a service for the entity; return the values of the only command that this sent, none if it sent none."""
        platform, _, action = service.partition(".")
        sent = len(self.device.received)
        target = {"entity_id": self.state(platform, name).entity_id}
        await self.hass.services.async_call(platform, action, target | data, blocking=True)
        commands = self.device.received[sent:]
        assert len(commands) <= 1
        values: dict[str, Any] = commands[0]["attrs"] if commands else {}
        return values

    async def report(self, **values: Value) -> None:
        """Let the device report values, and poll them."""
        self.device.set(**values)
        await poll(self.hass, self.entry)


type Make = Callable[..., Awaitable[Made]]
"""Makes a device: `await make("climate: {target: t}", number("t", 20), datapoints="{t: {unit: °C}}", silent=["t"])`."""


@pytest.fixture
def make(hass: HomeAssistant, simulation: Simulation, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Return a function that makes the device and adds its account."""

    async def make(entities: str, *attributes: Attribute, datapoints: str = "{}", silent: Iterable[str] = ()) -> Made:
        shape = f"match: {{has: [{attributes[0].name}]}}"
        (profile,) = read_profiles(f"{shape}\ndatapoints: {datapoints}\nentities:\n- {entities}", "test.yaml")
        assert isinstance(profile, Profile), profile
        monkeypatch.setattr(user_profiles, "load_profiles", lambda _: Profiles(ours=(profile,)))
        server = simulation.gizwits_open
        product = Product(key=_KEY, name="Made", attributes=attributes)
        device = device_of(server.clock, 7, server.uid, product, "Spa")
        device.silent.update(silent)
        server.devices, server.products = {device.did: device}, {product.key: product}
        return Made(hass, await add_account(hass, simulation, "gizwits_open"), device)

    return make
