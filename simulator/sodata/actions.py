"""The actions on a device: activate, deactivate, push its profile, repair.

The document names only their addresses. Their effects and the words of the state are made up.
"""

from collections.abc import Callable, Mapping

from .fleet import SoDataDevice


def _activate(device: SoDataDevice) -> None:
    device.status = "ACCEPTED"


def _deactivate(device: SoDataDevice) -> None:
    device.status = "DEACTIVATED"


def _push_profile(device: SoDataDevice) -> None:
    device.are_profiles_current = True


def _repair(device: SoDataDevice) -> None:
    device.repairs += 1


ACTIONS: Mapping[str, Callable[[SoDataDevice], None]] = {
    "activate": _activate,
    "deactivate": _deactivate,
    "push-profile": _push_profile,
    "repair": _repair,
}
"""What each action does, by the last part of its address."""
