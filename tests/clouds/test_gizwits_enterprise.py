"""Tests the client of the Enterprise API against the simulated cloud."""

import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.cloud import Cloud
from custom_components.datapoint_cloud.clouds.errors import (
    AuthFailed,
    CloudError,
    DeviceGone,
    DeviceOffline,
    Forbidden,
    RateLimited,
    Reason,
    Rejected,
    UnexpectedAnswer,
    Unreachable,
)
from custom_components.datapoint_cloud.clouds.gizwits.enterprise.api import GizwitsEnterpriseCloud, Product
from custom_components.datapoint_cloud.clouds.model import Device
from simulator.gizwits import GizwitsEnterpriseServer
from simulator.gizwits.devices import GizwitsDevice
from simulator.server import Fault
from simulator.simulation import Simulation

from .transports import quick

PRODUCT = "/v1/products/{product_key}"
TOKEN, SEARCH = f"POST {PRODUCT}/access_token", f"GET {PRODUCT}/devices/search"
DATA, DATAPOINT = f"GET {PRODUCT}/devices/{{did}}/data", f"GET {PRODUCT}/datapoint"
CONTROL = f"POST {PRODUCT}/devices/{{did}}/control"
DAY = 86_400

type MakeCloud = Callable[..., GizwitsEnterpriseCloud]


@pytest.fixture
def server(simulation: Simulation) -> GizwitsEnterpriseServer:
    return simulation.gizwits_enterprise


def products_of(server: GizwitsEnterpriseServer) -> list[Product]:
    return [
        Product(product_key=product.product_key, product_secret=product.product_secret)
        for product in server.products.values()
    ]


@pytest.fixture
async def make_cloud(server: GizwitsEnterpriseServer) -> AsyncIterator[MakeCloud]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        def make(
            products: Sequence[Product] | None = None,
            *,
            client_store: ClientStore | None = None,
            api_url: str = server.url,
            enterprise_id: str = server.enterprise_id,
            enterprise_secret: str = server.enterprise_secret,
        ) -> GizwitsEnterpriseCloud:
            return GizwitsEnterpriseCloud(
                quick(session),
                api_url=api_url,
                enterprise_id=enterprise_id,
                enterprise_secret=enterprise_secret,
                products=products_of(server) if products is None else products,
                client_store=ClientStore() if client_store is None else client_store,
            )

        yield make


@pytest.fixture
def cloud(make_cloud: MakeCloud) -> GizwitsEnterpriseCloud:
    return make_cloud()


@pytest.fixture
def chiller(server: GizwitsEnterpriseServer) -> Device:
    """Return a device of the first product as the cloud lists it."""
    product = next(iter(server.products.values()))
    did = next(did for did, device in product.devices.items() if device.is_online and device.mac != "virtual:site")
    return Device(id=did, name="x", schema_id=product.product_key, scope=product.product_key)


def simulated(server: GizwitsEnterpriseServer, device: Device) -> GizwitsDevice:
    return server.products[device.schema_id].devices[device.id]


def containing(part: str) -> Callable[[web.Request], bool]:
    return lambda request: part in request.path


def answering(part: str, body: Any, status: int = 200, times: int | None = None) -> Fault:
    return Fault(matches=containing(part), status=status, body=json.dumps(body), times=times)


def failing(part: str, code: int, status: int = 400, times: int | None = None) -> Fault:
    return answering(part, {"error_code": str(code), "error_message": "no", "detail": ""}, status, times)


def is_a_cloud(cloud: Cloud) -> Cloud:
    return cloud


class Later:
    """Replaces the time module; its clocks are some days ahead."""

    def __init__(self, days: float) -> None:
        self._seconds = days * DAY

    def time(self) -> float:
        return time.time() + self._seconds

    def monotonic(self) -> float:
        return time.monotonic() + self._seconds


# Account and tokens


async def test_the_account_id_is_the_enterprise_id(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    assert (await is_a_cloud(cloud).account()).id == server.enterprise_id
    assert server.requests == {TOKEN: 1}


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
async def test_the_address_can_include_the_version(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer, end: str
) -> None:
    assert (await make_cloud(api_url=server.url + end).devices()).devices


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"enterprise_id": "x"}, Reason.UNKNOWN_ENTERPRISE),
        ({"enterprise_secret": "x"}, Reason.WRONG_ENTERPRISE_SECRET),
    ],
)
async def test_the_client_does_not_log_in_again_after_the_enterprise_is_refused(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer, wrong: dict[str, str], reason: Reason
) -> None:
    cloud = make_cloud(**wrong)
    for call in (cloud.account, cloud.devices, cloud.account):
        with pytest.raises(AuthFailed) as refusal:
            await call()
        assert refusal.value.reason is reason
    assert server.requests[TOKEN] == 1


async def test_one_working_product_is_enough_for_the_account(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer
) -> None:
    good = products_of(server)[1]
    wrong = Product(product_key=products_of(server)[0].product_key, product_secret="x")
    assert (await make_cloud([wrong, good]).account()).id == server.enterprise_id
    with pytest.raises(Forbidden) as refusal:
        await make_cloud([wrong]).account()
    assert (refusal.value.reason, refusal.value.subject) == (Reason.WRONG_PRODUCT_SECRET, wrong.product_key)


async def test_an_account_without_products_has_no_devices(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer
) -> None:
    cloud = make_cloud([])
    assert (await cloud.account()).id == server.enterprise_id
    assert (await cloud.devices()).devices == ()
    assert not server.requests


async def test_each_product_has_one_token_even_after_a_restart(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer
) -> None:
    client_store = ClientStore()
    listing = await make_cloud(client_store=client_store).devices()
    again = make_cloud(client_store=ClientStore(json.loads(json.dumps(client_store.content))))
    await again.devices()
    await again.readings(listing.devices[:5])
    assert server.requests[TOKEN] == 2


async def test_a_stored_token_is_not_used_for_another_enterprise(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer
) -> None:
    client_store = ClientStore()
    await make_cloud(client_store=client_store).account()
    with pytest.raises(AuthFailed):
        await make_cloud(client_store=client_store, enterprise_id="another").account()


async def test_a_refused_token_is_renewed_once_and_the_call_is_repeated(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    listing = await cloud.devices()
    for lose in (server.revoke_tokens, server.expire_tokens):
        lose()
        server.reset_counts()
        assert not (await cloud.readings(listing.devices)).failures
        assert server.requests[TOKEN] == 2


def not_at_a_login(request: web.Request) -> bool:
    return not request.path.endswith("/access_token")


@pytest.mark.parametrize(
    "refusal", [failing("", 5009), failing("", 5011), failing("", 5004), Fault(status=401, body="")]
)
async def test_authentication_fails_after_one_renewal_if_every_endpoint_refuses_the_token(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer, refusal: Fault
) -> None:
    cloud = make_cloud(products_of(server)[:1])
    server.faults.append(replace(refusal, matches=not_at_a_login))
    for _ in range(2):
        with pytest.raises(AuthFailed):
            await cloud.devices()
    assert server.requests[TOKEN] == 2


@pytest.mark.parametrize(
    ("refusal", "tokens"),
    [
        (failing("", 5009), 2),
        (failing("", 5003), 2),
        (Fault(status=401, body="<html>"), 1),
        (Fault(status=403, body=""), 1),
    ],
)
@pytest.mark.parametrize("path", ["/devices/search", "/data", "/control"])
async def test_authentication_does_not_fail_if_only_one_endpoint_refuses_the_token(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer, chiller: Device, refusal: Fault, tokens: int, path: str
) -> None:
    cloud = make_cloud(products_of(server)[:1])
    await cloud.devices()
    server.faults.append(replace(refusal, matches=lambda request: request.path.endswith(path)))
    for _ in range(3):
        match path:
            case "/devices/search":
                with pytest.raises(Unreachable):
                    await cloud.devices()
            case "/control":
                with pytest.raises(Unreachable):
                    await cloud.write(chiller, {"switch": True})
            case _:
                assert isinstance((await cloud.readings([chiller])).failures[chiller.id], Unreachable)
    assert server.requests[TOKEN] == tokens
    server.faults.clear()
    assert (await cloud.devices()).devices
    await cloud.write(chiller, {"switch": True})
    assert server.requests[TOKEN] == tokens


async def test_a_token_refused_by_all_endpoints_of_one_product_fails_only_that_product(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    first, second = server.products
    await cloud.devices()
    server.faults.append(
        replace(failing("", 5009), matches=lambda request: first in request.path and not_at_a_login(request))
    )
    listing = await cloud.devices()
    assert isinstance(listing.failed[first], Forbidden)
    assert listing.failed[first].subject == first
    assert {device.scope for device in listing.devices} == {second}


async def test_a_token_of_another_product_fails_only_that_product(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    first, second = server.products
    server.faults.append(failing(f"{first}/devices/search", 5010))
    listing = await cloud.devices()
    assert isinstance(listing.failed[first], Forbidden)
    assert listing.failed[first].subject == first
    assert {device.scope for device in listing.devices} == {second}


@pytest.mark.parametrize(
    ("answer", "days"),
    [
        ({"expired_at": 7}, 6),
        ({"expire_at": 7}, 6),
        ({"expired_at": 1.5}, 0.75),
        ({}, 5),
        ({"expired_at": None}, 5),
        ({"expired_at": -1}, 5),
    ],
)
async def test_a_token_is_renewed_a_day_before_it_expires(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer, answer: dict[str, Any], days: float
) -> None:
    now = time.time()
    expiry = {name: end and int(now + end * DAY) for name, end in answer.items()}
    server.faults.append(answering("/access_token", {"token": "t"} | expiry, 201))
    client_store = ClientStore()
    await make_cloud(client_store=client_store).account()
    (record,) = (record for key, record in client_store.content.items() if key.startswith("token"))
    assert record["renew_at"] == pytest.approx(now + days * DAY, abs=60)


@pytest.mark.parametrize("answer", [{}, [], None, {"token": None}, {"token": ""}])
async def test_a_login_answer_without_a_token_is_unexpected(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, answer: Any
) -> None:
    server.faults.append(answering("/access_token", answer))
    with pytest.raises(UnexpectedAnswer):
        await cloud.account()


# Devices


async def test_all_devices_are_listed_with_their_flags(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    listing = await cloud.devices()
    assert not listing.failed
    fleet = {
        did: device
        for product in server.products.values()
        for did, device in product.devices.items()
        if not device.is_disabled
    }
    assert {device.id for device in listing.devices} == set(fleet)
    for device in listing.devices:
        real = fleet[device.id]
        assert device.scope == device.schema_id == real.product.key
        assert (device.is_online, device.has_alert, device.has_fault) == (
            real.is_online,
            real.has_active("alert"),
            real.has_active("fault"),
        )
        assert device.last_online is not None
        assert abs(device.last_online.timestamp() - real.online_latest) < 60
        assert device.name == f"{server.products[real.product.key].name} {real.mac[-4:]}"
        assert device.mac == (None if real.mac == "virtual:site" else real.mac)
        assert (device.site, device.time_zone) == (None, None)
    assert any(device.has_fault for device in listing.devices)
    assert any(device.mac is None for device in listing.devices)


async def test_scopes_are_products_with_their_names_once_the_definitions_are_read(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    assert [scope.name for scope in cloud.scopes] == list(server.products)
    await cloud.devices()
    assert [scope.id for scope in cloud.scopes] == list(server.products)
    assert [scope.name for scope in cloud.scopes] == [product.name for product in server.products.values()]


async def test_a_device_without_a_definition_is_named_after_its_mac(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    for product in server.products.values():
        product.has_definition = False
    assert {device.name for device in (await cloud.devices()).devices} == {
        device.mac
        for product in server.products.values()
        for device in product.devices.values()
        if not device.is_disabled
    }


async def test_a_group_limits_the_list_and_a_device_in_both_lists_appears_once(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer
) -> None:
    product = next(iter(server.products.values()))
    gid = next(iter(product.groups))
    group = Product(product_key=product.product_key, product_secret=product.product_secret, group_id=gid)
    whole = Product(product_key=product.product_key, product_secret=product.product_secret)
    in_group = (await make_cloud([group]).devices()).devices
    assert 0 < len(in_group) < len(product.devices) - 1
    both = make_cloud([group, whole])
    listing = await both.devices()
    assert len(listing.devices) == len({device.id for device in listing.devices}) == len(product.devices) - 1
    assert [scope.id for scope in both.scopes] == [product.product_key]


async def test_a_device_listed_by_two_products_belongs_to_the_first(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    first, _ = server.products
    row = {"did": "shared", "mac": "0123456789ab"}
    server.faults.append(answering("/devices/search", {"meta": {"total": 1}, "objects": [row]}))
    (device,) = (await cloud.devices()).devices
    assert device.scope == first


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        (5005, 400, Reason.WRONG_PRODUCT_SECRET),
        (5007, 404, Reason.PRODUCT_NOT_ASSOCIATED),
        (5008, 400, Reason.PRODUCT_NOT_ASSOCIATED),
        (5015, 404, Reason.UNKNOWN_PRODUCT),
        (5801, 400, Reason.PRODUCT_NOT_ASSOCIATED),
        (5012, 400, Reason.IP_NOT_ALLOWED),
    ],
)
async def test_a_product_that_refuses_its_token_does_not_affect_the_others(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, code: int, status: int, reason: Reason
) -> None:
    first, second = server.products
    server.faults.append(failing(f"{first}/access_token", code, status))
    listing = await cloud.devices()
    assert set(listing.failed) == {first}
    assert (listing.failed[first].reason, listing.failed[first].subject) == (reason, first)
    assert {device.scope for device in listing.devices} == {second}


@pytest.mark.parametrize(
    "fault", [Fault(status=502, body=""), Fault(drops=True), Fault(body="<html>"), Fault(body="{}"), Fault(cuts_at=30)]
)
async def test_a_product_with_a_broken_list_has_failed_and_is_not_empty(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, fault: Fault
) -> None:
    first, _ = server.products
    fault.matches = containing(f"{first}/devices/search")
    server.faults.append(fault)
    listing = await cloud.devices()
    assert set(listing.failed) == {first}
    assert isinstance(listing.failed[first], Unreachable | UnexpectedAnswer)
    assert listing.devices


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        (5002, 400, Reason.PRODUCT_REFUSED),
        (5018, 403, Reason.DEVICES_NOT_GRANTED),
        (5019, 404, Reason.UNKNOWN_ORGANIZATION),
        (5024, 403, Reason.DEVICES_NOT_GRANTED),
        (5201, 403, Reason.UNKNOWN_GROUP),
        (5206, 404, Reason.UNKNOWN_GROUP),
    ],
)
async def test_a_product_with_a_refused_list_has_failed_with_the_reason(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, code: int, status: int, reason: Reason
) -> None:
    first, second = server.products
    server.faults.append(failing(f"{first}/devices/search", code, status))
    listing = await cloud.devices()
    (error,) = listing.failed.values()
    assert (type(error), error.reason, error.code, error.subject) == (Forbidden, reason, code, first)
    assert {device.scope for device in listing.devices} == {second}


async def test_devices_of_a_product_without_datapoints_fail_and_are_not_read(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, chiller: Device
) -> None:
    server.products[chiller.schema_id].has_definition = False
    error = (await cloud.readings([chiller])).failures[chiller.id]
    assert (type(error), error.reason, error.subject) == (Forbidden, Reason.NO_DATAPOINTS, chiller.schema_id)
    assert server.requests[DATA] == 0


async def test_listing_raises_unreachable_when_no_product_can_be_reached(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    await server.stop()
    with pytest.raises(Unreachable):
        await cloud.devices()


async def test_listing_succeeds_if_one_product_is_empty_and_another_fails(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    first, second = server.products
    server.products[first].devices.clear()
    server.faults.append(Fault(matches=containing(f"{second}/devices/search"), status=502, body=""))
    listing = await cloud.devices()
    assert (listing.devices, set(listing.failed)) == ((), {second})


async def test_listing_gives_the_reason_for_each_product_when_all_are_forbidden(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    server.is_ip_allowed = False
    listing = await cloud.devices()
    assert {error.reason for error in listing.failed.values()} == {Reason.IP_NOT_ALLOWED}
    assert set(listing.failed) == set(server.products)


@pytest.mark.parametrize("code", [5003, 5004, 5022])
async def test_listing_fails_authentication_when_the_enterprise_is_refused(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, code: int
) -> None:
    _, second = server.products
    server.faults.append(failing(f"{second}/access_token", code))
    with pytest.raises(AuthFailed):
        await cloud.devices()


class PagedDevices:
    """Answers searches with pages of many devices, cut at `cut_at`."""

    def __init__(self, total: int, *, has_total: bool = True, ignores_skip: bool = False, cut_at: int = 10**6) -> None:
        self.rows = [{"did": f"d{index}", "mac": f"{index:012d}"} for index in range(total)]
        self.has_total = has_total
        self.ignores_skip = ignores_skip
        self.cut_at = cut_at
        self.answer = Fault(matches=self._serve_page)

    def _serve_page(self, request: web.Request) -> bool:
        if not request.path.endswith("/devices/search"):
            return False
        skip = 0 if self.ignores_skip else int(request.query["skip"])
        limit = min(int(request.query["limit"]), self.cut_at)
        meta = {"total": len(self.rows), "limit": limit} if self.has_total else None
        self.answer.body = json.dumps({"meta": meta, "objects": self.rows[skip : skip + limit]})
        return True


@pytest.mark.parametrize(
    ("pages", "requests"),
    [
        (PagedDevices(0), 1),
        (PagedDevices(7), 1),
        (PagedDevices(100), 1),
        (PagedDevices(101), 2),
        (PagedDevices(250), 3),
        (PagedDevices(250, cut_at=40), 7),
        (PagedDevices(250, has_total=False), 4),
        (PagedDevices(250, has_total=False, ignores_skip=True), 2),
    ],
)
async def test_the_client_reads_all_pages_without_needless_requests(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer, pages: PagedDevices, requests: int
) -> None:
    server.faults.append(pages.answer)
    cloud = make_cloud(products_of(server)[:1])
    found = {device.id for device in (await cloud.devices()).devices}
    assert found == {row["did"] for row in pages.rows[: 100 if pages.ignores_skip else None]}
    assert server.requests[SEARCH] == requests


async def test_the_client_keeps_using_shorter_pages_after_a_refusal(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer
) -> None:
    server.maximum_limit = 20
    client_store = ClientStore()
    cloud = make_cloud(products_of(server)[:1], client_store=client_store)
    assert len((await cloud.devices()).devices) == 35
    assert server.requests[SEARCH] == 3
    server.reset_counts()
    await make_cloud(products_of(server)[:1], client_store=client_store).devices()
    assert server.requests[SEARCH] == 2


@pytest.mark.parametrize("row", [None, 5, [], {}, {"did": [1]}, {"did": " "}, {"mac": "x"}])
async def test_a_list_with_an_unreadable_row_fails_its_product(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, row: Any
) -> None:
    first, second = server.products
    rows = [{"did": "d1", "mac": "x"}, row]
    server.faults.append(answering(f"{first}/devices/search", {"meta": {"total": 2}, "objects": rows}))
    listing = await cloud.devices()
    assert isinstance(listing.failed[first], UnexpectedAnswer)
    assert {device.scope for device in listing.devices} == {second}


async def test_flags_of_a_device_can_be_missing(make_cloud: MakeCloud, server: GizwitsEnterpriseServer) -> None:
    rows = [{"did": "off", "is_disabled": 1}, {"did": "d1", "mac": None, "is_online": "1"}]
    server.faults.append(answering("/devices/search", {"meta": {"total": 2}, "objects": rows}))
    (device,) = (await make_cloud(products_of(server)[:1]).devices()).devices
    assert (device.id, device.is_online, device.mac) == ("d1", True, None)


@pytest.mark.parametrize(
    "body",
    [
        {"meta": {"total": 4}, "objects": []},
        {"meta": {"total": 4}, "objects": [{"did": "d1"}]},
        {"meta": {"total": 4}, "objects": [{"did": "d1"}] * 4},
        {"meta": {"total": "2"}, "objects": [{"did": "d1"}]},
        {"meta": {"total": 0}, "objects": [{"did": "d1"}]},
        {"meta": {"total": 1}, "objects": [{"did": "d1"}, {"did": "d2"}]},
        {"meta": {}, "objects": []},
        {"meta": None, "objects": []},
        {"meta": {"total": None}, "objects": []},
        {"objects": []},
    ],
)
async def test_a_list_that_contradicts_its_total_is_unexpected(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer, body: Any
) -> None:
    cloud = make_cloud(products_of(server)[:1])
    server.faults.append(answering("/devices/search", body))
    with pytest.raises(UnexpectedAnswer):
        await cloud.devices()
    assert server.requests[SEARCH] <= 3


@pytest.mark.parametrize("shows_by_default", [True, False])
async def test_disabled_devices_are_not_listed_whether_or_not_the_server_counts_them(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer, shows_by_default: bool
) -> None:
    rows = [{"did": f"d{index}", "mac": f"{index:012d}"} for index in range(120)]
    listing = Fault()

    def serve_page(request: web.Request) -> bool:
        if not request.path.endswith("/devices/search"):
            return False
        shows = request.query.get("show_disabled", str(int(shows_by_default))) == "1"
        shown = rows if shows else rows[:110]
        skip, limit = int(request.query["skip"]), int(request.query["limit"])
        total = len(shown if shows_by_default else rows)
        listing.body = json.dumps({"meta": {"total": total}, "objects": shown[skip : skip + limit]})
        return True

    listing.matches = serve_page
    server.faults.append(listing)
    cloud = make_cloud(products_of(server)[:1])
    assert len((await cloud.devices()).devices) == 110
    assert cloud.requests_a_listing == server.requests[SEARCH] <= 7


async def test_an_empty_list_with_a_total_of_zero_is_accepted(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer
) -> None:
    server.faults.append(answering("/devices/search", {"meta": {"total": 0}, "objects": []}))
    listing = await make_cloud(products_of(server)[:1]).devices()
    assert (listing.devices, dict(listing.failed)) == ((), {})


async def test_a_list_that_changes_between_two_pages_is_read_again(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer
) -> None:
    pages = PagedDevices(150)
    served: list[str] = []

    def remove_the_first_device(request: web.Request) -> bool:
        is_a_page = pages._serve_page(request)
        if is_a_page and len(served) == 0:
            del pages.rows[0]  # The others move up, one of them into the page that was already read.
        served.extend(["page"] * is_a_page)
        return is_a_page

    pages.answer.matches = remove_the_first_device
    server.faults.append(pages.answer)
    devices = (await make_cloud(products_of(server)[:1]).devices()).devices
    assert {device.id for device in devices} == {row["did"] for row in pages.rows}
    assert server.requests[SEARCH] == 4


async def test_a_list_that_changes_each_time_it_is_read_is_unexpected(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer
) -> None:
    pages = PagedDevices(150)

    def insert_a_device(request: web.Request) -> bool:
        is_a_page = pages._serve_page(request)
        if is_a_page:  # The others move down, one of them into the page that is read next.
            pages.rows.insert(0, {"did": f"new{len(pages.rows)}", "mac": f"{len(pages.rows):012d}"})
        return is_a_page

    pages.answer.matches = insert_a_device
    server.faults.append(pages.answer)
    with pytest.raises(UnexpectedAnswer):
        await make_cloud(products_of(server)[:1]).devices()
    assert server.requests[SEARCH] == 4


async def test_a_device_that_the_server_always_repeats_is_listed_once(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer
) -> None:
    pages = PagedDevices(150)
    pages.rows[100] = pages.rows[99]
    server.faults.append(pages.answer)
    cloud = make_cloud(products_of(server)[:1])
    for _ in range(2):
        assert len((await cloud.devices()).devices) == 149


@pytest.mark.parametrize(
    ("value", "read"), [(True, True), (0, False), ("1", True), ("false", False), (None, None), ([], None), (2, None)]
)
async def test_flags_can_be_booleans_numbers_or_text(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer, value: Any, read: bool | None
) -> None:
    row = {
        "did": "d1",
        "mac": "x",
        "is_online": value,
        "is_faulty": value,
        "is_alert": value,
        "latest_online": "1517296665",
    }
    server.faults.append(answering("/devices/search", {"meta": {"total": 1}, "objects": [row]}))
    (device,) = (await make_cloud(products_of(server)[:1]).devices()).devices
    assert (device.is_online, device.has_fault, device.has_alert) == (read, read, read)
    assert device.last_online == datetime.fromtimestamp(1517296665, UTC)


# Schema and readings


async def test_readings_have_the_values_of_the_device(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, chiller: Device
) -> None:
    real = simulated(server, chiller)
    real.set(switch=True, mode="制热", room_temp=-10, outlet_temp=6.5, over_pressure=True)
    snapshot = (await cloud.readings([chiller])).snapshots[chiller.id]
    assert {key: reading.value for key, reading in snapshot.readings.items()} == dict(real.attrs)
    assert snapshot.readings["over_pressure"].value is True
    assert snapshot.reported_at is not None
    assert abs(snapshot.reported_at.timestamp() - real.updated_at) < 2
    assert len((await cloud.schema(chiller)).datapoints) == len(real.product.attributes)


async def test_a_poll_sends_one_request_per_device(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    online = [device for device in (await cloud.devices()).devices if device.is_online]
    server.reset_counts()
    readings = await cloud.readings(online)
    assert set(readings.snapshots) == {device.id for device in online}
    assert server.requests == {DATA: len(online)}
    queries = [dict(request.query) for request in server.log]
    assert all(query == {"limit": "1", "sort": "desc"} for query in queries)


async def test_the_client_searches_older_reports_of_a_silent_device_once(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer, chiller: Device
) -> None:
    simulated(server, chiller).is_forgotten = True
    client_store = ClientStore()
    cloud = make_cloud(client_store=client_store)
    await cloud.schema(chiller)
    server.reset_counts()
    snapshot = (await cloud.readings([chiller])).snapshots[chiller.id]
    assert (dict(snapshot.readings), snapshot.reported_at) == ({}, None)
    queries = [request.query for request in server.log if "start_ts" in request.query]
    windows = {(int(query["start_ts"]), int(query["end_ts"])) for query in queries if int(query["end_ts"]) < 10**11}
    assert len(windows) == 3
    assert all(0 < end - start <= 2 * DAY for start, end in windows)
    assert min(windows)[0] == pytest.approx(time.time() - 7 * DAY, abs=120)
    assert max(windows)[1] == pytest.approx(time.time() - 2 * DAY, abs=120)
    server.reset_counts()
    await cloud.readings([chiller])
    await make_cloud(client_store=ClientStore(json.loads(json.dumps(client_store.content)))).readings([chiller])
    assert server.requests[DATA] == 2


@pytest.mark.parametrize("in_ms", [False, True])
@pytest.mark.parametrize("days_ago", [3, 5, 6.5])
async def test_an_older_report_is_found_with_windows_in_seconds_or_milliseconds(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, in_ms: bool, days_ago: float
) -> None:
    server.windows_are_in_ms = in_ms
    product = next(iter(server.products.values()))
    real = GizwitsDevice(
        product=product.product, did="silent", mac="0123456789ab", clock=time.time, offline_for=days_ago * DAY
    )
    product.devices[real.did] = real
    device = Device(id=real.did, name="x", schema_id=product.product_key)
    snapshot = (await cloud.readings([device])).snapshots[device.id]
    assert snapshot.reported_at is not None
    assert snapshot.reported_at.timestamp() == pytest.approx(time.time() - days_ago * DAY, abs=120)
    assert snapshot.readings


async def test_the_client_finds_out_the_unit_of_windows_once(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer
) -> None:
    client_store = ClientStore()
    starts: list[int] = []
    product = products_of(server)[0]

    def rows_in_ms_windows(request: web.Request) -> bool:
        if not request.path.endswith("/data"):
            return False
        start, end = int(request.query.get("start_ts", 0)), int(request.query.get("end_ts", 0))
        starts.append(start)
        ts = (start + end) / 2000 if start > 10**11 else time.time() - 10 * DAY
        answer.body = json.dumps({"meta": {}, "objects": [{"ts": ts, "attrs": {"switch": 1}}] if start else []})
        return True

    answer = Fault(matches=rows_in_ms_windows)
    cloud = make_cloud([product], client_store=client_store)
    devices = [Device(id=name, name=name, schema_id=product.product_key) for name in ("a", "b")]
    await cloud.schema(devices[0])
    server.faults.append(answer)
    for device, requests in zip(devices, (3, 2), strict=True):
        starts.clear()
        snapshot = (await cloud.readings([device])).snapshots[device.id]
        assert snapshot.reported_at is not None
        assert snapshot.reported_at.timestamp() == pytest.approx(time.time() - 3 * DAY, abs=120)
        assert len(starts) == requests


@pytest.mark.parametrize("denial", [5018, 5024])
async def test_the_client_retries_ungranted_data_hourly_and_after_a_restart(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer, monkeypatch: pytest.MonkeyPatch, denial: int
) -> None:
    server.is_data_granted = False
    server.data_denial = denial
    client_store = ClientStore()
    product = products_of(server)[0]
    cloud = make_cloud([product], client_store=client_store)
    devices = (await cloud.devices()).devices
    for _ in range(3):
        readings = await cloud.readings(devices)
        assert set(readings.failures) == {device.id for device in devices}
        assert {(type(error), error.reason, error.subject) for error in readings.failures.values()} == {
            (Forbidden, Reason.FEATURE_NOT_GRANTED, product.product_key)
        }
        assert readings.stopped_by is None
    assert server.requests[DATA] <= 4  # These requests were sent in parallel in the first poll.
    server.is_data_granted = True
    reloaded = make_cloud([product], client_store=ClientStore(json.loads(json.dumps(client_store.content))))
    assert (await reloaded.readings(devices[:1])).snapshots
    monkeypatch.setattr("custom_components.datapoint_cloud.clouds.gizwits.missing_grants.time", Later(1.1 / 24))
    assert (await cloud.readings(devices[:1])).snapshots


@pytest.mark.parametrize(
    "fault",
    [
        failing("", 5301, 404),
        failing("", 5601, 500),
        answering("", {}),
        answering("", {"objects": None}),
        answering("", {"objects": [None]}),
        answering("", {"objects": [{"ts": 1, "attrs": None}]}),
        Fault(body="<html>", status=502),
        Fault(drops=True),
        Fault(cuts_at=20),
    ],
)
async def test_a_failing_device_does_not_affect_the_others(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, fault: Fault
) -> None:
    online = [device for device in (await cloud.devices()).devices if device.is_online]
    fault.matches = containing(f"{online[2].id}/data")
    server.faults.append(fault)
    readings = await cloud.readings(online)
    assert set(readings.failures) == {online[2].id}
    assert len(readings.snapshots) == len(online) - 1
    assert readings.stopped_by is None


@pytest.mark.parametrize(
    "fault",
    [
        failing("", 5406, 500),
        failing("", 5409, 500),
        failing("", 5601, 500),
        failing("", 5403),
        Fault(status=502, body="<html>"),
        Fault(status=403, body="<html>"),
        Fault(status=500, body=""),
    ],
)
async def test_failing_data_of_one_product_do_not_affect_the_others(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, fault: Fault
) -> None:
    first, _ = server.products
    online = [device for device in (await cloud.devices()).devices if device.is_online]
    of_first = {device.id for device in online if device.scope == first}
    fault = replace(fault, matches=lambda request: first in request.path and request.path.endswith("/data"))
    server.faults.append(fault)
    readings = await cloud.readings(online)
    assert (set(readings.failures), readings.stopped_by) == (of_first, None)
    assert set(readings.snapshots) == {device.id for device in online} - of_first
    alone = await cloud.readings([device for device in online if device.scope == first])
    assert (set(alone.failures), alone.stopped_by) == (of_first, None)


async def test_the_client_stops_reading_a_forbidden_product_after_few_requests(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    online = [device for device in (await cloud.devices()).devices if device.is_online]
    server.is_ip_allowed = False
    server.reset_counts()
    readings = await cloud.readings(online)
    assert set(readings.failures) == {device.id for device in online}
    assert sum(server.requests.values()) < 10


async def test_a_product_missing_in_the_account_is_forbidden(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer, chiller: Device
) -> None:
    cloud = make_cloud(products_of(server)[1:])
    with pytest.raises(Forbidden) as refusal:
        await cloud.schema(chiller)
    assert (refusal.value.reason, refusal.value.subject) == (Reason.UNKNOWN_PRODUCT, chiller.schema_id)


async def test_a_product_without_datapoints_has_an_empty_schema(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, chiller: Device
) -> None:
    server.products[chiller.schema_id].has_definition = False
    for _ in range(3):
        assert (await cloud.schema(chiller)).datapoints == ()
    assert server.requests[DATAPOINT] == 1


async def test_a_failing_definition_is_requested_once_per_poll(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    product = products_of(server)[0]
    devices = [Device(id=f"d{number}", name="x", schema_id=product.product_key) for number in range(30)]
    server.faults.append(failing("/datapoint", 5407, 500))
    readings = await cloud.readings(devices)
    assert readings.failures
    assert not readings.snapshots
    assert server.requests[DATAPOINT] == 1


# The quota


async def test_the_budget_follows_the_quota_in_the_headers(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    assert (cloud.budget.limit, cloud.budget.remaining, cloud.budget.resets_at) == (3600, 3600, None)
    server.quota_remaining = 1234
    await cloud.account()
    assert (cloud.budget.limit, cloud.budget.remaining) == (3600, 1233)
    assert cloud.budget.resets_at == server.quota_reset


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-RateLimit-Limit": "600", "X-RateLimit-Remaining": "56"}, (600, 599, None)),
        ({"X-RateLimit-Limit": "x", "X-RateLimit-Remaining": "56"}, (3600, 3599, None)),
        ({"X-RateLimit-Limit": "0", "X-RateLimit-Remaining": "-3"}, (3600, 3599, None)),
        ({"X-RateLimit-Limit": "99999"}, (99999, 99998, None)),
        ({"X-RateLimit-Limit": "600", "X-RateLimit-Reset": "soon"}, (600, 599, None)),
        ({"X-RateLimit-Limit": "600", "X-RateLimit-Reset": "1517300000"}, (600, 599, None)),
    ],
)
async def test_missing_or_wrong_quota_headers_are_tolerated(
    cloud: GizwitsEnterpriseCloud,
    server: GizwitsEnterpriseServer,
    headers: dict[str, str],
    expected: tuple[int, int, None],
) -> None:
    answer = answering("/access_token", {"token": "t"})
    answer.headers = headers
    server.faults.append(answer)
    # The simulated cloud adds its own quota headers to all answers except those of faults.
    await cloud.account()
    assert (cloud.budget.limit, cloud.budget.remaining, cloud.budget.resets_at) == expected


async def test_an_exhausted_quota_pauses_requests_until_it_resets(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    online = [device for device in (await cloud.devices()).devices if device.is_online]
    server.quota_remaining = 3
    readings = await cloud.readings(online)
    assert isinstance(readings.stopped_by, RateLimited)
    assert len(readings.snapshots) == 3
    assert not readings.failures
    assert readings.stopped_by.retry_after == pytest.approx(server.quota_reset - time.time(), abs=60)
    with pytest.raises(RateLimited):
        await cloud.devices()


@pytest.mark.parametrize("reset", ["", "x", "0", "1517300000", "99999999999"])
async def test_an_exhausted_quota_without_a_valid_reset_pauses_requests_for_an_hour(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, reset: str
) -> None:
    fault = failing("/access_token", 5013, 403)
    fault.headers = {"X-RateLimit-Reset": reset} if reset else {}
    server.faults.append(fault)
    with pytest.raises(RateLimited) as limited:
        await cloud.account()
    assert limited.value.retry_after == 3600


async def test_an_exhausted_quota_that_resets_now_pauses_requests_for_a_second(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    fault = failing("/access_token", 5013, 403)
    fault.headers = {"X-RateLimit-Reset": str(int(time.time()))}
    server.faults.append(fault)
    with pytest.raises(RateLimited) as limited:
        await cloud.account()
    assert limited.value.retry_after == 1


async def test_the_pace_leaves_three_tenths_of_the_quota_unused(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer
) -> None:
    cloud = make_cloud()
    assert cloud.budget.pace == pytest.approx(0.7)
    await cloud.devices()
    assert cloud.requests_a_listing == 2
    server.maximum_limit = 20
    await cloud.devices()
    assert cloud.requests_a_listing == 4
    server.quota_limit = 720
    server.quota_reset = int(time.time()) + 1800
    await cloud.devices()
    assert cloud.budget.pace == pytest.approx(0.14, rel=0.02)
    assert cloud.default_interval.total_seconds() == 60
    assert cloud.listing_interval is None


async def test_a_quota_per_minute_does_not_change_the_hourly_limit(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer
) -> None:
    server.quota_limit = server.quota_remaining = 60
    server.quota_reset = int(time.time()) + 50
    cloud = make_cloud()
    await cloud.devices()
    assert cloud.budget.limit == 3600


async def test_active_devices_are_searched_by_timestamp(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    online = {device.id for device in (await cloud.devices()).devices if device.is_online}
    selector = cloud.device_selector
    assert selector is not None
    now = datetime.now(UTC)
    server.reset_counts()
    active = await selector.refresh(len(online), now)
    assert {device.id for device in active} == online
    starts = [request.query["liveness_start"] for request in server.log]
    assert starts == [str(int((now - timedelta(minutes=10)).timestamp()))] * 2
    assert cloud.requests_a_listing == 2
    server.faults.append(failing("/devices/search", 5002))
    assert await selector.refresh(len(online), now + timedelta(minutes=10)) == ()
    assert selector.status == "dismissed"


async def test_a_tree_of_groups_can_be_json_in_a_string(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    tree = json.dumps({"g1": {"g2": ""}})
    for body, groups in ((tree, {"g1", "g2"}), ("none", set())):
        fault = Fault(
            matches=lambda request: request.path.endswith("/device_groups"), status=200, body=json.dumps(body)
        )
        server.faults.append(fault)
        assert {group.partition("/")[2] for group in await cloud.groups()} == groups
        server.faults.clear()


async def test_groups_are_listed_together_with_their_children(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    expected = {
        f"{product.product_key}/{gid}": f"{product.name}: {gid}"
        for product in server.products.values()
        for gid in product.groups
    }
    await cloud.devices()  # The client learns the names of products with the definitions.
    assert await cloud.groups() == expected


# Writes


async def test_a_write_sends_all_values_in_one_command(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, chiller: Device
) -> None:
    await cloud.write(chiller, {"switch": False, "mode": "制热", "set_temp": 12.5, "schedule": "0A"})
    schedule = "0a".ljust(48, "0")
    assert simulated(server, chiller).received == [
        {"attrs": {"switch": False, "mode": "制热", "set_temp": 12.5, "schedule": schedule}}
    ]


async def test_a_number_is_rounded_to_the_step_of_its_scale(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    product = products_of(server)[1]
    meter = next(iter(server.products[product.product_key].devices.values()))
    device = Device(id=meter.did, name="x", schema_id=product.product_key)
    await cloud.write(device, {"limit": 7960})
    assert meter.received == [{"attrs": {"limit": 8000}}]


@pytest.mark.parametrize(
    ("change", "kind", "reason"),
    [
        ({"is_online": False}, DeviceOffline, Reason.OFFLINE),
        ({"is_disabled": True}, DeviceOffline, Reason.DISABLED),
        ({"fails_commands": True}, Unreachable, Reason.SENDING_FAILED),
        ({"uid": None}, DeviceGone, Reason.NOT_BOUND),
    ],
)
async def test_a_command_that_cannot_be_delivered_raises_the_reason(
    cloud: GizwitsEnterpriseCloud,
    server: GizwitsEnterpriseServer,
    chiller: Device,
    change: dict[str, Any],
    kind: type[CloudError],
    reason: Reason,
) -> None:
    for name, value in change.items():
        setattr(simulated(server, chiller), name, value)
    with pytest.raises(kind) as refusal:
        await cloud.write(chiller, {"switch": True})
    assert refusal.value.reason is reason
    assert server.requests[CONTROL] == 1


async def test_a_write_without_the_control_grant_is_forbidden(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, chiller: Device
) -> None:
    server.is_control_granted = False
    with pytest.raises(Forbidden) as refusal:
        await cloud.write(chiller, {"switch": True})
    assert (refusal.value.reason, refusal.value.subject) == (Reason.CONTROL_NOT_ENABLED, chiller.schema_id)


async def test_the_client_does_not_send_a_write_that_cannot_succeed(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, chiller: Device
) -> None:
    with pytest.raises(Rejected) as refusal:
        await cloud.write(chiller, {"room_temp": 20})
    assert (refusal.value.reason, refusal.value.subject) == (Reason.SCHEMA_MISMATCH, "room_temp")
    assert server.requests[CONTROL] == 0


async def test_a_rejection_names_the_datapoint_and_makes_the_client_refetch_the_definition(
    cloud: GizwitsEnterpriseCloud,
    server: GizwitsEnterpriseServer,
    chiller: Device,
) -> None:
    refusal = {"error_code": "5401", "error_message": "attr invalid", "detail": "attr mode invalid"}
    server.faults.append(answering("/control", refusal, 400))
    with pytest.raises(Rejected) as rejected:
        await cloud.write(chiller, {"mode": "制热"})
    assert (rejected.value.reason, rejected.value.subject) == (Reason.INVALID_VALUE, "mode")
    assert server.requests[DATAPOINT] == 1
    await cloud.schema(chiller)
    await cloud.schema(chiller)
    assert server.requests[DATAPOINT] == 2


@pytest.mark.parametrize("body", ["", "{}", "null", '"ok"'])
async def test_any_answer_with_status_200_to_a_write_is_a_success(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, chiller: Device, body: str
) -> None:
    server.faults.append(Fault(matches=containing("/control"), status=200, body=body))
    await cloud.write(chiller, {"switch": True})


# Errors

TRANSIENT = (Unreachable, Reason.SERVER_ERROR)
CALLER = (Rejected, Reason.INVALID_REQUEST)
UNKNOWN_GROUP = (Rejected, Reason.UNKNOWN_GROUP)
GROUP_NOT_EMPTY = (Rejected, Reason.GROUP_NOT_EMPTY)
VALUE = (Rejected, Reason.INVALID_VALUE)

DOCUMENTED: dict[int, tuple[int, tuple[type[CloudError], Reason]]] = {
    5001: (400, CALLER),
    5002: (400, CALLER),
    5003: (404, (AuthFailed, Reason.UNKNOWN_ENTERPRISE)),
    5004: (400, (AuthFailed, Reason.WRONG_ENTERPRISE_SECRET)),
    5005: (400, (Forbidden, Reason.WRONG_PRODUCT_SECRET)),
    5006: (400, CALLER),
    5007: (404, (Forbidden, Reason.PRODUCT_NOT_ASSOCIATED)),
    5008: (400, (Forbidden, Reason.PRODUCT_NOT_ASSOCIATED)),
    5009: (400, (AuthFailed, Reason.TOKEN_REFUSED)),
    5010: (400, (Forbidden, Reason.PRODUCT_NOT_ASSOCIATED)),
    5011: (400, (AuthFailed, Reason.TOKEN_REFUSED)),
    5012: (400, (Forbidden, Reason.IP_NOT_ALLOWED)),
    5013: (403, (RateLimited, Reason.QUOTA_EXHAUSTED)),
    5014: (400, (Unreachable, Reason.NOT_READY)),
    5015: (404, (Forbidden, Reason.UNKNOWN_PRODUCT)),
    5016: (404, CALLER),
    5017: (404, CALLER),
    5018: (403, (Forbidden, Reason.FEATURE_NOT_GRANTED)),
    5019: (404, (Forbidden, Reason.UNKNOWN_ORGANIZATION)),
    5020: (400, CALLER),
    5021: (400, CALLER),
    5022: (404, (AuthFailed, Reason.UNKNOWN_ENTERPRISE)),
    5023: (403, TRANSIENT),
    5024: (403, (Forbidden, Reason.FEATURE_NOT_GRANTED)),
    5025: (404, (Forbidden, Reason.UNKNOWN_PRODUCT)),
    5201: (403, UNKNOWN_GROUP),
    5202: (404, UNKNOWN_GROUP),
    5203: (400, (Rejected, Reason.ROOT_GROUP_EXISTS)),
    5204: (400, GROUP_NOT_EMPTY),
    5205: (400, GROUP_NOT_EMPTY),
    5206: (404, UNKNOWN_GROUP),
    5207: (400, CALLER),
    5208: (400, (Unreachable, Reason.GROUPS_BUSY)),
    5301: (404, (DeviceGone, Reason.NOT_FOUND)),
    5302: (403, (DeviceGone, Reason.NOT_FOUND)),
    5303: (400, (DeviceGone, Reason.NOT_BOUND)),
    5304: (400, (DeviceOffline, Reason.DISABLED)),
    5305: (400, (DeviceOffline, Reason.OFFLINE)),
    5401: (400, VALUE),
    5402: (404, (Forbidden, Reason.NO_DATAPOINTS)),
    5403: (400, (Unreachable, Reason.SENDING_FAILED)),
    5404: (403, (Forbidden, Reason.CONTROL_NOT_ENABLED)),
    5405: (404, VALUE),
    5406: (500, TRANSIENT),
    5407: (500, TRANSIENT),
    5408: (400, (Rejected, Reason.INVALID_PAYLOAD)),
    5409: (500, TRANSIENT),
    5501: (404, CALLER),
    5502: (400, CALLER),
    5503: (403, CALLER),
    5601: (500, TRANSIENT),
    5701: (403, CALLER),
    5702: (403, CALLER),
    5703: (400, CALLER),
    5801: (400, (Forbidden, Reason.PRODUCT_NOT_ASSOCIATED)),
    5901: (400, CALLER),
}


async def test_every_documented_code_raises_its_error(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer, chiller: Device
) -> None:
    client_store = ClientStore()
    await make_cloud(client_store=client_store).schema(chiller)
    server.quota_remaining = 10**6
    for code, (documented_status, (kind, reason)) in DOCUMENTED.items():
        for status, spelling in ((documented_status, str(code)), (200, code), (400, str(code))):
            cloud = make_cloud(client_store=ClientStore(client_store.content))
            answer = answering("", {"error_code": spelling, "error_message": "x"}, status)
            server.faults = [replace(answer, matches=not_at_a_login)]
            with pytest.raises(CloudError) as sent:
                await cloud.write(chiller, {"switch": True})
            server.faults = []
            assert (type(sent.value), sent.value.reason, sent.value.code) == (kind, reason, code)


@pytest.mark.parametrize("code", [5999, "x", [], 0.5])
async def test_an_unknown_code_is_temporary_for_reads_and_a_rejection_for_commands(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, chiller: Device, code: Any
) -> None:
    await cloud.schema(chiller)
    server.faults = [answering("/devices/search", {"error_code": code}), answering("/control", {"error_code": code})]
    with pytest.raises(Unreachable):
        await cloud.devices()
    with pytest.raises(Rejected):
        await cloud.write(chiller, {"switch": True})


def test_the_repr_of_a_product_hides_its_secrets(server: GizwitsEnterpriseServer) -> None:
    for product in products_of(server):
        assert product.product_key in repr(product)
        assert product.product_secret not in repr(product)


async def test_every_request_has_the_documented_authorization(
    make_cloud: MakeCloud, server: GizwitsEnterpriseServer
) -> None:
    client_store = ClientStore()
    await make_cloud(products_of(server)[:1], client_store=client_store).devices()
    (token,) = (record["token"] for key, record in client_store.content.items() if key.startswith("token"))
    requests = [request for request in server.log if request.method == "GET"]
    assert {request.headers["Authorization"] for request in requests} == {f"token {token}"}
    assert {request.headers["Content-Type"] for request in server.log} == {"application/json"}
