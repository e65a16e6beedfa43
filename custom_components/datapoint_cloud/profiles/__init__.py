"""What the vendors' definitions lack, as data: units, scales, options, entities of several datapoints, schedules.

The files in this folder are the project's own; users have a folder of theirs. Products without a profile are shown,
too.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from .format import BadProfile, read_profiles
from .model import NO_PROFILE, Product, Profile

__all__ = ["NO_PROFILE", "BadProfile", "Product", "Profile", "Profiles", "candidates", "load_profiles", "our_profiles"]

_LOGGER = logging.getLogger(__name__)
_FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    """The profiles in force. Those of the user win, datapoint by datapoint."""

    ours: tuple[Profile, ...] = ()
    users: tuple[Profile, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)
    """What is wrong with files of the user, by the name of the file."""

    def of(self, product: Product, device_id: str = "") -> Profile:
        """Return what is known about a device of a product."""
        found = NO_PROFILE
        for profile in (*_layers(self.ours, product), *_layers(self.users, product)):
            found = profile.over(found)
        for profile in self.users:
            if device_id in profile.match.devices:
                found = profile.over(found)
        return found


def _layers(profiles: Iterable[Profile], product: Product) -> Iterator[Profile]:
    """Yield the profiles for all products, and then the one for this product."""
    profiles = tuple(profiles)
    yield from (profile for profile in profiles if profile.match.is_for_all)
    yield from candidates(profiles, product)[:1]


def candidates(profiles: Iterable[Profile], product: Product) -> list[Profile]:
    """Return the profiles for a product: those that name it, or else those whose shape it has, the largest first."""
    profiles = [profile for profile in profiles if not profile.match.is_for_all]
    named = [profile for profile in profiles if product.key in profile.match.products]
    shapes = [profile for profile in profiles if profile.match.fits(product)]
    return named or sorted(shapes, key=lambda profile: -profile.match.conditions)


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
