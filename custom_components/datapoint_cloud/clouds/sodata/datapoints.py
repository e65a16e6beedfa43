"""The bodies and answers of `PUT datapoints` ("History").

Pure, and lenient with answers: a row that is not as the document shows it costs the row, not the series.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from .. import coerce
from ..errors import Reason, Rejected, UnexpectedAnswer
from ..history import Aggregation, Period, Series
from ..model import Value

ENDPOINT = "/ca/{ca}/datapoints"

_IDENTITY = ("deviceUuid", "itemType", "itemIndex", "serviceId")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What to request of each series: every value if `period` is None, else one `aggregation` per period."""

    period: Period | None = None
    aggregation: Aggregation | None = None


@dataclass(frozen=True, slots=True)
class SeriesAnswer:
    """The rows of one series in the order of the answer, and the name of the time zone that the server used.

    `is_damaged`: some rows could not be read, so the series is not complete.
    """

    rows: tuple[tuple[datetime, Value], ...]
    time_zone: str | None
    is_damaged: bool = False


def check(series: Series) -> None:
    """Raise `Rejected` with the key unless it has the vendor's form "item type|item index|service id"."""
    parts = series.key.split("|")
    if len(parts) != 3 or not all(part.strip() for part in parts):
        raise Rejected(Reason.INVALID_REQUEST, subject=series.key)


def body(query: Query, series: Sequence[Series], start: datetime, end: datetime, zone: tzinfo | None) -> dict[str, Any]:
    """Return the body that requests exact instants if `zone` is None, else local times of that zone."""
    aggregation = {} if query.aggregation is None else {"aggregation": query.aggregation.value}
    return {
        "from": _time(start, zone),
        "to": _time(end, zone),
        "timezone": "UTC",
        "useDeviceLocalTimezone": zone is not None,
        "granularity": "raw" if query.period is None else query.period.value,
        "series": [dict(zip(_IDENTITY, _identity(one), strict=True)) | aggregation for one in series],
    }


def _time(timestamp: datetime, zone: tzinfo | None) -> str:
    # The server ignores the Z and reads a local time of the device, as the document's example shows.
    return timestamp.astimezone(zone or UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _identity(series: Series) -> tuple[str, ...]:
    return (series.device.id, *(part.strip() for part in series.key.split("|")))


def read(answer: Any, requested: Sequence[Series], query: Query) -> dict[Series, SeriesAnswer]:
    """Read the answer for each requested series. Raises `UnexpectedAnswer` for an answer without a list of series.

    Series are recognised by their identity, and by their order only in an answer that does not repeat it.
    """
    listed = coerce.fields(answer).get("series")
    if not isinstance(listed, list):
        raise UnexpectedAnswer(endpoint=ENDPOINT)
    known = {_identity(series): series for series in requested}
    found: dict[Series, SeriesAnswer] = {}
    for number, record in enumerate(listed):
        entry = coerce.fields(record)
        echoed = coerce.text(entry.get("aggregation"))
        if not entry or (echoed and query.aggregation and echoed.lower() != query.aggregation):
            continue
        identity = tuple(coerce.text(entry.get(name)) for name in _IDENTITY)
        series = known.get(tuple(map(str, identity)))
        if series is None and None in identity and len(listed) == len(requested):
            series = requested[number]
        if series is not None:
            earlier = found.get(series, SeriesAnswer((), None))
            rows, is_whole = _rows(entry, is_raw=query.period is None)
            found[series] = SeriesAnswer(
                (*earlier.rows, *rows),
                coerce.text(entry.get("deviceTimeZone")),
                is_damaged=earlier.is_damaged or not is_whole,
            )
    return found


def _rows(entry: Mapping[str, Any], *, is_raw: bool) -> tuple[list[tuple[datetime, Value]], bool]:
    """Return the rows of a series, and whether all of them could be read."""
    data = entry.get("data")
    is_whole = data is None or isinstance(data, list)
    rows: list[tuple[datetime, Value]] = []
    for point in map(coerce.fields, data if isinstance(data, list) else ()):
        at, value = coerce.timestamp(point.get("at")), point.get("value")
        number = coerce.number(value)
        if at is not None and number is not None:
            rows.append((at, number))
        elif at is not None and is_raw and (isinstance(value, bool) or coerce.text(value) is not None):
            # The document shows only numbers, but last values of states are texts.
            rows.append((at, value if isinstance(value, bool) else str(value)))
        else:
            # An empty bucket may be null, or have no value at all.
            is_whole &= at is not None and value is None and ("value" in point or not is_raw)
    return rows, is_whole
