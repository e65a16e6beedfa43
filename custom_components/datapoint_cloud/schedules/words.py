"""The words of a slot: `{"start": "07:30", "end": "22:00", "mode": "sine_wave", "flow": 60}`.

It knows neither bytes nor devices.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

type Word = str | int | float
type SlotWords = dict[str, Word]

START: Final = "start"
END: Final = "end"
WEEKDAY: Final = "weekday"
SLOT: Final = "slot"
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MINUTES_OF_A_DAY: Final = 24 * 60

_TIME: Final = re.compile(r"(\d{1,2}):(\d{2})(?::00)?")


class ScheduleError(ValueError):
    """Slots that a device cannot have. `key` names the text that says what would be right."""

    def __init__(self, key: str, **placeholders: str) -> None:
        super().__init__(key)
        self.key = key
        self.placeholders = placeholders


@contextmanager
def of_slot(position: int) -> Iterator[None]:
    """Say in an error which slot of the list is wrong, counted from 1."""
    try:
        yield
    except ScheduleError as error:
        error.placeholders.setdefault("slot", str(position))
        raise


def time_word(hour: int, minute: int) -> str:
    """Return a time of the day; it is not checked, because a device may store anything."""
    return f"{hour:02}:{minute:02}"


def word_of_minutes(minutes: int) -> str:
    """Return the time so many minutes after midnight."""
    return time_word(*divmod(minutes, 60))


def minutes_of(word: object, *, latest: int = MINUTES_OF_A_DAY) -> int | None:
    """Return the minutes from midnight to a time of the day; None if it is no time, or later than `latest`."""
    if isinstance(word, int) and not isinstance(word, bool):
        minutes = word  # YAML reads 22:00 without quotes as the number 1320
    elif isinstance(word, str) and (found := _TIME.fullmatch(word.strip())) is not None and int(found[2]) < 60:
        minutes = 60 * int(found[1]) + int(found[2])
    else:
        return None
    return minutes if 0 <= minutes <= latest else None


def without(words: Mapping[str, Word], *names: str) -> SlotWords:
    """Return the words of a slot without some of them."""
    return {name: word for name, word in words.items() if name not in names}


def listed(words: Mapping[str, object] | list[str] | tuple[str, ...]) -> str:
    """Return words as a list for a text."""
    return ", ".join(words)
