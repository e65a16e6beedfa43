"""The newest report of a device, for which the Enterprise API has no endpoint of its own.

It is the last row of the device's history. The rows asked for without a window are those of the past two days; older
ones, up to a week, are asked for once in a device's life.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from .. import wire
from ..budget import Purpose
from ..errors import Forbidden, Reason, Rejected, UnexpectedAnswer
from ..memory import Memory
from ..model import Device
from . import spellings
from .product_access import ProductAccess

_PATH: Final = "/devices/{did}/data"
_DAY: Final = 86_400
_MARGIN: Final = 60  # seconds between our clock and the server's at the far end of the week
_LOOKED_BACK: Final = "looked back"
_IN_MILLISECONDS: Final = "windows in milliseconds"

type Row = Mapping[str, Any]


class LatestData:
    """Newest reports, by device."""

    def __init__(self, access: ProductAccess, memory: Memory) -> None:
        """Ask through `access`; keep in `memory` what need not be asked again."""
        self._access = access
        self._memory = memory

    async def row(self, device: Device) -> Row | None:
        """The newest row of a device's history; None where it reported nothing within the time asked for.

        Raises `Forbidden` (FEATURE_NOT_GRANTED, with the product key) for a day without asking again once the vendor
        has refused the history of a product, and any other `CloudError`.
        """
        slot = f"no data of {device.schema_id}"
        if time.time() < (wire.number(self._memory.get(slot)) or 0):
            raise Forbidden(Reason.FEATURE_NOT_GRANTED, subject=device.schema_id)
        try:
            return _newest(await self._rows(device)) or await self._older_row(device)
        except Forbidden as error:
            if error.reason is Reason.FEATURE_NOT_GRANTED:
                self._memory.put(slot, time.time() + _DAY)
            raise

    async def _older_row(self, device: Device) -> Row | None:
        if device.id in self._looked_back:
            return None
        row = None
        for start, end in _windows(time.time()):
            if (row := _newest(await self._rows_between(device, start, end))) is not None:
                break
        # Others were looked back for meanwhile.
        self._memory.put(_LOOKED_BACK, [*self._looked_back, device.id])
        return row

    @property
    def _looked_back(self) -> list[str]:
        done = self._memory.get(_LOOKED_BACK)
        return done if isinstance(done, list) else []

    async def _rows_between(self, device: Device, start: int, end: int) -> list[Row]:
        # No document tells the unit of the window: the rows of an answer do.
        if self._memory.get(_IN_MILLISECONDS):
            return await self._rows(device, start_ts=start * 1000, end_ts=end * 1000)
        try:
            rows = await self._rows(device, start_ts=start, end_ts=end)
            if not rows or _any_between(rows, start, end):
                return rows
        except Rejected:
            pass
        try:
            rows = await self._rows(device, start_ts=start * 1000, end_ts=end * 1000)
        except Rejected:
            return []
        if _any_between(rows, start, end):
            self._memory.put(_IN_MILLISECONDS, value=True)
        return rows

    async def _rows(self, device: Device, **window: int) -> list[Row]:
        params = {"limit": 1, "sort": "desc", **window}
        body = await self._access.request(
            device.schema_id, "GET", _PATH, parts={"did": device.id}, params=params, purpose=Purpose.POLLING
        )
        rows = wire.fields(body).get("objects")
        if not isinstance(rows, list):
            raise UnexpectedAnswer(endpoint=_PATH)
        found = [row for row in wire.records(rows) if isinstance(row.get("attrs"), dict)]
        if rows and not found:
            raise UnexpectedAnswer(endpoint=_PATH)
        return found


def _windows(now: float) -> Iterator[tuple[int, int]]:
    """The windows of at most two days that lie behind the past two days and within the past seven."""
    oldest = int(now) - 7 * _DAY + _MARGIN
    end = int(now) - 2 * _DAY
    while end > oldest:
        start = max(oldest, end - 2 * _DAY)
        yield start, end
        end = start


def _newest(rows: list[Row]) -> Row | None:
    return max(rows, key=lambda row: spellings.epoch_seconds(row.get("ts")) or 0, default=None)


def _any_between(rows: list[Row], start: int, end: int) -> bool:
    return any(start <= (spellings.epoch_seconds(row.get("ts")) or 0) <= end for row in rows)
