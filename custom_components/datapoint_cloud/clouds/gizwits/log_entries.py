"""Converts the rows of the device logs of both Gizwits APIs to log entries.

It knows the fields of a row, not where rows come from.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from .. import coerce
from ..history import HistoryResult, LogEntry
from .history_windows import TimedRow

_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})+")
_SPELLINGS: Final = {"KeepAlive": "keep_alive"}  # the documents' table and example differ
_KEPT: Final = ("ip", "source")  # the other fields identify users and apps


def entries(result: HistoryResult[TimedRow]) -> HistoryResult[LogEntry]:
    """Convert the rows of a log ("Online log" and "Communication log" of either API)."""
    rows = tuple(_entry(row) for row in result.rows)
    return HistoryResult(rows=rows, start=result.start, end=result.end, stopped_by=result.stopped_by)


def _entry(timed_row: TimedRow) -> LogEntry:
    at, row = timed_row
    content = {name: row[name] for name in _KEPT if row.get(name) is not None}
    content |= _payload(row.get("payload", row.get("payload_bin")))
    # The documents write one reason as Tcp_closed, and all others in lower case.
    reason = coerce.text(content.pop("reason", None))
    return LogEntry(
        at=at,
        kind=coerce.text(row.get("type")) or "unknown",
        reason=None if reason is None else reason.lower(),
        content=content,
    )


def _payload(payload: Any) -> Mapping[str, Any]:
    """Read the payload of a row: an object, often encoded as text, or bytes, which become hexadecimal digits."""
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
    """Return lower-case hexadecimal digits of bytes that came as such, or as Base64, which is documented."""
    if not isinstance(payload, str) or not payload:
        return None
    if _HEX.fullmatch(payload):
        return payload.lower()
    try:
        return base64.b64decode(payload, validate=True).hex()
    except ValueError:
        return None
