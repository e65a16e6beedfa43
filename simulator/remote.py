"""Making things happen on any simulated server from outside its process, under `/_simulator/`. Never counted.

GET, DELETE `requests`: the counts. GET, POST, DELETE `faults`. GET `devices`, POST `devices/{id}`: their state.
GET, POST `settings`: the server's public switches and figures. POST `actions/{name}`: such as `revoke_tokens`.
POST `obedience`: what becomes of commands to all devices that have no obedience of their own.
"""

import json
from typing import Any, Protocol, runtime_checkable

from aiohttp import web
from aiohttp.typedefs import Handler

from .server import Fault, Server

_PREFIX = "/_simulator/"
_FAULT_FIELDS: dict[str, type | tuple[type, ...]] = {
    "status": int,
    "body": str,
    "headers": dict,
    "content_type": str,
    "delay": (int, float),
    "drops": bool,
    "cuts_at": int,
    "times": int,
}


@runtime_checkable
class HasDevices(Protocol):
    """A server whose devices can be told what to say."""

    def describe_devices(self) -> dict[str, object]:
        """Tell the state of each device by its id."""

    def set_device(self, device_id: str, changes: dict[str, Any], /) -> None:
        """Change a device; KeyError if there is none, ValueError if it cannot be changed so."""


@runtime_checkable
class HasObedience(Protocol):
    """A server that can be told what becomes of commands to all its devices."""

    def set_obedience(self, settings: dict[str, Any], /) -> None:
        """Set it; ValueError if it cannot be so."""


class _BadRequest(Exception):
    """What was asked for makes no sense."""


def allow_remote_control(server: Server) -> None:
    """Let a server listen to `/_simulator/` before it counts or fails anything."""

    @web.middleware
    async def remote(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(_PREFIX):
            return await handler(request)
        try:
            body = await _body(request)
            subject, _, rest = request.path.removeprefix(_PREFIX).partition("/")
            answer = _answer(server, request.method, subject, rest, body)
        except _BadRequest as bad:
            return web.json_response({"error": str(bad)}, status=400)
        except KeyError as missing:
            return web.json_response({"error": f"there is no {missing}"}, status=404)
        return web.json_response(answer)

    server.app.middlewares.insert(0, remote)


async def _body(request: web.Request) -> dict[str, Any]:
    text = await request.text()
    try:
        body = json.loads(text) if text else {}
    except json.JSONDecodeError:
        raise _BadRequest("the body is no JSON") from None
    if not isinstance(body, dict):
        raise _BadRequest("the body is no object")
    return body


def _answer(server: Server, method: str, subject: str, rest: str, body: dict[str, Any]) -> object:
    if method == "GET":
        return _tell(server, subject)
    _do(server, method, subject, rest, body)
    return {}


def _tell(server: Server, subject: str) -> object:
    match subject:
        case "requests":
            return dict(server.requests)
        case "faults":
            return {"count": sum(fault.times != 0 for fault in server.faults)}
        case "devices" if isinstance(server, HasDevices):
            return server.describe_devices()
        case "settings":
            return _settings(server)
    raise KeyError(subject)


def _do(server: Server, method: str, subject: str, rest: str, body: dict[str, Any]) -> None:
    match method, subject:
        case "DELETE", "requests":
            server.reset_counts()
        case "POST", "faults":
            server.faults.append(_fault(body))
        case "DELETE", "faults":
            server.faults.clear()
        case "POST", "devices" if isinstance(server, HasDevices):
            _set_device(server, rest, body)
        case "POST", "obedience" if isinstance(server, HasObedience):
            _set_obedience(server, body)
        case "POST", "settings":
            _set(server, body)
        case "POST", "actions":
            _act(server, rest)
        case _:
            raise KeyError(f"{method} {subject}")


def _fault(body: dict[str, Any]) -> Fault:
    """Read a fault; it strikes requests whose path begins with `path`, of any method if no `method` is given."""
    path, method = body.pop("path", "/"), body.pop("method", None)
    for name, value in body.items():
        if name not in _FAULT_FIELDS or not isinstance(value, _FAULT_FIELDS[name]):
            raise _BadRequest(f"{name} is not for a fault")
    return Fault(
        matches=lambda request: request.path.startswith(path) and method in (None, request.method),
        **body,
    )


def _set_device(server: HasDevices, device_id: str, changes: dict[str, Any]) -> None:
    try:
        server.set_device(device_id, changes)
    except (TypeError, ValueError) as bad:
        raise _BadRequest(f"cannot change {bad}") from None


def _set_obedience(server: HasObedience, settings: dict[str, Any]) -> None:
    try:
        server.set_obedience(settings)
    except ValueError as bad:
        raise _BadRequest(f"cannot set {bad}") from None


def _settings(server: Server) -> dict[str, bool | float | str]:
    """Give the public attributes that can be set: truth values, numbers and texts."""
    names = (name for name in dir(server) if not name.startswith("_") and name not in ("name", "url"))
    values = ((name, getattr(server, name)) for name in names)
    return {name: value for name, value in values if isinstance(value, bool | int | float | str)}


def _set(server: Server, changes: dict[str, Any]) -> None:
    known = _settings(server)
    for name, value in changes.items():
        if name not in known:
            raise KeyError(name)
        is_number = isinstance(known[name], int | float) and not isinstance(known[name], bool)
        wanted = (int, float) if is_number else type(known[name])
        if not isinstance(value, wanted) or (is_number and isinstance(value, bool)):
            raise _BadRequest(f"{name} cannot be {value!r}")
    for name, value in changes.items():
        try:
            setattr(server, name, value)
        except AttributeError:
            raise _BadRequest(f"{name} cannot be changed") from None


def _act(server: Server, name: str) -> None:
    """Call a method that takes nothing and revokes or ends something."""
    if not name.startswith(("revoke_", "expire_")) or not hasattr(server, name):
        raise KeyError(name)
    getattr(server, name)()
