"""What an error of a cloud means to the user: one row for each reason, one for each class of errors.

A row holds the keys of the texts in exceptions, in history answers and in forms, and the issue that the error opens.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from .clouds.errors import (
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
    UnexpectedAnswer,
    Unreachable,
)


class Repair(Enum):
    """How the user repairs an issue; the issue closes when the cloud's answers no longer call for it."""

    OUTSIDE = auto()
    """Outside Home Assistant, or by reconfiguring the account: the issue only explains it."""
    SCOPE_FORM = auto()
    """In the form of the scope, which the repair opens."""
    GRANT = auto()
    """At the vendor, who grants something; the repair then reloads the account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The meaning of a reason or of a class of errors. A reason without a text has the text of the error's class."""

    text: str = ""
    """The key of the text in exceptions; with `action_` before it, the key of the text of a failed action."""
    history: str = ""
    """The key of the text in history answers, if `text` does not fit there."""
    administration: str = ""
    """The key of the text in actions that administer an account, if `text` does not fit there."""
    form: str = ""
    """The key of the text in forms. The fields say where it is shown, see `Field.reasons`."""
    repair: Repair | None = None
    """How the user repairs the issue that the error opens; None if it opens none."""
    is_of_account: bool = False
    """Whether it concerns the account as a whole, even if the cloud refused only one scope."""


REASONS: Final[Mapping[Reason, Row]] = {
    # the account
    Reason.WRONG_PASSWORD: Row(form="wrong_password"),
    Reason.UNKNOWN_USER: Row(form="unknown_user"),
    Reason.TOKEN_REFUSED: Row(),
    Reason.ACCOUNT_DISABLED: Row(form="account_disabled"),
    Reason.WRONG_CLIENT: Row(form="wrong_client"),
    Reason.UNKNOWN_ENTERPRISE: Row(form="unknown_enterprise", is_of_account=True),
    Reason.WRONG_ENTERPRISE_SECRET: Row(form="wrong_enterprise_secret"),
    Reason.WRONG_USER_TOKEN: Row(form="wrong_user_token"),
    Reason.WRONG_AUTHORIZATION_TOKEN: Row(form="wrong_authorization_token"),
    # what the user configured
    Reason.UNKNOWN_APP: Row(form="unknown_app", repair=Repair.OUTSIDE, is_of_account=True),
    Reason.PASSWORD_LOGIN_NOT_ALLOWED: Row(form="password_login_not_allowed"),
    Reason.CONSENT_REQUIRED: Row(form="consent_required"),
    Reason.WRONG_REALM: Row(form="wrong_realm"),
    Reason.WRONG_PRODUCT_SECRET: Row(
        form="wrong_product_secret", administration="wrong_product_secret", repair=Repair.SCOPE_FORM
    ),
    Reason.UNKNOWN_PRODUCT: Row(form="unknown_product", administration="unknown_product", repair=Repair.SCOPE_FORM),
    Reason.UNKNOWN_GROUP: Row(
        text="unknown_group", form="unknown_group", administration="no_such_group", repair=Repair.SCOPE_FORM
    ),
    Reason.UNKNOWN_ORGANIZATION: Row(
        text="unknown_organization", form="unknown_organization", repair=Repair.SCOPE_FORM
    ),
    Reason.PRODUCT_REFUSED: Row(text="product_refused", repair=Repair.SCOPE_FORM),
    Reason.PRODUCT_NOT_ASSOCIATED: Row(form="product_not_associated", repair=Repair.SCOPE_FORM),
    Reason.PUSH_REFUSED: Row(repair=Repair.SCOPE_FORM),
    Reason.IP_NOT_ALLOWED: Row(text="ip_not_allowed", form="ip_not_allowed", repair=Repair.OUTSIDE, is_of_account=True),
    Reason.NO_CORPORATE_ACCOUNT: Row(form="no_corporate_account"),
    Reason.ITEM_ID_MISSING: Row(history="history_item_id_missing", form="item_id_missing", repair=Repair.SCOPE_FORM),
    Reason.WRONG_ITEM_ID: Row(history="history_wrong_item_id", form="wrong_item_id", repair=Repair.SCOPE_FORM),
    Reason.WRONG_QUERY: Row(history="history_wrong_query", form="wrong_query", repair=Repair.SCOPE_FORM),
    # what the vendor has to grant first
    Reason.FEATURE_NOT_GRANTED: Row(
        text="feature_not_granted", history="history_not_granted", form="feature_not_granted", repair=Repair.GRANT
    ),
    Reason.DEVICES_NOT_GRANTED: Row(text="devices_not_granted", form="feature_not_granted", repair=Repair.OUTSIDE),
    Reason.CONTROL_NOT_ENABLED: Row(text="control_not_enabled", repair=Repair.OUTSIDE),
    Reason.NO_DATAPOINTS: Row(text="no_datapoints", form="no_datapoints", repair=Repair.OUTSIDE),
    Reason.RIGHT_MISSING: Row(form="right_missing"),
    Reason.QUOTA_EXHAUSTED: Row(form="rate_limited"),
    Reason.PAUSED: Row(),
    Reason.BUDGET_SPENT: Row(),
    # the device
    Reason.OFFLINE: Row(),
    Reason.DISABLED: Row(text="disabled"),
    Reason.NOT_BOUND: Row(text="not_bound"),
    Reason.NOT_FOUND: Row(history="history_not_found", administration="history_not_found"),
    # the request
    Reason.SCHEMA_MISMATCH: Row(),  # the limits that the datapoint has make its text, see `exceptions.of_action`
    Reason.INVALID_VALUE: Row(text="invalid_value", history="history_refused"),
    Reason.INVALID_REQUEST: Row(),
    Reason.INVALID_PAYLOAD: Row(text="invalid_payload"),
    Reason.UNKNOWN_SCENE: Row(text="unknown_scene"),
    Reason.GROUP_NOT_EMPTY: Row(administration="group_not_empty"),
    Reason.ROOT_GROUP_EXISTS: Row(administration="root_group_exists"),
    Reason.GROUPS_BUSY: Row(administration="groups_busy"),
    Reason.BAD_QR_CODE: Row(administration="bad_qr_code"),
    Reason.DEVICE_QUOTA_REACHED: Row(administration="device_quota_reached"),
    Reason.NOT_OWNER: Row(administration="not_owner"),
    Reason.CLOCK_WRONG: Row(administration="clock_wrong"),
    Reason.STOPPED: Row(text="stopped"),
    Reason.SENDING_FAILED: Row(text="sending_failed"),
    # the answer
    Reason.ZONE_UNPROVEN: Row(history="history_zone_unproven"),
    Reason.NOT_READY: Row(text="not_ready"),
    Reason.TOO_MANY_ROWS: Row(history="history_too_many_rows"),
    # the connection
    Reason.TIMEOUT: Row(text="timeout"),
    Reason.NO_CONNECTION: Row(),
    Reason.SERVER_ERROR: Row(
        text="server_error", history="history_server_error", administration="history_server_error"
    ),
}

_CLASSES: Final[Mapping[type[CloudError], Row]] = {
    Unreachable: Row(text="unreachable", form="cannot_connect"),
    AuthFailed: Row(text="auth_failed", form="invalid_auth"),
    TokenRefused: Row(text="auth_failed", form="invalid_auth"),
    Forbidden: Row(text="forbidden"),
    RateLimited: Row(
        text="rate_limited",
        history="history_rate_limited",
        administration="history_rate_limited",
        form="rate_limited",
    ),
    DeviceOffline: Row(text="offline"),
    DeviceGone: Row(text="device_gone"),
    Rejected: Row(text="rejected"),
    NotSupported: Row(text="not_supported", form="unexpected_answer"),
    UnexpectedAnswer: Row(text="unexpected_answer", form="unexpected_answer"),
}
_OTHER_CLASS: Final = Row(text="unreachable")


def row_of(error: CloudError) -> Row:
    """Return what an error means: the row of its reason, completed with the texts for its class."""
    reason = Row() if error.reason is None else REASONS[error.reason]
    class_ = _CLASSES.get(type(error), _OTHER_CLASS)
    text = reason.text or class_.text
    return replace(
        reason,
        text=text,
        history=class_.history or reason.history or text,
        administration=class_.administration or reason.administration or text,
        form=reason.form or class_.form or "refused",
    )
