"""The errors of all clouds, as one tree.

The class of an error is what happened, its `reason` is why, and its `endpoint` is the template of the address, never a
filled-in address. Errors contain no secrets, nor text of a vendor unless it was made safe to display.
"""

from enum import StrEnum


class Reason(StrEnum):
    """The cause of an error, if it is known."""

    # the account
    WRONG_PASSWORD = "wrong_password"
    UNKNOWN_USER = "unknown_user"
    TOKEN_REFUSED = "token_refused"
    ACCOUNT_DISABLED = "account_disabled"
    WRONG_CLIENT = "wrong_client"
    UNKNOWN_ENTERPRISE = "unknown_enterprise"
    WRONG_ENTERPRISE_SECRET = "wrong_enterprise_secret"
    WRONG_USER_TOKEN = "wrong_user_token"
    WRONG_AUTHORIZATION_TOKEN = "wrong_authorization_token"
    # what the user configured
    UNKNOWN_APP = "unknown_app"
    PASSWORD_LOGIN_NOT_ALLOWED = "password_login_not_allowed"
    CONSENT_REQUIRED = "consent_required"
    WRONG_REALM = "wrong_realm"
    WRONG_PRODUCT_SECRET = "wrong_product_secret"
    UNKNOWN_PRODUCT = "unknown_product"
    UNKNOWN_GROUP = "unknown_group"
    UNKNOWN_ORGANIZATION = "unknown_organization"
    PRODUCT_REFUSED = "product_refused"  # for an unknown reason
    PRODUCT_NOT_ASSOCIATED = "product_not_associated"
    PUSH_REFUSED = "push_refused"
    IP_NOT_ALLOWED = "ip_not_allowed"
    NO_CORPORATE_ACCOUNT = "no_corporate_account"
    ITEM_ID_MISSING = "item_id_missing"
    WRONG_ITEM_ID = "wrong_item_id"
    WRONG_QUERY = "wrong_query"
    # what the vendor has to grant first
    FEATURE_NOT_GRANTED = "feature_not_granted"
    DEVICES_NOT_GRANTED = "devices_not_granted"
    CONTROL_NOT_ENABLED = "control_not_enabled"
    NO_DATAPOINTS = "no_datapoints"
    RIGHT_MISSING = "right_missing"
    QUOTA_EXHAUSTED = "quota_exhausted"
    PAUSED = "paused"  # the cloud demanded a pause, and it is not over
    BUDGET_SPENT = "budget_spent"  # refused by our own budget, before the cloud would refuse
    # the device
    OFFLINE = "offline"
    DISABLED = "disabled"
    NOT_BOUND = "not_bound"
    NOT_FOUND = "not_found"
    # the request
    SCHEMA_MISMATCH = "schema_mismatch"  # a value that the datapoint's definition does not allow; it was not sent
    INVALID_VALUE = "invalid_value"  # refused by the cloud
    INVALID_REQUEST = "invalid_request"
    INVALID_PAYLOAD = "invalid_payload"
    UNKNOWN_SCENE = "unknown_scene"
    GROUP_NOT_EMPTY = "group_not_empty"
    ROOT_GROUP_EXISTS = "root_group_exists"
    GROUPS_BUSY = "groups_busy"  # an earlier change is not finished
    BAD_QR_CODE = "bad_qr_code"
    DEVICE_QUOTA_REACHED = "device_quota_reached"
    NOT_OWNER = "not_owner"
    CLOCK_WRONG = "clock_wrong"  # the cloud refuses the time of this machine
    STOPPED = "stopped"  # the command ended before it was sent
    SENDING_FAILED = "sending_failed"  # from the cloud to the device; another attempt may succeed
    # the answer
    ZONE_UNPROVEN = "zone_unproven"
    NOT_READY = "not_ready"  # the cloud has not prepared the answer yet
    TOO_MANY_ROWS = "too_many_rows"
    # the connection
    TIMEOUT = "timeout"
    NO_CONNECTION = "no_connection"
    SERVER_ERROR = "server_error"


class CloudError(Exception):
    """A request to a cloud failed.

    `subject` is the thing that the error concerns (a product key, the name of a datapoint), if it is known.
    """

    def __init__(
        self,
        reason: Reason | None = None,
        *,
        endpoint: str = "",
        status: int | None = None,
        code: int | str | None = None,
        subject: str | None = None,
    ) -> None:
        """Describe a failure at `endpoint` (a template), with the HTTP status and the vendor's code."""
        self.reason = reason
        self.endpoint = endpoint
        self.status = status
        self.code = code
        self.subject = subject
        super().__init__(self._text())

    def _text(self) -> str:
        facts = [type(self).__name__ if self.reason is None else str(self.reason)]
        facts += [
            f"{name} {value}" for name, value in (("code", self.code), ("HTTP", self.status)) if value is not None
        ]
        return ", ".join(facts) + (f" at {self.endpoint}" if self.endpoint else "")


class Unreachable(CloudError):
    """No connection, a timeout, or a server that failed. A later attempt may succeed."""


class AuthFailed(CloudError):
    """The credentials of the account were refused. Only the user can correct them."""


class TokenRefused(CloudError):
    """A token was refused, without a check of the credentials. A renewed token may be accepted."""


class Forbidden(CloudError):
    """The account is valid, but not allowed to do this, or not configured for it. The user can act on `reason`."""


class RateLimited(CloudError):
    """Too many requests. `retry_after` is in seconds; None if the cloud does not state it."""

    retry_after: float | None = None


class DeviceOffline(CloudError):
    """The cloud cannot reach the device now (offline or disabled)."""


class DeviceGone(CloudError):
    """The cloud no longer has the device, or no longer shows it to this account."""


class Rejected(CloudError):
    """The request itself was refused: a wrong value, an unknown name. The same request will fail again."""


class NotSupported(CloudError):
    """The cloud does not offer the function, or not at this address."""


class UnexpectedAnswer(CloudError):
    """The answer is not as documented: no JSON, incomplete, or of another type."""
