"""Tests the login at Keycloak: its tokens and its refusals."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import aiohttp
import jwt
import pytest

from custom_components.datapoint_cloud.clouds.errors import (
    AuthFailed,
    CloudError,
    Forbidden,
    RateLimited,
    Reason,
    Rejected,
    UnexpectedAnswer,
    Unreachable,
)
from custom_components.datapoint_cloud.clouds.history import Series
from custom_components.datapoint_cloud.clouds.sodata import auth
from custom_components.datapoint_cloud.clouds.sodata.api import SoDataCloud
from simulator.server import Fault

from .sodata_server import ACCOUNTS, BULK, DEVICES, SINGLE, SITES, TOKEN, VARIABLES, SoData, answer, route

DATAPOINTS = "PUT /api/v1/ca/{ca}/datapoints"
_DAY = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 9, 2, tzinfo=UTC)


@pytest.fixture
async def sodata(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SoData]:
    async with aiohttp.ClientSession() as session:
        sodata = SoData(session)
        monkeypatch.setattr(auth, "time", SimpleNamespace(monotonic=sodata.now))
        await sodata.start()
        yield sodata
        await sodata.stop()


@pytest.fixture
def client(sodata: SoData) -> SoDataCloud:
    return sodata.client()


async def test_client_logs_in_once_for_many_requests(sodata: SoData, client: SoDataCloud) -> None:
    for _ in range(3):
        await client.corporate_accounts()
    assert sodata.keycloak.grants == ["password"]


async def test_password_is_sent_unchanged(sodata: SoData) -> None:
    sodata.keycloak.password = "a&b=c+d%20é ü/?#"
    await sodata.client().account()
    request = sodata.keycloak.log[0]
    assert request.content_type == "application/x-www-form-urlencoded"
    assert request.query_string == ""


async def test_token_is_refreshed_before_it_expires(sodata: SoData, client: SoDataCloud) -> None:
    await client.corporate_accounts()
    sodata.seconds += 269
    await client.corporate_accounts()
    assert sodata.keycloak.grants == ["password"]
    sodata.seconds += 2
    await client.corporate_accounts()
    assert sodata.keycloak.grants == ["password", "refresh_token"]


async def test_client_uses_the_lifetimes_in_the_answer(sodata: SoData, client: SoDataCloud) -> None:
    sodata.keycloak.access_lifetime = 20
    await client.corporate_accounts()
    sodata.seconds += 9
    await client.corporate_accounts()
    assert sodata.keycloak.grants == ["password"]
    sodata.seconds += 2
    await client.corporate_accounts()
    assert sodata.keycloak.grants == ["password", "refresh_token"]


async def test_each_refresh_uses_the_newest_refresh_token(sodata: SoData, client: SoDataCloud) -> None:
    # The server ends the session if a refresh token is used twice.
    for _ in range(4):
        await client.corporate_accounts()
        sodata.seconds += 280
    assert sodata.keycloak.grants == ["password", *["refresh_token"] * 3]


async def test_parallel_requests_refresh_once(sodata: SoData, client: SoDataCloud) -> None:
    await client.corporate_accounts()
    sodata.seconds += 280
    await asyncio.gather(*(client.corporate_accounts() for _ in range(5)))
    assert sodata.keycloak.grants == ["password", "refresh_token"]


async def test_client_logs_in_once_after_a_long_pause(sodata: SoData, client: SoDataCloud) -> None:
    await client.corporate_accounts()
    sodata.seconds += 1801
    await client.corporate_accounts()
    assert sodata.keycloak.grants == ["password", "password"]
    assert sodata.keycloak.requests[TOKEN] == 2


async def test_refresh_lifetime_of_zero_means_unlimited(sodata: SoData, client: SoDataCloud) -> None:
    sodata.keycloak.refresh_lifetime = 0
    await client.corporate_accounts()
    sodata.seconds += 9000
    await client.corporate_accounts()
    assert sodata.keycloak.grants == ["password", "refresh_token"]


async def test_client_logs_in_once_after_the_session_ended(sodata: SoData, client: SoDataCloud) -> None:
    await client.corporate_accounts()
    sodata.keycloak.revoke_sessions()
    sodata.seconds += 280
    await client.corporate_accounts()
    assert sodata.keycloak.grants == ["password", "password"]


async def test_client_logs_in_once_after_losing_the_answer_to_a_refresh(sodata: SoData, client: SoDataCloud) -> None:
    await client.corporate_accounts()
    sodata.seconds += 280
    sodata.keycloak.faults = [Fault(drops=True, times=1)]
    await client.corporate_accounts()
    assert sodata.keycloak.grants == ["password", "password"]


async def test_client_does_not_use_a_refresh_token_twice(sodata: SoData, client: SoDataCloud) -> None:
    await client.corporate_accounts()
    sodata.seconds += 280
    sodata.keycloak.faults = [Fault(drops=True, times=1), Fault(status=503, times=1)]
    with pytest.raises(Unreachable):
        await client.corporate_accounts()
    await client.corporate_accounts()
    assert sodata.keycloak.grants == ["password", "password"]
    assert sodata.keycloak.requests[TOKEN] == 4


@pytest.mark.parametrize("fault", [Fault(cuts_at=50), Fault(body="[]"), Fault(body='{"access_token": ""}')])
async def test_client_logs_in_once_after_an_unreadable_answer_to_a_refresh(
    sodata: SoData, client: SoDataCloud, fault: Fault
) -> None:
    await client.corporate_accounts()
    sodata.seconds += 280
    fault.times = 1
    sodata.keycloak.faults = [fault]
    await client.corporate_accounts()
    assert sodata.keycloak.grants[-1] == "password"
    assert sodata.keycloak.requests[TOKEN] == 3


async def test_session_continues_after_a_failure_of_the_token_server(sodata: SoData, client: SoDataCloud) -> None:
    await client.corporate_accounts()
    sodata.seconds += 280
    sodata.keycloak.faults = [Fault(status=503, body="<html>", times=1)]
    with pytest.raises(Unreachable):
        await client.corporate_accounts()
    await client.corporate_accounts()
    assert sodata.keycloak.grants == ["password", "refresh_token"]


async def test_client_refreshes_a_token_refused_by_the_api_once(sodata: SoData, client: SoDataCloud) -> None:
    await client.corporate_accounts()
    sodata.api.faults = [Fault(status=401, times=1)]
    await client.corporate_accounts()
    assert sodata.keycloak.grants == ["password", "refresh_token"]


async def test_client_logs_in_after_the_session_was_revoked(sodata: SoData, client: SoDataCloud) -> None:
    await client.corporate_accounts()
    sodata.keycloak.revoke_sessions()
    await client.corporate_accounts()
    assert sodata.keycloak.grants == ["password", "password"]


async def test_authentication_fails_if_the_api_refuses_every_token(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.faults = [Fault(status=401)]
    with pytest.raises(AuthFailed) as caught:
        await client.corporate_accounts()
    assert caught.value.reason is Reason.TOKEN_REFUSED
    assert sodata.keycloak.grants == ["password", "refresh_token", "password"]
    assert sodata.api.requests[ACCOUNTS] == 3


async def test_client_does_not_log_in_twice_if_the_api_refuses_the_new_token(
    sodata: SoData, client: SoDataCloud
) -> None:
    await client.corporate_accounts()
    sodata.keycloak.revoke_sessions()
    sodata.api.faults = [Fault(status=401)]
    with pytest.raises(AuthFailed):
        await client.corporate_accounts()
    assert sodata.keycloak.grants == ["password", "password"]


@pytest.mark.parametrize("fault", [Fault(status=401), Fault(status=401, body="<html>", content_type="text/html")])
async def test_authentication_does_not_fail_if_only_one_endpoint_refuses_the_token(
    sodata: SoData, client: SoDataCloud, fault: Fault
) -> None:
    devices = (await client.devices()).devices
    await client.readings(devices)
    for name in (BULK, SINGLE, VARIABLES, DATAPOINTS, SITES, DEVICES):
        sodata.keycloak.reset_counts()
        sodata.keycloak.grants.clear()
        sodata.api.faults = [replace(route(name), status=401, body=fault.body, content_type=fault.content_type)]
        calls: dict[str, Any] = {
            VARIABLES: lambda: client.schema(devices[0]),
            DATAPOINTS: lambda: client.history.readings([Series(devices[0], "Global|0|1")], *_DAY),
            SITES: client.devices,
            DEVICES: client.devices,
        }
        for _ in range(3):
            try:
                await calls.get(name, lambda: client.readings(devices[:1] if name == SINGLE else devices))()  # noqa: B023
            except CloudError as error:
                assert isinstance(error, UnexpectedAnswer)  # noqa: PT017
        assert "password" not in sodata.keycloak.grants
        assert len(sodata.keycloak.grants) <= 2
        sodata.api.faults = []
        await calls.get(name, lambda: client.readings(devices))()


async def test_authentication_fails_if_several_endpoints_refuse_the_token(sodata: SoData, client: SoDataCloud) -> None:
    devices = (await client.devices()).devices
    await client.readings(devices)
    sodata.api.faults = [Fault(status=401)]
    with pytest.raises(AuthFailed):
        await client.readings(devices)


async def test_changed_password_fails_authentication_after_the_session_ended(
    sodata: SoData, client: SoDataCloud
) -> None:
    await client.corporate_accounts()
    sodata.keycloak.password = "new"
    sodata.keycloak.revoke_sessions()
    answers = await asyncio.gather(*(client.corporate_accounts() for _ in range(4)), return_exceptions=True)
    assert [getattr(answer, "reason", None) for answer in answers] == [Reason.WRONG_PASSWORD] * 4
    assert sodata.keycloak.requests[TOKEN] == 3  # the first login, a refresh and one try with the old password


@pytest.mark.parametrize(
    ("changes", "kind", "reason"),
    [
        ({"password": "wrong"}, AuthFailed, Reason.WRONG_PASSWORD),
        ({"username": "unknown@example.com"}, AuthFailed, Reason.WRONG_PASSWORD),
        ({"client_id": "wrong"}, AuthFailed, Reason.WRONG_CLIENT),
        ({"client_secret": "wrong"}, AuthFailed, Reason.WRONG_CLIENT),
        ({"realm": "master"}, Forbidden, Reason.WRONG_REALM),
    ],
)
async def test_wrong_credentials_have_different_reasons(
    sodata: SoData, changes: dict[str, str], kind: type[CloudError], reason: Reason
) -> None:
    with pytest.raises(kind) as caught:
        await sodata.client(**changes).account()
    assert caught.value.reason is reason
    assert sodata.keycloak.requests[TOKEN] == 1


@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize(
    ("description", "reason"),
    [
        ("Invalid user credentials", Reason.WRONG_PASSWORD),
        ("something new", Reason.WRONG_PASSWORD),
        (None, Reason.WRONG_PASSWORD),
        ("Account disabled", Reason.ACCOUNT_DISABLED),
        ("Account is not fully set up", Reason.ACCOUNT_DISABLED),
    ],
)
async def test_description_of_a_refused_login_decides_the_reason(
    sodata: SoData, client: SoDataCloud, status: int, description: str | None, reason: Reason
) -> None:
    body = {"error": "invalid_grant", "error_description": description}
    sodata.keycloak.faults = [answer(TOKEN, body, status=status)]
    with pytest.raises(AuthFailed) as caught:
        await client.account()
    assert caught.value.reason is reason


async def test_wrong_password_is_recognized_with_the_status_of_newer_keycloaks(sodata: SoData) -> None:
    sodata.keycloak.refused_login_status = 400
    with pytest.raises(AuthFailed) as caught:
        await sodata.client(password="wrong").account()
    assert caught.value.reason is Reason.WRONG_PASSWORD


@pytest.mark.parametrize(
    ("switch", "value", "kind", "reason"),
    [
        ("needs_consent", True, Forbidden, Reason.CONSENT_REQUIRED),
        ("allows_password_grant", False, Forbidden, Reason.PASSWORD_LOGIN_NOT_ALLOWED),
        ("is_account_disabled", True, AuthFailed, Reason.ACCOUNT_DISABLED),
        ("is_account_set_up", False, AuthFailed, Reason.ACCOUNT_DISABLED),
    ],
)
async def test_problems_for_the_vendor_have_different_reasons(
    sodata: SoData, client: SoDataCloud, switch: str, value: bool, kind: type[CloudError], reason: Reason
) -> None:
    setattr(sodata.keycloak, switch, value)
    with pytest.raises(kind) as caught:
        await client.account()
    assert caught.value.reason is reason


async def test_login_that_is_no_longer_allowed_ends_the_poll_without_failing_devices(
    sodata: SoData, client: SoDataCloud
) -> None:
    devices = (await client.devices()).devices
    await client.readings(devices)
    sodata.keycloak.revoke_sessions()
    sodata.seconds += 280
    sodata.keycloak.allows_password_grant = False
    sodata.keycloak.reset_counts()
    readings = await client.readings(devices)
    assert (readings.snapshots, readings.failures) == ({}, {})
    assert readings.stopped_by is not None
    assert readings.stopped_by.reason is Reason.PASSWORD_LOGIN_NOT_ALLOWED
    assert sodata.keycloak.requests[TOKEN] == 2  # a refresh and a login
    sodata.keycloak.allows_password_grant = True
    sodata.api.reset_counts()
    assert (await client.readings(devices)).failures == {}
    assert sum(sodata.api.requests.values()) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(status=502, body="<html>Bad gateway</html>", content_type="text/html"),
        Fault(status=200, body="<html>Welcome to this hotel</html>"),
        Fault(status=401, body="<html>Proxy</html>"),
        Fault(status=404, body="<html>Not here</html>"),
        Fault(drops=True),
        Fault(cuts_at=10),
    ],
)
async def test_network_trouble_does_not_fail_authentication(sodata: SoData, client: SoDataCloud, fault: Fault) -> None:
    sodata.keycloak.faults = [fault]
    with pytest.raises(Unreachable):
        await client.account()


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, "invalid_request"), (401, "invalid_request"), (400, "unsupported_grant_type"), (403, None)],
)
async def test_mistake_of_our_client_does_not_fail_authentication(
    sodata: SoData, client: SoDataCloud, status: int, error: str | None
) -> None:
    sodata.keycloak.faults = [answer(TOKEN, {"error": error}, status=status)]
    with pytest.raises(Rejected):
        await client.account()


async def test_token_server_can_limit_requests(sodata: SoData, client: SoDataCloud) -> None:
    sodata.keycloak.faults = [Fault(status=429, headers={"Retry-After": "30"}, body="slow down")]
    with pytest.raises(RateLimited) as caught:
        await client.account()
    assert caught.value.retry_after == 30


@pytest.mark.parametrize("lifetime", [None, "300", [], True])
async def test_invalid_lifetimes_are_ignored(sodata: SoData, client: SoDataCloud, lifetime: Any) -> None:
    token = jwt.encode({"sub": "x"}, "a key that is long enough for this hash")
    body = {"access_token": token, "expires_in": lifetime, "refresh_expires_in": lifetime, "refresh_token": None}
    sodata.keycloak.faults = [answer(TOKEN, body)]
    sodata.api.faults = [answer(ACCOUNTS, {"results": []})]
    assert await client.corporate_accounts() == ()
    assert await client.corporate_accounts() == ()
    assert sodata.keycloak.requests[TOKEN] == 1


async def test_address_can_end_with_the_path_of_older_servers(sodata: SoData) -> None:
    sodata.keycloak.faults = [Fault(status=404, body="{}")]
    with pytest.raises(Forbidden):
        await sodata.client(auth_url=f"{sodata.keycloak.url}/auth/").account()
    assert sodata.keycloak.log[0].path == "/auth/realms/Socomec/protocol/openid-connect/token"


async def test_client_logs_no_secrets(sodata: SoData, client: SoDataCloud, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await client.account()
        sodata.seconds += 280
        await client.account()
        sodata.keycloak.password = "new"
        sodata.keycloak.revoke_sessions()
        with pytest.raises(AuthFailed) as caught:
            await client.account()
    shown = caplog.text + repr(caught.value) + str(caught.value)
    bearer = sodata.api.log[0].headers["Authorization"].removeprefix("Bearer ")
    secrets = ["Pass&", sodata.keycloak.client_secret, sodata.keycloak.username, bearer]
    assert [secret for secret in secrets if secret in shown] == []
