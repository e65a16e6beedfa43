"""Firstlight's error codes ("Error codes"), and the search for them in an answer.

The server puts them into the envelope, whatever the HTTP status. A gateway or proxy answers without an envelope.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .. import coerce
from ..errors import AuthFailed, CloudError, Forbidden, NotSupported, Reason, Rejected, TokenRefused, Unreachable
from ..http import Answer

WRONG_USER_TOKEN = "40450101"
WRONG_PAGE_NUMBER = "40460105"
WRONG_PAGE_SIZE = "40460106"

_CODES: Mapping[str, tuple[type[CloudError], Reason, str | None]] = {
    WRONG_USER_TOKEN: (AuthFailed, Reason.WRONG_USER_TOKEN, None),
    "40450103": (Forbidden, Reason.ITEM_ID_MISSING, None),
    "40460101": (Forbidden, Reason.WRONG_QUERY, "period"),
    "40460102": (Forbidden, Reason.WRONG_QUERY, "fromDate"),
    "40460103": (Forbidden, Reason.WRONG_QUERY, "toDate"),
    "40460104": (Forbidden, Reason.WRONG_QUERY, "groupBy"),
    WRONG_PAGE_NUMBER: (Forbidden, Reason.WRONG_QUERY, "pageNumber"),
    WRONG_PAGE_SIZE: (Forbidden, Reason.WRONG_QUERY, "pageSize"),
    "40460107": (Forbidden, Reason.WRONG_QUERY, "sortOrder"),
}
"""Code → (class, reason, the parameter it is about)."""

_TOKEN_NAMES = re.compile(r"(?:X-)?Authorization", re.IGNORECASE)

_GRAVEST_FIRST = (AuthFailed, Forbidden, Unreachable, Rejected)


def find_error(answer: Answer) -> CloudError | None:
    """Find the vendor's error in an answer; None if there is none."""
    if answer.status == 429:
        return None
    header = coerce.fields(coerce.fields(answer.body).get("header"))
    errors = header.get("errors")
    found = coerce.records([errors] if isinstance(errors, dict) else errors)
    if (token := _refused_token(answer, found)) is not None:
        return token
    if answer.status in {401, 403}:
        return _refusal(answer, has_envelope=bool(header))
    codes = [coerce.text(error.get("code")) or "" for error in found]
    if codes:
        return min((_error(answer, code) for code in codes), key=lambda error: _GRAVEST_FIRST.index(type(error)))
    if coerce.number(header.get("code")) not in {None, 0}:
        return _unknown(answer, coerce.text(header.get("code")))
    return _by_status(answer)


def _by_status(answer: Answer) -> CloudError | None:
    if answer.status == 404:
        return answer.error(NotSupported)
    return answer.error(Rejected, Reason.INVALID_REQUEST) if answer.status in {400, 405, 415, 422} else None


def _refusal(answer: Answer, *, has_envelope: bool) -> CloudError:
    if answer.status == 403 and has_envelope:
        return answer.error(Forbidden, Reason.RIGHT_MISSING)
    # A proxy may answer like this, too, so one such answer does not mean that the tokens are wrong.
    return answer.error(TokenRefused, Reason.TOKEN_REFUSED)


def _refused_token(answer: Answer, errors: Sequence[Mapping[str, Any]]) -> CloudError | None:
    """Find the server's own refusal of one of the two tokens."""
    for error in errors:
        if coerce.text(error.get("code")) == WRONG_USER_TOKEN:
            # The code is the same for both tokens; only the description names the header, X-Authorization or not.
            names = _TOKEN_NAMES.findall(coerce.text(error.get("description")) or "")
            is_other = names and not any(name.lower().startswith("x") for name in names)
            reason = Reason.WRONG_AUTHORIZATION_TOKEN if is_other else Reason.WRONG_USER_TOKEN
            return answer.error(AuthFailed, reason, code=WRONG_USER_TOKEN)
    return None


def _error(answer: Answer, code: str) -> CloudError:
    if code in _CODES:
        kind, reason, parameter = _CODES[code]
        return answer.error(kind, reason, code=code, subject=parameter)
    # Only these two endings mean the same in every API of the vendor.
    if code.endswith(("90", "91")):
        return answer.error(Unreachable, Reason.SERVER_ERROR, code=code)
    return _unknown(answer, code if code.isdecimal() else None)


def _unknown(answer: Answer, code: str | None) -> CloudError:
    # For a code that is not in the table, only the status tells a failing server from a wrong request.
    if answer.status >= 500:
        return answer.error(Unreachable, Reason.SERVER_ERROR, code=code)
    return answer.error(Rejected, Reason.INVALID_REQUEST, code=code)
