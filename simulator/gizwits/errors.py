"""The vendor's tables of errors, and the exception by which a handler refuses a request.

Open API: code and text, nearly always with HTTP 400. Enterprise API: code, status and text.
"""

from typing import Any

OPEN_API_TEXTS: dict[int, str] = {
    9001: "mac already registered!",
    9002: "product_key invalid!",
    9003: "appid invalid!",
    9004: "token invalid!",
    9005: "user not exist!",
    9006: "token expired!",
    9007: "m2m_id invalid!",
    9008: "server error!",
    9014: "device not found!",
    9015: "form invalid!",
    9016: "did or passcode invalid!",
    9017: "device not bound!",
    9020: "username or password error!",
    9021: "send command failed!",
    9023: "device disabled!",
    9024: "notify m2m failed!",
    9025: "attr invalid!",
    9026: "user invalid!",
    9029: "datapoint not found!",
    9040: "bad QR content!",
    9041: "request throttled!",
    9042: "device offline!",
    9043: "timestamp invalid!",
    9044: "signature invalid!",
    9093: "not owner!",
    9220: "scene not found!",
    9221: "scene is not yours!",
}

ENTERPRISE_ERRORS: dict[int, tuple[int, str]] = {
    5001: (400, "body json invalid"),
    5002: (400, "form invalid"),
    5003: (404, "enterprise id not exist"),
    5004: (400, "enterprise secret error"),
    5005: (400, "product secret error"),
    5007: (404, "association not exist"),
    5009: (400, "token invalid"),
    5010: (400, "token does not match product_key"),
    5011: (400, "token has expired"),
    5012: (400, "ip not in white list"),
    5013: (403, "rate limit exceeded"),
    5014: (400, "report not generated yet"),
    5015: (404, "product key not exist"),
    5018: (403, "product operation not allowed"),
    5022: (404, "enterprise does not exist"),
    5024: (403, "api deny to visit"),
    5202: (404, "parent group not exist"),
    5203: (400, "already has a root group"),
    5204: (400, "group has subgroup"),
    5205: (400, "group has device"),
    5206: (404, "group not exist"),
    5301: (404, "device not exist"),
    5302: (403, "device not of this product"),
    5303: (400, "device not bound"),
    5304: (400, "device is disabled"),
    5305: (400, "device offline"),
    5401: (400, "attr invalid"),
    5402: (404, "datapoint data not found"),
    5403: (400, "send command failed"),
    5404: (403, "remote control not allowed"),
    5405: (404, "attrs not exist"),
    5408: (400, "raw data error"),
    5801: (400, "products not associated with the enterprise"),
}


class Refused(Exception):
    """The server refuses a request with a code of its API's table."""

    def __init__(self, code: int, detail: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


def open_api_error(refused: Refused) -> dict[str, Any]:
    """Return the body of an Open API error, which is sent with HTTP 400."""
    return {
        "error_message": OPEN_API_TEXTS[refused.code],
        "error_code": refused.code,
        "detail_message": refused.detail,
    }


def enterprise_error(refused: Refused) -> tuple[int, dict[str, Any]]:
    """Return status and body of an Enterprise API error. Its code is a text."""
    status, text = ENTERPRISE_ERRORS[refused.code]
    return status, {"error_code": str(refused.code), "error_message": text, "detail": refused.detail or ""}
