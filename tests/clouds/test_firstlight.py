"""Tests the client of Firstlight's usage aggregates: requests, undocumented answers and refusals."""

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.errors import (
    AuthFailed,
    CloudError,
    Forbidden,
    NotSupported,
    Reason,
    Rejected,
    TokenRefused,
    UnexpectedAnswer,
    Unreachable,
)
from custom_components.datapoint_cloud.clouds.firstlight import api, paging
from custom_components.datapoint_cloud.clouds.firstlight.api import FirstlightCloud, UsageQuery
from custom_components.datapoint_cloud.clouds.model import Datapoint, DataType, Device, Reading, Scope, Snapshot
from simulator.firstlight import FirstlightServer
from simulator.server import Fault

from .transports import quick

PARIS = ZoneInfo("Europe/Paris")
MIDNIGHT = datetime(2026, 9, 20, 22, tzinfo=UTC)  # in Paris: when the current day began
QUERY = UsageQuery(
    id="q", name="Genres", aty="content", field="genre", item_id=None, period="day", group_by=None, unit="plays"
)
SUCCESS = {"source": "045-01", "code": 0, "message": "Success"}


class Firstlight:
    """The simulated server at a fixed time, and its clients."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.transport = quick(session)
        self.server = FirstlightServer(lambda: 1_790_000_000.0)
        self.client_store = ClientStore()

    def client(self, *queries: UsageQuery, zone: tzinfo = PARIS, **changes: Any) -> FirstlightCloud:
        options: dict[str, Any] = {
            "api_url": self.server.url,
            "authorization_token": self.server.authorization_token,
            "user_token": self.server.user_token,
            "client_store": self.client_store,
        }
        return FirstlightCloud(self.transport, queries=queries or [QUERY], time_zone=zone, **options | changes)

    def answer(self, body: Any, **fault: Any) -> None:
        self.server.faults = [Fault(body=json.dumps(body), **fault)]

    def answer_data(self, data: Any, **header: Any) -> None:
        self.answer({"header": SUCCESS | header, "data": data})

    async def listed(self, *queries: UsageQuery) -> tuple[Device, ...]:
        """Return the queries as devices, without keeping their answers for the next poll."""
        return (await self.client(*queries).devices()).devices

    async def read(self, query: UsageQuery = QUERY) -> Snapshot:
        cloud = self.client(query)
        readings = await cloud.readings((await cloud.devices()).devices)
        assert (readings.failures, readings.stopped_by) == ({}, None)
        return readings.snapshots[query.id]

    async def values(self, data: Any, query: UsageQuery = QUERY) -> dict[str, Any]:
        self.answer_data(data)
        return {key: reading.value for key, reading in (await self.read(query)).readings.items()}

    async def failure(self, query: UsageQuery = QUERY) -> CloudError:
        """Return the error of the query when it is listed."""
        try:
            return (await self.client(query).devices()).failed[query.id]
        except Unreachable as error:
            return error  # This query is the only one, so the whole listing fails.


@pytest.fixture
async def firstlight(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Firstlight]:
    class Now(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(1_790_000_000, tz)  # 2026-09-21T14:13:20Z, a Monday

    monkeypatch.setattr(api, "datetime", Now)
    async with aiohttp.ClientSession() as session:
        firstlight = Firstlight(session)
        await firstlight.server.start()
        yield firstlight
        await firstlight.server.stop()


# Requests


async def test_each_token_is_sent_in_its_header(firstlight: Firstlight) -> None:
    devices = await firstlight.listed()
    await firstlight.client().readings(devices)
    headers = firstlight.server.log[0].headers
    assert headers["Authorization"] == f"Bearer {firstlight.server.authorization_token}"
    assert headers["X-Authorization"] == firstlight.server.user_token
    assert headers["Content-Type"] == "application/json"
    assert len({request.headers["X-Tracking-Id"] for request in firstlight.server.log}) == 2


async def test_a_query_without_an_answer_does_not_affect_the_others(firstlight: Firstlight) -> None:
    lost = replace(QUERY, id="lost", field="lost")
    cloud = firstlight.client(QUERY, lost)
    firstlight.server.faults = [Fault(matches=lambda request: request.path.endswith("/lost"), drops=True)]
    for _ in range(2):
        listing = await cloud.devices()
        assert [device.id for device in listing.devices] == [QUERY.id]
        assert isinstance(listing.failed["lost"], Unreachable)
        assert (await cloud.readings(listing.devices)).snapshots


@pytest.mark.parametrize(
    "data",
    [
        [{"date": "2026-08", "value": 5}, {"date": "2026-09", "value": 6}],
        {"2026-08": 5, "2026-09": 6},
    ],
)
async def test_labels_that_are_months_count_as_times(firstlight: Firstlight, data: Any) -> None:
    assert await firstlight.values(data) == {"total": 6}


async def test_tokens_can_have_blanks_and_a_scheme(firstlight: Firstlight) -> None:
    cloud = firstlight.client(
        authorization_token=f" Bearer  {firstlight.server.authorization_token}\n",
        user_token=f"bearer {firstlight.server.user_token} ",
    )
    assert (await cloud.devices()).failed == {}


async def test_optional_parameters_are_left_out(firstlight: Firstlight) -> None:
    await firstlight.read()
    request = firstlight.server.log[0]
    assert dict(request.query) == {
        "fromDate": "2026-09-20T22:00:00Z",
        "toDate": "2026-09-21T14:13:20Z",
        "period": "day",
        "pageNumber": "1",
        "pageSize": "100",
    }
    assert request.content_length in {None, 0}


async def test_group_is_requested(firstlight: Firstlight) -> None:
    snapshot = await firstlight.read(replace(QUERY, group_by="network"))
    assert set(snapshot.readings) == {"value:ON NET", "value:OFF NET"}


async def test_path_is_encoded(firstlight: Firstlight) -> None:
    await firstlight.failure(replace(QUERY, aty="a/b", field="c d?é"))
    assert firstlight.server.log[0].match_info == {"aty": "a/b", "field": "c d?é"}


@pytest.mark.parametrize("in_query", [False, True])
async def test_item_id_goes_into_the_body_or_the_query(firstlight: Firstlight, in_query: bool) -> None:
    firstlight.server.requires_item_id = True
    query = replace(QUERY, item_id="content-123", is_item_id_in_query=in_query)
    assert (await firstlight.read(query)).readings
    request = firstlight.server.log[0]
    assert request.query.get("itemId") == ("content-123" if in_query else None)
    assert bool(request.content_length) is not in_query


async def test_refused_item_id_is_reported_as_wrong_and_not_as_missing(firstlight: Firstlight) -> None:
    firstlight.answer(refusal("40450103"), status=400)
    assert (await firstlight.failure()).reason is Reason.ITEM_ID_MISSING
    for in_query in (False, True):
        query = replace(QUERY, item_id="content-123", is_item_id_in_query=in_query)
        assert (await firstlight.failure(query)).reason is Reason.WRONG_ITEM_ID


@pytest.mark.parametrize(
    ("period", "zone", "start"),
    [
        ("hour", "Asia/Kolkata", "2026-09-21T13:30:00Z"),
        ("day", "Europe/Paris", "2026-09-20T22:00:00Z"),
        ("week", "Europe/Paris", "2026-09-20T22:00:00Z"),
        ("month", "Europe/Paris", "2026-08-31T22:00:00Z"),
        ("year", "Europe/Paris", "2025-12-31T23:00:00Z"),
        ("fortnight", "UTC", "2026-09-21T00:00:00Z"),
    ],
)
async def test_window_begins_with_the_current_period(
    firstlight: Firstlight, period: str, zone: str, start: str
) -> None:
    await firstlight.client(replace(QUERY, period=period), zone=ZoneInfo(zone)).devices()
    assert firstlight.server.log[0].query["fromDate"] == start


@pytest.mark.parametrize(
    ("date_format", "start"),
    [("iso", "2026-09-20T22:00:00Z"), ("date", "2026-09-21"), ("ms", "1789941600000"), ("?", "2026-09-20T22:00:00Z")],
)
async def test_date_has_the_chosen_format(firstlight: Firstlight, date_format: str, start: str) -> None:
    await firstlight.client(replace(QUERY, date_format=date_format)).devices()
    assert firstlight.server.log[0].query["fromDate"] == start


# Paging


def rows(first: int, count: int) -> list[dict[str, Any]]:
    return [{"name": f"n{number}", "value": number} for number in range(first, first + count)]


def faults_of(pages: list[Any], **header: Any) -> list[Fault]:
    return [
        Fault(
            matches=lambda request, number=number: request.query["pageNumber"] == str(number),  # type: ignore[misc]
            body=json.dumps({"header": SUCCESS | header, "data": page}),
        )
        for number, page in enumerate(pages, 1)
    ]


async def serve_pages(firstlight: Firstlight, pages: list[Any], **header: Any) -> Snapshot:
    firstlight.server.faults = faults_of(pages, **header)
    return await firstlight.read()


async def test_client_stops_after_a_short_page(firstlight: Firstlight) -> None:
    snapshot = await serve_pages(firstlight, [rows(0, 100), rows(100, 100), rows(200, 7)])
    assert len(snapshot.readings) == 207
    assert len(firstlight.server.log) == 3


async def test_client_uses_the_total_if_the_answer_has_one(firstlight: Firstlight) -> None:
    snapshot = await serve_pages(firstlight, [rows(0, 3), rows(3, 3), rows(6, 1)], count=7)
    assert len(snapshot.readings) == 7
    assert len(firstlight.server.log) == 3


async def test_server_can_refuse_the_page_after_the_last(firstlight: Firstlight) -> None:
    firstlight.answer_data(rows(0, 100))
    firstlight.server.faults.insert(
        0,
        Fault(
            matches=lambda request: request.query["pageNumber"] == "2", status=400, body=json.dumps(refusal("40460105"))
        ),
    )
    assert len((await firstlight.read()).readings) == 100


async def test_server_without_pages_gets_two_requests(firstlight: Firstlight) -> None:
    firstlight.answer_data(rows(0, 100))
    assert len((await firstlight.read()).readings) == 100
    assert len(firstlight.server.log) == 2


async def test_client_reads_a_limited_number_of_pages(firstlight: Firstlight, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "_MOST_PAGES", 4)
    await serve_pages(firstlight, [rows(number, 100) for number in range(9)], count=10**6)
    assert len(firstlight.server.log) == 4


async def test_client_requests_smaller_pages_after_a_refusal(firstlight: Firstlight) -> None:
    refusal = {"header": {"code": -1, "errors": [{"code": "40460106"}]}}
    firstlight.server.faults = [
        Fault(matches=lambda request: request.query["pageSize"] == "100", status=400, body=json.dumps(refusal))
    ]
    assert len((await firstlight.read()).readings) == 4


def named(first: int, count: int) -> dict[str, int]:
    return {f"n{number}": number for number in range(first, first + count)}


def dated(first: int, count: int) -> list[dict[str, Any]]:
    """Return seven rows for each of `count` names."""
    return [{**row, "date": f"2026-09-1{day}"} for row in rows(first, count) for day in range(7)]


def nested(first: int, count: int) -> list[dict[str, Any]]:
    """Return a row for each name, with its values by date."""
    return [
        {"name": row["name"], "values": [{"date": f"2026-09-1{day}", "value": row["value"]} for day in range(7)]}
        for row in rows(first, count)
    ]


@pytest.mark.parametrize("has_total", [True, False])
@pytest.mark.parametrize("page", [rows, named, dated, nested])
async def test_client_reads_all_pages_with_and_without_a_total(
    firstlight: Firstlight, page: Any, has_total: bool
) -> None:
    header = {"count": 120} if has_total else {}
    assert len((await serve_pages(firstlight, [page(0, 100), page(100, 20), []], **header)).readings) == 120
    assert len(firstlight.server.log) == 2 if has_total else 3


async def test_client_reads_on_after_pages_cut_by_the_server(firstlight: Firstlight) -> None:
    snapshot = await serve_pages(firstlight, [rows(0, 25), rows(25, 25), rows(50, 3)])
    assert len(snapshot.readings) == 53


@pytest.mark.parametrize("status", [400, 404])
async def test_page_after_a_short_one_can_be_missing(firstlight: Firstlight, status: int) -> None:
    firstlight.answer_data(rows(0, 60))
    firstlight.server.faults.insert(
        0, Fault(matches=lambda request: request.query["pageNumber"] == "2", status=status, body="<html>")
    )
    assert len((await firstlight.read()).readings) == 60


@pytest.mark.parametrize("pages", [[[]], [None], [rows(0, 3), []], [rows(0, 100), rows(0, 100)]])
async def test_answer_that_contradicts_its_total_fails_the_query(firstlight: Firstlight, pages: list[Any]) -> None:
    devices = await firstlight.listed()
    firstlight.server.faults = faults_of(pages, count=120)
    readings = await firstlight.client().readings(devices)
    assert isinstance(readings.failures["q"], UnexpectedAnswer)


async def test_repeated_row_counts_once(firstlight: Firstlight) -> None:
    snapshot = await serve_pages(firstlight, [rows(0, 4) * 2], count=4, rows=4)
    assert len(snapshot.readings) == 4


@pytest.mark.parametrize("largest", [60, 25, 10, 5])
async def test_client_shortens_pages_until_the_server_accepts_them(firstlight: Firstlight, largest: int) -> None:
    firstlight.server.largest_page = largest
    firstlight.server.usages["content/genre"].figures = {f"n{number}": 1 for number in range(56)}
    assert len((await firstlight.read()).readings) == 60
    # The client does not try a refused length again, not even after a restart.
    firstlight.client_store = ClientStore(json.loads(json.dumps(firstlight.client_store.content)))
    firstlight.server.reset_counts()
    firstlight.server.log.clear()
    await firstlight.client().readings(await firstlight.listed())
    assert {request.query.get("pageSize") for request in firstlight.server.log} == {
        {60: "50", 25: "25", 10: "10"}.get(largest)
    }


async def test_client_sends_the_end_and_the_order_that_a_server_requires(firstlight: Firstlight) -> None:
    firstlight.server.requires_to_date = firstlight.server.requires_order = True
    assert (await firstlight.failure()).subject == "sortOrder"
    query = replace(QUERY, sort_by="value", sort_order="desc", most_rows=2)
    assert (await firstlight.read(query)).readings.keys() == {"value:Drama", "value:Comedy"}
    request = firstlight.server.log[-1]
    assert [request.query[name] for name in ("sortBy", "sortOrder", "pageSize")] == ["value", "desc", "2"]


# Number of requests


async def test_first_poll_uses_the_answers_of_the_listing(firstlight: Firstlight) -> None:
    cloud = firstlight.client()
    devices = (await cloud.devices()).devices
    assert (await cloud.readings(devices)).snapshots["q"].readings
    assert len(firstlight.server.log) == 1
    await cloud.readings(devices)
    assert len(firstlight.server.log) == 2


async def test_listing_does_not_test_a_query_that_has_just_answered(firstlight: Firstlight) -> None:
    await firstlight.read()
    other = replace(QUERY, id="r", period="week")
    assert len((await firstlight.client(QUERY, other).devices()).devices) == 2
    assert [request.query["period"] for request in firstlight.server.log] == ["day", "week"]
    # The client tests another token or another query.
    with pytest.raises(AuthFailed):
        await firstlight.client(user_token="new").devices()


# Answers


@pytest.mark.parametrize(
    ("data", "values"),
    [
        (12, {"total": 12}),
        ("12.5", {"total": 12.5}),
        (0, {"total": 0}),
        ({"count": 7}, {"total": 7}),
        ({"Drama": 3, "Comedy": "4", "News": None}, {"value:Drama": 3, "value:Comedy": 4, "value:News": None}),
        ({"count": 7, "size": 2}, {"value:count": 7, "value:size": 2}),
        ([{"name": "Drama", "value": 3}, {"key": "x", "total": 4}], {"value:Drama": 3, "value:x": 4}),
        ([{"n": "Drama", "v": 3}, {"id": 9, "count": "4"}], {"value:Drama": 3, "value:9": 4}),
        ([{"genre": "Drama", "plays": 3}], {"value:Drama": 3}),
        ([{"id": 9, "plays": 3, "date": 1631788837354}], {"value:9": 3}),
        ([{"name": "", "key": None, "id": "x", "value": 1}], {"value:x": 1}),
        ([{"name": "Drama", "value": None}], {"value:Drama": None}),
        ([{"plays": 3}], {"total": 3}),
        ({"groups": [{"name": "Drama", "value": 3}], "unit": "min"}, {"value:Drama": 3}),
        ({"name": "Drama", "value": 5}, {"value:Drama": 5}),
        ({"Drama": {"2026-09-20": 3, "2026-09-21": 4}}, {"value:Drama": 4}),
        ({"2026-09-20": {"Drama": 3}, "2026-09-21": {"Drama": 4}}, {"value:Drama": 4}),
        ({"Drama": [{"date": "2026-09-21", "value": 3}], "News": []}, {"value:Drama": 3}),
        ([{"name": "Drama", "total": 7, "values": [{"date": "2026-09-21", "value": 3}]}], {"value:Drama": 7}),
        ([{"date": "2026-09-21", "Drama": 3, "News": 4}], {"value:Drama": 3, "value:News": 4}),
        ({"total": 7, "values": {"Drama": 3, "News": 4}}, {"value:Drama": 3, "value:News": 4}),
        ([{"name": "Live", "items": [{"name": "Drama", "value": 3}]}], {"value:Live / Drama": 3}),
        ([{"name": "Drama", "value": 3, "image": {"id": 7}}], {"value:Drama": 3}),
    ],
)
async def test_answer_can_have_many_shapes(firstlight: Firstlight, data: Any, values: dict[str, Any]) -> None:
    assert await firstlight.values(data) == values


async def test_rows_are_named_by_the_group(firstlight: Firstlight) -> None:
    query = replace(QUERY, group_by="network")
    assert await firstlight.values([{"network": "ON", "plays": 3}], query) == {"value:ON": 3}


@pytest.mark.parametrize("time", ["date", "ut", "from"])
async def test_newest_row_of_a_label_is_used(firstlight: Firstlight, time: str) -> None:
    series = [
        {"name": "Drama", "value": 1, time: "2026-09-20"},
        {"name": "Drama", "value": 3, time: 1789948800000},
        {"name": "Drama", "value": 2, time: "2026-09-20T23:59:59Z"},
        {"value": 7, time: "2026-09-20"},
        {"value": 9, time: "2026-09-21"},
        {"value": 8, time: None},
    ]
    assert await firstlight.values(series) == {"value:Drama": 3, "total": 9}


@pytest.mark.parametrize("data", [None, [], {}, {"items": []}])
async def test_value_without_data_is_unknown(firstlight: Firstlight, data: Any) -> None:
    firstlight.answer_data(data)
    snapshot = await firstlight.read()
    assert snapshot.readings == {"total": Reading(None)}
    assert [datapoint.key for datapoint in snapshot.described] == ["total"]
    assert snapshot.skipped == ()


async def test_answer_without_data_is_a_success(firstlight: Firstlight) -> None:
    firstlight.answer({"header": SUCCESS})
    assert (await firstlight.read()).readings == {"total": Reading(None)}


async def test_data_without_a_header_is_a_success(firstlight: Firstlight) -> None:
    firstlight.answer({"data": 5})
    assert (await firstlight.read()).readings == {"total": Reading(5, since=MIDNIGHT)}


async def test_known_values_become_unknown_in_a_period_without_data(firstlight: Firstlight) -> None:
    await firstlight.values({"Drama": 3, "Comedy": 4})
    assert await firstlight.values([]) == {"value:Comedy": None, "value:Drama": None}
    firstlight.client_store = ClientStore(json.loads(json.dumps(firstlight.client_store.content)))
    firstlight.answer_data({"Drama": 5})
    snapshot = await firstlight.read()
    assert snapshot.readings == {"value:Comedy": Reading(None), "value:Drama": Reading(5, since=MIDNIGHT)}
    assert {datapoint.name for datapoint in snapshot.described} == {"Comedy", "Drama"}


async def test_client_forgets_values_of_removed_queries(firstlight: Firstlight) -> None:
    await firstlight.values({"Drama": 3})
    await firstlight.client(replace(QUERY, id="other")).devices()
    assert not [key for key in firstlight.client_store.content if key.endswith(":q")]


async def test_numbers_have_the_unit_chosen_by_the_user(firstlight: Firstlight) -> None:
    firstlight.answer_data({"Drama": 3})
    (datapoint,) = (await firstlight.read()).described
    assert datapoint == Datapoint(
        key="value:Drama", name="Drama", data_type=DataType.NUMBER, unit="plays", is_period_total=True
    )


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        (True, "bool"),
        ("s3cret", "str"),
        ({"deep": {"deeper": {"deepest": "s3cret"}}}, "{deep: {deeper: {deepest: …}}}"),
        ({"a": [1], "b": ["s3cret"]}, "{a: [int], b: [str]}"),
    ],
)
async def test_shape_of_an_unknown_answer_is_logged_once_without_values(
    firstlight: Firstlight, caplog: pytest.LogCaptureFixture, data: Any, shape: str
) -> None:
    await firstlight.values({"Drama": 3})
    firstlight.answer_data(data)
    cloud = firstlight.client()
    devices = (await cloud.devices()).devices
    with caplog.at_level(logging.DEBUG):
        for _ in range(2):
            snapshot = (await cloud.readings(devices)).snapshots["q"]
    assert snapshot.skipped == (shape,)
    assert snapshot.readings == {}
    assert caplog.text.count(shape) == 1
    assert "s3cret" not in caplog.text


async def test_unknown_row_does_not_affect_the_others(firstlight: Firstlight) -> None:
    firstlight.answer_data([{"name": "Drama", "value": 3}, 5, None, {"name": "Invalid", "value": []}, {"plays": 1}])
    snapshot = await firstlight.read()
    assert snapshot.readings == {"value:Drama": Reading(3, since=MIDNIGHT)}
    assert snapshot.skipped == ("NoneType", "int", "{name: str, value: []}", "{plays: int}")


# Refusals


def refusal(*codes: Any) -> dict[str, Any]:
    return {"header": {"code": -1, "message": "Failure", "errors": [{"code": code} for code in codes]}}


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(
    ("codes", "kind", "reason", "subject"),
    [
        (["40460101"], Forbidden, Reason.WRONG_QUERY, "period"),
        (["40460102"], Forbidden, Reason.WRONG_QUERY, "fromDate"),
        (["40460103"], Forbidden, Reason.WRONG_QUERY, "toDate"),
        (["40460104"], Forbidden, Reason.WRONG_QUERY, "groupBy"),
        (["40460105"], Forbidden, Reason.WRONG_QUERY, "pageNumber"),
        (["40460106"], Forbidden, Reason.WRONG_QUERY, "pageSize"),
        (["40460107"], Forbidden, Reason.WRONG_QUERY, "sortOrder"),
        ([40460101], Forbidden, Reason.WRONG_QUERY, "period"),
        (["40450103"], Forbidden, Reason.ITEM_ID_MISSING, None),
        (["40460190"], Unreachable, Reason.SERVER_ERROR, None),
        (["49990191"], Unreachable, Reason.SERVER_ERROR, None),
        (["40469999", "40450103"], Forbidden, Reason.ITEM_ID_MISSING, None),
    ],
)
async def test_error_code_in_the_envelope_decides_with_any_status(
    firstlight: Firstlight,
    status: int,
    codes: list[Any],
    kind: type[CloudError],
    reason: Reason,
    subject: str | None,
) -> None:
    firstlight.answer(refusal(*codes), status=status)
    error = await firstlight.failure()
    assert (type(error), error.reason, error.subject) == (kind, reason, subject)


@pytest.mark.parametrize(("status", "kind"), [(200, Rejected), (400, Rejected), (500, Unreachable)])
@pytest.mark.parametrize(
    "header",
    [
        {"code": -1, "message": "Failure"},
        {"code": "-1", "errors": "none"},
        {"code": -1, "errors": [{"code": "40469999"}]},
        {"code": -1, "errors": [{"code": None}]},
    ],
)
async def test_status_decides_about_a_failure_without_a_known_code(
    firstlight: Firstlight, status: int, kind: type[CloudError], header: dict[str, Any]
) -> None:
    firstlight.answer({"header": header}, status=status)
    assert isinstance(await firstlight.failure(), kind)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, json.dumps(refusal("40450101")), Reason.WRONG_USER_TOKEN),
        (403, json.dumps(refusal("40450101")), Reason.WRONG_USER_TOKEN),
        (200, json.dumps(refusal("40450101")), Reason.WRONG_USER_TOKEN),
        (400, json.dumps(refusal("40450103", "40450101")), Reason.WRONG_USER_TOKEN),
    ],
)
async def test_refused_token_fails_authentication(
    firstlight: Firstlight, status: int, body: str, reason: Reason
) -> None:
    devices = await firstlight.listed()
    firstlight.server.faults = [Fault(status=status, body=body)]
    for call in (firstlight.client(user_token="new").devices(), firstlight.client().readings(devices)):
        with pytest.raises(AuthFailed) as caught:
            await call
        assert caught.value.reason is reason


BARE_REFUSALS = [
    Fault(status=401, body="<html>"),
    Fault(status=403, body=""),
    Fault(status=401, body=json.dumps(refusal("40460101"))),
]


@pytest.mark.parametrize("fault", BARE_REFUSALS)
async def test_refusal_of_one_query_without_a_code_fails_only_that_query(firstlight: Firstlight, fault: Fault) -> None:
    queries = QUERY, replace(QUERY, id="r", aty="platform", field="deviceName")
    devices = await firstlight.listed(*queries)
    cloud = firstlight.client(*queries)
    firstlight.server.faults = [
        replace(fault, matches=lambda request: request.match_info["field"] == "genre"),
    ]
    for _ in range(3):
        readings = await cloud.readings(devices)
        assert isinstance(readings.failures["q"], TokenRefused)
        assert readings.snapshots.keys() == {"r"}


@pytest.mark.parametrize("fault", BARE_REFUSALS)
async def test_authentication_fails_if_every_query_is_refused_twice_in_a_row(
    firstlight: Firstlight, fault: Fault
) -> None:
    queries = QUERY, replace(QUERY, id="r", aty="platform", field="deviceName")
    devices = await firstlight.listed(*queries)
    cloud = firstlight.client(*queries)
    for refused, is_failed in ((True, False), (False, False), (True, False), (True, True)):
        firstlight.server.faults = [fault] if refused else []
        if is_failed:
            with pytest.raises(AuthFailed) as caught:
                await cloud.readings(devices)
            assert caught.value.reason is Reason.TOKEN_REFUSED
        else:
            assert len((await cloud.readings(devices)).failures) == 2 * refused


async def test_authentication_fails_if_all_queries_are_refused_one_by_one(firstlight: Firstlight) -> None:
    queries = QUERY, replace(QUERY, id="r", aty="platform", field="deviceName")
    first, second = await firstlight.listed(*queries)
    cloud = firstlight.client(*queries)
    firstlight.server.faults = [BARE_REFUSALS[0]]
    for _ in range(3):
        assert (await cloud.readings([first])).failures
    with pytest.raises(AuthFailed):
        await cloud.readings([second])


@pytest.mark.parametrize("status", [200, 401])
async def test_description_of_a_refusal_names_the_wrong_token(firstlight: Firstlight, status: int) -> None:
    errors = [{"code": "40450101", "description": "Invalid Authorization"}]
    firstlight.answer({"header": {"code": -1, "errors": errors}}, status=status)
    with pytest.raises(AuthFailed) as caught:
        await firstlight.client().devices()
    assert caught.value.reason is Reason.WRONG_AUTHORIZATION_TOKEN


async def test_wrong_tokens_are_distinguished_as_far_as_the_server_does(firstlight: Firstlight) -> None:
    with pytest.raises(AuthFailed) as caught:
        await firstlight.client(user_token="wrong").devices()
    assert caught.value.reason is Reason.WRONG_USER_TOKEN
    error = (await firstlight.client(authorization_token="wrong").devices()).failed["q"]
    assert (type(error), error.reason) == (TokenRefused, Reason.TOKEN_REFUSED)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(status=403, body=json.dumps({"header": {"code": -1}})), Forbidden),
        (Fault(status=404, body="<html>"), NotSupported),
        (Fault(status=400, body="<html>"), Rejected),
        (Fault(status=500, body="<html>"), Unreachable),
        (Fault(status=502), Unreachable),
        (Fault(drops=True), Unreachable),
        (Fault(body="<html>"), UnexpectedAnswer),
        (Fault(body="[]"), UnexpectedAnswer),
        (Fault(body='{"status": "up"}'), UnexpectedAnswer),
        (Fault(cuts_at=30), UnexpectedAnswer),
    ],
)
async def test_status_decides_about_an_answer_without_an_envelope(
    firstlight: Firstlight, fault: Fault, kind: type[CloudError]
) -> None:
    devices = await firstlight.listed()
    firstlight.server.faults = [fault]
    readings = await firstlight.client().readings(devices)
    assert isinstance(readings.failures["q"], kind)


async def test_wrong_query_does_not_affect_the_others(firstlight: Firstlight) -> None:
    cloud = firstlight.client(QUERY, replace(QUERY, id="bad", period="eon"))
    listing = await cloud.devices()
    assert [device.id for device in listing.devices] == ["q"]
    assert listing.failed["bad"].subject == "period"
    devices = [*listing.devices, replace(listing.devices[0], id="bad", scope="bad", schema_id="bad")]
    readings = await cloud.readings(devices)
    assert (set(readings.snapshots), set(readings.failures)) == ({"q"}, {"bad"})


async def test_failure_is_logged_with_its_tracking_id_and_without_tokens(
    firstlight: Firstlight, caplog: pytest.LogCaptureFixture
) -> None:
    firstlight.server.failure = "40460190"
    with caplog.at_level(logging.DEBUG):
        error = await firstlight.failure()
    assert firstlight.server.log[0].headers["X-Tracking-Id"] in caplog.text
    shown = caplog.text + str(error) + repr(error)
    assert firstlight.server.user_token not in shown
    assert firstlight.server.authorization_token not in shown


# Accounts and devices


async def test_account_id_is_made_of_host_and_user(firstlight: Firstlight) -> None:
    account = await firstlight.client().account()
    assert account.id == f"{firstlight.server.url.removeprefix('http://')}_user-0815"
    assert account.has_lasting_id


@pytest.mark.parametrize("token", ["opaque-s3cret", "a.b.c", "a.e30.c", "a.bnVsbA.c", "..", "é.é.é"])
async def test_account_id_is_a_hash_if_the_token_names_no_user(firstlight: Firstlight, token: str) -> None:
    account = await firstlight.client(api_url="https://me:s3cret@Usage.example.com/x", user_token=token).account()
    host, _, user = account.id.partition("_")
    assert (host, len(user), account.has_lasting_id) == ("usage.example.com", 16, False)
    assert token not in account.id
    assert "s3cret" not in f"{account.id} {account.name}"


async def test_every_query_becomes_a_service_device(firstlight: Firstlight) -> None:
    cloud = firstlight.client(QUERY, replace(QUERY, id="r", name="Other"))
    assert cloud.scopes == [Scope(id="q", name="Genres"), Scope(id="r", name="Other")]
    first, second = (await cloud.devices()).devices
    assert (first.id, first.scope, first.name, first.is_service) == ("q", "q", "Genres", True)
    assert (first.is_online, first.schema_id, second.schema_id) == (None, "q?day", "r?day")
    assert (await cloud.schema(first)).datapoints == ()


async def test_account_without_queries_has_no_devices(firstlight: Firstlight) -> None:
    cloud = FirstlightCloud(
        firstlight.transport,
        api_url=firstlight.server.url,
        authorization_token="a",
        user_token="b",
        queries=[],
        time_zone=PARIS,
        client_store=ClientStore(),
    )
    assert (await cloud.devices()).devices == ()
    assert firstlight.server.requests.total() == 0
