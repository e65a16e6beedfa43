"""Tests the client of the Open API against the simulated cloud."""

import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.cloud import Cloud
from custom_components.datapoint_cloud.clouds.errors import (
    AuthFailed,
    CloudError,
    DeviceGone,
    DeviceOffline,
    Forbidden,
    NotSupported,
    RateLimited,
    Reason,
    Rejected,
    UnexpectedAnswer,
    Unreachable,
)
from custom_components.datapoint_cloud.clouds.gizwits import definitions
from custom_components.datapoint_cloud.clouds.gizwits.open.api import GizwitsOpenCloud
from custom_components.datapoint_cloud.clouds.gizwits.open.login import (
    FRONT_APPS,
    KNOWN_APPS,
    REGIONS,
    AnonymousLogin,
    PasswordLogin,
)
from custom_components.datapoint_cloud.clouds.model import Device, Role
from simulator.gizwits import GizwitsOpenServer
from simulator.server import Fault
from simulator.simulation import Simulation

from .transports import quick

LOGIN, FRONT = "POST /app/login", "POST /app/smart_home/login/pwd"
BINDINGS, LATEST = "GET /app/bindings", "GET /app/devdata/{did}/latest"
DATAPOINT, CONTROL = "GET /app/datapoint", "POST /app/control/{did}"
DAY = 86_400

type MakeCloud = Callable[..., GizwitsOpenCloud]


@pytest.fixture
def server(simulation: Simulation) -> GizwitsOpenServer:
    return simulation.gizwits_open


@pytest.fixture
def newer_app(server: GizwitsOpenServer) -> None:
    """Use an app whose users log in at the login front. Request this fixture before the clouds."""
    (server.app_id,) = FRONT_APPS


@pytest.fixture
async def make_cloud(server: GizwitsOpenServer) -> AsyncIterator[MakeCloud]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        def make(
            login: PasswordLogin | AnonymousLogin | None = None,
            *,
            client_store: ClientStore | None = None,
            api_url: str = server.url,
            app_id: str = server.app_id,
        ) -> GizwitsOpenCloud:
            login = login or PasswordLogin(username=server.username, password=server.password)
            client_store = ClientStore() if client_store is None else client_store
            return GizwitsOpenCloud(
                quick(session), api_url=api_url, app_id=app_id, login=login, client_store=client_store
            )

        yield make


@pytest.fixture
def cloud(make_cloud: MakeCloud) -> GizwitsOpenCloud:
    return make_cloud()


def at(path: str) -> Callable[[web.Request], bool]:
    return lambda request: request.path.startswith(path)


def answering(path: str, body: Any, status: int = 200, times: int | None = None) -> Fault:
    return Fault(matches=at(path), status=status, body=json.dumps(body), times=times)


def failing(path: str, code: int | str, times: int | None = None) -> Fault:
    body = {"error_message": "no!", "error_code": code, "detail_message": None}
    return answering(path, body, 400, times)


async def device_called(cloud: GizwitsOpenCloud, name: str) -> Device:
    return next(device for device in (await cloud.devices()).devices if device.name == name)


def is_a_cloud(cloud: Cloud) -> Cloud:
    return cloud


# Login


async def test_the_account_id_is_made_of_app_and_user(cloud: GizwitsOpenCloud, server: GizwitsOpenServer) -> None:
    account = await is_a_cloud(cloud).account()
    assert account.id == f"{server.app_id}_{server.uid}"
    assert account.name == server.username
    assert cloud.budget.limit == 6000
    assert list(cloud.scopes) == []


@pytest.mark.usefixtures("newer_app")
async def test_a_stored_token_is_not_used_for_another_user(make_cloud: MakeCloud, server: GizwitsOpenServer) -> None:
    client_store = ClientStore()
    await make_cloud(client_store=client_store).account()
    other = make_cloud(
        PasswordLogin(username=server.aep_username, password=server.aep_password), client_store=client_store
    )
    assert (await other.account()).id == f"{server.app_id}_{server.aep_uid}"


async def test_a_phone_id_identifies_an_anonymous_user(make_cloud: MakeCloud, server: GizwitsOpenServer) -> None:
    cloud = make_cloud(AnonymousLogin(phone_id=server.phone_id))
    assert (await cloud.account()).id == f"{server.app_id}_{server.phone_uid}"
    assert (await cloud.account()).name == "anonymous"
    assert [device.name for device in (await cloud.devices()).devices] == ["Desk lamp"]


@pytest.mark.usefixtures("newer_app")
async def test_a_user_of_a_newer_app_logs_in_only_at_the_front_after_the_first_time(
    make_cloud: MakeCloud, server: GizwitsOpenServer
) -> None:
    client_store = ClientStore()
    login = PasswordLogin(username=server.aep_username, password=server.aep_password)
    cloud = make_cloud(login, client_store=client_store)
    assert [device.name for device in (await cloud.devices()).devices] == ["New pump"]
    assert (server.requests[LOGIN], server.requests[FRONT]) == (1, 1)
    server.revoke_tokens()
    await cloud.devices()
    assert (server.requests[LOGIN], server.requests[FRONT]) == (1, 2)


async def test_errors_of_a_login_front_that_was_used_before_are_raised(
    make_cloud: MakeCloud, server: GizwitsOpenServer
) -> None:
    client_store = ClientStore({"login front": True})
    login = PasswordLogin(username=server.aep_username, password=server.aep_password)
    for fault, kind in (
        (failing("/app/smart_home", 9003), Forbidden),
        (failing("/app/smart_home", 9041), RateLimited),
        (answering("/app/smart_home", {"code": "1000000", "error": True, "data": None}), AuthFailed),
        (answering("/app/smart_home", {"code": "77", "error": True, "data": None}), Unreachable),
        (answering("/app/smart_home", {"code": "200", "error": False}), UnexpectedAnswer),
    ):
        server.faults = [fault]
        with pytest.raises(kind):
            await make_cloud(login, client_store=client_store).account()
    assert server.requests[LOGIN] == 0


async def test_the_login_front_can_have_its_own_address(
    make_cloud: MakeCloud, server: GizwitsOpenServer, simulation: Simulation
) -> None:
    login = PasswordLogin(
        username=server.aep_username, password=server.aep_password, front_url=simulation.gizwits_enterprise.url
    )
    with pytest.raises(AuthFailed) as refusal:
        await make_cloud(login).account()
    assert refusal.value.reason is Reason.UNKNOWN_USER
    assert server.requests[FRONT] == 0
    assert simulation.gizwits_enterprise.requests["POST unknown"] == 1


@pytest.mark.usefixtures("newer_app")
async def test_a_wrong_password_is_reported_for_users_of_the_api_and_of_the_front(
    make_cloud: MakeCloud, server: GizwitsOpenServer
) -> None:
    for username in (server.username, server.aep_username):
        with pytest.raises(AuthFailed) as refusal:
            await make_cloud(PasswordLogin(username=username, password="wrong")).account()
        assert refusal.value.reason is Reason.WRONG_PASSWORD


@pytest.mark.usefixtures("newer_app")
async def test_a_user_unknown_to_both_logins_is_reported_as_unknown(make_cloud: MakeCloud) -> None:
    with pytest.raises(AuthFailed) as refusal:
        await make_cloud(PasswordLogin(username="nobody", password="x")).account()
    assert refusal.value.reason is Reason.UNKNOWN_USER


@pytest.mark.parametrize(
    "fault",
    [
        Fault(matches=at("/app/smart_home"), status=404, body="<html>"),
        Fault(matches=at("/app/smart_home"), drops=True),
        Fault(matches=at("/app/smart_home"), body="<html>"),
        Fault(matches=at("/app/smart_home"), body='{"code": "200"'),
        answering("/app/smart_home", {"code": "200", "error": False, "data": None}),
        answering("/app/smart_home", {"code": "77", "error": True, "data": None}),
        answering("/app/smart_home", []),
        Fault(matches=at("/app/smart_home"), status=503, body=""),
        failing("/app/smart_home", 9003),
        answering("/app/smart_home", {"code": 9006, "msg": "token"}, 424),
    ],
)
@pytest.mark.usefixtures("newer_app")
async def test_the_refusal_of_the_api_is_raised_when_the_front_fails(
    make_cloud: MakeCloud, server: GizwitsOpenServer, fault: Fault
) -> None:
    server.faults.append(fault)
    with pytest.raises(AuthFailed) as refusal:
        await make_cloud(PasswordLogin(username=server.username, password="wrong")).account()
    assert refusal.value.reason is Reason.WRONG_PASSWORD
    assert refusal.value.code == 9020
    assert server.requests[FRONT] == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(matches=at("/app/smart_home"), drops=True), Unreachable),
        (Fault(matches=at("/app/smart_home"), status=503, body=""), Unreachable),
        (Fault(matches=at("/app/smart_home"), status=429, body="{}"), RateLimited),
    ],
)
@pytest.mark.usefixtures("newer_app")
async def test_a_user_unknown_to_the_api_is_not_refused_while_the_front_is_down(
    make_cloud: MakeCloud, server: GizwitsOpenServer, fault: Fault, kind: type[CloudError]
) -> None:
    cloud = make_cloud(PasswordLogin(username=server.aep_username, password=server.aep_password))
    server.faults.append(fault)
    with pytest.raises(kind):
        await cloud.devices()
    server.faults.clear()
    if kind is Unreachable:
        assert (await cloud.devices()).devices


async def test_the_client_does_not_repeat_a_refused_login(make_cloud: MakeCloud, server: GizwitsOpenServer) -> None:
    cloud = make_cloud(PasswordLogin(username=server.username, password="wrong"))
    for _ in range(3):
        with pytest.raises(AuthFailed):
            await cloud.devices()
    assert (server.requests[LOGIN], server.requests[FRONT]) == (1, 0)


async def test_the_client_sends_a_password_to_the_front_only_for_newer_apps(
    make_cloud: MakeCloud, server: GizwitsOpenServer
) -> None:
    for username in (server.username, server.aep_username):
        with pytest.raises(AuthFailed):
            await make_cloud(PasswordLogin(username=username, password="wrong")).account()
    assert (server.requests[LOGIN], server.requests[FRONT]) == (2, 0)


async def test_an_unknown_app_is_forbidden_and_does_not_fail_authentication(
    make_cloud: MakeCloud, server: GizwitsOpenServer
) -> None:
    with pytest.raises(Forbidden) as refusal:
        await make_cloud(app_id="0" * 32).account()
    assert refusal.value.reason is Reason.UNKNOWN_APP
    assert server.requests[FRONT] == 0


async def test_a_throttled_login_pauses_logins_for_fifteen_minutes(
    make_cloud: MakeCloud, server: GizwitsOpenServer
) -> None:
    server.is_throttled = True
    cloud = make_cloud()
    for _ in range(2):
        with pytest.raises(RateLimited) as limited:
            await cloud.account()
        assert limited.value.retry_after == pytest.approx(900, abs=5)
    assert server.requests[LOGIN] == 1
    server.is_throttled = False
    cloud = make_cloud()
    await cloud.account()
    server.is_throttled = True
    with pytest.raises(RateLimited) as limited:
        await cloud.devices()
    assert limited.value.retry_after is not None
    assert 0 < limited.value.retry_after < 900


@pytest.mark.parametrize(
    "answer", [{}, [], None, {"token": "", "uid": "u"}, {"token": "t"}, {"token": [], "uid": "u"}, {"uid": "u"}]
)
async def test_a_login_answer_without_token_or_user_is_unexpected(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, answer: Any
) -> None:
    server.faults.append(answering("/app/login", answer))
    with pytest.raises(UnexpectedAnswer):
        await cloud.account()


@pytest.mark.parametrize("status", [401, 403])
async def test_a_login_refused_by_a_proxy_does_not_fail_authentication(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, status: int
) -> None:
    server.faults.append(Fault(matches=at("/app/login"), status=status, body="<html>"))
    with pytest.raises(Unreachable):
        await cloud.account()


@pytest.mark.parametrize("body", ["", "{}", "<html>Bad Request</html>"])
async def test_the_client_tries_less_and_less_often_after_a_login_answered_with_a_bare_400(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    server.faults.append(Fault(matches=at("/app/login"), status=400, body=body))
    began = 1000.0  # A fraction would be rounded in sums, so that a pause seems to last a little longer.
    tried: list[float] = []
    for seconds in range(0, 7200, 30):
        monkeypatch.setattr("custom_components.datapoint_cloud.clouds.gizwits.open.login.time", _Clock(began + seconds))
        before = server.requests[LOGIN]
        with pytest.raises(Unreachable):
            await cloud.devices()
        tried += [seconds] * (server.requests[LOGIN] - before)
    assert tried == [0, 30, 60, 90, 150, 270, 510, 990, 1890, 2790, 3690, 4590, 5490, 6390]
    server.faults.clear()
    monkeypatch.setattr("custom_components.datapoint_cloud.clouds.gizwits.open.login.time", _Clock(began + 7290))
    assert (await cloud.devices()).devices


@pytest.mark.parametrize(
    ("fault", "kind", "expected"),
    [
        (failing("/app/login", 9003), Forbidden, [0, 60, 180, 420, 900, 1800, 2700]),
        (failing("/app/login", 9008), Unreachable, [0, 30, 60, 90, 150, 270, 510, 990, 1890, 2790]),
        (
            Fault(matches=at("/app/login"), status=500, body=""),
            Unreachable,
            [0, 30, 60, 90, *range(150, 3600, 120)],
        ),
        (
            Fault(matches=at("/app/login"), status=403, body="<html>", content_type="text/html"),
            Unreachable,
            [0, 30, 60, 90, *range(150, 3600, 120)],
        ),
        (failing("/app/login", 9041), RateLimited, [0, 900, 1800, 2700]),
        (Fault(matches=at("/app/login"), drops=True), Unreachable, list(range(0, 3600, 30))),
    ],
    ids=["unknown app", "code", "broken", "proxy", "throttled", "no answer"],
)
async def test_the_client_tries_less_and_less_often_after_a_login_is_refused_or_fails(
    cloud: GizwitsOpenCloud,
    server: GizwitsOpenServer,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    kind: type[CloudError],
    expected: list[int],
) -> None:
    server.faults.append(fault)
    began = 1000.0  # A fraction would be rounded in sums, so that a pause seems to last a little longer.
    tried: list[int] = []
    for seconds in range(0, 3600, 30):
        monkeypatch.setattr("custom_components.datapoint_cloud.clouds.gizwits.open.login.time", _Clock(began + seconds))
        before = server.requests[LOGIN]
        with pytest.raises(kind):
            await cloud.devices()
        tried += [seconds] * (server.requests[LOGIN] - before)
    assert tried == expected


# Tokens


async def test_a_refused_token_is_renewed_once_and_the_call_is_repeated(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer
) -> None:
    listing = await cloud.devices()
    for lose in (server.revoke_tokens, server.expire_tokens):
        lose()
        server.reset_counts()
        readings = await cloud.readings(listing.devices)
        assert not readings.failures
        assert server.requests[LOGIN] == 1


def not_at_a_login(request: web.Request) -> bool:
    return request.path != "/app/login"


@pytest.mark.parametrize(
    "refusal",
    [
        failing("", 9004),
        failing("", "9006"),
        answering("", {"error_code": 9004}, 200),
        answering("", {"code": 9006, "msg": "token"}, 424),
        Fault(status=401, body="<html>no</html>"),
        Fault(status=403, body=""),
    ],
)
async def test_authentication_fails_after_one_login_if_every_endpoint_refuses_the_token(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, refusal: Fault
) -> None:
    refusal.matches = not_at_a_login
    server.faults.append(refusal)
    for _ in range(2):
        with pytest.raises(AuthFailed) as failure:
            await cloud.devices()
        assert failure.value.reason is Reason.TOKEN_REFUSED
    assert server.requests[LOGIN] == 2
    assert server.requests[BINDINGS] == 2


@pytest.mark.parametrize(
    ("refusal", "logins"),
    [
        (failing("", 9004), 2),
        (failing("", 9005), 2),
        (answering("", {"code": 9006, "msg": "token"}, 424), 2),
        (Fault(status=401, body="<html>no</html>"), 1),
        (Fault(status=403, body=""), 1),
    ],
)
@pytest.mark.parametrize("path", ["/app/bindings", "/app/devdata", "/app/control", "/app/datapoint"])
async def test_authentication_does_not_fail_if_only_one_endpoint_refuses_the_token(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, refusal: Fault, logins: int, path: str
) -> None:
    device = await device_called(cloud, "客厅空调")
    if path != "/app/datapoint":
        await cloud.schema(device)
    server.faults.append(replace(refusal, matches=at(path)))
    for _ in range(3):
        match path:
            case "/app/bindings":
                with pytest.raises(Unreachable):
                    await cloud.devices()
            case "/app/control":
                with pytest.raises(Unreachable):
                    await cloud.write(device, {"switch": True})
            case _:
                assert isinstance((await cloud.readings([device])).failures[device.id], Unreachable)
    assert server.requests[LOGIN] == logins
    server.faults.clear()
    assert (await cloud.devices()).devices
    if path != "/app/datapoint":  # The client does not repeat a failed request for a definition within seconds.
        await cloud.write(device, {"switch": True})
    assert server.requests[LOGIN] == logins


async def test_parallel_requests_with_a_refused_token_share_one_login(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer
) -> None:
    listing = await cloud.devices()
    server.faults.append(replace(failing("", 9004), matches=not_at_a_login))
    server.reset_counts()
    with pytest.raises(AuthFailed):
        await cloud.readings(listing.devices)
    assert server.requests[LOGIN] == 1


@pytest.mark.parametrize(("lifetime", "logins"), [(2 * DAY, 1), (180 * DAY, 1), (3600, 1), (-10, 1)])
async def test_the_client_does_not_log_in_at_every_poll_however_short_a_token_lives(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, lifetime: int, logins: int
) -> None:
    login = {"token": "t", "uid": "u", "expire_at": int(datetime.now(UTC).timestamp()) + lifetime}
    server.faults += [answering("/app/login", login), answering("/app/bindings", {"devices": []})]
    for _ in range(3):
        await cloud.devices()
    assert server.requests[LOGIN] == logins


@pytest.mark.parametrize(("days_gone", "logins"), [(176, 0), (178, 1)])
async def test_a_token_is_renewed_three_days_before_it_expires(
    make_cloud: MakeCloud, server: GizwitsOpenServer, days_gone: int, logins: int
) -> None:
    client_store = ClientStore()
    await make_cloud(client_store=client_store).account()
    remembered = dict(client_store.content["user token"])
    remembered["renew_at"] -= days_gone * DAY
    server.reset_counts()
    await make_cloud(client_store=ClientStore({"user token": remembered})).devices()
    assert server.requests[LOGIN] == logins


@pytest.mark.parametrize(
    "fault", [failing("/app/login", 9041), failing("/app/login", 9008), Fault(matches=at("/app/login"), body="<html>")]
)
async def test_the_client_keeps_using_a_token_while_its_early_renewal_fails(
    make_cloud: MakeCloud, server: GizwitsOpenServer, fault: Fault
) -> None:
    client_store = ClientStore()
    await make_cloud(client_store=client_store).account()
    client_store.put("user token", {**client_store.content["user token"], "renew_at": time.time() - 1})
    server.faults.append(fault)
    server.reset_counts()
    cloud = make_cloud(client_store=client_store)
    for _ in range(3):
        assert (await cloud.devices()).devices
    assert server.requests[LOGIN] == 1
    server.revoke_tokens()
    with pytest.raises((RateLimited, Unreachable, UnexpectedAnswer)):
        await cloud.devices()


async def test_the_client_does_not_use_an_expired_token(make_cloud: MakeCloud, server: GizwitsOpenServer) -> None:
    client_store = ClientStore()
    await make_cloud(client_store=client_store).account()
    ended = {"renew_at": time.time() - 2, "expires_at": time.time() - 1}
    client_store.put("user token", {**client_store.content["user token"], **ended})
    server.faults.append(failing("/app/login", 9041))
    with pytest.raises(RateLimited):
        await make_cloud(client_store=client_store).devices()
    assert server.requests[BINDINGS] == 0


STORED_TOKEN_TIME = "custom_components.datapoint_cloud.clouds.gizwits.stored_token.time"


class _SetClock:
    """Replaces the time module, with a wall clock that was set by some seconds."""

    def __init__(self, by: float) -> None:
        self.by = by
        self.later = 0.0  # time that really passed

    def time(self) -> float:
        return time.time() + self.by + self.later

    def monotonic(self) -> float:
        return time.monotonic() + self.later


@pytest.mark.parametrize("seconds", [-365 * DAY, -600, 600, 365 * DAY])
async def test_a_token_survives_a_change_of_our_clock(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    await cloud.devices()
    for by in (seconds, 0, seconds):
        monkeypatch.setattr(STORED_TOKEN_TIME, _SetClock(by))
        assert (await cloud.devices()).devices
    assert server.requests[LOGIN] == 1
    server.revoke_tokens()
    for _ in range(3):
        assert (await cloud.devices()).devices
    assert server.requests[LOGIN] == 2


@pytest.mark.parametrize(
    ("granted", "started", "logins"),
    [(0, -365 * DAY, 0), (0, -600, 0), (0, 600, 0), (0, 365 * DAY, 1), (365 * DAY, 0, 0), (-365 * DAY, 0, 0)],
)
async def test_a_stored_token_survives_a_change_of_our_clock_between_two_starts(
    make_cloud: MakeCloud,
    server: GizwitsOpenServer,
    monkeypatch: pytest.MonkeyPatch,
    granted: float,
    started: float,
    logins: int,
) -> None:
    client_store = ClientStore()
    monkeypatch.setattr(STORED_TOKEN_TIME, _SetClock(granted))
    await make_cloud(client_store=client_store).account()
    server.reset_counts()
    monkeypatch.setattr(STORED_TOKEN_TIME, _SetClock(started))
    cloud = make_cloud(client_store=client_store)
    for _ in range(3):
        assert (await cloud.devices()).devices
    assert server.requests[LOGIN] == logins


@pytest.mark.parametrize(("now", "days"), [(0, 177), (365 * DAY, 3), (-10 * 365 * DAY, 397)])
async def test_a_token_granted_under_a_wrong_clock_is_renewed_some_day(
    make_cloud: MakeCloud, server: GizwitsOpenServer, monkeypatch: pytest.MonkeyPatch, now: float, days: float
) -> None:
    client_store = ClientStore()
    monkeypatch.setattr(STORED_TOKEN_TIME, _SetClock(now))
    await make_cloud(client_store=client_store).account()
    clock = _SetClock(now - 5 * 365 * DAY)  # A device without a battery may start like this before it has network.
    monkeypatch.setattr(STORED_TOKEN_TIME, clock)
    cloud = make_cloud(client_store=client_store)
    for later, logins in ((days - 1, 0), (days + 1, 1)):
        server.reset_counts()
        clock.later = later * DAY
        await cloud.devices()
        assert server.requests[LOGIN] == logins


@pytest.mark.parametrize("name", ["expire_at", "expired_at"])
async def test_the_expiry_of_a_token_can_have_two_names_and_be_text(
    make_cloud: MakeCloud, server: GizwitsOpenServer, name: str
) -> None:
    end = int(datetime.now(UTC).timestamp()) + 100 * DAY
    server.faults.append(answering("/app/login", {"token": "t", "uid": "u", name: str(end)}))
    client_store = ClientStore()
    await make_cloud(client_store=client_store).account()
    assert client_store.content["user token"]["renew_at"] == end - 3 * DAY


@pytest.mark.parametrize("content", [{"user token": 5}, {"user token": {"token": 1}}, {"user token": {}}])
async def test_a_damaged_stored_token_costs_one_login(make_cloud: MakeCloud, content: dict[str, Any]) -> None:
    assert (await make_cloud(client_store=ClientStore(content)).devices()).devices


# Devices


async def test_bound_devices_are_listed_with_their_online_state(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer
) -> None:
    listing = await cloud.devices()
    bound = [device for device in server.devices.values() if device.uid == server.uid and not device.is_disabled]
    assert {device.id for device in listing.devices} == {device.did for device in bound}
    assert not listing.failed
    spa = await device_called(cloud, "Terrace spa")
    simulated = server.devices[spa.id]
    assert (spa.mac, spa.model, spa.schema_id) == (simulated.mac, "Whirl_Spa", simulated.product.key)
    assert (spa.sw_version, spa.hw_version) == ("D4H90227", "P4960011")
    assert spa.is_online is True
    assert {device.is_online for device in listing.devices if device.name == "电暖器"} == {False}
    assert server.requests[BINDINGS] == 2  # one for each call in this test


ROW = {"did": "d1", "product_key": "p1"}


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"dev_alias": "Kitchen", "product_name": "Lamp", "mac": "0123456789ab"}, "Kitchen"),
        ({"dev_alias": "", "product_name": "灯", "mac": "0123456789ab"}, "灯"),
        ({"dev_alias": None, "product_name": None, "mac": "0123456789ab"}, "0123456789ab"),
        ({"dev_alias": {}, "product_name": [], "mac": "virtual:site"}, "virtual:site"),
        ({}, "d1"),
    ],
)
async def test_a_device_gets_the_best_name_available(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, row: dict[str, Any], name: str
) -> None:
    server.faults.append(answering("/app/bindings", {"devices": [ROW | row]}))
    (device,) = (await cloud.devices()).devices
    assert device.name == name
    assert device.mac == ("0123456789ab" if row.get("mac") == "0123456789ab" else None)


@pytest.mark.parametrize(("value", "gateway"), [(None, None), ("", None), ("gw1", "gw1")])
async def test_the_gateway_can_be_an_id_empty_or_null(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, value: Any, gateway: str | None
) -> None:
    server.faults.append(answering("/app/bindings", {"devices": [ROW | {"gw_did": value}]}))
    assert (await cloud.devices()).devices[0].gateway_id == gateway


@pytest.mark.parametrize(("value", "is_online"), [(True, True), (1, True), ("0", False), (None, None), ("maybe", None)])
async def test_the_online_state_can_be_a_boolean_a_number_or_text(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, value: Any, is_online: bool | None
) -> None:
    server.faults.append(answering("/app/bindings", {"devices": [ROW | {"is_online": value}]}))
    assert (await cloud.devices()).devices[0].is_online is is_online


@pytest.mark.parametrize("row", [None, 5, [], {}, {"did": 7.5, "product_key": "p"}, {"did": "x"}, {"product_key": "p"}])
async def test_a_list_with_an_unreadable_row_is_unexpected(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, row: Any
) -> None:
    server.faults.append(answering("/app/bindings", {"devices": [ROW, row]}))
    with pytest.raises(UnexpectedAnswer):
        await cloud.devices()


async def test_a_disabled_device_is_not_listed(cloud: GizwitsOpenCloud, server: GizwitsOpenServer) -> None:
    rows = [ROW | {"is_disabled": True, "did": "d0"}, ROW]
    server.faults.append(answering("/app/bindings", {"devices": rows}))
    assert [device.id for device in (await cloud.devices()).devices] == ["d1"]


@pytest.mark.parametrize("devices", [[], [ROW], [ROW] * 4])
async def test_a_list_that_contradicts_its_total_is_unexpected(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, devices: list[Any]
) -> None:
    # The document does not mention a total, but the client trusts one if the server sends it.
    server.faults.append(answering("/app/bindings", {"meta": {"total": 4}, "devices": devices}))
    with pytest.raises(UnexpectedAnswer):
        await cloud.devices()


@pytest.mark.parametrize("body", [{}, None, [], {"devices": None}, {"devices": {}}, "x", 5])
async def test_an_answer_without_a_list_is_unexpected(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, body: Any
) -> None:
    server.faults.append(answering("/app/bindings", body))
    with pytest.raises(UnexpectedAnswer):
        await cloud.devices()


async def test_an_account_without_devices_has_an_empty_list(cloud: GizwitsOpenCloud, server: GizwitsOpenServer) -> None:
    server.devices.clear()
    assert (await cloud.devices()).devices == ()


class PagedBindings:
    """Answers requests for bindings with pages of many devices, cut at `cut_at`."""

    def __init__(self, total: int, cut_at: int | None = None, *, ignores_skip: bool = False) -> None:
        self.rows = [{"did": f"d{index}", "product_key": "p"} for index in range(total)]
        self.cut_at = cut_at
        self.ignores_skip = ignores_skip
        self.answer = Fault(matches=self._serve_page)

    def _serve_page(self, request: web.Request) -> bool:
        if request.path != "/app/bindings":
            return False
        skip = 0 if self.ignores_skip else int(request.query["skip"])
        limit = min(int(request.query["limit"]), self.cut_at or 10**6)
        self.answer.body = json.dumps({"devices": self.rows[skip : skip + limit]})
        return True


@pytest.mark.parametrize(
    ("pages", "most_requests"),
    [
        (PagedBindings(0), 1),
        (PagedBindings(19), 1),
        (PagedBindings(99), 2),
        (PagedBindings(100), 2),
        (PagedBindings(250), 4),
        (PagedBindings(250, cut_at=20), 14),
        (PagedBindings(45, cut_at=20), 3),
        (PagedBindings(40, cut_at=20), 3),
        (PagedBindings(30, ignores_skip=True), 2),
        (PagedBindings(100, ignores_skip=True), 2),
    ],
)
async def test_the_client_reads_all_pages_without_needless_requests(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, pages: PagedBindings, most_requests: int
) -> None:
    server.faults.append(pages.answer)
    devices = (await cloud.devices()).devices
    assert [device.id for device in devices] == [row["did"] for row in pages.rows]
    assert server.requests[BINDINGS] <= most_requests


async def test_the_client_keeps_using_shorter_pages_after_a_refusal(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer
) -> None:
    body = json.dumps({"error_message": "form invalid!", "error_code": 9015, "detail_message": None})
    too_long = Fault(matches=lambda request: int(request.query.get("limit", 20)) > 50, status=400, body=body)
    pages = PagedBindings(45)
    server.faults.extend([too_long, pages.answer])
    for requests in (4, 3):
        server.reset_counts()
        assert len((await cloud.devices()).devices) == 45
        assert server.requests[BINDINGS] == requests


# Definitions


async def test_a_definition_is_fetched_once_per_product_and_stored(
    make_cloud: MakeCloud, server: GizwitsOpenServer
) -> None:
    client_store = ClientStore()
    cloud = make_cloud(client_store=client_store)
    heaters = [device for device in (await cloud.devices()).devices if device.name == "电暖器"]
    assert len(heaters) == 2
    for heater in heaters:
        schema = await cloud.schema(heater)
        assert len(schema.datapoints) == len(server.products[heater.schema_id].attributes)
    again = make_cloud(client_store=ClientStore(json.loads(json.dumps(client_store.content))))
    assert await again.schema(heaters[0]) == schema
    assert server.requests[DATAPOINT] == 1


async def test_alerts_and_faults_become_alarms(cloud: GizwitsOpenCloud) -> None:
    schema = await cloud.schema(await device_called(cloud, "客厅空调"))
    alarms = {datapoint.key for datapoint in schema.datapoints if datapoint.role is Role.ALARM}
    assert alarms == {"filter_alert", "fault_sensor", "fault_comm"}


@pytest.mark.parametrize(("days", "fetches"), [(6, 0), (8, 1), (-8, 1)])
async def test_a_definition_is_refreshed_weekly(
    cloud: GizwitsOpenCloud,
    server: GizwitsOpenServer,
    monkeypatch: pytest.MonkeyPatch,
    days: int,
    fetches: int,
) -> None:
    device = await device_called(cloud, "客厅空调")
    await cloud.schema(device)
    server.reset_counts()
    monkeypatch.setattr(definitions, "time", _Clock(time.time() + days * DAY))
    for _ in range(3):
        await cloud.schema(device)
    assert server.requests[DATAPOINT] == fetches


class _Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def time(self) -> float:
        return self.now

    monotonic = time


@pytest.mark.parametrize("fault", [failing("/app/datapoint", 9008), answering("/app/datapoint", {})])
async def test_the_client_keeps_an_old_definition_if_fetching_a_new_one_fails(
    cloud: GizwitsOpenCloud,
    server: GizwitsOpenServer,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
) -> None:
    device = await device_called(cloud, "客厅空调")
    schema = await cloud.schema(device)
    monkeypatch.setattr(definitions, "time", _Clock(time.time() + 8 * DAY))
    server.faults.append(fault)
    server.reset_counts()
    for _ in range(3):
        assert await cloud.schema(device) == schema
    assert server.requests[DATAPOINT] == 1  # The client tries again after a day.


async def test_a_datapoint_missing_in_the_definition_refetches_it_once_and_then_daily(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    spa = await device_called(cloud, "Terrace spa")  # This device reports bit7, which is missing in its definition.
    began = time.time()
    assert "bit7" in (await cloud.readings([spa])).snapshots[spa.id].readings
    assert server.requests[DATAPOINT] == 1
    for days, fetches in ((0.005, 1), (0.01, 2), (0.9, 2), (1.1, 3), (1.9, 3), (2.2, 4)):
        monkeypatch.setattr(definitions, "time", _Clock(began + days * DAY))
        for _ in range(2):
            assert "bit7" in (await cloud.readings([spa])).snapshots[spa.id].readings
        assert server.requests[DATAPOINT] == fetches


async def test_a_datapoint_reported_for_the_first_time_refetches_the_definition_soon(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = await device_called(cloud, "客厅空调")
    began = time.time()
    await cloud.readings([device])
    steps: tuple[tuple[float, str, int], ...] = (
        (30, "soon", 1),  # The definition is seconds old and may be incomplete.
        (500, "soon", 1),
        (700, "soon", 2),
        (4000, "soon", 2),
        (7200, "new", 3),
        (7300, "newer", 3),
        (10900, "newer", 4),
    )
    for seconds, name, fetches in steps:
        attr = {"switch": 1, name: 5}
        server.faults.append(answering("/app/devdata", {"did": device.id, "updated_at": 1, "attr": attr}))
        monkeypatch.setattr(definitions, "time", _Clock(began + seconds))
        for _ in range(2):
            assert name in (await cloud.readings([device])).snapshots[device.id].readings
        assert server.requests[DATAPOINT] == fetches
        server.faults.clear()


async def test_the_client_keeps_a_limited_number_of_unknown_names(
    make_cloud: MakeCloud, server: GizwitsOpenServer
) -> None:
    client_store = ClientStore()
    cloud = make_cloud(client_store=client_store)
    device = await device_called(cloud, "客厅空调")
    kept: set[str] = set()
    for poll in range(40):
        attr = {f"poll {poll} name {number}": number for number in range(100)} | {"long" * 100: 1, "switch": 1}
        server.faults = [answering("/app/devdata", {"did": device.id, "updated_at": 1, "attr": attr})]
        snapshot = (await cloud.readings([device])).snapshots[device.id]
        kept |= {*snapshot.readings, *snapshot.skipped}
        assert snapshot.readings["switch"].value is True
    assert 104 < len(kept) <= 501
    assert len(json.dumps(dict(client_store.content))) < 50_000
    assert server.requests[DATAPOINT] <= 2


def definition_of(cloud: GizwitsOpenServer, device: Device) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(cloud.products[device.schema_id].definition))
    return found


def _without(which: str, index: int = 0) -> Callable[[dict[str, Any]], None]:
    def spoil(definition: dict[str, Any]) -> None:
        del definition["entities"][0]["attrs"][index][which]

    return spoil


def _in_attrs(change: Callable[[list[Any]], object]) -> Callable[[dict[str, Any]], object]:
    return lambda definition: change(definition["entities"][0]["attrs"])


DAMAGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "no entities": lambda definition: definition["entities"].clear(),
    "an entity that is none": lambda definition: definition["entities"].append(None),
    "no attributes": lambda definition: definition["entities"][0]["attrs"].clear(),
    "attributes that are no list": lambda definition: definition["entities"][0].update(attrs={}),
    "attributes left out": lambda definition: definition["entities"][0].pop("attrs"),
    "an attribute that is none": _in_attrs(lambda attrs: attrs.insert(1, None)),
    "an attribute without a name": _without("name"),
    "an attribute without a type": _without("type"),
    "an attribute without a type of data": _without("data_type"),
}
GAPS: dict[str, Callable[[dict[str, Any]], object]] = {
    "the first attribute missing": _in_attrs(lambda attrs: attrs.pop(0)),
    "one missing in the middle": _in_attrs(lambda attrs: attrs.pop(2)),
    "half of them missing": _in_attrs(lambda attrs: attrs.__delitem__(slice(len(attrs) // 2, None))),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_a_damaged_definition_is_not_stored(
    make_cloud: MakeCloud,
    server: GizwitsOpenServer,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[dict[str, Any]], object],
) -> None:
    client_store = ClientStore()
    cloud = make_cloud(client_store=client_store)
    device = await device_called(cloud, "客厅空调")
    body = definition_of(server, device)
    damage(body)
    server.faults.append(answering("/app/datapoint", body))
    with pytest.raises(UnexpectedAnswer):
        await cloud.schema(device)
    assert isinstance((await cloud.readings([device])).failures[device.id], UnexpectedAnswer)
    assert not any(key.startswith("definition") for key in client_store.content)
    server.faults.clear()
    monkeypatch.setattr(definitions, "time", _Clock(time.time() + 60))
    assert len((await cloud.schema(device)).datapoints) == len(server.products[device.schema_id].attributes)


@pytest.mark.parametrize("gap", GAPS.values(), ids=GAPS)
async def test_a_definition_with_gaps_is_used_until_the_next_fetch_but_not_stored(
    make_cloud: MakeCloud,
    server: GizwitsOpenServer,
    monkeypatch: pytest.MonkeyPatch,
    gap: Callable[[dict[str, Any]], object],
) -> None:
    client_store = ClientStore()
    cloud = make_cloud(client_store=client_store)
    device = await device_called(cloud, "客厅空调")
    body = definition_of(server, device)
    gap(body)
    server.faults.append(answering("/app/datapoint", body))
    began = time.time()
    for seconds in (0, 60, 590):
        monkeypatch.setattr(definitions, "time", _Clock(began + seconds))
        assert len((await cloud.schema(device)).datapoints) == len(body["entities"][0]["attrs"])
    assert server.requests[DATAPOINT] == 1
    assert not any(key.startswith("definition") for key in client_store.content)
    server.faults = [failing("/app/datapoint", 9008)]
    monkeypatch.setattr(definitions, "time", _Clock(began + 610))
    assert await cloud.schema(device)
    server.faults.clear()
    monkeypatch.setattr(definitions, "time", _Clock(began + 1300))
    assert len((await cloud.schema(device)).datapoints) == len(server.products[device.schema_id].attributes)
    assert any(key.startswith("definition") for key in client_store.content)


@pytest.mark.parametrize("damage", (DAMAGES | GAPS).values(), ids=DAMAGES | GAPS)
async def test_a_damaged_definition_does_not_replace_a_complete_one(
    cloud: GizwitsOpenCloud,
    server: GizwitsOpenServer,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[dict[str, Any]], object],
) -> None:
    device = await device_called(cloud, "客厅空调")
    whole = await cloud.schema(device)
    body = definition_of(server, device)
    damage(body)
    server.faults.append(answering("/app/datapoint", body))
    began = time.time() + 8 * DAY
    monkeypatch.setattr(definitions, "time", _Clock(began))
    for _ in range(3):
        assert await cloud.schema(device) == whole
    assert server.requests[DATAPOINT] == 2
    server.faults.clear()
    monkeypatch.setattr(definitions, "time", _Clock(began + 700))
    assert await cloud.schema(device) == whole
    assert server.requests[DATAPOINT] == 3


async def test_a_definition_that_stays_damaged_is_accepted_after_some_minutes(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = await device_called(cloud, "客厅空调")
    body = definition_of(server, device)
    body["entities"][0]["attrs"][1]["type"] = None
    server.faults.append(answering("/app/datapoint", body))
    began = time.time()
    for seconds in (0, 60, 120):
        monkeypatch.setattr(definitions, "time", _Clock(began + seconds))
        with pytest.raises(UnexpectedAnswer):
            await cloud.schema(device)
    monkeypatch.setattr(definitions, "time", _Clock(began + 700))
    assert len((await cloud.schema(device)).datapoints) == len(server.products[device.schema_id].attributes)


@pytest.mark.parametrize("spell", [str, float, lambda _: None], ids=["text", "float", "null"])
async def test_attribute_ids_in_a_definition_can_be_text_floats_or_null(
    make_cloud: MakeCloud, server: GizwitsOpenServer, spell: Callable[[int], Any]
) -> None:
    client_store = ClientStore()
    cloud = make_cloud(client_store=client_store)
    device = await device_called(cloud, "客厅空调")
    body = definition_of(server, device)
    for attr in body["entities"][0]["attrs"]:
        attr["id"] = spell(attr["id"])
    server.faults.append(answering("/app/datapoint", body))
    assert len((await cloud.schema(device)).datapoints) == len(body["entities"][0]["attrs"])
    assert any(key.startswith("definition") for key in client_store.content)


async def test_later_readings_describe_datapoints_that_a_shortened_definition_lacked(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = await device_called(cloud, "客厅空调")
    body = definition_of(server, device)
    # The last attribute is an alarm that the vendor's screens do not show.
    gone = body["entities"][0]["attrs"].pop()["name"]
    server.faults.append(answering("/app/datapoint", body, times=1))
    began = time.time()
    assert gone not in {datapoint.key for datapoint in (await cloud.schema(device)).datapoints}
    assert (await cloud.readings([device])).snapshots[device.id].described == ()
    monkeypatch.setattr(definitions, "time", _Clock(began + 700))
    snapshot = (await cloud.readings([device])).snapshots[device.id]
    assert gone in {datapoint.key for datapoint in snapshot.described}
    assert snapshot.readings[gone].value in (True, False)
    assert await cloud.schema(device)
    assert (await cloud.readings([device])).snapshots[device.id].described == ()


async def test_a_rejected_value_refetches_the_definition_at_most_once_an_hour(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = await device_called(cloud, "客厅空调")
    await cloud.schema(device)
    server.faults.append(failing("/app/control", 9025))
    began = time.time()
    for seconds, fetches in ((1, 2), (2, 2), (3500, 2), (3700, 3)):
        monkeypatch.setattr(definitions, "time", _Clock(began + seconds))
        with pytest.raises(Rejected):
            await cloud.write(device, {"switch": True})
        await cloud.schema(device)
        assert server.requests[DATAPOINT] == fetches


async def test_the_client_remembers_a_product_without_datapoints_for_a_day(
    make_cloud: MakeCloud, server: GizwitsOpenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client_store = ClientStore()
    cloud = make_cloud(client_store=client_store)
    lamp = (await cloud.devices()).devices[2]
    definition = server.products.pop(lamp.schema_id)
    for one in (cloud, make_cloud(client_store=client_store)):
        assert (await one.schema(lamp)).datapoints == ()
    assert server.requests[DATAPOINT] == 1
    server.products[lamp.schema_id] = definition
    monkeypatch.setattr(definitions, "time", _Clock(time.time() + 1.1 * DAY))
    assert (await make_cloud(client_store=client_store).schema(lamp)).datapoints


@pytest.mark.parametrize("body", [{}, [], None, {"entities": None}])
async def test_an_answer_without_a_definition_is_unexpected(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, body: Any
) -> None:
    device = await device_called(cloud, "客厅空调")
    server.faults.append(answering("/app/datapoint", body))
    with pytest.raises(UnexpectedAnswer):
        await cloud.schema(device)


# Readings


async def test_readings_have_the_values_of_the_device(cloud: GizwitsOpenCloud, server: GizwitsOpenServer) -> None:
    device = await device_called(cloud, "客厅空调")
    simulated = server.devices[device.id]
    simulated.set(switch=True, mode="制热", room_temp=-10.5, fault_sensor=False)
    snapshot = (await cloud.readings([device])).snapshots[device.id]
    values = {key: reading.value for key, reading in snapshot.readings.items()}
    assert values == dict(simulated.attrs)
    assert values["switch"] is True
    assert values["fault_sensor"] is False
    assert snapshot.reported_at == datetime.fromtimestamp(simulated.updated_at, UTC)
    assert snapshot.readings["mode"].taken_at == snapshot.reported_at


async def test_a_device_forgotten_by_the_cloud_has_an_empty_snapshot(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer
) -> None:
    listing = await cloud.devices()
    forgotten = next(device for device in listing.devices if server.devices[device.id].is_forgotten)
    snapshot = (await cloud.readings([forgotten])).snapshots[forgotten.id]
    assert (dict(snapshot.readings), snapshot.reported_at) == ({}, None)


@pytest.mark.parametrize("updated_at", ["1700000000", 1700000000, 1700000000.0, 1700000000000])
async def test_the_time_of_a_report_can_be_text_a_number_or_milliseconds(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, updated_at: Any
) -> None:
    device = await device_called(cloud, "客厅空调")
    server.faults.append(answering("/app/devdata", {"did": device.id, "updated_at": updated_at, "attr": {"switch": 1}}))
    snapshot = (await cloud.readings([device])).snapshots[device.id]
    assert snapshot.reported_at == datetime.fromtimestamp(1700000000, UTC)


@pytest.mark.parametrize("updated_at", [None, "x", 1e300, -1, [], True])
async def test_a_report_without_a_valid_time_still_has_values(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, updated_at: Any
) -> None:
    device = await device_called(cloud, "客厅空调")
    server.faults.append(answering("/app/devdata", {"updated_at": updated_at, "attr": {"switch": 1}}))
    snapshot = (await cloud.readings([device])).snapshots[device.id]
    assert snapshot.reported_at is None
    assert snapshot.readings["switch"].value is True


@pytest.mark.parametrize(
    "fault",
    [
        failing("/app/devdata/{did}", 9008),
        failing("/app/devdata/{did}", 9014),
        failing("/app/devdata/{did}", 9017),
        answering("/app/devdata/{did}", {}),
        answering("/app/devdata/{did}", None),
        answering("/app/devdata/{did}", {"attr": []}),
        Fault(body="<html>", status=502),
        Fault(drops=True),
        Fault(cuts_at=20),
    ],
)
async def test_a_failing_device_does_not_affect_the_others(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, fault: Fault
) -> None:
    listing = await cloud.devices()
    victim = listing.devices[1]
    fault.matches = at(f"/app/devdata/{victim.id}")
    server.faults.append(fault)
    readings = await cloud.readings(listing.devices)
    assert set(readings.failures) == {victim.id}
    assert set(readings.snapshots) == {device.id for device in listing.devices} - {victim.id}
    assert readings.stopped_by is None


@pytest.mark.parametrize("did", ["..", ".", "../../login"])
async def test_a_device_id_that_is_a_path_does_not_affect_other_devices(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, did: str
) -> None:
    healthy = await device_called(cloud, "客厅空调")
    readings = await cloud.readings([replace(healthy, id=did), healthy])
    assert set(readings.failures) == {did}
    assert set(readings.snapshots) == {healthy.id}
    assert readings.stopped_by is None


async def test_throttling_ends_the_poll(cloud: GizwitsOpenCloud, server: GizwitsOpenServer) -> None:
    devices = [Device(id=f"d{number}", name="x", schema_id="fa4eac000000000000000000000000a1") for number in range(50)]
    await cloud.schema(devices[0])
    server.faults.append(failing("/app/devdata", 9041))
    readings = await cloud.readings(devices)
    assert isinstance(readings.stopped_by, RateLimited)
    assert readings.stopped_by.retry_after
    assert not readings.snapshots
    assert not readings.failures
    assert server.requests[LATEST] <= 16  # These requests were already under way.


async def test_a_lost_connection_ends_the_poll(cloud: GizwitsOpenCloud, server: GizwitsOpenServer) -> None:
    devices = [Device(id=f"d{number}", name="x", schema_id="fa4eac000000000000000000000000a1") for number in range(50)]
    await cloud.schema(devices[0])
    server.faults.append(Fault(drops=True))
    readings = await cloud.readings(devices)
    assert isinstance(readings.stopped_by, Unreachable)
    # The client sends each request twice, for some batches until the connection counts as lost.
    assert server.requests[LATEST] < 80
    alone = await cloud.readings(devices[:1])
    assert isinstance(alone.stopped_by, Unreachable)


async def test_devices_are_read_in_parallel(cloud: GizwitsOpenCloud, server: GizwitsOpenServer) -> None:
    devices = [Device(id=f"d{number}", name="x", schema_id="fa4eac000000000000000000000000a1") for number in range(40)]
    await cloud.schema(devices[0])
    body = json.dumps({"updated_at": 1700000000, "attr": {"switch": 1}})
    server.faults.append(Fault(matches=at("/app/devdata"), body=body, delay=0.01))
    assert len((await cloud.readings(devices)).snapshots) == 40
    assert server.requests[LATEST] == 40


async def test_reading_no_devices_sends_no_request(cloud: GizwitsOpenCloud, server: GizwitsOpenServer) -> None:
    assert dict((await cloud.readings([])).snapshots) == {}
    assert not server.requests


# Writes


async def test_a_write_sends_all_values_in_one_command(cloud: GizwitsOpenCloud, server: GizwitsOpenServer) -> None:
    device = await device_called(cloud, "客厅空调")
    await cloud.write(device, {"switch": False, "mode": 1, "set_temp": 21.0})
    assert server.devices[device.id].received == [{"attrs": {"switch": False, "mode": "制热", "set_temp": 21}}]
    values = (await cloud.readings([device])).snapshots[device.id].readings
    assert (values["switch"].value, values["mode"].value, values["set_temp"].value) == (False, "制热", 21)


async def test_the_cloud_accepts_every_writable_datapoint_of_the_household(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer
) -> None:
    for device in (await cloud.devices()).devices:
        if not device.is_online:
            continue
        values = {
            key: reading.value
            for key, reading in (await cloud.readings([device])).snapshots[device.id].readings.items()
        }
        for datapoint in (await cloud.schema(device)).datapoints:
            value = values.get(datapoint.key)
            if datapoint.is_writable and value is not None and datapoint.key != "bubble_minutes":
                await cloud.write(device, {datapoint.key: value})
        assert server.devices[device.id].received


@pytest.mark.parametrize(("key", "value"), [("room_temp", 20), ("nothing", 1), ("set_temp", 99), ("mode", "boost")])
async def test_the_client_does_not_send_a_write_that_cannot_succeed(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, key: str, value: Any
) -> None:
    device = await device_called(cloud, "客厅空调")
    with pytest.raises(Rejected) as refusal:
        await cloud.write(device, {"switch": True, key: value})
    assert (refusal.value.reason, refusal.value.subject) == (Reason.SCHEMA_MISMATCH, key)
    assert server.requests[CONTROL] == 0


@pytest.mark.parametrize(
    "detail",
    [
        "attr mode invalid or read only.",
        "mode",
        "mode is read only, so is switch",
        "attr 'mode' does not exist",
        "attrs: mode",
        'invalid attr "mode"',
    ],
)
async def test_a_rejection_names_the_datapoint(cloud: GizwitsOpenCloud, server: GizwitsOpenServer, detail: str) -> None:
    device = await device_called(cloud, "客厅空调")
    body = {"error_message": "attr invalid!", "error_code": 9025, "detail_message": detail}
    server.faults.append(answering("/app/control", body, 400))
    with pytest.raises(Rejected) as refusal:
        await cloud.write(device, {"switch": True, "mode": "制热"})
    assert (refusal.value.reason, refusal.value.subject) == (Reason.INVALID_VALUE, "mode")
    assert "read only" not in str(refusal.value)


@pytest.mark.parametrize("detail", [None, "", "attr invalid!", "no such thing", 5, ["attr mode invalid"]])
async def test_a_rejection_without_a_known_datapoint_has_no_subject(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, detail: Any
) -> None:
    device = await device_called(cloud, "客厅空调")
    body = {"error_message": "attr invalid!", "error_code": 9025, "detail_message": detail}
    server.faults.append(answering("/app/control", body, 400))
    with pytest.raises(Rejected) as refusal:
        await cloud.write(device, {"switch": True})
    assert (refusal.value.reason, refusal.value.subject) == (Reason.INVALID_VALUE, None)


async def test_a_write_to_an_offline_device_raises_device_offline(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer
) -> None:
    device = await device_called(cloud, "客厅空调")
    server.devices[device.id].is_online = False
    with pytest.raises(DeviceOffline) as refusal:
        await cloud.write(device, {"switch": True})
    assert refusal.value.reason is Reason.OFFLINE


@pytest.mark.parametrize(
    "fault", [Fault(drops=True), Fault(status=502, body=""), failing("", 9021), failing("", 9008), failing("", 9999)]
)
async def test_the_client_never_repeats_a_write(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, fault: Fault
) -> None:
    device = await device_called(cloud, "客厅空调")
    await cloud.schema(device)
    fault.matches = at("/app/control")
    server.faults.append(fault)
    with pytest.raises(CloudError):
        await cloud.write(device, {"switch": True})
    assert server.requests[CONTROL] == 1


async def test_an_empty_answer_to_a_write_is_a_success(cloud: GizwitsOpenCloud, server: GizwitsOpenServer) -> None:
    device = await device_called(cloud, "客厅空调")
    server.faults.append(Fault(matches=at("/app/control"), status=200, body=""))
    await cloud.write(device, {"switch": True})


# Errors

TOKEN = (AuthFailed, Reason.TOKEN_REFUSED)
TRANSIENT = (Unreachable, Reason.SERVER_ERROR)
SENDING_FAILED = (Unreachable, Reason.SENDING_FAILED)
CALLER = (Rejected, Reason.INVALID_REQUEST)
QUOTA = (Forbidden, Reason.DEVICE_QUOTA_REACHED)

DOCUMENTED: dict[int, tuple[type[CloudError], Reason | None]] = {
    9001: CALLER,
    9002: (Forbidden, Reason.UNKNOWN_PRODUCT),
    9003: (Forbidden, Reason.UNKNOWN_APP),
    9004: TOKEN,
    9005: (AuthFailed, Reason.UNKNOWN_USER),
    9006: TOKEN,
    9007: TRANSIENT,
    9008: TRANSIENT,
    9009: CALLER,
    9010: CALLER,
    9011: QUOTA,
    9012: QUOTA,
    9013: QUOTA,
    9014: (DeviceGone, Reason.NOT_FOUND),
    9015: CALLER,
    9016: (DeviceGone, Reason.NOT_FOUND),
    9017: (DeviceGone, Reason.NOT_FOUND),
    9018: CALLER,
    9019: CALLER,
    9020: (AuthFailed, Reason.WRONG_PASSWORD),
    9021: SENDING_FAILED,
    9022: CALLER,
    9023: (DeviceOffline, Reason.DISABLED),
    9024: SENDING_FAILED,
    9025: (Rejected, Reason.INVALID_VALUE),
    9026: (AuthFailed, Reason.UNKNOWN_USER),
    9027: CALLER,
    9028: CALLER,
    9029: (Forbidden, Reason.NO_DATAPOINTS),
    9030: CALLER,
    9031: CALLER,
    9032: CALLER,
    9033: CALLER,
    9034: CALLER,
    9035: TRANSIENT,
    9036: CALLER,
    9037: CALLER,
    9038: (Forbidden, Reason.UNKNOWN_APP),
    9039: (NotSupported, None),
    9040: (Rejected, Reason.BAD_QR_CODE),
    9041: (RateLimited, Reason.QUOTA_EXHAUSTED),
    9042: (DeviceOffline, Reason.OFFLINE),
    9043: (Forbidden, Reason.CLOCK_WRONG),
    9044: (Forbidden, Reason.WRONG_PRODUCT_SECRET),
    9045: (NotSupported, None),
    9046: CALLER,
    9077: (AuthFailed, Reason.ACCOUNT_DISABLED),
    **dict.fromkeys([9080, 9081, 9082, 9083, 9084, 9085, 9087, 9088, 9089, 9090], CALLER),
    9093: (Rejected, Reason.NOT_OWNER),
    **dict.fromkeys([9092, 9094, 9095, 9096, 9098, 9099, 9100, 9101], CALLER),
    9220: (Rejected, Reason.UNKNOWN_SCENE),
    9221: (Rejected, Reason.UNKNOWN_SCENE),
    9999: CALLER,
}


async def test_every_documented_code_raises_its_error(make_cloud: MakeCloud, server: GizwitsOpenServer) -> None:
    client_store = ClientStore()
    device = await device_called(make_cloud(client_store=client_store), "客厅空调")
    await make_cloud(client_store=client_store).schema(device)
    server.accounts.logins_per_minute = 10**6
    for code, (kind, reason) in DOCUMENTED.items():
        for status, spelling in ((400, code), (400, str(code)), (200, code)):
            body = {"error_message": "x", "error_code": spelling, "detail_message": None}
            server.faults = [replace(answering("", body, status), matches=not_at_a_login)]
            with pytest.raises(CloudError) as listed:
                await make_cloud(client_store=ClientStore(client_store.content)).devices()
            with pytest.raises(CloudError) as sent:
                await make_cloud(client_store=ClientStore(client_store.content)).write(device, {"switch": True})
            for failure in (listed.value, sent.value):
                assert (type(failure), failure.reason, failure.code) == (kind, reason, code)


@pytest.mark.parametrize("code", [9047, 9086, 9500, 1, "E-7", [], -1])
async def test_an_unknown_code_is_temporary_for_reads_and_a_rejection_for_commands(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, code: Any
) -> None:
    device = await device_called(cloud, "客厅空调")
    await cloud.schema(device)
    server.faults = [answering("/app/bindings", {"error_code": code}), answering("/app/control", {"error_code": code})]
    with pytest.raises(Unreachable):
        await cloud.devices()
    with pytest.raises(Rejected):
        await cloud.write(device, {"switch": True})


@pytest.mark.parametrize("body", ["", "<html>Bad Request</html>", "{}", '{"msg": "?"}'])
async def test_a_400_without_a_code_is_temporary(cloud: GizwitsOpenCloud, server: GizwitsOpenServer, body: str) -> None:
    await cloud.account()
    server.faults.append(Fault(matches=at("/app/bindings"), status=400, body=body, times=1))
    assert (await cloud.devices()).devices
    server.faults.append(Fault(matches=at("/app/bindings"), status=400, body=body))
    with pytest.raises(Unreachable):
        await cloud.devices()


@pytest.mark.parametrize("status", [200, 400, 424])
async def test_codes_of_the_gateway_are_understood(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, status: int
) -> None:
    await cloud.account()
    server.faults.append(answering("/app/bindings", {"code": 9006, "msg": "token has expired"}, status, times=1))
    assert (await cloud.devices()).devices
    assert server.requests[LOGIN] == 2


@pytest.mark.parametrize("code", [200, "200", 0, None, "", "OK"])
async def test_a_code_of_success_is_not_an_error(cloud: GizwitsOpenCloud, server: GizwitsOpenServer, code: Any) -> None:
    server.faults.append(answering("/app/bindings", {"code": code, "devices": [ROW]}))
    assert (await cloud.devices()).devices


@pytest.mark.parametrize("nothing", [None, 0, "0", ""])
async def test_an_empty_error_code_is_not_an_error(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer, nothing: Any
) -> None:
    server.faults.append(answering("/app/bindings", {"error_code": nothing, "devices": [ROW]}))
    assert (await cloud.devices()).devices


# Secrets and constants


async def test_an_anonymous_login_keeps_its_phone_id_out_of_logs_and_addresses(
    make_cloud: MakeCloud, server: GizwitsOpenServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    login = AnonymousLogin(phone_id=server.phone_id)
    await make_cloud(login).account()
    assert "HTTP 20" in caplog.text
    shown = [caplog.text, repr(login), *(str(request.url) for request in server.log)]
    assert not [text for text in shown if server.phone_id in text]


async def test_every_request_has_the_app_id(cloud: GizwitsOpenCloud, server: GizwitsOpenServer) -> None:
    await cloud.readings((await cloud.devices()).devices)
    assert {request.headers.get("X-Gizwits-Application-Id") for request in server.log} == {server.app_id}


def test_the_regions_and_known_apps_are_well_formed() -> None:
    assert set(REGIONS) == {"cn", "us", "eu"}
    addresses = [url for region in REGIONS.values() for url in (region.api_url, region.front_url)]
    assert len(set(addresses)) == 6
    assert all(url.startswith("https://") for url in addresses)
    assert all(len(app_id) == 32 and int(app_id, 16) for app_id in KNOWN_APPS)
    assert KNOWN_APPS["c70a66ff039d41b4a220e198b0fcc8b3"] == "Heatzy"


def test_the_polling_intervals_are_those_of_the_vendors_apps(cloud: GizwitsOpenCloud) -> None:
    assert cloud.default_interval.total_seconds() == 60
    assert cloud.shortest_interval.total_seconds() == 30
    assert cloud.listing_interval is None


async def test_a_throttled_request_halves_the_pace_of_the_budget(
    cloud: GizwitsOpenCloud, server: GizwitsOpenServer
) -> None:
    await cloud.account()
    before = cloud.budget.pace
    server.faults.append(failing("/app/bindings", 9041))
    with pytest.raises(RateLimited):
        await cloud.devices()
    assert cloud.budget.pace == pytest.approx(before / 2, rel=0.01)
