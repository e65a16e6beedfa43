"""Fleets larger than Home Assistant can show: only figures, a repair that explains it, and a choice that helps."""

from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.fleet.inventory import LARGE_FLEET
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.fleet import EnterpriseProduct
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import add_account, poll
from .flows import TEXTS, check_texts
from .passing_time import pass_time, settle

_MOST_ENTITIES = 10_000


def _meters(simulation: Simulation, count: int) -> EnterpriseProduct:
    """Leave the enterprise one product with this number of meters, every tenth of them offline."""
    server = simulation.gizwits_enterprise
    product = list(server.products.values())[1]
    for key in [key for key in server.products if key != product.product_key]:
        del server.products[key]
    product.devices = dict(list(product.devices.items())[:1])
    _add_meters(simulation, product, count - 1)
    return product


def _add_meters(simulation: Simulation, product: EnterpriseProduct, count: int) -> None:
    for number in range(len(product.devices), len(product.devices) + count):
        device = GizwitsDevice(
            product=product.product,
            did=f"meter{number:017}",
            mac=f"{number:012x}",
            clock=simulation.gizwits_enterprise.clock,
            uid="bound",
            offline_for=9000.0 if number % 10 == 9 else None,
        )
        product.devices[device.did] = device


def _shown(entry: MockConfigEntry) -> set[str]:
    return set(entry.runtime_data.coordinator.fleet)


def _issues(hass: HomeAssistant) -> dict[str, dict[str, str] | None]:
    issues = ir.async_get(hass).issues.values()
    return {str(issue.translation_key): issue.translation_placeholders for issue in issues if issue.domain == DOMAIN}


def _entities(hass: HomeAssistant, entry: MockConfigEntry) -> list[er.RegistryEntry]:
    return er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)


def _figure(hass: HomeAssistant, entry: MockConfigEntry, key: str, product: EnterpriseProduct | None = None) -> str:
    account = entry.unique_id if product is None else f"{entry.unique_id}_{product.product_key}"
    entity_id = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, f"{account}_{key}")
    assert entity_id is not None
    state = hass.states.get(entity_id)
    assert state is not None
    return state.state


async def _choose(hass: HomeAssistant, entry: MockConfigEntry, **options: Any) -> None:
    form = await hass.config_entries.options.async_init(entry.entry_id)
    result: Any = await hass.config_entries.options.async_configure(form["flow_id"], options)
    assert result["type"] == "create_entry"
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.slow
@pytest.mark.parametrize("count", [LARGE_FLEET + 1, 5000])
async def test_a_large_fleet_shows_figures_until_the_user_chooses(
    hass: HomeAssistant, simulation: Simulation, count: int
) -> None:
    product = _meters(simulation, count)
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    assert entry.state is ConfigEntryState.LOADED
    assert _shown(entry) == set()
    assert _issues(hass) == {
        "fleet_too_large": {
            "account": entry.title,
            "account_name": entry.title,
            "devices": str(count),
            "most": str(LARGE_FLEET),
        }
    }
    online = sum(device.is_online for device in product.devices.values())
    for of in (None, product):
        assert _figure(hass, entry, "$devices", of) == str(count)
        assert _figure(hass, entry, "$online", of) == str(online)
    assert len(_entities(hass, entry)) < 30  # those of the account and its products
    of_fleet = ("devices/search", "devices/summary", "devices/report/rt", "users/report/total")
    asked = simulation.gizwits_enterprise.requests.keys() - {
        f"GET /v1/products/{{product_key}}/{of}" for of in of_fleet
    }
    assert asked == {"POST /v1/products/{product_key}/access_token", "GET /v1/products/{product_key}/datapoint"}

    next(iter(product.devices.values())).is_online = False
    await poll(hass, entry)
    assert _figure(hass, entry, "$online") == str(online - 1)


async def test_the_devices_of_a_chosen_group_are_shown(hass: HomeAssistant, simulation: Simulation) -> None:
    product = _meters(simulation, LARGE_FLEET + 50)
    chosen = list(product.devices.values())[20:25]
    product.groups[product.child_gid].macs = [device.mac for device in chosen]
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    form: Any = await hass.config_entries.options.async_init(entry.entry_id)
    group = f"{product.product_key}/{product.child_gid}"
    assert group in {option["value"] for option in form["data_schema"].schema["groups"].config["options"]}
    await _choose(hass, entry, fleet="chosen", groups=[group])
    assert _shown(entry) == {device.did for device in chosen}
    assert _figure(hass, entry, "$devices") == "5"
    assert _issues(hass) == {}


@pytest.mark.parametrize("is_in_form_of_product", [True, False])
async def test_devices_outside_of_a_chosen_group_are_removed_with_the_next_list(
    hass: HomeAssistant, simulation: Simulation, is_in_form_of_product: bool
) -> None:
    product = _meters(simulation, 12)
    chosen = list(product.devices.values())[:3]
    product.groups[product.child_gid].macs = [device.mac for device in chosen]
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    assert len(_shown(entry)) == 12
    if is_in_form_of_product:
        subentry = next(one for one in entry.subentries.values() if one.unique_id == product.product_key)
        hass.config_entries.async_update_subentry(entry, subentry, data={**subentry.data, "gid": product.child_gid})
        await hass.async_block_till_done()
    else:
        await _choose(hass, entry, fleet="chosen", groups=[f"{product.product_key}/{product.child_gid}"])
    assert _shown(entry) == {device.did for device in chosen}
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    registered = {device_id for device in devices for _, device_id in device.identifiers}
    assert registered & set(product.devices) == {device.did for device in chosen}

    # A list that lacks a device is still no proof of its removal.
    product.groups[product.child_gid].macs.pop()
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    registered = {device_id for device in devices for _, device_id in device.identifiers}
    assert registered & set(product.devices) == {device.did for device in chosen}


async def test_the_chosen_devices_are_shown(hass: HomeAssistant, simulation: Simulation) -> None:
    product = _meters(simulation, LARGE_FLEET + 50)
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    chosen = list(product.devices)[:3]
    await _choose(hass, entry, fleet="chosen", devices=chosen)
    assert _shown(entry) == set(chosen)
    assert _issues(hass) == {}


async def test_the_user_can_choose_figures_alone(hass: HomeAssistant, simulation: Simulation) -> None:
    product = _meters(simulation, 12)
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    assert len(_shown(entry)) == 12
    await _choose(hass, entry, fleet="figures")
    assert _shown(entry) == set()
    assert _issues(hass) == {}
    assert _figure(hass, entry, "$devices", product) == "12"
    assert {entity.domain for entity in _entities(hass, entry)} == {"sensor"}
    await _choose(hass, entry, fleet="chosen")
    assert len(_shown(entry)) == 12


async def test_a_fleet_of_the_largest_size_is_shown_and_read_within_the_quota(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    product = _meters(simulation, LARGE_FLEET)
    server = simulation.gizwits_enterprise
    server.quota_reset = int(server.clock()) + 1800
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    coordinator = entry.runtime_data.coordinator
    assert _issues(hass) == {}
    assert _shown(entry) == set(product.devices)
    enabled = [entity for entity in _entities(hass, entry) if entity.disabled_by is None]
    assert LARGE_FLEET < len(enabled) < _MOST_ENTITIES
    online = {device.did for device in product.devices.values() if device.is_online}
    for _ in range(3):
        await pass_time(hass, freezer, 60)
    assert {did for did, state in coordinator.fleet.items() if state.read_at is not None} >= online
    assert all(coordinator.fleet[did].is_available for did in online)
    assert server.quota_remaining > 0.3 * server.quota_limit
    assert coordinator.last_update_success


async def test_a_fleet_that_outgrows_the_limit_keeps_the_devices_that_are_shown(
    hass: HomeAssistant, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.datapoint_cloud.fleet.inventory.LARGE_FLEET", 10)
    product = _meters(simulation, 10)
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    before = set(product.devices)
    entities = {entity.entity_id for entity in _entities(hass, entry)}
    _add_meters(simulation, product, 1)
    await poll(hass, entry)
    assert "fleet_too_large" in _issues(hass)
    assert _figure(hass, entry, "$devices") == "11"
    assert _shown(entry) == before

    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert _shown(entry) == before
    assert {entity.entity_id for entity in _entities(hass, entry)} == entities
    assert "fleet_too_large" in _issues(hass)

    form: Any = await hass.config_entries.options.async_init(entry.entry_id)
    await hass.config_entries.options.async_configure(form["flow_id"], {})
    await hass.async_block_till_done()
    assert _shown(entry) == set(product.devices)  # all of them, as the user has already seen them
    assert _issues(hass) == {}


_SEARCH = "GET /v1/products/{product_key}/devices/search"


async def test_chosen_devices_show_beside_the_figures_of_a_fleet_that_is_never_listed(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    product = _meters(simulation, LARGE_FLEET + 50)
    chosen = list(product.devices)[5:8]
    server = simulation.gizwits_enterprise
    options: dict[str, Any] = {"fleet": "figures_and_chosen", "devices": chosen}
    entry = await add_account(hass, simulation, "gizwits_enterprise", options=options)
    assert _shown(entry) == set(chosen)
    assert server.requests[_SEARCH] == len(chosen)
    for of in (None, product):
        assert _figure(hass, entry, "$devices", of) == str(LARGE_FLEET + 50)
    assert all(state.read_at is not None for state in entry.runtime_data.coordinator.fleet.values())
    assert _issues(hass) == {}

    # A restart looks nothing up again; an hour later each chosen device is looked up once.
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert _shown(entry) == set(chosen)
    assert server.requests[_SEARCH] == len(chosen)
    await pass_time(hass, freezer, 3700)
    assert server.requests[_SEARCH] == 2 * len(chosen)

    # A device that is no longer chosen is removed, and one that is chosen later appears.
    later = list(product.devices.values())[9]
    form: Any = await hass.config_entries.options.async_init(entry.entry_id)
    options |= {"devices": chosen[:2], "search_for_devices": True}
    form = await hass.config_entries.options.async_configure(form["flow_id"], options)
    check_texts(form, TEXTS["options"])
    assert form["step_id"] == "search"
    form = await hass.config_entries.options.async_configure(form["flow_id"], {"mac": "nothing"})
    assert form["errors"] == {"base": "nothing_found"}
    server.faults.append(Fault(matches=lambda request: request.path.endswith("/search"), status=500))
    form = await hass.config_entries.options.async_configure(form["flow_id"], {"mac": later.mac})
    check_texts(form, TEXTS["options"])
    assert form["errors"] == {"base": "search_failed"}
    server.faults.clear()
    searched = {"product": product.product_key, "mac": later.mac}
    form = await hass.config_entries.options.async_configure(form["flow_id"], searched)
    check_texts(form, TEXTS["options"])
    assert form["description_placeholders"] == {"count": "1"}
    (choice,) = form["data_schema"].schema["devices"].config["options"]
    assert not choice["label"].startswith(product.name)
    result = await hass.config_entries.options.async_configure(form["flow_id"], {})
    assert result["type"] == "create_entry"
    await hass.async_block_till_done()
    assert _shown(entry) == {*chosen[:2], later.did}
    assert "search_for_devices" not in entry.options
    registered = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    ids = {device_id for device in registered for _, device_id in device.identifiers}
    assert ids & set(product.devices) == _shown(entry)


async def test_a_look_up_that_fails_ends_the_others_and_the_next_poll_makes_up_for_them(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    product = _meters(simulation, 60)
    chosen = sorted(product.devices)[:50]
    server = simulation.gizwits_enterprise
    options: dict[str, Any] = {"fleet": "figures_and_chosen", "devices": chosen}
    entry = await add_account(hass, simulation, "gizwits_enterprise", options=options)
    assert server.requests[_SEARCH] == len(chosen)
    server.faults.append(Fault(matches=lambda request: request.query.get("val") == chosen[0], status=500))
    freezer.tick(3700)
    await poll(hass, entry)
    assert not entry.runtime_data.coordinator.last_update_success
    assert server.requests[_SEARCH] < 2 * len(chosen)
    assert _shown(entry) == set(chosen)

    server.faults.clear()
    found = server.requests[_SEARCH]
    freezer.tick(60)
    await poll(hass, entry)
    assert entry.runtime_data.coordinator.last_update_success
    assert len(chosen) / 2 < server.requests[_SEARCH] - found < len(chosen)  # those that were found are not due


async def test_who_wants_to_see_chosen_devices_is_asked_which(hass: HomeAssistant, simulation: Simulation) -> None:
    product = _meters(simulation, 5)
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    wanted = next(iter(product.devices.values()))
    form: Any = await hass.config_entries.options.async_init(entry.entry_id)
    options = {"fleet": "figures_and_chosen", "devices": []}
    form = await hass.config_entries.options.async_configure(form["flow_id"], options)
    assert form["step_id"] == "search"
    form = await hass.config_entries.options.async_configure(form["flow_id"], {"mac": wanted.mac})
    await hass.config_entries.options.async_configure(form["flow_id"], {})
    await hass.async_block_till_done()
    assert _shown(entry) == {wanted.did}

    # Later, another option is changed without a search.
    entry_options = {**options, "devices": [], "interval": 90}
    form = await hass.config_entries.options.async_init(entry.entry_id)
    result = await hass.config_entries.options.async_configure(form["flow_id"], entry_options)
    assert result["type"] == "create_entry"


async def test_a_fleet_of_which_nothing_is_chosen_is_not_listed_beyond_a_size(
    hass: HomeAssistant, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.datapoint_cloud.poller.MOST_LISTED", LARGE_FLEET)
    _meters(simulation, LARGE_FLEET + 1)
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    assert _figure(hass, entry, "$devices") == str(LARGE_FLEET + 1)
    assert "fleet_too_large" in _issues(hass)
    assert simulation.gizwits_enterprise.requests[_SEARCH] == 0


async def test_support_shows_a_device_for_a_while(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    product = _meters(simulation, 30)
    guest, other = list(product.devices.values())[20:22]
    entry = await add_account(hass, simulation, "gizwits_enterprise", options={"fleet": "figures"})
    assert _shown(entry) == set()

    async def show(device: str, minutes: int) -> Any:
        data = {"config_entry_id": entry.entry_id, "device": device, "minutes": minutes}
        response = await hass.services.async_call(DOMAIN, "show_device", data, blocking=True, return_response=True)
        await settle(hass)
        return response

    by_mac = await show(guest.mac.upper(), 60)
    assert _shown(entry) == {guest.did}
    registered = dr.async_get(hass).async_get(by_mac["home_assistant_device_id"])
    assert registered is not None
    assert by_mac["name"] == registered.name != f"{product.name} {guest.mac[-4:]}"
    entities = er.async_entries_for_device(er.async_get(hass), registered.id)
    states = [hass.states.get(entity.entity_id) for entity in entities]
    assert any(state is not None and state.state not in {"unknown", "unavailable"} for state in states)
    await show(other.did, 10)
    assert _shown(entry) == {guest.did, other.did}
    await pass_time(hass, freezer, 700)
    assert _shown(entry) == {guest.did}

    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert _shown(entry) == {guest.did}
    await pass_time(hass, freezer, 3000)
    assert _shown(entry) == set()
    assert dr.async_get(hass).async_get(registered.id) is None
    assert simulation.gizwits_enterprise.requests[_SEARCH] < 10
    with pytest.raises(ServiceValidationError, match="nothing"):
        await show("nothing", 1)
