"""The actions on a device: activate, deactivate, repair, push its profile ("Devices")."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from ..administration import DeviceAction
from ..model import Device

_PATHS: Final[Mapping[DeviceAction, str]] = {
    DeviceAction.ACTIVATE: "/ca/{ca}/devices/{device}/activate",
    DeviceAction.DEACTIVATE: "/ca/{ca}/devices/{device}/deactivate",
    DeviceAction.REPAIR: "/ca/{ca}/devices/{device}/repair",
    DeviceAction.PUSH_PROFILE: "/ca/{ca}/devices/{device}/push-profile",
}


class SoDataDeviceActions:
    """The actions on the devices of one account. They change the installation, so nothing calls them by itself."""

    offered: Sequence[DeviceAction] = tuple(_PATHS)

    def __init__(self, put: Callable[[str, str], Awaitable[object]], read: Callable[[str], Awaitable[Device]]) -> None:
        """Send with `put` (template, uuid of the device), and read a device with `read`."""
        self._put = put
        self._read = read

    async def run(self, device_id: str, action: DeviceAction) -> None:
        """Carry out an action. Raises `Forbidden` (RIGHT_MISSING), `DeviceGone` or any other `CloudError`."""
        await self._put(_PATHS[action], device_id)

    async def read(self, device_id: str) -> Device:
        """Return the device as the cloud lists it now."""
        return await self._read(device_id)
