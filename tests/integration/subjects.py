"""One device of each simulated cloud: how it reports a value, and which entity shows that value."""

from collections.abc import Callable
from dataclasses import dataclass

from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from simulator.gizwits.devices import GizwitsDevice
from simulator.server import Server
from simulator.simulation import Simulation
from simulator.sodata.fleet import SoDataDevice

from .accounts import KINDS, state_of


@dataclass(frozen=True, slots=True)
class Subject:
    """`report` lets the device report a whole number from 6 to 30; the entity of `platform` and `key` shows it."""

    server: Callable[[Simulation], Server]
    device_id: Callable[[Simulation], str]
    report: Callable[[Simulation, int], None]
    platform: str
    key: str

    def state(self, hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry) -> str:
        """The state of its entity."""
        return state_of(hass, self.platform, entry, self.device_id(simulation), self.key).state


def air_conditioner(simulation: Simulation) -> GizwitsDevice:
    return next(iter(simulation.gizwits_open.devices.values()))


def chiller(simulation: Simulation) -> GizwitsDevice:
    product = next(iter(simulation.gizwits_enterprise.products.values()))
    return list(product.devices.values())[1]


def twenty_devices(simulation: Simulation, kind: str) -> list[GizwitsDevice]:
    """Return twenty devices of a Gizwits cloud that can be switched on; call it before the account is added."""
    if kind == "gizwits_enterprise":
        product = next(iter(simulation.gizwits_enterprise.products.values()))
        able = [device for device in product.devices.values() if device.is_online and device.uid]
        return [device for device in able if not device.is_disabled][:20]
    server = simulation.gizwits_open
    pattern = next(iter(server.devices.values()))
    for number in range(19):
        device = GizwitsDevice(
            product=pattern.product,
            did=f"{number:022}",
            mac=f"{number:012}",
            clock=server.clock,
            alias=f"空调 {number}",
            uid=server.uid,
        )
        server.devices[device.did] = device
    return [device for device in server.devices.values() if device.product is pattern.product and device.uid]


def ups(simulation: Simulation) -> SoDataDevice:
    return next(device for device in simulation.sodata.devices.values() if device.name == "Masterys U2 CDS")


def _use(simulation: Simulation, value: int) -> None:
    simulation.firstlight.usages["content/genre"].figures["Drama"] = value


SUBJECTS = {
    "gizwits_open": Subject(
        server=lambda simulation: simulation.gizwits_open,
        device_id=lambda simulation: air_conditioner(simulation).did,
        report=lambda simulation, value: air_conditioner(simulation).set(set_temp=value),
        platform="number",
        key="set_temp",
    ),
    "gizwits_enterprise": Subject(
        server=lambda simulation: simulation.gizwits_enterprise,
        device_id=lambda simulation: chiller(simulation).did,
        report=lambda simulation, value: chiller(simulation).set(set_temp=value),
        platform="number",
        key="set_temp",
    ),
    "sodata": Subject(
        server=lambda simulation: simulation.sodata,
        device_id=lambda simulation: ups(simulation).uuid,
        report=lambda simulation, value: ups(simulation).set("Global", "0", "140100", str(value)),
        platform="sensor",
        key="Global|0|140100",
    ),
    "firstlight": Subject(
        server=lambda simulation: simulation.firstlight,
        device_id=lambda _: "content/genre//day/",
        report=_use,
        platform="sensor",
        key="value:Drama",
    ),
}
assert tuple(SUBJECTS) == KINDS
