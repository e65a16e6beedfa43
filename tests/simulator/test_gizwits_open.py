"""Tests that the simulated Open API responds and refuses as the vendor's document says."""

import base64
from typing import Any

import aiohttp
import pytest

from simulator.gizwits import GizwitsDevice, GizwitsOpenServer
from simulator.server import Fault
from simulator.simulation import Simulation

from .conftest import Clock
from .gizwits import Caller, logged_in


@pytest.fixture
def server(timed: Simulation) -> GizwitsOpenServer:
    return timed.gizwits_open


@pytest.fixture
async def caller(session: aiohttp.ClientSession, server: GizwitsOpenServer) -> Caller:
    return await logged_in(session, server)


def device_of(server: GizwitsOpenServer, product_name: str, index: int = 0) -> GizwitsDevice:
    return [device for device in server.devices.values() if device.product.name == product_name][index]


async def test_a_login_gives_a_token_that_lives_half_a_year(
    session: aiohttp.ClientSession, server: GizwitsOpenServer, clock: Clock
) -> None:
    caller = Caller(session, server.url, {"X-Gizwits-Application-Id": server.app_id})
    answer = await caller.request("POST", "/app/login", json={"username": server.username, "password": server.password})
    assert answer.status == 200
    assert answer.body["uid"] == server.uid
    assert answer.body["expire_at"] == int(clock.now) + 180 * 86400
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"username": "nobody", "password": "x"}, 9005),
        ({"username": "newer-app@simulated.example", "password": "Aep-Front-Passw0rd!"}, 9005),
        ({"username": "household@simulated.example", "password": "wrong"}, 9020),
        ({"username": "household@simulated.example"}, 9015),
        ({"username": 7, "password": "x"}, 9015),
        (["username"], 9015),
    ],
)
async def test_a_login_is_refused_with_the_code_of_its_reason(caller: Caller, body: Any, code: int) -> None:
    answer = await caller.request("POST", "/app/login", json=body)
    assert answer.code == (400, code)


async def test_a_fault_changes_the_content_though_it_is_labelled_as_html(
    caller: Caller, server: GizwitsOpenServer
) -> None:
    server.faults = [Fault(changes=lambda content: {**content, "devices": []})]
    answer = await caller.get("/app/bindings")
    assert answer.body == {"devices": []}
    assert answer.headers["Content-Type"].startswith("text/html")


async def test_too_many_logins_are_throttled(caller: Caller, server: GizwitsOpenServer) -> None:
    server.accounts.logins_per_minute = 2
    body = {"username": server.username, "password": server.password}
    assert (await caller.request("POST", "/app/login", json=body)).status == 200
    assert (await caller.request("POST", "/app/login", json=body)).code == (400, 9041)


@pytest.mark.parametrize("headers", [{"X-Gizwits-Application-Id": ""}, {"X-Gizwits-Application-Id": "0" * 32}])
async def test_an_unknown_app_is_refused(caller: Caller, headers: dict[str, str]) -> None:
    assert (await caller.request("GET", "/app/bindings", headers=headers)).code == (400, 9003)


async def test_another_vendors_app_knows_none_of_the_users(caller: Caller, server: GizwitsOpenServer) -> None:
    headers = {"X-Gizwits-Application-Id": server.other_app_id}
    body = {"username": server.username, "password": server.password}
    assert (await caller.request("POST", "/app/login", json=body, headers=headers)).code == (400, 9005)
    assert (await caller.request("GET", "/app/bindings", headers=headers)).code == (400, 9004)


async def test_a_missing_unknown_or_revoked_token_is_invalid_and_an_old_one_expired(
    caller: Caller, server: GizwitsOpenServer, clock: Clock
) -> None:
    unknown = {"X-Gizwits-User-token": "0" * 32}
    assert (await caller.request("GET", "/app/bindings", headers=unknown)).code == (400, 9004)
    clock.now += 181 * 86400
    assert (await caller.get("/app/bindings")).code == (400, 9006)
    server.revoke_tokens()
    assert (await caller.get("/app/bindings")).code == (400, 9004)
    del caller.headers["X-Gizwits-User-token"]
    assert (await caller.get("/app/bindings")).code == (400, 9004)


async def test_a_logout_ends_the_token(caller: Caller) -> None:
    async with caller.session.delete(f"{caller.url}/app/logout", headers=caller.headers) as response:
        assert response.status == 204
    assert (await caller.get("/app/bindings")).code == (400, 9004)


async def test_an_anonymous_user_is_made_once_and_then_logs_in(caller: Caller) -> None:
    first = await caller.request("POST", "/app/users", json={"phone_id": "a phone"})
    second = await caller.request("POST", "/app/users", json={"phone_id": "a phone"})
    assert (first.status, second.status) == (201, 201)
    assert first.body["uid"] == second.body["uid"]
    assert first.body["token"] != second.body["token"]
    bindings = await caller.request("GET", "/app/bindings", headers={"X-Gizwits-User-token": first.body["token"]})
    assert bindings.body == {"devices": []}


async def test_the_login_front_fails_with_status_200_and_codes_as_text(
    caller: Caller, server: GizwitsOpenServer
) -> None:
    def body(account: str, password: str) -> dict[str, Any]:
        data = {"account": account, "password": password, "lang": "en", "refreshToken": True}
        return {"appKey": server.app_id, "data": data, "version": "1.0"}

    front = "/app/smart_home/login/pwd"
    unknown = await caller.request("POST", front, json=body(server.username, server.password))
    wrong = await caller.request("POST", front, json=body(server.aep_username, "wrong"))
    assert [(a.status, a.body["code"], a.body["error"]) for a in (unknown, wrong)] == [
        (200, "1000000", True),
        (200, "1000033", True),
    ]
    right = await caller.request("POST", front, json=body(server.aep_username, server.aep_password))
    caller.headers["X-Gizwits-User-token"] = right.body["data"]["userToken"]
    bound = (await caller.get("/app/bindings")).body["devices"]
    assert [row["dev_alias"] for row in bound] == ["New pump"]


async def test_bindings_come_newest_first_in_pages_without_disabled_devices(
    caller: Caller, server: GizwitsOpenServer
) -> None:
    whole = (await caller.get("/app/bindings")).body["devices"]
    assert [row["dev_alias"] for row in whole] == ["电暖器", "电暖器", "鱼缸水泵", "", "客厅空调", "Terrace spa"]
    paged = [*(await caller.get("/app/bindings", limit=4)).body["devices"]]
    paged += (await caller.get("/app/bindings", limit=4, skip=4)).body["devices"]
    assert [row["did"] for row in paged] == [row["did"] for row in whole]
    shown = (await caller.get("/app/bindings", show_disabled=1, show_proto_ver=1)).body["devices"]
    assert len(shown) == 7
    assert {row["proto_ver"] for row in shown} == {"03", "04"}
    assert "proto_ver" not in whole[0]


async def test_bindings_show_twenty_by_default(caller: Caller, server: GizwitsOpenServer) -> None:
    spare = device_of(server, "空调")
    for number in range(30):
        did = f"extra{number:017}"
        server.devices[did] = GizwitsDevice(
            product=spare.product, did=did, mac=f"{number:012x}", clock=server.clock, uid=server.uid
        )
    assert len((await caller.get("/app/bindings")).body["devices"]) == 20
    assert len((await caller.get("/app/bindings", limit=100)).body["devices"]) == 36
    assert (await caller.get("/app/bindings", limit="many")).code == (400, 9015)


async def test_latest_has_booleans_as_numbers_and_enums_as_labels(caller: Caller, server: GizwitsOpenServer) -> None:
    device = device_of(server, "空调")
    device.set(switch=True, mode="制热", room_temp=-10.5)
    answer = await caller.get(f"/app/devdata/{device.did}/latest")
    assert answer.body["did"] == device.did
    assert answer.body["updated_at"] == int(server.clock())
    attr = answer.body["attr"]
    assert (attr["switch"], attr["mode"], attr["room_temp"]) == (1, "制热", -10.5)
    assert not any(isinstance(value, bool) for value in attr.values())


async def test_latest_is_empty_for_a_forgotten_device_and_old_for_an_offline_one(
    caller: Caller, server: GizwitsOpenServer, clock: Clock
) -> None:
    forgotten, gone = device_of(server, "电暖器", 0), device_of(server, "电暖器", 1)
    answer = await caller.get(f"/app/devdata/{forgotten.did}/latest")
    assert answer.body == {"did": forgotten.did, "updated_at": 0, "attr": {}}
    before = (await caller.get(f"/app/devdata/{gone.did}/latest")).body
    clock.now += 3600
    assert (await caller.get(f"/app/devdata/{gone.did}/latest")).body == before
    assert before["updated_at"] < clock.now - 3 * 86400 + 60


async def test_a_spa_with_older_firmware_lacks_a_datapoint_and_has_an_undefined_one(
    caller: Caller, server: GizwitsOpenServer
) -> None:
    spa = device_of(server, "Whirl_Spa")
    attr = (await caller.get(f"/app/devdata/{spa.did}/latest")).body["attr"]
    definition = (await caller.get("/app/datapoint", product_key=spa.product.key)).body
    defined = {described["name"] for described in definition["entities"][0]["attrs"]}
    assert defined - set(attr) == {"ozone_hours"}
    assert set(attr) - defined == {"bit7"}


async def test_values_follow_from_seed_and_time(clock: Clock) -> None:
    def values(seed: int) -> list[dict[str, Any]]:
        server = Simulation(seed=seed, clock=clock).gizwits_open
        return [dict(device.attrs) for device in server.devices.values()]

    early = values(1)
    assert values(1) == early
    assert values(2) != early
    clock.now += 3600
    assert values(1) != early


async def test_definitions_scale_the_limits_only_where_they_are_shown(
    caller: Caller, server: GizwitsOpenServer
) -> None:
    spa = device_of(server, "Whirl_Spa")
    definition = (await caller.get("/app/datapoint", product_key=spa.product.key)).body
    attr = next(a for a in definition["entities"][0]["attrs"] if a["name"] == "set_temp")
    assert attr["uint_spec"] == {"min": 0, "max": 40, "ratio": 0.5, "addition": 20}
    elements = {element["key"]: element for element in definition["ui"]["sections"][0]["elements"]}
    assert elements["entity0.set_temp"]["object"]["uint_spec"] == {"min": 20.0, "max": 40.0, "step": 0.5}
    assert elements["entity0.water_temp"]["object"]["perm"] == "N"
    assert "entity0.overheat" not in elements


async def test_a_product_without_datapoints_and_an_unknown_one_have_different_codes(
    caller: Caller, server: GizwitsOpenServer
) -> None:
    key = device_of(server, "空调").product.key
    del server.products[key]
    assert (await caller.get("/app/datapoint", product_key=key)).code == (400, 9029)
    assert (await caller.get("/app/datapoint", product_key="0" * 32)).code == (400, 9002)
    assert (await caller.get("/app/datapoint")).code == (400, 9015)


async def test_a_command_shows_in_the_next_reading_or_after_a_delay(
    caller: Caller, server: GizwitsOpenServer, clock: Clock
) -> None:
    device = device_of(server, "空调")
    control, latest = f"/app/control/{device.did}", f"/app/devdata/{device.did}/latest"
    answer = await caller.request("POST", control, json={"attrs": {"set_temp": 26, "switch": 0, "mode": "自动"}})
    assert (answer.status, answer.body) == (200, {})
    attr = (await caller.get(latest)).body["attr"]
    assert (attr["set_temp"], attr["switch"], attr["mode"]) == (26, 0, "自动")
    server.write_delay = 15
    await caller.request("POST", control, json={"attrs": {"set_temp": 18}})
    assert (await caller.get(latest)).body["attr"]["set_temp"] == 26
    clock.now += 15
    assert (await caller.get(latest)).body["attr"]["set_temp"] == 18


@pytest.mark.parametrize(
    "attrs",
    [
        {"set_temp": 31},
        {"set_temp": 20.5},
        {"set_temp": "20"},
        {"set_temp": True},
        {"switch": "1"},
        {"switch": 2},
        {"mode": 1},
        {"mode": "cool"},
        {"room_temp": 20},
        {"filter_alert": True},
        {"nothing": 1},
        {"set_temp": None},
    ],
)
async def test_an_invalid_command_is_refused_with_the_name_of_the_attribute(
    caller: Caller, server: GizwitsOpenServer, attrs: dict[str, Any]
) -> None:
    device = device_of(server, "空调")
    answer = await caller.request("POST", f"/app/control/{device.did}", json={"attrs": {"sleep": True} | attrs})
    assert answer.code == (400, 9025)
    assert next(iter(attrs)) in answer.body["detail_message"]
    assert device.received == []


async def test_a_binary_must_be_padded_to_its_full_length(caller: Caller, server: GizwitsOpenServer) -> None:
    lamp = device_of(server, "水草灯WIFI_BLE")
    control = f"/app/control/{lamp.did}"
    assert (await caller.request("POST", control, json={"attrs": {"Timer01": "0800"}})).code == (400, 9025)
    coded = base64.b64encode(bytes.fromhex("080064643200")).decode()
    assert (await caller.request("POST", control, json={"attrs": {"Timer01": coded}})).code == (400, 9025)
    body = {"attrs": {"Timer01": coded}, "binary_coding": "base64"}
    assert (await caller.request("POST", control, json=body)).status == 200
    assert lamp.attrs["Timer01"] == "080064643200"


@pytest.mark.parametrize("body", [{}, {"attrs": {}}, {"attrs": [1]}, {"raw": [256]}, {"raw": "00"}, [], "x"])
async def test_a_malformed_command_is_refused(caller: Caller, server: GizwitsOpenServer, body: Any) -> None:
    device = device_of(server, "空调")
    assert (await caller.request("POST", f"/app/control/{device.did}", json=body)).code == (400, 9015)


@pytest.mark.parametrize(
    ("change", "code"),
    [({"is_online": False}, 9042), ({"is_disabled": True}, 9023), ({"fails_commands": True}, 9021)],
)
async def test_a_command_that_cannot_be_delivered_is_refused(
    caller: Caller, server: GizwitsOpenServer, change: dict[str, Any], code: int
) -> None:
    device = device_of(server, "空调")
    server.set_device(device.did, change)
    answer = await caller.request("POST", f"/app/control/{device.did}", json={"attrs": {"switch": True}})
    assert answer.code == (400, code)


@pytest.mark.parametrize("path", ["/app/control/{}", "/app/devdata/{}/latest", "/app/devices/{}"])
async def test_only_the_users_own_devices_are_accessible(caller: Caller, server: GizwitsOpenServer, path: str) -> None:
    method = "POST" if "control" in path else "GET"
    others = next(device for device in server.devices.values() if device.uid == server.aep_uid)
    body = {"json": {"attrs": {"SwitchON": True}}} if method == "POST" else {}
    assert (await caller.request(method, path.format(others.did), **body)).code == (400, 9017)
    assert (await caller.request(method, path.format("0" * 22), **body)).code == (400, 9014)


async def test_a_group_command_returns_the_result_of_each_device(caller: Caller, server: GizwitsOpenServer) -> None:
    row = (await caller.get("/app/group")).body[0]
    device = device_of(server, "空调")
    assert [d["did"] for d in (await caller.get(f"/app/group/{row['id']}/devices")).body] == [device.did]
    control = f"/app/group/{row['id']}/control"
    answer = await caller.request("POST", control, json={"attrs": {"switch": False}})
    assert answer.body == [{"did": device.did, "result": True}]
    device.is_online = False
    answer = await caller.request("POST", control, json={"attrs": {"switch": True}})
    assert answer.body == [{"did": device.did, "result": False}]
    assert device.attrs["switch"] is False


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_aggregates_come_as_text_by_get_and_put(
    caller: Caller, server: GizwitsOpenServer, clock: Clock, method: str
) -> None:
    device = device_of(server, "空调")
    query = {
        "attrs": "set_temp,room_temp",
        "start_ts": int(clock.now - 7200) * 1000,
        "aggregator": "max",
        "unit": "HOURS",
    }
    answer = await caller.request(method, f"/app/devdata/{device.did}/agg_data", params=query)
    assert answer.body["query"]["end_ts"] is None
    assert [row["attrs"]["set_temp"] for row in answer.body["data"]] == ["24.0"] * len(answer.body["data"])
    assert len(answer.body["data"]) in (2, 3)


async def test_the_raw_log_nests_its_rows_and_cannot_show_commands(
    caller: Caller, server: GizwitsOpenServer, clock: Clock
) -> None:
    device = device_of(server, "空调")
    window = {"start_time": int(clock.now) - 47 * 3600, "end_time": int(clock.now)}
    path = f"/app/devices/{device.did}/raw_data"
    answer = await caller.get(path, type="online", **window)
    rows = answer.body["objects"]["hits"]["objects"]
    assert [row["type"] for row in rows] == ["dev_online", "dev_offline"]
    assert (await caller.get(path, type="cmd", **window)).code == (400, 9008)
    too_long = window | {"start_time": int(clock.now) - 49 * 3600}
    assert (await caller.get(path, type="online", **too_long)).code == (400, 9015)


async def test_everything_can_be_throttled(caller: Caller, server: GizwitsOpenServer) -> None:
    server.is_throttled = True
    assert (await caller.get("/app/bindings")).code == (400, 9041)
