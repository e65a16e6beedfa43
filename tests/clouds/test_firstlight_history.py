"""Tests the history of Firstlight: requests for a range, results and refusals."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest

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
from custom_components.datapoint_cloud.clouds.history import HistoryResult, Series, Usage
from custom_components.datapoint_cloud.clouds.model import Device, Reading
from simulator.firstlight import FirstlightServer
from simulator.server import Fault

from .transports import quick

ROUTE = "GET /user/usage/aggregate/{aty}/{field}"
QUERY = UsageQuery(
    id="q", name="Genres", aty="content", field="genre", item_id=None, period="day", group_by=None, unit="plays"
)
START, END = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 9, 15, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
NETWORKS = {"ON NET": 0.7, "OFF NET": 0.3}


@pytest.fixture
async def server(socket_enabled: None) -> AsyncIterator[FirstlightServer]:
    server = FirstlightServer(lambda: 1_790_000_000.0)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


class Client:
    """A client with one query."""

    def __init__(self, server: FirstlightServer, session: aiohttp.ClientSession, **changes: Any) -> None:
        self.cloud = FirstlightCloud(
            quick(session),
            api_url=server.url,
            authorization_token=server.authorization_token,
            user_token=server.user_token,
            queries=[replace(QUERY, **changes)],
            time_zone=PARIS,
            client_store=ClientStore(),
        )

    async def usage(
        self, start: datetime = START, end: datetime = END, *, period: str = "day", group_by: str | None = None
    ) -> HistoryResult[Usage]:
        return await self.cloud.history.usage("q", start, end, period=period, group_by=group_by)

    async def totals(self, start: datetime, end: datetime, key: str = "value:Drama") -> HistoryResult[Reading]:
        series = Series(Device(id="q", name="Genres", schema_id="q"), key)
        return (await self.cloud.history.totals([series], start, end))[series]


@pytest.fixture
def client(server: FirstlightServer, session: aiohttp.ClientSession) -> Client:
    return Client(server, session)


def data(*pages: Any, **header: Any) -> list[Fault]:
    """Return faults that answer with `pages`, page by page."""
    return [
        Fault(
            matches=lambda request, number=number: request.query["pageNumber"] == str(number),  # type: ignore[misc]
            body=json.dumps({"header": {"code": 0, "message": "Success"} | header, "data": page}),
        )
        for number, page in enumerate(pages, 1)
    ]


async def test_usage_of_a_range_is_what_the_server_counted(server: FirstlightServer, client: Client) -> None:
    result = await client.usage()
    hours = (END - START).total_seconds() / 3600
    assert {row.label for row in result.rows} == {"Drama", "Comedy", "Série & jeunesse", "纪录片"}
    assert sum(row.value for row in result.rows) == 42 * hours
    assert {row.at for row in result.rows} == {START}
    assert (result.start, result.end, result.stopped_by) == (START, END, None)
    request = server.log[0]
    assert dict(request.query) == {
        "fromDate": "2026-09-01T00:00:00Z",
        "toDate": "2026-09-15T00:00:00Z",
        "period": "day",
        "pageNumber": "1",
        "pageSize": "100",
    }
    assert server.requests[ROUTE] == 1


async def test_usage_can_be_grouped_by_period_and_attribute(server: FirstlightServer, client: Client) -> None:
    result = await client.usage(period="week", group_by="network")
    total = 42 * (END - START).total_seconds() / 3600
    assert {row.label: row.value for row in result.rows} == {
        name: pytest.approx(total * share, abs=1) for name, share in NETWORKS.items()
    }
    assert (server.log[0].query["period"], server.log[0].query["groupBy"]) == ("week", "network")


@pytest.mark.parametrize(
    ("date_format", "end", "written"),
    [
        ("iso", END, ("2026-09-01T00:00:00Z", "2026-09-15T00:00:00Z")),
        ("ms", END, ("1788220800000", "1789430400000")),
        # local dates in Paris
        ("date", datetime(2026, 9, 14, 22, tzinfo=UTC), ("2026-09-01", "2026-09-15")),
        ("date", datetime(2026, 9, 14, 22, 1, tzinfo=UTC), ("2026-09-01", "2026-09-16")),
    ],
)
async def test_dates_have_the_format_of_the_query(
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
            # one label at several times in Paris, the newest first
            [
                {"genre": "a", "count": 3, "date": "2026-09-03"},
                {"genre": "a", "count": 2, "date": "2026-09-02T00:00:00"},
                {"name": "b", "count": 1},
            ],
            [("b", 1, None), ("a", 2, 2), ("a", 3, 3)],
        ),
    ],
)
async def test_usage_can_have_many_shapes(
    server: FirstlightServer, client: Client, answered: Any, rows: list[tuple[str | None, float, int | None]]
) -> None:
    server.faults = data(answered)
    result = await client.usage()
    paris = ZoneInfo("Europe/Paris")
    days = [(row.label, row.value, row.at and row.at.astimezone(paris).day) for row in result.rows]
    assert days == rows
    assert result.end == END


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
async def test_usage_can_be_listed_by_date(server: FirstlightServer, client: Client, answered: Any) -> None:
    server.faults = data(answered)
    result = await client.usage()
    paris = ZoneInfo("Europe/Paris")
    assert [(row.label, row.value, row.at and row.at.astimezone(paris).day) for row in result.rows] == [
        ("Drama", 3, 1),
        ("Drama", 4, 2),
    ]
    assert result.end == END


@pytest.mark.parametrize(
    "answered",
    [
        [[1], "two", {"deep": {}}],
        [{"name": "Drama", "value": 3}, {"name": "News"}],
        [{"name": None, "value": None}] * 2,
    ],
)
async def test_unreadable_rows_make_the_answer_incomplete(
    server: FirstlightServer, client: Client, answered: Any
) -> None:
    server.faults = data(answered)
    result = await client.usage()
    assert isinstance(result.stopped_by, UnexpectedAnswer)
    assert result.end == result.start


async def test_fewer_rows_than_the_total_make_the_answer_incomplete(server: FirstlightServer, client: Client) -> None:
    server.faults = data([{"name": f"n{row}", "value": row} for row in range(100)], [], count=120)
    result = await client.usage()
    assert isinstance(result.stopped_by, UnexpectedAnswer)
    assert (len(result.rows), result.end) == (100, result.start)


async def test_all_pages_are_read(server: FirstlightServer, client: Client) -> None:
    pages = [[{"name": f"n{page * 100 + row}", "value": row} for row in range(100)] for page in range(2)]
    server.faults = data(*pages, [{"name": "last", "value": 1}])
    result = await client.usage()
    assert len(result.rows) == 201
    assert server.requests[ROUTE] == 3


async def test_server_without_pages_is_read_once(server: FirstlightServer, client: Client) -> None:
    page = [{"name": f"n{row}", "value": row} for row in range(100)]
    server.faults = data(page, page)
    assert len((await client.usage()).rows) == 100


async def test_client_requests_smaller_pages_after_a_refusal(server: FirstlightServer, client: Client) -> None:
    refusal = {"header": {"code": -1, "errors": [{"code": "40460106", "description": "…"}]}}
    server.faults = [
        Fault(matches=lambda request: request.query["pageSize"] == "100", status=400, body=json.dumps(refusal))
    ]
    assert (await client.usage()).stopped_by is None
    assert server.log[-1].query["pageSize"] == "50"


async def test_endless_pages_make_the_answer_incomplete(server: FirstlightServer, client: Client) -> None:
    server.faults = data(*([{"name": f"n{page}", "value": 1}] for page in range(60)), count=1_000_000)
    result = await client.usage()
    assert isinstance(result.stopped_by, UnexpectedAnswer)
    assert len(result.rows) == server.requests[ROUTE] == 50
    assert result.end == result.start


@pytest.mark.parametrize(
    ("fault", "kind"), [({"status": 429}, RateLimited), ({"status": 401}, TokenRefused), ({"status": 502}, Unreachable)]
)
async def test_error_in_the_middle_keeps_the_rows_read_before(
    server: FirstlightServer, client: Client, fault: dict[str, Any], kind: type[CloudError]
) -> None:
    server.faults = [*data([{"name": f"n{row}", "value": row} for row in range(100)]), Fault(**fault)]
    result = await client.usage()
    assert isinstance(result.stopped_by, kind)
    assert len(result.rows) == 100
    assert result.end == result.start
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
async def test_refusal_names_its_parameter(
    server: FirstlightServer, client: Client, code: str, parameter: str, status: int
) -> None:
    server.faults = [Fault(status=status, body=json.dumps({"header": {"code": -1, "errors": [{"code": code}]}}))]
    with pytest.raises(Forbidden) as caught:
        await client.usage()
    assert (caught.value.reason, caught.value.subject) == (Reason.WRONG_QUERY, parameter)


async def test_simulated_server_refuses_unknown_period_and_group(server: FirstlightServer, client: Client) -> None:
    for arguments, parameter in (({"period": "decade"}, "period"), ({"group_by": "planet"}, "groupBy")):
        with pytest.raises(Forbidden) as caught:
            await client.usage(**arguments)  # type: ignore[arg-type]
        assert caught.value.subject == parameter


async def test_reversed_range_and_unknown_query_are_rejected(server: FirstlightServer, client: Client) -> None:
    with pytest.raises(Rejected) as caught:
        await client.usage(END, START)
    assert (caught.value.reason, caught.value.subject) == (Reason.INVALID_REQUEST, "toDate")
    with pytest.raises(Rejected) as caught:
        await client.cloud.history.usage("other", START, END, period="day", group_by=None)
    assert (caught.value.reason, caught.value.subject) == (Reason.NOT_FOUND, "other")
    assert not server.requests


async def test_history_can_be_read_while_polls_use_all_parallel_requests(
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


# Totals of past periods


def at(day: int, hour: int = 0) -> datetime:
    """Return a time in September in Paris."""
    return datetime(2026, 9, day, hour, tzinfo=PARIS)


def taken(end: datetime) -> datetime:
    return (end - datetime.resolution).astimezone(UTC)


async def test_totals_are_those_of_each_day_and_of_the_end_of_the_range(
    server: FirstlightServer, client: Client
) -> None:
    result = await client.totals(at(2, 6), at(4, 12))
    assert result.rows == (
        Reading(405, taken(at(3)), at(2).astimezone(UTC)),  # 40 % of 42 an hour, and what rounding leaves
        Reading(405, taken(at(4)), at(3).astimezone(UTC)),
        Reading(203, taken(at(4, 12)), at(4).astimezone(UTC)),
    )
    assert (result.start, result.end, result.stopped_by) == (at(2, 6), at(4, 12), None)
    windows = [(request.query["fromDate"], request.query["toDate"]) for request in server.log]
    assert windows[0] == ("2026-09-03T22:00:00Z", "2026-09-04T10:00:00Z")  # the newest first
    assert len(windows) == 3


async def test_totals_of_a_longer_period_grow_from_day_to_day(
    server: FirstlightServer, session: aiohttp.ClientSession
) -> None:
    result = await Client(server, session, period="week").totals(at(6), at(9))
    days = [datetime(2026, 8, 31, tzinfo=PARIS), at(7), at(7)]  # 6 September is a Sunday
    assert [reading.since for reading in result.rows] == days
    assert [round(reading.value / 405) for reading in result.rows] == [7, 1, 2]  # type: ignore[operator]


async def test_totals_of_hours_are_read_hour_by_hour(server: FirstlightServer, session: aiohttp.ClientSession) -> None:
    result = await Client(server, session, period="hour").totals(at(2, 6), at(2, 9))
    assert [reading.since for reading in result.rows] == [at(2, 6), at(2, 7), at(2, 8)]


async def test_plain_dates_give_totals_of_whole_days_only(
    server: FirstlightServer, session: aiohttp.ClientSession
) -> None:
    server.date_format = "date"
    result = await Client(server, session, date_format="date").totals(at(2, 6), at(4, 12))
    assert [reading.taken_at for reading in result.rows] == [taken(at(3)), taken(at(4))]
    hourly = Client(server, session, date_format="date", period="hour").cloud.history
    series = Series(Device(id="q", name="Genres", schema_id="q"), "value:Drama")
    assert await hourly.totals([series], at(2, 6), at(2, 9)) == {}


async def test_an_error_leaves_the_newer_totals(server: FirstlightServer, client: Client) -> None:
    server.faults = [Fault(matches=lambda request: request.query["toDate"] < "2026-09-03", drops=True)]
    result = await client.totals(at(1), at(4))
    assert [reading.since for reading in result.rows] == [at(3)]
    assert (result.start, result.end) == (at(3), at(4))
    assert isinstance(result.stopped_by, Unreachable)
    server.faults = [Fault(drops=True)]
    with pytest.raises(Unreachable):
        await client.totals(at(1), at(4))


async def test_an_answer_for_another_range_is_no_total(server: FirstlightServer, client: Client) -> None:
    server.faults = data([{"name": "Drama", "value": 3, "date": "2026-09-21T00:00:00Z"}])
    result = await client.totals(at(1), at(2))
    assert isinstance(result.stopped_by, UnexpectedAnswer)
    assert result.rows == ()
