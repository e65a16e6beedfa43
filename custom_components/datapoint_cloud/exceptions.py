"""Translate the errors of clouds into exceptions of Home Assistant, each with a translated text.

Nothing else raises Home Assistant's exceptions for an error of a cloud.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime

from homeassistant.exceptions import ConfigEntryAuthFailed, HomeAssistantError, ServiceValidationError
from homeassistant.helpers.update_coordinator import UpdateFailed
from homeassistant.util import dt as dt_util

from . import wording
from .clouds.errors import AuthFailed, CloudError, NotSupported, RateLimited, Reason
from .clouds.model import Datapoint
from .const import DOMAIN
from .plain_text import plain
from .reasons import row_of

_LOGGER = logging.getLogger(__name__)

_LONGEST_NAMES = 300  # characters: one name, or all options of a datapoint
_LOST = frozenset({Reason.TIMEOUT, Reason.NO_CONNECTION, Reason.SERVER_ERROR})
_WRONG_VALUE = frozenset({Reason.INVALID_VALUE, Reason.SCHEMA_MISMATCH})
_WITHOUT_DETAIL = frozenset(
    {
        "feature_not_granted",
        "forbidden",
        "history_wrong_query",
        "invalid_payload",
        "product_refused",
        "rejected",
        "unexpected_answer",
        "unknown_organization",
    }
)
"""The texts of errors whose cause only the vendor's code tells, which they leave out."""


def text_key(error: CloudError) -> str:
    """Return the key of the text for an error."""
    return row_of(error).text


def details_of(error: CloudError) -> str | None:
    """Return the vendor's code and the endpoint of an error for the log; None if its text says all there is to say."""
    row = row_of(error)
    return plain(str(error), _LONGEST_NAMES) if _WITHOUT_DETAIL & {row.text, row.history} else None


def _log_details(error: CloudError) -> None:
    if (details := details_of(error)) is not None:
        _LOGGER.debug("The cloud refused what an action asked for: %s", details)


def of_poll(error: CloudError) -> UpdateFailed | ConfigEntryAuthFailed:
    """Return the exception for a failed poll. Only refused credentials start a reauthentication."""
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


def of_action(
    error: CloudError, device: str, datapoint: Datapoint | None = None, *, name: str | None = None
) -> HomeAssistantError:
    """Return the exception for a failed command to `device`.

    `datapoint` has the refused value, if known, and `name` is what the user calls it.
    """
    _log_details(error)
    found = wording.of_command(error, device, dt_util.now(), datapoint, name=name)
    kind = ServiceValidationError if error.reason in _WRONG_VALUE else HomeAssistantError
    return kind(
        translation_domain=DOMAIN,
        translation_key=found.key,
        translation_placeholders=dict(found.placeholders),
    )


def of_group(error: CloudError, group_id: str) -> HomeAssistantError:
    """Return the exception for a command to a group that failed as a whole."""
    if error.reason is Reason.NOT_FOUND or isinstance(error, NotSupported):
        return ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="group_unknown" if error.reason is Reason.NOT_FOUND else "group_not_supported",
            translation_placeholders=_plain({"group": group_id}),
        )
    if error.reason in _WRONG_VALUE:
        return ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key=wording.refused_value(error),
            translation_placeholders=_plain(_placeholders(error) | {"device": group_id}),
        )
    return of_action(error, group_id)


def of_busy_group(group_id: str) -> HomeAssistantError:
    """Return the exception for a command to a group while an earlier one is still sent to `group_id`."""
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key="group_waits", translation_placeholders=_plain({"group": group_id})
    )


def of_scene(error: CloudError, scene: str) -> HomeAssistantError:
    """Return the exception for a scene that the cloud did not run."""
    if error.reason is Reason.UNKNOWN_SCENE:
        return ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="action_unknown_scene",
            translation_placeholders=_plain({"device": scene}),
        )
    return of_action(error, scene)


def of_history(error: CloudError, subject: str, *, is_to_be_granted: bool = False) -> HomeAssistantError:
    """Return the exception for an action that could not read the history of `subject`, or not all of it.

    `is_to_be_granted`: a function that the cloud says it does not have may only need to be granted by the vendor.
    """
    _log_details(error)
    found = wording.of_history(error, subject, dt_util.now(), is_to_be_granted=is_to_be_granted)
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=found.key,
        translation_placeholders=dict(found.placeholders),
    )


def of_administration(error: CloudError, subject: str = "", *, is_change: bool) -> HomeAssistantError:
    """Return the exception for an action that administers an account; `subject` is what the action is about.

    `is_change`: the cloud may have made the change although its answer was lost.
    """
    _log_details(error)
    key, subject = row_of(error).administration, subject or error.subject or ""
    if is_change and error.code is None and error.reason in _LOST:
        key = "change_unconfirmed"
    elif error.reason is Reason.NOT_FOUND and not subject:
        key = text_key(error)
    elif error.reason is Reason.INVALID_VALUE and not error.subject:
        key = "rejected"
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=_plain(_placeholders(error) | {"subject": subject}),
    )


def of_item(error: CloudError | None, item: str) -> HomeAssistantError:
    """Return the reason why a change of one of several items was refused; None: the cloud gives no reason."""
    if error is not None:
        return of_administration(error, item, is_change=False)
    return HomeAssistantError(translation_domain=DOMAIN, translation_key="item_refused")


def of_items(reasons: Mapping[str, str]) -> HomeAssistantError:
    """Return the exception for a change that was refused for these items, each with its reason."""
    listed = "; ".join(f"{item} ({reason})" for item, reason in reasons.items())
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key="items_refused", translation_placeholders=_plain({"items": listed})
    )


def not_kept(since: datetime | None) -> HomeAssistantError:
    """Return the reason why an answer begins at `since`; None: the cloud keeps nothing of the requested range."""
    key, since_when = "history_none_kept", {}
    if since is not None:
        key, since_when = "history_not_kept", {"since": dt_util.as_local(since).strftime("%Y-%m-%d %H:%M")}
    return HomeAssistantError(translation_domain=DOMAIN, translation_key=key, translation_placeholders=since_when)


def not_told_yet(until: datetime) -> HomeAssistantError:
    """Return the reason why an answer ends at `until`, before the requested range does."""
    until_when = {"until": dt_util.as_local(until).strftime("%Y-%m-%d %H:%M")}
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key="history_not_yet", translation_placeholders=until_when
    )


def of_call(key: str, **placeholders: str) -> ServiceValidationError:
    """Return the exception for a call of an action with invalid data."""
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=_plain(placeholders)
    )


def of_unknown_datapoint(device: str, datapoint: str, similar: Iterable[str]) -> ServiceValidationError:
    """Return the exception for a datapoint that a device does not have, with the names of those that were meant."""
    return of_call("no_datapoint", device=device, datapoint=datapoint, similar=", ".join(similar))


def of_import(error: CloudError) -> HomeAssistantError:
    """Return the exception for an incomplete import of history."""
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key=text_key(error), translation_placeholders=_placeholders(error)
    )


def of_recorder() -> HomeAssistantError:
    """Return the exception for an import whose rows the recorder did not store in time."""
    return HomeAssistantError(translation_domain=DOMAIN, translation_key="recorder_silent")


def of_unloading(device: str) -> HomeAssistantError:
    """Return the exception for a command whose account is unloaded before the cloud answers."""
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key="action_unloaded",
        translation_placeholders=_plain({"device": device}),
    )


def of_unforeseen(subject: str) -> HomeAssistantError:
    """Return the exception for a command that failed because of an error in this integration."""
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key="action_failed", translation_placeholders={"device": subject}
    )


def _placeholders(error: CloudError) -> dict[str, str]:
    return wording.placeholders(error, dt_util.now())


def _plain(texts: Mapping[str, str]) -> dict[str, str]:
    """Shorten placeholders, some of which others wrote. Exceptions show them as plain text, never as markdown."""
    return {key: plain(text, _LONGEST_NAMES) for key, text in texts.items()}
