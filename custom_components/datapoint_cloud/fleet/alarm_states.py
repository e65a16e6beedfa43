"""Which alarms of one device are raised, and since when.

Pure: time comes in as an argument. It knows neither how alarms are shown nor who hears of them.
"""

from dataclasses import dataclass, field
from datetime import datetime

from ..clouds.clock import arrived


@dataclass(slots=True)
class AlarmStates:
    """Whether each alarm was last known to be raised, by datapoint; `changed_at` is since when, if it was seen."""

    is_raised: dict[str, bool] = field(default_factory=dict)
    changed_at: dict[str, datetime] = field(default_factory=dict)

    def update(self, key: str, now: datetime, *, is_raised: bool) -> bool:
        """Note the state of an alarm; return whether it was raised or cleared.

        The first known state is no change: the alarm may have been raised long ago.
        """
        was_raised = self.is_raised.get(key)
        self.is_raised[key] = is_raised
        has_changed = was_raised is not None and was_raised != is_raised
        if has_changed:
            self.changed_at[key] = now
        return has_changed

    def clamp(self, now: datetime) -> None:
        """Take changes in the future for changes of now."""
        self.changed_at = {key: arrived(at, now) for key, at in self.changed_at.items()}
