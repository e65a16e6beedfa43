"""Marks for the listeners what changed in a device itself: its page, its place, its problem and its profile.

Its readings are marked where they are merged.
"""

from homeassistant.core import callback

from ..clouds.model import Device
from .device_state import DeviceState
from .listeners import EntityKey, ListenerRegistry
from .presentation import PLACE, PROBLEM, PROFILE


@callback
def async_mark_device_changes(
    listeners: ListenerRegistry, state: DeviceState, before: Device, *, had_problem: bool | None
) -> None:
    """Mark what is different in a device from before."""
    device = state.device
    gets_map = before.latitude is None and device.latitude is not None
    if gets_map or _has_other_page(before, device):
        listeners.async_mark_inventory_changed()
    if state.has_problem != had_problem:
        listeners.async_mark_changed([EntityKey(device.id, PROBLEM)])
    if (before.latitude, before.longitude) != (device.latitude, device.longitude):
        listeners.async_mark_changed([EntityKey(device.id, PLACE)])
    if device.is_profile_current is not before.is_profile_current:
        listeners.async_mark_changed([EntityKey(device.id, PROFILE)])


def _has_other_page(before: Device, after: Device) -> bool:
    """Whether the page of the device in Home Assistant shows something else, beside its entities."""
    return any(
        getattr(before, name) != getattr(after, name)
        for name in ("name", "model", "sw_version", "hw_version", "gateway_id", "serial_number", "schema_id")
    )
