"""Writing to devices: merged, in order, confirmed by an early reading or taken back.

It owns what was asked and is not yet settled. Nothing is sent twice: a lost answer may stand for a carried-out command.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from . import exceptions
from .clouds.errors import CloudError, DeviceGone, DeviceOffline, Reason
from .clouds.model import Device, Value
from .coordinator import DatapointCoordinator
from .fleet.device_state import CONNECTIVITY, PENDING_FOR, DeviceState
from .fleet.listeners import EntityKey

_LOGGER = logging.getLogger(__name__)

_READ_AFTER = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds from an accepted command to the first early reading, and from one reading to the next."""
_TURNS_ALONE = 1
_TURNS_TOGETHER = 5  # where a second call has come, a third may
_TAKE_BACK_AFTER = PENDING_FOR.total_seconds() - sum(_READ_AFTER) + 0.1
_GIVE_UP_AFTER = PENDING_FOR.total_seconds() + 1.0
"""Seconds after which a command is not looked after any more, however long its readings take."""
_HOLD_AT_MOST = 3600.0  # seconds


@dataclass(eq=False, slots=True)
class _Command:
    """Values that go to one device in one request, or the payload of a frame. `after` is to be over before it goes."""

    accepted: asyncio.Future[None]
    after: asyncio.Future[None] | None
    payload: bytes | None = None
    values: dict[str, Value] = field(default_factory=dict)
    confirmed: dict[str, asyncio.Future[bool]] = field(default_factory=dict)
    """By datapoint; False: time ran out, the device took another value, or a later command took its place."""


@dataclass(eq=False, slots=True)
class _Line:
    """The commands that wait for one device, and the tasks that work for it."""

    waiting: deque[_Command] = field(default_factory=deque)
    last: _Command | None = None
    calls: int = 0
    sender: asyncio.Task[None] | None = None
    reader: asyncio.Task[None] | None = None

    async def until_all_are_in(self) -> None:
        """Give the calls of one scene or script the few turns of the loop that they take to arrive."""
        first, quiet_turns = self.calls, 0
        while quiet_turns < (_TURNS_ALONE if self.calls == first else _TURNS_TOGETHER):
            known = self.calls
            await asyncio.sleep(0)
            quiet_turns = quiet_turns + 1 if self.calls == known else 0


class Commands:
    """The commands to the devices of one account."""

    def __init__(self, coordinator: DatapointCoordinator) -> None:
        self._coordinator = coordinator
        self._lines: dict[str, _Line] = {}
        self._last_of_group: asyncio.Future[None] | None = None
        self._has_ended = False
        coordinator.config_entry.async_on_unload(self._async_end)

    async def async_check(self, device_id: str, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Give the values as the device will show them; raises a translated error for what it never takes.

        Sends nothing.
        """
        state = self._state(device_id)
        with _in_words(state.device.name):
            try:
                return await self._coordinator.cloud.check(state.device, values)
            except CloudError as error:
                raise _refusal(error, state) from error

    async def async_write(self, device_id: str, values: Mapping[str, Value]) -> None:
        """Send values to a device. Returns when its cloud accepted them; raises a translated error if not."""
        await _outcome(self._enqueue(device_id, values).accepted)

    async def async_write_and_wait(self, device_id: str, values: Mapping[str, Value]) -> bool:
        """Send values to a device and wait until it shows them all; False if it did not in time."""
        command = self._enqueue(device_id, values)
        await _outcome(command.accepted)
        results = [await _outcome(command.confirmed[key]) for key in values]
        return all(results)

    async def async_write_raw(self, device_id: str, payload: bytes) -> None:
        """Send the payload of a frame, in line with the device's other commands."""
        await _outcome(self._enqueue(device_id, {}, payload).accepted)

    async def async_write_group(
        self, group_id: str, values: Mapping[str, Value]
    ) -> dict[str, HomeAssistantError | None]:
        """Send values to the devices of a group; answers the translated error, or None, by device id.

        Nobody knows beforehand which devices those are, so that all earlier commands go first and all later ones wait.
        """
        if self._has_ended:
            raise exceptions.of_unloading(group_id)
        earlier = [line.last.accepted for line in self._lines.values() if line.last is not None]
        earlier += [self._last_of_group] if self._last_of_group is not None else []
        self._last_of_group = is_over = self._coordinator.hass.loop.create_future()
        try:
            if earlier:
                await asyncio.wait(earlier)
            sent_at = dt_util.utcnow()
            with _in_words(group_id):
                results = await self._coordinator.cloud.write_group(group_id, values)
        except CloudError as error:
            raise exceptions.of_group(error, group_id) from error
        finally:
            is_over.set_result(None)
        answers: dict[str, HomeAssistantError | None] = {}
        for device_id, refused in results.items():
            state = self._coordinator.fleet.get(device_id)
            if state is not None and refused is None:
                self._expect(state, await self._async_shown(device_id, values), {}, sent_at)
            elif state is not None and refused is not None:
                self._heed(refused, state)
            answers[device_id] = None if refused is None else _refusal(refused, state)
        return answers

    async def _async_shown(self, device_id: str, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """The values as the device will show them; none where that is not known: what was accepted stays so."""
        try:
            return await self.async_check(device_id, values)
        except HomeAssistantError:
            return {}

    def _state(self, device_id: str) -> DeviceState:
        if (state := self._coordinator.fleet.get(device_id)) is None:
            raise exceptions.of_action(DeviceGone(Reason.NOT_FOUND), device_id)
        return state

    # Sending

    def _enqueue(self, device_id: str, values: Mapping[str, Value], payload: bytes | None = None) -> _Command:
        """Put a command in line: values into the request still to be sent, unless it holds one of them already."""
        state = self._state(device_id)
        if self._has_ended:
            raise exceptions.of_unloading(state.device.name)
        line = self._lines.setdefault(device_id, _Line())
        loop = self._coordinator.hass.loop
        command = line.waiting[-1] if line.waiting else None
        after = self._last_of_group
        is_apart = command is None or payload is not None or command.payload is not None or command.after is not after
        if command is None or is_apart or command.values.keys() & values.keys():
            command = _Command(accepted=loop.create_future(), after=after, payload=payload)
            line.last = command
            # Whoever asked may have gone; then nobody is to be told.
            command.accepted.add_done_callback(lambda accepted: accepted.cancelled() or accepted.exception())
            line.waiting.append(command)
        line.calls += 1
        command.values.update(values)
        command.confirmed.update({key: loop.create_future() for key in values})
        if line.sender is None:
            line.sender = self._in_background(self._async_send(state.device, line), "commands")
        return command

    async def _async_send(self, device: Device, line: _Line) -> None:
        """Send what is in line, one after the other."""
        try:
            await line.until_all_are_in()
            while line.waiting:
                await self._async_send_one(device, line.waiting.popleft())
        finally:
            line.sender = None
            for command in line.waiting:
                command.accepted.set_exception(exceptions.of_unloading(device.name))
            line.waiting.clear()

    async def _async_send_one(self, device: Device, command: _Command) -> None:
        """Send a command, and tell whoever waits for it how that went: whatever is raised, they hear of it."""
        try:
            with _in_words(device.name):
                await self._async_carry_out(self._state(device.id), command)
        except HomeAssistantError as error:
            command.accepted.set_exception(error)
        except asyncio.CancelledError:
            command.accepted.set_exception(exceptions.of_unloading(device.name))
            raise
        else:
            command.accepted.set_result(None)

    async def _async_carry_out(self, state: DeviceState, command: _Command) -> None:
        """Send a command when its turn has come, and show what was accepted."""
        if command.after is not None and not command.after.done():
            await asyncio.wait((command.after,))
        sent_at = dt_util.utcnow()
        try:
            shown = await self._async_hand_over(state.device, command)
        except CloudError as error:
            self._heed(error, state)
            raise _refusal(error, state) from error
        self._expect(state, shown, command.confirmed, sent_at)

    async def _async_hand_over(self, device: Device, command: _Command) -> Mapping[str, Value]:
        """Send a command and give the values as the device will report them: the nearest number, the label."""
        cloud = self._coordinator.cloud
        if command.payload is not None:
            # What it changes only its maker knows, so nothing is expected of it.
            await cloud.write_raw(device, command.payload)
            return {}
        # First, because what has been sent cannot fail any more.
        shown = await cloud.check(device, command.values)
        await cloud.write(device, command.values)
        return shown

    def _heed(self, error: CloudError, state: DeviceState) -> None:
        """Take from a refusal what it says of the device, its product and the account."""
        coordinator = self._coordinator
        if isinstance(error, DeviceOffline):
            state.believe_offline()
            coordinator.listeners.async_mark_changed([EntityKey(state.device.id, CONNECTIVITY)])
            coordinator.listeners.async_notify()
        if error.reason is Reason.CONTROL_NOT_ENABLED:
            coordinator.refused_control[state.device.scope] = error
            coordinator.async_report_problems()

    # Confirming

    def _expect(
        self,
        state: DeviceState,
        values: Mapping[str, Value],
        confirmed: Mapping[str, asyncio.Future[bool]],
        sent_at: datetime,
    ) -> None:
        """Show what the cloud accepted, and look soon whether the device does too."""
        coordinator = self._coordinator
        now = dt_util.utcnow()
        for key, value in values.items():
            state.expect(key, value, now, partial(_settle, confirmed.get(key)), sent_at=sent_at)
        coordinator.listeners.async_mark_values_changed(state, values)
        coordinator.listeners.async_notify()
        if coordinator.refused_control.pop(state.device.scope, None) is not None:
            coordinator.async_report_problems()
        self._read_soon(state)

    def _read_soon(self, state: DeviceState) -> None:
        line = self._lines.setdefault(state.device.id, _Line())
        if line.reader is not None:
            line.reader.cancel()
        line.reader = self._in_background(self._async_confirm(state, line), "confirmation")

    async def _async_confirm(self, state: DeviceState, line: _Line) -> None:
        """Look whether the device shows what was asked for, until it does or time is up."""
        try:
            async with asyncio.timeout(_GIVE_UP_AFTER):
                await self._async_read_until_settled(state)
        except TimeoutError:
            pass
        except asyncio.CancelledError:
            # For a later command, which has a reader of its own, or because the account is unloaded: then nobody
            # looks any more, and whoever waits must not wait for ever.
            if line.reader is asyncio.current_task():
                state.give_up()
            raise
        # Also of a device that has gone meanwhile: somebody may wait for it.
        self._coordinator.async_take_back(state)

    async def _async_read_until_settled(self, state: DeviceState) -> None:
        """Read the device early and ever less often, until it shows what was asked for or time is up."""
        try:
            for pause in _READ_AFTER:
                await asyncio.sleep(pause)
                if seconds := await self._coordinator.async_read_device(state.device.id):
                    state.hold(dt_util.utcnow() + timedelta(seconds=min(seconds, _HOLD_AT_MOST)) + PENDING_FOR)
                    return
                if not state.pending:
                    return
        except Exception:
            _LOGGER.exception("%s cannot be read after a command", state.device.name)
            await asyncio.sleep(_GIVE_UP_AFTER)
        await asyncio.sleep(_TAKE_BACK_AFTER)

    @callback
    def _async_end(self) -> None:
        """Let nobody wait for what is not looked at any more."""
        self._has_ended = True
        for state in self._coordinator.fleet.values():
            state.give_up()

    def _in_background(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        coordinator = self._coordinator
        return coordinator.config_entry.async_create_background_task(
            coordinator.hass, work, f"{coordinator.name} {name}"
        )


@contextmanager
def _in_words(subject: str) -> Iterator[None]:
    """Turn what nobody foresaw into an error that tells the caller so, and the log why."""
    try:
        yield
    except CloudError, HomeAssistantError:
        raise
    except Exception as error:
        _LOGGER.exception("A command to %s failed", subject)
        raise exceptions.of_unforeseen(subject) from error


async def _outcome[T](future: asyncio.Future[T]) -> T:
    """Wait for what others may wait for too: who stops waiting cancels nothing."""
    await asyncio.wait((future,))
    return future.result()


def _refusal(error: CloudError, state: DeviceState | None) -> HomeAssistantError:
    if state is None:
        return exceptions.of_action(error, error.subject or "")
    return exceptions.of_action(error, state.device.name, state.datapoints.get(error.subject or ""))


def _settle(confirmed: asyncio.Future[bool] | None, is_confirmed: bool) -> None:  # noqa: FBT001
    if confirmed is not None and not confirmed.done():
        confirmed.set_result(is_confirmed)
