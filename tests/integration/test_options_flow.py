"""The options of an account."""

from datetime import timedelta
from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData

from custom_components.datapoint_cloud.clouds.history import HistoryCapabilities
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import KINDS, add_account, make_entry, poll
from .flows import TEXTS, Input, check_texts, fields_of, shown_in
from .statistics.generated_history import GeneratedHistory


async def begin(hass: HomeAssistant, entry: Any) -> Any:
    """Open the options."""
    form = await hass.config_entries.options.async_init(entry.entry_id)
    check_texts(form, TEXTS["options"])
    return form


async def submit(hass: HomeAssistant, form: Any, user_input: Input) -> Any:
    """Submit the options."""
    return await hass.config_entries.options.async_configure(form["flow_id"], user_input)


def options_of(form: Any, field: str) -> dict[str, str]:
    """What a field offers: labels by value."""
    return {option["value"]: option["label"] for option in form["data_schema"].schema[field].config["options"]}


@pytest.mark.parametrize(
    ("kind", "interval"), [("gizwits_open", 60), ("gizwits_enterprise", 60), ("sodata", 120), ("firstlight", 900)]
)
async def test_left_as_they_are_the_options_change_nothing(
    hass: HomeAssistant, simulation: Simulation, kind: str, interval: int
) -> None:
    entry = await add_account(hass, simulation, kind)
    devices = set(entry.runtime_data.coordinator.fleet)
    form = await begin(hass, entry)
    result = await submit(hass, form, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert entry.options["interval"] == interval
    assert isinstance(entry.options["interval"], int)
    assert entry.options["devices"] == []
    assert set(entry.runtime_data.coordinator.fleet) == devices


@pytest.mark.parametrize("kind", KINDS)
async def test_sites_are_a_choice_where_there_are_any(hass: HomeAssistant, simulation: Simulation, kind: str) -> None:
    entry = await add_account(hass, simulation, kind)
    expected = {"interval", "fleet", "devices", "refine"} | {
        "gizwits_open": {"share"},
        "gizwits_enterprise": {"share", "groups"},
        "sodata": {"share", "sites"},
        "firstlight": set(),
    }[kind]
    if entry.runtime_data.coordinator.cloud.history.capabilities.hours_retention is not None:
        expected |= {"import_history", "import_days"}
    if kind == "sodata":
        expected.add("administration")
    assert fields_of(await begin(hass, entry)) == expected


@pytest.mark.usefixtures("whole_fleets")
async def test_sites_and_devices_are_chosen_by_name(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "sodata")
    form = await begin(hass, entry)
    sites = {site.uuid: site.name for site in simulation.sodata.sites}
    assert options_of(form, "sites") == sites
    offered = options_of(form, "devices")
    assert offered.keys() == simulation.sodata.devices.keys()
    assert {label.partition(" (")[0] for label in offered.values()} == {
        device.name for device in simulation.sodata.devices.values()
    }
    meters = [device for device in simulation.sodata.devices.values() if device.name == "Comptage général"]
    assert [offered[meter.uuid] for meter in meters] == [f"{meter.name} ({meter.serial_number})" for meter in meters]
    assert len(meters) == 2
    site, device = next(iter(sites)), next(iter(simulation.sodata.devices))
    await submit(hass, form, {"interval": 600, "sites": [site], "devices": [device]})
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    expected = {"interval": 600, "fleet": "chosen", "sites": [site], "devices": [device]}
    assert expected.items() <= entry.options.items()
    assert set(entry.runtime_data.coordinator.fleet) == {device}
    form = await begin(hass, entry)
    assert shown_in(form) == entry.options
    assert options_of(form, "sites") == sites  # the others can still be chosen


async def test_a_chosen_device_that_is_gone_can_be_left_out(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "sodata", options={"devices": ["gone"], "sites": []})
    form = await begin(hass, entry)
    assert options_of(form, "devices")["gone"] == "gone"
    await submit(hass, form, {"interval": 600, "devices": []})
    assert entry.options["devices"] == []


async def test_the_options_of_an_account_without_devices_hide_none_that_come(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    devices = dict(simulation.gizwits_open.devices)
    simulation.gizwits_open.devices.clear()
    entry = await add_account(hass, simulation, "gizwits_open")
    await submit(hass, await begin(hass, entry), {"interval": 90})
    await hass.async_block_till_done()
    simulation.gizwits_open.devices.update(devices)
    await poll(hass, entry)
    assert entry.runtime_data.coordinator.fleet


async def test_groups_that_were_chosen_stay_on_offer_while_the_cloud_tells_none(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    form = await begin(hass, entry)
    group = next(iter(options_of(form, "groups")))
    await submit(hass, form, {"interval": 60, "groups": [group]})
    await hass.async_block_till_done()
    simulation.gizwits_enterprise.faults = [Fault(matches=lambda request: "group" in request.path, status=502)]
    form = await begin(hass, entry)
    assert options_of(form, "groups") == {group: group}
    assert shown_in(form)["groups"] == [group]


async def test_sites_that_were_chosen_stay_on_offer_while_no_device_has_one(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    simulation.sodata.devices.clear()
    entry = await add_account(hass, simulation, "sodata", options={"sites": ["site"]})
    form = await begin(hass, entry)
    assert options_of(form, "sites") == {"site": "site"}
    assert shown_in(form)["sites"] == ["site"]


@pytest.mark.parametrize("interval", [1, 100_000])
async def test_the_interval_is_one_that_the_cloud_bears(
    hass: HomeAssistant, simulation: Simulation, interval: int
) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    with pytest.raises(InvalidData):
        await submit(hass, await begin(hass, entry), {"interval": interval})


async def test_an_interval_that_became_too_short_is_shown_as_the_least(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    entry = await add_account(hass, simulation, "gizwits_open", options={"interval": 5})
    assert shown_in(await begin(hass, entry))["interval"] == 30


async def test_there_is_nothing_to_choose_while_the_account_is_not_running(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    entry = make_entry(hass, simulation, "gizwits_open")
    result = await begin(hass, entry)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "entry_not_loaded")


@pytest.mark.parametrize(("days", "most"), [(400, 400), (7, 7)])
async def test_the_past_is_a_choice_where_the_cloud_tells_of_it(
    hass: HomeAssistant, simulation: Simulation, days: int, most: int
) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    entry.runtime_data.coordinator.cloud.history = GeneratedHistory(
        HistoryCapabilities(readings_retention=timedelta(days=days))
    )
    form = await begin(hass, entry)
    assert {"import_history", "import_days"} <= fields_of(form)
    selector = form["data_schema"].schema["import_days"]
    assert (selector.config["min"], selector.config["max"]) == (1, most)
    await submit(hass, form, {"interval": 60, "devices": [], "import_history": True, "import_days": 3})
    await hass.async_block_till_done()
    assert (entry.options["import_history"], entry.options["import_days"]) == (True, 3)
    assert isinstance(entry.options["import_days"], int)


@pytest.mark.usefixtures("without_past")
async def test_the_past_is_no_choice_where_the_cloud_keeps_none(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "firstlight")
    assert not {"import_history", "import_days"} & fields_of(await begin(hass, entry))
