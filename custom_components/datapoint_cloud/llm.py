"""Offers the tools of `assist` to language models, through Assist and through Home Assistant's MCP server."""

from typing import Final

from homeassistant.components.llm import LLMTools
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.llm import LLM_API_ASSIST, LLMContext

from .assist.devices import GetDevice, ListAlarms, ListDevices, ListOfflineDevices
from .assist.exposure import async_has_exposed
from .assist.fleet import GetFleetFigures, GetUsage
from .assist.history import GetHistory
from .assist.outages import GetOutages

_PROMPT: Final = (
    "The devices of vendor clouds have tools of their own, whose names begin with datapoint_cloud. Use them for the "
    "state, the alarms, the outages and the past of such devices, and for counts of devices. If a tool answers "
    "did_you_mean, call it again with one of those names."
)


@callback
def async_get_tools(hass: HomeAssistant, llm_context: LLMContext, api_id: str) -> LLMTools | None:
    """Return the tools, if anything of an account is exposed to the assistant."""
    if api_id != LLM_API_ASSIST or not async_has_exposed(hass, llm_context.assistant):
        return None
    tools = [
        ListDevices(),
        GetDevice(),
        ListAlarms(),
        ListOfflineDevices(),
        GetOutages(),
        GetHistory(),
        GetFleetFigures(),
        GetUsage(),
    ]
    return LLMTools(tools=[*tools], prompt=_PROMPT)
