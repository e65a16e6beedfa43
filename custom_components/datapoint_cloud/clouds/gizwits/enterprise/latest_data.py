"""Reads the newest report of a device: the last row of its history, since there is no endpoint for it.

A request without a window covers the past two days. Older reports, up to a week, are requested once in a device's life.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from ...client_store import ClientStore
from ...errors import Rejected, UnexpectedAnswer
from ...model import Device
from ..paging import Row
from ..wire_values import row_timestamp
from .device_logs import DeviceLogs, Log

_DAY: Final = 86_400
_MARGIN: Final = 60  # seconds by which our clock and the server's may differ
_LOOKED_BACK: Final = "looked back"
_NO_TIMESTAMP: Final = datetime.min.replace(tzinfo=UTC)


class LatestData:
    """The newest report of each device."""

    def __init__(self, logs: DeviceLogs, client_store: ClientStore) -> None:
        """Request rows from `logs`; keep in `client_store` which devices were searched for older reports."""
        self._logs = logs
        self._client_store = client_store

    async def row(self, device: Device) -> Row | None:
        """Return the newest row of a device's history; None if the device reported nothing in that time.

        Raises any `CloudError`.
        """
        return _newest(await self._logs.newest(device)) or await self._older_row(device)

    async def _older_row(self, device: Device) -> Row | None:
        if device.id in self._looked_back:
            return None
        row = None
        for start, end in _windows(time.time()):
            try:
                rows = await self._logs.newest(device, start, end)
            except Rejected:
                continue
            if (row := _newest(rows)) is not None:
                break
        # Read the list again: other devices may have been added while we waited.
        self._client_store.put(_LOOKED_BACK, [*self._looked_back, device.id])
        return row

    @property
    def _looked_back(self) -> list[str]:
        done = self._client_store.get(_LOOKED_BACK)
        return done if isinstance(done, list) else []


def _windows(now: float) -> Iterator[tuple[int, int]]:
    """Yield the windows between seven and two days ago, each of at most two days, newest first."""
    oldest = int(now) - 7 * _DAY + _MARGIN
    end = int(now) - 2 * _DAY
    while end > oldest:
        start = max(oldest, end - 2 * _DAY)
        yield start, end
        end = start


def _newest(rows: list[Row]) -> Row | None:
    reports = [row for row in rows if isinstance(row.get("attrs"), dict)]
    if rows and not reports:
        raise UnexpectedAnswer(endpoint=Log.REPORTS)
    return max(reports, key=lambda row: row_timestamp(row) or _NO_TIMESTAMP, default=None)
