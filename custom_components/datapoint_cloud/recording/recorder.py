"""Collects what passes between a client and its cloud, and turns it into the lines of a recording.

Everything stays in memory until it has been masked, since an id may pass before it is known to be one.
"""

import json
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from ..accounts.base import AccountType, FieldGroup
from ..clouds.traffic import HttpExchange, Message
from .documents import Documents, Shape, is_bytes
from .kinds import Kind
from .masking import Masker

FORMAT: Final = "datapoint-cloud-recording"
VERSION: Final = 1

LARGEST: Final = 24 * 2**20
"""How many bytes of bodies and messages are collected at the most."""

_SENT_HEADERS: Final = frozenset({"authorization", "content-type", "x-authorization", "x-tracking-id"})
_OWN_HEADERS: Final = "x-"
_PLAIN_HEADERS: Final = ("content-type", "-timestamp")  # how the names of headers end that hold nothing private
_HEADERS: Final = frozenset({"content-type", "date", "location", "retry-after", "server", "www-authenticate"})
_ABOUT_LIMITS: Final = re.compile(
    r"(?<![a-z])(?:rate-?limit|limit|quota|rate|remaining|reset|throttl\w*|budget)(?![a-z])"
)
_MASKED_OUT: Final = "This text could not be masked."

type Line = dict[str, Any]
"""One line of a recording, decoded."""


class Recorder:
    """Observes a client, see `Observer`. It stops collecting when it has `largest` bytes."""

    def __init__(self, *, largest: int = LARGEST) -> None:
        """Start with an empty recording."""
        self.started_at = time.time()
        self.is_complete = True
        """False if more passed than it may collect."""
        self._seen: list[HttpExchange | Message] = []
        self._left = largest

    def __len__(self) -> int:
        """Return how many requests and messages were collected."""
        return len(self._seen)

    def on_exchange(self, exchange: HttpExchange) -> None:
        """Collect a request and its answer."""
        self._collect(exchange, len(exchange.url) + len(exchange.sent) + len(exchange.answer))

    def on_message(self, message: Message) -> None:
        """Collect a message."""
        self._collect(message, len(message.content))

    def _collect(self, seen: HttpExchange | Message, size: int) -> None:
        self.is_complete = self.is_complete and size <= self._left
        if self.is_complete:
            self._left -= size
            self._seen.append(seen)

    def lines(
        self,
        account_type: AccountType,
        data: Mapping[str, Any],
        scopes: Iterable[Mapping[str, Any]],
        *,
        made_with: str,
        key: bytes | None = None,
    ) -> tuple[list[str], Masker]:
        """Return the masked lines of the recording, and the masker with which they were made.

        `made_with` is the version of the integration. `key` decides the made-up values; without it they are other ones
        each time.
        """
        documents = Documents.load(account_type.kind)
        masker = Masker(documents, key or secrets.token_bytes(32), began_at=self.started_at)
        account, account_shape = _known(account_type, data), _shape(account_type, data, documents)
        scope_type = account_type.scope_type
        scope_data = [] if scope_type is None else [_known(scope_type, scope) for scope in scopes]
        scope_shape: Shape = None if scope_type is None else _shape(scope_type, {}, documents)
        parsed = [_Parsed(seen, documents) for seen in sorted(self._seen, key=lambda seen: seen.at)]
        for one in parsed:
            one.teach_public(masker)
        masker.learn_public([account], [account_shape])
        masker.learn_body(account, account_shape)
        masker.learn_body(scope_data, [scope_shape])
        for one in parsed:
            one.teach(masker)
        masker.end_learning()
        header: Line = {
            "format": FORMAT,
            "version": VERSION,
            "cloud": account_type.kind,
            "made_with": made_with,
            "started_at": datetime.fromtimestamp(self.started_at, UTC).isoformat(timespec="milliseconds"),
            "is_complete": self.is_complete,
            "account": masker.body(account, account_shape),
            "scopes": masker.body(scope_data, [scope_shape]),
        }
        numbers: dict[int, int] = {}
        lines = [one.line(masker, self.started_at, numbers) for one in parsed]
        return [_checked(line, masker, documents.words) for line in (header, *lines)], masker


def _known(group: FieldGroup, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that the form asks for, and the chosen account."""
    names = [field.name for field in group.fields]
    if isinstance(group, AccountType) and group.sub_account_field is not None:
        names.append(group.sub_account_field)
    return {name: data[name] for name in names if name in data}


def _shape(group: FieldGroup, data: Mapping[str, Any], documents: Documents) -> dict[str, Any]:
    """Return how private the fields of a form are."""
    shape: dict[str, Any] = {}
    for field in group.fields:
        is_known_choice = isinstance(field.choices, Mapping) and data.get(field.name) in field.choices
        if field.name in documents.fields:
            shape[field.name] = documents.fields[field.name]
        elif field.is_public or is_known_choice or isinstance(field.default, bool):
            shape[field.name] = Kind.PLAIN
        elif field.is_address:
            shape[field.name] = Kind.HOST
        else:
            shape[field.name] = Kind.SECRET if field.is_secret else Kind.ID
    if isinstance(group, AccountType) and group.sub_account_field is not None:
        shape[group.sub_account_field] = Kind.ID
    return shape


class _Parsed:
    """One request or message, with its bodies decoded and what the documents say about them."""

    def __init__(self, seen: HttpExchange | Message, documents: Documents) -> None:
        self._seen = seen
        if isinstance(seen, Message):
            self._bodies = {"": _decoded(seen.content)}
            self._shapes: dict[str, Shape] = {"": documents.message(self._bodies[""].get("json"))[1]}
            self._endpoint, self._parts = None, []
            return
        found = documents.endpoint(seen.method, urlsplit(seen.url).path)
        self._endpoint, self._parts = (None, []) if found is None else found
        is_form = "x-www-form-urlencoded" in seen.sent_headers.get("Content-Type", "")
        sent = {"form": dict(parse_qsl(seen.sent.decode()))} if is_form else _decoded(seen.sent)
        answer = _decoded(seen.answer)
        self._bodies = {"sent": sent, "answer": answer}
        self._shapes = {
            "sent": None if self._endpoint is None else self._endpoint.sent,
            "answer": documents.answer(self._endpoint, seen.status, answer.get("json")),
        }

    def teach_public(self, masker: Masker) -> None:
        """Let the masker learn what the vendor itself wrote."""
        if self._endpoint is not None:
            masker.learn_public_path(self._endpoint, self._parts)
        for name, body in self._bodies.items():
            for form, content in body.items():
                masker.learn_public(content, self._shape(name, form))

    def teach(self, masker: Masker) -> None:
        """Let the masker learn what is private."""
        if isinstance(self._seen, HttpExchange):
            masker.learn_url(self._seen.url, self._endpoint, self._parts)
            for name, value in _chosen_headers(self._seen).items():
                if not name.lower().endswith(_PLAIN_HEADERS):
                    masker.learn_credential(value)
            for name, value in _headers(self._seen).items():
                if name.lower() == "location":
                    masker.learn_url(value, None, [])
                masker.learn_text(value)
        for name, body in self._bodies.items():
            for form, content in body.items():
                masker.learn_body(content, self._shape(name, form))

    def _shape(self, name: str, form: str) -> Shape:
        return self._shapes[name] if form in {"json", "form"} else Kind.PLAIN

    def line(self, masker: Masker, started_at: float, numbers: dict[int, int]) -> Line:
        """Return the line without anything private."""
        seen = self._seen
        bodies = {
            name: {form: self._masked(masker, name, form, content) for form, content in body.items()}
            for name, body in self._bodies.items()
        }
        line: Line = {"at": round(seen.at - started_at, 3)}
        if isinstance(seen, Message):
            number = numbers.setdefault(seen.number, len(numbers) + 1)
            line |= {"connection": number, "url": masker.url(seen.url, None, []), "event": str(seen.event)}
            return line | bodies[""] | ({} if seen.failure is None else {"failure": seen.failure})
        line |= {"seconds": round(seen.seconds, 3), "method": seen.method}
        line["url"] = masker.url(seen.url, self._endpoint, self._parts)
        if sent_headers := _chosen_headers(seen):
            line["sent_headers"] = {name: masker.text(value) for name, value in sent_headers.items()}
        if bodies["sent"]:
            line["sent"] = bodies["sent"]
        if seen.status is None:
            return line | {"failure": seen.failure}
        return line | {
            "status": seen.status,
            "headers": {
                name: masker.url(value, None, []) if name.lower() == "location" else masker.text(value)
                for name, value in _headers(seen).items()
            },
            "answer": bodies["answer"],
        }

    def _masked(self, masker: Masker, name: str, form: str, content: Any) -> Any:
        if form == "text" and content.lstrip().startswith(("{", "[")):
            return masker.damaged_json(content)
        return masker.body(content, self._shape(name, form))


def _chosen_headers(exchange: HttpExchange) -> Mapping[str, str]:
    return {
        name: value
        for name, value in exchange.sent_headers.items()
        if name.lower() in _SENT_HEADERS or name.lower().startswith(_OWN_HEADERS)
    }


def _headers(exchange: HttpExchange) -> Mapping[str, str]:
    """Return the headers of an answer that matter."""
    return {
        name: value
        for name, value in exchange.headers.items()
        if name.lower() in _HEADERS or _ABOUT_LIMITS.search(name.lower())
    }


def _decoded(content: bytes) -> dict[str, Any]:
    """Return a body as the file has it: `json`, `text`, the number of `bytes` of anything else, or nothing."""
    if not content.strip():
        return {}
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return {"bytes": len(content)}
    try:
        return {"json": json.loads(text)}
    except ValueError, RecursionError:
        return {"text": text}


def _checked(line: Line, masker: Masker, field_names: AbstractSet[str]) -> str:
    """Return a line as text. As a last resort, contents that still contain something private are left out."""
    if not masker.leaks("\n".join(_contents(line, field_names))):
        return json.dumps(line, ensure_ascii=False, separators=(",", ":"))
    kept = {name: line[name] for name in ("at", "seconds", "method", "connection", "event", "status") if name in line}
    return json.dumps(kept | {"omitted": _MASKED_OUT})


def _contents(value: Any, field_names: AbstractSet[str], *, is_body: bool = False) -> Iterator[str]:
    """Yield all texts of a line, but for the words of this format and of the documents."""
    match value:
        case dict():
            for key, content in value.items():
                if is_body and key.lower() not in field_names:
                    yield key
                yield from _contents(content, field_names, is_body=is_body or key in {"json", "form"})
        case list() if is_bytes(value):
            yield bytes(value).decode(errors="replace")
        case list():
            for item in value:
                yield from _contents(item, field_names, is_body=is_body)
        case _:
            yield str(value)


def lines_of(text: str) -> list[str]:
    """Return the lines of a recording: of a file of its own, or of the diagnostics of an account that contain one."""
    try:
        return [str(line) for line in json.loads(text)["data"]["recording"]]
    except ValueError, TypeError, KeyError:
        return text.splitlines()


def read(lines: Iterable[str]) -> Iterator[Line]:
    """Yield the lines of a recording, decoded, the header first. Raises `ValueError` if it is none."""
    header: Line | None = None
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            line = json.loads(text)
        except ValueError as error:
            raise ValueError(f"Line {number} is not JSON.") from error
        if not isinstance(line, dict):
            raise ValueError(f"Line {number} is not an object.")  # noqa: TRY004  # what callers expect
        if header is None:
            header = line
            if line.get("format") != FORMAT or line.get("version") != VERSION:
                raise ValueError(f"The file is not a recording of version {VERSION}.")
        yield line
    if header is None:
        raise ValueError("The file is empty.")
