"""The repair flows: they fix an issue in the form of its scope, or by asking the cloud again.

Home Assistant starts them from the repairs page. Which issues are open, `issues` computes.
"""

from typing import Any

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.components.repairs.const import FlowType
from homeassistant.config_entries import SOURCE_RECONFIGURE
from homeassistant.core import HomeAssistant


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow that fixes an issue."""
    return ReconfigureScope() if "subentry_id" in (data or {}) else ReloadAccount()


class ReconfigureScope(RepairsFlow):
    """Leads to the form of the product or usage query."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Start with the confirmation."""
        return await self.async_step_confirm()  # this input does not come from the user

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Open the form of the scope when the user confirms."""
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


class ReloadAccount(RepairsFlow):
    """Reloads the account, so that the cloud is asked again for everything it refused."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Start with the confirmation."""
        return await self.async_step_confirm()  # this input does not come from the user

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Close the issue and reload when the user confirms that the vendor granted it; a new refusal reopens it."""
        entry = self.hass.config_entries.async_get_entry(str((self.data or {}).get("entry_id")))
        if entry is None:
            return self.async_abort(reason="account_gone")
        if user_input is None:
            return self.async_show_form(step_id="confirm")
        self.hass.config_entries.async_schedule_reload(entry.entry_id)
        return self.async_create_entry(data={})
