"""Why devices lost their connection: the clouds' words for it, and what they mean.

The texts stand in the translations, where the connectivity sensor's attribute finds them too.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta

from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from .clouds.errors import CloudError
from .clouds.history import History
from .clouds.model import Device
from .const import DOMAIN

_LOGGER = logging.getLogger(__name__)

LAST_DISCONNECT_REASON = "last_disconnect_reason"

_TEXTS = f"component.{DOMAIN}.entity.binary_sensor.connectivity.state_attributes.{LAST_DISCONNECT_REASON}.state."
_LOG_IS_BEHIND = 5.0  # seconds, at least what remains of the one that is running
_LOOK_BACK = timedelta(days=1)
# The device came online again, and its old connection was cut (Gizwits Enterprise API, "offline reasons").
_NO_OUTAGE = frozenset({"offline_force"})


def word_of(reason: str) -> str:
    """The reason as the translations know it: clouds write some in both cases."""
    return reason.strip().lower()


def is_outage(reason: str) -> bool:
    """Whether a device with this reason was really gone."""
    return word_of(reason) not in _NO_OUTAGE


async def async_last_reason(history: History, device: Device) -> str | None:
    """The cloud's word for why the device went just now; None where it is not to be had. Asks once."""
    await asyncio.sleep(_LOG_IS_BEHIND)
    now = dt_util.utcnow()
    try:
        past = await history.online_log(device, now - _LOOK_BACK, now)
    except CloudError as error:
        _LOGGER.debug("Why a device went offline is unknown: %s", error)
        return None
    return next((word_of(line.reason) for line in reversed(past.rows) if line.reason), None)


async def async_texts_of_reasons(hass: HomeAssistant) -> Mapping[str, str]:
    """What the known words mean, in the language of the installation."""
    texts = await async_get_translations(hass, hass.config.language, "entity", {DOMAIN})
    return {key.removeprefix(_TEXTS): text for key, text in texts.items() if key.startswith(_TEXTS)}
