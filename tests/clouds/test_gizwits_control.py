"""Tests commands of both Gizwits clouds beyond single values: checks, raw frames and groups."""

import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.errors import (
    CloudError,
    DeviceOffline,
    Forbidden,
    NotSupported,
    RateLimited,
    Reason,
    Rejected,
    UnexpectedAnswer,
)
from custom_components.datapoint_cloud.clouds.gizwits.enterprise.api import GizwitsEnterpriseCloud, Product
from custom_components.datapoint_cloud.clouds.gizwits.framing import payload_of
from custom_components.datapoint_cloud.clouds.gizwits.open.api import GizwitsOpenCloud
from custom_components.datapoint_cloud.clouds.gizwits.open.login import PasswordLogin
from custom_components.datapoint_cloud.clouds.model import Device
from custom_components.datapoint_cloud.clouds.turns import Turns
from simulator.gizwits import GizwitsEnterpriseServer, GizwitsOpenServer
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.products import AIR_CONDITIONER
from simulator.server import Fault
from simulator.simulation import Simulation

from .transports import quick

_CONTROL = "POST /v1/products/{product_key}/devices/{did}/control"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


@pytest.fixture
def household(simulation: Simulation) -> GizwitsOpenServer:
    return simulation.gizwits_open


@pytest.fixture
def enterprise(simulation: Simulation) -> GizwitsEnterpriseServer:
    return simulation.gizwits_enterprise


@pytest.fixture
def open_cloud(session: aiohttp.ClientSession, household: GizwitsOpenServer) -> GizwitsOpenCloud:
    login = PasswordLogin(username=household.username, password=household.password)
    return GizwitsOpenCloud(
        quick(session), api_url=household.url, app_id=household.app_id, login=login, client_store=ClientStore()
    )


@pytest.fixture
def enterprise_cloud(session: aiohttp.ClientSession, enterprise: GizwitsEnterpriseServer) -> GizwitsEnterpriseCloud:
    products = [Product(product_key=key, product_secret=it.product_secret) for key, it in enterprise.products.items()]
    return GizwitsEnterpriseCloud(
        quick(session),
        api_url=enterprise.url,
        enterprise_id=enterprise.enterprise_id,
        enterprise_secret=enterprise.enterprise_secret,
        products=products,
        client_store=ClientStore(),
    )


def _listed(device: GizwitsDevice) -> Device:
    return Device(id=device.did, name=device.alias, schema_id=device.product.key)


def _switch_of(device: GizwitsDevice) -> str:
    attributes = device.product.attributes
    return next(it.name for it in attributes if it.data_type == "bool" and it.type == "status_writable")


def _air_conditioner(household: GizwitsOpenServer) -> GizwitsDevice:
    return next(device for device in household.devices.values() if device.product is AIR_CONDITIONER)


@pytest.mark.parametrize("body", ["<html><body>Please log in to the network</body></html>", "OK"])
async def test_a_web_page_does_not_accept_a_command(
    open_cloud: GizwitsOpenCloud,
    household: GizwitsOpenServer,
    enterprise_cloud: GizwitsEnterpriseCloud,
    enterprise: GizwitsEnterpriseServer,
    body: str,
) -> None:
    in_fleet = next(device for it in enterprise.products.values() for device in it.devices.values())
    clouds = ((open_cloud, household, _air_conditioner(household)), (enterprise_cloud, enterprise, in_fleet))
    for cloud, server, device in clouds:
        server.faults = [Fault(matches=lambda request: "/control" in request.path, body=body, content_type="text/html")]
        with pytest.raises(UnexpectedAnswer):
            await cloud.write_raw(_listed(device), b"\x01")


# Frames


@pytest.mark.parametrize(
    ("frame", "payload"),
    [
        ("0102ff", "0102ff"),
        ("", ""),
        ("00000003 05 00 0090 0102", "0102"),
        ("00000003 03 00 0090", ""),
        # A length over 127 takes two bytes, the lower seven bits first.
        ("00000003 8301 00 0090" + "ab" * 128, "ab" * 128),
        # Data that only resemble a frame are sent unchanged.
        ("00000003 06 00 0090 0102", "00000003 06 00 0090 0102"),
        ("00000003 05 00 0091 0102", "00000003 05 00 0091 0102"),
        ("00000003 ffffffff ff", "00000003 ffffffff ff"),
        ("00000003", "00000003"),
    ],
)
def test_only_the_payload_of_a_complete_frame_is_kept(frame: str, payload: str) -> None:
    assert payload_of(bytes.fromhex(frame)) == bytes.fromhex(payload)


@pytest.mark.parametrize("sent", ["05ff", "00000003 05 00 0090 05ff"], ids=["payload", "frame"])
async def test_a_payload_is_sent_as_a_list_of_bytes_without_the_frame(
    open_cloud: GizwitsOpenCloud,
    household: GizwitsOpenServer,
    enterprise_cloud: GizwitsEnterpriseCloud,
    enterprise: GizwitsEnterpriseServer,
    sent: str,
) -> None:
    at_home = _air_conditioner(household)
    in_fleet = next(
        device
        for product in enterprise.products.values()
        for device in product.devices.values()
        if device.is_online and device.uid and not device.is_disabled
    )
    await open_cloud.write_raw(_listed(at_home), bytes.fromhex(sent))
    await enterprise_cloud.write_raw(_listed(in_fleet), bytes.fromhex(sent))
    assert at_home.received == [{"raw": [5, 255]}]
    assert in_fleet.received == [{"raw": [5, 255]}]


async def test_raw_data_are_refused_like_values(open_cloud: GizwitsOpenCloud, household: GizwitsOpenServer) -> None:
    device = _air_conditioner(household)
    device.is_online = False
    with pytest.raises(DeviceOffline):
        await open_cloud.write_raw(_listed(device), b"\x01")


# Checks


async def test_a_check_returns_values_as_the_device_reports_them(
    open_cloud: GizwitsOpenCloud, household: GizwitsOpenServer
) -> None:
    device = _listed(_air_conditioner(household))
    assert await open_cloud.check(device, {"switch": 1, "set_temp": "21", "mode": 0}) == {
        "switch": True,
        "set_temp": 21,
        "mode": next(attribute for attribute in AIR_CONDITIONER.attributes if attribute.name == "mode").labels[0],
    }
    assert household.requests["POST /app/control/{did}"] == 0


@pytest.mark.parametrize(
    ("key", "value"), [("switch", "maybe"), ("set_temp", 99), ("mode", "no mode"), ("room_temp", 20), ("nothing", 1)]
)
async def test_a_check_rejects_values_that_the_device_never_accepts(
    open_cloud: GizwitsOpenCloud, household: GizwitsOpenServer, key: str, value: str | int
) -> None:
    with pytest.raises(Rejected) as refused:
        await open_cloud.check(_listed(_air_conditioner(household)), {key: value})
    assert (refused.value.reason, refused.value.subject) == (Reason.SCHEMA_MISMATCH, key)


# Groups of the Open API


def _heaters(household: GizwitsOpenServer) -> list[GizwitsDevice]:
    group = household.groups.by_id[household.heater_group_id]
    return [household.devices[did] for did in group.dids]


async def test_a_group_of_one_product_is_controlled_with_one_command(
    open_cloud: GizwitsOpenCloud, household: GizwitsOpenServer
) -> None:
    heaters = _heaters(household)
    for heater in heaters:
        heater.is_online = True
    key = _switch_of(heaters[0])
    results = (await open_cloud.write_group(household.heater_group_id, {key: True})).errors
    assert results == {heater.did: None for heater in heaters}
    assert [heater.attrs[key] for heater in heaters] == [True, True]
    assert household.requests["POST /app/group/{id}/control"] == 1


async def test_a_group_command_returns_the_error_of_each_member(
    open_cloud: GizwitsOpenCloud, household: GizwitsOpenServer
) -> None:
    first, second = _heaters(household)
    first.is_online, second.is_online = True, False
    key = _switch_of(first)
    results = (await open_cloud.write_group(household.heater_group_id, {key: True})).errors
    assert results[first.did] is None
    assert isinstance(results[second.did], CloudError)


async def test_an_impossible_group_command_is_rejected_before_it_is_sent(
    open_cloud: GizwitsOpenCloud, household: GizwitsOpenServer
) -> None:
    with pytest.raises(NotSupported):
        await open_cloud.write_group(household.mixed_group_id, {"switch": True})
    with pytest.raises(Rejected) as unknown:
        await open_cloud.write_group("no such group", {"switch": True})
    assert (unknown.value.reason, unknown.value.subject) == (Reason.NOT_FOUND, "no such group")
    with pytest.raises(Rejected) as wrong:
        await open_cloud.write_group(household.heater_group_id, {"no such datapoint": True})
    assert (wrong.value.reason, wrong.value.subject) == (Reason.SCHEMA_MISMATCH, "no such datapoint")
    assert household.requests["POST /app/group/{id}/control"] == 0


async def test_an_answer_without_a_list_of_results_is_unexpected(
    open_cloud: GizwitsOpenCloud, household: GizwitsOpenServer
) -> None:
    household.faults = [Fault(matches=lambda request: request.path.endswith("/control"), body="{}")]
    key = _switch_of(_heaters(household)[0])
    with pytest.raises(UnexpectedAnswer):
        await open_cloud.write_group(household.heater_group_id, {key: True})


# Groups of the Enterprise API


async def test_each_member_of_an_enterprise_group_gets_the_command(
    enterprise_cloud: GizwitsEnterpriseCloud, enterprise: GizwitsEnterpriseServer
) -> None:
    product = list(enterprise.products.values())[-1]
    key = _switch_of(next(iter(product.devices.values())))
    results = (await enterprise_cloud.write_group(product.child_gid, {key: True})).errors
    assert results
    for did, error in results.items():
        device = product.devices[did]
        assert (error is None) == (device.received == [{"attrs": {key: True}}])
        if not device.is_online:
            assert isinstance(error, DeviceOffline)


@pytest.mark.parametrize(("code", "status"), [(5012, 400), (5404, 403)])
async def test_a_group_command_stops_after_the_first_refusal_that_concerns_all(
    enterprise_cloud: GizwitsEnterpriseCloud, enterprise: GizwitsEnterpriseServer, code: int, status: int
) -> None:
    product = next(iter(enterprise.products.values()))
    key = _switch_of(next(iter(product.devices.values())))
    group = product.root_gid
    members = set((await enterprise_cloud.write_group(group, {key: True})).errors)
    enterprise.reset_counts()
    accepted = 0

    def refuses(request: web.Request) -> bool:
        nonlocal accepted
        accepted += request.path.endswith("/control")
        return request.path.endswith("/control") and accepted > 5

    body = json.dumps({"error_code": str(code), "error_message": "no", "detail": ""})
    enterprise.faults.append(Fault(matches=refuses, status=status, body=body))
    results = (await enterprise_cloud.write_group(group, {key: True})).errors
    assert set(results) == members
    refused = [error for error in results.values() if isinstance(error, Forbidden)]
    assert len(refused) == len(members) - 5
    assert {error.code for error in refused} == {code}
    # Some commands are sent in parallel.
    assert enterprise.requests[_CONTROL] <= 9


async def test_a_group_command_waits_for_the_quota_once_it_is_under_way(
    enterprise_cloud: GizwitsEnterpriseCloud, enterprise: GizwitsEnterpriseServer
) -> None:
    product = next(iter(enterprise.products.values()))
    for device in product.devices.values():
        device.is_online, device.uid = True, "bound"
    key, sent = _switch_of(next(iter(product.devices.values()))), 0

    def refuses(request: web.Request) -> bool:
        nonlocal sent
        sent += request.path.endswith("/control")
        return request.path.endswith("/control") and sent > 3

    pauses: list[float] = []

    class _Turns(Turns):
        async def pause(self, seconds: float) -> None:
            pauses.append(seconds)
            enterprise.faults.clear()

    body = json.dumps({"error_code": "5013", "error_message": "no", "detail": ""})
    limit = Fault(matches=refuses, status=403, body=body)
    enterprise.faults.append(limit)
    results = (await enterprise_cloud.write_group(product.root_gid, {key: True}, _Turns())).errors
    assert len(results) > 4
    assert 1 <= len(pauses) <= 4  # some commands are sent in parallel
    assert min(pauses) >= 1
    assert set(results.values()) == {None}
    assert all(product.devices[did].received == [{"attrs": {key: True}}] for did in results)

    # A command that has reached nobody yet is refused at once, and one that is stopped names those without a turn.
    enterprise.faults.append(limit)
    results = (await enterprise_cloud.write_group(product.root_gid, {key: True})).errors
    assert {type(error) for error in results.values()} == {RateLimited}
    enterprise.faults.clear()
    turns = Turns()
    turns.stop()
    results = (await enterprise_cloud.write_group(product.root_gid, {key: True}, turns)).errors
    assert {error.reason for error in results.values() if error is not None} == {Reason.STOPPED}
    assert None not in results.values()


async def test_a_command_to_an_empty_enterprise_group_succeeds(
    enterprise_cloud: GizwitsEnterpriseCloud, enterprise: GizwitsEnterpriseServer
) -> None:
    product = list(enterprise.products.values())[-1]
    product.groups[product.child_gid].macs.clear()
    key = _switch_of(next(iter(product.devices.values())))
    assert (await enterprise_cloud.write_group(product.child_gid, {key: True})).errors == {}


async def test_a_group_of_groups_has_their_devices(
    enterprise_cloud: GizwitsEnterpriseCloud, enterprise: GizwitsEnterpriseServer
) -> None:
    product = list(enterprise.products.values())[-1]
    key = _switch_of(next(iter(product.devices.values())))
    of_child = set((await enterprise_cloud.write_group(product.child_gid, {key: True})).errors)
    empty = json.dumps({"meta": {"total": 0}, "objects": []})
    enterprise.faults.append(Fault(matches=lambda request: request.query.get("gid") == product.root_gid, body=empty))
    assert of_child
    assert set((await enterprise_cloud.write_group(product.root_gid, {key: True})).errors) == of_child


async def test_a_command_to_an_empty_group_of_the_open_api_succeeds(
    open_cloud: GizwitsOpenCloud, household: GizwitsOpenServer
) -> None:
    key = _switch_of(_heaters(household)[0])
    household.groups.by_id[household.heater_group_id].dids.clear()
    assert (await open_cloud.write_group(household.heater_group_id, {key: True})).errors == {}


async def test_an_unknown_enterprise_group_is_rejected(enterprise_cloud: GizwitsEnterpriseCloud) -> None:
    with pytest.raises(Rejected) as unknown:
        await enterprise_cloud.write_group("f" * 32, {"switch": True})
    assert unknown.value.reason is Reason.NOT_FOUND


async def test_groups_are_found_although_another_product_cannot_be_searched(
    enterprise_cloud: GizwitsEnterpriseCloud, enterprise: GizwitsEnterpriseServer
) -> None:
    first, second = enterprise.products.values()
    first.is_associated = False
    key = _switch_of(next(iter(second.devices.values())))
    assert (await enterprise_cloud.write_group(second.child_gid, {key: True})).errors
    with pytest.raises(Forbidden):
        await enterprise_cloud.write_group(first.child_gid, {key: True})
