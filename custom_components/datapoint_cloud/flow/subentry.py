"""The flow that adds a scope to an account, such as a product, or changes it.

The type of the subentry determines the fields of the form.
"""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigEntryState,
    ConfigSubentry,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.helpers.typing import UNDEFINED, UndefinedType

from ..accounts import scope_type
from ..accounts.base import ScopeType
from ..accounts.fields import Field
from ..accounts.values import kept_secrets, problems, without_secrets
from ..clouds.errors import Forbidden, Reason
from ..const import CONF_CLOUD
from ..entries import account_type_of, scope_id_to_store
from .forms import ADVANCED, placeholders, schema, shown_errors, submitted_values, suggested
from .validation import FormErrors, Verified, attempt, errors_in_form, verify


class ScopeFlow(ConfigSubentryFlow):
    """Adds or changes a scope of any type."""

    def __init__(self) -> None:
        """Start with an empty form."""
        self._values: dict[str, Any] = {}
        """The values of the form, also for when the front end fetches it again."""
        self._has_begun = False
        """Whether the form to change a scope was shown: fetched again, it keeps what was typed."""
        self._accepted_bare: dict[str, Any] | None = None
        """The scope without datapoints that the user was warned about."""

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Show the scope to change, or check the submitted values and try them."""
        if not self._has_begun and not self._is_gone:
            self._values = without_secrets(self._fields, self._get_reconfigure_subentry().data)
        self._has_begun = True
        return await self.async_step_user(user_input)

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Show the form, or check the submitted values and try the scope."""
        if self._is_gone:
            return self.async_abort(reason="scope_gone")
        if user_input is None:
            return self._show()
        self._values = submitted_values(self._fields, user_input)
        changed = self._get_reconfigure_subentry() if self.source == SOURCE_RECONFIGURE else None
        scope = self._values | (kept_secrets((self._type,), self._values, changed.data) if changed else {})
        if errors := self._problems(scope, changed):
            return self._show(FormErrors(shown_errors(errors, self._fields)))
        return await self._try_scope(scope, changed)

    def _problems(self, scope: Mapping[str, Any], changed: ConfigSubentry | None) -> dict[str, str]:
        errors = problems((self._type,), scope)
        return errors if errors or changed is None else self._type.problems_of_change(changed.data, scope)

    async def _try_scope(self, scope: dict[str, Any], changed: ConfigSubentry | None) -> SubentryFlowResult:
        """Try a scope with the cloud; save it or show the form again."""
        entry = self._get_entry()
        others = [other for other in entry.subentries.values() if other is not changed]
        if any(self._type.id_of(other.data) == self._type.id_of(scope) for other in others):
            return self.async_abort(reason="already_configured")
        unique_id = self._id_of(scope, changed)
        answer = await attempt(
            verify(self.hass, entry.data[CONF_CLOUD], entry.data, {unique_id: scope}, are_scopes_new=True),
            self._fields,
        )
        if self._is_gone:
            return self.async_abort(reason="scope_gone")
        return self._add(scope, answer) if changed is None else self._change(changed, scope, answer)

    def _add(self, scope: dict[str, Any], answer: Verified | FormErrors) -> SubentryFlowResult:
        if isinstance(answer, FormErrors):
            return self._show(answer)
        if answer.lacks_datapoints and scope != self._accepted_bare:
            self._accepted_bare = scope
            return self._show(errors_in_form(Forbidden(Reason.NO_DATAPOINTS), self._fields))
        unique_id = self._id_of(scope, None)
        return self.async_create_entry(title=answer.names[unique_id], data=scope, unique_id=unique_id)

    def _change(
        self, changed: ConfigSubentry, scope: dict[str, Any], answer: Verified | FormErrors
    ) -> SubentryFlowResult:
        if isinstance(answer, Verified):
            return self._save(changed, scope, answer.names[self._id_of(scope, changed)])
        if not answer.is_account_refused:
            return self._show(answer)
        # Save it untested: the account may need this scope to sign in again, and the scope the account.
        title = self._type.name_of(scope) or changed.title
        return self._save(changed, scope, title, reason="account_refused")

    def _save(
        self, changed: ConfigSubentry, scope: dict[str, Any], title: str, reason: str | UndefinedType = UNDEFINED
    ) -> SubentryFlowResult:
        entry = self._get_entry()
        unique_id = self._id_of(scope, changed)
        result = self.async_update_and_abort(
            entry, changed, data=scope, title=title, unique_id=unique_id, reason=reason
        )
        if entry.state in (ConfigEntryState.SETUP_RETRY, ConfigEntryState.SETUP_ERROR):
            # Only an entry that is set up listens for the change and reloads.
            self.hass.config_entries.async_schedule_reload(entry.entry_id)
        return result

    def _id_of(self, scope: Mapping[str, Any], changed: ConfigSubentry | None) -> str:
        return scope_id_to_store(self._get_entry(), changed, self._subentry_type, scope)

    @property
    def _is_gone(self) -> bool:
        """Whether the account or the scope was removed while the form was open."""
        entry = self.hass.config_entries.async_get_entry(self._entry_id)
        if entry is None:
            return True
        return self.source == SOURCE_RECONFIGURE and self._reconfigure_subentry_id not in entry.subentries

    @property
    def _type(self) -> ScopeType:
        return scope_type(self._subentry_type)

    @property
    def _fields(self) -> tuple[Field, ...]:
        return self._type.fields

    def _show(self, refused: FormErrors | None = None) -> SubentryFlowResult:
        refused = refused or FormErrors({})
        form = schema(
            self._fields,
            keeps_secrets=self.source == SOURCE_RECONFIGURE,
            opens_advanced=ADVANCED in refused.errors,
        )
        return self.async_show_form(
            step_id="reconfigure" if self.source == SOURCE_RECONFIGURE else "user",
            data_schema=self.add_suggested_values_to_schema(form, suggested(self._fields, self._values)),
            errors=refused.errors,
            description_placeholders=placeholders(account_type_of(self._get_entry())),
        )
