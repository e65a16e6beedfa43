"""What the log says of devices and parts of an account that are lost: once when they go, once when they are back.

The loss of the whole account is not its business: whoever polls says so, and nothing is said here meanwhile.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence

from .. import exceptions
from ..clouds.errors import CloudError
from .device_state import DeviceState
from .inventory import Inventory

_LOGGER = logging.getLogger(__name__)

_NAMED = 3  # of many devices

_UNLISTED = "the cloud does not list them any more"
_OFFLINE = "the cloud says that they are offline"
_SILENT = "nothing was heard of them for too long"


def in_words(error: CloudError) -> str:
    """What went wrong, for the log: in words, then as the cloud put it."""
    return f"{exceptions.of_poll(error)} ({error})"


def names_of(names: Sequence[str]) -> str:
    """A few of the names, and how many more there are."""
    shown = ", ".join(" ".join(name.split()) for name in names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown


def tell_removed(account: str, names: Sequence[str]) -> None:
    """Say that devices were removed from Home Assistant, with all that was set of them."""
    text = "%s: %d removed, not listed or not chosen any more: %s"
    _LOGGER.warning(text, account, len(names), names_of(names))


class Losses:
    """The losses of one account that were told."""

    def __init__(self, name: str, inventory: Inventory, scope_name: Callable[[str], str]) -> None:
        self._name = name
        self._inventory = inventory
        self._scope_name = scope_name
        self._seen: set[str] = set()
        """The devices that were there since the account was set up."""
        self._lost: set[str] = set()
        self._failed_scopes: set[str] = set()

    def tell(self) -> None:
        """Say what was lost and what is back since the last round; many of one cause are one line."""
        self._tell_of_scopes()
        fleet, failed = self._inventory.fleet, self._inventory.failed_scopes
        there = {device_id for device_id, state in fleet.items() if state.is_available}
        self._seen = (self._seen & fleet.keys()) | there
        back = self._lost & there
        self._lost = (self._lost & fleet.keys()) - there
        if back:
            names = [fleet[device_id].device.name for device_id in fleet if device_id in back]
            _LOGGER.info("%s: %d back: %s", self._name, len(names), names_of(names))
        gone: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
        for device_id in self._seen - there - self._lost:
            state = fleet[device_id]
            if state.device.scope not in failed:  # else that was said of all its devices
                gone[self._cause(state)].append(state.device.name)
                self._lost.add(device_id)
        for (cause, level), names in gone.items():
            _LOGGER.log(level, "%s: %d lost: %s. The cause: %s", self._name, len(names), names_of(sorted(names)), cause)

    def _tell_of_scopes(self) -> None:
        failed = self._inventory.failed_scopes
        for scope, error in failed.items():
            if scope not in self._failed_scopes:
                name = self._scope_name(scope)
                _LOGGER.warning("%s: the devices of %s cannot be listed: %s", self._name, name, in_words(error))
        for scope in self._failed_scopes - failed.keys():
            _LOGGER.info("%s: the devices of %s can be listed again", self._name, self._scope_name(scope))
        self._failed_scopes = set(failed)

    def _cause(self, state: DeviceState) -> tuple[str, int]:
        """Why a device is lost, and how loud to say so: what a device does by itself is no fault."""
        if self._inventory.absent[state.device.id]:
            return _UNLISTED, logging.WARNING
        if state.failure is not None:
            return in_words(state.failure), logging.WARNING
        return (_OFFLINE if state.device.is_online is False else _SILENT), logging.INFO
