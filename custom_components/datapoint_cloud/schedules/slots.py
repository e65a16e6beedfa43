"""Schedules of slots that have times of their own, such as 48 periods of a pump or 24 doses of a dosing head."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import override

from .schedule import Occurrence, Place, Schedule, Values
from .words import (
    END,
    SLOT,
    START,
    WEEKDAY,
    WEEKDAYS,
    ScheduleError,
    SlotWords,
    Word,
    listed,
    minutes_of,
    of_slot,
    without,
)


@dataclass(frozen=True, slots=True)
class _Given:
    """A slot of a call, and its position in the list, counted from 1."""

    position: int
    words: Mapping[str, Word]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotSchedule(Schedule):
    """A schedule of slots, each with a number from 1 on. A slot all of whose bytes are one of `empty` is unused."""

    empty: tuple[int, ...]

    @property
    @override
    def limits(self) -> Mapping[str, int]:
        return {"most_slots": len(self.places)}

    @override
    def is_in(self, values: Values) -> bool:
        return any(place.is_in(values) for place in self.places)

    @override
    def read(self, values: Values) -> list[SlotWords]:
        slots: list[SlotWords] = []
        for number, place in self._used(values):
            weekday: SlotWords = {} if place.weekday is None else {WEEKDAY: place.weekday}
            slots.append({SLOT: number} | weekday | place.layout.read(place.get(values)))
        return slots

    @override
    def occurrences(self, values: Values) -> Iterator[Occurrence]:
        for _, place in self._used(values):
            words = place.layout.read(place.get(values))
            if (start := minutes_of(words.get(START))) is not None:
                yield Occurrence(
                    weekday=None if place.weekday is None else WEEKDAYS.index(place.weekday),
                    start=start,
                    end=minutes_of(words.get(END)),
                    words=without(words, START, END),
                    layout=place.layout,
                )

    @override
    def _write(self, slots: Sequence[Mapping[str, Word]], values: dict[str, bytes]) -> None:
        before, unused = dict(values), self._unused(values)
        given = self._placed(slots, before)
        for number, place in self._reported(before).items():
            if (slot := given.get(number)) is not None:
                with of_slot(slot.position):
                    place.put(self._record(slot.words, place, before), values)
            elif not self._is_empty(place.get(before)):
                place.put(bytes([unused]) * place.layout.size, values)

    def _reported(self, values: Values) -> dict[int, Place]:
        """The places that the device has reported, by the numbers of their slots."""
        return {number: place for number, place in enumerate(self.places, start=1) if place.is_in(values)}

    def _used(self, values: Values) -> Iterator[tuple[int, Place]]:
        for number, place in self._reported(values).items():
            if not self._is_empty(place.get(values)):
                yield number, place

    def _is_empty(self, record: bytes) -> bool:
        return any(record == bytes([byte]) * len(record) for byte in self.empty)

    def _unused(self, values: Values) -> int:
        """The byte that the device itself fills unused slots with."""
        records = (place.get(values) for place in self._reported(values).values())
        found = Counter(record[0] for record in records if self._is_empty(record))
        return found.most_common(1)[0][0] if found else self.empty[0]

    def _placed(self, slots: Sequence[Mapping[str, Word]], values: Values) -> dict[int, _Given]:
        """Return the slots by the numbers of their places: their own, or else the first that is free on their day."""
        places = self._reported(values)
        given = [_Given(position, words) for position, words in enumerate(slots, start=1)]
        placed: dict[int, _Given] = {}
        for slot in given:
            with of_slot(slot.position):
                self._check_weekday(slot.words)
                if SLOT in slot.words:
                    placed[self._number(slot.words, places, placed)] = slot
        for slot in given:
            if SLOT not in slot.words:
                weekday = slot.words.get(WEEKDAY)
                fitting = [number for number, place in places.items() if place.weekday == weekday]
                free = next((number for number in fitting if number not in placed), None)
                if free is None:
                    raise ScheduleError("too_many_slots", places=str(len(fitting)), schedule=self.name)
                placed[free] = slot
        return placed

    def _check_weekday(self, words: Mapping[str, Word]) -> None:
        """Raise `ScheduleError` if the slot lacks a weekday that it needs, or has one that it cannot have."""
        weekdays = tuple(dict.fromkeys(place.weekday for place in self.places if place.weekday is not None))
        if weekdays and words.get(WEEKDAY) not in weekdays:
            raise ScheduleError("slot_weekday", value=str(words.get(WEEKDAY, "")), options=listed(weekdays))
        if not weekdays and WEEKDAY in words:
            raise ScheduleError("slot_without_weekday")

    @staticmethod
    def _number(words: Mapping[str, Word], places: Mapping[int, Place], placed: Mapping[int, _Given]) -> int:
        number = words[SLOT]
        if not isinstance(number, int) or isinstance(number, bool) or number not in places:
            raise ScheduleError("slot_number_unknown", value=str(number), places=str(max(places)))
        if number in placed:
            raise ScheduleError("slot_number_twice", value=str(number))
        if places[number].weekday != words.get(WEEKDAY):
            raise ScheduleError("slot_of_other_weekday", value=str(number), weekday=str(places[number].weekday))
        return number

    def _record(self, words: Mapping[str, Word], place: Place, values: Values) -> bytes:
        """Return the bytes of a slot. A slot that the device already has keeps its bytes, wherever it is stored."""
        words, before = place.layout.normalized(without(words, SLOT, WEEKDAY)), place.get(values)
        others = (other.get(values) for _, other in self._used(values) if other.layout == place.layout)
        for record in (*([] if self._is_empty(before) else [before]), *others):
            if place.layout.read(record) == words:
                return record
        record = place.layout.write(words, bytes(place.layout.size) if self._is_empty(before) else before)
        if self._is_empty(record):
            raise ScheduleError("slot_means_unused")
        return record
