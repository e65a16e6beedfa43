"""What the Enterprise API offers beyond values: reports, searches, groups, users and bindings."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import aiohttp
import pytest
from aiohttp import web

from custom_components.datapoint_cloud.clouds.administration import DeviceQuery
from custom_components.datapoint_cloud.clouds.budget import Purpose
from custom_components.datapoint_cloud.clouds.errors import (
    AuthFailed,
    CloudError,
    Forbidden,
    NotSupported,
    RateLimited,
    Reason,
    Rejected,
    UnexpectedAnswer,
    Unreachable,
)
from custom_components.datapoint_cloud.clouds.gizwits.enterprise.api import GizwitsEnterpriseCloud
from custom_components.datapoint_cloud.clouds.gizwits.enterprise.reports import REPORTS, Reports
from custom_components.datapoint_cloud.clouds.reporting import Cycle, Parameter, ReportQuery
from simulator.gizwits import EnterpriseProduct, GizwitsEnterpriseServer
from simulator.server import Fault
from simulator.simulation import Simulation

from .gizwits_clouds import enterprise_cloud

_TODAY = datetime.now(UTC).date()
_LAST_MONTH = ReportQuery(cycle=Cycle.DATE, start=_TODAY - timedelta(days=30), end=_TODAY)


@pytest.fixture
def server(simulation: Simulation) -> GizwitsEnterpriseServer:
    return simulation.gizwits_enterprise


@pytest.fixture
def product(server: GizwitsEnterpriseServer) -> EnterpriseProduct:
    return next(iter(server.products.values()))


@pytest.fixture
async def cloud(server: GizwitsEnterpriseServer) -> AsyncIterator[GizwitsEnterpriseCloud]:
    async with aiohttp.ClientSession() as session:
        yield enterprise_cloud(session, server)


@pytest.fixture
def reports(cloud: GizwitsEnterpriseCloud) -> Reports:
    assert isinstance(cloud.administration.reports, Reports)
    return cloud.administration.reports


def _query_for(name: str) -> ReportQuery:
    required = REPORTS[name].required
    if Parameter.CYCLE in required:
        return _LAST_MONTH
    return ReportQuery(start=_TODAY, end=_TODAY) if Parameter.RANGE in required else ReportQuery()


@pytest.mark.parametrize("name", REPORTS)
async def test_every_report_is_read(reports: Reports, product: EnterpriseProduct, name: str) -> None:
    result = await reports.get(product.product_key, name, _query_for(name))
    assert result.counts or result.places or result.rows


@pytest.mark.parametrize("name", ["device_overview", "device_status", "alert_events"])
async def test_a_report_is_read_at_either_address(
    reports: Reports, server: GizwitsEnterpriseServer, product: EnterpriseProduct, name: str
) -> None:
    at_first = await reports.get(product.product_key, name, ReportQuery())
    server.has_second_addresses = True
    assert await reports.get(product.product_key, name, ReportQuery()) == at_first


async def test_alerts_by_datapoint_are_read_where_the_alerts_by_place_are(
    reports: Reports, server: GizwitsEnterpriseServer, product: EnterpriseProduct
) -> None:
    apart = await reports.get(product.product_key, "alert_events", ReportQuery())
    server.joins_alert_reports = True
    assert await reports.get(product.product_key, "alert_events", ReportQuery()) == apart


async def test_the_overview_is_not_taken_from_a_report_by_place(
    reports: Reports, server: GizwitsEnterpriseServer, product: EnterpriseProduct
) -> None:
    server.faults.append(
        Fault(
            matches=lambda request: request.path.endswith("/devices/summary"),
            status=200,
            body=json.dumps({"gid": None, "total": 3, "location": {"China": {"count": 3}}}),
        )
    )
    with pytest.raises(CloudError):
        await reports.get(product.product_key, "device_overview", ReportQuery())
    server.has_second_addresses = True
    counts = (await reports.get(product.product_key, "device_overview", ReportQuery())).counts
    assert counts["devices"] == len(product.devices)


async def test_the_overview_counts_devices(reports: Reports, product: EnterpriseProduct) -> None:
    counts = (await reports.get(product.product_key, "device_overview", ReportQuery())).counts
    assert counts["devices"] == len(product.devices)
    assert counts["online"] == sum(device.is_online for device in product.devices.values())
    assert counts.keys() >= {"new_today", "new_yesterday", "new_7_days", "new_30_days", "active_7_days"}


@pytest.mark.parametrize(("name", "unit"), [("device_locations", "devices"), ("user_locations", "users")])
async def test_places_are_a_tree_down_to_the_city(
    reports: Reports, product: EnterpriseProduct, name: str, unit: str
) -> None:
    places = (await reports.get(product.product_key, name, ReportQuery())).places
    china = next(place for place in places if place.name == "China")
    assert china.counts[unit] == sum(region.counts[unit] for region in china.places)
    guangdong = next(place for place in china.places if place.name == "Guangdong")
    assert {city.name for city in guangdong.places} == {"Guangzhou", "Shenzhen"}


async def test_the_status_counts_states_at_each_place(reports: Reports, product: EnterpriseProduct) -> None:
    result = await reports.get(product.product_key, "device_status", ReportQuery())
    assert result.counts.keys() == {"activated", "faulty", "alerting"}
    assert result.places[0].counts.keys() == {"activated", "faulty", "alerting"}


async def test_events_are_counted_by_datapoint(reports: Reports, product: EnterpriseProduct) -> None:
    rows = (await reports.get(product.product_key, "fault_events", ReportQuery())).rows
    assert {row["datapoint"] for row in rows} == {a.name for a in product.product.attributes if a.type == "fault"}
    assert all(row["total"] == row["resolved"] + row["unresolved"] for row in rows)


@pytest.mark.parametrize("has_cursors", [False, True])
async def test_a_report_of_many_pages_is_read_to_its_end(
    reports: Reports, server: GizwitsEnterpriseServer, product: EnterpriseProduct, has_cursors: bool
) -> None:
    server.has_cursors = has_cursors
    rows = (await reports.get(product.product_key, "active_devices", ReportQuery())).rows
    assert {row["mac"] for row in rows} == {device.mac for device in product.devices.values()}


async def test_searches_and_reports_use_shorter_pages_after_a_refusal(
    cloud: GizwitsEnterpriseCloud, reports: Reports, server: GizwitsEnterpriseServer, product: EnterpriseProduct
) -> None:
    finder, users = cloud.administration.finder, cloud.administration.users
    assert finder is not None
    assert users is not None

    async def everything() -> list[int]:
        query = DeviceQuery(scope=product.product_key, shows_disabled=True)
        return [
            len((await reports.get(product.product_key, "active_devices", ReportQuery())).rows),
            len(await finder.find(query)),
            len(await users.bound(product.product_key)),
            len(await users.registered(product.product_key)),
        ]

    found = await everything()
    server.maximum_limit = 20
    assert await everything() == found
    assert max(found) > server.maximum_limit


@pytest.mark.parametrize("cycle", Cycle)
async def test_each_cycle_has_its_own_periods(reports: Reports, product: EnterpriseProduct, cycle: Cycle) -> None:
    query = ReportQuery(cycle=cycle, start=_TODAY, end=_TODAY)
    (row,) = (await reports.get(product.product_key, "active_device_history", query)).rows
    assert row["period"].startswith(str(_TODAY.year)) or cycle is Cycle.WEEK


@pytest.mark.parametrize(
    ("name", "query", "parameter"),
    [
        ("device_overview", ReportQuery(group_id="g"), Parameter.GROUP),
        ("active_device_history", ReportQuery(cycle=Cycle.DATE), Parameter.RANGE),
        ("active_device_history", ReportQuery(start=_TODAY, end=_TODAY), Parameter.CYCLE),
        ("active_device_history", ReportQuery(cycle=Cycle.DATE, start=date(2026, 1, 1), end=_TODAY), Parameter.RANGE),
        ("active_device_history", ReportQuery(cycle=Cycle.DATE, start=_TODAY, end=date(2026, 1, 1)), Parameter.RANGE),
        (
            "active_device_history",
            ReportQuery(cycle=Cycle.MONTH, start=date(2026, 1, 31), end=date(2027, 2, 1)),
            Parameter.RANGE,
        ),
        (
            "active_device_history",
            ReportQuery(cycle=Cycle.WEEK, start=date(2026, 1, 4), end=date(2027, 1, 10) + timedelta(days=1)),
            Parameter.RANGE,
        ),
        ("user_total", ReportQuery(country="China"), Parameter.PLACE),
    ],
)
async def test_a_query_that_a_report_does_not_take_sends_nothing(
    reports: Reports,
    server: GizwitsEnterpriseServer,
    product: EnterpriseProduct,
    name: str,
    query: ReportQuery,
    parameter: Parameter,
) -> None:
    before = server.quota_remaining
    with pytest.raises(Rejected) as refusal:
        await reports.get(product.product_key, name, query)
    assert (refusal.value.reason, refusal.value.subject) == (Reason.INVALID_REQUEST, parameter)
    assert server.quota_remaining == before


@pytest.mark.parametrize(
    ("cycle", "start", "end", "periods"),
    [
        (Cycle.DATE, date(2026, 1, 1), date(2026, 1, 31), 31),
        (Cycle.WEEK, date(2026, 1, 5), date(2027, 1, 17), 54),
        (Cycle.MONTH, date(2026, 1, 1), date(2027, 1, 31), 13),
    ],
)
async def test_the_longest_range_of_a_cycle_counts_its_periods(
    reports: Reports, product: EnterpriseProduct, cycle: Cycle, start: date, end: date, periods: int
) -> None:
    query = ReportQuery(cycle=cycle, start=start, end=end)
    assert len((await reports.get(product.product_key, "active_device_history", query)).rows) == periods


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        (5014, Unreachable, Reason.NOT_READY),
        (5018, Forbidden, Reason.FEATURE_NOT_GRANTED),
        (5024, Forbidden, Reason.FEATURE_NOT_GRANTED),
    ],
)
async def test_a_report_that_is_not_there_says_why(
    reports: Reports,
    server: GizwitsEnterpriseServer,
    product: EnterpriseProduct,
    code: int,
    kind: type[CloudError],
    reason: Reason,
) -> None:
    server.withheld_reports = {"/devices/summary": code}
    with pytest.raises(kind) as error:
        await reports.get(product.product_key, "device_overview", ReportQuery())
    assert error.value.reason is reason


async def test_a_report_that_no_user_waits_for_gives_way_to_commands(
    cloud: GizwitsEnterpriseCloud, reports: Reports, server: GizwitsEnterpriseServer, product: EnterpriseProduct
) -> None:
    cloud.budget.share = 0.0
    with pytest.raises(RateLimited) as caught:
        await reports.get(product.product_key, "device_overview", ReportQuery(), purpose=Purpose.HISTORY)
    assert caught.value.reason is Reason.BUDGET_SPENT
    assert "GET /v1/products/{product_key}/devices/summary" not in server.requests
    assert (await reports.get(product.product_key, "device_overview", ReportQuery())).counts


async def test_a_refused_enterprise_header_is_no_refused_account(
    reports: Reports, server: GizwitsEnterpriseServer, product: EnterpriseProduct, cloud: GizwitsEnterpriseCloud
) -> None:
    server.withheld_reports = {"/v1/users/location": 5004}
    with pytest.raises(Forbidden) as error:
        await reports.get(product.product_key, "user_locations", ReportQuery())
    assert error.value.reason is Reason.FEATURE_NOT_GRANTED
    assert (await cloud.devices()).devices


# Search


async def test_devices_are_found_by_state_place_and_group(
    cloud: GizwitsEnterpriseCloud, product: EnterpriseProduct
) -> None:
    finder = cloud.administration.finder
    assert finder is not None
    faulty = await finder.find(DeviceQuery(scope=product.product_key, is_faulty=True))
    assert {found.device.id for found in faulty} == {
        device.did for device in product.devices.values() if device.has_active("fault") and not device.is_disabled
    }
    german = await finder.find(DeviceQuery(scope=product.product_key, country="Germany"))
    assert german
    assert {found.facts["country"] for found in german} == {"Germany"}
    grouped = await finder.find(DeviceQuery(scope=product.product_key, group_id=product.child_gid))
    assert {found.device.id for found in grouped} == {
        device.did for device in product.devices.values() if device.mac in product.macs_of(product.child_gid)
    }


@pytest.mark.parametrize("is_disabled", [False, True])
async def test_a_device_found_by_its_mac_has_its_type(
    cloud: GizwitsEnterpriseCloud, product: EnterpriseProduct, is_disabled: bool
) -> None:
    finder = cloud.administration.finder
    assert finder is not None
    device = list(product.devices.values())[3]
    device.is_disabled = is_disabled
    (found,) = await finder.find(DeviceQuery(mac=device.mac, shows_disabled=True))
    assert (found.device.id, found.kind, found.is_disabled) == (device.did, device.type, is_disabled)


async def test_devices_are_found_although_the_total_counts_disabled_ones(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, product: EnterpriseProduct
) -> None:
    finder = cloud.administration.finder
    assert finder is not None
    listing = Fault()

    def serve_page(request: web.Request) -> bool:
        skip = int(request.query.get("skip", "0"))
        rows = [{"did": f"d{index}"} for index in range(9)]
        listing.body = json.dumps({"meta": {"total": 10}, "objects": rows[skip : skip + 5]})  # it cuts its pages, too
        return request.path.endswith("/devices/search")

    listing.matches = serve_page
    server.faults.append(listing)
    assert len(await finder.find(DeviceQuery(scope=product.product_key))) == 9


async def test_a_device_is_found_by_its_mac_however_it_is_written(
    cloud: GizwitsEnterpriseCloud, product: EnterpriseProduct
) -> None:
    finder = cloud.administration.finder
    assert finder is not None
    real, virtual = list(product.devices.values())[3:5]
    real.mac, virtual.mac = "5ccf7fe54fab", "virtual:Site"
    for mac in ("5ccf7fe54fab", "5CCF7FE54FAB", "5C:CF:7F:E5:4F:AB", "5c-cf-7f-e5-4f-ab"):
        assert [found.device.id for found in await finder.find(DeviceQuery(mac=mac))] == [real.did]
    assert [found.device.id for found in await finder.find(DeviceQuery(mac="virtual:Site"))] == [virtual.did]


@pytest.mark.parametrize("limit", [7, 1000])
async def test_found_devices_say_whether_they_are_disabled(
    cloud: GizwitsEnterpriseCloud, product: EnterpriseProduct, limit: int
) -> None:
    finder = cloud.administration.finder
    assert finder is not None
    devices = list(product.devices.values())
    for device in devices[2:5]:
        device.is_disabled = True
    found = await finder.find(DeviceQuery(scope=product.product_key, shows_disabled=True, limit=limit))
    assert {one.device.id for one in found if one.is_disabled} == {
        device.did for device in devices[:limit] if device.is_disabled
    }
    assert len(found) == min(limit, len(devices))
    found = await finder.find(DeviceQuery(scope=product.product_key, limit=limit))
    assert {one.is_disabled for one in found} == {False}


async def test_a_search_over_all_products_stops_at_its_limit(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    finder = cloud.administration.finder
    assert finder is not None
    everything = sum(
        not device.is_disabled for product in server.products.values() for device in product.devices.values()
    )
    assert len(await finder.find(DeviceQuery(limit=1000))) == everything
    assert len(await finder.find(DeviceQuery(limit=7))) == 7


@pytest.mark.parametrize("query", [DeviceQuery(site="s"), DeviceQuery(mac="m", user_id="u")])
async def test_a_condition_that_the_vendor_lacks_is_refused(cloud: GizwitsEnterpriseCloud, query: DeviceQuery) -> None:
    finder = cloud.administration.finder
    assert finder is not None
    with pytest.raises(Rejected):
        await finder.find(query)


# Groups


async def test_groups_are_listed_made_filled_and_deleted(
    cloud: GizwitsEnterpriseCloud, product: EnterpriseProduct
) -> None:
    groups, key = cloud.administration.groups, product.product_key
    assert groups is not None
    (root,) = await groups.list_groups(key)
    assert root.id == product.root_gid
    assert root.devices == len(product.groups[product.root_gid].macs)
    assert [child.id for child in root.groups] == [product.child_gid]
    made = await groups.create_group(key, parent=root.id)
    free = [device.mac for device in product.devices.values() if device.mac not in product.macs_of(product.root_gid)]
    taken = product.groups[product.child_gid].macs[0]
    result = await groups.assign(key, made, [*free[:2], taken, "unknown"], reassign=False)
    assert result.succeeded == tuple(free[:2])
    assert set(result.failed) == {taken, "unknown"}
    assert (await groups.assign(key, made, [taken], reassign=True)).succeeded == (taken,)
    assert set(await groups.members(key, made)) == {*free[:2], taken}
    with pytest.raises(Rejected) as refusal:
        await groups.delete_group(key, made)
    assert (refusal.value.code, refusal.value.reason) == (5205, Reason.GROUP_NOT_EMPTY)
    assert not (await groups.unassign(key, made, [*free[:2], taken])).failed
    await groups.delete_group(key, made)
    assert made not in product.groups


async def test_more_members_than_a_request_takes_are_sent_in_several(
    cloud: GizwitsEnterpriseCloud, product: EnterpriseProduct
) -> None:
    groups = cloud.administration.groups
    assert groups is not None
    unknown = [f"{number:012x}" for number in range(2100)]
    result = await groups.assign(product.product_key, product.child_gid, unknown, reassign=False)
    assert list(result.failed) == unknown


async def test_names_of_groups_are_refused_without_a_request(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, product: EnterpriseProduct
) -> None:
    groups = cloud.administration.groups
    assert groups is not None
    for request in (
        groups.create_group(product.product_key, name="Garden"),
        groups.rename_group(product.product_key, product.child_gid, "Garden"),
    ):
        with pytest.raises(NotSupported):
            await request
    assert not server.requests


async def test_groups_belong_to_a_product(cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer) -> None:
    groups = cloud.administration.groups
    assert groups is not None
    with pytest.raises(NotSupported):
        await groups.list_groups(None)
    assert not server.requests


async def test_a_group_is_made_only_if_the_answer_has_its_id(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, product: EnterpriseProduct
) -> None:
    groups = cloud.administration.groups
    assert groups is not None
    server.faults.append(Fault(matches=lambda request: request.path.endswith("/device_groups"), status=200, body="{}"))
    with pytest.raises(UnexpectedAnswer):
        await groups.create_group(product.product_key, parent=product.root_gid)


@pytest.mark.parametrize(("code", "kind"), [(5004, AuthFailed), (5013, RateLimited)])
async def test_a_group_is_not_looked_for_in_other_products_after_an_error_of_the_account(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, code: int, kind: type[CloudError]
) -> None:
    first, second = server.products.values()
    await cloud.devices()
    server.reset_counts()
    body = json.dumps({"error_code": code, "error_message": "no", "detail_message": None})
    server.faults.append(Fault(matches=lambda request: first.product_key in request.path, status=400, body=body))
    with pytest.raises(kind):
        await cloud.write_group(second.child_gid, {"relay": True})
    assert not [request for request in server.log if second.product_key in request.path]


# Users


@pytest.mark.parametrize(("by", "value"), [("shoe_size", "43"), ("email", None), (None, "43")])
async def test_a_search_for_users_that_the_vendor_lacks_is_refused_without_a_request(
    cloud: GizwitsEnterpriseCloud,
    server: GizwitsEnterpriseServer,
    product: EnterpriseProduct,
    by: str | None,
    value: str | None,
) -> None:
    users = cloud.administration.users
    assert users is not None
    for search in (users.bound, users.registered):
        with pytest.raises(Rejected) as refusal:
            await search(product.product_key, by=by, value=value)
        assert (refusal.value.reason, refusal.value.subject) == (Reason.INVALID_REQUEST, "by")
    assert not server.requests


async def test_a_user_without_an_id_is_left_out(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, product: EnterpriseProduct
) -> None:
    users = cloud.administration.users
    assert users is not None
    rows = [{"username": "somebody"}, {"uid": "u1", "is_owner": "1"}]
    body = json.dumps({"meta": {"total": 2}, "objects": rows})
    server.faults.append(Fault(matches=lambda request: request.path.endswith("/users/search"), status=200, body=body))
    assert [(user.id, user.is_owner) for user in await users.bound(product.product_key)] == [("u1", True)]


async def test_an_answer_without_a_list_does_not_mean_that_nobody_is_found(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, product: EnterpriseProduct
) -> None:
    users = cloud.administration.users
    assert users is not None
    server.faults.append(Fault(matches=lambda request: request.path.endswith("/users/search"), status=200, body="{}"))
    with pytest.raises(UnexpectedAnswer):
        await users.bound(product.product_key)


async def test_users_come_without_personal_data_unless_it_is_asked_for(
    cloud: GizwitsEnterpriseCloud, product: EnterpriseProduct
) -> None:
    users, device = cloud.administration.users, list(product.devices.values())[1]
    assert users is not None
    (bound,) = await users.bound(product.product_key, by="device_id", value=device.did)
    assert (bound.id, bound.is_owner, bound.personal) == (device.uid, True, {})
    (registered,) = await users.registered(
        product.product_key, by="email", value=f"user-{str(device.uid)[:6]}@example.com", with_personal=True
    )
    assert registered.personal["email"].endswith("@example.com")
    assert "example.com" not in repr(registered)


async def test_devices_are_bound_and_unbound(cloud: GizwitsEnterpriseCloud, product: EnterpriseProduct) -> None:
    users, device = cloud.administration.users, list(product.devices.values())[1]
    assert users is not None
    result = await users.unbind(product.product_key, str(device.uid), "app", [device.did, "unknown"])
    assert (result.succeeded, set(result.failed)) == ((device.did,), {"unknown"})
    assert device.uid is None
    assert (await users.bind(product.product_key, "someone", "app", [device.did])).succeeded == (device.did,)
    assert device.uid == "someone"
