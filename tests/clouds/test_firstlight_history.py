"""Firstlight's past: what is asked of a range, which figures are told, and what a refusal means."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from custom_components.datapoint_cloud.clouds import http
from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.errors import (
    CloudError,
    Forbidden,
    RateLimited,
    Reason,
    Rejected,
    TokenRefused,
    UnexpectedAnswer,
    Unreachable,
)
from custom_components.datapoint_cloud.clouds.firstlight.api import FirstlightCloud, UsageQuery
from custom_components.datapoint_cloud.clouds.history import HistoryResult, Usage
from simulator.firstlight import FirstlightServer
from simulator.server import Fault

ROUTE = "GET /user/usage/aggregate/{aty}/{field}"
QUERY = UsageQuery(
    id="q", name="Genres", aty="content", field="genre", item_id=None, period="day", group_by=None, unit="plays"
)
START, END = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 9, 15, tzinfo=UTC)
NETWORKS = {"ON NET": 0.7, "OFF NET": 0.3}


@pytest.fixture
async def server(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FirstlightServer]:
    monkeypatch.setattr(http, "_PAUSE_BEFORE_SECOND_TRY", 0)
    server = FirstlightServer(lambda: 1_790_000_000.0)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


class Client:
    """The cloud of one query."""

    def __init__(self, server: FirstlightServer, session: aiohttp.ClientSession, **changes: Any) -> None:
        self.cloud = FirstlightCloud(
            session,
            api_url=server.url,
            authorization_token=server.authorization_token,
            user_token=server.user_token,
            queries=[replace(QUERY, **changes)],
            time_zone=ZoneInfo("Europe/Paris"),
            client_store=ClientStore(),
        )

    async def usage(
        self, start: datetime = START, end: datetime = END, *, period: str = "day", group_by: str | None = None
    ) -> HistoryResult[Usage]:
        return await self.cloud.history.usage("q", start, end, period=period, group_by=group_by)


@pytest.fixture
def client(server: FirstlightServer, session: aiohttp.ClientSession) -> Client:
    return Client(server, session)


def data(*pages: Any, **header: Any) -> list[Fault]:
    """These `data`, page by page."""
    return [
        Fault(
            matches=lambda request, number=number: request.query["pageNumber"] == str(number),  # type: ignore[misc]
            body=json.dumps({"header": {"code": 0, "message": "Success"} | header, "data": page}),
        )
        for number, page in enumerate(pages, 1)
    ]


async def test_usage_of_a_range_is_what_was_counted(server: FirstlightServer, client: Client) -> None:
    told = await client.usage()
    hours = (END - START).total_seconds() / 3600
    assert {row.label for row in told.rows} == {"Drama", "Comedy", "Série & jeunesse", "纪录片"}
    assert sum(row.value for row in told.rows) == 42 * hours
    assert {row.at for row in told.rows} == {START}
    assert (told.start, told.end, told.stopped_by) == (START, END, None)
    request = server.log[0]
    assert dict(request.query) == {
        "fromDate": "2026-09-01T00:00:00Z",
        "toDate": "2026-09-15T00:00:00Z",
        "period": "day",
        "pageNumber": "1",
        "pageSize": "100",
    }
    assert server.requests[ROUTE] == 1


async def test_usage_by_group_and_period(server: FirstlightServer, client: Client) -> None:
    told = await client.usage(period="week", group_by="network")
    total = 42 * (END - START).total_seconds() / 3600
    assert {row.label: row.value for row in told.rows} == {
        name: pytest.approx(total * share, abs=1) for name, share in NETWORKS.items()
    }
    assert (server.log[0].query["period"], server.log[0].query["groupBy"]) == ("week", "network")


@pytest.mark.parametrize(
    ("date_format", "end", "written"),
    [
        ("iso", END, ("2026-09-01T00:00:00Z", "2026-09-15T00:00:00Z")),
        ("ms", END, ("1788220800000", "1789430400000")),
        # in Paris
        ("date", datetime(2026, 9, 14, 22, tzinfo=UTC), ("2026-09-01", "2026-09-15")),
        ("date", datetime(2026, 9, 14, 22, 1, tzinfo=UTC), ("2026-09-01", "2026-09-16")),
    ],
)
async def test_dates_are_written_as_the_query_wants(
    server: FirstlightServer, session: aiohttp.ClientSession, date_format: Any, end: datetime, written: tuple[str, str]
) -> None:
    server.date_format = date_format
    assert (await Client(server, session, date_format=date_format).usage(end=end)).rows
    assert (server.log[0].query["fromDate"], server.log[0].query["toDate"]) == written


@pytest.mark.parametrize(
    ("answered", "rows"),
    [
        (None, []),
        ({}, []),
        (7, [(None, 7, None)]),
        ({"count": "8"}, [(None, 8, None)]),
        ({"Drama": 1, "Comedy": None}, [("Drama", 1, None)]),
        ([{"name": "a", "value": None}, {"name": "b", "total": 2}], [("b", 2, None)]),
        ({"groups": [{"n": "a", "v": 1, "ut": 1788220800000}]}, [("a", 1, 1)]),
        (
            # the same label at several times, the newest first, times of Paris
            [
                {"genre": "a", "count": 3, "date": "2026-09-03"},
                {"genre": "a", "count": 2, "date": "2026-09-02T00:00:00"},
                {"name": "b", "count": 1},
            ],
            [("b", 1, None), ("a", 2, 2), ("a", 3, 3)],
        ),
    ],
)
async def test_any_shape_is_told(
    server: FirstlightServer, client: Client, answered: Any, rows: list[tuple[str | None, float, int | None]]
) -> None:
    server.faults = data(answered)
    told = await client.usage()
    paris = ZoneInfo("Europe/Paris")
    days = [(row.label, row.value, row.at and row.at.astimezone(paris).day) for row in told.rows]
    assert days == rows
    assert told.end == END


DAYS = {"2026-09-01": 3, "2026-09-02": 4}


@pytest.mark.parametrize(
    "answered",
    [
        {"Drama": DAYS},
        {date: {"Drama": value} for date, value in DAYS.items()},
        [{"name": "Drama", "total": 7, "values": [{"date": date, "value": value} for date, value in DAYS.items()]}],
        [{"date": date, "items": [{"name": "Drama", "value": value}]} for date, value in DAYS.items()],
        [{"genre": "Drama", "total": 7, "dates": DAYS}],
    ],
)
async def test_values_by_date_are_told(server: FirstlightServer, client: Client, answered: Any) -> None:
    server.faults = data(answered)
    told = await client.usage()
    paris = ZoneInfo("Europe/Paris")
    assert [(row.label, row.value, row.at and row.at.astimezone(paris).day) for row in told.rows] == [
        ("Drama", 3, 1),
        ("Drama", 4, 2),
    ]
    assert told.end == END


@pytest.mark.parametrize(
    "answered",
    [
        [[1], "two", {"deep": {}}],
        [{"name": "Drama", "value": 3}, {"name": "News"}],
        [{"name": None, "value": None}] * 2,
    ],
)
async def test_what_cannot_be_read_is_not_all(server: FirstlightServer, client: Client, answered: Any) -> None:
    server.faults = data(answered)
    told = await client.usage()
    assert isinstance(told.stopped_by, UnexpectedAnswer)
    assert told.end == told.start


async def test_total_that_is_not_met_makes_an_answer_incomplete(server: FirstlightServer, client: Client) -> None:
    server.faults = data([{"name": f"n{row}", "value": row} for row in range(100)], [], count=120)
    told = await client.usage()
    assert isinstance(told.stopped_by, UnexpectedAnswer)
    assert (len(told.rows), told.end) == (100, told.start)


async def test_all_pages_are_read(server: FirstlightServer, client: Client) -> None:
    pages = [[{"name": f"n{page * 100 + row}", "value": row} for row in range(100)] for page in range(2)]
    server.faults = data(*pages, [{"name": "last", "value": 1}])
    told = await client.usage()
    assert len(told.rows) == 201
    assert server.requests[ROUTE] == 3


async def test_server_without_pages_is_read_once(server: FirstlightServer, client: Client) -> None:
    page = [{"name": f"n{row}", "value": row} for row in range(100)]
    server.faults = data(page, page)
    assert len((await client.usage()).rows) == 100


async def test_server_may_want_smaller_pages(server: FirstlightServer, client: Client) -> None:
    refusal = {"header": {"code": -1, "errors": [{"code": "40460106", "description": "…"}]}}
    server.faults = [
        Fault(matches=lambda request: request.query["pageSize"] == "100", status=400, body=json.dumps(refusal))
    ]
    assert (await client.usage()).stopped_by is None
    assert server.log[-1].query["pageSize"] == "50"


async def test_endless_pages_are_not_taken_for_all(server: FirstlightServer, client: Client) -> None:
    server.faults = data(*([{"name": f"n{page}", "value": 1}] for page in range(60)), count=1_000_000)
    told = await client.usage()
    assert isinstance(told.stopped_by, UnexpectedAnswer)
    assert len(told.rows) == server.requests[ROUTE] == 50
    assert told.end == told.start


@pytest.mark.parametrize(
    ("fault", "kind"), [({"status": 429}, RateLimited), ({"status": 401}, TokenRefused), ({"status": 502}, Unreachable)]
)
async def test_what_fails_half_way_leaves_what_was_read(
    server: FirstlightServer, client: Client, fault: dict[str, Any], kind: type[CloudError]
) -> None:
    server.faults = [*data([{"name": f"n{row}", "value": row} for row in range(100)]), Fault(**fault)]
    told = await client.usage()
    assert isinstance(told.stopped_by, kind)
    assert len(told.rows) == 100
    assert told.end == told.start
    server.faults = [Fault(**fault)]
    with pytest.raises(kind):
        await client.usage()


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("code", "parameter"),
    [
        ("40460101", "period"),
        ("40460102", "fromDate"),
        ("40460103", "toDate"),
        ("40460104", "groupBy"),
    ],
)
async def test_refused_parameter_is_named(
    server: FirstlightServer, client: Client, code: str, parameter: str, status: int
) -> None:
    server.faults = [Fault(status=status, body=json.dumps({"header": {"code": -1, "errors": [{"code": code}]}}))]
    with pytest.raises(Forbidden) as caught:
        await client.usage()
    assert (caught.value.reason, caught.value.subject) == (Reason.WRONG_QUERY, parameter)


async def test_server_itself_refuses_period_and_group(server: FirstlightServer, client: Client) -> None:
    for asked, parameter in (({"period": "decade"}, "period"), ({"group_by": "planet"}, "groupBy")):
        with pytest.raises(Forbidden) as caught:
            await client.usage(**asked)  # type: ignore[arg-type]
        assert caught.value.subject == parameter


async def test_range_must_not_end_before_it_begins(server: FirstlightServer, client: Client) -> None:
    with pytest.raises(Rejected) as caught:
        await client.usage(END, START)
    assert (caught.value.reason, caught.value.subject) == (Reason.INVALID_REQUEST, "toDate")
    with pytest.raises(Rejected) as caught:
        await client.cloud.history.usage("other", START, END, period="day", group_by=None)
    assert (caught.value.reason, caught.value.subject) == (Reason.NOT_FOUND, "other")
    assert not server.requests


async def test_past_is_asked_for_while_polling_takes_every_place(
    server: FirstlightServer, session: aiohttp.ClientSession
) -> None:
    client = Client(server, session)
    devices = (await client.cloud.devices()).devices
    gate = asyncio.Event()
    server.faults = [Fault(matches=lambda request: not request.query["fromDate"].startswith("2026-09-01"), gate=gate)]
    polls = [asyncio.create_task(client.cloud.readings(devices)) for _ in range(3)]
    await asyncio.sleep(0.02)
    assert (await asyncio.wait_for(client.usage(), 5)).rows
    gate.set()
    await asyncio.gather(*polls)
