"""The options of an account: the polling interval, the devices to show, the import of history, administration.

From here, the user also searches for devices (`device_search`) and changes how datapoints are shown (`refinements`).
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

import voluptuous as vol
from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult
from homeassistant.const import PERCENTAGE, UnitOfTime
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)

from ..actions.profiles import async_find_outdated
from ..clouds.cloud import Cloud
from ..clouds.errors import CloudError
from ..const import (
    ALL_CHOSEN,
    DEFAULT_SHARE,
    FIGURES_AND_CHOSEN,
    FIGURES_ONLY,
    OPTION_ADMINISTRATION,
    OPTION_DEVICES,
    OPTION_FLEET,
    OPTION_GROUPS,
    OPTION_IMPORT_DAYS,
    OPTION_IMPORT_HISTORY,
    OPTION_INTERVAL,
    OPTION_SHARE,
    OPTION_SITES,
)
from ..coordinator import DatapointCoordinator
from ..plain_text import plain
from ..statistics.schedule import DEFAULT_DAYS
from .device_search import DeviceSearchSteps
from .forms import device_labels
from .refinements import RefinementSteps

_LOGGER = logging.getLogger(__name__)

_REFINE = "refine"
_SEARCH_FOR_DEVICES = "search_for_devices"
_MOST_OFFERED = 1_000
"""A list with more devices is not offered as a whole."""
_GROUPS_TIME_LIMIT = 10.0  # seconds
_LONGEST_INTERVAL = 24 * 3600
_WHOLE_NUMBERS = (OPTION_INTERVAL, OPTION_SHARE, OPTION_IMPORT_DAYS)


class AccountOptionsFlow(DeviceSearchSteps, RefinementSteps):
    """Edits the options of an account. An empty choice of sites or devices means all, including future ones."""

    _options: dict[str, Any]

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show all options, or store the submitted ones."""
        if self.hass.config_entries.async_get_entry(self.handler) is None:
            return self.async_abort(reason="account_gone")
        if self.config_entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        if user_input is not None:
            numbers = {key: int(user_input[key]) for key in _WHOLE_NUMBERS if key in user_input}
            refines, searches = user_input.pop(_REFINE, False), user_input.pop(_SEARCH_FOR_DEVICES, False)
            self._options = user_input | numbers
            if searches or self._lacks_a_choice():
                return await self.async_step_search()
            return await (self.async_step_refine() if refines else self._async_end())
        coordinator: DatapointCoordinator = self.config_entry.runtime_data.coordinator
        chosen = self.config_entry.options
        groups = await self._groups()
        shown = {**chosen}
        if OPTION_INTERVAL in chosen:
            least = int(coordinator.cloud.shortest_interval.total_seconds())
            shown[OPTION_INTERVAL] = max(chosen[OPTION_INTERVAL], least)
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(vol.Schema(_fields(coordinator, chosen, groups)), shown),
        )

    def _lacks_a_choice(self) -> bool:
        """Return whether the account is to show only chosen devices from now on, and none is chosen."""
        is_new = self._options[OPTION_FLEET] != self.config_entry.options.get(OPTION_FLEET)
        chosen = self._options[OPTION_DEVICES] or self._options.get(OPTION_GROUPS)
        return is_new and self._options[OPTION_FLEET] == FIGURES_AND_CHOSEN and not chosen

    async def _async_end(self) -> ConfigFlowResult:
        """Store the options, and reload the accounts whose profiles have changed meanwhile."""
        outdated, _ = await async_find_outdated(self.hass)
        for entry_id in outdated:
            self.hass.config_entries.async_schedule_reload(entry_id)
        return self.async_create_entry(data=self._options)

    async def _groups(self) -> Mapping[str, str]:
        """Return the groups to choose from, or none if the cloud cannot list them now."""
        cloud: Cloud = self.config_entry.runtime_data.coordinator.cloud
        try:
            async with asyncio.timeout(_GROUPS_TIME_LIMIT):
                return await cloud.groups()
        except (CloudError, TimeoutError) as error:
            _LOGGER.debug("The groups cannot be listed: %s", error or "time limit exceeded")
            return {}


def _fields(
    coordinator: DatapointCoordinator, chosen: Mapping[str, Any], groups: Mapping[str, str]
) -> dict[vol.Marker, Any]:
    """Return the fields of the form: what the account's cloud and devices leave to choose."""
    sites = {device.site_id: device.site for device in coordinator.inventory.listed if device.site_id}
    least = int(coordinator.cloud.shortest_interval.total_seconds())
    usual = int(coordinator.cloud.default_interval.total_seconds())
    fields: dict[vol.Marker, Any] = {
        vol.Required(OPTION_INTERVAL, default=usual): NumberSelector(
            NumberSelectorConfig(
                min=least,
                max=_LONGEST_INTERVAL,
                step=1,
                unit_of_measurement=UnitOfTime.SECONDS,
                mode=NumberSelectorMode.BOX,
            )
        )
    }
    if coordinator.cloud.budget.limit is not None:
        fields[vol.Required(OPTION_SHARE, default=DEFAULT_SHARE)] = NumberSelector(
            NumberSelectorConfig(min=5, max=90, step=5, unit_of_measurement=PERCENTAGE)
        )
    is_nothing_shown = coordinator.inventory.is_too_large and not coordinator.fleet
    shown_now = chosen.get(OPTION_FLEET, FIGURES_ONLY if is_nothing_shown else ALL_CHOSEN)
    is_selectable = coordinator.cloud.administration.finder is not None and coordinator.reports is not None
    fleets = [ALL_CHOSEN, *([FIGURES_AND_CHOSEN] if is_selectable else []), FIGURES_ONLY]
    fields[vol.Required(OPTION_FLEET, default=shown_now)] = SelectSelector(
        SelectSelectorConfig(options=fleets, translation_key=OPTION_FLEET)
    )
    # Keep the field if something was chosen, even if the cloud lists no groups or sites now: hiding it would
    # drop the choice.
    if groups or chosen.get(OPTION_GROUPS):
        fields[vol.Optional(OPTION_GROUPS, default=[])] = _device_filter(groups, chosen.get(OPTION_GROUPS, ()))
    if sites or chosen.get(OPTION_SITES):
        fields[vol.Optional(OPTION_SITES, default=[])] = _device_filter(sites, chosen.get(OPTION_SITES, ()))
    fields |= _of_devices(coordinator, chosen.get(OPTION_DEVICES, ()))
    if (retention := coordinator.cloud.history.capabilities.hours_retention) is not None:
        fields |= _of_the_past(retention)
    if coordinator.cloud.administration.device_actions is not None:
        fields[vol.Optional(OPTION_ADMINISTRATION, default=False)] = BooleanSelector()
    if coordinator.fleet:
        fields[vol.Optional(_REFINE, default=False)] = BooleanSelector()
    return fields


def _of_devices(coordinator: DatapointCoordinator, chosen: Collection[str]) -> dict[vol.Marker, Any]:
    """Return the choice of devices: from all that are listed or, if those are too many, by a search for others."""
    listed = coordinator.inventory.listed
    is_too_long = coordinator.stands_on_reports or len(listed) > _MOST_OFFERED
    names = device_labels(device for device in listed if not is_too_long or device.id in chosen)
    fields: dict[vol.Marker, Any] = {vol.Optional(OPTION_DEVICES, default=[]): _device_filter(names, chosen)}
    if is_too_long and coordinator.cloud.administration.finder is not None:
        fields[vol.Optional(_SEARCH_FOR_DEVICES, default=False)] = BooleanSelector()
    return fields


def _of_the_past(reach: timedelta) -> dict[vol.Marker, Any]:
    """Whether and how far back the past is imported, no further than the cloud reaches."""
    days = max(1, reach.days)
    return {
        vol.Optional(OPTION_IMPORT_HISTORY, default=False): BooleanSelector(),
        vol.Optional(OPTION_IMPORT_DAYS, default=min(DEFAULT_DAYS, days)): NumberSelector(
            NumberSelectorConfig(
                min=1, max=days, step=1, unit_of_measurement=UnitOfTime.DAYS, mode=NumberSelectorMode.BOX
            )
        ),
    }


def _device_filter(names: Mapping[str, str | None], chosen: Iterable[str]) -> SelectSelector:
    """Return a choice of names by id. Chosen ids stay in it even if the cloud no longer lists them."""
    offered = {**dict.fromkeys(chosen), **names}
    options = [SelectOptionDict(value=id_, label=plain(name or id_)) for id_, name in offered.items()]
    return SelectSelector(
        SelectSelectorConfig(options=options, multiple=True, sort=True, mode=SelectSelectorMode.DROPDOWN)
    )
