"""What the vendors' documents say about every field: whether it is private, and that it exists.

The files in `documents/` have one entry for each endpoint and message. A field that they lack is unknown: a recording
hides its texts, and a report lists it.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote, unquote

from .kinds import Kind, kind_by_name

_FOLDER = Path(__file__).parent / "documents"
_PART = re.compile(r"\{(?P<name>\w+)(?::(?P<kind>\w+))?\}")


_NAMING: Final = ("title", "serviceName", "attr_name")
"""The fields of an object that name the value beside them."""

type Shape = str | list[Any] | Mapping[str, Any] | None
"""A kind, the name of a shape after "@", a list of one shape, or shapes by field; None is unknown.

The field "*" stands for all others. So does "<id>" or "<place>", whose names are private themselves.
"""

type OnLeaf = Callable[[Any, Kind], Any]
"""Returns what replaces a text, a number, a bool, None or a list of bytes."""
type OnKey = Callable[[str, Kind], str]
"""Returns what replaces the name of a field."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What the documents say about one endpoint: its name, the kinds of the parts of its path, and its shapes."""

    name: str
    parts: tuple[Kind, ...]
    query: Shape
    sent: Shape
    answer: Shape


class Documents:
    """The documents of one cloud."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        """Use the content of a file."""
        self.hosts: tuple[str, ...] = tuple(content.get("hosts", ()))
        """The domains of the vendor, which everybody may know."""
        self.fields: Mapping[str, Kind] = {name: Kind(kind) for name, kind in content.get("fields", {}).items()}
        """How private fields of the account's forms are, where the forms do not say it."""
        self.codes: frozenset[str] = frozenset(content.get("codes", ()))
        """The error codes that the documents list."""
        self.units: tuple[str, ...] = tuple(content.get("units", ()))
        """The words for units that are known."""
        self.quota_headers: frozenset[str] = frozenset(map(str.lower, content.get("quota_headers", ())))
        """The headers that state a quota, in lower case."""
        self.code_fields: tuple[str, ...] = tuple(content.get("code_fields", ()))
        self.unit_fields: tuple[str, ...] = tuple(content.get("unit_fields", ()))
        self.label_fields: tuple[str, ...] = tuple(content.get("label_fields", ()))
        """The fields that label the period of an aggregate."""
        self.page_fields: tuple[str, ...] = tuple(content.get("page_fields", ()))
        """The parameters that limit the rows of a page."""
        self.choices: Mapping[str, frozenset[str]] = {
            name: frozenset(words) for name, words in content.get("choices", {}).items()
        }
        """The words that a field can contain, by its name."""
        self.milliseconds: frozenset[str] = frozenset(content.get("milliseconds", ()))
        """The fields with times in milliseconds; all others are in seconds."""
        self.open_fields: tuple[str, ...] = tuple(content.get("open_fields", ()))
        """The fields of an answer whose shape no document tells."""
        self.words = frozenset(_field_names([content.get(part) for part in ("shapes", "error", "messages", "http")]))
        """The names of all fields, in lower case."""
        self._shapes: Mapping[str, Shape] = content.get("shapes", {})
        self._errors: Shape = content.get("error")
        self._messages: Mapping[str, Shape] = content.get("messages", {})
        self._endpoints = [_endpoint(name, content) for name, content in content.get("http", {}).items()]

    @classmethod
    def load(cls, cloud: str) -> Self:
        """Read the documents of a kind of cloud; there are none of an unknown one."""
        path = _FOLDER / f"{cloud}.json"
        return cls(json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {})

    def endpoint(self, method: str, path: str) -> tuple[Endpoint, list[str]] | None:
        """Return the endpoint of a request, and the parts of its path in order, decoded."""
        for pattern, endpoint in self._endpoints:
            if (found := pattern.fullmatch(f"{method} {path}")) is not None:
                return endpoint, [unquote(part) for part in found.groups()]
        return None

    def answer(self, endpoint: Endpoint | None, status: int | None, body: Any) -> Shape:
        """Return the shape of an answer, which may be an error with any status."""
        errors = self._resolved(self._errors)
        is_error = isinstance(body, dict) and isinstance(errors, Mapping) and bool(body.keys() & errors.keys())
        if endpoint is None or (status is not None and status >= 400 and is_error):
            return self._errors if is_error else None
        answer = self._resolved(endpoint.answer)
        if is_error and isinstance(answer, Mapping) and not body.keys() <= answer.keys():
            return {**(errors if isinstance(errors, Mapping) else {}), **answer}
        return answer

    def message(self, content: Any) -> tuple[str, Shape]:
        """Return the name of a message on a connection that stays open, and its shape."""
        fields = content if isinstance(content, dict) else {}
        name = "/".join(str(fields[key]) for key in ("cmd", "event_type") if isinstance(fields.get(key), str))
        return name, self._messages.get(name)

    def transform(self, value: Any, shape: Shape, on_leaf: OnLeaf, on_key: OnKey) -> Any:
        """Return a decoded body with its leaves and the names of its fields replaced."""
        shape = self._resolved(shape)
        match value:
            case dict():
                if (
                    isinstance(shape, list)
                    and isinstance(member_shape := _member(shape), Mapping)
                    and "<id>" in member_shape
                ):
                    shape = member_shape  # an object of values by ids instead of a list
                named = next((kind for key in _NAMING if (kind := kind_by_name(str(value.get(key, ""))))), None)
                return {
                    on_key(key, kind): self.transform(
                        member, named if named and member_shape == Kind.VALUES else member_shape, on_leaf, on_key
                    )
                    for key, member in value.items()
                    for kind, member_shape in (self.field(shape, key),)
                }
            case list():
                member_shape = _member(shape)
                if is_bytes(value):
                    return on_leaf(value, _kind(self._resolved(member_shape)))
                return [self.transform(member, member_shape, on_leaf, on_key) for member in value]
        return on_leaf(value, _kind(shape))

    def field(self, shape: Shape, key: str) -> tuple[Kind, Shape]:
        """Return the kind of a field's name, and the shape of its content."""
        shape = self._resolved(shape)
        if shape == Kind.VALUES:
            return Kind.VALUES, kind_by_name(key) or shape
        if isinstance(shape, str):  # the kind of everything below
            return Kind.VOCABULARY, shape
        if isinstance(shape, Mapping):
            if key in shape:
                return Kind.PLAIN, shape[key]
            for name in ("<id>", "<place>"):
                if name in shape:
                    return Kind(name[1:-1]), shape[name]
            if "*" in shape:
                return Kind.VOCABULARY, shape["*"]
        return Kind.UNKNOWN, kind_by_name(key)

    def unknown_fields(self, value: Any, shape: Shape, path: str = "") -> Iterator[tuple[str, Any]]:
        """Yield the path and the content of each field that the documents do not mention."""
        shape = self._resolved(shape)
        if isinstance(value, list):
            for item in value:
                yield from self.unknown_fields(item, _member(shape), f"{path}[]")
        elif isinstance(value, dict):
            for key, content in value.items():
                kind, content_shape = self.field(shape, key)
                where = f"{path}.{key}" if path else key
                if kind is Kind.UNKNOWN:
                    yield where, content
                else:
                    yield from self.unknown_fields(content, content_shape, where)

    def _resolved(self, shape: Shape) -> Shape:
        while isinstance(shape, str) and shape.startswith("@"):
            shape = self._shapes[shape[1:]]
        return shape


def _endpoint(name: str, content: Mapping[str, Any]) -> tuple[re.Pattern[str], Endpoint]:
    method, _, template = name.partition(" ")
    parts = list(_PART.finditer(template))
    pattern = _PART.sub("\0", template)
    pattern = re.escape(pattern).replace(re.escape("\0"), r"([^/]*)")
    kinds = tuple(Kind(part["kind"] or Kind.ID) for part in parts)
    plain = _PART.sub(lambda part: f"{{{part['name']}}}", template)
    endpoint = Endpoint(f"{method} {plain}", kinds, content.get("query"), content.get("sent"), content.get("answer"))
    return re.compile(f"{method} {pattern}"), endpoint


def filled(path: str, endpoint: Endpoint, parts: list[str]) -> str:
    """Return the path of an endpoint with other parts."""
    template = endpoint.name.partition(" ")[2]
    remaining = iter(parts)
    return re.sub(r"\{\w+\}", lambda _: quote(next(remaining), safe=""), template)


def _field_names(content: Any) -> Iterator[str]:
    if isinstance(content, Mapping):
        yield from (name.lower() for name in content)
    for part in content.values() if isinstance(content, Mapping) else content if isinstance(content, list) else ():
        yield from _field_names(part)


def _member(shape: Shape) -> Shape:
    """Return the shape of the members of a list; one kind may stand for a whole list."""
    if isinstance(shape, list):
        return shape[0] if shape else None
    return shape if isinstance(shape, str) else None


def _kind(shape: Shape) -> Kind:
    return Kind(shape) if isinstance(shape, str) else Kind.UNKNOWN


def is_bytes(value: Any) -> bool:
    """Return whether a list holds nothing but bytes, and at least four of them."""
    return (
        isinstance(value, list)
        and len(value) >= 4
        and all(isinstance(item, int) and not isinstance(item, bool) and 0 <= item < 256 for item in value)
    )
