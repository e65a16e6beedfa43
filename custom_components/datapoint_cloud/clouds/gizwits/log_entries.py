"""Lines of the logs both Gizwits APIs keep of a device, read one way.

It knows what is in a row, not where rows come from.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from .. import coerce
from ..history import HistoryResult, LogEntry
from .history_windows import Dated

_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})+")
_SPELLINGS: Final = {"KeepAlive": "keep_alive"}  # the table's and the example's
_KEPT: Final = ("ip", "source")  # what else is in a row identifies users and apps


def entries(past: HistoryResult[Dated]) -> HistoryResult[LogEntry]:
    """Read the rows of a log ("Online log" and "Communication log" of either API)."""
    rows = tuple(_entry(dated) for dated in past.rows)
    return HistoryResult(rows=rows, start=past.start, end=past.end, stopped_by=past.stopped_by)


def _entry(dated: Dated) -> LogEntry:
    at, row = dated
    content = {name: row[name] for name in _KEPT if row.get(name) is not None}
    content |= _payload(row.get("payload", row.get("payload_bin")))
    # One place of the documents writes Tcp_closed, all others are lower-case.
    reason = coerce.text(content.pop("reason", None))
    return LogEntry(
        at=at,
        kind=coerce.text(row.get("type")) or "unknown",
        reason=None if reason is None else reason.lower(),
        content=content,
    )


def _payload(payload: Any) -> Mapping[str, Any]:
    """What came with a line: an object, though it is typed as text, or bytes as hexadecimal digits."""
    if isinstance(payload, str):
        payload = _decoded(payload) or payload
    if fields := coerce.fields(payload):
        return {_SPELLINGS.get(name, name): value for name, value in fields.items()}
    digits = _digits(payload)
    return {} if digits is None else {"payload": digits}


def _decoded(text: str) -> dict[str, Any] | None:
    try:
        found = coerce.decode(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _digits(payload: Any) -> str | None:
    """Lower-case hexadecimal digits of bytes given as such, or in Base64 as the documents have it."""
    if not isinstance(payload, str) or not payload:
        return None
    if _HEX.fullmatch(payload):
        return payload.lower()
    try:
        return base64.b64decode(payload, validate=True).hex()
    except ValueError:
        return None
