"""How an account comes to be an entry, is signed in again, and is changed.

The steps and their order; what the forms hold is in `flow.fields`, what the clouds say to it in `flow.validation`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, override

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
from homeassistant.helpers.selector import SelectOptionDict, SelectSelector, SelectSelectorConfig, SelectSelectorMode

from .accounts import Scopes, scope_id, scopes_of, subentry_of
from .clouds.firstlight.api import FirstlightCloud
from .clouds.gizwits.enterprise.api import GizwitsEnterpriseCloud
from .clouds.gizwits.open.api import GizwitsOpenCloud
from .clouds.sodata.api import SoDataCloud
from .clouds.sodata.mapping import CorporateAccount
from .const import (
    CONF_CLIENT_ID,
    CONF_CLOUD,
    CONF_CORPORATE_ACCOUNT,
    CONF_PHONE_ID,
    CONF_PRODUCT_KEY,
    CONF_REGION,
    CONF_USERNAME,
    DOMAIN,
)
from .flow.fields import (
    ACCOUNT_FIELDS,
    ADVANCED,
    SCOPE_FIELDS,
    SCOPE_OF,
    Field,
    account_data,
    entered,
    kept,
    only,
    placed,
    placeholders,
    problems,
    schema,
    suggested,
    unencrypted,
    without_secrets,
)
from .flow.options import AccountOptionsFlow
from .flow.subentry import ScopeFlow
from .flow.validation import BASE, Refused, Verified, attempt, corporate_accounts, is_same_account, verify
from .plain_text import in_markdown, plain
from .storage import hand_over


class DatapointCloudConfigFlow(ConfigFlow, domain=DOMAIN):
    """An account of any of the clouds."""

    VERSION = 1
    MINOR_VERSION = 1

    def __init__(self) -> None:
        """Start with an empty form."""
        self._kind = ""
        self._values: dict[str, Any] = {}
        """What the form of the account holds."""
        self._corporate_accounts: Sequence[CorporateAccount] = ()
        self._accepted_addresses: set[str] = set()
        """The addresses without encryption that the user was warned of."""
        self._accepted_empty: dict[str, Any] | None = None
        """The account without devices that the user was warned of."""
        self._accepted_bare: Scopes | None = None
        """The product without datapoints that the user was warned of."""

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(cls, config_entry: ConfigEntry) -> dict[str, type[ConfigSubentryFlow]]:
        """The type of scope the entry's cloud has, if any."""
        kind = config_entry.data[CONF_CLOUD]
        return {SCOPE_OF[kind]: ScopeFlow} if kind in SCOPE_OF else {}

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> AccountOptionsFlow:
        """The options of an account."""
        return AccountOptionsFlow()

    async def async_step_user(self, _: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose the cloud."""
        return self.async_show_menu(
            step_id="user", menu_options=list(ACCOUNT_FIELDS), description_placeholders=placeholders()
        )

    async def async_step_gizwits_open(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take an account of the Gizwits Open API."""
        return await self._take_account(GizwitsOpenCloud.kind, user_input)

    async def async_step_gizwits_enterprise(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take an account of the Gizwits Enterprise API and its first product."""
        return await self._take_account(GizwitsEnterpriseCloud.kind, user_input)

    async def async_step_sodata(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take an account of SoData."""
        return await self._take_account(SoDataCloud.kind, user_input)

    async def async_step_firstlight(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take an account of Firstlight and its first usage query."""
        return await self._take_account(FirstlightCloud.kind, user_input)

    async def async_step_corporate_account(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose one of the corporate accounts a SoData user belongs to."""
        if user_input is not None:
            self._values |= user_input
            return await self._try_account()
        selector = SelectSelector(
            SelectSelectorConfig(options=_choices(self._corporate_accounts), mode=SelectSelectorMode.LIST)
        )
        return self.async_show_form(
            step_id="corporate_account", data_schema=vol.Schema({vol.Required(CONF_CORPORATE_ACCOUNT): selector})
        )

    async def async_step_unencrypted(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Warn of addresses without encryption, before anything is sent to them."""
        addresses = unencrypted(self._fields, self._values)
        if user_input is not None:
            self._accepted_addresses |= set(addresses)
            return await self._try_account()
        return self.async_show_form(
            step_id="unencrypted",
            data_schema=vol.Schema({}),
            description_placeholders={"addresses": ", ".join(map(in_markdown, addresses))},
        )

    async def async_step_reconfigure(self, _: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Change an account, in the form it was made with."""
        entry = self._changed()
        self._kind = entry.data[CONF_CLOUD]
        self._values = without_secrets(self._fields, entry.data)
        self._accepted_addresses = set(unencrypted(self._fields, entry.data))
        return self._show_account()

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Sign in again after the cloud refused the account."""
        self._kind = entry_data[CONF_CLOUD]
        self._values = without_secrets(_credentials(self._kind, entry_data), entry_data)
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take new credentials."""
        entry = self._changed()
        fields = _credentials(self._kind, entry.data)
        if user_input is None:
            return self._show("reauth_confirm", fields, self._values)
        self._values = entered(fields, user_input)
        data = {**entry.data, **self._values}
        answer = await attempt(verify(self.hass, self._kind, data, scopes_of(entry), are_scopes_new=False), fields)
        if isinstance(answer, Refused):
            return self._show("reauth_confirm", fields, self._values, answer)
        return await self._update(data, answer)

    def _changed(self) -> ConfigEntry:
        """The account that is changed or signed in again. Ends the flow if it was removed meanwhile."""
        entry = self.hass.config_entries.async_get_entry(self.context["entry_id"])
        if entry is None:
            raise AbortFlow("account_gone")
        return entry

    @property
    def _fields(self) -> tuple[Field, ...]:
        """The fields of the form of the account; those of its first scope too, when it is new."""
        fields = ACCOUNT_FIELDS[self._kind]
        if self.source == SOURCE_USER and self._kind in SCOPE_OF:
            fields += SCOPE_FIELDS[SCOPE_OF[self._kind]]
        return fields

    async def _take_account(self, kind: str, user_input: dict[str, Any] | None) -> ConfigFlowResult:
        self._kind = kind
        if self.source == SOURCE_RECONFIGURE:
            self._changed()
        if user_input is None:
            return self._show_account()
        self._values = entered(self._fields, user_input)
        values = self._values | self._kept()
        if errors := problems(self._fields, values):
            return self._show_account(Refused(placed(errors, self._fields)))
        if set(unencrypted(self._fields, values)) - self._accepted_addresses:
            return await self.async_step_unencrypted()
        return await self._try_account()

    def _kept(self) -> dict[str, Any]:
        """What an entry that is changed keeps: the secrets left empty, and what its form does not show."""
        if self.source != SOURCE_RECONFIGURE:
            return {}
        stored = self._changed().data
        hidden = {name: stored[name] for name in (CONF_CORPORATE_ACCOUNT,) if name in stored}
        return kept(self._fields, self._values, stored) | hidden

    async def _try_account(self) -> ConfigFlowResult:
        """Try what was submitted; show the form again, ask what is still open, or finish."""
        values = self._values | self._kept()
        data = {CONF_CLOUD: self._kind} | account_data(self._kind, values)
        if self._kind == SoDataCloud.kind and CONF_CORPORATE_ACCOUNT not in data:
            return await self._find_corporate_account(data)
        scopes = self._scopes(values)
        answer = await attempt(
            verify(self.hass, self._kind, data, scopes, are_scopes_new=self.source == SOURCE_USER), self._fields
        )
        if isinstance(answer, Refused):
            return self._show_account(answer)
        if CONF_REGION in data and not answer.listing.devices and data != self._accepted_empty:
            self._accepted_empty = data
            return self._show_account(Refused({CONF_REGION: "no_devices"}))
        if answer.lacks_datapoints and scopes != self._accepted_bare:
            self._accepted_bare = scopes
            return self._show_account(Refused({CONF_PRODUCT_KEY: "no_datapoints"}))
        if self.source == SOURCE_RECONFIGURE:
            return await self._update(data, answer)
        return await self._create(data, scopes, answer)

    async def _find_corporate_account(self, data: Mapping[str, Any]) -> ConfigFlowResult:
        answer = await attempt(corporate_accounts(self.hass, data), self._fields)
        if isinstance(answer, Refused):
            return self._show_account(answer)
        if not answer:
            return self._show_account(Refused({BASE: "no_corporate_account"}))
        if len(answer) == 1:
            self._values[CONF_CORPORATE_ACCOUNT] = answer[0].uuid
            return await self._try_account()
        self._corporate_accounts = answer
        return await self.async_step_corporate_account()

    def _scopes(self, values: Mapping[str, Any]) -> Scopes:
        if self.source == SOURCE_RECONFIGURE:
            return scopes_of(self._changed())
        if self._kind not in SCOPE_OF:
            return {}
        scope = only(SCOPE_FIELDS[SCOPE_OF[self._kind]], values)
        return {scope_id(SCOPE_OF[self._kind], scope): scope}

    async def _create(self, data: Mapping[str, Any], scopes: Scopes, verified: Verified) -> ConfigFlowResult:
        await self.async_set_unique_id(verified.account.id)
        self._abort_if_unique_id_configured()
        hand_over(self.hass, verified.account.id, verified.client_store)
        return self.async_create_entry(
            title=plain(verified.account.name),
            data=data,
            subentries=[
                ConfigSubentryData(
                    data=scope,
                    subentry_type=SCOPE_OF[self._kind],
                    title=verified.names[unique_id],
                    unique_id=unique_id,
                )
                for unique_id, scope in scopes.items()
            ],
        )

    async def _update(self, data: Mapping[str, Any], verified: Verified) -> ConfigFlowResult:
        entry = self._changed()
        if not await is_same_account(self.hass, entry, data, verified.account):
            return self.async_abort(reason="wrong_account")
        hand_over(self.hass, entry.unique_id or "", verified.client_store)
        result = self.async_update_and_abort(entry, data=data)
        # The entry reloads by itself only while it is set up, which a refused account is not.
        self.hass.config_entries.async_schedule_reload(entry.entry_id)
        if refused := [subentry for scope in verified.listing.failed if (subentry := subentry_of(entry, scope))]:
            titles = ", ".join(in_markdown(entry.subentries[subentry_id].title) for subentry_id in refused)
            return self.async_abort(reason="scopes_refused", description_placeholders={"scopes": titles})
        return result

    def _show_account(self, refused: Refused | None = None) -> ConfigFlowResult:
        return self._show(self._kind, self._fields, self._values, refused)

    def _show(
        self, step_id: str, fields: Sequence[Field], values: Mapping[str, Any], refused: Refused | None = None
    ) -> ConfigFlowResult:
        refused = refused or Refused({})
        # Home Assistant would fill in the title as it is.
        named = {} if self.source == SOURCE_USER else {CONF_NAME: in_markdown(self._changed().title)}
        form = schema(fields, keeps_secrets=self.source != SOURCE_USER, opens_advanced=ADVANCED in refused.errors)
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(form, suggested(fields, values)),
            errors=refused.errors,
            description_placeholders=placeholders(self._kind, refused.detail) | named,
        )


def _credentials(kind: str, data: Mapping[str, Any]) -> tuple[Field, ...]:
    """The fields that say who the account is of: its secrets and what is refused along with them."""
    fields = [
        replace(field, is_advanced=False)
        for field in ACCOUNT_FIELDS[kind]
        if field.is_secret or field.name in (CONF_USERNAME, CONF_CLIENT_ID)
    ]
    if kind == GizwitsOpenCloud.kind:
        fields = [field for field in fields if (field.name == CONF_PHONE_ID) == (CONF_PHONE_ID in data)]
    return tuple(fields)


def _choices(accounts: Sequence[CorporateAccount]) -> list[SelectOptionDict]:
    names = Counter(account.name for account in accounts)
    return [
        SelectOptionDict(
            value=account.uuid,
            label=account.name if account.name and names[account.name] == 1 else f"{account.name} ({account.uuid})",
        )
        for account in accounts
    ]
