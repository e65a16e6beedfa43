"""What the vendors' definitions lack, as data: units, scales, options, entities of several datapoints, schedules.

The files in this folder are the project's own; users have a folder of theirs. Products without a profile are shown,
too.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from .format import BadProfile, read_profiles
from .model import NO_PROFILE, Product, Profile

__all__ = ["NO_PROFILE", "BadProfile", "Product", "Profile", "Profiles", "candidates", "load_profiles", "our_profiles"]

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
        for profile in (*self._of_ours(product), *self.users_of(product, device_id)):
            found = profile.over(found)
        return found

    def _of_ours(self, product: Product) -> Iterator[Profile]:
        yield from (profile for profile in self.ours if profile.match.is_for_all and profile.match.fits(product))
        yield from candidates(self.ours, product)[:1]

    def users_of(self, product: Product, device_id: str) -> Iterator[Profile]:
        """Yield all profiles of the user for a device, those that are for it alone last."""
        profiles = [profile for profile in self.users if not profile.match.is_for_all]
        shapes = [profile for profile in profiles if profile.match.fits(product)]
        yield from (profile for profile in self.users if profile.match.is_for_all and profile.match.fits(product))
        yield from sorted(shapes, key=lambda profile: profile.match.conditions)
        yield from (profile for profile in profiles if product.key in profile.match.products)
        yield from (profile for profile in profiles if device_id in profile.match.devices)


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


def load_profiles(folder: Path | None = None) -> Profiles:
    """Read all profiles; those of the user are in `folder`. It reads files, so do not call it in the event loop.

    A profile that cannot be used costs only itself.
    """
    users: list[Profile] = []
    failures: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")) if folder is not None else ():
        for profile in _read(path):
            if isinstance(profile, BadProfile):
                failures.setdefault(path.name, str(profile))
            else:
                users.append(profile)
    return Profiles(ours=our_profiles(), users=tuple(users), failures=failures)


def _read(path: Path) -> list[Profile | BadProfile]:
    try:
        text = path.read_text(encoding="utf-8")
        return read_profiles(text, path.name)
    except BadProfile as error:
        return [error]
    except (OSError, UnicodeDecodeError) as error:
        return [BadProfile(f"{path.name}: {error}")]
