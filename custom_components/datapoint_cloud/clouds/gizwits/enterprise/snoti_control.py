"""Commands through SNoti ("remote_control_req"), which cost no request of the quota.

It pairs requests with answers and knows no connection. A command without an answer may have been carried out.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final

from ... import coerce
from ...model import Value

MOST_AT_A_TIME: Final = 50
"""How many devices one message addresses at most. The document states no limit."""

type Message = Mapping[str, Any]
type Send = Callable[[Message], Awaitable[None]]


class RemoteControl:
    """The commands on one connection that wait for their answers."""

    def __init__(self) -> None:
        """Begin without a connection."""
        self._send: Send | None = None
        self._serial = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[frozenset[str]]] = {}

    def open(self, send: Send) -> None:
        """Send commands with `send` from now on."""
        self._send = send

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

        Returns None if there was no answer within so many seconds.
        """
        if self._send is None:
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
        answer: asyncio.Future[frozenset[str]] = asyncio.get_running_loop().create_future()
        self._waiting[msg_id] = answer
        try:
            async with asyncio.timeout(within):
                await self._send({"cmd": "remote_control_req", "msg_id": msg_id, "data": items})
                return await answer
        except OSError:  # also a `TimeoutError`
            return None
        finally:
            del self._waiting[msg_id]

    def handle(self, message: Message) -> None:
        """Handle a `remote_control_res`, which names the devices that accepted a command."""
        answer = self._waiting.get(coerce.text(message.get("msg_id")) or "")
        if answer is not None and not answer.done():
            result = coerce.fields(message.get("result"))
            answer.set_result(frozenset(_dids(result.get("succeed"))))


def _dids(listed: Any) -> list[str]:
    """Return the ids of a list; the newer answers have objects in it."""
    items = listed if isinstance(listed, list) else []
    ids = (coerce.text(item.get("did") if isinstance(item, Mapping) else item) for item in items)
    return [did for did in ids if did is not None]
