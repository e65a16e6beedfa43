"""The exception by which the SoData API refuses a request, and the body of such a response."""

from http import HTTPStatus

from aiohttp import web


class Refused(Exception):
    """The API refuses a request with an HTTP status. Without a message, the response has no body."""

    def __init__(self, status: int, message: str | None = None) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


def refusal(request: web.Request, refused: Refused) -> web.Response:
    """Make the response. The vendor's document shows no body of an error, so this one is made up."""
    if refused.message is None:
        return web.Response(status=refused.status)
    error = HTTPStatus(refused.status).phrase
    body = {"status": refused.status, "error": error, "message": refused.message, "path": request.path}
    return web.json_response(body, status=refused.status)
