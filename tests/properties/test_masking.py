"""Whatever is private stays so, wherever it stands in what a cloud sends or receives."""

import base64
import html
import json
import re
import string
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from hypothesis import given
from hypothesis import strategies as st

from custom_components.datapoint_cloud.accounts import ACCOUNT_TYPES
from custom_components.datapoint_cloud.clouds.traffic import Event, HttpExchange, Message
from custom_components.datapoint_cloud.recording.documents import Documents
from custom_components.datapoint_cloud.recording.recorder import Recorder

_ALPHANUMERIC = string.ascii_letters + string.digits
_WORDS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789 -'&+é€ñß空调客厅"


def _texts(alphabet: str, shortest: int, longest: int) -> st.SearchStrategy[str]:
    """Return texts that are long and varied enough to be no coincidence."""
    texts = st.text(alphabet, min_size=shortest, max_size=longest).map(str.strip)
    return texts.filter(lambda text: len(text) >= shortest and len(set(text)) >= 6 and not text.isdigit())


_dids = _texts(_ALPHANUMERIC, 22, 22)
_macs = _texts("0123456789abcdef", 12, 12)
_FORMAT = {"received", "connection", "omitted", "status", *Documents.load("gizwits_open").words}
_names = _texts(_WORDS, 8, 20).filter(lambda name: name.lower() not in _FORMAT)
_passwords = _texts(_WORDS + "%/\\\"'<>@#", 8, 20)
_users = st.builds("{}@{}.example".format, *[_texts(string.ascii_lowercase, 6, 10)] * 2)
_around = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)

type Hide = Callable[[str, str], Any]
"""Hides a private text among others; the second one stands around it."""


def _in_base64(text: str, around: str) -> str:
    return base64.b64encode(f"{around} {text} {around}".encode()).decode()


_HIDING: dict[str, Hide] = {
    "in a text": lambda text, around: f"{around} {text} {around}",
    "in another case": lambda text, around: f"{around}; {text.upper()}, {text.lower()}",
    "in JSON in JSON": lambda text, around: json.dumps({"a": json.dumps([around, {text: text}])}),
    "in JSON in a text": lambda text, around: f"{around}: {json.dumps({'a': text})}",
    "in hexadecimal": lambda text, around: f"{around} {text.encode().hex()}",
    "in a longer row of digits": lambda text, around: f"0{around.encode().hex()}20{text.encode().hex().upper()}",
    "in base64": _in_base64,
    "in base64 for addresses": lambda text, around: _in_base64(text, around).translate(str.maketrans("+/", "-_")),
    "in an address": lambda text, around: f"https://api.gizwits.com/{quote(around)}?q={quote(text, safe='')}",
    "in an address in an address": lambda text, around: f"{quote(around)}?u={quote(quote(text, safe=''), safe='')}",
    "with a few escapes": lambda text, around: f"{around} {quote(text, safe=' &+/').lower()}",
    "escaped as HTML": lambda text, around: (
        f"{around} {html.escape(text).encode('ascii', 'xmlcharrefreplace').decode()}"
    ),
    "escaped as other JSON": lambda text, around: f"{around} {json.dumps(text)[1:-1].replace('/', chr(92) + '/')}",
    "in spaced hexadecimal": lambda text, around: f"{around} {text.encode().hex(' ')}",
    "in JSON in base64": lambda text, around: base64.b64encode(json.dumps({"a": [around, text]}).encode()).decode(),
    "as bytes": lambda text, around: list(f"{around} {text}".encode()),
    "as the name of a field": lambda text, _: {text: 1},
    "in lists": lambda text, around: [[[{"deep": [around, text]}]]],
}

_FIELDS = ["attr", "detail_message", "nobody knows", "did", "remark"]

_octets = st.integers(10, 255).map(str)
_LOOKING_PRIVATE = st.one_of(
    _users,
    st.uuids().map(str),
    _macs.map(lambda digits: ":".join(digits[start : start + 2] for start in range(0, 12, 2))),
    st.builds("{}.{}.{}.{}".format, *[_octets] * 4).filter(lambda ip: not ip.startswith("127.")),
    st.builds("+{}{}".format, st.integers(1, 99), st.integers(10**8, 10**10)),
    st.builds("{},{}".format, *[st.decimals(-80, 80, places=5, allow_nan=False)] * 2),
)
"""What nobody told the recorder about, but everybody recognizes."""
_WAYS_FOR_THEM = ["in a text", "in JSON in JSON", "in an address", "escaped as HTML", "in JSON in base64"]


def _found(text: str, private: str) -> bool:
    """Whether a line contains a private text, however it is written."""
    wanted = private.strip()
    folded = _unescaped(text)
    if any(_unescaped(wanted) in layer for layer in (text.casefold(), folded)):
        return True
    digits = re.sub(r"(?<=[0-9a-f]{2}) (?=[0-9a-f]{2})", "", folded)
    if wanted.encode().hex() in digits:
        return True
    if ", ".join(map(str, wanted.encode())) in text or ",".join(map(str, wanted.encode())) in text:
        return True
    return any(_unescaped(wanted) in _unescaped(decoded.decode(errors="replace")) for decoded in _decoded(text))


def _unescaped(text: str) -> str:
    """Return a text in one case, without the escapes of addresses, HTML and JSON, however deep."""
    for _ in range(3):
        text = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), html.unescape(unquote(text)))
    return text.casefold().replace("\\", "")


def _decoded(text: str) -> list[bytes]:
    words = "".join(char if char.isascii() and (char.isalnum() or char in "+/-_") else " " for char in text).split()
    pieces = (word[start:].replace("-", "+").replace("_", "/") for word in words for start in range(4))
    whole = (piece[: len(piece) - (len(piece) % 4 == 1)] for piece in pieces)
    return [base64.b64decode(piece + "=" * (-len(piece) % 4)) for piece in whole]


def _exchange(at: float, url: str, answer: Any, sent: Any = None) -> HttpExchange:
    return HttpExchange(
        at=at,
        seconds=0.1,
        method="GET",
        url=f"https://euapi.gizwits.com{url}",
        sent_headers={},
        sent=b"" if sent is None else json.dumps(sent).encode(),
        status=200,
        answer=json.dumps(answer).encode(),
    )


@given(_dids, _macs, _names, _passwords, _users, _around, st.sampled_from(list(_HIDING)), st.sampled_from(_FIELDS))
def test_nothing_private_is_left_wherever_it_stands(
    did: str, mac: str, name: str, password: str, user: str, around: str, how: str, field: str
) -> None:
    private = [did, mac, name, password, user]
    hidden = {field: [_HIDING[how](text, around) for text in private]}
    recorder = Recorder()
    recorder.on_exchange(_exchange(1.0, f"/app/devdata/x/latest?q={quote(did)}", {"attr": hidden}, hidden))
    recorder.on_message(
        Message(
            at=2.0, number=1, url="wss://m2m.gizwits.com", event=Event.RECEIVED, content=json.dumps(hidden).encode()
        )
    )
    recorder.on_exchange(_exchange(3.0, "/nowhere", hidden))
    recorder.on_exchange(_exchange(4.0, "/app/bindings", {"devices": [{"did": did, "mac": mac, "dev_alias": name}]}))
    account = {"region": "eu", "app_id": "f" * 32, "username": user, "password": password}
    lines, _ = recorder.lines(ACCOUNT_TYPES["gizwits_open"], account, (), made_with="0.0.0", key=b"property")
    text = "\n".join(lines)
    assert [one for one in private if _found(text, one)] == []
    json.loads(lines[1])


@given(_LOOKING_PRIVATE, _around, st.sampled_from(_WAYS_FOR_THEM))
def test_what_looks_private_is_hidden_although_nobody_knew_it(private: str, around: str, how: str) -> None:
    hidden = _HIDING[how](private, around.replace("%", ""))
    recorder = Recorder()
    recorder.on_exchange(_exchange(1.0, "/app/bindings", {"error_message": f"no {hidden}"}))
    recorder.on_exchange(_exchange(2.0, "/app/bindings", {"nobody knows": {"it": hidden}}))
    account = {"region": "eu", "app_id": "f" * 32, "username": "somebody", "password": "correct horse"}
    lines, _ = recorder.lines(ACCOUNT_TYPES["gizwits_open"], account, (), made_with="0.0.0", key=b"property")
    assert not _found("\n".join(lines), private)


def test_the_search_of_this_test_finds_what_is_not_masked() -> None:
    for how, hide in _HIDING.items():
        for text in ("SNITfsRwCkF4HAOpvfWycy", "Küche & 客厅 12"):
            assert _found(json.dumps(hide(text, "x ")), text), how
