"""The login front of apps published since about 2023. It fails with HTTP 200 and codes that are text."""

from typing import TYPE_CHECKING, Any

from aiohttp import web

from .errors import Refused
from .wire import json_object

if TYPE_CHECKING:
    from .open_api import GizwitsOpenServer

_BAD_PASSWORD = "1000033"
_UNKNOWN_USER = "1000000"


def add_login_front(server: GizwitsOpenServer) -> None:
    """Serve the front on the server's own host; its tokens are user tokens of the Open API."""

    def refuse(code: str, message: str) -> web.Response:
        return server.answer({"code": code, "error": True, "message": message, "data": None})

    async def log_in(request: web.Request) -> web.Response:
        body = await json_object(request, malformed=9015, form=9015)
        data: Any = body.get("data")
        if body.get("version") != "1.0" or not isinstance(data, dict):
            raise Refused(9015)
        if body.get("appKey") != server.app_id:
            raise Refused(9003)
        account, password = data.get("account"), data.get("password")
        user = server.accounts.find(account, at_front=True) if isinstance(account, str) else None
        if user is None:
            return refuse(_UNKNOWN_USER, "user does not exist")
        if password != user.password:
            return refuse(_BAD_PASSWORD, "password error")
        text, token = server.accounts.new_token(user)
        granted = {
            "userToken": text,
            "refreshToken": text[::-1],
            "uid": user.uid,
            "createdAt": int(server.clock()),
            "expiredAt": token.expires_at,
        }
        return server.answer({"code": "200", "error": False, "message": "success", "data": granted})

    server.app.router.add_post("/app/smart_home/login/pwd", log_in)
