"""Moves the times in recorded answers, so that a recording can be replayed on another day."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

_YEAR = 365 * 86400
_NO_TIMES = frozenset({"attr", "attrs", "enum", "payload", "position", "raw", "uint_spec", "value"})
"""Fields below which nothing is a time of the cloud."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:?\d\d)?")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class Shift:
    """Moves times by `seconds`; whatever lies within some years of the recording counts as one."""

    def __init__(self, started_at: float, seconds: float) -> None:
        """Move the times of a recording that began at `started_at` (epoch seconds)."""
        self.seconds = round(seconds)
        self._earliest, self._latest = started_at - 3 * _YEAR, started_at + 2 * _YEAR

    def moved(self, value: Any) -> Any:
        """Return decoded JSON with all its times moved."""
        match value:
            case _ if not self.seconds:
                moved = value
            case dict():
                moved = {key: item if key in _NO_TIMES else self.moved(item) for key, item in value.items()}
            case list():
                moved = [self.moved(item) for item in value]
            case str():
                moved = self._moved_text(value)
            case _:
                epoch = self.epoch(value)
                moved = value if epoch is None else value + self.seconds * round(value / epoch)
        return moved

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return headers with their times moved."""
        return {name: str(self.moved(_number(value))) for name, value in headers.items()}

    def epoch(self, value: object) -> float | None:
        """Return the epoch seconds that a value stands for: a number, or a text of digits or in ISO 8601."""
        if isinstance(value, str):
            if _TIME.fullmatch(value) or _DAY.fullmatch(value):
                return datetime.fromisoformat(value).astimezone().timestamp()
            value = _number(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        seconds = value / 1000 if value > self._latest else value
        return seconds if self._earliest <= seconds <= self._latest else None

    def _moved_text(self, text: str) -> str:
        if _DAY.fullmatch(text):
            return (date.fromisoformat(text) + timedelta(days=round(self.seconds / 86400))).isoformat()
        if not _TIME.fullmatch(text):
            return text
        moved = datetime.fromisoformat(text) + timedelta(seconds=self.seconds)
        precision = "milliseconds" if "." in text else "seconds"
        return moved.isoformat(timespec=precision).replace("+00:00", "Z" if text.endswith("Z") else "+00:00")


def _number(text: str) -> str | int:
    return int(text) if text.isascii() and text.isdigit() and len(text) >= 10 else text
