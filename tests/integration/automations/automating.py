"""Automations as a user writes them, and the notes that their actions leave."""

from collections.abc import Mapping, Sequence
from typing import Any

from homeassistant.components.automation.const import DOMAIN as AUTOMATION
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.const import DOMAIN

MESSAGE = "{{ trigger.name }}: {{ trigger.message }}"


async def automate(
    hass: HomeAssistant,
    trigger: str,
    *,
    options: Mapping[str, Any] | None = None,
    target: Mapping[str, Any] | None = None,
    conditions: Sequence[Mapping[str, Any]] = (),
    note: str = MESSAGE,
) -> list[str]:
    """Add an automation with one of our triggers; return the list to which it adds a note at each run."""
    config: dict[str, Any] = {"trigger": trigger if "." in trigger else f"{DOMAIN}.{trigger}"}
    config |= {"options": dict(options)} if options is not None else {}
    config |= {"target": dict(target)} if target is not None else {}
    return await add_automation(
        hass,
        {
            "triggers": [config],
            "conditions": list(conditions),
            "actions": [{"action": "test.note", "data": {"text": note}}],
            "mode": "queued",
            "max": 100,
        },
    )


async def add_automation(hass: HomeAssistant, config: Mapping[str, Any]) -> list[str]:
    """Add an automation; return the list to which `test.note` adds."""
    notes = record_notes(hass)
    assert await async_setup_component(hass, AUTOMATION, {AUTOMATION: [{"alias": "Test", "id": "test", **config}]})
    await hass.async_block_till_done()
    state = hass.states.get("automation.test")
    assert state is not None
    assert state.state == "on", "the automation is not valid"
    return notes


def record_notes(hass: HomeAssistant) -> list[str]:
    """Offer the action `test.note`; return the list to which it adds."""
    notes: list[str] = []

    async def note(call: ServiceCall) -> None:
        notes.append(str(call.data["text"]))

    hass.services.async_register("test", "note", note)
    return notes


def device_of(hass: HomeAssistant, entry: MockConfigEntry, device_id: str) -> dr.DeviceEntry:
    """Return a device as it is registered."""
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, device_id), entry.entry_id)
    assert device is not None
    return device
