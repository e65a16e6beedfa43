"""Sends commands: it merges calls, keeps their order for each device, and translates refusals.

Nothing is sent twice: if an answer is lost, the cloud may have carried out the command all the same.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from . import exceptions
from .clouds.errors import CloudError, DeviceGone, DeviceOffline, Reason
from .clouds.model import Device, Value
from .clouds.turns import Turns
from .confirmation import Confirmation
from .coordinator import DatapointCoordinator
from .datapoint_names import DatapointNames
from .fleet.device_state import DeviceState
from .fleet.events import CommandRefused
from .group_command import GROUP_COMMAND, GroupCommand

_LOGGER = logging.getLogger(__name__)

_GROUP_PATIENCE = 90.0  # seconds that a group command waits for an earlier one
_QUIET_TURNS = 5
"""Turns of the event loop without a new call after which a scene or script is taken to be complete."""


@dataclass(eq=False, slots=True)
class _Command:
    """Values for one device in one request, or a raw payload.

    `after_groups` are the group commands whose turn of the device comes first.
    """

    after_groups: tuple[GroupCommand, ...]
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
        self.group: GroupCommand | None = None
        """The newest group command that was sent."""
        self._groups: tuple[GroupCommand, ...] = ()  # those under way, and the one that waits for them
        self._is_unloaded = False
        coordinator.config_entry.async_on_unload(self._async_end)

    async def async_check(self, device_id: str, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Return the values as the device would report them, without sending them.

        Raises a translated error for a value that the device does not accept.
        """
        state = self._state(device_id)
        try:
            values = state.vendors_values(values)
            plain, _ = state.split_by_payload(values)
            return {**values, **(await self._coordinator.cloud.check(state.device, plain) if plain else {})}
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

        Only the cloud knows which devices the group has. All earlier commands of the account go first, therefore. A
        later command to a device of the group takes the turn of its device first. Raises a translated error if an
        earlier group command takes long.
        """
        if self._is_unloaded:
            raise exceptions.of_unloading(group_id)
        earlier = [queue.last.outcome() for queue in self._queues.values() if queue.last]
        earlier_groups = self._groups
        group = self._new_group(group_id, self._vendors_values(values))
        try:
            if earlier:
                await asyncio.wait(earlier)
            await _async_wait_for_groups(earlier_groups)
            result = await self._coordinator.cloud.write_group(group_id, group.values, group.turns)
        except CloudError as error:
            raise exceptions.of_group(error, group_id) from error
        except HomeAssistantError:
            raise
        except Exception as error:
            raise _unforeseen(error, group_id) from error
        finally:
            group.turns.end()
            self._groups = tuple(other for other in self._groups if other is not group)
            group.over.set_result(None)
            self._notify_of_group()
        fleet = self._coordinator.fleet
        return {
            device_id: None
            if refused is None
            else _refusal(refused, fleet.get(device_id), self._coordinator, device_id)
            for device_id, refused in result.errors.items()
        }

    @callback
    def async_stop_groups(self) -> None:
        """Send the group commands under way to no more devices."""
        for group in self._groups:
            group.turns.stop()

    def _new_group(self, group_id: str, values: Mapping[str, Value]) -> GroupCommand:
        def on_settled(device_id: str, error: CloudError | None, began_at: datetime) -> None:
            if group.count(error) and group is self.group:
                self._notify_of_group()
            state = self._coordinator.fleet.get(device_id)
            if state is None:
                return  # a group may have devices that the account does not show
            if error is None:
                self._apply_acceptance(state, group.turns.values, {}, began_at)
            else:
                self._apply_refusal(state, error, values)

        def on_begin() -> None:
            if self.group is None:
                self._coordinator.listeners.async_mark_inventory_changed()  # its entities are added with the first one
            self.group = group
            self._notify_of_group()

        turns = Turns(on_begin, on_settled)
        group = GroupCommand(group_id, values, turns, self._coordinator.hass.loop.create_future())
        self._groups = (*self._groups, group)
        return group

    def _notify_of_group(self) -> None:
        self._coordinator.listeners.async_mark_changed([GROUP_COMMAND])
        self._coordinator.listeners.async_notify()

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
            or command.after_groups != self._groups
            or not command.values.keys().isdisjoint(values)
        ):
            queue.last = command = _Command(self._groups, payload, values)
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
        """Send a command, after those of groups to the same device; apply the cloud's answer to the device."""
        for group in command.after_groups:
            if await group.turns.claim(device.id):
                await self._async_take_turn(self._state(device.id), group)
        state = self._state(device.id)
        cloud = self._coordinator.cloud
        sent_at = dt_util.utcnow()
        try:
            if command.payload is None:
                values = await self._async_write_values(state, command.values)
            else:
                await cloud.write_raw(state.device, command.payload)
                values = {}  # only the maker knows what a payload changes
        except CloudError as error:
            self._apply_refusal(state, error, command.values)
            raise _refusal(error, state, self._coordinator) from error
        self._apply_acceptance(state, values, command.confirmed, sent_at)

    async def _async_write_values(self, state: DeviceState, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Send values in one request, and each one that has to be sent as bytes in a request of its own after it.

        Returns the values as the device will report them.
        """
        plain, payloads = state.split_by_payload(values)
        accepted = dict(await self._coordinator.cloud.write(state.device, plain)) if plain else {}
        for key, payload in payloads.items():
            await self._coordinator.cloud.write_raw(state.device, payload)
            accepted[key] = values[key]
        return accepted

    async def _async_take_turn(self, state: DeviceState, group: GroupCommand) -> None:
        """Send the values of a group to one device that must not wait for its turn; `group` gets the outcome."""
        refusal: CloudError | None = CloudError(Reason.STOPPED)
        try:
            await self._async_write_values(state, group.values)
            refusal = None
        except CloudError as error:
            refusal = error
        finally:
            group.turns.settle(state.device.id, refusal)

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
        if error.reason not in {Reason.SCHEMA_MISMATCH, Reason.STOPPED}:  # those were never sent
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
        self.async_stop_groups()
        self._confirmation.async_end()


async def _async_wait_for_groups(groups: Sequence[GroupCommand]) -> None:
    """Wait for the end of group commands. Raises a translated error if one of them takes long."""
    if groups:
        await asyncio.wait([group.over for group in groups], timeout=_GROUP_PATIENCE)
    for group in groups:
        if not group.over.done():
            raise exceptions.of_busy_group(group.group_id)


def _end_unsent(device: Device, queue: _Queue) -> None:
    """End the commands that can no longer be sent, if there are any; the next call finds an idle queue."""
    for command in queue.waiting:
        command.end(exceptions.of_unloading(device.name))
    queue.waiting.clear()
    queue.last, queue.calls = None, 0


def _refusal(
    error: CloudError, state: DeviceState | None, coordinator: DatapointCoordinator, device_id: str = ""
) -> HomeAssistantError:
    """Return the exception for a refused command; it names the datapoint, and for an unknown one those there are.

    Of a device that the account does not show, only the id is known.
    """
    if state is None:
        return exceptions.of_action(error, device_id)
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
