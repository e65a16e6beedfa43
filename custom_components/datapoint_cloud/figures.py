"""The figures of an account, its scopes, customers and sites: counts from lists and reports, the oldest reading.

It knows the sensors that show them by their descriptions alone.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from homeassistant.components.sensor import SensorDeviceClass, SensorEntityDescription, SensorStateClass
from homeassistant.const import EntityCategory, UnitOfTime
from homeassistant.helpers.typing import StateType

from .clouds.model import Device
from .coordinator import DatapointCoordinator
from .fleet import reports
from .fleet.places import Place
from .statistics.schedule import ImportStatus

_NOTICEABLE_DELAY = timedelta(minutes=15)
_NOTICEABLE_SHARE = 0.02


@dataclass(frozen=True, kw_only=True)
class FigureDescription(SensorEntityDescription):
    """A figure of an account, or of a scope, a customer or a site, and the sensor that shows it.

    `value_fn` gets the devices that belong to it. `reported` is the report that has the value, and the count's name in
    it: for a sensor without `value_fn`, and for the others where reports take the place of the list of devices.
    """

    value_fn: Callable[[DatapointCoordinator, Sequence[Device]], StateType | datetime] | None = None
    reported: tuple[str, str] | None = None
    exists_fn: Callable[[DatapointCoordinator], bool] = lambda _: True
    is_noticeable_fn: Callable[[Any, Any], bool] = operator.ne
    """Whether a user would notice the difference between the shown and the current value."""
    attributes_fn: Callable[[DatapointCoordinator], Mapping[str, Any] | None] = lambda _: None


def _oldest_reading(coordinator: DatapointCoordinator, _: Sequence[Device]) -> datetime | None:
    states = coordinator.fleet.values()
    return min(
        (state.read_at for state in states if state.device.is_online is not False and state.read_at), default=None
    )


def _has_moved(shown: datetime | None, now: datetime | None) -> bool:
    """Whether the time went back, or ahead by a quarter of an hour: with every poll it moves a little."""
    if shown is None or now is None or now < shown:
        return shown != now
    return now - shown >= _NOTICEABLE_DELAY


def _is_other_interval(shown: int, now: int) -> bool:
    return abs(now - shown) > shown * _NOTICEABLE_SHARE


def _requests_left(coordinator: DatapointCoordinator, _: Sequence[Device]) -> int | None:
    return coordinator.cloud.budget.remaining


def _interval_in_force(coordinator: DatapointCoordinator, _: Sequence[Device]) -> int:
    return round(coordinator.interval_in_force.total_seconds())


def _count(
    is_counted: Callable[[Device], bool | None],
) -> Callable[[DatapointCoordinator, Sequence[Device]], int]:
    return lambda _, devices: sum(bool(is_counted(device)) for device in devices)


def _devices_online(coordinator: DatapointCoordinator, devices: Sequence[Device]) -> int | None:
    """Count the devices that are online; None if that is not known of any device."""
    known = [is_online for device in devices if (is_online := _is_online(coordinator, device)) is not None]
    return sum(known) if known or not devices else None


def _is_online(coordinator: DatapointCoordinator, device: Device) -> bool | None:
    # The connectivity entity is more current than the cloud's list of devices.
    state = coordinator.fleet.get(device.id)
    return device.is_online if state is None or state.is_connected is None else state.is_connected


def _devices_with_alarm(coordinator: DatapointCoordinator, devices: Sequence[Device]) -> int | None:
    """Count the devices with a raised alarm; None if that is not known of any device."""
    states = (coordinator.fleet.get(device.id) for device in devices)
    known = [has_problem for state in states if state is not None and (has_problem := state.has_problem) is not None]
    return sum(known) if known or not devices else None


def _has_only_alarms(coordinator: DatapointCoordinator) -> bool:
    """Whether devices have alarms, but no flags that already count them."""
    return not _has_flags(coordinator) and any(state.presentation.alarms for state in coordinator.fleet.values())


def _has_flags(coordinator: DatapointCoordinator) -> bool:
    return coordinator.stands_on_reports or any(device.has_flags for device in coordinator.inventory.counted)


def _has_devices(coordinator: DatapointCoordinator) -> bool:
    return coordinator.stands_on_reports or any(not device.is_service for device in coordinator.inventory.counted)


LISTED_FIGURES = (
    FigureDescription(
        key="$devices",
        translation_key="devices",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=_count(lambda _: True),
        reported=(reports.OVERVIEW, "devices"),
    ),
    FigureDescription(
        key="$online",
        translation_key="devices_online",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=_devices_online,
        reported=(reports.OVERVIEW, "online"),
        exists_fn=_has_devices,
    ),
    FigureDescription(
        key="$faulty",
        translation_key="devices_faulty",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=_count(lambda device: device.has_fault),
        reported=(reports.STATUS, "faulty"),
        exists_fn=_has_flags,
    ),
    FigureDescription(
        key="$alerting",
        translation_key="devices_alerting",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=_count(lambda device: device.has_alert),
        reported=(reports.STATUS, "alerting"),
        exists_fn=_has_flags,
    ),
)
"""The figures of an account or a scope that count the devices of the list."""
_REPORTED: Mapping[str, tuple[str, str]] = {
    "devices_activated": (reports.OVERVIEW, "devices"),
    "new_today": (reports.OVERVIEW, "new_today"),
    "new_yesterday": (reports.OVERVIEW, "new_yesterday"),
    "new_7_days": (reports.OVERVIEW, "new_7_days"),
    "new_30_days": (reports.OVERVIEW, "new_30_days"),
    "active_yesterday": (reports.OVERVIEW, "active_yesterday"),
    "active_7_days": (reports.OVERVIEW, "active_7_days"),
    "users": (reports.USERS, "users"),
}
REPORTED_FIGURES = tuple(
    FigureDescription(key=f"${name}", translation_key=name, state_class=SensorStateClass.MEASUREMENT, reported=reported)
    for name, reported in _REPORTED.items()
)
"""The figures of a scope that only reports have."""
_ALARM_FIGURE = FigureDescription(
    key="$with_alarm",
    translation_key="devices_with_alarm",
    state_class=SensorStateClass.MEASUREMENT,
    value_fn=_devices_with_alarm,
    exists_fn=_has_only_alarms,
)
PLACE_FIGURES = (*LISTED_FIGURES, _ALARM_FIGURE)
ACCOUNT_FIGURES = (
    *PLACE_FIGURES,
    FigureDescription(
        key="$requests_left",
        translation_key="requests_left",
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=_requests_left,
        exists_fn=lambda coordinator: coordinator.cloud.budget.limit is not None,
    ),
    FigureDescription(
        key="$interval",
        translation_key="interval_in_force",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_display_precision=0,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=_interval_in_force,
        is_noticeable_fn=_is_other_interval,
    ),
    FigureDescription(
        key="$oldest_reading",
        translation_key="oldest_reading",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=_oldest_reading,
        is_noticeable_fn=_has_moved,
    ),
    FigureDescription(
        key="$history_import",
        translation_key="history_import",
        device_class=SensorDeviceClass.ENUM,
        options=list(ImportStatus),
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda coordinator, _: coordinator.config_entry.runtime_data.imports.status,
        attributes_fn=lambda coordinator: coordinator.config_entry.runtime_data.imports.attributes,
        exists_fn=lambda coordinator: coordinator.cloud.history.capabilities.hours_retention is not None,
    ),
)


def devices_of_scope(coordinator: DatapointCoordinator, scope: str) -> list[Device]:
    """Return the devices of a scope that figures count."""
    return [device for device in coordinator.inventory.counted if device.scope == scope]


def reported_value(coordinator: DatapointCoordinator, scope: str | None, description: FigureDescription) -> int | None:
    """Return a figure from the reports about a scope, or about the account (None); None if they do not have it."""
    if coordinator.reports is None or description.reported is None:
        return None
    return coordinator.reports.count(scope, *description.reported)


def current_value(
    coordinator: DatapointCoordinator,
    description: FigureDescription,
    devices: Sequence[Device],
    scope: str | None = None,
) -> StateType | datetime:
    """Return a figure of these devices, or the one of the reports about the scope if it is reported."""
    is_reported = description.reported is not None and coordinator.stands_on_reports
    if description.value_fn is None or is_reported:
        return reported_value(coordinator, scope, description)
    return description.value_fn(coordinator, devices)


def account_figures(coordinator: DatapointCoordinator) -> dict[str, StateType | datetime]:
    """Return what the sensors of an account show, by their translation keys; those without a value are left out."""
    return _figures(coordinator, ACCOUNT_FIGURES, coordinator.inventory.counted)


def scope_figures(coordinator: DatapointCoordinator, scope: str) -> dict[str, StateType | datetime]:
    """Return the counts of a scope, from lists and reports, by the translation keys of its sensors."""
    devices = devices_of_scope(coordinator, scope)
    return _figures(coordinator, (*LISTED_FIGURES, *REPORTED_FIGURES), devices, scope)


def place_figures(coordinator: DatapointCoordinator, place: Place) -> dict[str, StateType | datetime]:
    """Return the counts of a customer or a site, by the translation keys of its sensors."""
    return _figures(coordinator, PLACE_FIGURES, place.devices)


def _figures(
    coordinator: DatapointCoordinator,
    descriptions: Sequence[FigureDescription],
    devices: Sequence[Device],
    scope: str | None = None,
) -> dict[str, StateType | datetime]:
    values = {
        str(description.translation_key): current_value(coordinator, description, devices, scope)
        for description in descriptions
        if description.exists_fn(coordinator)
    }
    return {key: value for key, value in values.items() if value is not None}
