"""In which time zone a device counts its days: what its listing says, until an answer says otherwise."""

import asyncio
from datetime import tzinfo
from zoneinfo import ZoneInfo

from ..model import Device


class DeviceZones:
    """The time zones of one account's devices."""

    def __init__(self) -> None:
        """Know none."""
        self._by_name: dict[str, tzinfo | None] = {}
        self._learned: dict[str, tzinfo] = {}  # by device

    async def of(self, device: Device) -> tzinfo | None:
        """The zone of a device; None where nobody says."""
        return self._learned.get(device.id) or await self.named(device.time_zone)

    async def named(self, name: str | None) -> tzinfo | None:
        """The zone of this name; None where there is none."""
        if name is not None and name not in self._by_name:
            try:
                # Off the loop: a zone is a file.
                self._by_name[name] = await asyncio.to_thread(ZoneInfo, name)
            except KeyError, ValueError, OSError:
                self._by_name[name] = None
        return None if name is None else self._by_name[name]

    def learn(self, device: Device, zone: tzinfo) -> None:
        """Believe an answer more than the listing."""
        self._learned[device.id] = zone
