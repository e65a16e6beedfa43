"""The steps to add an account, to sign it in again and to change it.

`flow.forms` builds the forms, `flow.validation` tries their values with the cloud.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, override

import voluptuous as vol
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryData,
    ConfigSubentryFlow,
)
from homeassistant.const import CONF_NAME
from homeassistant.core import callback
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)

from .accounts import ACCOUNT_TYPES
from .accounts.base import AccountType, FieldGroup, Scopes
from .accounts.fields import Field
from .accounts.values import fields_of, kept_secrets, problems, unencrypted, values_of, without_secrets
from .clouds.errors import Forbidden, Reason
from .const import CONF_CLOUD, DOMAIN
from .entries import account_type_of, explain_no_devices, scopes_of, sub_accounts_of, subentry_of
from .flow.forms import ADVANCED, placeholders, schema, shown_errors, submitted_values, suggested
from .flow.options import AccountOptionsFlow
from .flow.subentry import ScopeFlow
from .flow.validation import FormErrors, Verified, attempt, errors_in_form, is_same_account, verify
from .plain_text import in_markdown, plain
from .storage import hand_over

_CHANGE: Final = "reconfigure_"
"""Before the kind of the cloud, the step that changes an account: its texts differ from those of a new one."""


class DatapointCloudConfigFlow(ConfigFlow, domain=DOMAIN):
    """Adds or changes an account of any type."""

    VERSION = 1
    MINOR_VERSION = 1

    def __init__(self) -> None:
        """Start with an empty form, and a step for each account type."""
        self._kind = ""
        self._values: dict[str, Any] = {}
        """The values of the account's form."""
        self._sub_accounts: Mapping[str, str] = {}
        """The names of the accounts to choose from, by id."""
        self._accepted_addresses: set[str] = set()
        """The addresses without encryption that the user accepted after a warning."""
        self._accepted_empty: dict[str, Any] | None = None
        """The data of the account without devices that the user was warned about."""
        self._accepted_bare: Scopes | None = None
        """The scopes without datapoints that the user was warned about."""
        for account_type in ACCOUNT_TYPES.values():
            # Home Assistant calls the steps that the menu and the forms lead to by these names.
            step = partial(self._async_step_account, account_type.kind)
            setattr(self, f"async_step_{account_type.kind}", step)
            setattr(self, f"async_step_{_CHANGE}{account_type.kind}", step)
            if account_type.sub_account_field is not None:
                setattr(self, f"async_step_{account_type.sub_account_field}", self._async_step_sub_account)

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(cls, config_entry: ConfigEntry) -> dict[str, type[ConfigSubentryFlow]]:
        """Return the flow for the scopes of the account, if its type has any."""
        scope_type = account_type_of(config_entry).scope_type
        return {} if scope_type is None else {scope_type.subentry_type: ScopeFlow}

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> AccountOptionsFlow:
        """Return the flow for the options of an account."""
        return AccountOptionsFlow()

    async def async_step_user(self, _: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Let the user choose the cloud."""
        return self.async_show_menu(
            step_id="user", menu_options=list(ACCOUNT_TYPES), description_placeholders=placeholders()
        )

    async def _async_step_account(self, kind: str, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the form of an account, or check its values and try them."""
        self._kind = kind
        if self.source == SOURCE_RECONFIGURE:
            self._entry()
        if user_input is None:
            return self._show_account()
        self._values = submitted_values(self._fields, user_input)
        values = self._values | self._kept()
        if errors := problems(self._groups, values):
            return self._show_account(FormErrors(shown_errors(errors, self._fields)))
        if set(unencrypted(self._fields, values)) - self._accepted_addresses:
            return await self.async_step_unencrypted()
        return await self._try_account()

    async def _async_step_sub_account(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Let the user choose one of the accounts that the credentials open."""
        if user_input is not None:
            self._values |= user_input
            return await self._try_account()
        name = self._account_type.sub_account_field or ""
        selector = SelectSelector(
            SelectSelectorConfig(options=_options(self._sub_accounts), mode=SelectSelectorMode.LIST)
        )
        return self.async_show_form(step_id=name, data_schema=vol.Schema({vol.Required(name): selector}))

    async def async_step_unencrypted(self, _: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Warn about addresses without encryption before anything is sent to them."""
        addresses = unencrypted(self._fields, self._values)
        return self.async_show_menu(
            step_id="unencrypted",
            menu_options=["change_address", "accept_address"],
            description_placeholders={"addresses": ", ".join(map(in_markdown, addresses))},
        )

    async def async_step_change_address(self, _: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Go back from the warning to the form, which keeps what was entered."""
        return self._show_account()

    async def async_step_accept_address(self, _: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Try the account in spite of the warning."""
        self._accepted_addresses |= set(unencrypted(self._fields, self._values))
        return await self._try_account()

    async def async_step_reconfigure(self, _: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the account to change; its form has the fields of a new one, without those of a first scope."""
        entry = self._entry()
        self._kind = entry.data[CONF_CLOUD]
        self._values = without_secrets(self._fields, entry.data)
        self._accepted_addresses = set(unencrypted(self._fields, entry.data))
        return self._show_account()

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Start signing in again after the cloud refused the credentials."""
        self._kind = entry_data[CONF_CLOUD]
        self._values = without_secrets(_reauth_fields(entry_data), entry_data)
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the form to sign in again, or try the new credentials."""
        entry = self._entry()
        fields = _reauth_fields(entry.data)
        if user_input is None:
            return self._show("reauth_confirm", fields, self._values)
        self._values = submitted_values(fields, user_input)
        data = {**entry.data, **self._values}
        answer = await attempt(verify(self.hass, self._kind, data, scopes_of(entry), are_scopes_new=False), fields)
        if isinstance(answer, FormErrors):
            return self._show("reauth_confirm", fields, self._values, answer)
        return await self._update(data, answer)

    def _entry(self) -> ConfigEntry:
        """Return the entry that is changed or signed in again. Aborts the flow if it was removed."""
        entry = self.hass.config_entries.async_get_entry(self.context["entry_id"])
        if entry is None:
            raise AbortFlow("account_gone")
        return entry

    @property
    def _account_type(self) -> AccountType:
        return ACCOUNT_TYPES[self._kind]

    @property
    def _groups(self) -> tuple[FieldGroup, ...]:
        """The fields of the account; for a new account, also those of its first scope."""
        return self._account_type.field_groups if self.source == SOURCE_USER else (self._account_type,)

    @property
    def _fields(self) -> tuple[Field, ...]:
        return fields_of(self._groups)

    def _kept(self) -> dict[str, Any]:
        """Return what a changed entry keeps: the secrets left empty, and the account that was chosen in a step."""
        if self.source != SOURCE_RECONFIGURE:
            return {}
        stored = self._entry().data
        chosen = {name: value for name, value in stored.items() if name == self._account_type.sub_account_field}
        return kept_secrets(self._groups, self._values, stored) | chosen

    async def _try_account(self) -> ConfigFlowResult:
        """Try the submitted values; show the form with errors, the next step, or finish."""
        values = self._values | self._kept()
        data = self._account_type.entry_data(values)
        if (name := self._account_type.sub_account_field) is not None and name not in data:
            return await self._find_sub_account(name, data)
        scopes = self._scopes(values)
        answer = await attempt(
            verify(self.hass, self._kind, data, scopes, are_scopes_new=self.source == SOURCE_USER), self._fields
        )
        if isinstance(answer, FormErrors):
            return self._show_account(answer)
        if not answer.listing.devices and data != self._accepted_empty:
            self._accepted_empty = data
            if (why := await self._why_no_devices(data, answer)) is not None:
                return self._show_account(why)
        if answer.lacks_datapoints and scopes != self._accepted_bare:
            self._accepted_bare = scopes
            return self._show_account(errors_in_form(Forbidden(Reason.NO_DATAPOINTS), self._fields))
        if self.source == SOURCE_RECONFIGURE:
            return await self._update(data, answer)
        return await self._create(data, scopes, answer)

    async def _find_sub_account(self, name: str, data: Mapping[str, Any]) -> ConfigFlowResult:
        """Take the only account that the credentials open, or let the user choose one."""
        answer = await attempt(sub_accounts_of(self.hass, self._kind, data), self._fields)
        if isinstance(answer, FormErrors):
            return self._show_account(answer)
        if len(answer) == 1:
            (self._values[name],) = answer
            return await self._try_account()
        self._sub_accounts = answer
        return await self._async_step_sub_account()

    async def _why_no_devices(self, data: Mapping[str, Any], verified: Verified) -> FormErrors | None:
        """Find out where the devices are, and suggest the values with which the user finds them."""
        found = await attempt(explain_no_devices(self.hass, self._kind, data, verified.client_store), self._fields)
        if found is None or isinstance(found, FormErrors):
            return found
        self._values |= found.values
        return FormErrors(shown_errors({found.field_name: found.text}, self._fields), found.placeholders)

    def _scopes(self, values: Mapping[str, Any]) -> Scopes:
        if self.source == SOURCE_RECONFIGURE:
            return scopes_of(self._entry())
        if (scope_type := self._account_type.scope_type) is None:
            return {}
        scope = values_of(scope_type.fields, values)
        return {scope_type.id_of(scope): scope}

    async def _create(self, data: Mapping[str, Any], scopes: Scopes, verified: Verified) -> ConfigFlowResult:
        scope_type = self._account_type.scope_type
        await self.async_set_unique_id(verified.account.id)
        self._abort_if_unique_id_configured()
        hand_over(self.hass, verified.account.id, verified.client_store)
        # The name of its first product says more to the user than the id of an enterprise.
        product = next(iter(verified.names.values()), verified.account.id)
        name = verified.account.name or f"{self._account_type.brand(data)} {product}"
        return self.async_create_entry(
            title=plain(name),
            data=data,
            subentries=[
                ConfigSubentryData(
                    data=scope,
                    subentry_type=scope_type.subentry_type,
                    title=verified.names[unique_id],
                    unique_id=unique_id,
                )
                for unique_id, scope in scopes.items()
                if scope_type is not None
            ],
        )

    async def _update(self, data: Mapping[str, Any], verified: Verified) -> ConfigFlowResult:
        entry = self._entry()
        if not await is_same_account(self.hass, entry, data, verified.account):
            return self.async_abort(reason="wrong_account")
        hand_over(self.hass, entry.unique_id or "", verified.client_store)
        result = self.async_update_and_abort(entry, data=data)
        # Only an entry that is set up reloads when it changes, and a refused account is not set up.
        self.hass.config_entries.async_schedule_reload(entry.entry_id)
        if refused := [subentry for scope in verified.listing.failed if (subentry := subentry_of(entry, scope))]:
            titles = ", ".join(in_markdown(entry.subentries[subentry_id].title) for subentry_id in refused)
            return self.async_abort(reason="scopes_refused", description_placeholders={"scopes": titles})
        return result

    def _show_account(self, refused: FormErrors | None = None) -> ConfigFlowResult:
        step_id = f"{_CHANGE}{self._kind}" if self.source == SOURCE_RECONFIGURE else self._kind
        return self._show(step_id, self._fields, self._values, refused)

    def _show(
        self, step_id: str, fields: Sequence[Field], values: Mapping[str, Any], refused: FormErrors | None = None
    ) -> ConfigFlowResult:
        refused = refused or FormErrors({})
        # By default, Home Assistant fills in the title without escaping its markdown.
        named = {} if self.source == SOURCE_USER else {CONF_NAME: in_markdown(self._entry().title)}
        form = schema(fields, keeps_secrets=self.source != SOURCE_USER, opens_advanced=ADVANCED in refused.errors)
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(form, suggested(fields, values)),
            errors=refused.errors,
            description_placeholders={**placeholders(self._account_type), **refused.placeholders, **named},
        )


def _reauth_fields(data: Mapping[str, Any]) -> tuple[Field, ...]:
    fields = ACCOUNT_TYPES[data[CONF_CLOUD]].reauth_fields(data)
    return tuple(replace(field, is_advanced=False) for field in fields)


def _options(names: Mapping[str, str]) -> list[SelectOptionDict]:
    """Offer accounts by name; those without a name of their own also show their id."""
    times = Counter(names.values())
    return [
        SelectOptionDict(value=id_, label=name if name and times[name] == 1 else f"{name} ({id_})")
        for id_, name in names.items()
    ]
