"""Diagnostics show enough to understand a bug report, and neither identities nor credentials."""

import json
from typing import Any

import pytest
from homeassistant.components.diagnostics import REDACTED
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.products import LAMP, SPA, Product
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import KINDS, add_account, entity_id_of, make_entry, poll


def _gizwits(simulation: Simulation, product: Product) -> GizwitsDevice:
    return next(device for device in simulation.gizwits_open.devices.values() if device.product is product)


async def _of_entry(hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry) -> Any:
    assert await async_setup_component(hass, "diagnostics", {})
    return await get_diagnostics_for_config_entry(hass, hass_client, entry)


async def _of_device(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry, *, part: bool, device_id: str
) -> Any:
    assert await async_setup_component(hass, "diagnostics", {})
    registry = dr.async_get(hass)
    device: dr.AnyDeviceEntry | None = registry.async_get_device_by_identifier((DOMAIN, device_id), entry.entry_id)
    assert device is not None
    if part:
        entity = er.async_get(hass).async_get(entity_id_of(hass, "sensor", entry, device_id, "Unit|1|144010"))
        assert entity is not None
        assert entity.device_id is not None
        device = registry.async_get(entity.device_id)
        assert isinstance(device, dr.ChildDeviceEntry)
    # The test kit's types do not know that a device can have parts.
    return await get_diagnostics_for_device(hass, hass_client, entry, device)  # type: ignore[arg-type]


def _names(simulation: Simulation) -> set[str]:
    """Return all texts that identify an account or a device."""
    enterprise = [device for product in simulation.gizwits_enterprise.products.values() for device in product.devices]
    gizwits = simulation.gizwits_open.devices.values()
    sodata = simulation.sodata.devices.values()
    return {
        simulation.gizwits_open.username,
        simulation.gizwits_open.uid,
        simulation.keycloak.username,
        simulation.gizwits_enterprise.enterprise_id,
        *enterprise,
        *(text for device in gizwits for text in (device.did, device.mac, device.alias)),
        *(text for device in sodata for text in (device.uuid, device.name, device.site.name)),
        *(device.serial_number for device in sodata if device.serial_number),
        "127.0.0.1",
    } - {"", *(device.product.name for device in gizwits)}


@pytest.mark.parametrize("kind", KINDS)
async def test_the_diagnostics_of_an_account_contain_no_identity(
    hass: HomeAssistant, simulation: Simulation, hass_client: ClientSessionGenerator, kind: str
) -> None:
    entry = await add_account(hass, simulation, kind)
    content = await _of_entry(hass, hass_client, entry)
    assert content["entry"].pop("cloud") == kind
    content["entry"].pop("region", None)
    content["entry"].pop("realm", None)
    assert content["entry"]
    assert set(content["entry"].values()) == {REDACTED}
    text = json.dumps(content, ensure_ascii=False)
    assert [name for name in _names(simulation) if name in text] == []


@pytest.mark.parametrize("kind", KINDS)
async def test_the_diagnostics_of_an_account_describe_its_polling(
    hass: HomeAssistant, simulation: Simulation, hass_client: ClientSessionGenerator, kind: str
) -> None:
    entry = await add_account(hass, simulation, kind, options={"interval": 600})
    await poll(hass, entry)
    content = await _of_entry(hass, hass_client, entry)
    coordinator = entry.runtime_data.coordinator
    assert content["options"] == {"interval": 600, "chosen": {}}
    polling = content["polling"]
    assert (polling["interval"], polling["is_successful"], polling["error"]) == (
        coordinator.update_interval.total_seconds(),
        True,
        None,
    )
    devices = content["devices"]
    assert devices["listed"] == len(coordinator.inventory.listed)
    assert devices["shown"] == len(coordinator.fleet) == len(content["device_details"])
    assert sum(devices["online"].values()) == sum(devices["by_model"].values()) == devices["shown"]
    assert {detail["is_available"] for detail in content["device_details"]} <= {True, False}
    assert any(detail["datapoints"] for detail in content["device_details"])


async def test_the_diagnostics_contain_quota_products_and_failures(
    hass: HomeAssistant, simulation: Simulation, hass_client: ClientSessionGenerator
) -> None:
    server = simulation.gizwits_enterprise
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    first = next(iter(server.products.values()))
    first.product_secret = "renewed"
    server.revoke_tokens()
    await poll(hass, entry)
    content = await _of_entry(hass, hass_client, entry)
    assert content["polling"]["quota"] == {"limit": server.quota_limit, "remaining": server.quota_remaining}
    (failure,) = content["polling"]["failed_scopes"]
    assert failure.startswith("wrong_product_secret, code 5005, HTTP 400")
    assert [scope["type"] for scope in content["scopes"]] == ["product", "product"]
    assert {scope["data"]["product_secret"] for scope in content["scopes"]} == {REDACTED}


async def test_the_diagnostics_of_a_query_describe_its_requests(
    hass: HomeAssistant, simulation: Simulation, hass_client: ClientSessionGenerator
) -> None:
    entry = await add_account(hass, simulation, "firstlight")
    (scope,) = (await _of_entry(hass, hass_client, entry))["scopes"]
    assert scope["type"] == "usage_query"
    assert {key: scope["data"][key] for key in ("aty", "period", "unit", "date_format")} == {
        "aty": "content",
        "period": "day",
        "unit": "plays",
        "date_format": "iso",
    }


async def test_the_diagnostics_of_a_device_describe_the_entity_of_each_datapoint(
    hass: HomeAssistant, simulation: Simulation, hass_client: ClientSessionGenerator
) -> None:
    spa = _gizwits(simulation, SPA)
    spa.set(water_temp=36.5, heat="perhaps")
    entry = await add_account(hass, simulation, "gizwits_open")
    device = (await _of_device(hass, hass_client, entry, part=False, device_id=spa.did))["device"]
    assert device["model"] == "Whirl_Spa"
    assert device["model_id"] == SPA.key
    assert (device["is_online"], device["is_available"], device["failure"]) == (True, True, None)
    assert device["datapoints"]["water_temp"] == {
        "name": "水温",
        "desc": None,
        "type": "number",
        "role": "status",
        "is_writable": False,
        "unit": None,
        "minimum": -10,
        "maximum": 50,
        "step": 0.5,
        "options": [],
        "length": None,
        "platform": "sensor",
        "value": 36.5,
    }
    assert device["datapoints"]["temp_set_unit"]["options"] == ["华氏", "摄氏"]
    assert device["skipped"] == ["heat"]
    assert device["product"] == SPA.key
    assert device["profile"]["entities"] == []
    assert set(device["datapoints"]) == {attribute.name for attribute in SPA.attributes}


async def test_free_text_and_bytes_stay_out_of_the_diagnostics(
    hass: HomeAssistant, simulation: Simulation, hass_client: ClientSessionGenerator
) -> None:
    lamp = _gizwits(simulation, LAMP)
    entry = await add_account(hass, simulation, "gizwits_open")
    device = (await _of_device(hass, hass_client, entry, part=False, device_id=lamp.did))["device"]
    assert device["datapoints"]["Timer01"]["value"] == REDACTED
    assert device["datapoints"]["Timer01"]["platform"] == "sensor"
    assert device["datapoints"]["Mode"]["value"] == "1"


@pytest.mark.parametrize("part", [False, True])
async def test_the_diagnostics_of_a_part_describe_its_device(
    hass: HomeAssistant, simulation: Simulation, hass_client: ClientSessionGenerator, part: bool
) -> None:
    entry = await add_account(hass, simulation, "sodata")
    ups = next(device for device in simulation.sodata.devices.values() if device.name == "Masterys U2 CDS")
    content = await _of_device(hass, hass_client, entry, part=part, device_id=ups.uuid)
    assert content["device"]["has_gateway"] is True
    assert content["device"]["datapoints"]["Unit|1|144010"]["unit"] == "DEGREE_CELSIUS"
    assert content["device"]["datapoints"]["Load|0|145004"]["value"] == REDACTED


async def test_the_diagnostics_of_the_service_device_describe_no_device(
    hass: HomeAssistant, simulation: Simulation, hass_client: ClientSessionGenerator
) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    content = await _of_device(hass, hass_client, entry, part=False, device_id=str(entry.unique_id))
    assert content == {"device": None}


async def test_the_diagnostics_contain_the_failure_of_a_poll(
    hass: HomeAssistant, simulation: Simulation, hass_client: ClientSessionGenerator
) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    simulation.gizwits_open.faults.append(Fault(status=502, body="<html>"))
    await poll(hass, entry)
    polling = (await _of_entry(hass, hass_client, entry))["polling"]
    assert (polling["is_successful"], polling["error"]) == (False, "UpdateFailed")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", [Fault(drops=True), Fault(status=403, body="{}")], ids=["gone", "refused"])
async def test_an_account_that_could_not_be_set_up_has_diagnostics(
    hass: HomeAssistant, simulation: Simulation, hass_client: ClientSessionGenerator, kind: str, fault: Fault
) -> None:
    entry = make_entry(hass, simulation, kind, options={"interval": 1800})
    for server in simulation.servers:
        server.faults.append(fault)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is not ConfigEntryState.LOADED
    described = await _of_entry(hass, hass_client, entry)
    assert described["state"] == entry.state.value
    assert described["state_reason"] == entry.error_reason_translation_key
    assert described["entry"]["cloud"] == kind
    assert described["options"]["interval"] == 1800
    assert len(described["scopes"]) == len(entry.subentries)
    text = json.dumps(described)
    assert not [name for name in _names(simulation) if name in text]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_unloaded_account_and_its_devices_have_diagnostics(
    hass: HomeAssistant, simulation: Simulation, hass_client: ClientSessionGenerator, kind: str
) -> None:
    entry = await add_account(hass, simulation, kind)
    assert (await _of_entry(hass, hass_client, entry))["state"] == "loaded"
    await hass.config_entries.async_unload(entry.entry_id)
    registered = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    described = await _of_entry(hass, hass_client, entry)
    assert (described["state"], described["registered_devices"]) == ("not_loaded", len(registered))
    assert "polling" not in described
    for device in registered:
        of_device = await get_diagnostics_for_device(hass, hass_client, entry, device)
        assert (of_device["state"], of_device["device"]) == ("not_loaded", None)
