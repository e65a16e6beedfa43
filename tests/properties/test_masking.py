"""Whatever is private stays so, wherever it stands in what a cloud sends or receives."""

import base64
import json
import string
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from custom_components.datapoint_cloud.accounts import ACCOUNT_TYPES
from custom_components.datapoint_cloud.clouds.traffic import Event, HttpExchange, Message
from custom_components.datapoint_cloud.recording.recorder import Recorder

_ALPHANUMERIC = string.ascii_letters + string.digits
_WORDS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789 -'&+é€ñß空调客厅"


def _texts(alphabet: str, shortest: int, longest: int) -> st.SearchStrategy[str]:
    """Return texts that are long and varied enough to be no coincidence."""
    texts = st.text(alphabet, min_size=shortest, max_size=longest).map(str.strip)
    return texts.filter(lambda text: len(text) >= shortest and len(set(text)) >= 6 and not text.isdigit())


_dids = _texts(_ALPHANUMERIC, 22, 22)
_macs = _texts("0123456789abcdef", 12, 12)
_names = _texts(_WORDS, 8, 20)
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
    "as bytes": lambda text, around: list(f"{around} {text}".encode()),
    "as the name of a field": lambda text, _: {text: 1},
    "in lists": lambda text, around: [[[{"deep": [around, text]}]]],
}

_FIELDS = ["attr", "detail_message", "nobody knows", "did", "remark"]


def _found(text: str, private: str) -> bool:
    """Whether a line contains a private text, however it is written."""
    wanted = private.strip()
    folded = _unescaped(text)
    forms = (wanted, json.dumps(wanted)[1:-1], quote(wanted, safe=""))
    if any(_unescaped(form) in folded for form in forms) or wanted.encode().hex() in folded:
        return True
    if ", ".join(map(str, wanted.encode())) in text or ",".join(map(str, wanted.encode())) in text:
        return True
    return any(wanted.encode() in decoded for decoded in _decoded(text))


def _unescaped(text: str) -> str:
    """Return a text in one case and without backslashes: each level of JSON doubles them."""
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


def test_the_search_of_this_test_finds_what_is_not_masked() -> None:
    for how, hide in _HIDING.items():
        for text in ("SNITfsRwCkF4HAOpvfWycy", "Küche & 客厅 12"):
            assert _found(json.dumps(hide(text, "x ")), text), how
