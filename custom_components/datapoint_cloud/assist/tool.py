"""What all tools for language models have in common: they read, see only what is exposed, and explain a failure."""

import asyncio
from abc import abstractmethod
from typing import Any, Final, override

import voluptuous as vol
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.llm import LLMContext, Tool, ToolAnnotations, ToolInput, ToolResult
from homeassistant.util.json import JsonObjectType

from ..const import DOMAIN
from .exposure import Unanswerable, View, async_view

_TIMEOUT_SECONDS: Final = 40  # a person waits for the answer, and Home Assistant gives a tool at most a minute

NO_REQUESTS: Final = ToolAnnotations(read_only=True, destructive=False, idempotent=True, open_world=False)
"""The tool answers from what Home Assistant knows."""
ASKS_CLOUD: Final = ToolAnnotations(read_only=True, destructive=False, idempotent=True, open_world=True)
"""The tool sends requests to the vendor's cloud, within the budget of the account."""


class CloudTool(Tool):
    """A tool that answers questions about the devices of the accounts."""

    integration = DOMAIN
    annotations = NO_REQUESTS

    @override
    async def async_call(self, hass: HomeAssistant, tool_input: ToolInput, llm_context: LLMContext) -> ToolResult:
        data = self.parameters({name: value for name, value in tool_input.tool_args.items() if value not in (None, "")})
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                return ToolResult(data=await self.answer(hass, data, await async_view(hass, llm_context), llm_context))
        except Unanswerable as reason:
            choices: JsonObjectType = {"did_you_mean": [*reason.choices]} if reason.choices else {}
            return ToolResult(data={"error": str(reason), **choices}, error=True)
        except HomeAssistantError as error:
            return ToolResult(data={"error": str(error)}, error=True)
        except TimeoutError:
            text = "The cloud takes too long to answer this. Ask for a shorter range."
            return ToolResult(data={"error": text}, error=True)

    @abstractmethod
    async def answer(
        self, hass: HomeAssistant, data: dict[str, Any], view: View, llm_context: LLMContext
    ) -> JsonObjectType:
        """Answer the question. Raises `Unanswerable`, or `HomeAssistantError` if the cloud refuses."""


def about(name: str, description: str, *, is_required: bool = False) -> vol.Marker:
    """Describe a parameter for the model."""
    return (vol.Required if is_required else vol.Optional)(name, description=description)
