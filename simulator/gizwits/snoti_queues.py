"""What waits for whom: a queue for each subkey of a product, dealt out among the clients that share it.

Knows nothing of sockets, logins and devices.
"""

import itertools
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_KEPT_SECONDS = 3 * 86400

type Message = Mapping[str, Any]


@dataclass(eq=False)
class Client:
    """A client that is logged in: how it is sent to, how much it takes ahead of its acknowledgements."""

    send: Callable[[Message], None]
    prefetch_count: int
    queues: list[Queue] = field(default_factory=list)
    unacknowledged: dict[int, tuple[Queue, _Waiting]] = field(default_factory=dict)

    @property
    def is_free(self) -> bool:
        """Whether it may be sent one more."""
        return len(self.unacknowledged) < self.prefetch_count


@dataclass(frozen=True)
class _Waiting:
    since: float
    message: Message


@dataclass(eq=False)
class Queue:
    """What waits under one subkey, of the kinds of events that were last asked for."""

    events: frozenset[str]
    waiting: deque[_Waiting] = field(default_factory=deque)
    clients: deque[Client] = field(default_factory=deque)


class Queues:
    """All queues, by product and subkey."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._queues: dict[tuple[str, str], Queue] = {}
        self._serial = itertools.count(1)

    def subkeys_of(self, product_key: str) -> set[str]:
        """Give the subkeys that queues of a product exist for."""
        return {subkey for key, subkey in self._queues if key == product_key}

    def join(self, client: Client, product_key: str, subkey: str, events: frozenset[str]) -> None:
        """Let a client have what waits under a subkey, and all that comes."""
        queue = self._queues.setdefault((product_key, subkey), Queue(events))
        queue.events = events
        queue.clients.append(client)
        client.queues.append(queue)

    def leave(self, client: Client) -> None:
        """Put back what a client never acknowledged, for whoever comes next."""
        for queue in client.queues:
            queue.clients.remove(client)
        for queue, waiting in reversed(client.unacknowledged.values()):
            queue.waiting.appendleft(waiting)
        client.unacknowledged.clear()
        for queue in client.queues:
            self.deal(queue)

    def put(self, product_key: str, event: str, message: Message) -> None:
        """Queue a copy under each subkey that asked for this event."""
        for (key, _), queue in self._queues.items():
            if key == product_key and event in queue.events:
                queue.waiting.append(_Waiting(self._clock(), message))
                self.deal(queue)

    def acknowledge(self, client: Client, delivery_id: object, msg_id: object) -> bool:
        """Forget a message; False if it is none of the client's, or is not named as it was sent."""
        if type(delivery_id) is not int or delivery_id not in client.unacknowledged:
            return False
        queue, waiting = client.unacknowledged[delivery_id]
        if waiting.message.get("msg_id") != msg_id:
            return False
        del client.unacknowledged[delivery_id]
        for queue in client.queues:
            self.deal(queue)
        return True

    def deal(self, queue: Queue) -> None:
        """Send what waits, to each free client in turn."""
        while queue.waiting and queue.waiting[0].since < self._clock() - _KEPT_SECONDS:
            queue.waiting.popleft()
        while queue.waiting and (client := next((one for one in queue.clients if one.is_free), None)) is not None:
            queue.clients.remove(client)
            queue.clients.append(client)
            waiting, delivery_id = queue.waiting.popleft(), next(self._serial)
            client.unacknowledged[delivery_id] = queue, waiting
            client.send({"cmd": "event_push", "delivery_id": delivery_id, **waiting.message})
