"""Asks tools as a language model does: through Home Assistant's MCP server if its packages are there, or directly."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import llm
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.simulation import Simulation

HAS_MCP = find_spec("mcp") is not None and find_spec("aiohttp_sse") is not None
"""Whether the packages of Home Assistant's MCP server are installed, which a test run does not need otherwise."""
ASSISTANT = "conversation"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool answered, and how many requests the clouds got for it."""

    data: dict[str, Any]
    is_error: bool
    requests: int


type Ask = Callable[..., Awaitable[Answer]]
"""Calls a tool by its name without prefix: `await ask("get_device", device="Spa")`."""


def expose(hass: HomeAssistant, *, is_exposed: bool = True, entities: list[str] | None = None) -> None:
    """Expose entities of ours to Assist, or hide them; by default all."""
    registry = er.async_get(hass)
    ours = [entity.entity_id for entity in registry.entities.values() if entity.platform == DOMAIN]
    for entity_id in ours if entities is None else entities:
        registry.async_update_entity_options(entity_id, ASSISTANT, {"should_expose": is_exposed})


async def ask_directly(hass: HomeAssistant, simulation: Simulation, context: Context | None = None) -> Ask:
    """Return how to call the tools as a conversation agent of Home Assistant does."""
    assert await async_setup_component(hass, "llm", {})

    async def ask(name: str, /, **arguments: Any) -> Answer:
        llm_context = llm.LLMContext(
            platform="test", context=context or Context(), language="en", assistant=ASSISTANT, device_id=None
        )
        api = await llm.async_get_api(hass, llm.LLM_API_ASSIST, llm_context)
        before = _requests(simulation)
        result = await api.async_call_tool(llm.ToolInput(f"{DOMAIN}__{name}", arguments))
        data = json.loads(json.dumps(result.data))
        return Answer(data, result.error, _requests(simulation) - before)

    return ask


async def ask_over_mcp(hass: HomeAssistant, simulation: Simulation, hass_client: ClientSessionGenerator) -> Ask:
    """Return how to call the tools over HTTP, as a program outside Home Assistant does."""
    assert await async_setup_component(hass, "mcp_server", {})
    entry = MockConfigEntry(
        domain="mcp_server",
        data={"all_llm_apis": False, "llm_hass_api": [llm.LLM_API_ASSIST], "require_admin": True},
        minor_version=3,
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    client = await hass_client()

    async def send(method: str, **params: Any) -> dict[str, Any]:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        response = await client.post("/api/mcp/assist", json=message, headers=headers)
        assert response.status == 200, await response.text()
        result: dict[str, Any] = (await response.json())["result"]
        return result

    listed = {tool["name"]: tool for tool in (await send("tools/list"))["tools"]}

    async def ask(name: str, /, **arguments: Any) -> Answer:
        tool = listed[f"{DOMAIN}__{name}"]
        assert tool["annotations"]["readOnlyHint"]
        assert set(arguments) <= set(tool["inputSchema"]["properties"]), name
        before = _requests(simulation)
        result = await send("tools/call", name=tool["name"], arguments=arguments)
        (content,) = result["content"]
        return Answer(json.loads(content["text"]), result["isError"], _requests(simulation) - before)

    return ask


def _requests(simulation: Simulation) -> int:
    return sum(sum(server.requests.values()) for server in simulation.servers)
