"""What the user, and only the user, can mend: an address to allow, a product to correct, a function to have granted.

An issue stands as long as the cloud's answers say so, and goes by itself.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.components.repairs.const import FlowType
from homeassistant.config_entries import SOURCE_RECONFIGURE
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .clouds.errors import CloudError, Forbidden, Reason
from .const import DOMAIN
from .devices import subentry_of

if TYPE_CHECKING:
    from . import DatapointConfigEntry

_ISSUES: frozenset[Reason] = frozenset(
    {
        Reason.IP_NOT_ALLOWED,
        Reason.WRONG_PRODUCT_SECRET,
        Reason.UNKNOWN_PRODUCT,
        Reason.PRODUCT_NOT_ASSOCIATED,
        Reason.FEATURE_NOT_GRANTED,
        Reason.UNKNOWN_APP,
        Reason.ITEM_ID_MISSING,
        Reason.WRONG_QUERY,
    }
)
_OF_A_SCOPE: frozenset[Reason] = frozenset(
    {
        Reason.WRONG_PRODUCT_SECRET,
        Reason.UNKNOWN_PRODUCT,
        Reason.PRODUCT_NOT_ASSOCIATED,
        Reason.ITEM_ID_MISSING,
        Reason.WRONG_QUERY,
    }
)


@callback
def report_problems(
    hass: HomeAssistant, entry: DatapointConfigEntry, errors: Iterable[tuple[str | None, CloudError]]
) -> None:
    """Open an issue for each thing to mend, by the scope it concerns, and close those that are mended."""
    open_issues: set[str] = set()
    for scope_id, error in errors:
        if not isinstance(error, Forbidden) or error.reason not in _ISSUES:
            continue
        issue_id = f"{entry.entry_id}_{error.reason}_{scope_id or ''}"
        if issue_id in open_issues:
            continue
        open_issues.add(issue_id)
        subentry_id = subentry_of(entry, scope_id) if error.reason in _OF_A_SCOPE else None
        subentry = entry.subentries.get(subentry_id) if subentry_id else None
        ir.async_create_issue(
            hass,
            DOMAIN,
            issue_id,
            is_fixable=subentry is not None,
            severity=ir.IssueSeverity.WARNING,
            translation_key=str(error.reason),
            translation_placeholders={
                "account": entry.title,
                "scope": _title_of(entry, scope_id),
                "subject": error.subject or "",
            },
            data={"entry_id": entry.entry_id, "subentry_id": subentry_id} if subentry else None,
        )
    registry = ir.async_get(hass)
    for domain, issue_id in list(registry.issues):
        if domain == DOMAIN and issue_id.startswith(f"{entry.entry_id}_") and issue_id not in open_issues:
            ir.async_delete_issue(hass, DOMAIN, issue_id)


def _title_of(entry: DatapointConfigEntry, scope_id: str | None) -> str:
    subentry_id = subentry_of(entry, scope_id)
    return entry.subentries[subentry_id].title if subentry_id else entry.title


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Mend a scope: by its own form."""
    return ReconfigureScope()


class ReconfigureScope(RepairsFlow):
    """Leads to the form of the product or usage query."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Ask before leaving for the other form."""
        return await self.async_step_confirm(user_input)

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
