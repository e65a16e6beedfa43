"""Replaces everything private in a recording by made-up values of the same shape, the same ones everywhere.

It first learns from the whole recording what is private: the account's own values, the fields that the documents call
private, and whatever has the shape of an id. Then it replaces these values wherever they stand, also inside other
texts. Texts in fields that the documents do not mention are replaced too. What devices report stays.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ..clouds.hosts import is_loopback
from . import jwt
from .documents import Documents, Endpoint, Kind, Shape, filled
from .made_up import MadeUp, lower
from .needles import Needles

_SHORTEST: Final[dict[Kind, int]] = {Kind.SECRET: 4, Kind.ID: 6, Kind.NAME: 4, Kind.PLACE: 4, Kind.HOST: 4}
"""How many characters a value needs at least to be replaced outside its own field."""
_WHOLE_WORDS_BELOW: Final[dict[Kind, int]] = {Kind.SECRET: 6, Kind.ID: 10, Kind.NAME: 1000, Kind.PLACE: 1000}
"""Shorter values are replaced only where they are words of their own."""
_SHORTEST_DIGITS: Final = 10
"""The same for values of digits only, which stand in longer numbers by chance."""
_SHORTEST_NUMBER: Final = 4  # digits of an id: shorter numbers say nothing

_SHAPES: Final = re.compile(
    r"""
    eyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]{6,}                              # a token in JSON Web Token format
    | [\w.+-]+@[\w-]+(?:\.[\w-]+)+                                  # an e-mail address
    | (?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])  # a UUID
    | (?<![0-9a-f])[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}(?![0-9a-f])  # a MAC address with separators
    | (?<!\w)(?=\w*\d)(?=\w*[a-z])[0-9a-z]{16,}(?!\w)               # other long ids of letters and digits
    | \+\d[\d\ ().-]{7,}\d                                          # a phone number
    | (?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])                    # an IP address
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SHAPES_AMONG_VALUES: Final = re.compile(
    r"eyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]{6,}|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])"
    r"|(?<![0-9a-f])[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}(?![0-9a-f])",
    re.IGNORECASE,
)
_EPOCHS: Final = ((1e9, 4e9), (1e12, 4e12))  # seconds and milliseconds of this century
_PRIVATE_NUMBER: Final = 10**6  # an unknown number from here on may be a phone number or an id
_CONTAINERS: Final = ("{", "[", '"')
_LARGEST_LATITUDE, _LARGEST_LONGITUDE = 80, 179


class Masker:
    """Masks one recording."""

    def __init__(self, documents: Documents, key: bytes) -> None:
        """Use the documents of the cloud; `key` decides the made-up values."""
        self._documents = documents
        self._made_up = MadeUp(key)
        self._needles = Needles()
        self._public: set[str] = set()
        self._vocabulary: set[str] = set()
        self._tokens: dict[str, str] = {}

    # Learning

    def learn(self, value: str, kind: Kind) -> None:
        """Learn that a value is private."""
        canonical = lower(value.strip())
        if not canonical or (kind in {Kind.NAME, Kind.PLACE} and canonical in self._vocabulary):
            return
        if kind is Kind.SECRET and (claims := jwt.claims_of(value)) is not None:
            self._tokens[value] = ""
            self.learn_body(claims, jwt.SHAPE)
            return
        is_wide = not canonical.isascii()
        if len(canonical) >= (2 if is_wide else _SHORTEST.get(kind, 4)):
            shortest_part = max(_WHOLE_WORDS_BELOW.get(kind, 1), _SHORTEST_DIGITS if canonical.isdigit() else 0)
            is_word = not is_wide and len(canonical) < shortest_part
            self._needles.add(value.strip(), self._made_up.text(value.strip()), is_whole_word=is_word)
            if (folded := lower(value.strip().upper())) != canonical:  # such as ß
                self._needles.add(folded, self._made_up.text(folded), is_whole_word=is_word)
        user = value.strip().partition("@")[0]
        if kind is Kind.ID and "@" in canonical and len(user) > _SHORTEST[Kind.NAME]:
            self.learn(user, Kind.NAME)

    def learn_body(self, body: Any, shape: Shape) -> None:
        """Learn what is private in a decoded body."""
        self._documents.transform(body, shape, self._learn_leaf, self._learn_key)

    def learn_public(self, body: Any, shape: Shape) -> None:
        """Learn what is public, and the words that the vendor itself uses: a name that consists of one stays."""

        def on_leaf(value: Any, kind: Kind) -> Any:
            if kind in {Kind.PLAIN, Kind.VOCABULARY} and isinstance(value, str):
                self._public.add(lower(value.strip()))
            if kind is Kind.VOCABULARY and isinstance(value, str):
                self._vocabulary |= {lower(value.strip()), *_words(value)}
            return value

        self._documents.transform(body, shape, on_leaf, lambda key, _: key)

    def learn_public_path(self, endpoint: Endpoint, parts: Iterable[str]) -> None:
        """Learn which parts of a path the vendor itself uses."""
        pairs = zip(parts, endpoint.parts, strict=True)
        self._public |= {lower(part) for part, kind in pairs if kind is Kind.PLAIN}

    def learn_url(self, url: str, endpoint: Endpoint | None, parts: Iterable[str]) -> None:
        """Learn what is private in an address."""
        self._learn_host(urlsplit(url).hostname or "")
        if endpoint is None:
            self._learn_text(urlsplit(url).path, Kind.UNKNOWN)
        else:
            for part, kind in zip(parts, endpoint.parts, strict=True):
                self._learn_leaf(part, kind)
        self.learn_body(dict(parse_qsl(urlsplit(url).query)), None if endpoint is None else endpoint.query)

    def learn_header(self, value: str) -> None:
        """Learn the credential in a header, which may follow the name of its scheme."""
        credential = value.rpartition(" ")[2]
        if lower(credential) not in self._public:
            self.learn(credential, Kind.SECRET)

    def end_learning(self) -> None:
        """Make up the tokens, whose claims contain what was learned; call it before anything is masked."""
        for token in self._tokens:
            self._tokens[token] = jwt.replaced(token, lambda claims: self.body(claims, jwt.SHAPE), self._made_up.text)
        for token, made in self._tokens.items():
            self._needles.add_token(token, made)

    def _learn_leaf(self, value: Any, kind: Kind) -> Any:
        if kind.is_private and isinstance(value, int | str) and not isinstance(value, bool):
            if kind is Kind.HOST:
                self._learn_host(str(value))
            elif kind not in {Kind.LATITUDE, Kind.LONGITUDE}:
                for piece in _pieces(str(value)):
                    self.learn(piece, kind)
        elif isinstance(value, str):
            self._learn_text(value, kind)
        return value

    def _learn_key(self, key: str, kind: Kind) -> str:
        if kind.is_private:
            self.learn(key, kind)
        elif kind is Kind.UNKNOWN:
            self._learn_text(key, kind)
        return key

    def _learn_text(self, text: str, kind: Kind) -> None:
        if (nested := _nested(text)) is not None:
            self.learn_body(nested, Kind.VALUES if kind is Kind.VALUES else None)
            return
        if lower(text.strip()) in self._public and kind in {Kind.PLAIN, Kind.VOCABULARY}:
            return
        pattern = _SHAPES_AMONG_VALUES if kind is Kind.VALUES else _SHAPES
        for found in pattern.finditer(text):
            if lower(found[0]) not in self._public and not is_loopback(found[0]):
                self.learn(found[0], Kind.SECRET if jwt.claims_of(found[0]) is not None else Kind.ID)

    def _learn_host(self, address: str) -> None:
        """Learn the host of an address, which may be a bare host with or without a port."""
        try:
            host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
        except ValueError:
            host = address
        if host and not self._is_public_host(host):
            self.learn(host, Kind.HOST)

    def _is_public_host(self, host: str) -> bool:
        return is_loopback(host) or any(
            host == domain or host.endswith(f".{domain}") for domain in self._documents.hosts
        )

    # Masking

    def body(self, body: Any, shape: Shape) -> Any:
        """Return a decoded body without anything private."""
        return self._documents.transform(body, shape, self._masked, self._masked_key)

    def text(self, text: str) -> str:
        """Return a text without any of the private values that were learned."""
        if (nested := _nested(text)) is not None:
            masked = self.body(nested, Kind.VALUES)
            if masked != nested:
                return json.dumps(masked, ensure_ascii=False)
        return self._needles.replace(text)

    def url(self, url: str, endpoint: Endpoint | None, parts: list[str]) -> str:
        """Return an address without anything private."""
        split = urlsplit(url)
        host = self._needles.replace(split.hostname or "")
        netloc = host if split.port is None else f"{host}:{split.port}"
        path = self._needles.replace(split.path)
        if endpoint is not None:
            masked = [self._masked(part, kind) for part, kind in zip(parts, endpoint.parts, strict=True)]
            path = filled(split.path, endpoint, masked)
        query = self.body(dict(parse_qsl(split.query, keep_blank_values=True)), endpoint.query if endpoint else None)
        return urlunsplit((split.scheme, netloc, path, urlencode(query), ""))

    def header(self, value: str) -> str:
        """Return the value of a header without its credential."""
        return self._needles.replace(value)

    def leaks(self, text: str) -> bool:
        """Return whether a text contains one of the private values that were learned."""
        return self._needles.found_in(text)

    def _masked_key(self, key: str, kind: Kind) -> str:
        return str(self._masked(key, kind)) if kind.is_private else self._needles.replace(key)

    def _masked(self, value: Any, kind: Kind) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, list):
            return self._masked_bytes(value)
        if isinstance(value, int | float):
            return self._masked_number(value, kind)
        if kind.is_private:
            return self._masked_private(value, kind)
        masked = self.text(value)
        if kind is Kind.UNKNOWN and masked == value and len(value) >= _SHORTEST_NUMBER and _nested(value) is None:
            return value if _is_time(value) else self._made_up.text(value)
        return masked

    def _masked_private(self, value: str, kind: Kind) -> str:
        if kind is Kind.HOST:
            return self._needles.replace(value)
        if kind in {Kind.LATITUDE, Kind.LONGITUDE}:
            try:
                return repr(self._masked_number(float(value), kind))
            except ValueError:
                return self._made_up.text(value)
        if kind in {Kind.NAME, Kind.PLACE} and lower(value.strip()) in self._vocabulary:
            return value
        for piece in _pieces(value):
            if not piece.isdigit() or len(piece) >= _SHORTEST_NUMBER:
                value = value.replace(piece, self._tokens.get(piece) or self._made_up.text(piece), 1)
        return value

    def _masked_number(self, value: float, kind: Kind) -> float:
        if kind is Kind.LATITUDE or kind is Kind.LONGITUDE:
            return self._made_up.coordinate(value, _LARGEST_LATITUDE if kind is Kind.LATITUDE else _LARGEST_LONGITUDE)
        if kind.is_private:
            return self._made_up.number(value) if abs(value) >= 10 ** (_SHORTEST_NUMBER - 1) else value
        is_time = any(first <= value < last for first, last in _EPOCHS)
        is_precise = isinstance(value, float) and len(repr(value).partition(".")[2]) >= 4
        if kind is Kind.UNKNOWN and not is_time and (is_precise or abs(value) >= _PRIVATE_NUMBER):
            return self._made_up.number(value)
        return value

    def _masked_bytes(self, value: list[int]) -> list[int]:
        """Mask a list of bytes that holds a text."""
        text = bytes(value).decode(errors="surrogateescape")
        masked = self._needles.replace(text)
        hexadecimal = bytes(value).hex()
        if masked == text and (found := self._needles.replace(hexadecimal)) != hexadecimal:
            return list(bytes.fromhex(found))
        return list(masked.encode(errors="surrogateescape"))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]{3,}", lower(text))


def _pieces(value: str) -> list[str]:
    """Return the values in a field: several addresses of e-mail may stand in one."""
    pieces = re.split(r"[;,]", value) if "@" in value else [value]
    return [stripped for piece in pieces if (stripped := piece.strip())]


def _nested(text: str) -> Any:
    """Return the JSON that a text consists of; None for any other text."""
    if not text.lstrip().startswith(_CONTAINERS):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _is_time(text: str) -> bool:
    return re.fullmatch(r"[\d:.TZ +-]{8,35}", text) is not None and re.match(r"\d{4}-\d\d-\d\d", text) is not None
