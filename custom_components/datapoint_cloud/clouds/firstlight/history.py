"""What was used in a time that is over: any range of a query the user named, as one list of figures.

How it is asked for is the API's business, which numbers an answer holds the mapping's.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from ..errors import CloudError, Reason, Rejected, UnexpectedAnswer
from ..history import HistoryCapabilities, HistoryResult, NoHistory, Usage
from .mapping import Figures
from .paging import ENDPOINT


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What is asked of a query: usage since `start`, until `end`."""

    start: datetime
    end: datetime
    period: str
    group_by: str | None


type Read = Callable[[str, Window], Awaitable[tuple[Figures, CloudError | None]]]
"""Asks the query of this id; answers the figures, and why some are missing. Raises when all are."""


class FirstlightHistory(NoHistory):
    """The usage of one account. Nothing else is kept of its past, and nothing says what a row's time stands for."""

    capabilities = HistoryCapabilities(has_usage=True)

    def __init__(self, read: Read) -> None:
        """Ask with `read`."""
        self._read = read

    async def usage(
        self, scope_id: str, start: datetime, end: datetime, *, period: str, group_by: str | None
    ) -> HistoryResult[Usage]:
        """Ask one query ("User usage aggregate").

        Raises `Forbidden` (WRONG_QUERY, with the parameter) for what the server does not take, `Rejected` for a range
        that ends before it begins ("toDate") or a query that is not there.
        """
        if end < start:
            raise Rejected(Reason.INVALID_REQUEST, subject="toDate")
        figures, stopped_by = await self._read(
            scope_id, Window(start=start, end=end, period=period, group_by=group_by or None)
        )
        rows = [
            Usage(value=figure.number, label=figure.label, at=figure.time)
            for figure in figures.parts
            if figure.number is not None
        ]
        if figures.skipped and stopped_by is None:
            stopped_by = UnexpectedAnswer(endpoint=ENDPOINT)
        # Rows without a time stay where the server put them, before those with one.
        rows.sort(key=lambda row: 0.0 if row.at is None else row.at.timestamp())
        # Pages are no ranges: with one missing, or a row that cannot be read, nothing is complete.
        return HistoryResult(
            rows=tuple(rows), start=start, end=end if stopped_by is None else start, stopped_by=stopped_by
        )
