"""Everything that can go wrong with a cloud, as one tree.

An error says what happened (its class), why (its reason) and where (the endpoint's template, never a filled-in
address). It never carries a secret, nor the vendor's text unless it was made safe to show.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a cloud refused, where the cause is known."""

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
    PRODUCT_REFUSED = "product_refused"  # for no reason that the user could be told
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
    PAUSED = "paused"  # the cloud asked to be left alone, and that is not over
    BUDGET_SPENT = "budget_spent"  # held back by this client itself, before the cloud would refuse
    # the device
    OFFLINE = "offline"
    DISABLED = "disabled"
    NOT_BOUND = "not_bound"
    NOT_FOUND = "not_found"
    # the request
    INVALID_VALUE = "invalid_value"
    INVALID_REQUEST = "invalid_request"
    INVALID_PAYLOAD = "invalid_payload"
    SENDING_FAILED = "sending_failed"  # from the cloud to the device; worth another try
    # the answer
    ZONE_UNPROVEN = "zone_unproven"
    NOT_READY = "not_ready"  # the cloud has not made it yet
    TOO_MANY_ROWS = "too_many_rows"
    # the way there
    TIMEOUT = "timeout"
    NO_CONNECTION = "no_connection"
    SERVER_ERROR = "server_error"


class CloudError(Exception):
    """A cloud, or the way to it, failed.

    `subject` names what it was about (a product key, the name of a datapoint) when the cloud said so.
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
        """Describe a failure of the endpoint's template `endpoint`, with the HTTP status and the vendor's code."""
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
    """No connection, no answer in time, or a server that failed. Worth another try later."""


class AuthFailed(CloudError):
    """The account's credentials were refused. Only the user can mend it."""


class TokenRefused(CloudError):
    """A token was refused, the credentials were not tried. Worth one renewal."""


class Forbidden(CloudError):
    """The account is fine, but this is not allowed, or not configured, for it. `reason` says what the user can do."""


class RateLimited(CloudError):
    """Too many requests. `retry_after` is in seconds; None where the cloud does not say."""

    retry_after: float | None = None


class DeviceOffline(CloudError):
    """The device cannot be reached by its cloud now (offline or disabled)."""


class DeviceGone(CloudError):
    """The cloud no longer knows the device, or no longer shows it to this account."""


class Rejected(CloudError):
    """The request itself was refused: a wrong value, an unknown name. The same request will fail again."""


class NotSupported(CloudError):
    """The function is not offered by the cloud, or not at this address of it."""


class UnexpectedAnswer(CloudError):
    """The answer was not what the documents promise: no JSON, cut off, of another type."""
