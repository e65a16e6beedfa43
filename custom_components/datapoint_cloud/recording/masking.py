"""Replaces everything private in a recording by made-up values of the same shape, the same ones everywhere.

It first learns from the whole recording what is private: the account's own values, the fields that the documents call
private, and whatever has the shape of an id. Then it replaces these values wherever they stand, also inside other
texts. Texts in fields that the documents do not mention are replaced too. What devices report stays.
"""

import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ..clouds.hosts import is_loopback
from . import jwt
from .documents import Documents, Endpoint, Shape, filled
from .encodings import hidden_texts, unescaped
from .kinds import Kind
from .made_up import MadeUp, lower
from .needles import Needles
from .shapes import may_be_public, private_in

_SHORTEST: Final[dict[Kind, int]] = {Kind.SECRET: 4, Kind.ID: 6, Kind.NAME: 4, Kind.PLACE: 4, Kind.HOST: 4}
"""How many characters a value needs at least to be replaced outside its own field."""
_WHOLE_WORDS_BELOW: Final[dict[Kind, int]] = {Kind.SECRET: 6, Kind.ID: 10, Kind.NAME: 1000, Kind.PLACE: 1000}
"""Shorter values are replaced only where they are words of their own."""
_SHORTEST_DIGITS: Final = 10
"""The same for values of digits only, which stand in longer numbers by chance."""
_FEWEST_DIFFERENT: Final = 3  # characters of an id
_SHORTEST_NUMBER: Final = 4  # digits of an id: shorter numbers say nothing

_TIMES_AROUND: Final = (-730 * 86400, 366 * 86400)  # seconds: what may be a time, around that of the recording
_PRIVATE_NUMBER: Final = 10**6  # an unknown number from here on may be a phone number or an id
_CONTAINERS: Final = ("{", "[", '"')
_STRINGS: Final = re.compile(r'"(?P<content>(?:[^"\\]|\\.)*)(?:"(?P<colon>\s*:)?|$)', re.DOTALL)
"""A string of JSON, which may be cut off, and the colon after the name of a field."""
_SHORTEST_POSITION: Final = 6  # characters of a coordinate that is no coincidence elsewhere
_LARGEST_LATITUDE, _LARGEST_LONGITUDE = 80, 179


class Masker:
    """Masks one recording."""

    def __init__(self, documents: Documents, key: bytes, *, began_at: float = 0.0) -> None:
        """Use the documents of the cloud; `key` decides the made-up values, `began_at` (epoch seconds) what is a time.

        A name that is the word of a field says nothing, and must not change the names of fields.
        """
        self._documents = documents
        self._times = tuple(began_at + seconds for seconds in _TIMES_AROUND)
        self._made_up = MadeUp(key)
        self._needles = Needles()
        self._public: set[str] = set()
        self._vocabulary = set(documents.words)
        self._tokens: dict[str, str] = {}

    # Learning

    def learn(self, value: str, kind: Kind) -> None:
        """Learn that a value is private."""
        canonical = lower(value.strip())
        if _says_nothing(canonical, kind) or (kind in {Kind.NAME, Kind.PLACE} and canonical in self._vocabulary):
            return
        if kind is Kind.SECRET and (claims := jwt.claims_of(value)) is not None:
            self._tokens[value] = ""
            self.learn_body(claims, jwt.SHAPE)
            return
        is_wide = not canonical.isascii()
        if len(canonical) >= (2 if is_wide else _SHORTEST.get(kind, 4)):
            shortest_part = max(_WHOLE_WORDS_BELOW.get(kind, 1), _SHORTEST_DIGITS if canonical.isdigit() else 0)
            is_word = not is_wide and len(canonical) < shortest_part
            for written in _forms(value.strip()):
                self._needles.add(written, self._made_up.text(written), is_whole_word=is_word)
        user, _, domain = value.strip().rpartition("@")
        if kind is Kind.ID and len(user) > _SHORTEST[Kind.NAME]:
            self.learn(user, Kind.NAME)
        if kind is Kind.ID and user:
            self._learn_host(domain)

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

    def learn_text(self, text: str) -> None:
        """Learn what looks private in a text that no document describes."""
        self._learn_text(text, Kind.PLAIN)

    def learn_credential(self, value: str) -> None:
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
        elif isinstance(value, list):
            self._learn_text(bytes(value).decode(errors="replace"), Kind.VALUES)
        if kind in {Kind.LATITUDE, Kind.LONGITUDE} and isinstance(value, int | float | str):
            self._learn_coordinate(str(value), kind)
        return value

    def _learn_coordinate(self, text: str, kind: Kind) -> None:
        made = self._masked_private(text, kind)
        if len(text) >= _SHORTEST_POSITION and len(text) == len(made):
            self._needles.add(text, made, is_whole_word=True)

    def _learn_key(self, key: str, kind: Kind) -> str:
        if kind.is_private:
            self.learn(key, kind)
        elif kind is Kind.UNKNOWN:
            self._learn_text(key, kind)
        return key

    def _learn_text(self, text: str, kind: Kind) -> None:
        if (nested := _nested(text)) is not None:
            self.learn_body(nested, _inside(kind))
            return
        for layer in (text, *hidden_texts(text)):
            for found in private_in(layer, among_values=kind is Kind.VALUES):
                is_public = lower(found) in self._public and may_be_public(found)
                if not is_public and not is_loopback(found):
                    self.learn(found, Kind.SECRET if jwt.claims_of(found) is not None else Kind.ID)

    def _learn_host(self, address: str) -> None:
        """Learn the host of an address, which may be a bare host with or without a port."""
        try:
            host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
        except ValueError:
            host = address
        if host and not self._is_public_host(host):
            self.learn(host, Kind.HOST)
            if host.count(".") > 1 and not host.rpartition(".")[2].isdigit():  # other hosts of the same domain
                self.learn(".".join(host.split(".")[-2:]), Kind.HOST)

    def _is_public_host(self, host: str) -> bool:
        return is_loopback(host) or any(
            host == domain or host.endswith(f".{domain}") for domain in self._documents.hosts
        )

    # Masking

    def body(self, body: Any, shape: Shape) -> Any:
        """Return a decoded body without anything private."""
        return self._documents.transform(body, shape, self._masked, self._masked_key)

    def text(self, text: str, kind: Kind = Kind.VALUES) -> str:
        """Return a text without any of the private values that were learned."""
        if (nested := _nested(text)) is not None:
            masked = self.body(nested, _inside(kind))
            if masked != nested:
                return json.dumps(masked, ensure_ascii=False)
        return self._needles.replace(text)

    def damaged_json(self, text: str) -> str:
        """Return a text that begins like JSON but is none: all strings but the names of fields count as unknown."""

        def replace(found: re.Match[str]) -> str:
            content = found["content"]
            if found["colon"] is not None or lower(content) in self._public or not content:
                return self._needles.replace(found[0])
            return found[0].replace(content, str(self._masked(content, Kind.UNKNOWN)), 1)

        return _STRINGS.sub(replace, text)

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

    def leaks(self, text: str) -> bool:
        """Return whether a text contains one of the private values that were learned."""
        return self._needles.found_in(text)

    def _masked_key(self, key: str, kind: Kind) -> str:
        if kind is Kind.PLAIN:
            return key
        return str(self._masked(key, kind)) if kind.is_private else self._needles.replace(key)

    def _masked(self, value: Any, kind: Kind) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, list):
            return self._masked_bytes(value, kind)
        if isinstance(value, int | float):
            return self._masked_number(value, kind)
        if kind.is_private:
            return self._masked_private(value, kind)
        masked = self.text(value, kind)
        if kind is Kind.UNKNOWN and masked == value and len(value) >= _SHORTEST_NUMBER and _nested(value) is None:
            return value if _is_time(value) else self._made_up.text(value)
        return masked

    def _masked_private(self, value: str, kind: Kind) -> str:
        if _says_nothing(value, kind):
            return value
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
            largest = _LARGEST_LATITUDE if kind is Kind.LATITUDE else _LARGEST_LONGITUDE
            is_scaled = abs(value) > 180  # such as millionths of a degree
            return self._made_up.number(value) if is_scaled else self._made_up.coordinate(value, largest)
        if kind.is_private:
            return self._made_up.number(value) if abs(value) >= 10 ** (_SHORTEST_NUMBER - 1) else value
        is_time = any(self._times[0] <= value / unit < self._times[1] for unit in (1, 1000))
        is_precise = isinstance(value, float) and len(repr(value).partition(".")[2]) >= 4
        if kind is Kind.UNKNOWN and not is_time and (is_precise or abs(value) >= _PRIVATE_NUMBER):
            return self._made_up.number(value)
        return value

    def _masked_bytes(self, value: list[int], kind: Kind) -> list[int]:
        """Mask a list of bytes, which may hold a text."""
        if kind.is_private and not _says_nothing(bytes(value).hex(), kind):
            return list(bytes.fromhex(self._made_up.text(bytes(value).hex())))
        text = bytes(value).decode(errors="surrogateescape")
        masked = self._needles.replace(text)
        hexadecimal = bytes(value).hex()
        if masked == text and (found := self._needles.replace(hexadecimal)) != hexadecimal:
            return list(bytes.fromhex(found))
        return list(masked.encode(errors="surrogateescape"))


def _says_nothing(value: str, kind: Kind) -> bool:
    """Whether a value is empty, or an id of zeros, which would be found in other values by chance."""
    digits = re.sub(r"[:-]", "", value.strip())
    is_of_zeros = digits.isalnum() and len(set(digits)) < _FEWEST_DIFFERENT and len(digits) >= _SHORTEST[Kind.ID]
    return not digits or (kind is Kind.ID and is_of_zeros)


def _forms(value: str) -> Iterable[str]:
    """Return the ways to write a value whose lengths differ: composed and decomposed letters, and those such as ß.

    What looks like an escape in a value is resolved together with the escapes around it.
    """
    forms = (value, unescaped(value), *(unicodedata.normalize(form, value) for form in ("NFC", "NFD")))
    forms = (*forms, lower(value.upper()))
    return {lower(form): form for form in reversed(forms)}.values()


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]{3,}", lower(text))


def _pieces(value: str) -> list[str]:
    """Return the values in a field: several addresses of e-mail may stand in one."""
    pieces = re.split(r"[;,]", value) if "@" in value else [value]
    return [stripped for piece in pieces if (stripped := piece.strip())]


def _inside(kind: Kind) -> Shape:
    """Return the shape of JSON inside a text: what devices report stays, and all else is unknown."""
    return Kind.VALUES if kind is Kind.VALUES else None


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
