"""Reports what a recording contains that the vendor's documents do not expect, in a few lines for a pull request."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from .documents import Documents, Endpoint, Shape
from .recorder import Line

_MOST: Final = 12  # lines of one kind
_LABEL: Final = re.compile(r"\d{10}")  # the label of an hour, such as 2017012314
_HOUR_SECONDS: Final = 3600
_WORDS_OF_QUOTA: Final = ("limit", "quota", "rate", "remaining", "reset", "retry", "throttl", "budget")
_NAMES_OF_TIMES: Final = re.compile(r"(?:^|_)(?:at|ts|ut|time|timestamp|date)$")
_MILLISECONDS: Final = range(10**12, 4 * 10**12)  # of this century
_DEEPEST: Final = 3  # levels of an open shape
_SLOW_SECONDS: Final = 5.0
_CLOCK_SECONDS: Final = 5.0


def report(lines: Iterable[Line]) -> str:
    """Return the report about the lines of a recording, the header first."""
    header, *rest = lines
    documents = Documents.load(header["cloud"])
    exchanges = [_Exchange(line, documents) for line in rest if "method" in line and "url" in line]
    messages = [line for line in rest if "connection" in line and "json" in line]
    unexpected = {
        "Endpoints that no document mentions": _unknown_endpoints(exchanges),
        "Fields that no document mentions": _unknown_fields(exchanges, messages, documents),
        "Messages that no document mentions": _unknown_messages(messages, documents),
        "Error codes that no document lists": _unknown_codes(exchanges, documents),
        "Words for units that are not known": _unknown_units(exchanges, documents),
        "Words that no document lists": _unknown_words(exchanges, documents),
        "Times in milliseconds instead of seconds": _milliseconds(exchanges, documents),
        "Headers about limits that no document mentions": _unknown_headers(exchanges, documents),
        "Answers that are no JSON": _not_json(exchanges),
        "Requests that failed": _failures(exchanges),
        "Connections that failed": _failed_connections(rest),
    }
    facts = {
        "Quota": _quotas(exchanges, documents),
        "Labels of hours": _labels(exchanges, documents),
        "Shapes that no document tells": _open_shapes(exchanges, documents),
        "Rows in the largest page": _pages(exchanges, documents),
        "Time": _times(exchanges, header),
    }
    minutes = max((line.get("at", 0) for line in rest), default=0) / 60
    title = f"Recording of {header['cloud']}: {len(exchanges)} requests and {len(messages)} messages"
    title += f" in {minutes:.1f} minutes, made with {header.get('made_with')}" + (
        "" if header.get("is_complete", True) else ", not complete"
    )
    parts = [f"## {title}", *_sections(unexpected)]
    if not any(unexpected.values()):
        parts.append("Nothing is unexpected.")
    return "\n\n".join([*parts, *_sections(facts)]) + "\n"


def _sections(found: Mapping[str, list[str]]) -> Iterator[str]:
    for heading, rows in found.items():
        if rows:
            more = [f"- and {len(rows) - _MOST} more"] if len(rows) > _MOST else []
            yield "\n".join([f"**{heading}**\n", *(f"- {row}" for row in rows[:_MOST]), *more])


class _Exchange:
    """A recorded request, with what the documents say about it."""

    def __init__(self, line: Line, documents: Documents) -> None:
        url = urlsplit(line["url"])
        self.line = line
        self.query = dict(parse_qsl(url.query))
        self.sent = line.get("sent", {}).get("json")
        self.status: int | None = line.get("status")
        self.body = line.get("answer", {}).get("json")
        self.headers: Mapping[str, str] = line.get("headers", {})
        found = documents.endpoint(line["method"], url.path)
        self.endpoint: Endpoint | None = None if found is None else found[0]
        self.name = f"{line['method']} {url.path}" if self.endpoint is None else self.endpoint.name
        self.shape = documents.answer(self.endpoint, self.status, self.body)


def _unknown_endpoints(exchanges: Iterable[_Exchange]) -> list[str]:
    counts = Counter(exchange.name for exchange in exchanges if exchange.endpoint is None)
    return [f"`{name}` ({count}×)" for name, count in counts.most_common()]


def _unknown_fields(exchanges: Iterable[_Exchange], messages: Iterable[Line], documents: Documents) -> list[str]:
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)

    def look(name: str, body: Any, shape: Shape) -> None:
        for path, content in documents.unknown_fields(body, shape):
            found[name, path][_type_of(content)] += 1

    for exchange in exchanges:
        if exchange.endpoint is not None:
            look(exchange.name, exchange.body, exchange.shape)
            look(exchange.name, exchange.query, exchange.endpoint.query)
    for line in messages:
        name, shape = documents.message(line["json"])
        if shape is not None:
            look(name, line["json"], shape)
    return [
        f"`{name}`: `{path}` ({', '.join(f'{kind} {count}×' for kind, count in kinds.most_common())})"
        for (name, path), kinds in sorted(found.items())
    ]


def _type_of(content: Any) -> str:
    match content:
        case None:
            return "null"
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "text"
    return "list" if isinstance(content, list) else "object"


def _unknown_messages(messages: Iterable[Line], documents: Documents) -> list[str]:
    names = (documents.message(line["json"]) for line in messages)
    counts = Counter(name or "without a name" for name, shape in names if shape is None)
    return [f"`{name}` ({count}×)" for name, count in counts.most_common()]


def _unknown_codes(exchanges: Iterable[_Exchange], documents: Documents) -> list[str]:
    found: Counter[tuple[str, str, int | None]] = Counter()
    for exchange in exchanges:
        for code in _values(exchange.body, documents.code_fields):
            if str(code) not in {*documents.codes, "0"} and not isinstance(code, dict | list):
                found[exchange.name, str(code), exchange.status] += 1
    return [f"`{name}`: {code} with HTTP {status} ({count}×)" for (name, code, status), count in found.most_common()]


def _unknown_units(exchanges: Iterable[_Exchange], documents: Documents) -> list[str]:
    known = {_plain_unit(word) for word in documents.units}
    words = Counter(
        word
        for exchange in exchanges
        for word in _values(exchange.body, documents.unit_fields)
        if isinstance(word, str) and word and _plain_unit(word) not in known
    )
    return [f"`{word}` ({count}×)" for word, count in words.most_common()]


def _unknown_words(exchanges: Iterable[_Exchange], documents: Documents) -> list[str]:
    words = Counter(
        (name, word)
        for exchange in exchanges
        for name, known in documents.choices.items()
        for word in _values(exchange.body, (name,))
        if isinstance(word, str) and word not in known
    )
    return [f"`{name}`: `{word}` ({count}×)" for (name, word), count in words.most_common()]


def _milliseconds(exchanges: Iterable[_Exchange], documents: Documents) -> list[str]:
    found = Counter(
        (exchange.name, name)
        for exchange in exchanges
        for name, value in _numbers(exchange.body)
        if int(value) in _MILLISECONDS and name not in documents.milliseconds and _NAMES_OF_TIMES.search(name)
    )
    return [f"`{endpoint}`: `{name}` ({count}×)" for (endpoint, name), count in found.most_common()]


def _numbers(body: Any) -> Iterator[tuple[str, float]]:
    """Yield the names and the contents of the fields with numbers, at any depth."""
    for key, content in body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ():
        if isinstance(content, int | float) and not isinstance(content, bool):
            yield str(key), content
        else:
            yield from _numbers(content)


def _open_shapes(exchanges: Iterable[_Exchange], documents: Documents) -> list[str]:
    shapes = Counter(
        (exchange.name, name, _shape_of(exchange.body[name]))
        for exchange in exchanges
        for name in documents.open_fields
        if isinstance(exchange.body, dict) and name in exchange.body
    )
    return [f"`{endpoint}`: `{name}` is {shape} ({count}×)" for (endpoint, name, shape), count in shapes.most_common()]


def _shape_of(content: Any, depth: int = 0) -> str:
    """Describe the shape of a content, but not what it contains."""
    if depth < _DEEPEST and isinstance(content, dict) and content:
        return f"{{{', '.join(f'{key}: {_shape_of(item, depth + 1)}' for key, item in list(content.items())[:_MOST])}}}"
    if depth < _DEEPEST and isinstance(content, list) and content:
        return f"[{', '.join(dict.fromkeys(_shape_of(item, depth + 1) for item in content))}]"
    return _type_of(content)


def _not_json(exchanges: Iterable[_Exchange]) -> list[str]:
    found = Counter(
        (exchange.name, exchange.status, exchange.headers.get("Content-Type", "no Content-Type"))
        for exchange in exchanges
        if exchange.line.get("answer", {}).keys() & {"text", "bytes"}
    )
    return [
        f"`{name}`: {content_type} with HTTP {status} ({count}×)"
        for (name, status, content_type), count in found.most_common()
    ]


def _plain_unit(word: str) -> str:
    return re.sub(r"[\s_-]", "", word).upper().removesuffix("S")


def _values(body: Any, names: Iterable[str]) -> Iterator[Any]:
    """Yield the contents of the fields with one of these names, at any depth."""
    if isinstance(body, list):
        for item in body:
            yield from _values(item, names)
    elif isinstance(body, dict):
        for key, content in body.items():
            if key in names and content is not None:
                yield content
            yield from _values(content, names)


def _unknown_headers(exchanges: Iterable[_Exchange], documents: Documents) -> list[str]:
    found: dict[str, set[str]] = defaultdict(set)
    for exchange in exchanges:
        for name, value in exchange.headers.items():
            if _is_about_limits(name) and name.lower() not in documents.quota_headers:
                found[name].add(value)
    return [f"`{name}`: {', '.join(sorted(values)[:3])}" for name, values in sorted(found.items())]


def _is_about_limits(name: str) -> bool:
    return any(word in name.lower() for word in _WORDS_OF_QUOTA)


def _failures(exchanges: Iterable[_Exchange]) -> list[str]:
    counts: Counter[tuple[str, str]] = Counter()
    for exchange in exchanges:
        if exchange.status is None:
            counts[exchange.name, str(exchange.line.get("failure"))] += 1
        elif exchange.status >= 400:
            codes = "".join(f", code {code}" for code in list(_values(exchange.body, ("error_code", "code")))[:1])
            counts[exchange.name, f"HTTP {exchange.status}{codes}"] += 1
    return [f"`{name}`: {what} ({count}×)" for (name, what), count in counts.most_common()]


def _failed_connections(lines: Iterable[Line]) -> list[str]:
    """List why connections could not be opened, or the other side closed them."""
    found = ((urlsplit(line["url"]), line["failure"]) for line in lines if "connection" in line and "failure" in line)
    counts = Counter((f"{url.scheme}://{url.netloc}", failure) for url, failure in found)
    return [f"`{address}`: {failure} ({count}×)" for (address, failure), count in counts.most_common()]


def _quotas(exchanges: Iterable[_Exchange], documents: Documents) -> list[str]:
    found: dict[str, list[str]] = defaultdict(list)
    for exchange in exchanges:
        for name, value in exchange.headers.items():
            if name.lower() in documents.quota_headers:
                found[name].append(value)
    return [f"`{name}`: {values[0]} at the beginning, {values[-1]} at the end" for name, values in found.items()]


def _labels(exchanges: Iterable[_Exchange], documents: Documents) -> list[str]:
    """Compare the first label of each answer with the beginning of the requested range."""
    offsets: Counter[str] = Counter()
    for exchange in exchanges:
        labels = sorted(time for label in _values(exchange.body, documents.label_fields) if (time := _label(label)))
        begin = _begin(exchange)
        if labels and begin is not None and labels[0] % _HOUR_SECONDS == 0:
            hours = round((labels[0] - begin // _HOUR_SECONDS * _HOUR_SECONDS) / _HOUR_SECONDS)
            offsets[f"{hours:+d} hours from UTC, if the range begins with a value"] += 1
    return [f"{offset} ({count}×)" for offset, count in offsets.most_common()]


def _label(label: Any) -> float | None:
    """Return the epoch seconds of the label of an hour, read as UTC: 2017012314, or a time in ISO 8601."""
    try:
        if _LABEL.fullmatch(str(label)):
            return datetime.strptime(str(label), "%Y%m%d%H").replace(tzinfo=UTC).timestamp()
        return datetime.fromisoformat(label).timestamp()
    except ValueError, TypeError:
        return None


def _begin(exchange: _Exchange) -> float | None:
    """Return the beginning of the requested hours in epoch seconds."""
    start = next((value for name, value in exchange.query.items() if name.startswith("start")), "")
    if start.isdigit():
        return int(start) / (1000 if len(start) >= 13 else 1)
    sent = exchange.sent if isinstance(exchange.sent, dict) else {}
    return _label(sent.get("from")) if sent.get("granularity") == "hour" else None


def _pages(exchanges: Iterable[_Exchange], documents: Documents) -> list[str]:
    """List the largest page of each list, and whether more rows were wanted than came although there were more."""
    largest: dict[str, tuple[int, int, bool]] = {}
    for exchange in exchanges:
        limit = next((exchange.query[name] for name in documents.page_fields if name in exchange.query), "")
        rows = _rows(exchange.body)
        if not limit.isdigit() or rows is None:
            continue
        total = next((total for total in _values(exchange.body, ("total", "count")) if isinstance(total, int)), 0)
        is_cut = rows < int(limit) and int(exchange.query.get("skip", "0")) + rows < total
        largest[exchange.name] = max(largest.get(exchange.name, (0, 0, False)), (rows, int(limit), is_cut))
    return [
        f"`{name}`: {rows} of {limit}" + (", although there were more" if is_cut else "")
        for name, (rows, limit, is_cut) in sorted(largest.items())
    ]


def _rows(body: Any) -> int | None:
    if isinstance(body, list):
        return len(body)
    lists = [content for content in body.values() if isinstance(content, list)] if isinstance(body, dict) else []
    return len(lists[0]) if lists else None


def _times(exchanges: list[_Exchange], header: Line) -> list[str]:
    rows = []
    slow: dict[str, float] = {}
    for exchange in exchanges:
        seconds = exchange.line.get("seconds", 0.0)
        if seconds >= _SLOW_SECONDS:
            slow[exchange.name] = max(slow.get(exchange.name, 0.0), seconds)
    rows += [f"`{name}` took {seconds:.0f} seconds" for name, seconds in slow.items()]
    ahead = _server_ahead(exchanges, header)
    if ahead is not None and abs(ahead) >= _CLOCK_SECONDS:
        rows.append(f"the server's clock is {abs(ahead):.0f} seconds {'ahead' if ahead > 0 else 'behind'}")
    zones = {str(zone) for one in exchanges for zone in _values(one.body, ("timeZone", "deviceTimeZone", "timezone"))}
    return rows + ([f"time zones: {', '.join(sorted(zones))}"] if zones else [])


def _server_ahead(exchanges: Iterable[_Exchange], header: Line) -> float | None:
    """Return how far the server's clock is ahead, by the header `Date` of the first answer that has one."""
    started_at = datetime.fromisoformat(header["started_at"]).timestamp()
    for exchange in exchanges:
        if "Date" in exchange.headers:
            try:
                stated = parsedate_to_datetime(exchange.headers["Date"]).timestamp()
            except ValueError, TypeError:
                continue
            answered_at: float = started_at + exchange.line["at"] + exchange.line.get("seconds", 0.0)
            return stated - answered_at
    return None
