"""Tests that the simulated Firstlight responds and refuses as the vendor's document says."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from simulator.firstlight import FirstlightServer

NOW = 1_790_000_000.0
DAY = {"fromDate": "2026-09-20T14:13:20Z", "period": "day"}


class Service:
    """A server and a client with both tokens."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.seconds = NOW
        self.session = session
        self.server = FirstlightServer(lambda: self.seconds)
        self.headers = {
            "Authorization": f"Bearer {self.server.authorization_token}",
            "X-Authorization": self.server.user_token,
        }

    async def request(
        self, path: str = "content/genre", status: int = 200, query: dict[str, str] | None = None, **request: Any
    ) -> Any:
        url = f"{self.server.url}/user/usage/aggregate/{path}"
        headers = self.headers | request.pop("headers", {})
        params = DAY if query is None else query
        async with self.session.get(url, params=params, headers=headers, **request) as response:
            assert response.status == status
            return await response.json() if response.content_type == "application/json" else await response.text()


@pytest.fixture
async def service(socket_enabled: None) -> AsyncIterator[Service]:
    async with aiohttp.ClientSession() as session:
        service = Service(session)
        await service.server.start()
        yield service
        await service.server.stop()


def codes(answer: Any) -> list[str]:
    assert answer["header"]["code"] == -1
    assert answer["header"]["message"] == "Failure"
    assert "data" not in answer
    return [error["code"] for error in answer["header"]["errors"]]


async def test_success_has_the_envelope(service: Service) -> None:
    answer = await service.request(headers={"X-Tracking-Id": "20bd6b4b-0000-4000-8000-000000000000"})
    header = answer["header"]
    assert (header["code"], header["message"], header["system_time"]) == (0, "Success", int(NOW * 1000))
    assert header["tracking_id"] == "20bd6b4b-0000-4000-8000-000000000000"
    assert (header["start"], header["rows"], header["count"]) == (0, 4, 4)
    assert sum(row["value"] for row in answer["data"]) == 24 * 42
    assert (await service.request())["header"]["tracking_id"] != (await service.request())["header"]["tracking_id"]


async def test_totals_grow_with_the_time(service: Service) -> None:
    service.server.data_shape = "number"
    before = (await service.request("platform/deviceName"))["data"]
    service.seconds += 3600
    assert (await service.request("platform/deviceName"))["data"] == before + 30
    window = DAY | {"toDate": "2026-09-20T15:13:20Z"}
    assert (await service.request("platform/deviceName", query=window))["data"] == 30


async def test_gateway_refuses_a_wrong_bearer_token(service: Service) -> None:
    server = service.server
    for wrong in ("", server.authorization_token, f"Bearer {server.user_token}", f"bearer {server.user_token}"):
        assert "<html>" in await service.request(status=401, headers={"Authorization": wrong})


async def test_user_token_has_no_scheme(service: Service) -> None:
    server = service.server
    for wrong in ("", f"Bearer {server.user_token}", server.authorization_token):
        assert codes(await service.request(status=401, headers={"X-Authorization": wrong})) == ["40450101"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"period": "fortnight"}, "40460101"),
        ({"period": ""}, "40460101"),
        ({"fromDate": "2026-09-20"}, "40460102"),
        ({"fromDate": "2026-09-20T00:00:00"}, "40460102"),
        ({"toDate": "2026-09-19T00:00:00Z"}, "40460103"),
        ({"toDate": ""}, "40460103"),
        ({"groupBy": "colour"}, "40460104"),
        ({"groupBy": ""}, "40460104"),
        ({"pageNumber": "0"}, "40460105"),
        ({"pageSize": "101"}, "40460106"),
        ({"sortOrder": "up"}, "40460107"),
        ({"itemId": ""}, "40450103"),
    ],
)
@pytest.mark.parametrize("status", [400, 200])
async def test_wrong_parameters_are_refused(service: Service, changes: dict[str, str], code: str, status: int) -> None:
    service.server.errors_as_status = status
    assert codes(await service.request(status=status, query=DAY | changes)) == [code]


async def test_all_invalid_parameters_are_reported_at_once(service: Service) -> None:
    service.server.requires_item_id = True
    assert codes(await service.request(status=400, query={})) == ["40460101", "40460102", "40450103"]


async def test_item_id_comes_in_the_body_or_the_query(service: Service) -> None:
    service.server.requires_item_id = True
    await service.request(json={"itemId": "content-123"})
    await service.request(query=DAY | {"itemId": "content-123"})
    for wrong in ({}, {"itemId": 7}, {"itemId": ""}, ["content-123"]):
        assert codes(await service.request(status=400, json=wrong)) == ["40450103"]
    assert codes(await service.request(status=400, data="{")) == ["40450103"]


async def test_failures_and_unknown_attributes(service: Service) -> None:
    assert codes(await service.request("content/colour", status=400)) == ["40460191"]
    service.server.failure = "40460190"
    assert codes(await service.request(status=500)) == ["40460190"]


@pytest.mark.parametrize(
    ("date_format", "right", "wrong"),
    [
        ("iso", "2026-09-20T14:13:20.000Z", "1789913600000"),
        ("date", "2026-09-20", "2026-09-20T14:13:20Z"),
        ("ms", "1789913600000", "1789913600"),
    ],
)
async def test_dates_are_accepted_in_one_format(service: Service, date_format: Any, right: str, wrong: str) -> None:
    service.server.date_format = date_format
    await service.request(query=DAY | {"fromDate": right})
    assert codes(await service.request(status=400, query=DAY | {"fromDate": wrong})) == ["40460102"]


async def test_shapes_of_data(service: Service) -> None:
    server = service.server
    server.set_device("content/genre", {"total": 123})
    figures = {"Drama": 50, "Comedy": 36, "Série & jeunesse": 24, "纪录片": 12}
    figures["Drama"] += 123 - sum(figures.values())
    rows = [{"name": name, "value": value, "date": DAY["fromDate"]} for name, value in figures.items()]
    expected: dict[Any, Any] = {
        "null": None,
        "number": 123,
        "count": {"count": 123},
        "object": figures,
        "rows": rows,
        "nested": {"groups": rows},
    }
    for shape, data in expected.items():
        server.data_shape = shape
        assert (await service.request())["data"] == data
    server.data_shape = "missing"
    assert "data" not in await service.request()
    server.data_shape = "strange"
    assert isinstance((await service.request())["data"], list)


async def test_rows_can_have_other_keys(service: Service) -> None:
    service.server.row_keys = ("n", "v", "ut")
    row = (await service.request())["data"][0]
    assert row.keys() == {"n", "v", "ut"}
    assert row["ut"] == (int(NOW) - 86400) * 1000


async def test_rows_are_paged_and_sorted(service: Service) -> None:
    answer = await service.request(query=DAY | {"pageSize": "3", "pageNumber": "2"})
    assert len(answer["data"]) == 1
    assert (answer["header"]["start"], answer["header"]["rows"], answer["header"]["count"]) == (3, 1, 4)
    assert (await service.request(query=DAY | {"pageNumber": "2"}))["data"] == []
    answer = await service.request(query=DAY | {"sortBy": "value", "sortOrder": "asc"})
    values = [row["value"] for row in answer["data"]]
    assert values == sorted(values)
    service.server.has_paging_header = False
    assert "count" not in (await service.request())["header"]


@pytest.mark.parametrize(("group_by", "name"), [("service", "Replay"), ("genre", "Drama"), ("network", "OFF NET")])
async def test_groups_replace_the_attributes_values(service: Service, group_by: str, name: str) -> None:
    answer = await service.request("platform/deviceName", query=DAY | {"groupBy": group_by})
    assert name in {row["name"] for row in answer["data"]}


async def test_figures_can_be_set(service: Service) -> None:
    server = service.server
    server.set_device("platform/deviceName", {"figures": {"Web": 7}})
    rows = (await service.request("platform/deviceName"))["data"]
    assert {"Web": 7}.items() <= {row["name"]: row["value"] for row in rows}.items()
    assert server.describe_devices()["platform/deviceName"]["figures"] == {"Web": 7}
    with pytest.raises(KeyError):
        server.set_device("content/colour", {"total": 1})
    with pytest.raises(ValueError, match="colour"):
        server.set_device("content/genre", {"colour": 1})
