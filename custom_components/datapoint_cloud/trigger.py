"""Triggers: what happens to the devices of all accounts, as `announcer` announces it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, cast, override

import voluptuous as vol
from homeassistant.const import CONF_FOR, CONF_OPTIONS, CONF_TARGET
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.trigger import Trigger, TriggerActionRunner, TriggerConfig, TriggerNotTriggeredReporter
from homeassistant.helpers.typing import ConfigType
from homeassistant.util import dt as dt_util

from .announcements import SIGNAL, Announcement, AnnouncementType
from .automation import ALARM_OPTIONS, AlarmFilter, Target, state_of_device
from .const import DOMAIN
from .fleet.device_state import DeviceState

_CONF_ACCOUNT: Final = "config_entry_id"
_FOR: Final[Mapping[vol.Marker, Any]] = {vol.Optional(CONF_FOR): cv.positive_time_period}


def _schema(options: Mapping[vol.Marker, Any], *, has_target: bool = True) -> vol.Schema:
    target: dict[vol.Marker, Any] = {vol.Optional(CONF_TARGET): cv.TARGET_FIELDS} if has_target else {}
    return vol.Schema({**target, vol.Required(CONF_OPTIONS, default=dict): dict(options)})


class AnnouncementTrigger(Trigger):
    """Fires for announcements of one type. Its variables are those of the announcement."""

    type: ClassVar[AnnouncementType]
    _schema: ClassVar[vol.Schema] = _schema({})

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        super().__init__(hass, config)
        self._target = Target(hass, config.target)
        self._options: Mapping[str, Any] = config.options or {}

    @override
    @classmethod
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        return cast("ConfigType", cls._schema(config))

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        @callback
        def handle(announcement: Announcement) -> None:
            if announcement.is_new and self._is_meant(announcement):
                _run(run_action, announcement)

        return async_dispatcher_connect(self._hass, SIGNAL, handle)

    def _is_meant(self, announcement: Announcement) -> bool:
        return announcement.type is self.type and self._target.includes(announcement.device_id)


def _run(run_action: TriggerActionRunner, announcement: Announcement, **variables: Any) -> None:
    description = f"{announcement.variables['name']}: {announcement.variables['message']}"
    run_action({**announcement.variables, **variables}, description)


class AccountTrigger(AnnouncementTrigger):
    """Fires for what concerns an account as a whole: one that the user chose, or any."""

    _schema = _schema({vol.Optional(_CONF_ACCOUNT): cv.string}, has_target=False)

    @override
    def _is_meant(self, announcement: Announcement) -> bool:
        account = self._options.get(_CONF_ACCOUNT)
        return announcement.type is self.type and account in {None, announcement.entry_id}


class LastingTrigger(AnnouncementTrigger):
    """Fires when a state of a device or an alarm begins, or when it has lasted for as long as the user chose."""

    ends_with: ClassVar[AnnouncementType]
    _schema = _schema(_FOR)

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        super().__init__(hass, config)
        self._for: timedelta = self._options.get(CONF_FOR) or timedelta()
        self._timers: dict[tuple[str, str], CALLBACK_TYPE] = {}
        """Those that run, by subject."""

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        @callback
        def handle(announcement: Announcement) -> None:
            if announcement.type is self.ends_with:
                self._cancel(announcement.subject)
            elif self._is_meant(announcement) and (announcement.is_new or self._for):
                self._begin(announcement, run_action)

        @callback
        def detach() -> None:
            disconnect()
            for subject in tuple(self._timers):
                self._cancel(subject)

        disconnect = async_dispatcher_connect(self._hass, SIGNAL, handle)
        for entry in self._hass.config_entries.async_loaded_entries(DOMAIN):
            for announcement in entry.runtime_data.announcer.lasting():
                handle(announcement)
        return detach

    def _begin(self, announcement: Announcement, run_action: TriggerActionRunner) -> None:
        """Run the action as soon as the state has lasted long enough.

        What had lasted so long before its account was loaded ran the action then, unless that was missed.
        """
        subject = device_id, key = announcement.subject
        self._cancel(subject)
        now, until = dt_util.utcnow(), announcement.announced_until
        due = (announcement.since or now) + self._for
        if due <= now:
            if announcement.is_new or (until is not None and due > until):
                self._run(announcement, run_action)
            return

        @callback
        def end(_: datetime) -> None:
            del self._timers[subject]
            try:
                state = state_of_device(self._hass, announcement.entry_id, device_id)
            except LookupError:
                return  # when the account is loaded, it says whether the state still lasts
            if state is not None and self.lasts(state, key):
                self._run(announcement, run_action)

        self._timers[subject] = async_call_later(self._hass, due - now, end)

    def _run(self, announcement: Announcement, run_action: TriggerActionRunner) -> None:
        _run(run_action, announcement, **({CONF_FOR: self._for} if self._for else {}))

    def _cancel(self, subject: tuple[str, str]) -> None:
        if (cancel := self._timers.pop(subject, None)) is not None:
            cancel()

    def lasts(self, state: DeviceState, key: str) -> bool:
        """Whether the state of the device, or of the alarm with this key, lasts as far as is known."""
        raise NotImplementedError


class AlarmTrigger(LastingTrigger):
    """Fires for alarms, by their names and severities if the user chose some."""

    _schema = _schema({**ALARM_OPTIONS, **_FOR})

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        super().__init__(hass, config)
        self._filter = AlarmFilter.of(self._options)

    @override
    def _is_meant(self, announcement: Announcement) -> bool:
        words = announcement.variables
        return super()._is_meant(announcement) and self._filter.includes(
            words["alarm"], words["key"], words["severity"]
        )

    @override
    def lasts(self, state: DeviceState, key: str) -> bool:
        return state.alarm_states.is_raised.get(key) is (self.type is AnnouncementType.ALARM_RAISED)


class AlarmRaised(AlarmTrigger):
    """An alarm was raised."""

    type = AnnouncementType.ALARM_RAISED
    ends_with = AnnouncementType.ALARM_CLEARED


class AlarmCleared(AlarmTrigger):
    """An alarm is over."""

    type = AnnouncementType.ALARM_CLEARED
    ends_with = AnnouncementType.ALARM_RAISED


class WentOffline(LastingTrigger):
    """A device went offline."""

    type = AnnouncementType.WENT_OFFLINE
    ends_with = AnnouncementType.CAME_BACK

    @override
    def lasts(self, state: DeviceState, key: str) -> bool:
        # While the cloud cannot be reached, the device has not come back either.
        return state.availability.was_connected is False


class CameBack(AnnouncementTrigger):
    """A device is online again."""

    type = AnnouncementType.CAME_BACK


class BecameStale(LastingTrigger):
    """A device has not reported for too long, or for as long as the user chose."""

    type = AnnouncementType.BECAME_STALE
    ends_with = AnnouncementType.BECAME_FRESH

    @override
    def lasts(self, state: DeviceState, key: str) -> bool:
        return state.availability.was_fresh is False


class CommandRefused(AnnouncementTrigger):
    """The cloud refused a command."""

    type = AnnouncementType.COMMAND_REFUSED


class CommandNotConfirmed(AnnouncementTrigger):
    """A device did not report a value that its cloud had accepted."""

    type = AnnouncementType.COMMAND_NOT_CONFIRMED


class RequestsNearlySpent(AccountTrigger):
    """Few requests are left of those that a cloud allows in an hour."""

    type = AnnouncementType.REQUESTS_NEARLY_SPENT


class DeviceAdded(AccountTrigger):
    """A device appeared in an account."""

    type = AnnouncementType.DEVICE_ADDED


class DeviceRemoved(AccountTrigger):
    """A device disappeared from an account."""

    type = AnnouncementType.DEVICE_REMOVED


_TRIGGERS: Final[dict[str, type[Trigger]]] = {
    trigger.type: trigger
    for trigger in (
        *(AlarmRaised, AlarmCleared, WentOffline, CameBack, BecameStale),
        *(CommandRefused, CommandNotConfirmed, RequestsNearlySpent, DeviceAdded, DeviceRemoved),
    )
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers."""
    return _TRIGGERS
