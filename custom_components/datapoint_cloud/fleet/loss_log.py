"""Logs once when devices or scopes of an account are lost, and once when they are back.

It does not log that the account as a whole is lost: Home Assistant's coordinator does.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence

from .. import exceptions
from ..clouds.errors import CloudError
from .device_state import DeviceState
from .inventory import Inventory

_LOGGER = logging.getLogger(__name__)

_MAX_NAMES = 3

_UNLISTED = "the cloud does not list them any more"
_OFFLINE = "the cloud says that they are offline"
_SILENT = "nothing was heard of them for too long"


def describe_error(error: CloudError) -> str:
    """Describe an error for the log, first in our words, then in the cloud's."""
    return f"{exceptions.of_poll(error)} ({error})"


def shorten(names: Sequence[str]) -> str:
    """Join the first names and the number of the others."""
    shown = ", ".join(" ".join(name.split()) for name in names[:_MAX_NAMES])
    return f"{shown} and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else shown


def log_removed(account: str, names: Sequence[str]) -> None:
    """Log that devices and their settings were removed from Home Assistant."""
    text = "%s: %d removed, not listed or not chosen any more: %s"
    _LOGGER.warning(text, account, len(names), shorten(names))


class LossLog:
    """Logs the losses of one account."""

    def __init__(self, name: str, inventory: Inventory, scope_name: Callable[[str], str]) -> None:
        self._name = name
        self._inventory = inventory
        self._scope_name = scope_name
        self._seen: set[str] = set()
        """The devices that were available at least once since the account was set up."""
        self._lost: set[str] = set()
        self._failed_scopes: set[str] = set()

    def update(self) -> None:
        """Log what was lost and what is back since the last poll, in one line for each cause."""
        self._log_scopes()
        fleet, failed = self._inventory.fleet, self._inventory.failed_scopes
        available = {device_id for device_id, state in fleet.items() if state.is_available}
        self._seen = (self._seen & fleet.keys()) | available
        back = self._lost & available
        self._lost = (self._lost & fleet.keys()) - available
        if back:
            names = [fleet[device_id].device.name for device_id in fleet if device_id in back]
            _LOGGER.info("%s: %d back: %s", self._name, len(names), shorten(names))
        lost_by_cause: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
        for device_id in self._seen - available - self._lost:
            state = fleet[device_id]
            if state.device.scope not in failed:  # the failure of the scope was logged instead
                lost_by_cause[self._cause(state)].append(state.device.name)
                self._lost.add(device_id)
        for (cause, level), names in lost_by_cause.items():
            _LOGGER.log(level, "%s: %d lost: %s. The cause: %s", self._name, len(names), shorten(sorted(names)), cause)

    def _log_scopes(self) -> None:
        failed = self._inventory.failed_scopes
        for scope, error in failed.items():
            if scope not in self._failed_scopes:
                name = self._scope_name(scope)
                _LOGGER.warning("%s: the devices of %s cannot be listed: %s", self._name, name, describe_error(error))
        for scope in self._failed_scopes - failed.keys():
            _LOGGER.info("%s: the devices of %s can be listed again", self._name, self._scope_name(scope))
        self._failed_scopes = set(failed)

    def _cause(self, state: DeviceState) -> tuple[str, int]:
        """Why a device is lost, and the log level: a device that goes offline or silent is no fault."""
        if self._inventory.absent[state.device.id]:
            return _UNLISTED, logging.WARNING
        if state.failure is not None:
            return describe_error(state.failure), logging.WARNING
        return (_OFFLINE if state.device.is_online is False else _SILENT), logging.INFO
