"""Commands through SNoti ("remote_control_req"), which cost no request of the quota.

It pairs requests with answers and knows no connection. A command without an answer may have been carried out.
"""

import asyncio
import itertools
import math
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final

from ... import coerce
from ...model import Value
from .snoti_lines import Message

MOST_AT_A_TIME: Final = 50
"""How many devices one message addresses at most. The document states no limit."""
_PAUSE: Final = 600.0
"""Seconds without commands after one that the server did not answer: it may not know commands, or not grant them."""

type Send = Callable[[Message], Awaitable[None]]


class RemoteControl:
    """The commands on one connection that wait for their answers."""

    def __init__(self) -> None:
        """Begin without a connection."""
        self._send: Send | None = None
        self._serial = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[frozenset[str] | None]] = {}  # the oldest first
        self._paused_until = -math.inf  # on the clock of the event loop

    def open(self, send: Send) -> None:
        """Send commands with `send` from now on."""
        self._send = send
        self._paused_until = -math.inf

    def close(self) -> None:
        """Send no more commands; those that wait will get no answer."""
        self._send = None
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(frozenset())

    async def write(
        self, product_key: str, macs: Mapping[str, str], attrs: Mapping[str, Value | list[int]], *, within: float
    ) -> Collection[str] | None:
        """Send attributes to devices, given with their MAC addresses; return the ids of those that accepted them.

        Returns None if there was no answer within so many seconds, or not to a command of the last minutes.
        """
        loop = asyncio.get_running_loop()
        if self._send is None or loop.time() < self._paused_until:
            return None
        msg_id = f"c{next(self._serial)}"
        items = [
            {
                "cmd": "write_attrs",
                "source": "noti",
                "data": {"did": did, "mac": mac, "product_key": product_key, "attrs": dict(attrs)},
            }
            for did, mac in macs.items()
        ]
        answer = self._waiting[msg_id] = loop.create_future()
        accepted: frozenset[str] | None = None
        try:
            async with asyncio.timeout(within):
                await self._send({"cmd": "remote_control_req", "msg_id": msg_id, "data": items})
                accepted = await answer
        except OSError:  # also a `TimeoutError`
            pass
        finally:
            del self._waiting[msg_id]
        if accepted is None:
            self._paused_until = loop.time() + _PAUSE
        return accepted

    def handle(self, message: Message) -> None:
        """Handle a `remote_control_res`, which names the devices that accepted a command.

        The document promises no `msg_id` in it: without one it answers the oldest command. Nor does it say whether the
        result stands in `data`.
        """
        content = {**message, **coerce.fields(message.get("data"))}
        msg_id = coerce.text(content.get("msg_id")) or next(iter(self._waiting), "")
        self._settle(msg_id, frozenset(_dids(coerce.fields(content.get("result")).get("succeed"))))

    def reject(self) -> None:
        """Handle an error message, which does not say what it is about: it may be the oldest command."""
        self._settle(next(iter(self._waiting), ""), None)

    def _settle(self, msg_id: str, accepted: frozenset[str] | None) -> None:
        answer = self._waiting.get(msg_id)
        if answer is not None and not answer.done():
            answer.set_result(accepted)


def _dids(listed: Any) -> list[str]:
    """Return the ids of a list; the newer answers have objects in it."""
    items = listed if isinstance(listed, list) else []
    ids = (coerce.text(item.get("did") if isinstance(item, Mapping) else item) for item in items)
    return [did for did in ids if did is not None]
