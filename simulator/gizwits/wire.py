"""Strict readers of request bodies and query parameters. Each raises Refused with the code that its caller passes."""

from typing import Any

from aiohttp import web

from simulator.server import parse_whole_number

from .errors import Refused


async def json_object(request: web.Request, *, malformed: int, form: int) -> dict[str, Any]:
    """Return the body, which must be a JSON object and labelled as JSON."""
    if request.content_type != "application/json":
        raise Refused(malformed, "Content-Type")
    try:
        body = await request.json()
    except ValueError:
        raise Refused(malformed) from None
    if not isinstance(body, dict):
        raise Refused(form)
    return body


def required_text(fields: dict[str, Any], name: str, code: int) -> str:
    """Return a field that must be a text and not empty."""
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(code, name)
    return value


def whole_number(request: web.Request, name: str, default: int, code: int) -> int:
    """Return a query parameter that must be a whole number, 0 or more."""
    number = parse_whole_number(request.query.get(name, str(default)))
    if number is None:
        raise Refused(code, name)
    return number


def one_of(request: web.Request, name: str, allowed: tuple[str, ...], code: int) -> str | None:
    """Return a query parameter that must have an allowed value, or None if it is missing."""
    text = request.query.get(name)
    if text is not None and text not in allowed:
        raise Refused(code, name)
    return text
