"""The kinds of faults: how a server, a proxy in front of it or the line can damage an answer."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.server import Fault

_PAGE = "<html><head><title>Sorry</title></head><body><h1>Something went wrong</h1></body></html>"
_ENVELOPES = frozenset({"meta", "header", "objects", "data", "attrs", "attr"})


@dataclass(frozen=True, slots=True)
class Kind:
    """`make` builds the fault. `is_harmless`: the answer is still usable, so that nothing may change.

    `pause_seconds` is the Retry-After of the answer, which holds for the whole account.
    """

    name: str
    make: Callable[[], Fault]
    is_harmless: bool = False
    pause_seconds: int = 0


def _page(status: int) -> Callable[[], Fault]:
    return lambda: Fault(status=status, body=_PAGE, content_type="text/html")


def _body(text: str) -> Callable[[], Fault]:
    return lambda: Fault(body=text)


def _changed(change: Callable[[Any], Any]) -> Callable[[], Fault]:
    return lambda: Fault(changes=change)


def _without_fields(answer: Any) -> Any:
    """Remove every second field from each row and from the answer itself."""
    if isinstance(answer, dict):
        kept = [name for number, name in enumerate(sorted(answer)) if number % 2 == 0 or name in _ENVELOPES]
        return {name: _without_fields(answer[name]) for name in kept}
    return [_without_fields(item) for item in answer] if isinstance(answer, list) else answer


def _with_nulls(answer: Any) -> Any:
    if isinstance(answer, dict):
        return {name: _with_nulls(value) for name, value in answer.items()}
    return [_with_nulls(item) for item in answer] if isinstance(answer, list) else None


def _mistyped(answer: Any) -> Any:
    """Change every type: text for numbers, lists for text, objects for booleans."""
    match answer:
        case dict():
            return {name: _mistyped(value) for name, value in answer.items()}
        case list():
            return [_mistyped(item) for item in answer]
        case bool():
            return {"is": answer}
        case str():
            return [answer]
        case _:
            return f"about {answer}"


def _with_empty_lists(answer: Any) -> Any:
    if isinstance(answer, dict):
        return {name: _with_empty_lists(value) for name, value in answer.items()}
    return [] if isinstance(answer, list) else answer


def _with_short_lists(answer: Any) -> Any:
    if isinstance(answer, dict):
        return {name: _with_short_lists(value) for name, value in answer.items()}
    return [_with_short_lists(item) for item in answer[: len(answer) // 2]] if isinstance(answer, list) else answer


def _doubled(answer: Any) -> Any:
    if isinstance(answer, dict):
        return {name: _doubled(value) for name, value in answer.items()}
    return [item for row in answer for item in (_doubled(row), _doubled(row))] if isinstance(answer, list) else answer


def _with_half_emoji(answer: Any) -> Any:
    """Append half an emoji to every text that is no identifier."""
    match answer:
        case dict():
            return {name: _with_half_emoji(value) for name, value in answer.items()}
        case list():
            return [_with_half_emoji(item) for item in answer]
        case str() if " " in answer:
            return answer + "\ud83c"
        case _:
            return answer


# A hundred times as long as any simulated answer. With much more, the tests spend their time on these cells alone.
_HUGE = json.dumps({"objects": [{"name": "x" * 1000}] * 4_000})

KINDS = (
    Kind("reset", lambda: Fault(drops=True)),
    Kind("hang", lambda: Fault(gate=asyncio.Event())),
    Kind("slow", lambda: Fault(delay=8), is_harmless=True),
    Kind("500", lambda: Fault(status=500, body='{"message": "Internal Server Error"}')),
    Kind("502 with HTML", _page(502)),
    Kind("401 without a code", _page(401)),
    Kind("403 without a code", _page(403)),
    Kind("404", _page(404)),
    Kind("429", lambda: Fault(status=429, body="{}", headers={"Retry-After": "120"}), pause_seconds=120),
    Kind("redirect", lambda: Fault(status=302, body="", headers={"Location": "http://127.0.0.1:9/elsewhere"})),
    Kind("empty", _body("")),
    Kind("cut", lambda: Fault(cuts_at=40)),
    Kind("HTML with 200", _page(200)),
    Kind("null", _body("null")),
    Kind("empty object", _body("{}")),
    Kind("missing fields", _changed(_without_fields)),
    Kind("null fields", _changed(_with_nulls)),
    Kind("mistyped fields", _changed(_mistyped)),
    Kind("empty lists", _changed(_with_empty_lists)),
    Kind("shortened lists", _changed(_with_short_lists)),
    Kind("duplicates", _changed(_doubled), is_harmless=True),
    Kind("half an emoji", _changed(_with_half_emoji), is_harmless=True),
    Kind("huge", _body(_HUGE)),
)

THROTTLES = {
    "gizwits_open": Kind(
        "9041",
        lambda: Fault(status=400, body='{"error_code": 9041, "error_message": "throttled"}'),
        pause_seconds=120,
    ),
    # "every call fails until the hour is over"
    "gizwits_enterprise": Kind(
        "5013",
        lambda: Fault(status=403, body='{"error_code": 5013, "error_message": "rate limit exceeded"}'),
        pause_seconds=3700,
    ),
}
"""The rate limit errors of vendors that have an error code of their own besides HTTP's status."""

CLEAR_FAILURES = frozenset(
    {
        "reset",
        "hang",
        "500",
        "502 with HTML",
        "401 without a code",
        "403 without a code",
        "404",
        "429",
        "redirect",
        "HTML with 200",
        "9041",
        "5013",
    }
)
"""The faults that a client cannot mistake for a successful answer."""


def kinds_of(cloud: str) -> tuple[Kind, ...]:
    """Return the kinds that can strike this cloud."""
    return (*KINDS, THROTTLES[cloud]) if cloud in THROTTLES else KINDS
