"""Connectivity where the device list is rarely requested: the later of the list and a reading decides."""

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from simulator.server import Fault
from simulator.simulation import Simulation
from simulator.sodata.fleet import SoDataDevice

from .accounts import add_account, entity_id_of, poll, state_of
from .subjects import ups

_MINUTES = 60
_HOUR = 60 * _MINUTES


def _connectivity(hass: HomeAssistant, entry: MockConfigEntry, device: SoDataDevice) -> str:
    return state_of(hass, "binary_sensor", entry, device.uuid, "$connectivity").state


def _online(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    return state_of(hass, "sensor", entry, "$online").state


def _set(device: SoDataDevice, key: str, value: str) -> None:
    item_type, item_index, service_id = key.split("|")
    device.set(item_type, item_index, service_id, value)


def _fail_last_values(simulation: Simulation) -> None:
    simulation.sodata.faults = [Fault(matches=lambda request: request.path.endswith("/last-values"), status=500)]


async def test_a_device_whose_values_cannot_be_read_is_not_shown_as_disconnected(
    hass: HomeAssistant, fixed_time: None, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    device = ups(simulation)
    entry = await add_account(hass, simulation, "sodata")
    assert _connectivity(hass, entry, device) == "on"
    _fail_last_values(simulation)
    for _ in range(20):
        freezer.tick(10 * _MINUTES)
        await poll(hass, entry)
        assert _connectivity(hass, entry, device) != "off"
    assert _connectivity(hass, entry, device) == "unknown"
    assert _online(hass, entry) in {"unknown", "unavailable"}
    simulation.sodata.faults = []
    for value in range(10):  # the client retries a server that failed for hours step by step
        freezer.tick(2 * _MINUTES)
        device.set("Global", "0", "140100", str(value))
        await poll(hass, entry)
    assert _connectivity(hass, entry, device) == "on"


async def test_a_device_that_was_silent_at_its_reading_stays_disconnected(
    hass: HomeAssistant, fixed_time: None, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    device = ups(simulation)
    entry = await add_account(hass, simulation, "sodata")
    device.is_silent = True
    freezer.tick(2 * _HOUR)
    await poll(hass, entry)
    assert _connectivity(hass, entry, device) == "off"
    simulation.sodata.faults = [
        Fault(matches=lambda request: device.uuid in request.path and request.path.endswith("/last-values"), status=500)
    ]
    freezer.tick(10 * _MINUTES)
    await poll(hass, entry)
    assert _connectivity(hass, entry, device) == "off"


async def test_a_report_overrides_an_earlier_list(
    hass: HomeAssistant, fixed_time: None, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    device = ups(simulation)
    device.connection_status = "DISCONNECTED"
    device.is_silent = True
    freezer.tick(5 * _MINUTES)
    entry = await add_account(hass, simulation, "sodata")
    assert _connectivity(hass, entry, device) == "off"
    device.is_silent = False
    # The list still calls it disconnected, but its reports prove the opposite.
    for value in range(30):
        freezer.tick(10 * _MINUTES)
        device.set("Global", "0", "140100", str(value))
        freezer.tick(1)
        await poll(hass, entry)
        assert _connectivity(hass, entry, device) == "on"
    device.is_silent = True
    freezer.tick(61 * _MINUTES)
    await poll(hass, entry)
    assert _connectivity(hass, entry, device) == "off"


async def test_a_silence_overrides_an_earlier_list(
    hass: HomeAssistant, fixed_time: None, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    device = ups(simulation)
    device.connection_status = "CONNECTED"
    device.no_communication_period = 30
    entry = await add_account(hass, simulation, "sodata")
    device.is_silent = True
    freezer.tick(40 * _MINUTES)
    await poll(hass, entry)
    assert _connectivity(hass, entry, device) == "off"


async def test_devices_online_counts_the_devices_that_are_known_to_be_online(
    hass: HomeAssistant, fixed_time: None, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    devices = list(simulation.sodata.devices.values())
    for device in devices:
        _set(device, next(iter(device.variables)), "20")
    entry = await add_account(hass, simulation, "sodata")
    states = [_connectivity(hass, entry, device) for device in devices]
    assert states.count("on") > 1
    await poll(hass, entry)
    assert _online(hass, entry) == str(states.count("on"))


async def test_devices_online_is_unknown_without_evidence(hass: HomeAssistant, simulation: Simulation) -> None:
    _fail_last_values(simulation)
    entry = await add_account(hass, simulation, "sodata")
    assert _online(hass, entry) == "unknown"


async def test_an_alarm_fires_no_raised_event_when_its_former_state_was_unknown(
    hass: HomeAssistant, fixed_time: None, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    meter = ups(simulation)
    alarm = next(key for key, variable in meter.variables.items() if variable.service.type == "Alarm")
    for key, variable in meter.variables.items():
        if variable.service.type == "Alarm":
            _set(meter, key, "1" if key == alarm else "0")
    is_bulk_or_one = lambda request: request.path.endswith("/last-values")  # noqa: E731
    simulation.sodata.faults = [Fault(matches=is_bulk_or_one, body='{"devices": []}')]
    entry = await add_account(hass, simulation, "sodata")
    simulation.sodata.faults = []
    events = async_capture_events(hass, "state_changed")
    freezer.tick(_HOUR)
    await poll(hass, entry)
    await poll(hass, entry)
    assert state_of(hass, "binary_sensor", entry, meter.uuid, "$problem").state == "on"
    event_id = entity_id_of(hass, "event", entry, meter.uuid, "$alarm")
    event_types = [
        event.data["new_state"].attributes.get("event_type") for event in events if event.data["entity_id"] == event_id
    ]
    assert set(event_types) <= {None}
    _set(meter, alarm, "0")
    freezer.tick(1)
    await poll(hass, entry)
    state = hass.states.get(event_id)
    assert state is not None
    assert state.attributes["event_type"] == "cleared"
