"""The queues of SNoti: one for each subkey of a product, whose messages are distributed among its clients.

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
    """A client that is logged in. It gets at most `prefetch_count` messages ahead of its acknowledgements."""

    send: Callable[[Message], None]
    prefetch_count: int
    queues: list[Queue] = field(default_factory=list)
    unacknowledged: dict[int, tuple[Queue, _QueuedMessage]] = field(default_factory=dict)

    @property
    def is_free(self) -> bool:
        """Whether it may get another message."""
        return len(self.unacknowledged) < self.prefetch_count


@dataclass(frozen=True)
class _QueuedMessage:
    """A message and when it was queued, epoch seconds."""

    since: float
    message: Message


@dataclass(eq=False)
class Queue:
    """The messages of one subkey, and the events that its last login subscribed to."""

    events: frozenset[str]
    waiting: deque[_QueuedMessage] = field(default_factory=deque)
    clients: deque[Client] = field(default_factory=deque)


class Queues:
    """All queues by product and subkey."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._queues: dict[tuple[str, str], Queue] = {}
        self._serial = itertools.count(1)
        self.repeated = 0
        """How many messages were queued again."""

    def subkeys_of(self, product_key: str) -> set[str]:
        """Return the subkeys for which a product has queues."""
        return {subkey for key, subkey in self._queues if key == product_key}

    def join(self, client: Client, product_key: str, subkey: str, events: frozenset[str]) -> None:
        """Add a client to the queue of a subkey, which is made if there is none."""
        queue = self._queues.setdefault((product_key, subkey), Queue(events))
        queue.events = events
        queue.clients.append(client)
        client.queues.append(queue)

    def of(self, client: Client, product_key: str, subkey: str) -> Queue:
        """Return the queue of a subkey. Raises KeyError if the client is not in it."""
        queue = self._queues[product_key, subkey]
        if queue not in client.queues:
            raise KeyError(subkey)
        return queue

    def leave(self, client: Client) -> None:
        """Remove a client and queue again the messages that it did not acknowledge."""
        for queue in client.queues:
            queue.clients.remove(client)
        self.repeated += len(client.unacknowledged)
        for queue, waiting in reversed(client.unacknowledged.values()):
            queue.waiting.appendleft(waiting)
        client.unacknowledged.clear()
        for queue in client.queues:
            self.distribute(queue)

    def put(self, product_key: str, event: str, message: Message) -> None:
        """Queue a message under each subkey that subscribed to this event."""
        for (key, _), queue in self._queues.items():
            if key == product_key and event in queue.events:
                queue.waiting.append(_QueuedMessage(self._clock(), message))
                self.distribute(queue)

    def acknowledge(self, client: Client, delivery_id: object, msg_id: object) -> bool:
        """Remove a delivered message. Returns False if the client has no delivery with both ids."""
        if type(delivery_id) is not int or delivery_id not in client.unacknowledged:
            return False
        queue, waiting = client.unacknowledged[delivery_id]
        if waiting.message.get("msg_id") != msg_id:
            return False
        del client.unacknowledged[delivery_id]
        for queue in client.queues:
            self.distribute(queue)
        return True

    def distribute(self, queue: Queue) -> None:
        """Send the waiting messages to the free clients in turn, without those that are too old."""
        while queue.waiting and queue.waiting[0].since < self._clock() - _KEPT_SECONDS:
            queue.waiting.popleft()
        while (
            queue.waiting and (client := next((client for client in queue.clients if client.is_free), None)) is not None
        ):
            queue.clients.remove(client)
            queue.clients.append(client)
            waiting, delivery_id = queue.waiting.popleft(), next(self._serial)
            client.unacknowledged[delivery_id] = queue, waiting
            client.send({"cmd": "event_push", "delivery_id": delivery_id, **waiting.message})
