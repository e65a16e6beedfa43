"""What the automations and the activity log hear of an account: the types of its announcements, and their channels.

`announcer` makes them, `trigger` and `logbook` receive them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from homeassistant.util.signal_type import SignalType

from .const import DOMAIN

EVENT: Final = f"{DOMAIN}_event"
"""The event on Home Assistant's bus, which the recorder keeps for the activity log."""


class AnnouncementType(StrEnum):
    """What happened. Most are the key of a trigger as well."""

    ALARM_RAISED = "alarm_raised"
    ALARM_CLEARED = "alarm_cleared"
    WENT_OFFLINE = "device_went_offline"
    CAME_BACK = "device_came_back"
    BECAME_STALE = "readings_became_stale"
    BECAME_FRESH = "readings_became_fresh"
    COMMAND_REFUSED = "command_refused"
    COMMAND_NOT_CONFIRMED = "command_not_confirmed"
    REQUESTS_NEARLY_SPENT = "requests_nearly_spent"
    DEVICE_ADDED = "device_added"
    DEVICE_REMOVED = "device_removed"
    IMPORT_FINISHED = "import_finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """Something that happened to a device or to an account, in words.

    `variables` are those of a trigger. `since` is when a state began that lasts; `is_new` is False if it began before
    its account was set up, so that it was announced then. `announced_until` is when announcements had ended before the
    account was set up now: what would have been due later was missed.
    """

    type: AnnouncementType
    variables: Mapping[str, Any]
    since: datetime | None = None
    is_new: bool = True
    announced_until: datetime | None = None

    @property
    def subject(self) -> tuple[str, str]:
        """What a lasting state is one of: the device, and the datapoint of an alarm."""
        return self.device_id, self.variables.get("key", "")

    @property
    def device_id(self) -> str:
        """The device's id in the registry; that of the account's own device for what concerns the account."""
        device_id: str = self.variables["device_id"]
        return device_id

    @property
    def entry_id(self) -> str:
        """The id of the account's entry."""
        entry_id: str = self.variables["config_entry_id"]
        return entry_id


SIGNAL: Final[SignalType[Announcement]] = SignalType(f"{DOMAIN}_announcement")
