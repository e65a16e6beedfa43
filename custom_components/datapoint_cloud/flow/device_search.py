"""The steps of the options that search for devices of a fleet too large to choose from a list.

They change nothing but the choice of devices.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import voluptuous as vol
from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)

from .. import exceptions
from ..clouds.administration import DeviceQuery, FoundDevice
from ..clouds.errors import CloudError
from ..const import OPTION_DEVICES
from ..coordinator import DatapointCoordinator
from ..plain_text import plain
from .forms import BASE, device_labels

_MOST_FOUND: Final = 500
_IS_ONLINE: Final = "is_online"
_ONLINE, _OFFLINE = "online", "offline"
_TEXTS: Final = ("mac", "country", "region", "city")


class DeviceSearchSteps(OptionsFlow):
    """The steps: what to search for, and which of the devices that were found to show."""

    _options: dict[str, Any]
    _found: Sequence[FoundDevice]

    async def _async_end(self) -> ConfigFlowResult:
        """Store the options and end the flow."""
        raise NotImplementedError

    async def _groups(self) -> Mapping[str, str]:
        """Return the groups to choose from, by id."""
        raise NotImplementedError

    async def async_step_search(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask which devices to look for, and look for them."""
        coordinator: DatapointCoordinator = self.config_entry.runtime_data.coordinator
        finder, problem = coordinator.cloud.administration.finder, ""
        if user_input is not None and finder is not None:
            try:
                self._found = await finder.find(_query(user_input))
            except CloudError as error:
                problem = plain(str(exceptions.of_poll(error)))
            else:
                if self._found:
                    return await self.async_step_found()
        scopes = {scope.id: coordinator.scope_name(scope.id) for scope in coordinator.cloud.scopes}
        fields: dict[vol.Marker, Any] = {
            vol.Optional("product"): _one_of(scopes),
            **{vol.Optional(name): TextSelector() for name in _TEXTS},
            vol.Optional(_IS_ONLINE): SelectSelector(
                SelectSelectorConfig(options=[_ONLINE, _OFFLINE], translation_key=_IS_ONLINE)
            ),
        }
        if groups := await self._groups():
            fields[vol.Optional("group_id")] = _one_of(groups)
        return self.async_show_form(
            step_id="search",
            data_schema=self.add_suggested_values_to_schema(vol.Schema(fields), user_input),
            errors=None if user_input is None else {BASE: "search_failed" if problem else "nothing_found"},
            description_placeholders={"error": problem, "most": str(_MOST_FOUND)},
        )

    async def async_step_found(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Let the user choose among the devices that were found, and add those to the ones chosen before."""
        coordinator: DatapointCoordinator = self.config_entry.runtime_data.coordinator
        names = device_labels(coordinator.inventory.named(one.device) for one in self._found)
        if user_input is None:
            schema = vol.Schema({vol.Optional(OPTION_DEVICES, default=list(names)): _several_of(names)})
            return self.async_show_form(
                step_id="found", data_schema=schema, description_placeholders={"count": str(len(names))}
            )
        added = user_input[OPTION_DEVICES]
        # The account knows them then, so that it can show them at once.
        coordinator.inventory.async_remember(one.device for one in self._found if one.device.id in added)
        self._options[OPTION_DEVICES] = list(dict.fromkeys([*self._options[OPTION_DEVICES], *added]))
        return await self._async_end()


def _query(user_input: Mapping[str, Any]) -> DeviceQuery:
    """Return what a search looks for. A group belongs to a product; its id begins with that of the product."""
    product, _, group = user_input.get("group_id", "").rpartition("/")
    online = user_input.get(_IS_ONLINE)
    return DeviceQuery(
        scope=user_input.get("product") or product or None,
        group_id=group or None,
        is_online=None if online is None else online == _ONLINE,
        limit=_MOST_FOUND,
        **{name: user_input[name].strip() for name in _TEXTS if user_input.get(name, "").strip()},
    )


def _one_of(names: Mapping[str, str]) -> SelectSelector:
    return SelectSelector(SelectSelectorConfig(options=_options_of(names), sort=True, mode=SelectSelectorMode.DROPDOWN))


def _several_of(names: Mapping[str, str]) -> SelectSelector:
    return SelectSelector(
        SelectSelectorConfig(options=_options_of(names), multiple=True, sort=True, mode=SelectSelectorMode.DROPDOWN)
    )


def _options_of(names: Mapping[str, str]) -> list[SelectOptionDict]:
    return [SelectOptionDict(value=id_, label=plain(name)) for id_, name in names.items()]
