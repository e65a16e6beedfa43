"""Usage of past ranges. The requests are in `api`, the numbers of an answer in `mapping`."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from ..errors import AuthFailed, CloudError, RateLimited, Reason, Rejected, UnexpectedAnswer, Unreachable
from ..history import HistoryCapabilities, HistoryResult, NoHistory, Period, Series, Usage
from ..model import Reading
from ..windows import begin_of, end_of
from . import mapping
from .mapping import UsageNumbers
from .paging import ENDPOINT
from .query import UsageQuery, Window

type ReadUsage = Callable[[str, Window], Awaitable[tuple[UsageNumbers, CloudError | None]]]
"""Reads the query of this id. Returns the numbers and the error that makes them incomplete; raises without numbers."""

_TOTALS_RETENTION = timedelta(days=366)  # a request for each day; the document does not say how far back usage goes
_TOLERANCE = timedelta(days=1)  # the zone of a row's time is not documented


class FirstlightHistory(NoHistory):
    """The usage of one account. The document does not explain what the time of a row stands for."""

    capabilities = HistoryCapabilities(has_usage=True, totals_retention=_TOTALS_RETENTION)

    def __init__(self, read: ReadUsage, queries: Mapping[str, UsageQuery], time_zone: tzinfo) -> None:
        """Read `queries`, by their ids, with `read`. Their periods begin at midnight of `time_zone`."""
        self._read = read
        self._queries = queries
        self._time_zone = time_zone

    async def totals(
        self, series: Sequence[Series], start: datetime, end: datetime
    ) -> Mapping[Series, HistoryResult[Reading]]:
        """Read what queries had counted at the end of each day ("User usage aggregate"), one request for each.

        It reads the newest first: if an error ends it, what is older is missing. A series has no result if its query
        does not exist, or counts hours but knows dates only.
        """
        results: dict[Series, HistoryResult[Reading]] = {}
        for query_id in dict.fromkeys(one.device.id for one in series):
            query = self._queries.get(query_id)
            if query is not None and not (query.period == Period.HOUR and query.date_format == "date"):
                of_query = [one for one in series if one.device.id == query_id]
                results |= await self._totals_of_query(query, of_query, start, end)
        return results

    async def _totals_of_query(
        self, query: UsageQuery, series: Sequence[Series], start: datetime, end: datetime
    ) -> Mapping[Series, HistoryResult[Reading]]:
        readings: dict[str, list[Reading]] = {one.key: [] for one in series}
        complete_from, stopped_by = end, None
        for piece_start, piece_end in reversed(list(self._pieces(query, start, end))):
            try:
                found = await self._total(query, piece_end)
            except CloudError as error:
                if complete_from == end and isinstance(error, (AuthFailed, RateLimited, Unreachable)):
                    raise
                stopped_by = error
                break
            for key in readings.keys() & found.keys():
                readings[key].append(found[key])
            complete_from = piece_start
        return {
            one: HistoryResult(
                rows=tuple(reversed(readings[one.key])), start=complete_from, end=end, stopped_by=stopped_by
            )
            for one in series
        }

    def _pieces(self, query: UsageQuery, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the days of a range, or its hours if the query counts hours; the first and last may be cut off."""
        period = Period.HOUR if query.period == Period.HOUR else Period.DAY
        while start < end:
            piece_end = end_of(period, begin_of(period, start, self._time_zone), self._time_zone)
            if piece_end <= end or query.date_format != "date":  # a date would count the whole day
                yield start, min(piece_end, end)
            start = piece_end

    async def _total(self, query: UsageQuery, end: datetime) -> Mapping[str, Reading]:
        """Read what a query had counted at a time, by key of datapoint."""
        last_moment = end - datetime.resolution
        begin = mapping.start_of_period(query.period, last_moment, self._time_zone)
        window = Window(start=begin, end=end, period=query.period, group_by=query.group_by)
        numbers, stopped_by = await self._read(query.id, window)
        if stopped_by is not None and stopped_by.reason is not Reason.TOO_MANY_ROWS:
            raise stopped_by
        times = [number.time for number in numbers.all if number.time is not None]
        if any(not begin - _TOLERANCE <= time <= end + _TOLERANCE for time in times):
            raise UnexpectedAnswer(endpoint=ENDPOINT)  # the server answers for another range, such as the present
        return {
            key: Reading(value, last_moment.astimezone(UTC), begin.astimezone(UTC))
            for key, value in mapping.numbers_by_key(numbers).items()
            if value is not None
        }

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
