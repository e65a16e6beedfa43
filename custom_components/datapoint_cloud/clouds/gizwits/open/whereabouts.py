"""Finds the devices of a user who has none: in another region or app, or in an invitation to share some.

Each other server is asked at most once for one user's password, and none after a server has refused it: failed logins
count against an account that may be somebody else's.
"""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ...cloud import Listing
from ...errors import AuthFailed, CloudError, Forbidden, RateLimited, Reason
from ...model import Account
from .login import FRONT_APPS, KNOWN_APPS, REGIONS
from .sharing import ReceivedShares

type Place = tuple[str, str]
"""A region and an app, which together have users of their own."""
type Answers = MutableMapping[Place, int | None]
"""The number of devices that the user has in each place that was asked; None if it refused the password."""


class Whereabouts(StrEnum):
    """Where the devices of a user without devices are."""

    OTHER_REGION = "other_region"
    OTHER_APP = "other_app"
    INVITED = "invited"  # a user who accepts the invitation gets them
    NO_LONGER_SHARED = "no_longer_shared"
    NOWHERE = "nowhere"
    UNKNOWN = "unknown"  # not every place could be asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Where the devices are, how many, and with which region and app the user finds them."""

    whereabouts: Whereabouts
    devices: int = 0
    region: str = ""
    app_id: str = ""


class User(Protocol):
    """A user who logs in in one place."""

    async def account(self) -> Account:
        """Log in."""

    async def devices(self) -> Listing:
        """List the devices."""

    async def received_shares(self) -> ReceivedShares:
        """Return what others have shared with the user."""


async def find_devices(user: User, place: Place, user_in: Callable[[Place], User], answers: Answers) -> Finding:
    """Find the devices of a user who has none in `place`; `user_in` builds the user's client in another place.

    `answers` are those of earlier searches with the same password, and get those of this one.
    """
    try:
        shares = await user.received_shares()
    except CloudError:
        shares = ReceivedShares()
    if shares.is_waiting:
        return Finding(whereabouts=Whereabouts.INVITED)
    is_complete = True
    for other in _other_places(place):
        if other not in answers:
            try:
                answers[other] = await _count_devices(user_in(other))
            except RateLimited:
                is_complete = False
                break
            except CloudError:
                is_complete = False  # a server that does not answer says nothing about the user
                continue
        found = answers[other]
        if found is None:
            is_complete = False
            break
        if found:
            whereabouts = Whereabouts.OTHER_REGION if other[1] == place[1] else Whereabouts.OTHER_APP
            return Finding(whereabouts=whereabouts, devices=found, region=other[0], app_id=other[1])
    if shares.has_ended:
        return Finding(whereabouts=Whereabouts.NO_LONGER_SHARED)
    return Finding(whereabouts=Whereabouts.NOWHERE if is_complete else Whereabouts.UNKNOWN)


def _other_places(place: Place) -> list[Place]:
    region, app_id = place
    # The front of newer apps is sent no passwords of other users.
    apps = [app for app in KNOWN_APPS if app != app_id and app not in FRONT_APPS]
    return [*((other, app_id) for other in REGIONS if other != region), *((region, app) for app in apps)]


async def _count_devices(user: User) -> int | None:
    """Return how many devices a user has in another place; None if it refuses the password.

    Raises any other `CloudError`.
    """
    try:
        await user.account()
        return len((await user.devices()).devices)
    except AuthFailed as error:
        return 0 if error.reason is Reason.UNKNOWN_USER else None
    except Forbidden as error:
        if error.reason is Reason.UNKNOWN_APP:
            return 0
        raise
