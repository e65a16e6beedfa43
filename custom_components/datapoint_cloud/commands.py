"""Sends commands: it merges calls, keeps their order for each device, and translates refusals.

Nothing is sent twice: if an answer is lost, the cloud may have carried out the command all the same.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from . import exceptions
from .clouds.errors import CloudError, DeviceGone, DeviceOffline, Reason
from .clouds.model import Device, Value
from .confirmation import Confirmation
from .coordinator import DatapointCoordinator
from .datapoint_names import DatapointNames
from .fleet.device_state import DeviceState
from .fleet.events import CommandRefused

_LOGGER = logging.getLogger(__name__)

_QUIET_TURNS = 5
"""Turns of the event loop without a new call after which a scene or script is taken to be complete."""


@dataclass(eq=False, slots=True)
class _Command:
    """Values for one device in one request, or a raw payload.

    `after_group` is the group command that has to end first.
    """

    after_group: asyncio.Future[None] | None
    payload: bytes | None
    values: dict[str, Value]
    confirmed: dict[str, asyncio.Future[bool]] = field(default_factory=dict)  # by datapoint, if a caller waits for it
    outcomes: list[asyncio.Future[HomeAssistantError | None]] = field(default_factory=list)  # one for each caller

    def outcome(self) -> asyncio.Future[HomeAssistantError | None]:
        """Return a future that becomes None when the cloud has accepted the command, else the error to raise.

        Each caller has its own: a cancelled caller cancels nothing else.
        """
        outcome = asyncio.get_running_loop().create_future()
        self.outcomes.append(outcome)
        return outcome

    async def async_wait(self) -> None:
        """Wait until the command has been sent, and raise its error."""
        if (error := await self.outcome()) is not None:
            raise error

    def end(self, error: HomeAssistantError | None) -> None:
        """Tell all callers the outcome."""
        for outcome in self.outcomes:
            if not outcome.done():
                outcome.set_result(error)


@dataclass(eq=False, slots=True)
class _Queue:
    """The commands that wait to be sent to one device."""

    waiting: deque[_Command] = field(default_factory=deque)
    last: _Command | None = None  # the newest that has not ended
    calls: int = 0  # since the first that found nothing to be sent

    async def async_collect(self) -> None:
        """Let the other calls of the same scene or script arrive."""
        quiet_turns = 0
        while quiet_turns < _QUIET_TURNS:
            calls = self.calls
            await asyncio.sleep(0)
            quiet_turns = quiet_turns + 1 if self.calls == calls else 0


class Commands:
    """Sends the commands to the devices of one account."""

    def __init__(self, coordinator: DatapointCoordinator) -> None:
        self._coordinator = coordinator
        self._confirmation = Confirmation(coordinator)
        self._queues: dict[str, _Queue] = {}  # by device id
        self._last_group: asyncio.Future[None] | None = None
        self._is_unloaded = False
        coordinator.config_entry.async_on_unload(self._async_end)

    async def async_check(self, device_id: str, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Return the values as the device would report them, without sending them.

        Raises a translated error for a value that the device does not accept.
        """
        state = self._state(device_id)
        try:
            return await self._coordinator.cloud.check(state.device, state.vendors_values(values))
        except CloudError as error:
            raise _refusal(error, state, self._coordinator) from error
        except Exception as error:
            raise _unforeseen(error, state.device.name) from error

    async def async_write(self, device_id: str, values: Mapping[str, Value]) -> None:
        """Send values to a device. Returns when its cloud accepted them; raises a translated error if not."""
        await self._enqueue(device_id, values).async_wait()

    async def async_write_and_wait(self, device_id: str, values: Mapping[str, Value]) -> bool:
        """Send values to a device and wait until it reports them all; False if it did not do so in time."""
        command = self._enqueue(device_id, values)
        confirmed = {key: self._coordinator.hass.loop.create_future() for key in values}
        command.confirmed.update(confirmed)
        await command.async_wait()
        return all([await future for future in confirmed.values()])

    async def async_write_raw(self, device_id: str, payload: bytes) -> None:
        """Send the payload of a frame, after the commands that the device has been sent before."""
        await self._enqueue(device_id, {}, payload).async_wait()

    async def async_write_group(
        self, group_id: str, values: Mapping[str, Value]
    ) -> dict[str, HomeAssistantError | None]:
        """Send values to a vendor's group of devices; return each device's translated error, or None, by device id.

        Only the cloud knows which devices the group has. All earlier commands of the account go first, therefore, and
        all later ones wait.
        """
        if self._is_unloaded:
            raise exceptions.of_unloading(group_id)
        earlier: list[asyncio.Future[Any]] = [queue.last.outcome() for queue in self._queues.values() if queue.last]
        if self._last_group is not None:
            earlier.append(self._last_group)
        self._last_group = group = self._coordinator.hass.loop.create_future()
        try:
            if earlier:
                await asyncio.wait(earlier)
            sent_at = dt_util.utcnow()
            result = await self._coordinator.cloud.write_group(group_id, self._vendors_values(values))
        except CloudError as error:
            raise exceptions.of_group(error, group_id) from error
        except Exception as error:
            raise _unforeseen(error, group_id) from error
        finally:
            group.set_result(None)
        errors: dict[str, HomeAssistantError | None] = {}
        for device_id, refused in result.errors.items():
            state = self._coordinator.fleet.get(device_id)
            errors[device_id] = None if refused is None else _refusal(refused, state, self._coordinator)
            if state is None:
                continue  # a group may have devices that the account does not show
            if refused is None:
                self._apply_acceptance(state, result.values, {}, sent_at)
            else:
                self._apply_refusal(state, refused, values)
        return errors

    def _vendors_values(self, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Return values with the vendor's words for their options; only the cloud knows the product of a group."""
        like = (state for state in self._coordinator.fleet.values() if values.keys() <= state.descriptions.keys())
        translated = (state.vendors_values(values) for state in like)
        return next((found for found in translated if found != values), values)

    def _state(self, device_id: str) -> DeviceState:
        if (state := self._coordinator.fleet.get(device_id)) is None:
            raise exceptions.of_action(DeviceGone(Reason.NOT_FOUND), device_id)
        return state

    def _enqueue(self, device_id: str, values: Mapping[str, Value], payload: bytes | None = None) -> _Command:
        """Queue a command, or merge its values into the last one that waits, unless that sets the same datapoint."""
        state = self._state(device_id)
        device, values = state.device, state.vendors_values(values)
        if self._is_unloaded:
            raise exceptions.of_unloading(device.name)
        if (queue := self._queues.get(device_id)) is None:
            queue = self._queues[device_id] = _Queue()
        command = queue.waiting[-1] if queue.waiting else None
        if (
            command is None
            or payload is not None
            or command.payload is not None
            or command.after_group is not self._last_group
            or not command.values.keys().isdisjoint(values)
        ):
            queue.last = command = _Command(self._last_group, payload, values)
            queue.waiting.append(command)
        else:
            command.values.update(values)
        queue.calls += 1
        if queue.calls == 1:
            self._coordinator.hass.loop.call_soon(self._async_start_sending, device, queue)
        return command

    @callback
    def _async_start_sending(self, device: Device, queue: _Queue) -> None:
        """Start to send the commands of a queue, one turn of the event loop after the first call."""
        coordinator = self._coordinator
        if self._is_unloaded:
            _end_unsent(device, queue)
        else:
            coordinator.config_entry.async_create_background_task(
                coordinator.hass, self._async_send(device, queue), f"{coordinator.name} commands"
            )

    async def _async_send(self, device: Device, queue: _Queue) -> None:
        """Send the commands of a queue one after the other."""
        try:
            if queue.calls > 1:  # more may follow
                await queue.async_collect()
            while queue.waiting:
                await self._async_send_one(device, queue.waiting.popleft())
        finally:
            _end_unsent(device, queue)

    async def _async_send_one(self, device: Device, command: _Command) -> None:
        """Send a command and tell its outcome, whatever is raised: otherwise its callers would wait for ever."""
        try:
            await self._async_perform(device, command)
        except HomeAssistantError as error:
            command.end(error)
        except asyncio.CancelledError:
            command.end(exceptions.of_unloading(device.name))
            raise
        except Exception as error:  # noqa: BLE001  # it is logged
            command.end(_unforeseen(error, device.name))
        else:
            command.end(None)

    async def _async_perform(self, device: Device, command: _Command) -> None:
        """Send a command once the group command before it has ended; apply the cloud's answer to the device."""
        if command.after_group is not None and not command.after_group.done():
            await asyncio.wait((command.after_group,))
        state = self._state(device.id)
        cloud = self._coordinator.cloud
        sent_at = dt_util.utcnow()
        try:
            if command.payload is None:
                values = await cloud.write(state.device, command.values)
            else:
                await cloud.write_raw(state.device, command.payload)
                values = {}  # only the maker knows what a payload changes
        except CloudError as error:
            self._apply_refusal(state, error, command.values)
            raise _refusal(error, state, self._coordinator) from error
        self._apply_acceptance(state, values, command.confirmed, sent_at)

    def _apply_acceptance(
        self,
        state: DeviceState,
        values: Mapping[str, Value],
        confirmed: Mapping[str, asyncio.Future[bool]],
        sent_at: datetime,
    ) -> None:
        """Show the accepted values; close the issue that the product cannot be controlled."""
        self._confirmation.async_expect(state, values, confirmed, sent_at)
        if self._coordinator.refused_control.pop(state.device.scope, None) is not None:
            self._coordinator.async_report_problems()

    def _apply_refusal(self, state: DeviceState, error: CloudError, values: Mapping[str, Value]) -> None:
        """Mark the device as offline, or its product as one that cannot be controlled, if the cloud says so."""
        coordinator = self._coordinator
        if error.reason is not Reason.SCHEMA_MISMATCH:  # that one was never sent: its caller made a mistake
            coordinator.listeners.async_mark_events(state.device.id, [CommandRefused(error, tuple(values))])
        if isinstance(error, DeviceOffline):
            coordinator.availability.mark_offline(state)
        coordinator.listeners.async_notify()
        if error.reason is Reason.CONTROL_NOT_ENABLED:
            coordinator.refused_control[state.device.scope] = error
            coordinator.async_report_problems()

    @callback
    def _async_end(self) -> None:
        """Refuse further commands and stop waiting for confirmations: the account is being unloaded."""
        self._is_unloaded = True
        self._confirmation.async_end()


def _end_unsent(device: Device, queue: _Queue) -> None:
    """End the commands that can no longer be sent, if there are any; the next call finds an idle queue."""
    for command in queue.waiting:
        command.end(exceptions.of_unloading(device.name))
    queue.waiting.clear()
    queue.last, queue.calls = None, 0


def _refusal(error: CloudError, state: DeviceState | None, coordinator: DatapointCoordinator) -> HomeAssistantError:
    """Return the exception for a refused command; it names the datapoint, and for an unknown one those there are."""
    if state is None:
        return exceptions.of_action(error, error.subject or "")
    description = state.descriptions.get(error.subject or "")
    if description is None:
        if error.reason is Reason.SCHEMA_MISMATCH and error.subject and state.descriptions:
            similar = DatapointNames.of(coordinator.hass, coordinator, state).similar(error.subject)
            return exceptions.of_unknown_datapoint(state.device.name, error.subject, similar)
        return exceptions.of_action(error, state.device.name)
    key, name = description.datapoint.key, description.name
    datapoint = replace(description.datapoint, options=tuple(description.options))
    label = name if name.casefold() == key.casefold() else f"{name} ({key})"
    return exceptions.of_action(error, state.device.name, datapoint, name=label)


def _unforeseen(error: Exception, subject: str) -> HomeAssistantError:
    _LOGGER.error("A command to %s failed", subject, exc_info=error)
    return exceptions.of_unforeseen(subject)
