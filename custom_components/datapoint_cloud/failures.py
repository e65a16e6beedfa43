"""The only translation of a cloud's error into an exception of Home Assistant, each with a translated text."""

from homeassistant.exceptions import ConfigEntryAuthFailed, HomeAssistantError, ServiceValidationError
from homeassistant.helpers.update_coordinator import UpdateFailed

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
from .const import DOMAIN

# The most exact text wins: a reason's own, else its class's.
_TEXT_OF_REASON: frozenset[Reason] = frozenset(
    {
        Reason.IP_NOT_ALLOWED,
        Reason.CONTROL_NOT_ENABLED,
        Reason.DISABLED,
        Reason.INVALID_VALUE,
        Reason.TIMEOUT,
        Reason.SERVER_ERROR,
    }
)
_TEXT_OF_CLASS: dict[type[CloudError], str] = {
    Unreachable: "unreachable",
    AuthFailed: "auth_failed",
    TokenRefused: "auth_failed",
    Forbidden: "forbidden",
    RateLimited: "rate_limited",
    DeviceOffline: "offline",
    DeviceGone: "device_gone",
    Rejected: "rejected",
    NotSupported: "not_supported",
    UnexpectedAnswer: "unexpected_answer",
}


def text_key(error: CloudError) -> str:
    """The key of the text that tells the user what happened."""
    if error.reason in _TEXT_OF_REASON:
        return str(error.reason)
    return _TEXT_OF_CLASS.get(type(error), "unreachable")


def of_poll(error: CloudError) -> UpdateFailed | ConfigEntryAuthFailed:
    """What a failed poll raises. Only refused credentials start a reauthentication."""
    if isinstance(error, AuthFailed):
        return ConfigEntryAuthFailed(
            translation_domain=DOMAIN,
            translation_key=text_key(error),
            translation_placeholders=_placeholders(error),
        )
    return UpdateFailed(
        translation_domain=DOMAIN,
        translation_key=text_key(error),
        translation_placeholders=_placeholders(error),
        retry_after=error.retry_after if isinstance(error, RateLimited) else None,
    )


def of_action(error: CloudError, device: str) -> HomeAssistantError:
    """What a failed action on `device` raises."""
    kind = ServiceValidationError if error.reason is Reason.INVALID_VALUE else HomeAssistantError
    return kind(
        translation_domain=DOMAIN,
        translation_key=f"action_{text_key(error)}",
        translation_placeholders=_placeholders(error) | {"device": device},
    )


def _placeholders(error: CloudError) -> dict[str, str]:
    minutes = round((error.retry_after or 60) / 60) or 1 if isinstance(error, RateLimited) else 1
    return {
        "endpoint": error.endpoint,
        "subject": error.subject or "",
        "code": "" if error.code is None else str(error.code),
        "minutes": str(minutes),
    }
