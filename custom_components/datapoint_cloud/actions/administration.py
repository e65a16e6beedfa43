"""The actions that administer an account: reports, searches, groups, users and bindings.

Each is defined where its part is; this table registers them all.
"""

from typing import Any, Final

from homeassistant.core import HomeAssistant, callback

from . import bindings, device_groups, find_devices, reports, show_device, users
from .account_action import AccountAction

ACTIONS: Final[tuple[AccountAction[Any], ...]] = (
    *reports.ACTIONS,
    *find_devices.ACTIONS,
    *show_device.ACTIONS,
    *device_groups.ACTIONS,
    *users.ACTIONS,
    *bindings.ACTIONS,
)


@callback
def async_setup_administration_actions(hass: HomeAssistant) -> None:
    """Register the actions."""
    for action in ACTIONS:
        action.async_register(hass)
