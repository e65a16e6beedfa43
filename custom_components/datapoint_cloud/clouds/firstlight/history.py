"""Usage of past ranges. The requests are in `api`, the numbers of an answer in `mapping`."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from ..errors import CloudError, Reason, Rejected, UnexpectedAnswer
from ..history import HistoryCapabilities, HistoryResult, NoHistory, Usage
from .mapping import UsageNumbers
from .paging import ENDPOINT
from .query import Window

type ReadUsage = Callable[[str, Window], Awaitable[tuple[UsageNumbers, CloudError | None]]]
"""Reads the query of this id. Returns the numbers and the error that makes them incomplete; raises without numbers."""


class FirstlightHistory(NoHistory):
    """The usage of one account, its only history. The document does not explain what the time of a row stands for."""

    capabilities = HistoryCapabilities(has_usage=True)

    def __init__(self, read: ReadUsage) -> None:
        """Read with `read`."""
        self._read = read

    async def usage(
        self, scope_id: str, start: datetime, end: datetime, *, period: str, group_by: str | None
    ) -> HistoryResult[Usage]:
        """Read the usage of one query ("User usage aggregate").

        Raises `Forbidden` (WRONG_QUERY, with the parameter) if the server refuses a parameter, `Rejected` for a range
        that ends before it begins ("toDate") or an unknown query.
        """
        if end < start:
            raise Rejected(Reason.INVALID_REQUEST, subject="toDate")
        numbers, stopped_by = await self._read(
            scope_id, Window(start=start, end=end, period=period, group_by=group_by or None)
        )
        rows = [
            Usage(value=number.value, label=number.label, at=number.time)
            for number in numbers.parts
            if number.value is not None
        ]
        if numbers.skipped and stopped_by is None:
            stopped_by = UnexpectedAnswer(endpoint=ENDPOINT)
        # Rows without a time come first, in the server's order.
        rows.sort(key=lambda row: 0.0 if row.at is None else row.at.timestamp())
        # A page covers no known range: with a page missing, or an unreadable row, no part of the range is complete.
        return HistoryResult(
            rows=tuple(rows), start=start, end=end if stopped_by is None else start, stopped_by=stopped_by
        )
