"""Tests single requests: time limit, decoding, second try, errors and log."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from custom_components.datapoint_cloud.clouds import http
from custom_components.datapoint_cloud.clouds.budget import Budget, Purpose
from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.errors import (
    CloudError,
    DeviceGone,
    RateLimited,
    Reason,
    Rejected,
    UnexpectedAnswer,
    Unreachable,
)
from custom_components.datapoint_cloud.clouds.http import Answer, HttpClient, retry_after
from custom_components.datapoint_cloud.clouds.transport import Transport
from simulator.server import Fault, Server

from .transports import quick

PARTS = {"thing": "a/b ?ü"}


def find_error(answer: Answer) -> CloudError | None:
    return answer.error(DeviceGone, code=9) if answer.status == 404 else None


@pytest.fixture
async def server(socket_enabled: None) -> AsyncIterator[Server]:
    """A server that answers with the contents of the request."""

    async def echo(request: web.Request) -> web.Response:
        posted = dict(await request.post())
        return web.json_response(
            {
                "thing": request.match_info["thing"],
                "query": dict(request.query),
                "header": request.headers.get("X-Test"),
                "body": posted or (await request.json() if request.can_read_body else None),
            }
        )

    server = Server("echo")
    server.app.router.add_route("*", "/things/{thing}", echo)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def session(socket_enabled: None) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def transport(session: aiohttp.ClientSession) -> Transport:
    return quick(session)


@pytest.fixture
def client(transport: Transport, server: Server) -> HttpClient:
    return HttpClient(transport, server.url + "/", find_error)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


async def read(client: HttpClient, template: str = "/things/{thing}", **options: Any) -> Any:
    return (await client.request("GET", template, parts=PARTS, purpose=Purpose.POLLING, **options)).body


async def write(client: HttpClient) -> Answer:
    return await client.request("POST", "/things/{thing}", parts=PARTS, json_body={})


async def test_parts_parameters_headers_and_body_arrive_unchanged(client: HttpClient) -> None:
    answer = await client.request(
        "POST",
        "/things/{thing}",
        parts=PARTS,
        params={"n": 1, "t": "a&b=ü"},
        headers={"X-Test": "yes"},
        json_body={"a": [1]},
    )
    assert answer.is_success
    assert answer.body == {"thing": "a/b ?ü", "query": {"n": "1", "t": "a&b=ü"}, "header": "yes", "body": {"a": [1]}}


@pytest.mark.parametrize("thing", ["%2e%2e", "../things/x", "a?b#c", "..\\x", "...", "a b", "ü", "\ud83c", "\r\n"])
async def test_part_stays_one_segment_of_the_path(client: HttpClient, server: Server, thing: str) -> None:
    await client.request("GET", "/things/{thing}", parts={"thing": thing})
    assert server.log[0].match_info["thing"] == thing.replace("\ud83c", "?")
    assert server.log[0].raw_path.count("/") == 2


@pytest.mark.parametrize("thing", ["", ".", ".."])
async def test_part_that_is_not_a_segment_is_rejected(client: HttpClient, server: Server, thing: str) -> None:
    with pytest.raises(Rejected) as caught:
        await client.request("GET", "/things/{thing}", parts={"thing": thing})
    assert (caught.value.reason, caught.value.endpoint) == (Reason.INVALID_REQUEST, "/things/{thing}")
    assert server.requests.total() == 0


async def test_form_is_encoded(client: HttpClient) -> None:
    form = {"password": "a&b+c%20é ü"}
    answer = await client.request("POST", "/things/{thing}", parts=PARTS, form=form)
    assert answer.body["body"] == form


async def test_get_can_have_a_body(client: HttpClient) -> None:
    assert (await read(client, json_body={"itemId": "x"}))["body"] == {"itemId": "x"}


@pytest.mark.parametrize("content_type", ["text/html", "application/octet-stream"])
async def test_json_is_recognized_by_its_content(client: HttpClient, server: Server, content_type: str) -> None:
    server.faults = [Fault(body='{"a": 1}', content_type=content_type)]
    assert await read(client) == {"a": 1}


@pytest.mark.parametrize("body", ["<html>Welcome</html>", "", '{"a": [1, 2', "[" * 100_000, "\ufffd\x00"])
async def test_answer_without_json_is_unexpected(client: HttpClient, server: Server, body: str) -> None:
    server.faults = [Fault(body=body)]
    with pytest.raises(UnexpectedAnswer) as caught:
        await read(client)
    assert caught.value.endpoint == "/things/{thing}"


@pytest.mark.parametrize(
    ("body", "decoded"),
    [
        (r'{"n": "a\ud83c"}', {"n": "a\ufffd"}),
        (r'{"\udf21": [1]}', {"\ufffd": [1]}),
        (r'["\ud83c\udf21", "\u0000"]', ["\U0001f321", "\ufffd"]),
        ("[NaN, -Infinity, 1e999, -1e999]", [None, None, None, None]),
        (f"[{2**64 - 1}, {2**64}, {-(2**63)}, -1{'0' * 30}]", [2**64 - 1, float(2**64), -(2**63), -1e30]),
        (f"[{'9' * 5000}]", [None]),
        ("\ufeff[1]", [1]),
    ],
    ids=["half a pair", "name", "no character", "infinite", "integers", "many digits", "byte order mark"],
)
async def test_values_that_cannot_be_stored_are_replaced(
    client: HttpClient, server: Server, body: str, decoded: Any
) -> None:
    server.faults = [Fault(body=body)]
    assert await read(client) == decoded


@pytest.mark.parametrize("depth", [200, 1010, 2000, 50_000])
@pytest.mark.parametrize("content", ["", r'"\u0000"'])
async def test_json_nested_too_deep_is_unexpected(client: HttpClient, server: Server, depth: int, content: str) -> None:
    server.faults = [Fault(body="[" * depth + content + "]" * depth)]
    with pytest.raises(UnexpectedAnswer):
        await read(client)


async def test_incomplete_json_is_unexpected(client: HttpClient, server: Server) -> None:
    server.faults = [Fault(cuts_at=20)]
    with pytest.raises(UnexpectedAnswer):
        await read(client)


async def test_answer_can_be_empty_if_the_caller_allows_it(client: HttpClient, server: Server) -> None:
    server.faults = [Fault(status=204)]
    answer = await client.request("POST", "/things/{thing}", parts=PARTS, may_be_empty=True)
    assert (answer.status, answer.body, answer.is_json) == (204, None, False)


@pytest.mark.parametrize("body", ["<html>Welcome</html>", "OK", "{", "\x00"])
async def test_answer_that_can_be_empty_is_unexpected_if_it_is_not_json(
    client: HttpClient, server: Server, body: str
) -> None:
    server.faults = [Fault(body=body)]
    with pytest.raises(UnexpectedAnswer):
        await client.request("POST", "/things/{thing}", parts=PARTS, may_be_empty=True)
    assert server.requests.total() == 1


async def test_oversized_answer_is_unexpected(
    client: HttpClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.faults = [Fault(body=f'"{"x" * 998}"')]
    monkeypatch.setattr(http, "_LARGEST_ANSWER", 1000)
    assert len(await read(client)) == 998
    monkeypatch.setattr(http, "_LARGEST_ANSWER", 999)
    with pytest.raises(UnexpectedAnswer):
        await read(client)


async def test_error_of_the_vendor_is_raised(client: HttpClient, server: Server) -> None:
    server.faults = [Fault(status=404, body="{}")]
    with pytest.raises(DeviceGone) as caught:
        await read(client)
    assert (caught.value.code, caught.value.status, caught.value.endpoint) == (9, 404, "/things/{thing}")


async def test_unknown_status_is_unexpected(client: HttpClient, server: Server) -> None:
    server.faults = [Fault(status=418, body="{}")]
    with pytest.raises(UnexpectedAnswer):
        await read(client)
    assert server.requests.total() == 1


async def test_client_does_not_follow_redirects(client: HttpClient, server: Server) -> None:
    server.faults = [Fault(status=302, headers={"Location": f"{server.url}/things/elsewhere"}, times=1)]
    with pytest.raises(UnexpectedAnswer):
        await read(client, headers={"X-Test": "secret"})
    assert server.requests.total() == 1


@pytest.mark.parametrize(
    "fault", [Fault(status=503, body="<html>"), Fault(status=408), Fault(drops=True)], ids=["5xx", "408", "dropped"]
)
async def test_client_tries_a_read_a_second_time(client: HttpClient, server: Server, fault: Fault) -> None:
    fault.times = 1
    server.faults = [fault]
    assert (await read(client))["thing"] == PARTS["thing"]
    assert server.requests.total() == 2


async def test_client_does_not_try_a_read_a_third_time(client: HttpClient, server: Server) -> None:
    server.faults = [Fault(status=500)]
    with pytest.raises(Unreachable) as caught:
        await read(client)
    assert (caught.value.reason, caught.value.status) == (Reason.SERVER_ERROR, 500)
    assert server.requests.total() == 2


async def test_client_sends_a_write_once(client: HttpClient, server: Server) -> None:
    server.faults = [Fault(status=503, times=1)]
    with pytest.raises(Unreachable):
        await write(client)
    assert server.requests.total() == 1


async def test_client_sends_a_write_once_if_the_connection_is_lost(client: HttpClient, server: Server) -> None:
    server.faults = [Fault(drops=True, times=1)]
    with pytest.raises(Unreachable) as caught:
        await write(client)
    assert caught.value.reason is Reason.NO_CONNECTION
    assert server.requests.total() == 1


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_read_over_a_lost_connection_spends_two_requests_of_the_budget(
    transport: Transport, server: Server, method: str
) -> None:
    budget = Budget(ClientStore(), per_hour=100)
    client = HttpClient(transport, server.url, find_error, budget=budget)
    # Over a connection that was open before, aiohttp itself would repeat the request.
    await read(client)
    server.faults = [Fault(drops=True)]
    with pytest.raises(Unreachable) as caught:
        await client.request(method, "/things/{thing}", parts=PARTS, purpose=Purpose.POLLING)
    assert caught.value.reason is Reason.NO_CONNECTION
    assert server.requests.total() == 3
    assert budget.remaining == 97


async def test_client_does_not_repeat_a_read_answered_with_an_error_code(transport: Transport, server: Server) -> None:
    server.faults = [Fault(status=400, body="{}")]
    client = HttpClient(transport, server.url, lambda answer: answer.error(Unreachable, Reason.SERVER_ERROR, code=5406))
    with pytest.raises(Unreachable):
        await read(client)
    assert server.requests.total() == 1


async def test_closed_session_is_unreachable(
    client: HttpClient, session: aiohttp.ClientSession, server: Server
) -> None:
    await session.close()
    with pytest.raises(Unreachable) as caught:
        await read(client)
    assert caught.value.reason is Reason.NO_CONNECTION
    assert server.requests.total() == 0


async def test_no_connection_is_unreachable(client: HttpClient, server: Server) -> None:
    await server.stop()
    with pytest.raises(Unreachable) as caught:
        await read(client)
    assert caught.value.reason is Reason.NO_CONNECTION


@pytest.mark.parametrize("url", ["http://", "nonsense", "http://[", "http://host:99999"])
async def test_unusable_address_is_unreachable(transport: Transport, url: str) -> None:
    with pytest.raises(Unreachable):
        await read(HttpClient(transport, url, find_error))


async def test_client_waits_for_a_silent_server_once(transport: Transport) -> None:
    transport.timings.limit = aiohttp.ClientTimeout(total=30, sock_read=0.05)
    finished = asyncio.Event()
    connections = 0

    async def never_answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await finished.wait()
        writer.close()

    listener = await asyncio.start_server(never_answer, "127.0.0.1")
    port = listener.sockets[0].getsockname()[1]
    try:
        with pytest.raises(Unreachable) as caught:
            await read(HttpClient(transport, f"http://127.0.0.1:{port}", find_error))
    finally:
        finished.set()
        listener.close()
    assert caught.value.reason is Reason.TIMEOUT
    assert connections == 1


async def test_client_sends_a_limited_number_of_requests_in_parallel(
    transport: Transport, socket_enabled: None
) -> None:
    running = most = 0
    all_waiting = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 2:
            all_waiting.set()
        await all_waiting.wait()
        running -= 1
        return web.json_response({})

    server = Server("bounded")
    server.app.router.add_get("/", answer)
    await server.start()
    try:
        client = HttpClient(transport, server.url, find_error, parallel=2)
        await asyncio.gather(*(read(client, "/") for _ in range(6)))
    finally:
        await server.stop()
    assert most == 2


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"Retry-After": "120"}, 120), ({}, None), ({"Retry-After": "soon"}, None)],
    ids=["seconds", "missing", "nonsense"],
)
async def test_rate_limit_has_the_time_to_wait(
    client: HttpClient, server: Server, headers: dict[str, str], seconds: float | None
) -> None:
    server.faults = [Fault(status=429, headers=headers, body="slow down")]
    with pytest.raises(RateLimited) as caught:
        await read(client)
    assert caught.value.retry_after == seconds
    assert server.requests.total() == 1


@pytest.mark.parametrize("value", ["3601", "86400", "1e12", "9" * 20, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_retry_after_is_an_hour_at_most(value: str) -> None:
    assert retry_after({"Retry-After": value}) == 3600


@pytest.mark.parametrize("wrong_by", [-365 * 86400, -600, 600, 365 * 86400])
def test_retry_after_as_a_date_follows_the_clock_of_the_server(wrong_by: float) -> None:
    theirs = datetime.now(UTC) + timedelta(seconds=wrong_by)
    retry_at = theirs + timedelta(seconds=100)
    headers = {"Date": format_datetime(theirs, usegmt=True), "Retry-After": format_datetime(retry_at, usegmt=True)}
    assert retry_after(headers) == 100


def test_retry_after_can_be_a_date() -> None:
    header = {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)}
    seconds = retry_after(header)
    assert seconds is not None
    assert 0 < seconds <= 100


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("-5", 0), ("inf", None), ("nan", None), ("Wed, 99 Foo 2015", None)],
)
def test_invalid_retry_after_is_zero_or_none(value: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": value}) == seconds


async def test_log_has_path_templates_and_no_secrets(
    client: HttpClient, server: Server, log: pytest.LogCaptureFixture
) -> None:
    async def send_secrets() -> None:
        await client.request(
            "POST",
            "/things/{thing}",
            parts={"thing": "s3cret-part"},
            params={"token": "s3cret-parameter"},
            headers={"X-Test": "s3cret-header"},
            json_body={"password": "s3cret-body"},
        )

    await send_secrets()
    server.faults = [Fault(drops=True)]
    with pytest.raises(Unreachable) as caught:
        await send_secrets()
    lines = [record.getMessage() for record in log.records if record.name == http.__name__]
    assert lines[0].startswith("POST /things/{thing}: HTTP 200, ")
    assert len(lines) == 2
    assert "s3cret" not in log.text + str(caught.value) + repr(caught.value)


async def test_log_has_no_secrets_of_an_unusable_address(transport: Transport, log: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Unreachable) as caught:
        await read(HttpClient(transport, "http://user:s3cret@[", find_error))
    assert "s3cret" not in log.text + str(caught.value) + repr(caught.value.__cause__)
