"""The list of an account's scenes, read again with the list of devices: once an hour, or sooner if no answer came."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from .clouds.administration import Scene, SceneAdministration
from .clouds.clock import is_due
from .clouds.errors import CloudError, Unreachable
from .coordinator import DatapointCoordinator
from .fleet.listeners import ACCOUNT

_LOGGER = logging.getLogger(__name__)

_LIST_EVERY = timedelta(hours=1)
_RETRY_AFTER = timedelta(minutes=5)


class SceneList:
    """The scenes of one account."""

    def __init__(
        self,
        coordinator: DatapointCoordinator,
        administration: SceneAdministration,
        on_list: Callable[[Mapping[str, Scene]], Awaitable[None]],
    ) -> None:
        """Call `on_list` with the scenes by id whenever they were listed."""
        self._coordinator = coordinator
        self._administration = administration
        self._on_list = on_list
        self._requested_at: datetime | None = None
        self._pause = _LIST_EVERY

    @callback
    def async_start(self) -> None:
        """List the scenes now and from time to time, until the account is unloaded."""
        self._list_if_due()
        cancel = self._coordinator.async_add_listener(self._list_if_due, ACCOUNT)
        self._coordinator.config_entry.async_on_unload(cancel)

    @callback
    def _list_if_due(self) -> None:
        coordinator, now = self._coordinator, dt_util.utcnow()
        is_due_now = self._requested_at is None or is_due(self._requested_at, self._pause, now)
        # While polls fail, or during a pause, the cloud is left alone.
        if is_due_now and coordinator.last_update_success:
            self._requested_at = now
            coordinator.config_entry.async_create_background_task(
                coordinator.hass, self._async_list(), f"{coordinator.name} scenes"
            )

    async def _async_list(self) -> None:
        try:
            scenes = await self._administration.list_scenes()
        except CloudError as error:
            _LOGGER.debug("The scenes cannot be listed: %s", error)
            # A refusal costs a request each time, and an app without scenes would be asked for ever.
            self._pause = _RETRY_AFTER if isinstance(error, Unreachable) else _LIST_EVERY
        else:
            self._pause = _LIST_EVERY
            await self._on_list({scene.id: scene for scene in scenes})
