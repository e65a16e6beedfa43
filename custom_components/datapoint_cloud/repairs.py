"""What the user, and only the user, can mend: an address to allow, a product to correct, a function to have granted.

An issue stands as long as the cloud's answers say so, and goes by itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.components.repairs.const import FlowType
from homeassistant.config_entries import SOURCE_RECONFIGURE
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .accounts import subentry_of
from .clouds.errors import CloudError, Forbidden, Reason
from .const import DOMAIN
from .plain_text import in_markdown, plain

if TYPE_CHECKING:
    from .runtime import DatapointConfigEntry

_OF_THE_ACCOUNT: frozenset[Reason] = frozenset({Reason.IP_NOT_ALLOWED, Reason.UNKNOWN_APP})
_MENDED_IN_A_SCOPE: frozenset[Reason] = frozenset(
    {
        Reason.WRONG_PRODUCT_SECRET,
        Reason.UNKNOWN_PRODUCT,
        Reason.PRODUCT_NOT_ASSOCIATED,
        Reason.PRODUCT_REFUSED,
        Reason.UNKNOWN_GROUP,
        Reason.UNKNOWN_ORGANIZATION,
        Reason.ITEM_ID_MISSING,
        Reason.WRONG_ITEM_ID,
        Reason.WRONG_QUERY,
        Reason.PUSH_REFUSED,
    }
)
_GRANTED_BY_THE_VENDOR: frozenset[Reason] = frozenset({Reason.FEATURE_NOT_GRANTED})
"""What the cloud is asked for again when the user says that it is granted."""
_LEFT_TO_THE_VENDOR: frozenset[Reason] = frozenset(
    {Reason.CONTROL_NOT_ENABLED, Reason.DEVICES_NOT_GRANTED, Reason.NO_DATAPOINTS}
)
_ISSUES: frozenset[Reason] = _OF_THE_ACCOUNT | _MENDED_IN_A_SCOPE | _GRANTED_BY_THE_VENDOR | _LEFT_TO_THE_VENDOR


@dataclass(frozen=True, slots=True)
class Notice:
    """Something of the account, or of one scope, that the user should know: the key of its text, what fills it."""

    key: str
    placeholders: Mapping[str, str]
    scope: str | None = None


def has_issue(error: CloudError) -> bool:
    """Whether the error opens an issue of its own."""
    return isinstance(error, Forbidden) and error.reason in _ISSUES


@callback
def report_problems(
    hass: HomeAssistant,
    entry: DatapointConfigEntry,
    errors: Iterable[tuple[str | None, CloudError]],
    notices: Iterable[Notice] = (),
    *,
    keeps_ignored: bool = False,
) -> None:
    """Open an issue for each thing to mend, by the scope it concerns, and close those that are mended.

    `keeps_ignored`: not all is known yet, and the user's wish to hear no more of an issue goes with it.
    """
    open_issues: set[str] = set()
    for notice in notices:
        issue_id = f"{entry.entry_id}_{notice.key}" + ("" if notice.scope is None else f"_{notice.scope}")
        open_issues.add(issue_id)
        ir.async_create_issue(
            hass,
            DOMAIN,
            issue_id,
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key=notice.key,
            translation_placeholders=_filled_in({"account": entry.title, **notice.placeholders}),
        )
    for scope_id, error in errors:
        if not has_issue(error):
            continue
        issue_scope = None if error.reason in _OF_THE_ACCOUNT else scope_id
        subentry = entry.subentries.get(subentry_of(entry, issue_scope) or "")
        data: dict[str, str | int | float | None] | None = None
        if error.reason in _MENDED_IN_A_SCOPE:
            if subentry is None:
                continue
            data = {"entry_id": entry.entry_id, "subentry_id": subentry.subentry_id}
        elif error.reason in _GRANTED_BY_THE_VENDOR:
            data = {"entry_id": entry.entry_id}
        issue_id = f"{entry.entry_id}_{error.reason}_{issue_scope or ''}"
        if issue_id in open_issues:
            continue
        open_issues.add(issue_id)
        ir.async_create_issue(
            hass,
            DOMAIN,
            issue_id,
            is_fixable=data is not None,
            severity=ir.IssueSeverity.WARNING,
            translation_key=str(error.reason),
            translation_placeholders=_filled_in(
                {
                    "account": entry.title,
                    "scope": subentry.title if subentry else entry.title,
                    "subject": error.subject or "",
                }
            ),
            data=data,
        )
    registry = ir.async_get(hass)
    for (domain, issue_id), issue in list(registry.issues.items()):
        is_kept = issue_id in open_issues or (keeps_ignored and issue.dismissed_version is not None)
        if domain == DOMAIN and issue_id.startswith(f"{entry.entry_id}_") and not is_kept:
            ir.async_delete_issue(hass, DOMAIN, issue_id)


def _filled_in(texts: Mapping[str, str]) -> dict[str, str]:
    """What fills the texts of an issue. Their descriptions are markdown; their titles are not, and take `…_name`."""
    as_they_are = {f"{key}_name": plain(texts[key]) for key in ("account", "scope") if key in texts}
    return {key: in_markdown(text) for key, text in texts.items()} | as_they_are


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Mend a scope by its own form, or ask the cloud again for what it did not grant."""
    return ReconfigureScope() if "subentry_id" in (data or {}) else AskAgain()


class ReconfigureScope(RepairsFlow):
    """Leads to the form of the product or usage query."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Ask before leaving for the other form."""
        return await self.async_step_confirm()  # what comes here is not of the user

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Open the scope's form."""
        if user_input is None:
            return self.async_show_form(step_id="confirm")
        data = self.data or {}
        entry = self.hass.config_entries.async_get_entry(str(data.get("entry_id")))
        subentry_id = str(data.get("subentry_id"))
        if entry is None or subentry_id not in entry.subentries:
            return self.async_abort(reason="scope_gone")
        flow = await self.hass.config_entries.subentries.async_init(
            (entry.entry_id, entry.subentries[subentry_id].subentry_type),
            context={"source": SOURCE_RECONFIGURE, "subentry_id": subentry_id},
        )
        return self.async_abort(reason="form_opened", next_flow=(FlowType.CONFIG_SUBENTRIES_FLOW, flow["flow_id"]))


class AskAgain(RepairsFlow):
    """Reloads the account, which forgets what was refused to it."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Wait for the user to say that the vendor has granted it."""
        return await self.async_step_confirm()  # what comes here is not of the user

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Close the issue and ask; what is refused once more opens it again."""
        entry = self.hass.config_entries.async_get_entry(str((self.data or {}).get("entry_id")))
        if entry is None:
            return self.async_abort(reason="account_gone")
        if user_input is None:
            return self.async_show_form(step_id="confirm")
        self.hass.config_entries.async_schedule_reload(entry.entry_id)
        return self.async_create_entry(data={})
