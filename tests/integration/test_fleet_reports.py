"""What the cloud's reports show of a product: its sensors, how often they are requested, and figures without a list."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.fleet import EnterpriseProduct
from simulator.simulation import Simulation

from .accounts import add_account, make_entry, poll
from .passing_time import pass_time, settle

pytestmark = pytest.mark.usefixtures("fixed_time")

_REPORTS = ("devices/summary", "devices/report/rt", "users/report/total")
_REPORTED = {
    "$devices_activated",
    "$new_today",
    "$new_yesterday",
    "$new_7_days",
    "$new_30_days",
    "$active_yesterday",
    "$active_7_days",
    "$users",
}
_FIGURES = {"fleet": "figures"}


def _keys(hass: HomeAssistant, entry: MockConfigEntry, product: EnterpriseProduct) -> set[str]:
    start = f"{entry.unique_id}_{product.product_key}_$"
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    return {f"${one.unique_id.removeprefix(start)}" for one in entities if one.unique_id.startswith(start)}


def _value(hass: HomeAssistant, entry: MockConfigEntry, key: str, product: EnterpriseProduct | None = None) -> str:
    of = entry.unique_id if product is None else f"{entry.unique_id}_{product.product_key}"
    entity_id = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, f"{of}_{key}")
    assert entity_id is not None, key
    state = hass.states.get(entity_id)
    assert state is not None
    return state.state


def _requests(simulation: Simulation, *paths: str) -> int:
    counts = simulation.gizwits_enterprise.requests
    return sum(counts[f"GET /v1/products/{{product_key}}/{path}"] for path in paths)


def _products(simulation: Simulation) -> list[EnterpriseProduct]:
    return list(simulation.gizwits_enterprise.products.values())


def _add_products(simulation: Simulation, count: int) -> None:
    """Give the enterprise so many products in all; the new ones have two meters each."""
    server = simulation.gizwits_enterprise
    meter = _products(simulation)[1]
    for number in range(len(server.products), count):
        key = f"{number:032x}"
        product = EnterpriseProduct(
            product=replace(meter.product, key=key),
            product_secret=f"{number:032x}",
            auth_id=f"id{number}",
            auth_secret=f"secret{number}",
            devices={},
            groups={"root": replace(next(iter(meter.groups.values())), gid="root", macs=[])},
        )
        for index in range(2):
            did, mac = f"p{number:010}d{index:010}", f"{number:08x}{index:04x}"
            device = GizwitsDevice(product=product.product, did=did, mac=mac, clock=server.clock, uid=f"user{did}")
            product.devices[did] = device
        server.products[key] = product


def _issues(hass: HomeAssistant) -> list[ir.IssueEntry]:
    return [issue for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN]


async def _add_settled(
    hass: HomeAssistant, simulation: Simulation, options: dict[str, str] | None = None
) -> MockConfigEntry:
    return await add_account(hass, simulation, "gizwits_enterprise", options=options)


def _expected(product: EnterpriseProduct) -> Iterator[tuple[str, int]]:
    devices = product.devices.values()
    midnight = datetime(2026, 11, 24, tzinfo=UTC).timestamp()
    new = {days: sum(device.created_at >= midnight - days * 86400 for device in devices) for days in (0, 1, 7, 30)}
    yield "$devices_activated", len(devices)
    yield "$new_today", new[0]
    yield "$new_yesterday", new[1] - new[0]
    yield "$new_7_days", new[7]
    yield "$new_30_days", new[30]
    for key, days in (("$active_yesterday", 1), ("$active_7_days", 7)):
        yield key, sum(device.online_latest >= midnight - days * 86400 for device in devices)
    yield "$users", len({device.uid for device in devices} - {None})


async def test_the_sensors_of_a_product_show_its_reports(hass: HomeAssistant, simulation: Simulation) -> None:
    product = _products(simulation)[0]
    for device, days in zip(product.devices.values(), (0, 1, 1, 5), strict=True):
        device.created_at = int(simulation.gizwits_enterprise.clock()) - days * 86400
    next(iter(product.devices.values())).is_disabled = True
    entry = await _add_settled(hass, simulation)
    found = {key: _value(hass, entry, key, product) for key in _REPORTED}
    assert found == {key: str(count) for key, count in _expected(product)}
    assert found["$new_yesterday"] == "2"
    # What the list counts stays with the list, which has no disabled devices.
    listed = [device for device in product.devices.values() if not device.is_disabled]
    assert _value(hass, entry, "$devices", product) == str(len(listed)) != found["$devices_activated"]


async def test_the_sensors_follow_the_reports(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    product = _products(simulation)[1]
    entry = await _add_settled(hass, simulation)
    before = len(product.devices)
    product.devices.popitem()
    await pass_time(hass, freezer, 1800)
    assert _value(hass, entry, "$devices_activated", product) == str(before)
    await pass_time(hass, freezer, 1900)
    assert _value(hass, entry, "$devices_activated", product) == str(before - 1)


async def test_reports_are_not_renewed_while_the_user_has_polling_turned_off(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await _add_settled(hass, simulation)
    hass.config_entries.async_update_entry(entry, pref_disable_polling=True)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    asked = _requests(simulation, *_REPORTS)
    await pass_time(hass, freezer, 90_000)
    assert _requests(simulation, *_REPORTS) == asked


async def test_the_reports_of_many_products_cost_twenty_requests_an_hour(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    _add_products(simulation, 20)
    entry = await _add_settled(hass, simulation, _FIGURES)
    hours = [_requests(simulation, *_REPORTS)]
    while len(hours) < 8:
        for _ in range(12):
            await pass_time(hass, freezer, 305)
        hours.append(_requests(simulation, *_REPORTS))
    spent = [after - before for before, after in zip([0, *hours], hours, strict=False)]
    assert max(spent) <= 20
    assert sum(spent) > 20 * 6
    assert all(_keys(hass, entry, product) >= _REPORTED for product in _products(simulation))


@pytest.mark.parametrize("code", [5014, 5018])
@pytest.mark.parametrize("options", [None, _FIGURES])
async def test_a_withheld_report_is_no_failure(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
    code: int,
    options: dict[str, str] | None,
) -> None:
    caplog.set_level(logging.INFO, logger="custom_components.datapoint_cloud")
    server = simulation.gizwits_enterprise
    server.withheld_reports = {"/devices/summary": code, "/devices/report/rt": code}
    entry = await _add_settled(hass, simulation, options)
    product = _products(simulation)[1]
    assert entry.state is ConfigEntryState.LOADED
    assert _keys(hass, entry, product) == {"$devices", "$online", "$faulty", "$alerting", "$users"}
    for _ in range(9):
        await pass_time(hass, freezer, 10_000)
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.coordinator.last_update_success
    assert _issues(hass) == []
    told = [record for record in caplog.records if "device_overview" in record.message]
    assert len(told) == 1
    assert all(record.levelno <= logging.INFO for record in caplog.records if "datapoint_cloud" in record.name)
    asked = _requests(simulation, "devices/summary") / len(server.products)
    assert asked == 2 if code == 5018 else asked == 10  # in 25 hours

    server.withheld_reports = {}
    await pass_time(hass, freezer, 90_000)
    assert _value(hass, entry, "$devices_activated", product) == str(len(product.devices))


async def test_counts_are_kept_over_a_restart(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    product = _products(simulation)[0]
    entry = await _add_settled(hass, simulation)
    asked = _requests(simulation, *_REPORTS)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert _value(hass, entry, "$devices_activated", product) == str(len(product.devices))
    assert _requests(simulation, *_REPORTS) == asked

    # Counts that the vendor has stopped renewing are no longer shown.
    simulation.gizwits_enterprise.withheld_reports = {"/devices/summary": 5014}
    for _ in range(3):
        await pass_time(hass, freezer, 60_000)
    await poll(hass, entry)
    assert _value(hass, entry, "$devices_activated", product) == "unknown"


async def test_no_report_is_requested_in_a_pause(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await _add_settled(hass, simulation)
    coordinator = entry.runtime_data.coordinator
    asked = _requests(simulation, *_REPORTS)
    coordinator.pause.begin(3 * 3600, datetime.now(UTC))
    await pass_time(hass, freezer, 2 * 3600)
    assert _requests(simulation, *_REPORTS) == asked
    await pass_time(hass, freezer, 2 * 3600)
    await pass_time(hass, freezer, 305)
    assert _requests(simulation, *_REPORTS) > asked


# Figures without a list


async def test_figures_stand_on_reports_alone(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await _add_settled(hass, simulation, _FIGURES)
    total = {"$devices": 0, "$online": 0, "$faulty": 0, "$alerting": 0}
    for product in _products(simulation):
        devices = product.devices.values()
        expected = {
            "$devices": len(devices),
            "$online": sum(device.is_online for device in devices),
            "$faulty": sum(device.has_active("fault") for device in devices),
            "$alerting": sum(device.has_active("alert") for device in devices),
        }
        assert {key: _value(hass, entry, key, product) for key in expected} == {
            key: str(count) for key, count in expected.items()
        }
        total = {key: total[key] + count for key, count in expected.items()}
    assert {key: _value(hass, entry, key) for key in total} == {key: str(count) for key, count in total.items()}

    product.devices.popitem()
    for _ in range(5):
        await pass_time(hass, freezer, 3700)
    assert _value(hass, entry, "$devices", product) == str(len(product.devices))
    assert _requests(simulation, "devices/search") == 0
    assert entry.runtime_data.coordinator.last_update_success
    assert _issues(hass) == []


async def test_devices_go_when_figures_alone_are_chosen(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await _add_settled(hass, simulation)
    entities = {
        one.unique_id: one.entity_id for one in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    }
    listed = _requests(simulation, "devices/search")
    hass.config_entries.async_update_entry(entry, options=_FIGURES)
    await settle(hass)
    assert _requests(simulation, "devices/search") == listed
    dids = {did for product in _products(simulation) for did in product.devices}
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert dids.isdisjoint({device_id for device in devices for _, device_id in device.identifiers})
    kept = {
        one.unique_id: one.entity_id for one in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    }
    assert kept.items() <= entities.items()
    assert {unique_id.rpartition("_$")[2] for unique_id in kept} >= {"devices", "online", "faulty", "alerting", "users"}

    hass.config_entries.async_update_entry(entry, options={"fleet": "chosen"})
    await settle(hass)
    assert entry.runtime_data.coordinator.fleet.keys() == dids
    assert _value(hass, entry, "$devices") == str(len(entry.runtime_data.coordinator.fleet))


@pytest.mark.parametrize("path", ["/devices/summary", "/devices/report/rt"])
async def test_without_the_overview_figures_are_counted_from_the_list(
    hass: HomeAssistant, simulation: Simulation, path: str
) -> None:
    simulation.gizwits_enterprise.withheld_reports = {path: 5018}
    entry = await _add_settled(hass, simulation, _FIGURES)
    product = _products(simulation)[1]
    assert _value(hass, entry, "$devices", product) == str(len(product.devices))
    assert (_requests(simulation, "devices/search") > 0) is (path == "/devices/summary")


async def test_figures_of_a_group_are_counted_from_the_list(hass: HomeAssistant, simulation: Simulation) -> None:
    product = _products(simulation)[1]
    group = product.groups[product.child_gid]
    group.macs = [next(iter(product.devices.values())).mac]
    options = {"fleet": "figures", "groups": [f"{product.product_key}/{product.child_gid}"]}
    entry = make_entry(hass, simulation, "gizwits_enterprise", options=options)
    await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    assert _value(hass, entry, "$devices", product) == "1"


async def test_figures_of_an_unreachable_cloud_are_requested_until_it_answers(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await _add_settled(hass, simulation, _FIGURES)
    coordinator = entry.runtime_data.coordinator
    server = simulation.gizwits_enterprise
    server.is_ip_allowed = False
    await pass_time(hass, freezer, 3700)
    assert _value(hass, entry, "$devices") == "unavailable"
    assert not coordinator.last_update_success
    server.is_ip_allowed = True
    await pass_time(hass, freezer, 3700)
    assert coordinator.last_update_success
    assert _value(hass, entry, "$devices") != "unavailable"
