"""Puts recorded answers in front of a simulated server."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from simulator.server import Server

from .answers import Answers
from .recording import Exchange
from .times import Shift

NOT_RECORDED = "not in this recording"

type IsLive = Callable[[web.Request], bool]
"""Whether the simulated server answers a request itself although an answer may be recorded."""
type IsKnown = Callable[[web.Request], bool]
"""Whether the simulated server knows enough of the account to answer a request that was not recorded."""
type Alter = Callable[[Any], Any]
"""Returns what to serve instead of a decoded answer, which may name addresses of the vendor."""
type Fallback = Callable[[web.Request, Any], Any]
"""Returns the answer, or its JSON, to a request that was not recorded, given its decoded body; None if it has none."""


def serve_recorded(
    server: Server,
    answers: Answers,
    shift: Shift,
    *,
    is_live: IsLive,
    alter: Alter = lambda body: body,
    fallback: Fallback | None = None,
    is_known: IsKnown = lambda _: True,
) -> None:
    """Answer the requests of a server from a recording.

    Without `fallback`, the simulated server answers what was not recorded, as far as it knows the endpoint.
    """

    @web.middleware
    async def replay(request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_live(request):
            return await handler(request)
        sent = await _sent(request)
        exchange = answers.find(request.method, request.path, request.query, sent)
        if exchange is not None:
            return _response(request, exchange, shift, alter)
        if fallback is not None:
            body = fallback(request, sent)
            if isinstance(body, web.Response):
                return body
            return _not_recorded(request) if body is None else web.json_response(alter(body))
        if request.match_info.http_exception is not None or not is_known(request):
            return _not_recorded(request)
        return await handler(request)

    # Behind what counts requests and lets them fail, in front of what checks tokens.
    server.app.middlewares.insert(1, replay)


async def _sent(request: web.Request) -> Any:
    content = await request.read()
    try:
        return json.loads(content) if content else None
    except ValueError:
        return content.decode(errors="replace")


def _response(request: web.Request, exchange: Exchange, shift: Shift, alter: Alter) -> web.Response:
    if exchange.status is None:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError
    kept = {name: value for name, value in exchange.headers.items() if name.lower() not in _OWN_HEADERS}
    content_type = exchange.headers.get("Content-Type", "")
    headers = shift.headers(kept) | ({"Content-Type": content_type} if content_type else {})
    if "json" in exchange.answer:
        text = json.dumps(alter(shift.moved(exchange.json)), ensure_ascii=False)
        return web.Response(status=exchange.status, body=text.encode(), headers=headers)
    text = exchange.answer.get("text", "\0" * exchange.answer.get("bytes", 0))
    return web.Response(status=exchange.status, body=text.encode(), headers=headers)


_OWN_HEADERS = frozenset({"content-type", "date", "server"})


def _not_recorded(request: web.Request) -> web.Response:
    return web.json_response({"error": f"{NOT_RECORDED}: {request.method} {request.path}"}, status=404)


def with_address(body: Any, host: str, port: int) -> Any:
    """Return an answer whose push servers are at this address."""
    match body:
        case dict() if "ws_port" in body:
            return {**body, "host": host, "ws_port": None if body["ws_port"] is None else port}
        case dict():
            return {key: with_address(item, host, port) for key, item in body.items()}
        case list():
            return [with_address(item, host, port) for item in body]
    return body


def fields(value: Any) -> Mapping[str, Any]:
    """Return an object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}
