"""Makes simulated usage from recorded answers, so that other periods and ranges can be answered too."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from simulator.firstlight.usage import Usage

from .recording import Recording

_SHORTEST_HOURS = 1.0


def usages(recording: Recording) -> dict[str, Usage]:
    """Return the recorded usage by "aty/field", as if it had always been as much an hour as in the newest answer."""
    found: dict[str, Usage] = {}
    for exchange in recording.exchanges:
        figures = _figures(exchange.json.get("data") if isinstance(exchange.json, dict) else None)
        total = sum(figures.values())
        hours = _hours(exchange.query, recording.started_at + exchange.at)
        if exchange.is_success and "groupBy" not in exchange.query and total > 0 and hours is not None:
            shares = {name: figure / total for name, figure in figures.items()}
            found["/".join(exchange.path.split("/")[-2:])] = Usage(total / hours, shares)
    return found


def _figures(data: Any) -> dict[str, float]:
    """Return the figures of an answer by name, in the shapes that the document leaves possible."""
    match data:
        case bool():
            return {}
        case int() | float():
            return {"total": data}
        case dict():
            numbers = {name: value for name, value in data.items() if isinstance(value, int | float)}
            return numbers or next((_figures(value) for value in data.values() if isinstance(value, list)), {})
        case list():
            return {
                str(_first(row, str)): float(_first(row, int | float) or 0) for row in data if isinstance(row, dict)
            }
    return {}


def _first(row: Mapping[str, Any], type_: Any) -> Any:
    return next((value for value in row.values() if isinstance(value, type_)), None)


def _hours(query: Mapping[str, str], now: float) -> float | None:
    try:
        start, end = (_epoch(query[name]) if name in query else now for name in ("fromDate", "toDate"))
    except ValueError:
        return None
    return max(_SHORTEST_HOURS, (end - start) / 3600)


def _epoch(text: str) -> float:
    if text.isdigit():
        return int(text) / 1000
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=time.tzinfo or UTC).timestamp()
