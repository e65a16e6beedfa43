"""The steps of the options that change how a datapoint is shown, and keep it as a profile of the user.

Each list offers only what fits the datapoint, and shows today's value.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import voluptuous as vol
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.components.number.const import DEVICE_CLASS_UNITS as NUMBER_UNITS
from homeassistant.components.sensor.const import DEVICE_CLASS_UNITS as SENSOR_UNITS
from homeassistant.components.sensor.const import NON_NUMERIC_DEVICE_CLASSES
from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.const import Platform
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)
from homeassistant.helpers.translation import async_get_translations

from .. import user_profiles
from ..clouds import coerce
from ..clouds.model import DataType, Value
from ..fleet.description import DatapointDescription
from ..fleet.device_state import DeviceState, holds_free_text
from ..plain_text import plain
from ..profiles import BadProfile
from ..profiles.values import number_of, scaled
from .forms import device_labels

_NO_CLASS: Final = "none"
_SCALES: Final = ("0.001", "0.01", "0.1", "0.5", "1", "2", "5", "10", "100")
_UNITS_WITHOUT_CLASS: Final = ("%", "bpm", "rpm")


@dataclass(slots=True)
class _Choice:
    """What the user has chosen so far."""

    device_id: str = ""
    is_for_product: bool = True
    key: str = ""
    name: str | None = None
    device_class: str | None = None


class RefinementSteps(OptionsFlow):
    """The steps: which device, which datapoint, its name and class, its unit and scale."""

    _choice: _Choice

    async def _async_end(self) -> ConfigFlowResult:
        """Store the options and end the flow."""
        raise NotImplementedError

    async def async_step_refine(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose a device, and whether the change is for all devices of its product."""
        if user_input is not None:
            is_for_product = user_input["applies_to"] == "product"
            self._choice = _Choice(device_id=user_input["device"], is_for_product=is_for_product)
            return await self.async_step_refine_datapoint()
        fields = {
            vol.Required("device"): _choice_of(device_labels(state.device for state in self._states()), is_sorted=True),
            vol.Required("applies_to", default="product"): SelectSelector(
                SelectSelectorConfig(options=["product", "device"], translation_key="applies_to")
            ),
        }
        return self.async_show_form(step_id="refine", data_schema=vol.Schema(fields))

    async def async_step_refine_datapoint(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose a datapoint by its name and its value of today."""
        if (state := self._state()) is None:
            return self.async_abort(reason="device_gone")
        if user_input is not None:
            self._choice.key = user_input["datapoint"]
            return await self.async_step_refine_meaning()
        labels = {
            key: f"{description.name} ({key}): {_shown(description, state.value(key))}"
            for key, description in state.descriptions.items()
        }
        return self.async_show_form(
            step_id="refine_datapoint",
            data_schema=vol.Schema({vol.Required("datapoint"): _choice_of(labels, is_sorted=True)}),
            description_placeholders={"device": plain(state.device.name)},
        )

    async def async_step_refine_meaning(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Enter a name and choose a class, or undo what was chosen before."""
        state, description = self._chosen()
        if state is None or description is None:
            return self.async_abort(reason="device_gone")
        try:
            before = await self._async_written(state)
        except BadProfile:
            return self.async_abort(reason="profile_unreadable")
        if user_input is not None:
            if user_input.get("reset"):
                return await self._async_save(state, {})
            self._choice.name = user_input.get("name", "").strip() or None
            chosen = user_input.get("device_class", _NO_CLASS)
            self._choice.device_class = None if chosen == _NO_CLASS else chosen
            if description.datapoint.data_type is DataType.NUMBER:
                return await self.async_step_refine_unit()
            return await self._async_save(state, self._refinement())
        fields: dict[vol.Marker, Any] = {vol.Optional("name"): TextSelector()}
        if classes := _classes_for(description):
            labels = await self._async_labels(description.platform, classes)
            fields[vol.Optional("device_class", default=description.device_class or _NO_CLASS)] = _choice_of(
                {_NO_CLASS: "–", **labels}
            )
        if before:
            fields[vol.Optional("reset", default=False)] = BooleanSelector()
        return self.async_show_form(
            step_id="refine_meaning",
            data_schema=self.add_suggested_values_to_schema(vol.Schema(fields), {"name": before.get("name")}),
            description_placeholders=self._placeholders(state, description),
        )

    async def async_step_refine_unit(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose a unit that fits the class, and a scale by the value that it gives."""
        state, description = self._chosen()
        if state is None or description is None:
            return self.async_abort(reason="device_gone")
        errors: dict[str, str] = {}
        units = _units_for(description, self._choice.device_class)
        if user_input is not None:
            scale = coerce.number(_as_number(user_input["scale"]))
            unit = user_input.get("unit", "").strip() or None
            if scale is None or scale <= 0:
                errors["scale"] = "scale_invalid"
            elif self._choice.device_class is not None and unit not in units:
                errors["unit"] = "unit_unfit"
            else:
                return await self._async_save(state, self._refinement(unit=unit, scale=scale))
        number = number_of(state.value(self._choice.key))
        scales = dict.fromkeys((*_SCALES, f"{description.scale:g}"))
        fields: dict[vol.Marker, Any] = {
            vol.Optional("unit"): _choice_of(
                {unit: unit for unit in units if unit}, is_open=not self._choice.device_class
            ),
            vol.Required("scale", default=f"{description.scale:g}"): _choice_of(
                {scale: _scaled_label(scale, number) for scale in scales}, is_open=True
            ),
        }
        suggested = user_input or {"unit": description.unit if description.unit in units else None}
        return self.async_show_form(
            step_id="refine_unit",
            data_schema=self.add_suggested_values_to_schema(vol.Schema(fields), suggested),
            errors=errors,
            description_placeholders=self._placeholders(state, description),
        )

    async def async_step_refine_saved(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say where the change is kept, and change another datapoint or end."""
        if user_input is not None:
            return await (self.async_step_refine() if user_input.get("another") else self._async_end())
        state = self._state()
        path = user_profiles.file_of(user_profiles.folder_of(self.hass), **self._match(state))
        return self.async_show_form(
            step_id="refine_saved",
            data_schema=vol.Schema({vol.Optional("another", default=False): BooleanSelector()}),
            description_placeholders={"file": plain(str(path.relative_to(self.hass.config.config_dir)))},
            last_step=True,
        )

    # The choice

    def _states(self) -> Iterable[DeviceState]:
        states: Iterable[DeviceState] = self.config_entry.runtime_data.coordinator.fleet.values()
        return states

    def _state(self) -> DeviceState | None:
        return next((state for state in self._states() if state.device.id == self._choice.device_id), None)

    def _chosen(self) -> tuple[DeviceState | None, DatapointDescription | None]:
        state = self._state()
        return state, None if state is None else state.descriptions.get(self._choice.key)

    def _match(self, state: DeviceState | None) -> dict[str, str]:
        """What the file is for: the product, or the device alone."""
        if self._choice.is_for_product and state is not None:
            return {"product": state.product.key}
        return {"device": self._choice.device_id}

    def _refinement(self, **more: Any) -> dict[str, Any]:
        """Return what was chosen, as a profile says it."""
        chosen = {"name": self._choice.name, "class": self._choice.device_class, **more}
        return {word: value for word, value in chosen.items() if value is not None}

    def _placeholders(self, state: DeviceState, description: DatapointDescription) -> dict[str, str]:
        value = state.value(self._choice.key)
        return {
            "datapoint": plain(description.name),
            "key": plain(self._choice.key),
            "value": _shown(description, value),
            "raw": "–" if value is None or holds_free_text(description.datapoint) else plain(str(value)),
        }

    async def _async_labels(self, platform: Platform, classes: Iterable[str]) -> dict[str, str]:
        """Return Home Assistant's own names for classes."""
        texts = await async_get_translations(self.hass, self.hass.config.language, "entity_component", [platform])
        start = f"component.{platform}.entity_component"
        named = {found: texts.get(f"{start}.{found}.name", found) for found in classes}
        return dict(sorted(named.items(), key=lambda item: item[1].casefold()))

    # The file

    async def _async_written(self, state: DeviceState) -> Mapping[str, Any]:
        folder, key, match = user_profiles.folder_of(self.hass), self._choice.key, self._match(state)
        return await self.hass.async_add_executor_job(lambda: user_profiles.written_refinement(folder, key, **match))

    async def _async_save(self, state: DeviceState, refinement: Mapping[str, Any]) -> ConfigFlowResult:
        folder, key, match = user_profiles.folder_of(self.hass), self._choice.key, self._match(state)
        try:
            await self.hass.async_add_executor_job(
                lambda: user_profiles.write_refinement(folder, key, refinement, **match)
            )
        except BadProfile:
            return self.async_abort(reason="profile_unreadable")
        except OSError, HomeAssistantError:
            return self.async_abort(reason="profile_not_written")
        return await self.async_step_refine_saved()


def _as_number(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def _choice_of(labels: Mapping[str, str], *, is_sorted: bool = False, is_open: bool = False) -> SelectSelector:
    options = [SelectOptionDict(value=value, label=plain(label)) for value, label in labels.items()]
    config = SelectSelectorConfig(options=options, mode=SelectSelectorMode.DROPDOWN, custom_value=is_open)
    return SelectSelector(SelectSelectorConfig(**config, sort=is_sorted))


def _shown(description: DatapointDescription, value: Value | None) -> str:
    """Return what an entity shows for a value, with its unit; free text may be a password."""
    shown = None if holds_free_text(description.datapoint) else description.shown(value)
    if shown is None:
        return "–"
    if isinstance(shown, bool):
        return "on" if shown else "off"
    return plain(f"{shown} {description.unit or ''}")


def _scaled_label(scale: str, number: float | None) -> str:
    return f"× {scale}" if number is None else f"× {scale}: {scaled(number, float(scale)):g}"


def _classes_for(description: DatapointDescription) -> list[str]:
    """Return the device classes that an entity of this datapoint can have."""
    match description.platform, description.datapoint.data_type:
        case Platform.NUMBER, _:
            return [found.value for found in NUMBER_UNITS]
        case Platform.SENSOR, DataType.NUMBER:
            return [found.value for found in SENSOR_UNITS if found not in NON_NUMERIC_DEVICE_CLASSES]
        case Platform.BINARY_SENSOR, _:
            return [found.value for found in BinarySensorDeviceClass]
    return []


def _units_for(description: DatapointDescription, device_class: str | None) -> list[str | None]:
    """Return the units that a class can have; without a class, those of no class and the one of today."""
    by_class: Mapping[Any, Iterable[Any]] = NUMBER_UNITS if description.platform is Platform.NUMBER else SENSOR_UNITS
    if device_class is None:
        today = [description.unit] if description.unit else []
        return [*dict.fromkeys([*today, *_UNITS_WITHOUT_CLASS])]
    units = by_class.get(device_class, ())
    return [*sorted(str(unit) for unit in units if unit is not None), *([None] if None in units else [])]
