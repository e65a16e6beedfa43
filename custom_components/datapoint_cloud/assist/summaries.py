"""Sums up what a datapoint showed in a range: pure functions over samples, each valid until the next one."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from homeassistant.util.json import JsonObjectType

from ..actions.time_range import TimeRange
from ..clouds.history import Period
from ..clouds.model import Value
from ..clouds.windows import begin_of, end_of
from ..statistics.rows import IncreaseTracker
from .devices import local


class Sample(NamedTuple):
    """A value from a time on; None: unknown."""

    at: datetime
    value: Value | None


type Summarize = Callable[[Sequence[Sample], TimeRange], JsonObjectType]
"""Sums up samples; the first may be from before the range, and is then the value at its start."""


def within(samples: Sequence[Sample], time_range: TimeRange) -> list[Sample]:
    """Return the samples of a range, and the last one before it."""
    earlier = [sample for sample in samples if sample.at < time_range.start]
    return earlier[-1:] + [sample for sample in samples if time_range.start <= sample.at < time_range.end]


def by_period(
    samples: Sequence[Sample], time_range: TimeRange, period: Period, zone: tzinfo, summarize: Summarize
) -> Iterator[JsonObjectType]:
    """Sum up each period of a range that has samples."""
    begin = begin_of(period, time_range.start, zone)
    while begin < time_range.end:
        end = end_of(period, begin, zone)
        part = TimeRange(max(begin, time_range.start), min(end, time_range.end))
        of_part = within(samples, part)
        if any(sample.at >= part.start for sample in of_part):
            yield {"start": local(begin), **summarize(of_part, part)}
        begin = end


def of_meter(samples: Sequence[Sample], time_range: TimeRange, *, is_increasing: bool) -> JsonObjectType:
    """Return by how much a meter grew; with `is_increasing`, a fall is a reset and counts from 0."""
    tracker = IncreaseTracker(None, is_increasing=is_increasing)
    return {"change": rounded(sum(tracker.increase(number) for _, number in _numbers(samples)))}


def of_number(samples: Sequence[Sample], time_range: TimeRange) -> JsonObjectType:
    """Return mean (weighted by time), extremes, and the values at both ends."""
    numbers = _numbers(samples)
    if not numbers:
        return {}
    ends = [*(at for at, _ in numbers[1:]), time_range.end]
    spans = [
        (max(0.0, (until - max(at, time_range.start)).total_seconds()), number)
        for (at, number), until in zip(numbers, ends, strict=True)
    ]
    seconds = sum(span for span, _ in spans)
    mean = sum(span * number for span, number in spans) / seconds if seconds else numbers[-1][1]
    low, high = min(numbers, key=lambda sample: sample[1]), max(numbers, key=lambda sample: sample[1])
    return {
        "average": rounded(mean),
        "minimum": rounded(low[1]),
        "minimum_at": local(max(low[0], time_range.start)),
        "maximum": rounded(high[1]),
        "maximum_at": local(max(high[0], time_range.start)),
        "first": rounded(numbers[0][1]),
        "last": rounded(numbers[-1][1]),
        "change": rounded(numbers[-1][1] - numbers[0][1]),
    }


def of_words(samples: Sequence[Sample], time_range: TimeRange) -> JsonObjectType:
    """Return for how many hours each value lasted, and how often it began."""
    hours: dict[str, float] = {}
    begun: dict[str, int] = {}
    before: str | None = None
    ends = [*(sample.at for sample in samples[1:]), time_range.end]
    for sample, until in zip(samples, ends, strict=True):
        word = "unknown" if sample.value is None else str(sample.value)
        span = (until - max(sample.at, time_range.start)).total_seconds() / 3600
        hours[word] = hours.get(word, 0.0) + max(0.0, span)
        if before is not None and word != before:
            begun[word] = begun.get(word, 0) + 1
        before = word
    return {"hours": {word: rounded(span) for word, span in hours.items()}, "times_begun": dict(begun)}


def rounded(number: float) -> float:
    """Return a number with three decimals."""
    return round(float(number), 3)


def _numbers(samples: Sequence[Sample]) -> list[tuple[datetime, float]]:
    return [
        (sample.at, sample.value)
        for sample in samples
        if isinstance(sample.value, int | float) and not isinstance(sample.value, bool)
    ]
