"""The time zones of devices: from the list of devices, until an answer names another one."""

import asyncio
from datetime import tzinfo
from zoneinfo import ZoneInfo

from ..model import Device


class DeviceZones:
    """The time zones of one account's devices."""

    def __init__(self) -> None:
        """Begin without any zone."""
        self._by_name: dict[str, tzinfo | None] = {}
        self._learned: dict[str, tzinfo] = {}  # by device

    async def of(self, device: Device) -> tzinfo | None:
        """Return the zone of a device; None if neither an answer nor the list names one."""
        return self._learned.get(device.id) or await self.named(device.time_zone)

    async def named(self, name: str | None) -> tzinfo | None:
        """Return the zone of this name; None if there is no such zone."""
        if name is not None and name not in self._by_name:
            try:
                # In a thread, since this reads a file.
                self._by_name[name] = await asyncio.to_thread(ZoneInfo, name)
            except KeyError, ValueError, OSError:
                self._by_name[name] = None
        return None if name is None else self._by_name[name]

    def learn(self, device: Device, zone: tzinfo) -> None:
        """Prefer the zone of an answer to that of the list."""
        self._learned[device.id] = zone
