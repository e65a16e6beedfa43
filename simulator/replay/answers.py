"""Finds the recorded answer to a request.

The n-th request of a kind gets the n-th recorded answer, and the last successful one again and again afterwards. Times
in a request may differ from the recorded ones, as long as a range of time is about the same.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from .recording import Exchange, Recording
from .times import Shift

_SIMILAR = 0.25  # the part of a range by which the lengths of those of one kind differ
_TOLERANCE = 900  # seconds: how far the ends of a range may differ


class Answers:
    """The recorded answers of one account."""

    def __init__(self, recording: Recording, shift: Shift, *, ignores_times: bool) -> None:
        """Look for answers among those of a recording. `ignores_times` accepts any range of time."""
        self._exchanges = recording.exchanges
        self._shift = shift
        self._ignores_times = ignores_times
        self._served: Counter[tuple[int, ...]] = Counter()

    def find(self, method: str, path: str, query: Mapping[str, str], sent: Any) -> Exchange | None:
        """Return the recorded answer to a request; None if there is none."""
        matching = [
            exchange
            for exchange in self._exchanges
            if exchange.method == method and exchange.path == path and self._is_like(exchange, query, sent)
        ]
        if not matching:
            return None
        if self._ignores_times:
            matching = self._of_similar_range(matching, query)
        group = tuple(map(id, matching))
        number = self._served[group]
        self._served[group] += 1
        if number < len(matching):
            return matching[number]
        return next((exchange for exchange in reversed(matching) if exchange.is_success), matching[-1])

    def _of_similar_range(self, exchanges: list[Exchange], query: Mapping[str, str]) -> list[Exchange]:
        """Return those whose range is about as long as the closest one: usage of today is none of two days."""
        wanted = self._range_seconds(query)
        lengths = [self._range_seconds(exchange.query) for exchange in exchanges]
        closest = min(lengths, key=lambda length: abs(length - wanted))
        return [
            exchange
            for exchange, length in zip(exchanges, lengths, strict=True)
            if abs(length - closest) <= _SIMILAR * closest
        ]

    def _range_seconds(self, query: Mapping[str, str]) -> float:
        times = [time for value in query.values() if (time := self._shift.epoch(value)) is not None]
        return max(times) - min(times) if times else 0.0

    def _is_like(self, exchange: Exchange, query: Mapping[str, str], sent: Any) -> bool:
        wanted, recorded = _leaves([dict(query), sent]), _leaves([dict(exchange.query), exchange.sent])
        if wanted.keys() != recorded.keys():
            return False
        times: list[float] = []
        for name, value in wanted.items():
            if value == recorded[name]:
                continue
            now, then = self._shift.epoch(_single(value)), self._shift.epoch(_single(recorded[name]))
            if then is None or (now is None and not self._ignores_times):
                return False
            times.append(abs((now or then) - then - self._shift.seconds))
        return self._ignores_times or len(times) < 2 or max(times) <= _TOLERANCE


def _leaves(value: Any) -> dict[str, Counter[str]]:
    """Return the values of a body by their paths; the order in lists does not matter."""
    found: dict[str, Counter[str]] = {}
    for path, leaf in _walk(value, ""):
        found.setdefault(path, Counter())[str(leaf)] += 1
    return found


def _walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    match value:
        case dict():
            for key, item in value.items():
                yield from _walk(item, f"{path}.{key}")
        case list():
            for item in value:
                yield from _walk(item, path)
        case _:
            yield path, value


def _single(values: Counter[str]) -> str | None:
    """Return the only value of a field; None if it has several."""
    return next(iter(values)) if values.total() == 1 else None
