"""History of SoData's devices: every value of a variable, or buckets of any period ("History")."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo

from ..errors import Rejected
from ..history import Aggregation, Bucket, HistoryCapabilities, HistoryResult, NoHistory, Period, Series
from ..model import Reading
from ..windows import end_of
from . import datapoints
from .datapoints import Query
from .history_reader import HistoryReader, SendDatapoints, SeriesProgress
from .limits import RETENTION, Limits
from .zones import DeviceZones


class SoDataHistory(NoHistory):
    """The history of one account."""

    capabilities = HistoryCapabilities(
        readings_retention=RETENTION,
        buckets_retention=RETENTION,
        periods=frozenset(Period),
        aggregations=frozenset(Aggregation),
    )

    def __init__(self, send: SendDatapoints) -> None:
        """Send requests with `send`."""
        self._send = send
        self._zones = DeviceZones()
        self._limits: Mapping[Period | None, Limits] = {period: Limits() for period in (None, *Period)}

    async def readings(
        self, series: Sequence[Series], start: datetime, end: datetime
    ) -> Mapping[Series, HistoryResult[Reading]]:
        """Read every value with its timestamp."""
        read = await self._read(Query(), series, start, end, {})
        return {one: _result(start, progress, _readings(progress)) for one, progress in read.items()}

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
        """Read one number per period. Minutes and hours are those of UTC, whatever `is_local` is."""
        zones: dict[Series, tzinfo] = {}
        if is_local and period not in {Period.MINUTE, Period.HOUR}:
            zones = {one: await self._zones.of(one.device) or UTC for one in series}
        read = await self._read(Query(period=period, aggregation=aggregation), series, start, end, zones)
        return {one: _result(start, progress, _buckets(period, progress)) for one, progress in read.items()}

    async def _read(
        self,
        query: Query,
        series: Sequence[Series],
        start: datetime,
        end: datetime,
        zones: Mapping[Series, tzinfo],
    ) -> Mapping[Series, SeriesProgress]:
        progress = {one: SeriesProgress(until=start, zone=zones.get(one)) for one in series}
        for one, of_one in progress.items():
            try:
                datapoints.check(one)
            except Rejected as error:
                of_one.stopped_by = error
        limits = self._limits[query.period]
        await HistoryReader(self._send, query, progress, start, end, limits=limits, zones=self._zones).run()
        return progress


def _result[Row](start: datetime, progress: SeriesProgress, rows: tuple[Row, ...]) -> HistoryResult[Row]:
    return HistoryResult(rows=rows, start=start, end=progress.until, stopped_by=progress.stopped_by)


def _readings(progress: SeriesProgress) -> tuple[Reading, ...]:
    return tuple(Reading(value, timestamp) for timestamp, value in sorted(progress.rows, key=lambda row: row[0]))


def _buckets(period: Period, progress: SeriesProgress) -> tuple[Bucket, ...]:
    zone = progress.zone or UTC
    numbers = {begin: float(value) for begin, value in progress.rows}
    return tuple(
        Bucket(start=begin, end=end_of(period, begin, zone), value=numbers[begin]) for begin in sorted(numbers)
    )
