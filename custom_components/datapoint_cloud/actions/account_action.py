"""What all actions that administer an account have in common: the account, its product and devices, rights and errors.

An `AccountAction` states what is particular about one of them. This module knows no action.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import voluptuous as vol
from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import service
from homeassistant.util.json import JsonObjectType

from .. import exceptions
from ..clouds.administration import Administration, ItemResults
from ..clouds.errors import CloudError
from ..clouds.model import Device
from ..const import DOMAIN
from ..coordinator import DatapointCoordinator
from ..device_registry import find_state
from ..entries import subentry_of
from ..runtime import DatapointConfigEntry
from ..texts import message_of
from . import words
from .patience import before_timeout
from .rights import Rights

type Fields = Mapping[vol.Marker, Any]
"""The validators of an action's fields."""

TEXT = vol.All(cv.string, vol.Length(min=1))
TEXTS = vol.All(cv.ensure_list, [TEXT], vol.Length(min=1), vol.Unique())
_SEPARATED_MAC: Final = re.compile(r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}")
PRODUCT_FIELD: Final[Fields] = {vol.Optional("product"): TEXT}


@dataclass(frozen=True, slots=True)
class AccountCall:
    """One call of an action, and the account that it is about."""

    hass: HomeAssistant
    action: str
    coordinator: DatapointCoordinator
    data: Mapping[str, Any]

    @property
    def account(self) -> str:
        """The name of the account."""
        return self.coordinator.name

    def product(self) -> str | None:
        """Return the product of the call, or the only one of the account; None if accounts have no products.

        Raises a translated error if the account has several and the call names none, or another.
        """
        scopes = self.coordinator.cloud.scopes
        named: str | None = self.data.get("product")
        if not scopes:
            return named
        if named is None and len(scopes) == 1:
            return scopes[0].id
        entry = self.coordinator.config_entry
        titles = {scope: entry.subentries[subentry_of(entry, scope.id) or ""].title for scope in scopes}
        for scope, title in titles.items():
            if named in {scope.id, scope.name, title}:
                return scope.id
        products = ", ".join(titles.values())
        if named is None:
            raise exceptions.of_call("product_missing", account=self.account, products=products)
        raise exceptions.of_call("no_product", name=named, account=self.account, products=products)

    def listed(self, name: str) -> Device | str:
        """Return the device that the account lists with this id or MAC address; the bare name if it lists none."""
        devices = self.coordinator.inventory.listed
        bare = re.sub("[:-]", "", name) if _SEPARATED_MAC.fullmatch(name) else name
        found = next((device for device in devices if device.id == name), None)
        return found or next((device for device in devices if device.mac and _is_same(device.mac, bare)), bare)

    def chosen(self, field: str = "") -> list[Device | str]:
        """Return what the call names in `field`, and the devices of Home Assistant in `device_id`.

        Raises a translated error if the call chooses nothing, or a device of another account.
        """
        chosen = [self.listed(name) for name in self.data.get(field, ())]
        chosen += [self._registered(registry_id) for registry_id in self.data.get("device_id", ())]
        if not chosen:
            raise exceptions.of_call("nothing_chosen", field=words.field_names(self.hass, self.action, [field]))
        return list(dict.fromkeys(chosen))

    def device_ids(self, field: str = "") -> list[str]:
        """Return the vendor's ids of what the call chooses; a name that the account does not list is taken as an id."""
        return [one if isinstance(one, str) else one.id for one in self.chosen(field)]

    def _registered(self, registry_id: str) -> Device:
        device, entry = service.async_get_device_and_config_entry(self.hass, DOMAIN, registry_id)
        state = None
        if entry.entry_id == self.coordinator.config_entry.entry_id:
            state = find_state(self.hass, self.coordinator, device)
        if state is None:
            name = device.name_by_user or device.name or registry_id
            raise exceptions.of_call("device_of_other_account", device=name, account=self.account)
        return state.device

    def registry_id(self, device_id: str) -> str | None:
        """Return the id of a device in Home Assistant's registry; None if it is not there."""
        registry = dr.async_get(self.hass)
        device = registry.async_get_device_by_identifier((DOMAIN, device_id), self.coordinator.config_entry.entry_id)
        return None if device is None else device.id


def _is_same(mac: str, other: str) -> bool:
    return mac.casefold() == other.casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAction[Part]:
    """An action that administers an account.

    `part` finds what the cloud must offer for it; where that is None, the call is refused with the text `not_offered`.
    `run` does the work and returns the response. It may raise any `CloudError`, about `subject` of the call's data.
    """

    name: str
    fields: Fields
    part: Callable[[AccountCall], Part | None]
    not_offered: str
    run: Callable[[AccountCall, Part], Awaitable[JsonObjectType]]
    subject: str = ""
    is_change: bool = False
    is_for_administrators: bool = False

    @property
    def schema(self) -> vol.Schema:
        """The fields of the action."""
        return vol.Schema({vol.Required("config_entry_id"): cv.string, **self.fields})

    async def async_answer(self, call: ServiceCall) -> ServiceResponse:
        """Check the rights of the caller, run the action and return its response."""
        entry: DatapointConfigEntry = service.async_get_config_entry(call.hass, DOMAIN, call.data["config_entry_id"])
        coordinator = entry.runtime_data.coordinator
        if not self.needs_administrator:
            (await Rights.async_of(call, POLICY_READ)).require_account(coordinator)
        account_call = AccountCall(call.hass, self.name, coordinator, call.data)
        part = self.part(account_call)
        if part is None:
            raise exceptions.of_call(self.not_offered, account=coordinator.name)
        try:
            response = await before_timeout(self.run(account_call, part))
        except CloudError as error:
            subject = call.data.get(self.subject, "")
            raise exceptions.of_administration(error, subject, is_change=self.is_change) from error
        refused = response.get("failed")
        if isinstance(refused, Mapping) and refused and not call.return_response:
            # Without a response, an exception is the only sign of what was refused.
            raise exceptions.of_items({item: str(reason) for item, reason in refused.items()})
        return response if call.return_response else None

    @property
    def needs_administrator(self) -> bool:
        """Whether only administrators may call it: what changes something at the vendor, or shows users."""
        return self.is_change or self.is_for_administrators

    @callback
    def async_register(self, hass: HomeAssistant) -> None:
        """Register the action."""
        response = SupportsResponse.OPTIONAL if self.is_change else SupportsResponse.ONLY
        if self.needs_administrator:
            service.async_register_admin_service(
                hass, DOMAIN, self.name, self.async_answer, self.schema, supports_response=response
            )
        else:
            hass.services.async_register(DOMAIN, self.name, self.async_answer, self.schema, supports_response=response)


def offered[Part](find: Callable[[Administration], Part | None]) -> Callable[[AccountCall], Part | None]:
    """Find a part of what the account's cloud offers."""
    return lambda call: find(call.coordinator.cloud.administration)


def item_results(call: AccountCall, results: ItemResults) -> JsonObjectType:
    """Return the outcome of a change for each item, with the reason of each failure in words."""
    return {
        "succeeded": list(results.succeeded),
        "failed": {
            item: message_of(call.hass, exceptions.of_item(error, item)) for item, error in results.failed.items()
        },
    }
