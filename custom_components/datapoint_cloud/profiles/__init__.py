"""What the vendors' definitions lack, as data: units, scales, options, entities of several datapoints, schedules.

The files in this folder are the project's own; users have a folder of theirs. Products without a profile are shown,
too.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from .format import BadProfile, read_profiles
from .model import NO_PROFILE, Profile

__all__ = ["NO_PROFILE", "BadProfile", "Profile", "Profiles", "best", "load_profiles", "our_profiles"]

_LOGGER = logging.getLogger(__name__)
_FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    """The profiles in force. Those of the user win, datapoint by datapoint."""

    ours: tuple[Profile, ...] = ()
    users: tuple[Profile, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)
    """What is wrong with files of the user, by the name of the file."""

    def of(self, product: str, keys: Collection[str], device_id: str = "") -> Profile:
        """Return what is known about a device of a product whose datapoints have these keys."""
        found = best(self.ours, product, keys) or NO_PROFILE
        for profile in self._layers(product, keys, device_id):
            found = profile.over(found)
        return found

    def _layers(self, product: str, keys: Collection[str], device_id: str) -> Iterable[Profile]:
        """The user's profiles, the one for this very device last."""
        if (profile := best(self.users, product, keys)) is not None:
            yield profile
        yield from (profile for profile in self.users if device_id in profile.match.devices)


def best(profiles: Iterable[Profile], product: str, keys: Collection[str]) -> Profile | None:
    """Return the profile of a product: the one that names it, or else the one with the largest shape that it has."""
    profiles = tuple(profiles)
    named = next((profile for profile in profiles if product in profile.match.products), None)
    if named is not None:
        return named
    shapes = [profile for profile in profiles if profile.match.fits(keys)]
    return max(shapes, key=lambda profile: len(profile.match.has), default=None)


@cache
def our_profiles() -> tuple[Profile, ...]:
    """Read the project's own profiles. It reads files, so do not call it in the event loop."""
    found: list[Profile] = []
    for path in sorted(_FOLDER.glob("*.yaml")):
        for profile in read_profiles(path.read_text(encoding="utf-8"), path.name):
            if isinstance(profile, BadProfile):
                raise profile
            found.append(profile)
    return tuple(found)


def load_profiles() -> Profiles:
    """Read all profiles. It reads files, so do not call it in the event loop."""
    return Profiles(ours=our_profiles())
