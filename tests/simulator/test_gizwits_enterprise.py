"""Tests that the simulated Enterprise API responds and refuses as the vendor's document says."""

from typing import Any

import aiohttp
import pytest

from simulator.gizwits import EnterpriseProduct, GizwitsDevice, GizwitsEnterpriseServer
from simulator.simulation import Simulation

from .conftest import Clock
from .gizwits import Caller, authorized, token_body


@pytest.fixture
def server(timed: Simulation) -> GizwitsEnterpriseServer:
    return timed.gizwits_enterprise


@pytest.fixture
def product(server: GizwitsEnterpriseServer) -> EnterpriseProduct:
    return next(iter(server.products.values()))


@pytest.fixture
def device(product: EnterpriseProduct) -> GizwitsDevice:
    return list(product.devices.values())[1]


@pytest.fixture
async def caller(session: aiohttp.ClientSession, server: GizwitsEnterpriseServer, product: EnterpriseProduct) -> Caller:
    return await authorized(session, server, product)


async def test_a_token_lives_seven_days(
    caller: Caller, server: GizwitsEnterpriseServer, product: EnterpriseProduct, clock: Clock
) -> None:
    answer = await caller.request("POST", "/access_token", json=token_body(server, product))
    assert answer.status == 201
    assert answer.body["expired_at"] == int(clock.now) + 7 * 86400
    clock.now += 7 * 86400
    assert (await caller.get("/devices/search")).code == (400, "5011")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"enterprise_id": "other"}, (404, "5003")),
        ({"enterprise_secret": "other"}, (400, "5004")),
        ({"product_secret": "other"}, (400, "5005")),
        ({"product_secret": None}, (400, "5002")),
        ({"enterprise_id": 7}, (400, "5002")),
    ],
)
async def test_a_token_is_refused_with_the_code_of_the_wrong_field(
    caller: Caller,
    server: GizwitsEnterpriseServer,
    product: EnterpriseProduct,
    change: dict[str, Any],
    code: tuple[int, str],
) -> None:
    answer = await caller.request("POST", "/access_token", json=token_body(server, product) | change)
    assert answer.code == code


async def test_a_product_may_be_unknown_unassociated_or_without_the_service(
    session: aiohttp.ClientSession, server: GizwitsEnterpriseServer, product: EnterpriseProduct
) -> None:
    caller = Caller(session, f"{server.url}/v1/products")
    body, own = token_body(server, product), f"/{product.product_key}/access_token"
    assert (await caller.request("POST", f"/{'0' * 32}/access_token", json=body)).code == (404, "5015")
    product.is_service_open = False
    assert (await caller.request("POST", own, json=body)).code == (404, "5007")
    product.is_associated = False
    assert (await caller.request("POST", own, json=body)).code == (400, "5801")
    assert (await caller.request("POST", own, data="{", headers={"Content-Type": "application/json"})).code == (
        400,
        "5001",
    )


@pytest.mark.parametrize("header", ["", "token", "token " + "0" * 32, "Bearer {}", "{}", "token  {}", "token {{{}}}"])
async def test_only_the_vendors_authorization_scheme_is_accepted(caller: Caller, header: str) -> None:
    token = caller.headers["Authorization"].removeprefix("token ")
    answer = await caller.request("GET", "/devices/search", headers={"Authorization": header.format(token)})
    assert answer.code == (400, "5009")


async def test_a_token_is_for_one_product(
    caller: Caller, session: aiohttp.ClientSession, server: GizwitsEnterpriseServer
) -> None:
    other = list(server.products.values())[1]
    there = Caller(session, f"{server.url}/v1/products/{other.product_key}", caller.headers)
    assert (await there.get("/devices/search")).code == (400, "5010")


async def test_every_response_has_the_quota_and_requests_beyond_it_are_refused(
    caller: Caller, server: GizwitsEnterpriseServer, clock: Clock
) -> None:
    server.quota_remaining = 2
    reset = server.quota_reset
    answers = [await caller.get("/datapoint"), await caller.get("/devices"), await caller.get("/datapoint")]
    assert [answer.status for answer in answers] == [200, 400, 403]
    assert answers[2].body["error_code"] == "5013"
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"3600"}
    assert {answer.headers["X-RateLimit-Reset"] for answer in answers} == {str(reset)}
    clock.now = reset
    answer = await caller.get("/datapoint")
    assert (answer.status, answer.headers["X-RateLimit-Remaining"]) == (200, "3599")


async def test_an_unknown_address_costs_quota_too(caller: Caller, server: GizwitsEnterpriseServer) -> None:
    left = server.quota_remaining
    async with caller.session.get(f"{caller.url}/nothing", headers=caller.headers) as response:
        assert (response.status, response.headers["X-RateLimit-Remaining"]) == (404, str(left - 1))


async def test_an_address_off_the_whitelist_is_refused(caller: Caller, server: GizwitsEnterpriseServer) -> None:
    server.is_ip_allowed = False
    answer = await caller.get("/devices/search")
    assert answer.code == (400, "5012")
    assert answer.body["error_message"] == "ip not in white list"


async def test_a_search_pages_through_all_but_the_disabled(caller: Caller, product: EnterpriseProduct) -> None:
    first = (await caller.get("/devices/search")).body
    assert (first["meta"]["total"], first["meta"]["limit"], len(first["objects"])) == (35, 20, 20)
    assert first["meta"]["previous"] is None
    assert "skip=20" in first["meta"]["next"]
    second = (await caller.get("/devices/search", skip=20)).body
    assert len(second["objects"]) == 15
    assert second["meta"]["next"] is None
    listed = {row["did"] for row in first["objects"] + second["objects"]}
    assert listed == {did for did, device in product.devices.items() if not device.is_disabled}
    assert (await caller.get("/devices/search", show_disabled=1)).body["meta"]["total"] == 36


async def test_a_search_filters(caller: Caller, product: EnterpriseProduct, device: GizwitsDevice) -> None:
    async def found(**params: Any) -> list[dict[str, Any]]:
        objects: list[dict[str, Any]] = (await caller.get("/devices/search", limit=100, **params)).body["objects"]
        return objects

    offline = await found(is_online=0)
    assert len(offline) == 4
    assert not any(row["is_online"] for row in offline)
    faulty, alerted = await found(is_faulty=1), await found(is_alert=1)
    assert faulty
    assert alerted
    assert all(row["is_faulty"] is True for row in faulty)
    assert all(row["is_alert"] is True for row in alerted)
    assert {row["city"] for row in await found(region="Guangdong")} == {"Guangzhou", "Shenzhen"}
    assert [row["mac"] for row in await found(type="did", val=device.did)] == [device.mac]
    assert [row["did"] for row in await found(type="mac", val="virtual:site")] == [next(iter(product.devices))]
    assert await found(type="mac", val=device.mac.upper()) == []
    child = list(product.groups)[1]
    assert len(await found(gid=child)) == 6


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"is_online": "true"}, "5002"),
        ({"limit": "-1"}, "5002"),
        ({"limit": "0"}, "5002"),
        ({"type": "name", "val": "x"}, "5002"),
        ({"type": "did"}, "5002"),
        ({"gid": "0" * 32}, "5206"),
    ],
)
async def test_a_search_refuses_invalid_parameters(caller: Caller, params: dict[str, str], code: str) -> None:
    assert (await caller.get("/devices/search", **params)).body["error_code"] == code


async def test_a_fault_shows_in_the_search_while_it_lasts(caller: Caller, device: GizwitsDevice) -> None:
    async def is_faulty() -> bool:
        rows = (await caller.get("/devices/search", type="did", val=device.did)).body["objects"]
        return rows[0]["is_faulty"] is True

    device.set(fault_compressor=True)
    assert await is_faulty()
    device.set(fault_compressor=False, fault_probe=False)
    assert not await is_faulty()


async def test_a_device_is_found_by_its_mac(caller: Caller, device: GizwitsDevice) -> None:
    assert (await caller.get("/devices", mac=device.mac)).body == {"did": device.did, "passcode": device.passcode}
    detail = (await caller.get("/device_detail", mac=device.mac)).body
    assert (detail["did"], detail["is_online"], detail["is_disabled"]) == (device.did, True, False)
    assert (await caller.get("/device_detail", mac="0" * 12)).code == (404, "5301")
    assert (await caller.get("/device_detail")).code == (400, "5002")


async def test_the_newest_report_comes_first(caller: Caller, device: GizwitsDevice, clock: Clock) -> None:
    clock.now += 7
    device.set(switch=True, room_temp=-10, mode="制冷")
    clock.now += 3
    answer = (await caller.get(f"/devices/{device.did}/data", limit=1, sort="desc")).body
    (row,) = answer["objects"]
    assert row["ts"] == int(clock.now) - 3
    assert (row["attrs"]["switch"], row["attrs"]["room_temp"], row["attrs"]["mode"]) == (1, -10, "制冷")
    assert answer["meta"]["total"] > 2800
    oldest = (await caller.get(f"/devices/{device.did}/data", limit=1, sort="asc")).body["objects"][0]
    assert oldest["ts"] < clock.now - 2 * 86400 + 120


async def test_reports_are_in_the_window_and_stop_while_a_device_is_offline(
    caller: Caller, device: GizwitsDevice, clock: Clock
) -> None:
    device.is_online = False
    gone_at = clock.now
    clock.now += 3600
    start, end = int(gone_at) - 600, int(clock.now)
    rows = (await caller.get(f"/devices/{device.did}/data", start_ts=start, end_ts=end, limit=100)).body["objects"]
    assert rows
    assert all(start <= row["ts"] <= gone_at for row in rows)
    log = (await caller.get(f"/devices/{device.did}/online", limit=1)).body["objects"]
    assert log[0]["type"] == "dev_offline"
    assert log[0]["payload"]["reason"] == "no_heartbeat"


@pytest.mark.parametrize(
    ("start_days_ago", "end_days_ago"),
    [(3, 0), (8, 7), (0, 1)],
)
@pytest.mark.parametrize("name", ["data", "online", "cmd"])
async def test_a_window_is_two_days_within_the_last_seven(
    caller: Caller, device: GizwitsDevice, clock: Clock, name: str, start_days_ago: int, end_days_ago: int
) -> None:
    window = {"start_ts": int(clock.now) - start_days_ago * 86400, "end_ts": int(clock.now) - end_days_ago * 86400}
    path = f"/devices/{device.did}/{name}"
    assert (await caller.get(path, **window)).code == (400, "5002")
    assert (await caller.get(path, sort="dese")).code == (400, "5002")
    in_ms = {"start_ts": int(clock.now - 3600) * 1000, "end_ts": int(clock.now) * 1000}
    assert (await caller.get(path, **in_ms)).code == (400, "5002")


@pytest.mark.parametrize("denial", [5018, 5024])
async def test_history_is_refused_without_the_grant(
    caller: Caller, server: GizwitsEnterpriseServer, device: GizwitsDevice, denial: int
) -> None:
    server.is_data_granted, server.data_denial = False, denial
    assert (await caller.get(f"/devices/{device.did}/data")).code == (403, str(denial))
    assert (await caller.get("/devices/search")).status == 200


async def test_a_command_is_executed_and_logged(caller: Caller, device: GizwitsDevice) -> None:
    body = {"attrs": {"switch": False, "set_temp": 7.5}}
    answer = await caller.request("POST", f"/devices/{device.did}/control", json=body)
    assert (answer.status, answer.body) == (200, {})
    assert device.received == [body]
    newest = (await caller.get(f"/devices/{device.did}/data", limit=1)).body["objects"][0]["attrs"]
    assert (newest["switch"], newest["set_temp"]) == (0, 7.5)
    (row,) = (await caller.get(f"/devices/{device.did}/cmd")).body["objects"]
    assert row["type"] == "app2dev"
    assert row["payload"].startswith("00000003")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"is_online": False}, (400, "5305")),
        ({"is_disabled": True}, (400, "5304")),
        ({"fails_commands": True}, (400, "5403")),
    ],
)
async def test_a_command_that_cannot_be_delivered_is_refused(
    caller: Caller,
    server: GizwitsEnterpriseServer,
    device: GizwitsDevice,
    change: dict[str, Any],
    code: tuple[int, str],
) -> None:
    server.set_device(device.did, change)
    answer = await caller.request("POST", f"/devices/{device.did}/control", json={"attrs": {"switch": True}})
    assert answer.code == code


async def test_control_is_refused_with_the_code_of_its_reason(
    caller: Caller, server: GizwitsEnterpriseServer, product: EnterpriseProduct, device: GizwitsDevice
) -> None:
    async def code(did: str, body: Any) -> tuple[int, int | str]:
        return (await caller.request("POST", f"/devices/{did}/control", json=body)).code

    switch = {"attrs": {"switch": True}}
    assert await code(device.did, {"attrs": {"outlet_temp": 8}}) == (400, "5401")
    assert await code(device.did, {"raw": "00"}) == (400, "5408")
    assert await code(device.did, {}) == (400, "5002")
    assert await code("0" * 22, switch) == (404, "5301")
    assert await code(next(iter(list(server.products.values())[1].devices)), switch) == (403, "5302")
    assert await code(next(d.did for d in product.devices.values() if d.uid is None), switch) == (400, "5303")
    server.is_control_granted = False
    assert await code(device.did, switch) == (403, "5404")


async def test_groups_form_a_tree_and_devices_can_be_moved(
    caller: Caller, product: EnterpriseProduct, device: GizwitsDevice
) -> None:
    root, child = product.groups
    assert (await caller.get("/device_groups")).body == {root: {child: ""}}
    held = {"action": "assign", "reassign": False, "macs": [device.mac, "0" * 12]}
    assert (await caller.request("PUT", f"/device_groups/{child}", json=held)).body["success"] == []
    answer = await caller.request("PUT", f"/device_groups/{child}", json=held | {"reassign": True})
    assert answer.body == {"success": [device.mac], "failed": ["0" * 12]}
    assert device.mac in (await caller.get(f"/device_groups/{child}")).body["macs"]
    assert device.mac not in (await caller.get(f"/device_groups/{root}")).body["macs"]
    assert (await caller.request("DELETE", f"/device_groups/{root}")).code == (400, "5204")
    assert (await caller.request("DELETE", f"/device_groups/{child}")).code == (400, "5205")
    assert (await caller.request("POST", "/device_groups", json={})).code == (400, "5203")


async def test_aggregates_are_numbers_by_hour(caller: Caller, device: GizwitsDevice, clock: Clock) -> None:
    query = {"attrs": "set_temp,power", "start_ts": int(clock.now - 3600) * 1000, "aggregator": "avg", "unit": "HOURS"}
    rows = (await caller.get(f"/devices/{device.did}/agg_data", **query)).body["data"]
    assert rows[-1]["attrs"]["set_temp"] == 7.0
    assert all(len(row["datetime"]) == 10 for row in rows)
    refused = await caller.get(f"/devices/{device.did}/agg_data", **query | {"attrs": "switch"})
    assert refused.code == (400, "5002")


async def test_reports_of_the_fleet_agree_with_the_search(caller: Caller) -> None:
    summary = (await caller.get("/devices/summary")).body
    assert (summary["total"], summary["online"]) == (36, 32)
    report = (await caller.get("/devices/report/rt")).body
    faulty = (await caller.get("/devices/search", is_faulty=1, show_disabled=1)).body["meta"]["total"]
    assert report["count"]["faulty"] == faulty
    events = (await caller.get("/fault/report/events")).body
    assert events["count"]["unresolved"] == faulty
    assert events["detail"]["fault_probe"]["unresolved"] >= 1
