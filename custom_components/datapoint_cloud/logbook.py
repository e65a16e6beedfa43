"""Describes our event to the activity log, in the words with which it was announced."""

from collections.abc import Callable

from homeassistant.components.logbook.const import LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.components.logbook.models import LazyEventPartialState
from homeassistant.core import HomeAssistant, callback

from .announcements import EVENT
from .const import DOMAIN

type _Describe = Callable[[LazyEventPartialState], dict[str, str]]


@callback
def async_describe_events(hass: HomeAssistant, async_describe_event: Callable[[str, str, _Describe], None]) -> None:
    """Describe our event."""

    @callback
    def describe(event: LazyEventPartialState) -> dict[str, str]:
        words = event.data
        return {LOGBOOK_ENTRY_NAME: words["name"], LOGBOOK_ENTRY_MESSAGE: words["message"]}

    async_describe_event(DOMAIN, EVENT, describe)
