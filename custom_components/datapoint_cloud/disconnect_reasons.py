"""Why devices went offline: reads the clouds' words from the online log, and gives their meaning.

The texts are in the translations, since the connectivity sensor's attribute shows them, too.
"""

import asyncio
import logging
from datetime import timedelta

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .clouds.errors import CloudError
from .clouds.history import History
from .clouds.model import Device
from .texts import text_or_none

_LOGGER = logging.getLogger(__name__)

LAST_DISCONNECT_REASON = "last_disconnect_reason"

_TEXTS = ("entity", "binary_sensor", "connectivity", "state_attributes", LAST_DISCONNECT_REASON, "state")
_LOOK_BACK = timedelta(days=1)
# The device came online again, and its old connection was cut (Gizwits Enterprise API, "offline reasons").
_NO_OUTAGE = frozenset({"offline_force"})


def word_of(reason: str) -> str:
    """Return a reason as the translations spell it: clouds write some in upper and lower case."""
    return reason.strip().lower()


def is_outage(reason: str) -> bool:
    """Whether a device that went offline for this reason was really unreachable."""
    return word_of(reason) not in _NO_OUTAGE


async def async_last_reason(history: History, device: Device, delay: float) -> str | None:
    """Return why the device has just gone offline, after `delay` seconds; None if the cloud does not say.

    Sends one request, even if a thousand devices go offline at once: these are requests for history, which the budget
    refuses before they take anything from polling and commands.
    """
    await asyncio.sleep(delay)
    now = dt_util.utcnow()
    try:
        log = await history.online_log(device, now - _LOOK_BACK, now)
    except CloudError as error:
        _LOGGER.debug("The reason why a device went offline cannot be read: %s", error)
        return None
    return next((word_of(entry.reason) for entry in reversed(log.rows) if entry.reason), None)


@callback
def text_of_reason(hass: HomeAssistant, reason: str) -> str | None:
    """Return the meaning of a reason in Home Assistant's language; None if it is not known."""
    return text_or_none(hass, *_TEXTS, word_of(reason))
