"""The wire of `PUT datapoints`: what a question about the past looks like, and what its answer says ("History").

Pure, and lenient with answers: what is not as the document shows it costs a row, not the series.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from .. import coerce
from ..errors import Reason, Rejected
from ..history import Aggregation, Period, Series
from ..model import Value

_IDENTITY = ("deviceUuid", "itemType", "itemIndex", "serviceId")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of each series: every value if `period` is None, else one `aggregation` for each period."""

    period: Period | None = None
    aggregation: Aggregation | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer says of one series, in its order. `time_zone` is the name of the zone it counted in.

    `is_damaged`: some of its rows cannot be read, so that nobody could tell what is missing.
    """

    rows: tuple[tuple[datetime, Value], ...]
    time_zone: str | None
    is_damaged: bool = False


def check(series: Series) -> None:
    """Raise `Rejected` with the key if it is not the vendor's "item type|item index|service id"."""
    parts = series.key.split("|")
    if len(parts) != 3 or not all(part.strip() for part in parts):
        raise Rejected(Reason.INVALID_REQUEST, subject=series.key)


def body(
    question: Question, series: Sequence[Series], start: datetime, end: datetime, zone: tzinfo | None
) -> dict[str, Any]:
    """Ask for exact instants if `zone` is None, else for what the clock on the wall of that zone showed."""
    aggregation = {} if question.aggregation is None else {"aggregation": question.aggregation.value}
    return {
        "from": _time(start, zone),
        "to": _time(end, zone),
        "timezone": "UTC",
        "useDeviceLocalTimezone": zone is not None,
        "granularity": "raw" if question.period is None else question.period.value,
        "series": [dict(zip(_IDENTITY, _identity(one), strict=True)) | aggregation for one in series],
    }


def _time(moment: datetime, zone: tzinfo | None) -> str:
    # In the device's own zone the Z is ignored, as the document's example shows.
    return moment.astimezone(zone or UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _identity(series: Series) -> tuple[str, ...]:
    return (series.device.id, *(part.strip() for part in series.key.split("|")))


def told(answer: Any, asked: Sequence[Series], question: Question) -> dict[Series, Told] | None:
    """Read what the answer says of the series that were `asked` for; None where it says nothing of any series.

    They are told apart by what identifies them, and by their order only where an answer does not repeat that.
    """
    listed = coerce.fields(answer).get("series")
    if not isinstance(listed, list):
        return None
    known = {_identity(series): series for series in asked}
    found: dict[Series, Told] = {}
    for number, record in enumerate(listed):
        entry = coerce.fields(record)
        echoed = coerce.text(entry.get("aggregation"))
        if not entry or (echoed and question.aggregation and echoed.lower() != question.aggregation):
            continue
        identity = tuple(coerce.text(entry.get(name)) for name in _IDENTITY)
        series = known.get(tuple(map(str, identity)))
        if series is None and None in identity and len(listed) == len(asked):
            series = asked[number]
        if series is not None:
            earlier = found.get(series, Told((), None))
            rows, is_whole = _rows(entry, is_raw=question.period is None)
            found[series] = Told(
                (*earlier.rows, *rows),
                coerce.text(entry.get("deviceTimeZone")),
                is_damaged=earlier.is_damaged or not is_whole,
            )
    return found


def _rows(entry: Mapping[str, Any], *, is_raw: bool) -> tuple[list[tuple[datetime, Value]], bool]:
    """The rows of a series, and whether all of them could be read."""
    data = entry.get("data")
    is_whole = data is None or isinstance(data, list)
    rows: list[tuple[datetime, Value]] = []
    for point in map(coerce.fields, data if isinstance(data, list) else ()):
        at, value = coerce.timestamp(point.get("at")), point.get("value")
        number = coerce.number(value)
        if at is not None and number is not None:
            rows.append((at, number))
        elif at is not None and is_raw and (isinstance(value, bool) or coerce.text(value) is not None):
            # Numbers are all the document shows, but states are texts among the last values.
            rows.append((at, value if isinstance(value, bool) else str(value)))
        else:
            is_whole &= at is not None and value is None and "value" in point
    return rows, is_whole
