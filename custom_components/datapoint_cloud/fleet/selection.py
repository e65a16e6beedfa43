"""The devices of a fleet too large to list that are shown all the same: the chosen ones, and guests for a while.

Each is looked up by its id, one request a device, since a list of 100,000 devices takes a thousand. It knows neither
the fleet's states nor when it is called.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Final

from ..clouds import coerce
from ..clouds.administration import DeviceFinder, DeviceQuery
from ..clouds.client_store import ClientStore
from ..clouds.clock import is_due
from ..clouds.errors import CloudError
from ..clouds.model import Device

_EVERY: Final = timedelta(hours=1)
_PARALLEL: Final = 4
_MOST_AT_A_TIME: Final = 100
_GUESTS: Final = "guests"  # in the `ClientStore`
_LONGEST_VISIT: Final = timedelta(days=1)


type OnAnswer = Callable[[str, Device | None], None]
"""Receives the id of a device and the device as the cloud has it now, None if it has no such device."""


class Guests:
    """The devices that are shown for a while, by id, with the time until which they are. They outlive a restart."""

    def __init__(self, client_store: ClientStore) -> None:
        """Keep the guests in `client_store`."""
        self._client_store = client_store

    def until(self, now: datetime) -> Mapping[str, datetime]:
        """Return until when each guest is shown, without those whose time is over."""
        stored = coerce.fields(self._client_store.get(_GUESTS))
        ends = {device_id: coerce.timestamp(text) for device_id, text in stored.items()}
        # An end that is too far ahead was stored while the clock was wrong.
        return {device_id: end for device_id, end in ends.items() if end and now < end <= now + _LONGEST_VISIT}

    def add(self, device_id: str, until: datetime, now: datetime) -> None:
        """Show a device until a time, at most for a day."""
        guests = {**self.until(now), device_id: until}
        self._client_store.put(_GUESTS, {guest_id: end.isoformat() for guest_id, end in guests.items()})


class LookUp:
    """Looks devices up by their ids, each of them once an hour, the longest unseen first."""

    def __init__(self, finder: DeviceFinder, scope_count: int) -> None:
        """Look devices up with `finder` in one of so many scopes."""
        self._finder = finder
        self._scope_count = max(1, scope_count)
        self._looked_up_at: dict[str, datetime] = {}

    def mark_known(self, device_ids: Iterable[str], at: datetime) -> None:
        """Note that devices were looked up at a time, which may be before a restart."""
        self._looked_up_at.update(dict.fromkeys(device_ids, at))

    def due(
        self, device_ids: Collection[str], scopes: Mapping[str, str | None], now: datetime, allowance: float
    ) -> Sequence[str]:
        """Return which of these devices to look up now, at most a hundred, with at most `allowance` requests.

        A device whose scope is unknown may have to be looked for in every scope.
        """
        at = self._looked_up_at
        due = [device_id for device_id in device_ids if device_id not in at or is_due(at[device_id], _EVERY, now)]
        due.sort(key=lambda device_id: (at[device_id].timestamp() if device_id in at else 0.0, device_id))
        costs = accumulate(1 if scopes.get(device_id) else self._scope_count for device_id in due)
        return [device_id for device_id, cost in zip(due, costs, strict=True) if cost <= allowance][:_MOST_AT_A_TIME]

    async def async_look_up(
        self, device_ids: Sequence[str], scopes: Mapping[str, str | None], now: datetime, on_answer: OnAnswer
    ) -> None:
        """Look devices up, each in the scope where it was found before, and pass on every answer.

        Raises the first `CloudError` after the look-ups that were under way.
        """
        waiting = iter(device_ids)
        failures: list[CloudError] = []

        async def work() -> None:
            for device_id in waiting:
                if failures:
                    return
                try:
                    found = await self._finder.find(
                        DeviceQuery(scope=scopes.get(device_id), device_id=device_id, limit=1)
                    )
                except CloudError as error:
                    failures.append(error)
                    return
                self._looked_up_at[device_id] = now
                # A search by text may also find longer ids.
                on_answer(device_id, next((one.device for one in found if one.device.id == device_id), None))

        await asyncio.gather(*(work() for _ in range(min(_PARALLEL, len(device_ids)))))
        if failures:
            raise failures[0]
