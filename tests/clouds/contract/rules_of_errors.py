"""Rules of errors: which error a client raises for which failure."""

import logging
import traceback
from typing import Any

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.cloud import Cloud
from custom_components.datapoint_cloud.clouds.errors import (
    AuthFailed,
    CloudError,
    NotSupported,
    RateLimited,
    Rejected,
    UnexpectedAnswer,
    Unreachable,
)

from .bench import Bench, captured_log, error_of, some_devices
from .rule import rule

_NO_ANSWERS: tuple[dict[str, Any], ...] = (
    {"body": "<html><body>Sorry</body></html>", "content_type": "text/html"},
    {"body": ""},
    {"body": "\0"},
    {"body": '"text"'},
    {"body": "17"},
    {"body": "null"},
    {"cuts_at": 10},
)
_FAILURES: tuple[dict[str, Any], ...] = (
    {"status": 401, "body": "{}"},
    {"status": 500},
    {"drops": True},
    *_NO_ANSWERS,
)
_RETRY_AFTER = 7
_WRONG = "wr0ng-s3cret"


@rule()
async def refused_credentials_raise_auth_failed(bench: Bench) -> None:
    for name in bench.facts.wrong_credentials:
        error = await error_of(bench.cloud(ClientStore(), **{name: _WRONG}))
        assert type(error) is AuthFailed, name


@rule()
async def a_server_that_is_down_raises_unreachable(bench: Bench) -> None:
    cloud = bench.cloud()
    devices = await some_devices(cloud)
    await cloud.readings(devices)
    new_client = bench.cloud(ClientStore())
    for server in bench.servers:
        await server.stop()
    assert type(await error_of(new_client)) is Unreachable
    readings = await cloud.readings(devices)
    assert not readings.snapshots
    assert type(readings.stopped_by) is Unreachable


@rule()
async def too_many_requests_raise_rate_limited(bench: Bench) -> None:
    cloud = bench.cloud()
    devices = await some_devices(cloud)
    await cloud.readings(devices)
    bench.fail(bench.api, status=429, body="{}", headers={"Retry-After": str(_RETRY_AFTER)})
    stops = (await error_of(bench.cloud(ClientStore())), (await cloud.readings(devices)).stopped_by)
    for error in stops:
        assert type(error) is RateLimited
        assert error.retry_after == _RETRY_AFTER


@rule()
async def an_invalid_answer_raises_unexpected_answer(bench: Bench) -> None:
    for answer in _NO_ANSWERS:
        cloud = bench.cloud(ClientStore())
        await cloud.account()
        bench.fail(bench.api, matches=lambda request: not _is_login(bench, request.path), **answer)
        error = await error_of(cloud)
        bench.heal()
        assert type(error) is UnexpectedAnswer, answer
        devices = await some_devices(cloud, 2)
        await cloud.readings(devices)
        bench.fail_values(**answer)
        readings = await cloud.readings(devices)
        bench.heal()
        assert not readings.snapshots, answer
        assert {type(failure) for failure in readings.failures.values()} == {UnexpectedAnswer}, answer


def _is_login(bench: Bench, path: str) -> bool:
    return bench.facts.login_path is not None and path.endswith(bench.facts.login_path)


@rule()
async def no_text_holds_a_secret(bench: Bench) -> None:
    texts: list[str] = []
    async with captured_log() as lines:
        cloud = bench.cloud()
        texts += [repr(await cloud.account()), repr(await cloud.devices()), repr(cloud), repr(cloud.budget)]
        for fault in _FAILURES:
            for one in (cloud, bench.cloud(ClientStore())):
                bench.fail(**fault)
                texts += await _texts_of_errors(one)
                bench.heal()
        for name in bench.facts.wrong_credentials:
            texts += await _texts_of_errors(bench.cloud(ClientStore(), **{name: _WRONG}))
        logging.getLogger("custom_components.datapoint_cloud").debug("the end")
    assert lines[-1:] == ["the end"]
    texts += [str(request.url) for request in bench.requests()]
    text = "\n".join(texts + lines)
    for secret in {*bench.secrets(), _WRONG}:
        assert secret not in text


async def _texts_of_errors(cloud: Cloud) -> list[str]:
    error = await error_of(cloud)
    return [] if error is None else [str(error), repr(error), *traceback.format_exception(error, limit=0)]


@rule()
async def a_write_that_is_not_possible_sends_nothing(bench: Bench) -> None:
    cloud = bench.cloud()
    devices = await some_devices(cloud)
    schemas = [(await cloud.schema(device)).datapoints for device in devices]
    can_write = any(datapoint.is_writable for datapoints in schemas for datapoint in datapoints)
    bench.reset_counts()
    values = {"no such datapoint": 1}
    for call in (cloud.check, cloud.write):
        error = await _refusal_of(call(devices[0], values))
        assert type(error) is (Rejected if can_write else NotSupported)
    if not can_write:
        assert type(await _refusal_of(cloud.write_raw(devices[0], b"\x01"))) is NotSupported
        assert type(await _refusal_of(cloud.write_group("group", {}))) is NotSupported
    assert not [request for request in bench.requests() if request.method != "GET"]


async def _refusal_of(call: Any) -> CloudError | None:
    try:
        await call
    except CloudError as error:
        return error
    return None
