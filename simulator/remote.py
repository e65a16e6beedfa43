"""Remote control of any simulated server from another process, by requests under `/_simulator/` that are not counted.

GET, DELETE `requests`: the request counts. GET, POST, DELETE `faults`. GET `devices`, POST `devices/{id}`: their state.
GET, POST `settings`: the server's public attributes. POST `actions/{name}`: call a method such as `revoke_tokens`.
POST `obedience`: what happens to commands for all devices that have no obedience of their own.
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
    """A server whose devices can be changed."""

    def describe_devices(self) -> dict[str, object]:
        """Return the state of each device by its id."""

    def set_device(self, device_id: str, changes: dict[str, Any], /) -> None:
        """Change a device. Raises KeyError for an unknown id, ValueError for what cannot be changed."""


@runtime_checkable
class HasObedience(Protocol):
    """A server that lets callers decide what happens to commands for all its devices."""

    def set_obedience(self, settings: dict[str, Any], /) -> None:
        """Set what happens to commands. Raises ValueError for invalid settings."""


class _BadRequest(Exception):
    """The request is invalid; the text says why."""


def add_remote_control(server: Server) -> None:
    """Add `/_simulator/` to a server, in front of everything that counts requests or lets them fail."""

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
            return web.json_response({"error": f"{missing} does not exist"}, status=404)
        return web.json_response(answer)

    server.app.middlewares.insert(0, remote)


async def _body(request: web.Request) -> dict[str, Any]:
    text = await request.text()
    try:
        body = json.loads(text) if text else {}
    except json.JSONDecodeError:
        raise _BadRequest("the body is not JSON") from None
    if not isinstance(body, dict):
        raise _BadRequest("the body is not an object")
    return body


def _answer(server: Server, method: str, subject: str, rest: str, body: dict[str, Any]) -> object:
    if method == "GET":
        return _state(server, subject)
    _change(server, method, subject, rest, body)
    return {}


def _state(server: Server, subject: str) -> object:
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


def _change(server: Server, method: str, subject: str, rest: str, body: dict[str, Any]) -> None:
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
            _change_settings(server, body)
        case "POST", "actions":
            _run_action(server, rest)
        case _:
            raise KeyError(f"{method} {subject}")


def _fault(body: dict[str, Any]) -> Fault:
    """Parse a fault. It affects requests whose path begins with `path`, and of any method unless `method` is given."""
    path, method = body.pop("path", "/"), body.pop("method", None)
    for name, value in body.items():
        if name not in _FAULT_FIELDS or not isinstance(value, _FAULT_FIELDS[name]):
            raise _BadRequest(f"{name} is not a valid field of a fault")
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
    """Return the public attributes that are booleans, numbers or texts."""
    names = (name for name in dir(server) if not name.startswith("_") and name not in ("name", "url"))
    values = ((name, getattr(server, name)) for name in names)
    return {name: value for name, value in values if isinstance(value, bool | int | float | str)}


def _change_settings(server: Server, changes: dict[str, Any]) -> None:
    known = _settings(server)
    for name, value in changes.items():
        if name not in known:
            raise KeyError(name)
        is_number = isinstance(known[name], int | float) and not isinstance(known[name], bool)
        expected = (int, float) if is_number else type(known[name])
        if not isinstance(value, expected) or (is_number and isinstance(value, bool)):
            raise _BadRequest(f"{name} cannot be {value!r}")
    for name, value in changes.items():
        try:
            setattr(server, name, value)
        except AttributeError:
            raise _BadRequest(f"{name} cannot be changed") from None


def _run_action(server: Server, name: str) -> None:
    """Call a method without arguments that revokes or expires something."""
    if not name.startswith(("revoke_", "expire_")) or not hasattr(server, name):
        raise KeyError(name)
    getattr(server, name)()
