"""The error codes of both Gizwits APIs as tables, and where an answer has its code."""

import re
import time
from collections.abc import Mapping
from typing import Final

from .. import coerce
from ..errors import (
    AuthFailed,
    CloudError,
    DeviceGone,
    DeviceOffline,
    Forbidden,
    NotSupported,
    RateLimited,
    Reason,
    Rejected,
    TokenRefused,
    Unreachable,
)
from ..http import Answer, retry_after
from . import wire_values

type Meaning = tuple[type[CloudError], Reason | None]

_TOKEN: Final[Meaning] = (TokenRefused, Reason.TOKEN_REFUSED)
_TRANSIENT: Final[Meaning] = (Unreachable, Reason.SERVER_ERROR)
_THROTTLED: Final[Meaning] = (RateLimited, Reason.QUOTA_EXHAUSTED)
_SENDING_FAILED: Final[Meaning] = (Unreachable, Reason.SENDING_FAILED)
_WRONG_REQUEST: Final[Meaning] = (Rejected, Reason.INVALID_REQUEST)
_WRONG_VALUE: Final[Meaning] = (Rejected, Reason.INVALID_VALUE)
_UNKNOWN_GROUP: Final[Meaning] = (Rejected, Reason.UNKNOWN_GROUP)

# "Open API, Error codes". The codes of registration, sharing and firmware should not occur, since this client sends no
# such requests.
OPEN_API: Final[Mapping[int, Meaning]] = {
    **dict.fromkeys(
        [
            *(9001, 9009, 9010, 9015, 9018, 9019, 9022, 9027, 9028, 9030, 9031, 9032, 9033, 9034, 9036, 9037),
            *(9046, *range(9080, 9086), *range(9087, 9091), 9092, *range(9094, 9097), *range(9098, 9102), 9999),
        ],
        _WRONG_REQUEST,
    ),
    9002: (Forbidden, Reason.UNKNOWN_PRODUCT),
    9003: (Forbidden, Reason.UNKNOWN_APP),
    9004: _TOKEN,  # also: the right token in another region
    9005: (AuthFailed, Reason.UNKNOWN_USER),
    9006: _TOKEN,
    9007: _TRANSIENT,
    9008: _TRANSIENT,
    9011: (Forbidden, Reason.DEVICE_QUOTA_REACHED),
    9012: (Forbidden, Reason.DEVICE_QUOTA_REACHED),
    9013: (Forbidden, Reason.DEVICE_QUOTA_REACHED),
    9014: (DeviceGone, Reason.NOT_FOUND),
    9016: (DeviceGone, Reason.NOT_FOUND),
    9017: (DeviceGone, Reason.NOT_FOUND),
    9020: (AuthFailed, Reason.WRONG_PASSWORD),
    9021: _SENDING_FAILED,
    9023: (DeviceOffline, Reason.DISABLED),
    9024: _SENDING_FAILED,
    9025: _WRONG_VALUE,
    9026: (AuthFailed, Reason.UNKNOWN_USER),
    9029: (Forbidden, Reason.NO_DATAPOINTS),
    9035: _TRANSIENT,
    9038: (Forbidden, Reason.UNKNOWN_APP),
    9039: (NotSupported, None),
    9040: (Rejected, Reason.BAD_QR_CODE),
    9041: _THROTTLED,
    9042: (DeviceOffline, Reason.OFFLINE),
    9043: (Forbidden, Reason.CLOCK_WRONG),
    9044: (Forbidden, Reason.WRONG_PRODUCT_SECRET),
    9045: (NotSupported, None),
    9077: (AuthFailed, Reason.ACCOUNT_DISABLED),
    9093: (Rejected, Reason.NOT_OWNER),
    9220: (Rejected, Reason.UNKNOWN_SCENE),
    9221: (Rejected, Reason.UNKNOWN_SCENE),  # another user's
}

# "Enterprise API, Error codes".
ENTERPRISE_API: Final[Mapping[int, Meaning]] = {
    **dict.fromkeys(
        [
            *(5001, 5002, 5006, 5016, 5017, 5020, 5021, 5207),
            *(5501, 5502, 5503, 5701, 5702, 5703, 5901),
        ],
        _WRONG_REQUEST,
    ),
    **dict.fromkeys([5023, 5406, 5407, 5409, 5601], _TRANSIENT),
    5003: (AuthFailed, Reason.UNKNOWN_ENTERPRISE),
    5004: (AuthFailed, Reason.WRONG_ENTERPRISE_SECRET),
    5005: (Forbidden, Reason.WRONG_PRODUCT_SECRET),
    5007: (Forbidden, Reason.PRODUCT_NOT_ASSOCIATED),
    5008: (Forbidden, Reason.PRODUCT_NOT_ASSOCIATED),
    5009: _TOKEN,
    5010: _TOKEN,
    5011: _TOKEN,
    5012: (Forbidden, Reason.IP_NOT_ALLOWED),
    5013: _THROTTLED,
    5014: (Unreachable, Reason.NOT_READY),
    5015: (Forbidden, Reason.UNKNOWN_PRODUCT),
    5018: (Forbidden, Reason.FEATURE_NOT_GRANTED),
    5019: (Forbidden, Reason.UNKNOWN_ORGANIZATION),
    5022: (AuthFailed, Reason.UNKNOWN_ENTERPRISE),
    5024: (Forbidden, Reason.FEATURE_NOT_GRANTED),
    5025: (Forbidden, Reason.UNKNOWN_PRODUCT),
    5201: _UNKNOWN_GROUP,  # another product's
    5202: _UNKNOWN_GROUP,  # the parent
    5203: (Rejected, Reason.ROOT_GROUP_EXISTS),
    5204: (Rejected, Reason.GROUP_NOT_EMPTY),
    5205: (Rejected, Reason.GROUP_NOT_EMPTY),
    5206: _UNKNOWN_GROUP,
    5208: (Unreachable, Reason.GROUPS_BUSY),
    5301: (DeviceGone, Reason.NOT_FOUND),
    5302: (DeviceGone, Reason.NOT_FOUND),
    5303: (DeviceGone, Reason.NOT_BOUND),
    5304: (DeviceOffline, Reason.DISABLED),
    5305: (DeviceOffline, Reason.OFFLINE),
    5401: _WRONG_VALUE,
    5402: (Forbidden, Reason.NO_DATAPOINTS),
    5403: _SENDING_FAILED,
    5404: (Forbidden, Reason.CONTROL_NOT_ENABLED),
    5405: _WRONG_VALUE,
    5408: (Rejected, Reason.INVALID_PAYLOAD),
    5801: (Forbidden, Reason.PRODUCT_NOT_ASSOCIATED),
}

# The login front of newer apps, which answers HTTP 200 to everything.
FRONT: Final[Mapping[int, Meaning]] = {
    1000000: (AuthFailed, Reason.UNKNOWN_USER),
    1000033: (AuthFailed, Reason.WRONG_PASSWORD),
}

_LOGINS: Final = (
    "/app/login",
    "/app/users",
    "/app/smart_home/login/pwd",
    "/v1/products/{product_key}/access_token",
)
_WORD: Final = re.compile(r"\w+")
_PAUSE_SECONDS: Final = 300.0  # after a throttled read, if the cloud states none
_LOGIN_PAUSE_SECONDS: Final = 900.0  # logins are throttled far harder
_QUOTA_PAUSE_SECONDS: Final = 3600.0  # the enterprise quota is by the hour
_JUST_RESET_SECONDS: Final = 60.0  # the reset may just be over, and clocks differ
_LEAST_PAUSE_SECONDS: Final = 1.0


def find_open_error(answer: Answer) -> CloudError | None:
    """Find the error in an answer of the Open API, or of a vendor's gateway in front of it."""
    error = _error(answer, OPEN_API)
    if isinstance(error, RateLimited):
        pause = _LOGIN_PAUSE_SECONDS if answer.endpoint in _LOGINS else _PAUSE_SECONDS
        error.retry_after = retry_after(answer.headers) or pause
    return error


def find_enterprise_error(answer: Answer) -> CloudError | None:
    """Find the error in an answer of the Enterprise API."""
    error = _error(answer, ENTERPRISE_API)
    if isinstance(error, RateLimited):
        resets_at = wire_values.epoch_seconds(answer.headers.get("X-RateLimit-Reset"))
        pause = _QUOTA_PAUSE_SECONDS if resets_at is None else resets_at - time.time()
        if not -_JUST_RESET_SECONDS < pause <= _QUOTA_PAUSE_SECONDS:
            pause = _QUOTA_PAUSE_SECONDS
        error.retry_after = max(pause, _LEAST_PAUSE_SECONDS)
    return error


def find_front_error(answer: Answer) -> CloudError | None:
    """Find the error in an answer of the login front of newer apps."""
    if not answer.is_success:
        return _error(answer, OPEN_API)
    body = coerce.fields(answer.body)
    code = wire_values.count(body.get("code"))
    if code in (None, 200) and not wire_values.flag(body.get("error")):
        return None
    kind, reason = FRONT.get(code or 0, _TRANSIENT)
    return answer.error(kind, reason, code=code)


def _error(answer: Answer, meanings: Mapping[int, Meaning]) -> CloudError | None:
    body = coerce.fields(answer.body)
    # Look at the code first: nearly all errors have status 400, refused tokens included.
    found = body.get("error_code")
    code = wire_values.count(found)
    if found is None:
        found, code = body.get("code"), wire_values.count(body.get("code"))  # the field of gateways
        if answer.is_success and code not in meanings:
            found = None  # a successful answer may have another `code`
    if found in (None, "") or code == 0:
        return _error_without_code(answer)
    is_refused_command = "/control" in answer.endpoint and answer.status < 500
    kind, reason = meanings.get(code or 0, _WRONG_REQUEST if is_refused_command else _TRANSIENT)
    # Only a login checks the credentials; other endpoints check the token.
    if kind in (AuthFailed, TokenRefused):
        kind = AuthFailed if answer.endpoint in _LOGINS else TokenRefused
    return answer.error(kind, reason, code=code, subject=_offender(answer) if kind is Rejected else None)


def _error_without_code(answer: Answer) -> CloudError | None:
    if answer.status in (401, 403) and answer.endpoint not in _LOGINS:
        return answer.error(TokenRefused, Reason.TOKEN_REFUSED)
    if answer.status in (400, 401, 403):  # a bare 400 happens several times a day, and the next attempt succeeds
        return answer.error(Unreachable, Reason.SERVER_ERROR)
    return None


def _offender(answer: Answer) -> str | None:
    """Find the datapoint that was refused: the first one of the request whose name is in the vendor's text.

    The text itself is not shown, since no document describes it.
    """
    body, sent = coerce.fields(answer.body), coerce.fields(coerce.fields(answer.sent).get("attrs"))
    details = (coerce.text(body.get(name)) or "" for name in ("detail_message", "detail"))
    return next((word for detail in details for word in _WORD.findall(detail) if word in sent), None)
