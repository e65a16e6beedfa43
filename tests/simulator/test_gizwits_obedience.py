"""Tests of what happens to commands, which is the same in both of the vendor's APIs."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from simulator.gizwits import GizwitsDevice, GizwitsEnterpriseServer, GizwitsOpenServer, Obedience
from simulator.simulation import Simulation

from .conftest import Clock
from .gizwits import Answer, Caller, authorized, logged_in


@dataclass
class Subject:
    """A device of one of the APIs. Both devices have `switch`, which is on at first, and `set_temp`."""

    server: GizwitsOpenServer | GizwitsEnterpriseServer
    device: GizwitsDevice
    caller: Caller
    control: str
    latest: str

    async def command(self, **attrs: Any) -> Answer:
        return await self.send({"attrs": attrs})

    async def send(self, body: dict[str, Any]) -> Answer:
        return await self.caller.request("POST", self.control, json=body)

    async def read(self) -> tuple[int, dict[str, Any]]:
        body = (await self.caller.get(self.latest)).body
        if "attr" in body:
            return body["updated_at"], body["attr"]
        return body["objects"][0]["ts"], body["objects"][0]["attrs"]

    async def set_temp(self) -> Any:
        return (await self.read())[1]["set_temp"]


@pytest.fixture(params=["open", "enterprise"])
async def subject(request: pytest.FixtureRequest, timed: Simulation, session: aiohttp.ClientSession) -> Subject:
    if request.param == "open":
        server = timed.gizwits_open
        device = next(iter(server.devices.values()))
        caller = await logged_in(session, server)
        subject = Subject(server, device, caller, f"/app/control/{device.did}", f"/app/devdata/{device.did}/latest")
    else:
        fleet = timed.gizwits_enterprise
        product = next(iter(fleet.products.values()))
        device = list(product.devices.values())[1]
        caller = await authorized(session, fleet, product)
        path = f"/devices/{device.did}"
        subject = Subject(fleet, device, caller, f"{path}/control", f"{path}/data?limit=1")
    subject.device.report_seconds = 10
    subject.device.set(set_temp=16)
    return subject


async def test_a_device_executes_commands_at_once_by_default(subject: Subject) -> None:
    assert (await subject.command(set_temp=18)).body == {}
    assert await subject.set_temp() == 18


async def test_a_delay_of_the_device_replaces_the_delay_of_the_server(subject: Subject, clock: Clock) -> None:
    subject.server.write_delay = 100
    subject.device.obedience = Obedience(delay=4)
    await subject.command(set_temp=18)
    clock.now += 3
    assert await subject.set_temp() == 16
    clock.now += 1
    assert await subject.set_temp() == 18


async def test_a_device_reports_the_old_value_until_its_delay_has_passed(subject: Subject, clock: Clock) -> None:
    subject.device.obedience = Obedience(delay=45)
    told_at, _ = await subject.read()
    await subject.command(set_temp=18)
    clock.now += 30
    updated_at, attrs = await subject.read()
    assert updated_at >= told_at + 30
    assert attrs["set_temp"] == 16
    clock.now += 15
    assert await subject.set_temp() == 18


async def test_a_lost_command_is_accepted_but_not_executed(subject: Subject, clock: Clock) -> None:
    subject.device.obedience = Obedience(is_lost=True)
    answer = await subject.command(set_temp=18)
    assert (answer.status, answer.body) == (200, {})
    assert subject.device.received == [{"attrs": {"set_temp": 18}}]
    clock.now += 3600
    assert await subject.set_temp() == 16


async def test_the_second_of_two_commands_can_be_executed_first(subject: Subject, clock: Clock) -> None:
    subject.device.obedience = Obedience(first_delays=(5, 1))
    await subject.command(set_temp=18)
    await subject.command(set_temp=20)
    values_read = []
    for _ in range(3):
        values_read.append(await subject.set_temp())
        clock.now += 2.5
    assert values_read == [16, 20, 18]
    await subject.command(set_temp=17)
    assert await subject.set_temp() == 17


async def test_a_device_can_set_other_values_than_those_of_the_command(subject: Subject) -> None:
    subject.device.obedience = Obedience(overrules={"switch": True}, limits={"set_temp": (17, 19)})
    await subject.command(switch=False, set_temp=20)
    _, attrs = await subject.read()
    assert (attrs["switch"], attrs["set_temp"]) == (1, 19)
    await subject.command(set_temp=16)
    assert await subject.set_temp() == 17


async def test_reads_can_be_stale_for_some_seconds(subject: Subject, clock: Clock) -> None:
    subject.device.obedience = Obedience(stale_seconds=30)
    before = await subject.read()
    clock.now += 1
    await subject.command(set_temp=18)
    clock.now += 29
    assert await subject.read() == before
    assert subject.device.attrs["set_temp"] == 18
    clock.now += 1
    updated_at, attrs = await subject.read()
    assert updated_at > before[0]
    assert attrs["set_temp"] == 18


async def test_a_number_of_reads_can_be_stale(subject: Subject, clock: Clock) -> None:
    subject.device.obedience = Obedience(stale_reads=2)
    before = await subject.read()
    await subject.command(set_temp=18)
    clock.now += 60
    assert [await subject.read(), await subject.read()] == [before, before]
    assert await subject.set_temp() == 18


async def test_a_command_can_be_refused_with_any_code_of_the_vendor(subject: Subject) -> None:
    code = 9024 if isinstance(subject.server, GizwitsOpenServer) else 5007
    subject.device.obedience = Obedience(refused_with=code)
    assert (await subject.command(set_temp=18)).body["error_code"] in (code, str(code))
    assert await subject.set_temp() == 16


async def test_the_obedience_of_the_server_applies_to_all_devices(subject: Subject) -> None:
    subject.server.obedience = Obedience(is_lost=True)
    await subject.command(set_temp=18)
    assert await subject.set_temp() == 16
    subject.device.obedience = Obedience()
    await subject.command(set_temp=18)
    assert await subject.set_temp() == 18


async def test_obedience_is_set_by_remote_control(subject: Subject, clock: Clock) -> None:
    remote = Caller(subject.caller.session, f"{subject.server.url}/_simulator")
    device = f"/devices/{subject.device.did}"
    settings = {"first_delays": [5, 1], "limits": {"set_temp": [16, 19]}}
    assert (await remote.request("POST", device, json={"obedience": settings})).status == 200
    assert (await remote.get("/devices")).body[subject.device.did]["obedience"]["first_delays"] == [5, 1]
    await subject.command(set_temp=20)
    clock.now += 5
    assert await subject.set_temp() == 19
    await remote.request("POST", device, json={"obedience": None})
    assert (await remote.request("POST", "/obedience", json={"is_lost": True})).status == 200
    await subject.command(set_temp=16)
    assert await subject.set_temp() == 19


@pytest.mark.parametrize(
    "wrong",
    [{"mood": 1}, {"delay": "5"}, {"delay": -1}, {"is_lost": 1}, {"limits": {"set_temp": [1]}}, {"refused_with": 1}],
)
async def test_an_invalid_obedience_is_refused(subject: Subject, wrong: dict[str, Any]) -> None:
    remote = Caller(subject.caller.session, f"{subject.server.url}/_simulator")
    assert (await remote.request("POST", "/obedience", json=wrong)).status == 400
    assert (await remote.request("POST", f"/devices/{subject.device.did}", json={"obedience": wrong})).status == 400
    assert subject.device.obedience is None
    assert subject.server.obedience == Obedience()


async def test_a_raw_frame_that_writes_datapoints_is_executed(subject: Subject) -> None:
    await subject.command(switch=False, set_temp=20)
    frame = subject.device.command_log()[-1].payload
    await subject.command(switch=True, set_temp=16)
    texts = {"hex": frame.hex(), "base64": base64.b64encode(frame).decode()}
    bodies = [{"raw": list(frame)}, *({"raw": text, "binary_coding": coding} for coding, text in texts.items())]
    for body in bodies:
        assert (await subject.send(body)).body == {}
        _, attrs = await subject.read()
        assert (attrs["switch"], attrs["set_temp"]) == (0, 20)
        assert subject.device.command_log()[-1].payload == frame
        await subject.command(switch=True, set_temp=16)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda frame: frame[:-1],
        lambda frame: [*frame, 0],
        lambda frame: [frame[0], frame[1] | 0x80, *frame[2:]],
        lambda frame: [2, *frame[1:]],
        lambda frame: [0, 0, 0, 3, 3 + len(frame), 0, 0, 0x90, *frame],
    ],
    ids=["too short", "too long", "names what is not there", "no write", "with its prefix"],
)
async def test_a_malformed_raw_frame_is_accepted_but_sets_nothing(
    subject: Subject, spoil: Callable[[list[int]], list[int]]
) -> None:
    await subject.command(set_temp=20)
    frame = list(subject.device.command_log()[-1].payload)
    await subject.command(set_temp=16)
    assert (await subject.send({"raw": spoil(frame)})).body == {}
    assert await subject.set_temp() == 16


async def test_a_raw_frame_with_a_number_beyond_its_limits_sets_nothing(subject: Subject) -> None:
    await subject.command(set_temp=20)
    frame = bytearray(subject.device.command_log()[-1].payload)
    numbers = [a for a in subject.device.product.attributes if a.type == "status_writable"]
    tail = sum(a.bits // 8 for a in numbers[[a.name for a in numbers].index("set_temp") :])
    frame[-tail] = 200
    assert (await subject.send({"raw": list(frame)})).body == {}
    assert await subject.set_temp() == 20


@pytest.mark.parametrize("raw", [[], [256], [True], "zz", "0", "", 7])
@pytest.mark.parametrize("coding", [{}, {"binary_coding": "hex"}])
async def test_raw_data_other_than_bytes_are_refused(subject: Subject, raw: Any, coding: dict[str, str]) -> None:
    answer = await subject.send({"raw": raw} | coding)
    assert answer.status == 400
    assert str(answer.body["error_code"]) in ("9015", "5408")


async def test_a_raw_frame_sets_only_what_its_mask_names(timed: Simulation) -> None:
    server = timed.gizwits_open
    heater = next(device for device in server.devices.values() if device.product.name == "电暖器")
    heater.is_online = True
    server.command(heater, {"raw": [1, 1, 3, 0, *bytes(84)]})
    assert heater.attrs["mode"] == "停止"
    assert heater.attrs["cft_temp"] == 190


async def test_the_household_has_a_group_of_equal_heaters_for_one_command(
    timed: Simulation, session: aiohttp.ClientSession
) -> None:
    server = timed.gizwits_open
    caller = await logged_in(session, server)
    path = f"/app/group/{server.heater_group_id}"
    rows = {row["id"]: row for row in (await caller.get("/app/group")).body}
    heaters = [server.devices[row["did"]] for row in (await caller.get(f"{path}/devices")).body]
    assert [heater.product.key for heater in heaters] == [rows[server.heater_group_id]["product_key"]] * 2
    heaters[0].is_online = True
    both = [heater.did for heater in heaters]
    answer = await caller.request("POST", f"{path}/control", json={"attrs": {"mode": "舒适"}})
    assert answer.body == [{"did": both[0], "result": True}, {"did": both[1], "result": False}]
    heaters[1].is_online = True
    raw = {"raw": [1, 1, 3, 0, *bytes(84)]}
    assert [row["result"] for row in (await caller.request("POST", f"{path}/control", json=raw)).body] == [True, True]
    assert [heater.attrs["mode"] for heater in heaters] == ["停止"] * 2
    heaters[1].uid = None
    assert [row["did"] for row in (await caller.get(f"{path}/devices")).body] == both[:1]


async def test_a_mixed_group_has_no_product_and_refuses_commands(
    timed: Simulation, session: aiohttp.ClientSession
) -> None:
    server = timed.gizwits_open
    caller = await logged_in(session, server)
    path = f"/app/group/{server.mixed_group_id}"
    rows = {row["id"]: row for row in (await caller.get("/app/group")).body}
    assert rows[server.mixed_group_id]["product_key"] == ""
    assert len({row["product_key"] for row in (await caller.get(f"{path}/devices")).body}) == 2
    assert (await caller.request("POST", f"{path}/control", json={"attrs": {"switch": True}})).code == (400, 9015)


async def test_a_group_is_made_for_a_product_or_for_any(timed: Simulation, session: aiohttp.ClientSession) -> None:
    server = timed.gizwits_open
    caller = await logged_in(session, server)
    pump = next(device for device in server.devices.values() if device.product.name == "变频水泵")
    made = await caller.request("POST", "/app/group", json={"group_name": "泵", "product_key": pump.product.key})
    path = f"/app/group/{made.body['id']}/devices"
    others = next(iter(server.devices))
    answer = await caller.request("POST", f"{path}?show_detail=1", json={"dids": [pump.did, others]})
    assert (answer.body["success"], answer.body["failed"]) == ([pump.did], [others])
    assert answer.body["detail"][0]["error_code"] == 9002
    wrong = await caller.request("POST", "/app/group", json={"group_name": "泵", "product_key": []})
    assert wrong.code == (400, 9015)


async def test_enterprise_groups_have_members_and_a_search_goes_down_the_tree(
    timed: Simulation, session: aiohttp.ClientSession
) -> None:
    server = timed.gizwits_enterprise
    for product in server.products.values():
        caller = await authorized(session, server, product)
        assert (await caller.get("/device_groups")).body == {product.root_gid: {product.child_gid: ""}}
        members = [(await caller.get(f"/device_groups/{gid}")).body["macs"] for gid in product.groups]
        assert all(members)
        for gid, macs in ((product.root_gid, [*members[0], *members[1]]), (product.child_gid, members[1])):
            found = (await caller.get("/devices/search", gid=gid, limit=100, show_disabled=1)).body["objects"]
            assert {row["mac"] for row in found} == set(macs)
