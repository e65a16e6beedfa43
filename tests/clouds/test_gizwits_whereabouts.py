"""Where the devices of a user without devices are looked for, and when the search stops."""

from dataclasses import dataclass, field

import pytest

from custom_components.datapoint_cloud.clouds.cloud import Listing
from custom_components.datapoint_cloud.clouds.errors import (
    AuthFailed,
    CloudError,
    Forbidden,
    RateLimited,
    Reason,
    Unreachable,
)
from custom_components.datapoint_cloud.clouds.gizwits.open.login import FRONT_APPS, KNOWN_APPS, REGIONS
from custom_components.datapoint_cloud.clouds.gizwits.open.sharing import ReceivedShares
from custom_components.datapoint_cloud.clouds.gizwits.open.whereabouts import (
    Answers,
    Finding,
    Place,
    Whereabouts,
    find_devices,
)
from custom_components.datapoint_cloud.clouds.model import Account, Device

APP, OTHER_APP, *_ = (app for app in KNOWN_APPS if app not in FRONT_APPS)
HERE: Place = ("eu", APP)
UNKNOWN_USER = AuthFailed(Reason.UNKNOWN_USER, code=9005)
WRONG_PASSWORD = AuthFailed(Reason.WRONG_PASSWORD, code=9020)


@dataclass
class Servers:
    """What each place answers to the user's login: a number of devices, or an error; others do not know the user."""

    answers: dict[Place, int | CloudError] = field(default_factory=dict)
    shares: ReceivedShares | CloudError = field(default_factory=ReceivedShares)
    asked: list[Place] = field(default_factory=list)

    def user_in(self, place: Place) -> User:
        return User(self, place)

    async def find(self, answers: Answers | None = None) -> Finding:
        return await find_devices(self.user_in(HERE), HERE, self.user_in, {} if answers is None else answers)


@dataclass
class User:
    servers: Servers
    place: Place

    async def account(self) -> Account:
        self.servers.asked.append(self.place)
        answer = self.servers.answers.get(self.place, UNKNOWN_USER)
        if isinstance(answer, CloudError):
            raise answer
        return Account(id="user", name="user")

    async def devices(self) -> Listing:
        count = self.servers.answers[self.place]
        assert isinstance(count, int)
        return Listing(devices=tuple(Device(id=str(number), name="", schema_id="") for number in range(count)))

    async def received_shares(self) -> ReceivedShares:
        if isinstance(self.servers.shares, CloudError):
            raise self.servers.shares
        return self.servers.shares


async def test_devices_are_found_in_another_region() -> None:
    servers = Servers({("us", APP): 3})
    expected = Finding(whereabouts=Whereabouts.OTHER_REGION, devices=3, region="us", app_id=APP)
    assert await servers.find() == expected
    assert servers.asked == [("cn", APP), ("us", APP)]


async def test_devices_are_found_in_another_app_of_the_same_region() -> None:
    servers = Servers({("us", APP): 0, ("eu", OTHER_APP): 1})
    expected = Finding(whereabouts=Whereabouts.OTHER_APP, devices=1, region="eu", app_id=OTHER_APP)
    assert await servers.find() == expected


async def test_every_other_place_is_asked_once_but_the_front_of_newer_apps_never() -> None:
    servers = Servers()
    answers: Answers = {}
    assert (await servers.find(answers)).whereabouts is Whereabouts.NOWHERE
    regions = {(region, APP) for region in REGIONS}
    apps = {("eu", app) for app in KNOWN_APPS if app not in FRONT_APPS}
    assert set(servers.asked) == (regions | apps) - {HERE}
    assert len(set(servers.asked)) == len(servers.asked)
    servers.asked.clear()
    assert (await servers.find(answers)).whereabouts is Whereabouts.NOWHERE
    assert servers.asked == []


async def test_an_app_that_a_region_does_not_know_has_no_devices() -> None:
    servers = Servers({("eu", app): Forbidden(Reason.UNKNOWN_APP) for app in KNOWN_APPS})
    assert (await servers.find()).whereabouts is Whereabouts.NOWHERE


async def test_no_place_is_asked_after_a_refused_password() -> None:
    servers = Servers({("cn", APP): WRONG_PASSWORD, ("us", APP): 3})
    answers: Answers = {}
    for _ in range(5):
        assert (await servers.find(answers)).whereabouts is Whereabouts.UNKNOWN
    assert servers.asked == [("cn", APP)]


@pytest.mark.parametrize("error", [AuthFailed(Reason.ACCOUNT_DISABLED), RateLimited(Reason.QUOTA_EXHAUSTED)])
async def test_no_place_is_asked_after_a_refusal_for_another_reason(error: CloudError) -> None:
    servers = Servers({("cn", APP): error, ("us", APP): 3})
    assert (await servers.find()).whereabouts is Whereabouts.UNKNOWN
    assert servers.asked == [("cn", APP)]


async def test_a_region_that_does_not_answer_is_skipped() -> None:
    servers = Servers({("cn", APP): Unreachable(Reason.TIMEOUT), ("us", APP): 3})
    assert (await servers.find()).whereabouts is Whereabouts.OTHER_REGION
    servers.answers.pop(("us", APP))
    assert (await servers.find()).whereabouts is Whereabouts.UNKNOWN


async def test_an_invitation_explains_it_without_any_login() -> None:
    servers = Servers({("us", APP): 3}, shares=ReceivedShares(is_waiting=True, has_ended=True))
    assert (await servers.find()).whereabouts is Whereabouts.INVITED
    assert servers.asked == []


async def test_devices_elsewhere_explain_more_than_a_share_that_ended() -> None:
    servers = Servers({("us", APP): 3}, shares=ReceivedShares(has_ended=True))
    assert (await servers.find()).whereabouts is Whereabouts.OTHER_REGION
    servers.answers.clear()
    assert (await servers.find()).whereabouts is Whereabouts.NO_LONGER_SHARED


async def test_a_cloud_without_shares_is_searched_all_the_same() -> None:
    servers = Servers({("us", APP): 1}, shares=Unreachable(Reason.SERVER_ERROR))
    assert (await servers.find()).whereabouts is Whereabouts.OTHER_REGION
