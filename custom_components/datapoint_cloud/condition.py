"""Conditions: whether devices are offline, have alarms, or have reported lately."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Final, Unpack, cast, override

import voluptuous as vol
from homeassistant.const import CONF_FOR, CONF_OPTIONS, CONF_TARGET
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.condition import (
    ATTR_BEHAVIOR,
    BEHAVIOR_ALL,
    BEHAVIOR_ANY,
    Condition,
    ConditionCheckParams,
    ConditionConfig,
)
from homeassistant.helpers.typing import ConfigType
from homeassistant.util import dt as dt_util

from .automation import ALARM_OPTIONS, AlarmFilter, Target
from .coordinator import DatapointCoordinator
from .fleet.device_state import DeviceState


def _schema(options: Mapping[vol.Marker, Any]) -> vol.Schema:
    behavior = {vol.Required(ATTR_BEHAVIOR, default=BEHAVIOR_ANY): vol.In([BEHAVIOR_ANY, BEHAVIOR_ALL])}
    return vol.Schema(
        {
            vol.Optional(CONF_TARGET): cv.TARGET_FIELDS,
            vol.Required(CONF_OPTIONS, default=dict): {**behavior, **options},
        }
    )


class DeviceCondition(Condition):
    """Holds if it does for any of the devices, or for all of them. It does not hold if there is no device."""

    _schema: ClassVar[vol.Schema] = _schema({})

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        super().__init__(hass, config)
        self._target = Target(hass, config.target)
        self._options: Mapping[str, Any] = config.options or {}

    @override
    @classmethod
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        return cast("ConfigType", cls._schema(config))

    @override
    def _async_check(self, **kwargs: Unpack[ConditionCheckParams]) -> bool:
        results = [self._holds(coordinator, state) for coordinator, state in self._target.states()]
        return bool(results) and (all if self._options.get(ATTR_BEHAVIOR) == BEHAVIOR_ALL else any)(results)

    def _holds(self, coordinator: DatapointCoordinator, state: DeviceState) -> bool:
        raise NotImplementedError


class IsOffline(DeviceCondition):
    """Whether a device is offline, and has been for as long as the user chose."""

    _schema = _schema({vol.Optional(CONF_FOR): cv.positive_time_period})

    @override
    def _holds(self, coordinator: DatapointCoordinator, state: DeviceState) -> bool:
        if state.is_connected is not False:
            return False
        since, now = state.availability.disconnected_at, dt_util.utcnow()
        required: timedelta = self._options.get(CONF_FOR, timedelta())
        return (timedelta() if since is None else now - since) >= required


class HasAlarm(DeviceCondition):
    """Whether an alarm of a device is raised: any, or one with a name or severity that the user chose."""

    _schema = _schema(ALARM_OPTIONS)

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        super().__init__(hass, config)
        self._filter = AlarmFilter.of(self._options)

    @override
    def _holds(self, coordinator: DatapointCoordinator, state: DeviceState) -> bool:
        if self._filter.is_empty:
            return state.has_problem is True
        return any(
            self._filter.includes(state.descriptions[alarm.key].name, alarm.key, alarm.severity)
            for alarm in state.active_alarms
        )


class IsFresh(DeviceCondition):
    """Whether a device has reported lately."""

    @override
    def _holds(self, coordinator: DatapointCoordinator, state: DeviceState) -> bool:
        return state.is_fresh(coordinator.wished_interval, dt_util.utcnow())


_CONDITIONS: Final[dict[str, type[Condition]]] = {
    "is_offline": IsOffline,
    "has_alarm": HasAlarm,
    "is_fresh": IsFresh,
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions."""
    return _CONDITIONS
