"""Try the values of a form with the cloud, and turn the cloud's errors into errors of the form.

It neither shows forms nor stores anything.
"""

import asyncio
import logging
from collections.abc import Awaitable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from ..accounts.base import Scopes
from ..accounts.fields import Field
from ..clouds.client_store import ClientStore
from ..clouds.cloud import Cloud, Listing
from ..clouds.errors import AuthFailed, CloudError, Forbidden, RateLimited, Reason, Unreachable
from ..clouds.model import Account
from ..const import CONF_API_URL, CONF_CLOUD
from ..entries import account_type_of, forget_login, open_cloud
from ..fleet.naming import Naming
from ..plain_text import plain
from ..reasons import row_of
from .forms import BASE, shown_errors

_LOGGER = logging.getLogger(__name__)

_WITHOUT_DETAIL: Final = frozenset(
    {"cannot_connect", "feature_not_granted", "invalid_auth", "refused", "unexpected_answer", "wrong_query"}
)
"""The texts that leave out the vendor's code and the endpoint."""
_TIME_LIMIT = 60.0  # seconds for each attempt: long enough to list a large fleet


@dataclass(frozen=True, slots=True)
class Verified:
    """An account that the cloud accepted, and its devices."""

    account: Account
    listing: Listing
    names: Mapping[str, str]
    """The names of the scopes in the user's language, by id."""
    client_store: ClientStore
    """The store of the client, with its token for example; the set-up of the entry continues with it."""
    lacks_datapoints: bool = False
    """Whether a new scope has devices without any datapoints."""


@dataclass(frozen=True, slots=True)
class FormErrors:
    """The errors that a form shows, by field, and the values for their texts."""

    errors: dict[str, str]
    placeholders: Mapping[str, str] = field(default_factory=dict)
    is_account_refused: bool = False
    """Whether the cloud refused the credentials of the account, so that a scope could not be tried."""


async def verify(
    hass: HomeAssistant, kind: str, data: Mapping[str, Any], scopes: Scopes, *, are_scopes_new: bool
) -> Verified:
    """Log in and list the devices of the account.

    With `are_scopes_new`, every scope must answer too; an old scope that fails has a repair of its own. Raises any
    `CloudError`.
    """
    client_store = ClientStore()
    if not are_scopes_new:
        forget_login(hass, data)  # an open session would hide wrong credentials
    cloud = open_cloud(hass, kind, data, scopes, client_store)
    try:
        account = await cloud.account()
    except Forbidden as error:
        if are_scopes_new or not scopes or row_of(error).is_of_account:
            raise
        # The cloud refused a scope, not the account: log in without scopes.
        account = await open_cloud(hass, kind, data, {}, client_store).account()
    listing = await cloud.devices()
    has_answer = len(listing.failed) < len(scopes)
    for failure in listing.failed.values():
        if are_scopes_new or not _is_left_to_a_repair(failure, has_answer=has_answer):
            raise failure
    naming = await hass.async_add_executor_job(Naming.load, hass.config.language)
    names = {scope.id: plain(naming.text(scope.name)) for scope in cloud.scopes}
    lacks_datapoints = are_scopes_new and await _lacks_datapoints(cloud, listing, scopes)
    return Verified(account, listing, names, client_store, lacks_datapoints)


async def _lacks_datapoints(cloud: Cloud, listing: Listing, scopes: Scopes) -> bool:
    devices = {device.scope: device for device in listing.devices if device.scope in scopes and not device.is_service}
    for device in devices.values():
        try:
            if not (await cloud.schema(device)).datapoints:
                return True
        except CloudError as error:
            # The set-up reads the schema again.
            _LOGGER.debug("The datapoints of a product are unknown for now: %s", error)
    return False


def _is_left_to_a_repair(error: CloudError, *, has_answer: bool) -> bool:
    """Return whether the error of a scope need not concern the form. `has_answer`: another scope did not fail."""
    if isinstance(error, Forbidden):
        return not row_of(error).is_of_account
    return has_answer and not isinstance(error, AuthFailed | RateLimited)


async def is_same_account(hass: HomeAssistant, entry: ConfigEntry, data: Mapping[str, Any], account: Account) -> bool:
    """Return whether new data belongs to the account of an entry, as far as its cloud can tell."""
    if account.id == entry.unique_id:
        return True
    if not account_type_of(entry).is_address_in_id:
        return False
    # Compare both at one address. A token may not reveal its user; then it is accepted.
    kind = entry.data[CONF_CLOUD]
    before = await open_cloud(hass, kind, entry.data, {}, ClientStore()).account()
    same_server = {**data, CONF_API_URL: entry.data[CONF_API_URL]}
    after = await open_cloud(hass, kind, same_server, {}, ClientStore()).account()
    return before.id == after.id or not (before.has_lasting_id and after.has_lasting_id)


async def attempt[T](request: Awaitable[T], fields: Collection[Field]) -> T | FormErrors:
    """Return the result of a request to the cloud, or its error as errors of a form with these fields."""
    try:
        async with asyncio.timeout(_TIME_LIMIT):
            return await request
    except TimeoutError:
        return errors_in_form(Unreachable(Reason.TIMEOUT), fields)
    except CloudError as error:
        return errors_in_form(error, fields)
    except Exception:
        _LOGGER.exception("Unexpected error while an account was tried")
        return FormErrors({BASE: "unknown"})


def errors_in_form(error: CloudError, fields: Collection[Field]) -> FormErrors:
    """Describe an error of the cloud in a form with these fields, at the field that causes it.

    Where the text says less than the error, the log has the rest.
    """
    name = next((one.name for one in fields if _belongs_to(error, one)), BASE)
    key = row_of(error).form
    if key in _WITHOUT_DETAIL:
        _LOGGER.warning("The cloud did not accept what was entered: %s", plain(str(error), 200))
    return FormErrors(shown_errors({name: key}, fields), is_account_refused=isinstance(error, AuthFailed))


def _belongs_to(error: CloudError, field: Field) -> bool:
    if error.reason is Reason.WRONG_QUERY:
        return error.subject in field.parameters
    return error.reason in field.reasons
