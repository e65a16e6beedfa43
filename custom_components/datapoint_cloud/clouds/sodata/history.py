"""The past of SoData's devices: what can be asked for, in which time zones, and what the answers mean.

How much is asked for at once is the pieces' business, how it is written the datapoints'.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo

from ..client_store import ClientStore
from ..errors import Rejected
from ..history import Aggregation, Bucket, HistoryCapabilities, HistoryResult, NoHistory, Period, Series
from ..model import Reading
from ..windows import end_of
from . import datapoints
from .datapoints import Question
from .limits import LONGEST, Caution, Limits
from .pieces import Ask, Progress, Work
from .zones import Zones


class SoDataHistory(NoHistory):
    """Every variable of every device, as it was or in buckets of any length ("History")."""

    # The document names no end.
    capabilities = HistoryCapabilities(
        readings_retention=LONGEST,
        buckets_retention=LONGEST,
        periods=frozenset(Period),
        aggregations=frozenset(Aggregation),
    )

    def __init__(self, ask: Ask, client_store: ClientStore) -> None:
        """Ask with `ask`; keep in `client_store` how much the server was seen to answer at once."""
        self._ask = ask
        self._client_store = client_store
        self._zones = Zones()
        self._caution = Caution()

    async def readings(
        self, series: Sequence[Series], start: datetime, end: datetime
    ) -> Mapping[Series, HistoryResult[Reading]]:
        """Every value, with its time."""
        read = await self._read(Question(), series, start, end, {})
        return {one: _past(start, of_one, _readings(of_one)) for one, of_one in read.items()}

    async def buckets(
        self,
        series: Sequence[Series],
        start: datetime,
        end: datetime,
        *,
        period: Period,
        aggregation: Aggregation,
        is_local: bool = False,
    ) -> Mapping[Series, HistoryResult[Bucket]]:
        """One number for each period. Minutes and hours are those of UTC, whatever `is_local` says."""
        zones: dict[Series, tzinfo] = {}
        if is_local and period not in {Period.MINUTE, Period.HOUR}:
            zones = {one: await self._zones.of(one.device) or UTC for one in series}
        read = await self._read(Question(period=period, aggregation=aggregation), series, start, end, zones)
        return {one: _past(start, of_one, _buckets(period, of_one)) for one, of_one in read.items()}

    async def _read(
        self,
        question: Question,
        series: Sequence[Series],
        start: datetime,
        end: datetime,
        zones: Mapping[Series, tzinfo],
    ) -> Mapping[Series, Progress]:
        progress = {one: Progress(until=start, zone=zones.get(one)) for one in series}
        for one, of_one in progress.items():
            try:
                datapoints.check(one)
            except Rejected as error:
                of_one.stopped_by = error
        limits = Limits(self._client_store, question.period, self._caution)
        await Work(self._ask, question, progress, start, end, limits=limits, zones=self._zones).do()
        return progress


def _past[Row](start: datetime, progress: Progress, rows: tuple[Row, ...]) -> HistoryResult[Row]:
    return HistoryResult(rows=rows, start=start, end=progress.until, stopped_by=progress.stopped_by)


def _readings(progress: Progress) -> tuple[Reading, ...]:
    return tuple(Reading(value, at) for at, value in sorted(progress.rows, key=lambda row: row[0]))


def _buckets(period: Period, progress: Progress) -> tuple[Bucket, ...]:
    zone = progress.zone or UTC
    numbers = {begin: float(value) for begin, value in progress.rows}
    return tuple(
        Bucket(start=begin, end=end_of(period, begin, zone), value=numbers[begin]) for begin in sorted(numbers)
    )
