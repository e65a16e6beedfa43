"""Connections to SNoti: JSON objects over TLS, one on each line. It knows no message."""

import asyncio
import json
import math
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from ... import coerce
from ...traffic import Event, Line, Observer
from ..timings import PushTimings

PREFETCH: Final = 50
"""How many events the server may send before the first of them is acknowledged."""

_LONGEST_LINE = 2**20  # bytes

type Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnotiServer:
    """The address of SNoti, and which certificates are trusted."""

    host: str
    port: int
    tls: ssl.SSLContext


class Lines:
    """Sends and receives JSON objects, one on each line."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, timings: PushTimings, line: Line
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._timings = timings
        self._line = line
        self._acknowledgements: list[bytes] = []
        self._flushed_at = -math.inf  # on the clock of the event loop
        self._flush_timer: asyncio.TimerHandle | None = None

    def acknowledge(self, message: Message) -> None:
        """Send an acknowledgement, at once if events are rare, else together with others: sending costs the most.

        The server sends no more events ahead than `PREFETCH`, so half of them are acknowledged at once, too.
        """
        self._acknowledgements.append(json.dumps(message).encode())
        loop = asyncio.get_running_loop()
        due = self._flushed_at + self._timings.acknowledge
        if loop.time() >= due or len(self._acknowledgements) >= PREFETCH // 2:
            self.flush()
        elif self._flush_timer is None:
            self._flush_timer = loop.call_at(due, self.flush)

    def flush(self) -> None:
        """Send the acknowledgements that wait."""
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        self._flushed_at = asyncio.get_running_loop().time()
        for content in self._acknowledgements:
            self._line.tell(Event.SENT, content)
        self._writer.write(b"".join(content + b"\n" for content in self._acknowledgements))
        self._acknowledgements.clear()

    async def send(self, message: Message) -> None:
        """Send a message. Raises `OSError`, also `TimeoutError`, if the server takes none."""
        content = json.dumps(message).encode()
        self._line.tell(Event.SENT, content)
        self._writer.write(content + b"\n")
        async with asyncio.timeout(self._timings.answer):
            await self._writer.drain()

    async def next(self) -> bytes:
        """Wait for the next line. Raises `EOFError` or `OSError` at the end, and `LimitOverrunError` for a long one."""
        line = await self._reader.readuntil(b"\n")
        self._line.tell(Event.RECEIVED, line)
        return line


@asynccontextmanager
async def open_lines(server: SnotiServer, timings: PushTimings, observer: Observer | None) -> AsyncIterator[Lines]:
    """Connect to a server, and close the connection at the end of the context."""
    line = Line(observer, f"snoti://{server.host}:{server.port}")
    async with line.opening(timings.connect):
        reader, writer = await asyncio.open_connection(
            server.host, server.port, ssl=server.tls, limit=_LONGEST_LINE, ssl_shutdown_timeout=timings.close
        )
    lines = Lines(reader, writer, timings, line)
    try:
        yield lines
    finally:
        lines.flush()
        line.close()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def decoded(line: bytes) -> Message:
    """Decode the object in a line; anything else counts as an empty one."""
    try:
        return coerce.fields(coerce.decode(line))
    except ValueError:
        return {}
