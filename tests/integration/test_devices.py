"""How Home Assistant lists devices: their names, their parents, and when they are added and removed."""

from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.config import device_registry as device_registry_api
from homeassistant.config_entries import ConfigEntryState, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MockHAClientWebSocket, WebSocketGenerator

from custom_components.datapoint_cloud.const import DOMAIN, OPTION_DEVICES, OPTION_INTERVAL, OPTION_SITES
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.household import device_of
from simulator.gizwits.products import HEATER
from simulator.server import Fault
from simulator.simulation import Simulation
from simulator.sodata.fleet import SoDataDevice

from .accounts import add_account, entity_id_of, poll, state_of
from .subjects import SUBJECTS, air_conditioner, chiller, ups


def device_of_id(hass: HomeAssistant, entry: MockConfigEntry, device_id: str) -> dr.DeviceEntry | None:
    return dr.async_get(hass).async_get_device_by_identifier((DOMAIN, device_id), entry.entry_id)


def device(hass: HomeAssistant, entry: MockConfigEntry, device_id: str) -> dr.DeviceEntry:
    found = device_of_id(hass, entry, device_id)
    assert found is not None
    return found


def entities_of(hass: HomeAssistant, device_id: str) -> list[str]:
    found = er.async_entries_for_device(er.async_get(hass), device_id, include_disabled_entities=True)
    return [entity.entity_id for entity in found]


# The device registry


async def test_the_device_of_an_app_shows_its_product_and_address(hass: HomeAssistant, simulation: Simulation) -> None:
    unit = air_conditioner(simulation)
    entry = await add_account(hass, simulation, "gizwits_open")
    found = device(hass, entry, unit.did)
    assert found.name == "客厅空调"
    assert found.manufacturer == "Gizwits"
    assert found.model == "Air conditioner"
    assert found.model_id == unit.product.key
    assert found.sw_version == "00000003"
    assert found.hw_version == "00000001"
    assert found.connections == {(dr.CONNECTION_NETWORK_MAC, dr.format_mac(unit.mac))}
    assert found.entry_type is None
    assert found.via_device_id is None


async def test_devices_with_equal_or_empty_names_stay_separate_devices(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    bound = [unit for unit in simulation.gizwits_open.devices.values() if unit.uid == simulation.gizwits_open.uid]
    shown = {unit.did: device(hass, entry, unit.did) for unit in bound if not unit.is_disabled}
    assert sorted(str(found.name) for found in shown.values()) == sorted(
        ["客厅空调", "Terrace spa", "Plant light WIFI BLE", "鱼缸水泵", "Electric heater", "Electric heater"]
    )
    assert len({found.id for found in shown.values()}) == 6
    of_equal_names = [entities_of(hass, found.id) for found in shown.values() if found.name == "Electric heater"]
    assert all(of_equal_names)
    assert not set(of_equal_names[0]) & set(of_equal_names[1])
    (disabled,) = (unit for unit in bound if unit.is_disabled)
    assert device_of_id(hass, entry, disabled.did) is None


async def test_only_an_address_that_one_device_alone_has_is_a_connection(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    products = list(simulation.gizwits_enterprise.products.values())
    virtual, first, second, other = list(products[0].devices.values())
    second.mac = first.mac
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    assert virtual.mac == "virtual:site"
    for unit in (virtual, first, second):
        assert device(hass, entry, unit.did).connections == set()
    assert device(hass, entry, other.did).connections == {(dr.CONNECTION_NETWORK_MAC, dr.format_mac(other.mac))}
    assert len({device(hass, entry, unit.did).id for unit in (virtual, first, second, other)}) == 4


async def test_devices_of_an_enterprise_belong_to_their_product(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    subentries = {subentry.unique_id: key for key, subentry in entry.subentries.items()}
    account = device(hass, entry, simulation.gizwits_enterprise.enterprise_id)
    assert account.entry_type is dr.DeviceEntryType.SERVICE
    assert account.config_subentry_id is None
    shown = {"冷水机组": "Chiller unit", "智能电表": "Smart electricity meter"}
    for key, product in simulation.gizwits_enterprise.products.items():
        name = shown[product.name]
        service = device(hass, entry, f"{entry.unique_id}_{key}")
        assert service.entry_type is dr.DeviceEntryType.SERVICE
        assert service.name == name
        assert service.config_subentry_id == subentries[key]
        for unit in product.devices.values():
            found = device(hass, entry, unit.did)
            assert found.config_subentry_id == subentries[key]
            assert found.name == f"{name} {unit.mac[-4:]}"
            assert found.model == name
            registry = er.async_get(hass)
            for entity in er.async_entries_for_device(registry, found.id, include_disabled_entities=True):
                assert entity.config_subentry_id == subentries[key]


async def test_sodata_devices_belong_to_their_site_and_hang_on_their_gateway(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    # The simulator lists here the devices behind a gateway before the gateway.
    simulation.sodata.devices = dict(reversed(simulation.sodata.devices.items()))
    entry = await add_account(hass, simulation, "sodata")
    areas = ar.async_get(hass)
    for listed in simulation.sodata.devices.values():
        found = device(hass, entry, listed.uuid)
        assert found.name == listed.name
        assert found.manufacturer == "Socomec"
        assert found.serial_number == listed.serial_number
        area = areas.async_get_area(found.area_id or "")
        assert area is not None
        assert area.name == listed.site.name
        gateway = listed.gateway
        expected = None if gateway is None else device(hass, entry, gateway.uuid).id
        assert found.via_device_id == expected


async def test_the_parts_of_a_device_are_its_children(hass: HomeAssistant, simulation: Simulation) -> None:
    meter = next(unit for unit in simulation.sodata.devices.values() if unit.name == "Countis E50")
    entry = await add_account(hass, simulation, "sodata")
    parent = device(hass, entry, meter.uuid)
    children = {child.name: child for child in dr.async_get(hass).child_devices if child.parent_device_id == parent.id}
    assert set(children) == {"Load 1", "Load 2", "Load 3"}
    entity_id = er.async_get(hass).async_get_entity_id(
        "sensor", DOMAIN, f"{entry.unique_id}_{meter.uuid}_Load|1|150202"
    )
    assert entity_id in entities_of(hass, children["Load 2"].id)
    assert entity_id not in entities_of(hass, parent.id)


async def test_an_account_and_its_queries_are_services(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "firstlight")
    ((subentry_id, subentry),) = entry.subentries.items()
    query = device(hass, entry, str(subentry.unique_id))
    assert query.entry_type is dr.DeviceEntryType.SERVICE
    assert query.manufacturer == "Firstlight"
    assert query.config_subentry_id == subentry_id
    assert device(hass, entry, str(entry.unique_id)).entry_type is dr.DeviceEntryType.SERVICE
    assert len(dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)) == 2


# When devices are added and removed


def _empty(simulation: Simulation) -> None:
    simulation.gizwits_open.devices.clear()
    for product in simulation.gizwits_enterprise.products.values():
        product.devices.clear()
    simulation.sodata.devices.clear()


_COUNTS = {
    "gizwits_open": ("$devices", "$online"),
    "gizwits_enterprise": ("$devices", "$online", "$faulty", "$alerting"),
}


@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise", "sodata"])
async def test_an_account_without_devices_is_set_up(hass: HomeAssistant, simulation: Simulation, kind: str) -> None:
    _empty(simulation)
    entry = await add_account(hass, simulation, kind)
    assert entry.state is ConfigEntryState.LOADED
    assert device(hass, entry, str(entry.unique_id)).name == entry.title
    assert state_of(hass, "sensor", entry, "$devices").state == "0"
    await poll(hass, entry)
    assert entry.runtime_data.coordinator.last_update_success


@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise"])
async def test_an_account_without_devices_counts_those_that_are_added_later(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    appear = _new_heater if kind == "gizwits_open" else _new_meter
    _empty(simulation)
    entry = await add_account(hass, simulation, kind)
    appear(simulation)
    await _listings(hass, entry, freezer, 1)
    assert state_of(hass, "sensor", entry, "$devices").state == "1"
    assert state_of(hass, "sensor", entry, "$online").state == "1"


@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise"])
async def test_an_account_that_lost_its_last_device_keeps_its_counts_after_a_restart(
    hass: HomeAssistant, simulation: Simulation, kind: str
) -> None:
    entry = await add_account(hass, simulation, kind)
    counts = {name: entity_id_of(hass, "sensor", entry, name) for name in _COUNTS[kind]}
    _empty(simulation)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    for name, entity_id in counts.items():
        state = hass.states.get(entity_id)
        assert (name, state and state.state) == (name, "0")


async def test_an_account_without_subentries_is_set_up(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    for subentry_id in list(entry.subentries):
        hass.config_entries.async_remove_subentry(entry, subentry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert state_of(hass, "sensor", entry, "$devices").state == "0"
    # The first subentry reloaded the account while the second was removed; so this one may have been listed again.
    for _ in range(3):
        await poll(hass, entry)
    registered = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert [found.entry_type for found in registered] == [dr.DeviceEntryType.SERVICE]


def _new_heater(simulation: Simulation) -> str:
    server = simulation.gizwits_open
    unit = device_of(server.clock, 5, server.uid, HEATER, "New heater")
    unit.did = "newHeater0000000000001"
    server.devices[unit.did] = unit
    return unit.did


def _new_meter(simulation: Simulation) -> str:
    product = list(simulation.gizwits_enterprise.products.values())[1]
    unit = GizwitsDevice(
        product=product.product, did="newMeter00000000000001", mac="0123456789ab", clock=simulation.firstlight.clock
    )
    product.devices[unit.did] = unit
    return unit.did


def _new_ups(simulation: Simulation) -> str:
    (unit,) = simulation.sodata.add_devices("UPS", 1)
    return unit.uuid


@pytest.mark.parametrize(
    ("kind", "appear", "platform", "key"),
    [
        ("gizwits_open", _new_heater, "switch", "lock_switch"),
        ("gizwits_enterprise", _new_meter, "binary_sensor", "$connectivity"),
        ("sodata", _new_ups, "sensor", "Global|0|140100"),
    ],
)
async def test_a_new_device_is_added_with_its_values(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    kind: str,
    appear: Callable[[Simulation], str],
    platform: str,
    key: str,
) -> None:
    entry = await add_account(hass, simulation, kind)
    before = state_of(hass, "sensor", entry, "$devices").state
    device_id = appear(simulation)
    freezer.tick(3700)
    await poll(hass, entry)
    assert device(hass, entry, device_id)
    assert state_of(hass, platform, entry, device_id, key).state not in {"unavailable", "unknown"}
    assert int(state_of(hass, "sensor", entry, "$devices").state) == int(before) + 1


def _fleet(simulation: Simulation, kind: str) -> dict[str, Any]:
    fleets: dict[str, dict[str, Any]] = {
        "gizwits_open": simulation.gizwits_open.devices,
        "gizwits_enterprise": next(iter(simulation.gizwits_enterprise.products.values())).devices,
        "sodata": simulation.sodata.devices,
    }
    return fleets[kind]


async def _listings(hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory, count: int) -> None:
    for _ in range(count):
        freezer.tick(3700)
        await poll(hass, entry)


@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise", "sodata"])
async def test_a_device_is_removed_when_three_lists_in_a_row_lack_it(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    entry = await add_account(hass, simulation, kind)
    device_id = SUBJECTS[kind].device_id(simulation)
    found = device(hass, entry, device_id)
    gone = entities_of(hass, found.id)
    others = len(er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)) - len(gone)
    children = {child.id for child in dr.async_get(hass).child_devices if child.parent_device_id == found.id}
    others -= sum(len(entities_of(hass, child)) for child in children)
    assert gone
    del _fleet(simulation, kind)[device_id]

    await _listings(hass, entry, freezer, 2)
    assert entities_of(hass, found.id) == gone

    await _listings(hass, entry, freezer, 1)
    assert device_of_id(hass, entry, device_id) is None
    assert not entities_of(hass, found.id)
    assert not [entity_id for entity_id in gone if hass.states.get(entity_id)]
    assert not children & {child.id for child in dr.async_get(hass).child_devices}
    assert len(er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)) == others


@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise", "sodata"])
async def test_a_device_that_returns_before_the_third_list_keeps_everything(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    subject = SUBJECTS[kind]
    entry = await add_account(hass, simulation, kind)
    device_id = subject.device_id(simulation)
    found = device(hass, entry, device_id)
    entities = entities_of(hass, found.id)
    fleet = _fleet(simulation, kind)
    absent = fleet.pop(device_id)
    await _listings(hass, entry, freezer, 2)
    fleet[device_id] = absent
    subject.report(simulation, 26)
    await _listings(hass, entry, freezer, 1)
    assert device(hass, entry, device_id).id == found.id
    assert entities_of(hass, found.id) == entities
    assert float(subject.state(hass, simulation, entry)) == 26

    del fleet[device_id]
    await _listings(hass, entry, freezer, 2)
    assert device(hass, entry, device_id).id == found.id


@pytest.mark.parametrize("kind", ["gizwits_open", "sodata"])
async def test_a_device_that_returns_after_its_removal_is_added_again(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    subject = SUBJECTS[kind]
    entry = await add_account(hass, simulation, kind)
    device_id = subject.device_id(simulation)
    fleet = _fleet(simulation, kind)
    absent = fleet.pop(device_id)
    await _listings(hass, entry, freezer, 3)
    assert device_of_id(hass, entry, device_id) is None
    fleet[device_id] = absent
    fleet.update({device_id: absent} | {key: value for key, value in fleet.items() if key != device_id})
    await _listings(hass, entry, freezer, 1)
    assert device(hass, entry, device_id)
    assert _live(hass, device(hass, entry, device_id).id)


def _live(hass: HomeAssistant, device_id: str) -> list[str]:
    states = (hass.states.get(entity_id) for entity_id in entities_of(hass, device_id))
    return [state.state for state in states if state is not None and state.state not in {"unavailable", "unknown"}]


async def test_failed_lists_remove_no_device(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    unit = air_conditioner(simulation)
    del simulation.gizwits_open.devices[unit.did]
    simulation.gizwits_open.faults = [Fault(matches=lambda request: request.path == "/app/bindings", status=502)]
    for _ in range(5):
        await poll(hass, entry)
    simulation.gizwits_open.faults = []
    await poll(hass, entry)
    await poll(hass, entry)
    assert device(hass, entry, unit.did)
    await poll(hass, entry)
    assert device_of_id(hass, entry, unit.did) is None


async def test_devices_of_a_product_that_cannot_be_listed_stay(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    first, second = simulation.gizwits_enterprise.products.values()
    unit = chiller(simulation)
    other = next(iter(second.devices))
    del first.devices[unit.did]
    del second.devices[other]
    simulation.gizwits_enterprise.faults = [
        Fault(matches=lambda request: first.product_key in request.path and "search" in request.path, status=502)
    ]
    for _ in range(5):
        await poll(hass, entry)
    assert device(hass, entry, unit.did)
    assert device_of_id(hass, entry, other) is None

    await hass.config_entries.async_reload(entry.entry_id)
    for _ in range(5):
        await poll(hass, entry)
    assert device(hass, entry, unit.did)


async def _connect(hass: HomeAssistant, hass_ws_client: WebSocketGenerator) -> MockHAClientWebSocket:
    """Open the connection before time passes, because its token expires soon."""
    device_registry_api.async_setup(hass)
    return await hass_ws_client(hass)


async def _is_removed(hass: HomeAssistant, client: MockHAClientWebSocket, found: dr.DeviceEntry) -> bool:
    """Try to remove a device as its page does; return whether Home Assistant allows it."""
    command = {"type": "config/device_registry/remove_config_entry", "device_id": found.id}
    await client.send_json_auto_id(command | {"config_entry_id": found.config_entry_id})
    is_removed = bool((await client.receive_json())["success"])
    await hass.async_block_till_done()
    return is_removed


@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise", "sodata"])
async def test_the_user_can_remove_only_a_device_that_is_no_longer_listed(
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    kind: str,
) -> None:
    entry = await add_account(hass, simulation, kind)
    device_id = SUBJECTS[kind].device_id(simulation)
    found = device(hass, entry, device_id)
    account = device(hass, entry, str(entry.unique_id))
    client = await _connect(hass, hass_ws_client)
    assert not await _is_removed(hass, client, found)
    assert not await _is_removed(hass, client, account)
    assert device(hass, entry, device_id)

    del _fleet(simulation, kind)[device_id]
    await _listings(hass, entry, freezer, 1)
    assert await _is_removed(hass, client, found)
    assert device_of_id(hass, entry, device_id) is None
    await _listings(hass, entry, freezer, 3)
    assert device_of_id(hass, entry, device_id) is None
    await client.close()


@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise", "sodata"])
async def test_a_device_that_the_user_removed_returns_with_the_next_list_that_has_it(
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    kind: str,
) -> None:
    entry = await add_account(hass, simulation, kind)
    device_id = SUBJECTS[kind].device_id(simulation)
    client = await _connect(hass, hass_ws_client)
    absent = _fleet(simulation, kind).pop(device_id)
    await _listings(hass, entry, freezer, 1)
    assert await _is_removed(hass, client, device(hass, entry, device_id))
    assert device_of_id(hass, entry, device_id) is None

    fleet = _fleet(simulation, kind)
    fleet.update({device_id: absent} | {key: value for key, value in fleet.items() if key != device_id})
    await _listings(hass, entry, freezer, 2)
    assert _live(hass, device(hass, entry, device_id).id)
    await client.close()


async def test_the_user_cannot_remove_a_device_of_an_account_that_is_not_set_up(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, simulation: Simulation
) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    found = device(hass, entry, SUBJECTS["gizwits_open"].device_id(simulation))
    await hass.config_entries.async_unload(entry.entry_id)
    device_registry_api.async_setup(hass)
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "config/device_registry/remove", "device_id": found.id})
    answer = await client.receive_json()
    assert answer["error"]["message"] == "Failed to remove device entry, rejected by integration"
    await client.close()


async def test_a_renamed_and_updated_device_shows_its_new_name_and_version(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await add_account(hass, simulation, "sodata")
    unit = ups(simulation)
    unit.name = "Masterys of the basement"
    await _listings(hass, entry, freezer, 1)
    assert device(hass, entry, unit.uuid).name == "Masterys of the basement"


# Which devices the filter shows


def _of_site(simulation: Simulation) -> tuple[str, Iterator[SoDataDevice]]:
    site = ups(simulation).site
    return site.uuid, (unit for unit in simulation.sodata.devices.values() if unit.site is site)


async def test_only_the_chosen_sites_are_shown(hass: HomeAssistant, simulation: Simulation) -> None:
    site_id, of_site = _of_site(simulation)
    entry = await add_account(hass, simulation, "sodata", options={OPTION_SITES: [site_id]})
    expected = {unit.uuid for unit in of_site}
    shown = {
        identifier
        for found in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        for _, identifier in found.identifiers
        if found.entry_type is None
    }
    assert shown == expected
    assert state_of(hass, "sensor", entry, "$devices").state == str(len(expected))


@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise", "sodata"])
async def test_devices_that_are_no_longer_chosen_are_removed_and_return_when_chosen(
    hass: HomeAssistant, simulation: Simulation, kind: str
) -> None:
    entry = await add_account(hass, simulation, kind)
    everything = len(dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id))
    chosen = SUBJECTS[kind].device_id(simulation)
    unchosen = [device_id for device_id in _fleet(simulation, kind) if device_id != chosen]
    hass.config_entries.async_update_entry(entry, options={OPTION_DEVICES: [chosen]})
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert device(hass, entry, chosen)
    assert not [device_id for device_id in unchosen if device_of_id(hass, entry, device_id)]
    assert state_of(hass, "sensor", entry, "$devices").state == "1"
    server = SUBJECTS[kind].server(simulation)
    server.reset_counts()
    await poll(hass, entry)
    read = [request.path for request in server.log if request.path.endswith(("/latest", "/data"))]
    assert all(chosen in path for path in read)

    hass.config_entries.async_update_entry(entry, options={})
    await hass.async_block_till_done()
    assert len(dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)) == everything


async def test_only_changed_options_and_subentries_reload_an_account(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    coordinator = entry.runtime_data.coordinator

    async def is_reloaded() -> bool:
        nonlocal coordinator
        await hass.async_block_till_done()
        before, coordinator = coordinator, entry.runtime_data.coordinator
        return before is not coordinator

    hass.config_entries.async_update_entry(entry, title="Another name")
    assert not await is_reloaded()
    hass.config_entries.async_update_entry(entry, data={**entry.data})
    assert not await is_reloaded()
    hass.config_entries.async_update_entry(entry, options={OPTION_INTERVAL: 600})
    assert await is_reloaded()
    hass.config_entries.async_update_entry(entry, options={OPTION_INTERVAL: 600})
    assert not await is_reloaded()
    subentry = next(iter(entry.subentries.values()))
    server = simulation.gizwits_enterprise
    server.reset_counts()
    hass.config_entries.async_update_subentry(entry, subentry, data={**subentry.data, "gid": ""})
    assert await is_reloaded()
    assert server.requests["GET /v1/products/{product_key}/devices/search"] == 2  # once for each product
    hass.config_entries.async_remove_subentry(entry, subentry.subentry_id)
    assert await is_reloaded()
    hass.config_entries.async_add_subentry(
        entry,
        ConfigSubentry(
            data=MappingProxyType(dict(subentry.data)),
            subentry_type="product",
            title=subentry.title,
            unique_id=subentry.unique_id,
        ),
    )
    assert await is_reloaded()


async def test_a_removed_product_takes_its_devices_with_it(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    first, second = simulation.gizwits_enterprise.products.values()
    subentry_id = next(key for key, each in entry.subentries.items() if each.unique_id == first.product_key)
    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await hass.async_block_till_done()
    assert not [did for did in first.devices if device_of_id(hass, entry, did)]
    assert all(device_of_id(hass, entry, did) for did in second.devices)
    assert device_of_id(hass, entry, f"{entry.unique_id}_{first.product_key}") is None
    assert state_of(hass, "sensor", entry, "$devices").state == str(len(second.devices))
