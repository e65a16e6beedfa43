"""Calendars: one for each device that keeps schedules, with what they do. A calendar changes nothing."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import override

from homeassistant.components.calendar import CalendarEntity, CalendarEvent
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.translation import async_translate_state
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .coordinator import DatapointCoordinator
from .entity import DeviceEntity, async_add_entities_of_devices
from .fleet.device_schedules import ignores_schedules, schedule_bytes
from .fleet.device_state import DeviceState
from .fleet.presentation import SCHEDULE
from .runtime import DatapointConfigEntry
from .schedules.agenda import Agenda, Event
from .schedules.layout import ByteField, ChoiceField
from .schedules.words import Word
from .vocabulary import readable

PARALLEL_UPDATES = 0

_FARTHEST = timedelta(days=366)
"""How far ahead events are listed: a schedule repeats for ever."""


async def async_setup_entry(
    hass: HomeAssistant, entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the calendars of an account."""
    async_add_entities_of_devices(entry, async_add_entities, _calendars_of)


def _calendars_of(coordinator: DatapointCoordinator, state: DeviceState) -> Iterable[ScheduleCalendar]:
    if state.presentation.schedules:
        yield ScheduleCalendar(coordinator, state.device.id)


class ScheduleCalendar(DeviceEntity, CalendarEntity):
    """What the schedules of a device do, from this week on: what they were before is not known."""

    _attr_translation_key = "schedule"

    def __init__(self, coordinator: DatapointCoordinator, device_id: str) -> None:
        super().__init__(coordinator, device_id, SCHEDULE)
        self._agenda = self._read()

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        self._agenda = self._read()
        super()._handle_coordinator_update()

    def _read(self) -> Agenda:
        state = self.state_of_device
        if state is None or ignores_schedules(state):
            return Agenda()
        return Agenda.of(state.presentation.schedules, schedule_bytes(state))

    @property
    @override
    def event(self) -> CalendarEvent | None:
        event = self._agenda.next(dt_util.now(), dt_util.get_default_time_zone())
        return None if event is None else self._calendar_event(event)

    @override
    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        today = dt_util.start_of_local_day()
        start = max(start_date, today - timedelta(days=today.weekday()))
        events = self._agenda.between(start, min(end_date, today + _FARTHEST), dt_util.get_default_time_zone())
        return [self._calendar_event(event) for event in events]

    def _calendar_event(self, event: Event) -> CalendarEvent:
        """Return an event in words; if a device has several schedules, its summary begins with the name of its own."""
        words = event.occurrence.words
        fields = [(found, words[found.key]) for found in event.occurrence.layout.fields_in(words).values()]
        lines = [f"{found.name}: {self._shown(found, word)}" for found, word in fields]
        summary = self._summary(fields) or ", ".join(lines)
        name = event.schedule.name
        if len(self._agenda.schedules) > 1 or not summary:
            summary = f"{name}: {summary}" if summary else name
        return CalendarEvent(start=event.start, end=event.end, summary=summary, description="\n".join(lines) or None)

    def _summary(self, fields: Sequence[tuple[ByteField, Word]]) -> str | None:
        """Return the first choice, such as a mode, or a single number that its unit explains, such as a dose."""
        for found, word in fields:
            if isinstance(found, ChoiceField) or (len(fields) == 1 and found.unit):
                return self._shown(found, word)
        return None

    def _shown(self, shown: ByteField, word: Word) -> str:
        if not isinstance(shown, ChoiceField):
            return f"{word} {shown.unit}" if shown.unit else str(word)
        label = async_translate_state(self.hass, str(word), Platform.SELECT, DOMAIN, "option", None)
        return label if label != word else readable(label)
