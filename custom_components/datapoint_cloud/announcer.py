"""Announces in words what happens to an account and its devices, for triggers and the activity log.

It fires nothing before Home Assistant has started, because no automation listens until then.
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.start import async_at_started
from homeassistant.util import dt as dt_util

from . import exceptions
from .announcements import EVENT, SIGNAL, Announcement, AnnouncementType
from .clouds.model import Datapoint
from .const import DOMAIN
from .coordinator import DatapointCoordinator
from .disconnect_reasons import async_last_reason, text_of_reason
from .fleet.device_state import DeviceState
from .fleet.events import (
    AlarmChange,
    CommandRefused,
    CommandUnconfirmed,
    ConnectionChange,
    DeviceAdded,
    DeviceRemoved,
    FleetEvent,
    FreshnessChange,
    ImportFinished,
)
from .fleet.listeners import ACCOUNT, EntityKey
from .fleet.presentation import CONNECTIVITY
from .storage import AccountStorage
from .texts import text, text_or_none
from .timings import timings_of

_UNRECORDED: Final = frozenset({AnnouncementType.BECAME_STALE, AnnouncementType.BECAME_FRESH})
"""Devices that report only changes are silent again and again: this would flood the activity log."""
_NEARLY_SPENT: Final = 0.1  # of the requests that the cloud allows in an hour
_ENOUGH_AGAIN: Final = 0.2

type _Words = dict[str, Any]


class Announcer:
    """Announces what happens to one account and its devices."""

    def __init__(self, coordinator: DatapointCoordinator, storage: AccountStorage) -> None:
        self._coordinator = coordinator
        self._storage = storage
        self._hass = coordinator.hass
        self._entry = coordinator.config_entry
        self._waiting: list[Announcement] | None = []
        """What is announced when Home Assistant has started; None afterwards."""
        self._are_requests_low: bool | None = None
        self._searches: dict[str, asyncio.Task[None]] = {}
        """Those for the reason why a device went offline, by device id: it is announced when they end."""
        self._outages: dict[str, Announcement] = {}
        """The announced outages that last, by device id."""

    @callback
    def async_listen(self) -> None:
        """Listen to the account; to be called before its first poll, which may already report something."""
        listeners = self._coordinator.listeners
        self._entry.async_on_unload(listeners.async_add_for_events(self._handle))
        self._entry.async_on_unload(listeners.async_add(ACCOUNT, self._check_requests))

    @callback
    def async_start(self) -> None:
        """Announce what has happened so far and what still lasts, as soon as automations listen."""
        self._entry.async_on_unload(async_at_started(self._hass, self._async_begin))

    @callback
    def _async_begin(self, _: HomeAssistant) -> None:
        waiting, self._waiting = self._waiting or [], None
        until = self._storage.announced_until
        for announcement in (*waiting, *(replace(one, announced_until=until) for one in self.lasting())):
            self._send(announcement)
        self._storage.announce_from_now_on()

    @callback
    def lasting(self) -> Iterator[Announcement]:
        """Yield announcements of the states that last now; that of an outage follows when its reason is known."""
        for device_id, state in self._coordinator.fleet.items():
            availability = state.availability
            is_outage = availability.was_connected is False and availability.has_been_online
            if is_outage and device_id not in self._searches:
                outage = self._outages.get(device_id)
                yield self._outage(state, None, is_new=False) if outage is None else replace(outage, is_new=False)
            if availability.was_fresh is False and state.reported_at is not None:
                yield self._silence(state, state.reported_at, is_new=False)
            for key in state.alarm_states.changed_at:
                if (shown := state.descriptions.get(key)) is not None:
                    change = AlarmChange(shown.datapoint, state.alarm_states.is_raised[key])
                    yield self._alarm(state, change, is_new=False)

    # Events

    @callback
    def _handle(self, device_id: str, event: FleetEvent) -> None:
        match event:
            case DeviceRemoved():
                self._outages.pop(device_id, None)
                self._announce(self._removal(event))
            case ImportFinished():
                self._announce(self._import(event))
            case _:
                if (state := self._coordinator.fleet.get(device_id)) is not None:
                    self._handle_of_device(state, event)

    def _handle_of_device(self, state: DeviceState, event: FleetEvent) -> None:
        match event:
            case ConnectionChange():
                self._handle_connection(state, event)
            case FreshnessChange(is_fresh=False):
                self._announce(self._silence(state, event.reported_at))
            case AlarmChange():
                self._announce(self._alarm(state, event))
            case _:
                self._announce(self._of_event(state, event))

    def _of_event(self, state: DeviceState, event: FleetEvent) -> Announcement:
        kind: AnnouncementType
        words: _Words
        match event:
            case CommandRefused():
                kind, words = AnnouncementType.COMMAND_REFUSED, self._refusal(state, event)
            case CommandUnconfirmed():
                kind, words = AnnouncementType.COMMAND_NOT_CONFIRMED, self._datapoints(state, event.values)
                words["message"] = self._text("command_not_confirmed", datapoints=words["datapoints"])
            case DeviceAdded():
                kind = AnnouncementType.DEVICE_ADDED
                words = {
                    "message": self._text("device_added", account=self._account_name),
                    "model": state.device.model,
                }
            case _:
                kind, words = AnnouncementType.BECAME_FRESH, {}
        return self._of_device(kind, state, words)

    def _alarm(self, state: DeviceState, event: AlarmChange, *, is_new: bool = True) -> Announcement:
        datapoint = event.datapoint
        name = state.descriptions[datapoint.key].name if datapoint.key in state.descriptions else datapoint.name
        part = None if datapoint.part is None else datapoint.part.name
        severity = self._severity_name(datapoint)
        details = ", ".join(detail for detail in (part, severity) if detail)
        kind = AnnouncementType.ALARM_RAISED if event.is_raised else AnnouncementType.ALARM_CLEARED
        words = {
            "message": self._text(kind, alarm=f"{name} ({details})" if details else name),
            "alarm": name,
            "key": datapoint.key,
            "part": part,
            "severity": datapoint.severity,
            "severity_name": severity,
        }
        since = state.alarm_states.changed_at.get(datapoint.key)
        return self._of_device(kind, state, words, since=since, is_new=is_new)

    def _severity_name(self, datapoint: Datapoint) -> str | None:
        severity = datapoint.severity
        if severity is None:
            return None
        return text_or_none(self._hass, "selector", "severity", "options", severity) or severity

    def _refusal(self, state: DeviceState, event: CommandRefused) -> _Words:
        error = exceptions.of_action(event.error, self._name(state))
        placeholders = error.translation_placeholders or {}
        reason = text(self._hass, "exceptions", str(error.translation_key), "message", **placeholders)
        message = self._text("command_refused", reason=reason)
        return self._datapoints(state, event.keys) | {"message": message, "reason": reason}

    @staticmethod
    def _datapoints(state: DeviceState, keys: Iterable[str]) -> _Words:
        found = {key: state.descriptions[key].name if key in state.descriptions else key for key in keys}
        return {"datapoints": ", ".join(found.values()), "keys": list(found)}

    # Outages

    def _handle_connection(self, state: DeviceState, event: ConnectionChange) -> None:
        device_id = state.device.id
        if event.is_connected:
            if (search := self._searches.pop(device_id, None)) is not None:
                search.cancel()
                self._announce_outage(state, event.offline_since, None)
            self._outages.pop(device_id, None)
            self._announce(self._return(state, event.offline_since))
        elif self._coordinator.cloud.history.capabilities.has_online_log:
            self._searches[device_id] = self._entry.async_create_background_task(
                self._hass,
                self._async_announce_with_reason(state, event.offline_since),
                f"{self._coordinator.name} disconnect reason",
            )
        else:
            self._announce_outage(state, event.offline_since, None)

    async def _async_announce_with_reason(self, state: DeviceState, since: datetime) -> None:
        history, delay = self._coordinator.cloud.history, timings_of(self._hass).online_log_delay
        reason = await async_last_reason(history, state.device, delay)
        del self._searches[state.device.id]
        if reason is not None:
            state.disconnect_reason = reason
            self._coordinator.listeners.async_mark_changed([EntityKey(state.device.id, CONNECTIVITY)])
            self._coordinator.listeners.async_notify()
        self._announce_outage(state, since, reason)

    def _announce_outage(self, state: DeviceState, since: datetime, reason: str | None) -> None:
        self._outages[state.device.id] = outage = self._outage(state, reason, since=since)
        self._announce(outage)

    def _outage(
        self, state: DeviceState, reason: str | None, *, since: datetime | None = None, is_new: bool = True
    ) -> Announcement:
        since = since or state.availability.disconnected_at or dt_util.utcnow()
        why = None if reason is None else text_of_reason(self._hass, reason) or reason
        if why is None:
            why = self._text("offline_reported" if state.device.is_online is False else "offline_silent")
        words = {
            "message": self._text("device_went_offline", reason=why),
            "reason": why,
            "reason_key": reason,
            "since": dt_util.as_local(since),
        }
        return self._of_device(AnnouncementType.WENT_OFFLINE, state, words, since=since, is_new=is_new)

    def _return(self, state: DeviceState, since: datetime) -> Announcement:
        lasted = dt_util.utcnow() - since
        words = {
            "message": self._text("device_came_back", duration=_in_words(lasted)),
            "since": dt_util.as_local(since),
            "duration": _in_words(lasted),
            "seconds": round(lasted.total_seconds()),
        }
        return self._of_device(AnnouncementType.CAME_BACK, state, words)

    def _silence(self, state: DeviceState, reported_at: datetime, *, is_new: bool = True) -> Announcement:
        local = dt_util.as_local(reported_at)
        is_today = local.date() == dt_util.now().date()
        message = self._text("readings_became_stale", since=local.strftime("%H:%M" if is_today else "%Y-%m-%d %H:%M"))
        words = {"message": message, "since": local}
        return self._of_device(AnnouncementType.BECAME_STALE, state, words, since=reported_at, is_new=is_new)

    def _removal(self, event: DeviceRemoved) -> Announcement:
        words = {"message": self._text("device_removed", account=self._account_name)}
        device = {"device_id": event.registry_id, "name": event.name, "area": None}
        return self._of(AnnouncementType.DEVICE_REMOVED, words, device)

    # The account

    def _import(self, event: ImportFinished) -> Announcement:
        message = self._text("import_finished", rows=f"{event.rows:,}", series=f"{event.series:,}")
        words = {"message": message, "rows": event.rows, "series": event.series}
        return self._of_account(AnnouncementType.IMPORT_FINISHED, words)

    @callback
    def _check_requests(self) -> None:
        """Announce once that the requests are nearly spent, until there are enough again."""
        budget = self._coordinator.cloud.budget
        if (share := budget.share_left) is None:
            return
        before = self._are_requests_low
        self._are_requests_low = share < (_ENOUGH_AGAIN if before else _NEARLY_SPENT)
        if before is False and self._are_requests_low:
            message = self._text("requests_nearly_spent", percent=f"{share:.0%}")
            words = {"message": message, "remaining": budget.remaining, "limit": budget.limit}
            self._announce(self._of_account(AnnouncementType.REQUESTS_NEARLY_SPENT, words))

    # Announcements

    def _of_account(self, kind: AnnouncementType, words: _Words) -> Announcement:
        return self._of(kind, words, self._device(self._coordinator.account_id, self._coordinator.name))

    def _of_device(
        self,
        kind: AnnouncementType,
        state: DeviceState,
        words: _Words,
        *,
        since: datetime | None = None,
        is_new: bool = True,
    ) -> Announcement:
        return self._of(kind, words, self._device(state.device.id, state.device.name), since=since, is_new=is_new)

    def _of(
        self,
        kind: AnnouncementType,
        words: _Words,
        device: _Words,
        *,
        since: datetime | None = None,
        is_new: bool = True,
    ) -> Announcement:
        account = {"account": self._account_name, "config_entry_id": self._entry.entry_id}
        return Announcement(type=kind, variables={**device, **account, **words}, since=since, is_new=is_new)

    def _device(self, device_id: str, name: str) -> _Words:
        registry = dr.async_get(self._hass)
        device = registry.async_get_device_by_identifier((DOMAIN, device_id), self._entry.entry_id)
        if device is None:  # it was listed just now and is registered in a moment
            return {"device_id": "", "name": name, "area": None}
        area = ar.async_get(self._hass).async_get_area(device.area_id or "")
        return {
            "device_id": device.id,
            "name": device.name_by_user or device.name or name,
            "area": None if area is None else area.name,
        }

    @property
    def _account_name(self) -> str:
        name: str = self._device(self._coordinator.account_id, self._coordinator.name)["name"]
        return name

    def _name(self, state: DeviceState) -> str:
        name: str = self._device(state.device.id, state.device.name)["name"]
        return name

    def _text(self, key: str, **placeholders: str) -> str:
        return text(self._hass, "common", key, **placeholders)

    def _announce(self, announcement: Announcement) -> None:
        if self._waiting is None:
            self._send(announcement)
        else:
            self._waiting.append(announcement)

    def _send(self, announcement: Announcement) -> None:
        async_dispatcher_send(self._hass, SIGNAL, announcement)
        if announcement.is_new and announcement.type not in _UNRECORDED:
            self._hass.bus.async_fire(EVENT, {"type": announcement.type, **announcement.variables})


def _in_words(duration: timedelta) -> str:
    """Return a duration in minutes, in hours and minutes, or in days and hours."""
    minutes = round(duration.total_seconds() / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"
