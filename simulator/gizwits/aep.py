"""The login front ("AEP") of apps published since about 2023. It refuses with HTTP 200 and codes that are texts."""

from typing import Any

from aiohttp import web

from .errors import Refused
from .open_core import OpenCore
from .wire import json_object

_BAD_PASSWORD = "1000033"
_UNKNOWN_USER = "1000000"


class LoginFront:
    """The login front, here on the Open API's host. It grants user tokens of the Open API."""

    def __init__(self, core: OpenCore) -> None:
        self._core = core
        core.app.router.add_post("/app/smart_home/login/pwd", self._log_in)

    async def _log_in(self, request: web.Request) -> web.Response:
        body = await json_object(request, malformed=9015, form=9015)
        data: Any = body.get("data")
        if body.get("version") != "1.0" or not isinstance(data, dict):
            raise Refused(9015)
        if body.get("appKey") != self._core.app_id:
            raise Refused(9003)
        account, password = data.get("account"), data.get("password")
        user = self._core.accounts.find(account, at_front=True) if isinstance(account, str) else None
        if user is None:
            return self._refuse(_UNKNOWN_USER, "user does not exist")
        if password != user.password:
            return self._refuse(_BAD_PASSWORD, "password error")
        token = self._core.accounts.tokens.grant(user.uid)
        granted = {
            "userToken": token.text,
            "refreshToken": token.text[::-1],
            "uid": user.uid,
            "createdAt": int(self._core.clock()),
            "expiredAt": token.expires_at,
        }
        return self._core.answer({"code": "200", "error": False, "message": "success", "data": granted})

    def _refuse(self, code: str, message: str) -> web.Response:
        return self._core.answer({"code": code, "error": True, "message": message, "data": None})
