"""Sensors: read-only datapoints, the clocks of devices, and the sensors of the account and its products."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import override

from homeassistant.components.sensor import DOMAIN as SENSOR
from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorStateClass
from homeassistant.const import EntityCategory, Platform, UnitOfTime
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback, EntityPlatform
from homeassistant.helpers.typing import StateType
from homeassistant.util import dt as dt_util

from .account_sensors import async_add_account_sensors
from .clouds.model import DataType
from .composite import CompositeEntity, composites_for
from .coordinator import DatapointCoordinator
from .entity import DatapointEntity, DeviceEntity, async_add_entities_of_devices, descriptions_for
from .fleet.description import LONGEST_STATE
from .fleet.device_schedules import clock_report
from .fleet.device_state import DeviceState
from .fleet.presentation import CLOCK
from .fleet.units import state_class_of
from .group_entities import async_add_group_sensor
from .runtime import DatapointConfigEntry
from .schedules.clock import ClockWatch

PARALLEL_UPDATES = 0

_PLACES = 3  # of a number that was calculated with a rounded scale


async def async_setup_entry(
    hass: HomeAssistant, entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of an account."""
    async_add_account_sensors(entry, async_add_entities)
    async_add_group_sensor(entry, async_add_entities)
    async_add_entities_of_devices(entry, async_add_entities, _sensors_of)


def _sensors_of(coordinator: DatapointCoordinator, state: DeviceState) -> Iterable[DeviceEntity]:
    if state.presentation.clock is not None:
        yield ClockDeviation(coordinator, state.device.id)
    for description in descriptions_for(state, Platform.SENSOR):
        yield DatapointSensor(coordinator, state.device.id, description)
    for composite in composites_for(state, Platform.SENSOR):
        yield CompositeSensor(coordinator, state.device.id, composite)


class DatapointSensor(DatapointEntity, SensorEntity):
    """A read-only datapoint."""

    @property
    @override
    def translation_key(self) -> str | None:
        return "option" if self.description.datapoint.data_type is DataType.ENUM else None

    @callback
    @override
    def add_to_platform_start(
        self, hass: HomeAssistant, platform: EntityPlatform, parallel_updates: asyncio.Semaphore | None
    ) -> None:
        # Home Assistant would convert to the unit in the registry, even if the datapoint has had another one since.
        registry = er.async_get(hass)
        entity_id = registry.async_get_entity_id(platform.domain, platform.platform_name, self.unique_id or "")
        entry = None if entity_id is None else registry.async_get(entity_id)
        if entry is not None and entry.unit_of_measurement != self.native_unit_of_measurement:
            is_chosen = "unit_of_measurement" in entry.options.get(SENSOR, {}) or f"{SENSOR}.private" in entry.options
            if not is_chosen:
                registry.async_update_entity(entry.entity_id, unit_of_measurement=self.native_unit_of_measurement)
        super().add_to_platform_start(hass, platform, parallel_updates)

    @property
    @override
    def device_class(self) -> SensorDeviceClass | None:
        device_class = self.description.device_class
        return None if device_class is None else SensorDeviceClass(device_class)

    @property
    @override
    def state_class(self) -> SensorStateClass | None:
        return self.description.state_class

    @property
    @override
    def last_reset(self) -> datetime | None:
        state = self.state_of_device
        reading = None if state is None else state.readings.get(self.description.datapoint.key)
        return reading.since if reading is not None and self.state_class is SensorStateClass.TOTAL else None

    @property
    @override
    def suggested_display_precision(self) -> int | None:
        # Home Assistant rounds a frequency to whole hertz, although a grid never leaves 49 to 51.
        return 2 if self.device_class is SensorDeviceClass.FREQUENCY else None

    @property
    @override
    def native_value(self) -> StateType:
        match self.description.datapoint.data_type:
            case DataType.NUMBER:
                return self.shown_number
            case _:
                return None if (value := self.shown_value) is None else str(value)[:LONGEST_STATE]

    @property
    @override
    def options(self) -> list[str] | None:
        if self.description.datapoint.data_type is not DataType.ENUM:
            return None
        # Newer firmware may report values that the schema lacks, and Home Assistant rejects a value that is no option.
        options, value = self.description.options, self.native_value
        return [*options, *([str(value)] if value is not None and value not in options else [])]


class CompositeSensor(CompositeEntity, SensorEntity):
    """A number that is calculated from datapoints, such as how much of a filter is left."""

    @property
    @override
    def device_class(self) -> SensorDeviceClass | None:
        device_class = self.composite.device_class
        return None if device_class is None else SensorDeviceClass(device_class)

    @property
    @override
    def native_unit_of_measurement(self) -> str | None:
        return self.composite.unit

    @property
    @override
    def state_class(self) -> SensorStateClass | None:
        return state_class_of(self.composite.device_class)

    @property
    @override
    def native_value(self) -> float | None:
        number, source = self.number_of("value"), self.composite.roles["value"].sources[0]
        if number is None:
            return None
        number = round(number, _PLACES)
        if source.minimum is None or source.maximum is None:
            return number
        return min(max(number, source.minimum), source.maximum)  # a filter may be used for too long


class ClockDeviation(DeviceEntity, SensorEntity):
    """How many minutes the clock is ahead by which a device follows its schedules."""

    _attr_translation_key = "clock_deviation"
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_device_class = SensorDeviceClass.DURATION
    _attr_native_unit_of_measurement = UnitOfTime.MINUTES
    _attr_suggested_display_precision = 0

    def __init__(self, coordinator: DatapointCoordinator, device_id: str) -> None:
        super().__init__(coordinator, device_id, CLOCK)
        self._watch = ClockWatch()
        self._update()

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        self._update()
        super()._handle_coordinator_update()

    def _update(self) -> None:
        state = self.state_of_device
        reported = None if state is None else clock_report(state, dt_util.get_default_time_zone())
        if reported is None:
            self._attr_native_value = None
            return
        shown, reported_at = reported
        deviation = self._watch.deviation(shown, reported_at)
        self._attr_native_value = None if deviation is None else round(deviation / timedelta(minutes=1))
