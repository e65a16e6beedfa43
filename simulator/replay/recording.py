"""Reads a recording, as `docs/recordings.md` describes it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_FORMAT = "datapoint-cloud-recording"
_VERSION = 1


class NotReadable(Exception):
    """A file is no recording; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A recorded request and its answer. `at` is in seconds since the beginning; without an answer, `status` is None.

    `sent` is the decoded body of the request, `answer` the recorded one with its form.
    """

    at: float
    method: str
    path: str
    query: Mapping[str, str]
    sent: Any
    status: int | None
    headers: Mapping[str, str]
    answer: Mapping[str, Any]

    @property
    def json(self) -> Any:
        """The decoded answer; None if it is no JSON."""
        return self.answer.get("json")

    @property
    def is_success(self) -> bool:
        """Whether the answer is a success."""
        return self.status is not None and self.status < 400


@dataclass(slots=True)
class Connection:
    """What the server sent on a recorded connection, each with its seconds since the connection was opened."""

    url: str
    opened_at: float
    received: list[tuple[float, Any]] = field(default_factory=list)
    sent: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording. `account` and `scopes` are the values of the forms."""

    cloud: str
    started_at: float
    account: Mapping[str, Any]
    scopes: list[Mapping[str, Any]]
    exchanges: list[Exchange]
    connections: list[Connection]

    @property
    def started_at_utc(self) -> datetime:
        """When the recording began."""
        return datetime.fromtimestamp(self.started_at, UTC)

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Read a file of its own, or the diagnostics of an account that contain one. Raises `NotReadable`."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise NotReadable(f"{path} cannot be read.") from error
        try:
            lines = json.loads(text)["data"]["recording"]
        except ValueError, TypeError, KeyError:
            lines = text.splitlines()
        return cls.parse(lines)

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Recording:
        """Parse the lines of a file. Raises `NotReadable`."""
        try:
            header, *rest = [json.loads(line) for line in lines if line.strip()]
            if header["format"] != _FORMAT or header["version"] != _VERSION:
                raise NotReadable(f"This is no recording of version {_VERSION}.")
            return cls(
                cloud=header["cloud"],
                started_at=datetime.fromisoformat(header["started_at"]).timestamp(),
                account=dict(header["account"]),
                scopes=[dict(scope) for scope in header["scopes"]],
                exchanges=[_exchange(line) for line in rest if "method" in line and "url" in line],
                connections=_connections([line for line in rest if "connection" in line and "url" in line]),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise NotReadable("This is no recording.") from error

    def answers(self, path_ends: str) -> list[Exchange]:
        """Return the successful exchanges whose path ends like this, in order."""
        return [one for one in self.exchanges if one.is_success and one.path.endswith(path_ends)]


def _exchange(line: Mapping[str, Any]) -> Exchange:
    url, sent = urlsplit(line["url"]), line.get("sent", {})
    return Exchange(
        at=line["at"],
        method=line["method"],
        path=unquote(url.path),
        query=dict(parse_qsl(url.query, keep_blank_values=True)),
        sent=next(iter(sent.values()), None),
        status=line.get("status"),
        headers=line.get("headers", {}),
        answer=line.get("answer", {}),
    )


def _connections(lines: Iterable[Mapping[str, Any]]) -> list[Connection]:
    found: dict[int, Connection] = {}
    for line in lines:
        connection = found.setdefault(line["connection"], Connection(line["url"], line["at"]))
        if line["event"] == "received" and isinstance(line.get("json"), dict):
            connection.received.append((line["at"] - connection.opened_at, line["json"]))
        elif line["event"] == "sent":
            connection.sent.append(line.get("json"))
    return list(found.values())
