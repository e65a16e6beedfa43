"""Which text describes an error of a cloud, and the values of its placeholders.

The text itself is in the translations, under `exceptions`. Home Assistant's exceptions and the command-line client show
the same words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .clouds.errors import CloudError, NotSupported, RateLimited, Reason
from .clouds.model import Datapoint, DataType
from .plain_text import plain
from .reasons import row_of

_LONGEST_NAMES = 300  # characters: one name, or all options of a datapoint


@dataclass(frozen=True, slots=True)
class Wording:
    """The key of a text and the values of its placeholders, which are safe to show."""

    key: str
    placeholders: Mapping[str, str] = field(default_factory=dict)


def of_request(error: CloudError, now: datetime) -> Wording:
    """Describe an error on its own; `now` has the user's time zone."""
    return Wording(row_of(error).text, placeholders(error, now))


def of_command(
    error: CloudError, device: str, now: datetime, datapoint: Datapoint | None = None, *, name: str | None = None
) -> Wording:
    """Describe a failed command to `device`; `datapoint` has the refused value, if known, and is called `name`."""
    key = f"action_{row_of(error).text}"
    if key == "action_rejected" and error.code is None:
        key = "action_refused"  # the answer has neither a code nor a cause
    limits: dict[str, str] = {}
    if error.reason is Reason.SCHEMA_MISMATCH:
        key, limits = _limits(datapoint)
    elif error.reason is Reason.INVALID_VALUE:
        key = refused_value(error)
    named = {} if name is None else {"subject": name}
    return Wording(key, {**placeholders(error, now), **_plain({"device": device} | named | limits)})


def of_history(error: CloudError, subject: str, now: datetime, *, is_to_be_granted: bool = False) -> Wording:
    """Describe why the history of `subject` could not be read, or not all of it.

    `is_to_be_granted`: a function that the cloud says it does not have may only need to be granted by the vendor.
    """
    key = row_of(error).history
    if isinstance(error, NotSupported) and is_to_be_granted:
        key = "history_not_granted"
    elif key == "rejected" and error.code is None and error.status is None:
        key = "history_refused"
    return Wording(key, {**placeholders(error, now), **_plain({"subject": error.subject or subject})})


def refused_value(error: CloudError) -> str:
    """Return the key of the text for a value that a cloud refuses; some answers do not name the value."""
    return "action_invalid_value" if error.subject else "action_unnamed_value"


def _limits(datapoint: Datapoint | None) -> tuple[str, dict[str, str]]:
    if datapoint is None:
        return "action_unknown_datapoint", {}
    if not datapoint.is_writable:
        return "action_read_only", {}
    match datapoint.data_type:
        case DataType.BOOL:
            return "action_invalid_switch", {}
        case DataType.ENUM:
            return "action_invalid_option", {"options": ", ".join(map(str.strip, datapoint.options))}
        case DataType.NUMBER:
            limits = {"minimum": datapoint.minimum, "maximum": datapoint.maximum, "step": datapoint.step}
            return "action_invalid_number", {
                name: f"{limit:.10g}" for name, limit in limits.items() if limit is not None
            }
        case DataType.BINARY | DataType.TEXT:
            return "action_invalid_binary", {"length": str(datapoint.length or "")}


def placeholders(error: CloudError, now: datetime) -> dict[str, str]:
    """Return the values that the texts of an error may name."""
    until = now + timedelta(seconds=(error.retry_after or 60) if isinstance(error, RateLimited) else 0)
    return _plain(
        {
            "subject": error.subject or "",
            "until": until.strftime("%H:%M" if until.date() == now.date() else "%Y-%m-%d %H:%M"),
        }
    )


def _plain(texts: Mapping[str, str]) -> dict[str, str]:
    return {key: plain(text, _LONGEST_NAMES) for key, text in texts.items()}
