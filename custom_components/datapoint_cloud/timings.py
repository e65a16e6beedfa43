"""Every duration of the integration that a test changes, with its meaning, in one place.

The durations of push are in `clouds/`; those that no test changes are constants of their modules.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from homeassistant.core import HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

from .clouds.transport import HttpTimings
from .const import DOMAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Durations in seconds, if their type does not say otherwise."""

    pending_for: timedelta = timedelta(seconds=35)
    """How long a written value is shown although the device has not confirmed it."""
    confirmation_reads: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 15.0)
    """The pauses before each read that looks for the effect of a command; all reads come before `pending_for` ends."""
    revert_margin: float = 0.1
    """From the end of `pending_for` until the entity shows again what the device reports."""
    give_up_margin: float = 1.0
    """From the end of `pending_for` until a command counts as failed."""
    first_readings: float = 10.0
    """How long set-up waits for the first readings, which go on in the background."""
    http: HttpTimings = field(default_factory=HttpTimings)
    """How long requests may take, and how soon one that failed is sent again."""
    online_log_delay: float = 5.0
    """How far a cloud's log of connections is behind: that long after a device went offline it says why."""

    @property
    def revert_after(self) -> float:
        """The pause after the last confirmation read until the entity shows what the device reports."""
        return self.pending_for.total_seconds() - sum(self.confirmation_reads) + self.revert_margin

    @property
    def give_up_after(self) -> float:
        """How long a command may take at the most."""
        return self.pending_for.total_seconds() + self.give_up_margin


_USUAL = Timings()
_TIMINGS: HassKey[Timings] = HassKey(f"{DOMAIN}_timings")


@callback
def timings_of(hass: HomeAssistant) -> Timings:
    """Return the durations that hold in this Home Assistant: the usual ones, unless a test has set others."""
    return hass.data.get(_TIMINGS, _USUAL)


@callback
def set_timings(hass: HomeAssistant, timings: Timings) -> None:
    """Let other durations hold, for tests."""
    hass.data[_TIMINGS] = timings
