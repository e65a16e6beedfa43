"""Sends to several devices at the same time, and makes the response that an action returns for each of them."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any

from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.exceptions import HomeAssistantError

from ..clouds.model import Value
from ..commands import Commands
from ..texts import message_of
from .targets import DeviceTarget


def commands_of(target: DeviceTarget) -> Commands:
    """Return what sends the commands of a device's account."""
    commands: Commands = target.coordinator.config_entry.runtime_data.commands
    return commands


async def write(call: ServiceCall, target: DeviceTarget, values: Mapping[str, Value]) -> str:
    """Write values to a device, wait until it shows them if the call says so, and return the result."""
    commands, device_id = commands_of(target), target.state.device.id
    if call.data["wait"]:
        return "confirmed" if await commands.async_write_and_wait(device_id, values) else "accepted"
    await commands.async_write(device_id, values)
    return "accepted"


async def respond_when_sent(call: ServiceCall, work: Mapping[str, Awaitable[str]]) -> ServiceResponse:
    """Send to all devices at the same time; `work` is by registry id. A device that refuses stops no other."""
    results = await asyncio.gather(*work.values(), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, HomeAssistantError):
            raise result
    return respond(call, dict(zip(work, results, strict=True)))


def respond(call: ServiceCall, results: Mapping[str, Any]) -> ServiceResponse:
    """Return each device's result. Raises the first refusal if the caller wants no response."""
    refusals = [result for result in results.values() if isinstance(result, HomeAssistantError)]
    if refusals and not call.return_response:
        raise refusals[0]
    return {
        "devices": {
            registry_id: {"result": "refused", "reason": message_of(call.hass, result)}
            if isinstance(result, HomeAssistantError)
            else {"result": result}
            for registry_id, result in results.items()
        }
    }
