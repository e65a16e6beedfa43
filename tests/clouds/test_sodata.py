"""Tests the client of SoData: accounts, devices, schemas and readings, also when the server fails or refuses."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.errors import (
    DeviceGone,
    Forbidden,
    RateLimited,
    Reason,
    Rejected,
    UnexpectedAnswer,
    Unreachable,
)
from custom_components.datapoint_cloud.clouds.model import DataType, Device, Part, Reading, Role, Snapshot
from custom_components.datapoint_cloud.clouds.sodata import bulk, lists, schemas
from custom_components.datapoint_cloud.clouds.sodata.api import SoDataCloud
from simulator.server import Fault

from .sodata_server import ACCOUNTS, BULK, DEVICES, SINGLE, SITES, VARIABLES, SoData, answer, route

CUSTOMERS = "GET /api/v1/ca/{ca}/customers"
LOAD_RATE = "Global|0|140100"


@pytest.fixture
async def sodata(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SoData]:
    async with aiohttp.ClientSession() as session:
        sodata = SoData(session)
        for module in (schemas, bulk):
            monkeypatch.setattr(module, "time", SimpleNamespace(time=sodata.now, monotonic=sodata.now))
        await sodata.start()
        yield sodata
        await sodata.stop()


@pytest.fixture
def client(sodata: SoData) -> SoDataCloud:
    return sodata.client()


def device_called(uuid: str) -> Device:
    return Device(id=uuid, name=uuid, schema_id=uuid)


async def read_rows(sodata: SoData, *rows: dict[str, Any]) -> Snapshot:
    """Return the snapshot that the client reads if the server answers with `rows`, completed by default fields."""
    whole = {"serviceId": "1", "itemType": "Global", "itemIndex": "0", "value": "1", "date": "2022-07-28T11:19:25.000Z"}
    values = [whole | row for row in rows]
    sodata.api.faults = [answer(SINGLE, {"devices": [{"deviceUuid": "x", "values": values}]})]
    readings = await sodata.client().readings([device_called("x")])
    return readings.snapshots["x"]


# Accounts


async def test_account_id_is_made_of_user_and_corporate_account(sodata: SoData, client: SoDataCloud) -> None:
    account = await client.account()
    (corporate,) = await client.corporate_accounts()
    assert account.id == f"{sodata.keycloak.subject}_{corporate.uuid}"
    assert account.name == "SoLink"


async def test_user_link_replaces_a_missing_subject(sodata: SoData, client: SoDataCloud) -> None:
    sodata.keycloak.includes_subject = False
    links = [{"uuid": "pending", "status": "PENDING"}, None, {"uuid": "mine", "status": "VALIDATED"}]
    sodata.api.faults = [answer(ACCOUNTS, {"results": [{"uuid": "u", "name": "A", "userLinks": links}]})]
    account = await client.account()
    assert (account.id, account.has_lasting_id) == ("mine_u", True)


async def test_account_without_subject_and_user_link_gets_an_id(sodata: SoData, client: SoDataCloud) -> None:
    sodata.keycloak.includes_subject = False
    sodata.api.faults = [answer(ACCOUNTS, {"results": [{"uuid": "u", "name": None, "userLinks": None}]})]
    account = await client.account()
    assert account.id.endswith("_u")
    assert sodata.keycloak.username not in account.id
    assert not account.has_lasting_id


async def test_user_can_choose_one_of_several_corporate_accounts(sodata: SoData) -> None:
    other = sodata.api.add_corporate_account("Autre")
    accounts = await sodata.client().corporate_accounts()
    assert [account.name for account in accounts] == ["SoLink", "Autre"]
    client = sodata.client(corporate_account=other.uuid)
    assert (await client.account()).name == "Autre"
    assert {device.site for device in (await client.devices()).devices} == {"Site of Autre"}
    assert (await sodata.client().account()).name == "SoLink"


@pytest.mark.parametrize("chosen", [None, "another"])
async def test_login_without_the_corporate_account_is_forbidden(sodata: SoData, chosen: str | None) -> None:
    sodata.api.corporate_accounts.clear()
    with pytest.raises(Forbidden) as caught:
        await sodata.client(corporate_account=chosen).account()
    assert caught.value.reason is Reason.NO_CORPORATE_ACCOUNT


@pytest.mark.parametrize("ending", ["", "/", "/api/v1", "/api/v1/"])
async def test_address_can_omit_the_path(sodata: SoData, ending: str) -> None:
    assert (await sodata.client(api_url=sodata.api.url + ending).account()).name == "SoLink"


# Devices


async def test_devices_have_their_site_and_gateway(client: SoDataCloud) -> None:
    devices = {device.name: device for device in (await client.devices()).devices}
    assert len(devices) == 10  # Two of the eleven devices have the same name.
    ups, gateway = devices["Masterys U2 CDS"], devices["Passerelle Sélestat"]
    assert ups.gateway_id == gateway.id
    assert (ups.manufacturer, ups.model, ups.model_id) == ("Socomec", "Masterys", "9204")
    assert (ups.site, ups.time_zone) == ("(FR) Usine de Sélestat", "Europe/Paris")
    assert ups.silent_after == timedelta(minutes=60)
    assert ups.is_online is None
    assert ups.schema_id == ups.id
    assert devices["不间断电源"].serial_number is None


async def test_list_is_complete_although_pages_are_short_and_overlap(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.page_rules.largest_page = 4
    sodata.api.page_rules.overlap = 1
    assert len((await client.devices()).devices) == 11
    assert sodata.api.requests[DEVICES] == 3


async def test_list_without_a_total_ends_with_an_empty_page(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.page_rules.largest_page = 4
    sodata.api.page_rules.has_total = False
    assert len((await client.devices()).devices) == 11
    assert sodata.api.requests[DEVICES] == 4


@pytest.mark.parametrize("has_total", [True, False])
@pytest.mark.parametrize("list_of_empty_page", ["null", "absent"])
async def test_empty_page_may_lack_its_list(
    sodata: SoData, client: SoDataCloud, list_of_empty_page: Any, has_total: bool
) -> None:
    sodata.api.page_rules.list_of_empty_page = list_of_empty_page
    sodata.api.page_rules.has_total = has_total
    assert len((await client.devices()).devices) == 11
    sodata.api.page_rules.has_total = True
    sodata.api.devices.clear()
    assert (await client.devices()).devices == ()


@pytest.mark.parametrize("body", [None, [], "text", {"message": "down for maintenance"}, {"results": {}}])
async def test_list_does_not_end_with_an_answer_that_is_no_page(sodata: SoData, client: SoDataCloud, body: Any) -> None:
    sodata.api.page_rules.has_total = False
    sodata.api.faults = [answer(DEVICES, {"results": [{"uuid": "x"}]}, times=1), answer(DEVICES, body)]
    with pytest.raises(UnexpectedAnswer):
        await client.devices()


async def test_total_may_count_objects_that_no_page_has(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.page_rules.largest_page = 4
    sodata.api.page_rules.hidden = 3
    assert len((await client.devices()).devices) == 11
    assert sodata.api.requests[DEVICES] == 8


async def test_page_that_is_empty_by_mistake_makes_no_list_short(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.page_rules.largest_page = 4
    pages = [{"results": [{"uuid": "a"}], "total": 11}, {"results": [], "total": 11}]
    sodata.api.faults = [answer(DEVICES, page, times=1) for page in pages]
    assert len((await client.devices()).devices) == 11
    sodata.api.page_rules.hidden = 3
    sodata.api.faults = [answer(DEVICES, page, times=1) for page in pages]
    with pytest.raises(UnexpectedAnswer):
        await client.devices()


async def test_client_stops_when_the_server_repeats_a_page(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.faults = [answer(DEVICES, {"results": [{"uuid": "x"}]})]
    assert [device.id for device in (await client.devices()).devices] == ["x"]
    assert sodata.api.requests[DEVICES] == 2


async def test_client_gives_up_a_list_that_never_ends(
    sodata: SoData, client: SoDataCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "_MOST_PAGES", 2)
    sodata.api.page_rules.largest_page = 4
    with pytest.raises(UnexpectedAnswer):
        await client.devices()


_INCOMPLETE: list[Any] = [
    {"total": 4, "results": []},
    {"total": 4, "results": [{"uuid": "x"}]},
    {"total": 10**9, "results": [{"uuid": "x"}]},
    {"total": 1, "results": [{"uuid": "x"}, {"uuid": "y"}]},
    {"total": 0, "results": [{"uuid": "x"}]},
    {"total": "many", "results": [{"uuid": "x"}]},
    {"results": [{"uuid": "x"}, None]},
    {"results": [{"uuid": "x"}, {"name": "without a uuid"}]},
    {"results": [{"uuid": {}}]},
]
"""Lists that contradict their total or have unreadable rows."""


@pytest.mark.parametrize("body", _INCOMPLETE)
async def test_incomplete_list_is_unexpected(sodata: SoData, client: SoDataCloud, body: Any) -> None:
    for name, call in ((ACCOUNTS, client.corporate_accounts), (SITES, client.devices), (DEVICES, client.devices)):
        sodata.api.faults = [answer(name, body)]
        with pytest.raises(UnexpectedAnswer):
            await call()


@pytest.mark.parametrize("body", _INCOMPLETE)
async def test_known_site_names_survive_an_incomplete_list_of_sites(
    sodata: SoData, client: SoDataCloud, body: Any
) -> None:
    before = (await client.devices()).devices
    for fault in (answer(SITES, body), route(SITES, status=503), route(SITES, status=403)):
        sodata.api.faults = [fault]
        assert (await client.devices()).devices == before


async def test_removed_sites_and_customers_are_forgotten(sodata: SoData) -> None:
    store = ClientStore()
    client = sodata.client(client_store=store)
    await client.devices()
    gone = sodata.api.sites.pop()  # its devices still name it
    await client.devices()
    assert gone.uuid in json.dumps(store.content)
    sodata.api.devices = {uuid: device for uuid, device in sodata.api.devices.items() if device.site is not gone}
    sodata.api.customers.remove(gone.customer)
    sodata.api.faults = [route(SITES, status=503)]  # a list that fails says nothing
    await client.devices()
    assert gone.uuid in json.dumps(store.content)
    sodata.api.faults = []
    await client.devices()
    stored = json.dumps(store.content)
    assert gone.uuid not in stored
    assert sodata.api.sites[0].uuid in stored
    still_there = {site.customer.uuid for site in sodata.api.sites}
    assert (gone.customer.uuid in stored) is (gone.customer.uuid in still_there)


async def test_known_sites_survive_a_restart(sodata: SoData) -> None:
    before = (await sodata.client().devices()).devices
    for fault in (answer(SITES, {}), route(SITES, status=503), route(SITES, status=403)):
        sodata.api.faults = [fault]
        assert (await sodata.client().devices()).devices == before


async def test_list_can_change_while_it_is_read(sodata: SoData, client: SoDataCloud) -> None:
    pages = [{"results": [{"uuid": "a"}, {"uuid": "b"}], "total": 3}, {"results": [{"uuid": "c"}], "total": 2}]
    sodata.api.faults = [answer(DEVICES, page, times=1) for page in pages]
    assert len((await client.devices()).devices) == 3


@pytest.mark.parametrize(("largest", "takes"), [(50, ["100", "50"]), (20, ["100", "50", "20"])])
async def test_client_requests_smaller_pages_after_a_refusal(
    sodata: SoData, client: SoDataCloud, largest: int, takes: list[str]
) -> None:
    sodata.api.page_rules.largest_take = largest
    sodata.api.add_devices("METER", 60)
    assert len((await client.devices()).devices) == 71
    requested_takes = [request.query["take"] for request in sodata.api.log if request.path.endswith(("/ca", "/sites"))]
    assert requested_takes[: len(takes)] == takes
    sodata.api.reset_counts()
    await client.devices()
    assert {request.query["take"] for request in sodata.api.log} == {f"{largest}"}
    assert client.requests_a_listing == sum(sodata.api.requests.values())


async def test_client_returns_to_usual_pages_if_smaller_ones_are_refused_too(
    sodata: SoData, client: SoDataCloud
) -> None:
    await client.account()
    sodata.api.faults = [route(DEVICES, status=400, times=3)]
    with pytest.raises(Rejected):
        await client.devices()
    sodata.api.reset_counts()
    await client.devices()
    assert {request.query["take"] for request in sodata.api.log} == {"100"}


async def test_account_can_be_empty(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.devices.clear()
    sodata.api.sites.clear()
    assert (await client.devices()).devices == ()
    assert (await client.readings([])).snapshots == {}


async def test_devices_with_invalid_fields_keep_their_valid_ones(sodata: SoData, client: SoDataCloud) -> None:
    results: list[Any] = [
        {"uuid": "a", "name": "", "technicalName": None, "serialNumber": 12, "gatewayUuid": "a", "siteUuid": {}},
        {"uuid": "b", "name": "名", "noCommunicationPeriod": "15", "gatewayUuid": "gone", "connectionStatus": "ONLINE"},
        {"uuid": "c", "noCommunicationPeriod": 0, "gatewayUuid": "b", "connectionStatus": "Not_Connected"},
        {"uuid": "d", "noCommunicationPeriod": 1e300, "connectionStatus": "PROVISIONED", "timeZone": 3, "name": []},
        {"uuid": "a", "name": "again"},
    ]
    sodata.api.faults = [answer(DEVICES, {"results": results, "total": "4"})]
    a, b, c, d = (await client.devices()).devices
    assert (a.name, a.serial_number, a.gateway_id, a.site_id) == ("12", "12", None, None)
    assert (b.name, b.silent_after, b.gateway_id, b.is_online) == ("名", timedelta(minutes=15), None, True)
    assert (c.name, c.silent_after, c.gateway_id, c.is_online) == ("c", None, "b", False)
    assert (d.name, d.silent_after, d.is_online) == ("d", None, None)


@pytest.mark.parametrize("body", [[], {}, {"results": None}, {"results": 7}, "text", None])
async def test_answer_without_a_list_is_unexpected(sodata: SoData, client: SoDataCloud, body: Any) -> None:
    sodata.api.faults = [answer(DEVICES, body)]
    with pytest.raises(UnexpectedAnswer):
        await client.devices()


async def test_site_without_a_name_is_named_after_its_customer(sodata: SoData, client: SoDataCloud) -> None:
    customer = sodata.api.customers[0]
    site = sodata.api.sites[0]
    results = [{"uuid": site.uuid, "name": "", "customerUuid": customer.uuid, "timeZone": None}]
    sodata.api.faults = [answer(SITES, {"results": results, "total": 1})]
    devices = (await client.devices()).devices
    assert {device.site for device in devices if device.site_id == site.uuid} == {customer.name}


async def test_sites_with_equal_names_get_the_name_of_their_customer_in_front(
    sodata: SoData, client: SoDataCloud
) -> None:
    one, two = sodata.api.customers[0], sodata.api.customers[1]
    names = [("s1", "Lager", one), ("s2", "lager", two), ("s3", "Büro", one), ("s4", "Werk", one), ("s5", "Werk", one)]
    results = [{"uuid": uuid, "name": name, "customerUuid": owner.uuid} for uuid, name, owner in names]
    devices = [{"uuid": f"d{uuid}", "siteUuid": uuid} for uuid, _, _ in names]
    sodata.api.faults = [
        answer(SITES, {"results": results, "total": 5}),
        answer(DEVICES, {"results": devices, "total": 5}),
    ]
    expected = [f"{one.name} · Lager", f"{two.name} · lager", "Büro", "Werk", "Werk"]
    assert [device.site for device in (await client.devices()).devices] == expected
    assert sodata.api.requests[CUSTOMERS] == 1
    sodata.api.faults.append(route(CUSTOMERS, status=503))
    assert [device.site for device in (await client.devices()).devices] == expected
    with pytest.raises(Unreachable):  # without them, sites would have wrong names
        await sodata.client(client_store=ClientStore()).devices()


async def test_devices_name_their_customers_and_whether_their_profile_is_current(
    sodata: SoData, client: SoDataCloud
) -> None:
    device = next(iter(sodata.api.devices.values()))
    device.are_profiles_current = False
    listed = {device.id: device for device in (await client.devices()).devices}
    customer = device.site.customer
    shown = listed[device.uuid]
    assert (shown.customer_id, shown.customer, shown.is_profile_current) == (customer.uuid, customer.name, False)
    assert sum(device.is_profile_current is True for device in listed.values()) == len(listed) - 1


@pytest.mark.parametrize("status", [403, 404, 503])
async def test_customers_that_cannot_be_read_cost_only_their_names(
    sodata: SoData, client: SoDataCloud, status: int
) -> None:
    sodata.api.faults = [route(CUSTOMERS, status=status)]
    devices = (await client.devices()).devices
    assert len(devices) == 11
    assert {device.customer for device in devices} == {None}
    assert {device.site for device in devices} == {site.name for site in sodata.api.sites}


@pytest.mark.parametrize("status", [403, 404])
async def test_user_without_access_to_sites_only_loses_their_names(
    sodata: SoData, client: SoDataCloud, status: int
) -> None:
    sodata.api.faults = [route(SITES, status=status)]
    devices = (await client.devices()).devices
    assert len(devices) == 11
    assert {device.site for device in devices} == {None}
    assert None not in {device.site_id for device in devices}


# Schemas


async def test_variables_become_datapoints(client: SoDataCloud) -> None:
    ups = next(device for device in (await client.devices()).devices if device.name == "Masterys U2 CDS")
    datapoints = {datapoint.key: datapoint for datapoint in (await client.schema(ups)).datapoints}
    assert len(datapoints) == 141
    load = datapoints[LOAD_RATE]
    assert (load.name, load.unit, load.group, load.service) == (
        "Ups output global load rate",
        "PERCENT",
        "Output",
        "140100",
    )
    assert load.names == {"en": "Ups output global load rate", "fr": "Taux de charge global"}
    assert (load.data_type, load.role, load.part) == (DataType.NUMBER, Role.STATUS, None)
    assert Part(id="Unit|1", name="Unit 2") in {datapoint.part for datapoint in datapoints.values()}
    alarms = [datapoint for datapoint in datapoints.values() if datapoint.role is Role.ALARM]
    assert alarms
    assert {(alarm.data_type, alarm.unit, alarm.severity) for alarm in alarms} == {(DataType.BOOL, None, "minor")}
    assert load.severity is None
    assert not any(datapoint.is_writable for datapoint in datapoints.values())


async def test_variables_with_invalid_fields_keep_their_valid_ones(sodata: SoData, client: SoDataCloud) -> None:
    whole = {"itemType": "Global", "itemIndex": "0", "serviceType": "Measure", "serviceName": "IName"}
    results: list[Any] = [
        {"serviceName": "INowhere"},
        whole | {"serviceId": 1, "itemIndex": 0, "serviceTranslations": {"fr": {"shortName": "Nom"}, "en": None}},
        whole | {"serviceId": "2", "active": False},
        whole | {"serviceId": "3", "serviceTranslations": [], "serviceName": None, "unit": ""},
        whole | {"serviceId": "4", "serviceType": None, "unit": "VOLT"},
        whole | {"serviceId": "5", "serviceType": "State", "itemIndex": "A"},
        whole | {"serviceId": "1", "serviceName": "again"},
    ]
    sodata.api.faults = [answer(VARIABLES, {"results": results, "total": 7})]
    schema = await client.schema(device_called("x"))
    assert schema.skipped == ("INowhere",)
    first, third, fourth, fifth = schema.datapoints
    assert (first.key, first.name, first.names) == ("Global|0|1", "IName", {"fr": "Nom"})
    assert (third.name, third.unit) == ("Global|0|3", None)
    assert (fourth.data_type, fourth.unit) == (DataType.NUMBER, "VOLT")
    assert (fifth.data_type, fifth.part) == (DataType.TEXT, Part(id="Global|A", name="Global A"))


@pytest.mark.parametrize(
    ("service_name", "title", "is_difference"),
    [
        ("IUpsStatistic_HoursOnInverter_Delta", "Hours on inverter since last time", True),
        ("IUpsStatistic_HoursOnInverter", "Delta Ups hours on Inverter", True),
        ("IUpsStatistic_Hours", None, False),
        ("IUpsInput_DeltaConnected", "Deltas", False),
    ],
)
async def test_counters_of_an_interval_are_recognized_by_their_names(
    sodata: SoData, client: SoDataCloud, service_name: str, title: str | None, is_difference: bool
) -> None:
    variable = {"itemType": "Global", "itemIndex": "0", "serviceId": "1", "serviceName": service_name}
    variable["serviceType"] = "Measure"
    titles = {"en": {"title": title}}
    sodata.api.faults = [answer(VARIABLES, {"results": [variable | {"serviceTranslations": titles}]})]
    (datapoint,) = (await client.schema(device_called("x"))).datapoints
    assert datapoint.is_difference is is_difference


@pytest.mark.parametrize(
    "body",
    [
        {"results": [], "total": 3},
        {"results": [{"itemType": "Global", "itemIndex": "0", "serviceId": "1"}], "total": 141},
        {"results": [None], "total": 1},
    ],
)
async def test_incomplete_list_of_variables_is_unexpected(sodata: SoData, client: SoDataCloud, body: Any) -> None:
    sodata.api.faults = [answer(VARIABLES, body)]
    with pytest.raises(UnexpectedAnswer):
        await client.schema(device_called("x"))


async def test_list_of_variables_without_any_key_is_unexpected(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.faults = [answer(VARIABLES, {"results": [{"serviceName": "I"}, {"serviceName": "U"}]})]
    with pytest.raises(UnexpectedAnswer):
        await client.schema(device_called("x"))


async def test_variables_without_a_type_are_described_by_last_values_and_read_again(
    sodata: SoData, client: SoDataCloud
) -> None:
    device = next(device for device in (await client.devices()).devices if device.name == "Masterys U2 CDS")

    def remove_types(page: Any) -> Any:
        lost = {"serviceType", "unit", "serviceGroup", "serviceName"}
        return page | {"results": [{n: v for n, v in row.items() if n not in lost} for row in page["results"]]}

    sodata.api.faults = [route(VARIABLES, changes=remove_types)]
    await client.schema(device)
    snapshot = (await client.readings([device])).snapshots[device.id]
    assert isinstance(snapshot.readings[LOAD_RATE].value, int | float)
    assert {datapoint.key: datapoint.data_type for datapoint in snapshot.described}[LOAD_RATE] is DataType.NUMBER
    sodata.api.faults = []
    described = {datapoint.key: datapoint.data_type for datapoint in (await client.schema(device)).datapoints}
    assert described[LOAD_RATE] is DataType.NUMBER


async def test_units_that_only_last_values_state_are_kept_for_all_devices(sodata: SoData) -> None:
    sodata.api.variables_have_units = False
    store = ClientStore()
    client = sodata.client(client_store=store)
    (twin,) = sodata.api.add_devices("UPS", 1)
    devices = {device.id: device for device in (await client.devices()).devices}
    ups = next(device for device in devices.values() if device.name == "Masterys U2 CDS")
    without = {datapoint.key: datapoint for datapoint in (await client.schema(ups)).datapoints}
    described = {one.key: one for one in (await client.readings([ups])).snapshots[ups.id].described}
    assert without[LOAD_RATE].unit is None
    assert described[LOAD_RATE] == replace(without[LOAD_RATE], unit="PERCENT")
    assert without.keys() - described.keys() >= {"Global|0|142001", "Global|0|142100"}  # an alarm and a text
    client = sodata.client(client_store=store)
    await client.devices()
    for device in (ups, devices[twin.uuid]):
        schema = await client.schema(device)
        assert {one.key: one for one in schema.datapoints}[LOAD_RATE].unit == "PERCENT"
        assert not {one.key for one in (await client.readings([device])).snapshots[device.id].described}


@pytest.mark.parametrize("fault", [{"status": 403}, {"status": 404}, {"body": '{"results": [{"serviceName": "I"}]}'}])
async def test_damaged_list_of_variables_does_not_replace_the_stored_one(
    sodata: SoData, client: SoDataCloud, fault: dict[str, Any]
) -> None:
    ups = next(device for device in (await client.devices()).devices if device.name == "Masterys U2 CDS")
    known = await client.schema(ups)
    sodata.seconds += 8 * 24 * 3600
    sodata.api.faults = [route(VARIABLES, **fault)]
    assert await client.schema(ups) == known
    sodata.api.faults = []
    sodata.api.reset_counts()
    await client.schema(ups)
    assert sodata.api.requests[VARIABLES] >= 1  # The client did not accept the damaged list and requests it again.


async def test_language_codes_are_normalized(sodata: SoData, client: SoDataCloud) -> None:
    variable = {"itemType": "Global", "itemIndex": "0", "serviceId": "1", "serviceType": "Measure"}
    titles = {"EN": {"title": "Load"}, "pt_BR": {"title": "Carga"}}
    sodata.api.faults = [answer(VARIABLES, {"results": [variable | {"serviceTranslations": titles}]})]
    (datapoint,) = (await client.schema(device_called("x"))).datapoints
    assert (datapoint.name, datapoint.names) == ("Load", {"en": "Load", "pt-br": "Carga"})


async def test_client_does_not_request_variables_again_after_a_restart(sodata: SoData, client: SoDataCloud) -> None:
    ups = (await client.devices()).devices[3]
    before = await client.schema(ups)
    sodata.client_store = ClientStore(sodata.client_store.content)
    assert await sodata.client().schema(ups) == before
    assert sodata.api.requests[VARIABLES] == 1


async def test_client_requests_variables_again_after_a_week(sodata: SoData, client: SoDataCloud) -> None:
    ups = (await client.devices()).devices[3]
    before = await client.schema(ups)
    sodata.seconds += 7 * 24 * 3600 - 1
    await client.schema(ups)
    assert sodata.api.requests[VARIABLES] == 1
    sodata.seconds += 1
    sodata.api.faults = [answer(VARIABLES, {"results": []})]
    assert (await client.schema(ups)).datapoints == ()
    sodata.seconds += 8 * 24 * 3600
    sodata.api.faults = []
    assert await client.schema(ups) == before


async def test_client_keeps_old_variables_if_reading_new_ones_fails(sodata: SoData, client: SoDataCloud) -> None:
    ups = (await client.devices()).devices[3]
    before = await client.schema(ups)
    sodata.seconds += 8 * 24 * 3600
    sodata.api.faults = [route(VARIABLES, status=503)]
    assert await client.schema(ups) == before


async def test_failure_to_read_variables_is_raised_if_none_are_stored(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.faults = [route(VARIABLES, status=503)]
    with pytest.raises(Unreachable):
        await client.schema(device_called("x"))


@pytest.mark.parametrize("stored", [7, [], {"list": 1}, {"asked_at_seconds": "x", "list": "gone"}])
async def test_client_ignores_damaged_stored_variables(sodata: SoData, stored: Any) -> None:
    (uuid, *_) = sodata.api.devices
    sodata.client_store = ClientStore({f"variables:{uuid}": stored, "last_values_body": stored})
    client = sodata.client()
    assert (await client.schema(device_called(uuid))).datapoints
    assert (await client.readings((await client.devices()).devices)).failures == {}


async def test_client_forgets_variables_of_removed_devices(sodata: SoData, client: SoDataCloud) -> None:
    devices = (await client.devices()).devices
    for device in devices:
        await client.schema(device)
    del sodata.api.devices[devices[0].id]
    await client.devices()
    remembered = [key for key in sodata.client_store.content if key.startswith("variables:")]
    assert sorted(remembered) == sorted(f"variables:{device.id}" for device in devices[1:])
    sodata.api.devices.clear()
    await client.devices()
    assert sodata.client_store.content.keys() <= {"spent", "/ca/{ca}/sites", "/ca/{ca}/customers"}


async def test_client_stores_variables_shared_by_devices_once(sodata: SoData, client: SoDataCloud) -> None:
    variable: dict[str, Any] = {"itemType": "Global", "itemIndex": "0", "serviceId": "1", "serviceType": "Measure"}
    variable["serviceTranslations"] = {"en": {"title": "T"}}
    sodata.api.faults = [answer(VARIABLES, {"results": [variable]})]
    for uuid in ("x", "y", "z"):
        (datapoint,) = (await client.schema(device_called(uuid))).datapoints
        assert datapoint.name == "T"
    assert json.dumps(dict(sodata.client_store.content)).count("serviceTranslations") == 1


async def test_last_values_describe_variables_that_the_user_may_not_read(sodata: SoData, client: SoDataCloud) -> None:
    (ups,) = [device for device in (await client.devices()).devices if device.name == "Masterys U2 CDS"]
    sodata.api.faults = [route(VARIABLES, status=403)]
    assert (await client.schema(ups)).datapoints == ()
    described = {datapoint.key: datapoint for datapoint in (await client.readings([ups])).snapshots[ups.id].described}
    sodata.api.faults = []
    for datapoint in (await client.schema(ups)).datapoints:
        if datapoint.key in described:
            assert replace(datapoint, names={}, severity=None) == described[datapoint.key]
    assert (await client.readings([ups])).snapshots[ups.id].described == ()


# Last values


async def test_values_have_the_type_of_their_variable(sodata: SoData) -> None:
    snapshot = await read_rows(
        sodata,
        {"serviceId": "1", "value": "18", "serviceType": "Measure"},
        {"serviceId": "2", "value": "-1.5", "serviceType": "Measure"},
        {"serviceId": "3", "value": 7.25, "serviceType": "Measure"},
        {"serviceId": "4", "value": None, "serviceType": "Measure"},
        {"serviceId": "5", "value": "", "serviceType": "Measure"},
        {"serviceId": "6", "value": "Normal mode", "serviceType": "State"},
        {"serviceId": "7", "value": True, "serviceType": "State"},
        {"serviceId": "8", "value": "3", "unit": "VOLT"},
    )
    assert [reading.value for reading in snapshot.readings.values()] == [
        18,
        -1.5,
        7.25,
        None,
        None,
        "Normal mode",
        "true",
        3,
    ]
    assert snapshot.skipped == ()


@pytest.mark.parametrize("value", ["1,5", "n/a", "nan", "inf", "1e999", "9" * 400, "1_0", True, [1], {}])
async def test_invalid_number_is_unknown_and_reported_as_skipped(sodata: SoData, value: Any) -> None:
    snapshot = await read_rows(
        sodata, {"value": value, "serviceType": "Measure"}, {"serviceId": "2", "value": 5, "serviceType": "Measure"}
    )
    assert snapshot.skipped == ("Global|0|1",)
    assert [reading.value for reading in snapshot.readings.values()] == [None, 5]


@pytest.mark.parametrize(
    ("value", "is_active"),
    [
        *[
            (value, True)
            for value in ("1", 1, True, "true", "ACTIVE", "On", "raised", "In alarm", "CRITICAL", "Appeared", 2)
        ],
        *[
            (value, False)
            for value in ("0", 0, 0.0, False, "false", "Inactive", "off", "normal", "No alarm", "NOT_ACTIVE", "reset")
        ],
        *[(value, None) for value in (None, "", " ")],
    ],
)
async def test_alarm_can_be_written_in_many_ways(sodata: SoData, value: Any, is_active: bool | None) -> None:
    snapshot = await read_rows(sodata, {"value": value, "serviceType": "Alarm"})
    assert snapshot.readings["Global|0|1"].value is is_active


async def test_alarm_in_unknown_words_is_unknown_and_reported_as_skipped(sodata: SoData) -> None:
    snapshot = await read_rows(sodata, {"value": "perhaps", "serviceType": "Alarm"})
    assert [reading.value for reading in snapshot.readings.values()] == [None]
    assert snapshot.skipped == ("Global|0|1",)


async def test_reported_at_is_the_time_of_the_newest_value(sodata: SoData) -> None:
    snapshot = await read_rows(
        sodata,
        {"serviceId": "1", "date": "2022-07-28T11:19:25.000Z"},
        {"serviceId": "2", "date": "2022-07-28T13:20:00+02:00"},
        {"serviceId": "3", "date": "yesterday"},
        {"serviceId": "4", "date": None},
    )
    assert snapshot.reported_at == datetime(2022, 7, 28, 11, 20, tzinfo=UTC)
    times = [reading.taken_at for reading in snapshot.readings.values()]
    assert times == [
        datetime(2022, 7, 28, 11, 19, 25, tzinfo=UTC),
        datetime(2022, 7, 28, 11, 20, tzinfo=UTC),
        None,
        None,
    ]


async def test_newer_of_two_values_is_used(sodata: SoData) -> None:
    old = {"value": "old", "date": "2022-07-27T00:00:00Z"}
    new = {"value": "new", "date": "2022-07-28T00:00:00Z"}
    for rows in ([old, new], [new, old]):
        assert (await read_rows(sodata, *rows)).readings["Global|0|1"].value == "new"


async def test_rows_without_a_key_are_skipped_and_reported(sodata: SoData) -> None:
    snapshot = await read_rows(sodata, {"itemType": None, "title": "Lost"}, {"serviceId": {}, "title": 5}, {})
    assert snapshot.skipped == ("5", "Lost")
    assert len(snapshot.readings) == 1


async def test_many_devices_are_read_with_one_request(sodata: SoData, client: SoDataCloud) -> None:
    devices = (await client.devices()).devices
    readings = await client.readings(devices)
    assert set(readings.snapshots) == {device.id for device in devices}
    assert (sodata.api.requests[BULK], sodata.api.requests[SINGLE]) == (1, 0)


async def test_values_are_assigned_by_device_uuid(sodata: SoData, client: SoDataCloud) -> None:
    for number, device in enumerate(sodata.api.devices.values()):
        if device.kind == "UPS":
            device.set("Global", "0", "140100", str(number))
    snapshots = (await client.readings((await client.devices()).devices)).snapshots
    for number, device in enumerate(sodata.api.devices.values()):
        if device.kind == "UPS" and not device.is_silent:
            assert snapshots[device.uuid].readings[LOAD_RATE].value == number


@pytest.mark.parametrize(("body", "tries"), [("deviceUuids", 1), ("devices", 2), ("list", 3)])
async def test_client_finds_out_the_body_of_the_bulk_call_once(
    sodata: SoData, client: SoDataCloud, body: Any, tries: int
) -> None:
    sodata.api.bulk_body = body
    devices = (await client.devices()).devices
    for _ in range(2):
        assert len((await client.readings(devices)).snapshots) == len(devices)
    assert sodata.api.requests[BULK] == tries + 1
    await sodata.client().readings(devices)
    assert sodata.api.requests[BULK] == tries + 2
    assert sodata.api.requests[SINGLE] == 0


async def test_client_retries_an_unsupported_bulk_call_after_fifteen_minutes(
    sodata: SoData, client: SoDataCloud
) -> None:
    sodata.api.bulk_body = None
    devices = (await client.devices()).devices
    assert client.devices_a_request == 100
    for _ in range(2):
        assert len((await client.readings(devices)).snapshots) == len(devices)
    assert sodata.api.requests[BULK] == 3
    assert sodata.api.requests[SINGLE] == 2 * len(devices)
    assert client.devices_a_request == 1
    sodata.api.bulk_body = "devices"
    sodata.seconds += 901
    await client.readings(devices)
    assert sodata.api.requests[SINGLE] == 2 * len(devices)
    assert client.devices_a_request == 100


@pytest.mark.parametrize("status", [400, 404, 405, 415, 422])
async def test_all_devices_are_read_alone_if_the_bulk_call_is_refused(
    sodata: SoData, client: SoDataCloud, status: int
) -> None:
    devices = (await client.devices()).devices
    sodata.api.faults = [route(BULK, status=status)]
    assert len((await client.readings(devices)).snapshots) == len(devices)


async def test_client_searches_another_body_if_the_known_one_is_refused(sodata: SoData, client: SoDataCloud) -> None:
    devices = (await client.devices()).devices
    await client.readings(devices)
    sodata.api.bulk_body = "list"
    sodata.api.reset_counts()
    assert len((await client.readings(devices)).snapshots) == len(devices)
    assert (sodata.api.requests[BULK], sodata.api.requests[SINGLE]) == (3, 0)
    await client.readings(devices)
    assert (sodata.api.requests[BULK], sodata.api.requests[SINGLE]) == (4, 0)


_TROUBLE = [
    {"status": 500},
    {"status": 502, "body": "<html>", "content_type": "text/html"},
    {"status": 302, "headers": {"Location": "/elsewhere"}},
    {"status": 200, "body": ""},
    {"status": 200, "body": "<html>"},
    {"status": 200, "body": "{}"},
    {"status": 200, "body": '{"devices": []}'},
    {"status": 403, "body": "<html>"},
    {"status": 404},
]
"""Faulty answers to a call that worked before."""


@pytest.mark.parametrize("fault", _TROUBLE)
async def test_failing_bulk_call_costs_few_requests_and_is_used_again_minutes_after_recovery(
    sodata: SoData, client: SoDataCloud, caplog: pytest.LogCaptureFixture, fault: dict[str, Any]
) -> None:
    sodata.api.add_devices("METER", 89)
    devices = (await client.devices()).devices
    await client.readings(devices)
    sodata.api.faults = [route(BULK, **fault)]
    sodata.api.reset_counts()
    rounds = 30
    read: set[str] = set()
    for number in range(rounds):
        waiting = [device for device in devices if device.id not in read] + [d for d in devices if d.id in read]
        readings = await client.readings(waiting)
        assert readings.snapshots or number == 0
        assert readings.failures == {}
        assert readings.stopped_by is not None
        assert readings.stopped_by.reason is Reason.BUDGET_SPENT
        read |= readings.snapshots.keys()
        sodata.seconds += 120
    assert sum(sodata.api.requests.values()) <= 3 * rounds
    assert len(read) >= rounds
    sodata.api.faults = []
    for _ in range(2):
        sodata.seconds += 120
        readings = await client.readings(devices)
    assert (len(readings.snapshots), readings.stopped_by) == (len(devices), None)
    lines = [record for record in caplog.records if "last values of all devices" in record.message]
    assert [record.levelname for record in lines] == ["WARNING", "INFO"]


async def test_devices_missing_in_the_bulk_answer_are_read_alone_in_turns(sodata: SoData, client: SoDataCloud) -> None:
    devices = (await client.devices()).devices
    await client.readings(devices)
    kept = {"deviceUuid": devices[0].id, "values": []}
    sodata.api.faults = [answer(BULK, {"devices": [kept]})]
    sodata.api.reset_counts()
    for _ in range(5):
        readings = await client.readings(devices)
        assert len(readings.snapshots) == 3
    assert sum(sodata.api.requests.values()) == 3 * 5
    sodata.api.faults = []
    assert len((await client.readings(devices)).snapshots) == len(devices)


async def test_all_devices_are_read_alone_at_once_if_the_bulk_call_never_worked(
    sodata: SoData, client: SoDataCloud
) -> None:
    devices = (await client.devices()).devices
    sodata.api.faults = [route(BULK, status=500)]
    assert len((await client.readings(devices)).snapshots) == len(devices)
    assert sodata.api.requests[BULK] == 6  # The client tries each of three bodies twice.
    sodata.api.reset_counts()
    assert len((await client.readings(devices)).snapshots) == 1
    assert (sodata.api.requests[BULK], sodata.api.requests[SINGLE]) == (0, 1)
    sodata.api.faults = []
    sodata.seconds += 181
    await client.readings(devices)
    assert sodata.api.requests[SINGLE] == 1


@pytest.mark.slow
@pytest.mark.parametrize(("has_worked", "seconds"), [(False, 600), (True, 4500)])
async def test_devices_are_read_alone_if_only_the_bulk_call_keeps_failing(
    sodata: SoData, client: SoDataCloud, has_worked: bool, seconds: int
) -> None:
    devices = (await client.devices()).devices
    if has_worked:
        await client.readings(devices)
    sodata.api.faults = [route(BULK, status=500)]
    for _ in range(seconds // 120):
        await client.readings(devices)
        sodata.seconds += 120
    sodata.api.reset_counts()
    for _ in range(30):
        readings = await client.readings(devices)
        assert (len(readings.snapshots), readings.stopped_by) == (len(devices), None)
        sodata.seconds += 120
    assert sodata.api.requests[BULK] <= 5 * 6
    sodata.api.faults = []
    sodata.seconds += 900
    await client.readings(devices)
    sodata.api.reset_counts()
    assert len((await client.readings(devices)).snapshots) == len(devices)
    assert (sodata.api.requests[BULK], sodata.api.requests[SINGLE]) == (1, 0)


async def test_client_reads_a_device_alone_if_the_bulk_call_hangs(sodata: SoData, client: SoDataCloud) -> None:
    devices = (await client.devices()).devices
    await client.readings(devices)
    sodata.transport.timings.limit = aiohttp.ClientTimeout(total=0.2)
    gate = asyncio.Event()
    sodata.api.faults = [route(BULK, gate=gate)]
    assert len((await client.readings(devices)).snapshots) == 1
    calls = sodata.api.requests[BULK]
    assert len((await client.readings(devices)).snapshots) == 1
    assert sodata.api.requests[BULK] == calls
    gate.set()


@pytest.mark.slow
@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize("has_worked", [True, False])
async def test_device_that_makes_the_bulk_call_fail_is_left_out_of_it(
    sodata: SoData, client: SoDataCloud, status: int, has_worked: bool
) -> None:
    sodata.api.add_devices("METER", 89)
    devices = (await client.devices()).devices
    if has_worked:
        await client.readings(devices)
    bad = {devices[7].id, devices[61].id}
    sodata.api.failing_devices = dict.fromkeys(bad, status)
    sodata.api.reset_counts()
    for number in range(4):
        readings = await client.readings(devices)
        assert readings.failures.keys() == bad or (number == 0 and has_worked)
    assert len(readings.snapshots) == len(devices) - 2
    assert readings.stopped_by is None
    sodata.api.reset_counts()
    for _ in range(30):
        await client.readings(devices)
    assert sodata.api.requests[BULK] == 30
    assert sodata.api.requests[SINGLE] <= 10
    await client.devices()
    sodata.api.reset_counts()
    await client.readings(devices)
    assert (sodata.api.requests[BULK], sodata.api.requests[SINGLE]) == (1, 2)
    sodata.api.failing_devices = {}
    await client.devices()
    for _ in range(2):
        readings = await client.readings(devices)
        assert len(readings.snapshots) == len(devices)
    sodata.api.reset_counts()
    await client.readings(devices)
    assert (sodata.api.requests[BULK], sodata.api.requests[SINGLE]) == (1, 0)


async def test_client_finds_the_device_that_makes_the_bulk_call_fail_with_few_calls(
    sodata: SoData, client: SoDataCloud
) -> None:
    sodata.api.add_devices("METER", 89)
    devices = (await client.devices()).devices
    await client.readings(devices)
    sodata.api.failing_devices = {devices[42].id: 403}
    sodata.api.reset_counts()
    readings = await client.readings(devices)
    assert len(readings.snapshots) == len(devices) - 1
    assert sodata.api.requests[BULK] <= 15


@pytest.mark.parametrize("index", [0, 1, 42, 99])
async def test_server_that_fails_over_one_device_answers_for_the_others(
    sodata: SoData, client: SoDataCloud, index: int
) -> None:
    sodata.api.add_devices("METER", 89)
    devices = (await client.devices()).devices
    await client.readings(devices)
    bad = devices[index].id
    sodata.api.failing_devices = {bad: 500}
    for _ in range(10):
        readings = await client.readings(devices)
        assert readings.snapshots.keys() == {device.id for device in devices} - {bad}
        assert readings.failures.keys() == {bad}
        assert readings.stopped_by is None
        sodata.seconds += 120
    sodata.api.reset_counts()
    await client.readings(devices)
    assert sodata.api.requests[BULK] == 1
    sodata.api.failing_devices = {}
    await client.devices()
    for _ in range(2):
        readings = await client.readings(devices)
        assert len(readings.snapshots) == len(devices)


@pytest.mark.parametrize("body", ["deviceUuids", "list"])
async def test_server_that_fails_over_one_device_from_the_start_gets_bulk_calls_after_minutes(
    sodata: SoData, client: SoDataCloud, body: Any
) -> None:
    sodata.api.bulk_body = body
    sodata.api.add_devices("METER", 89)
    devices = (await client.devices()).devices
    bad = devices[42].id
    sodata.api.failing_devices = {bad: 500}
    for _ in range(3):
        await client.readings(devices)
        sodata.seconds += 120
    for _ in range(2):
        sodata.api.reset_counts()
        readings = await client.readings(devices)
        assert readings.snapshots.keys() == {device.id for device in devices} - {bad}
    assert sodata.api.requests[BULK] == 1
    assert sodata.api.requests[SINGLE] <= 2


@pytest.mark.parametrize("jump", [-365 * 24 * 3600, 365 * 24 * 3600])
async def test_client_retries_the_bulk_call_and_variables_after_a_clock_jump(
    sodata: SoData, client: SoDataCloud, jump: int
) -> None:
    sodata.api.bulk_body = None
    devices = (await client.devices()).devices
    await client.schema(devices[0])
    await client.readings(devices)
    sodata.api.bulk_body = "list"
    sodata.seconds += jump
    sodata.api.reset_counts()
    await client.readings(devices)
    await client.schema(devices[0])
    assert sodata.api.requests[BULK] >= 3
    assert sodata.api.requests[VARIABLES] >= 1
    assert client.devices_a_request == 100


async def test_requests_never_exceed_the_budget(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.bulk_body = None
    sodata.api.add_devices("METER", 89)
    devices = (await client.devices()).devices
    client.budget.share = 0.05
    for _ in range(3):
        readings = await client.readings(devices)
    assert readings.stopped_by is not None
    assert readings.stopped_by.reason is Reason.BUDGET_SPENT
    assert sum(sodata.api.requests.values()) <= 0.05 * 3600


async def test_client_tries_another_body_if_the_server_fails_on_one(sodata: SoData, client: SoDataCloud) -> None:
    devices = (await client.devices()).devices
    sodata.api.bulk_body = "list"
    sodata.api.faults = [route(BULK, status=500, times=2)]
    assert len((await client.readings(devices)).snapshots) == len(devices)
    assert sodata.api.requests[SINGLE] == 0


async def test_large_fleet_is_read_in_several_bulk_calls(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.add_devices("METER", 220)
    devices = (await client.devices()).devices
    assert len((await client.readings(devices)).snapshots) == 231
    assert sodata.api.requests[BULK] == 3


@pytest.mark.parametrize("body", ["deviceUuids", "list"])
@pytest.mark.parametrize(("most", "calls"), [(2, 36), (5, 15), (20, 4), (70, 2)])
async def test_smaller_bulk_calls_follow_one_that_was_too_large(
    sodata: SoData, client: SoDataCloud, body: Any, most: int, calls: int
) -> None:
    sodata.api.bulk_body = body
    sodata.api.most_devices_in_bulk = most
    sodata.api.add_devices("METER", 60)
    devices = (await client.devices()).devices
    await client.readings(devices)  # the client finds the body and the size
    for _ in range(2):
        sodata.api.reset_counts()
        readings = await client.readings(devices)
        assert len(readings.snapshots) == len(devices) == 71
        assert not readings.failures
        assert (sodata.api.requests[BULK], sodata.api.requests[SINGLE]) == (calls, 0)
        assert client.devices_a_request <= most
    sodata.api.most_devices_in_bulk = None
    await client.devices()
    sodata.api.reset_counts()
    await client.readings(devices)
    assert sodata.api.requests[BULK] == 1


async def test_size_of_bulk_calls_is_not_learned_from_a_device_that_spoils_them(
    sodata: SoData, client: SoDataCloud
) -> None:
    sodata.api.add_devices("METER", 60)
    devices = (await client.devices()).devices
    sodata.api.failing_devices[devices[30].id] = 403
    await client.readings(devices)
    assert client.devices_a_request == 100


async def test_device_missing_in_the_bulk_answer_is_read_alone_at_intervals(
    sodata: SoData, client: SoDataCloud
) -> None:
    devices = (await client.devices()).devices
    sodata.api.forbidden.add(devices[0].id)
    nothing = answer(SINGLE, {"devices": []})
    sodata.api.faults = [Fault(matches=lambda r: nothing.matches(r) and devices[1].id in r.path, body=nothing.body)]
    del sodata.api.devices[devices[2].id]
    added = device_called("never reported")
    for _ in range(2):
        readings = await client.readings([*devices, added])
        assert isinstance(readings.failures[devices[0].id], Forbidden)
        assert isinstance(readings.failures[devices[2].id], DeviceGone)
        assert len(readings.snapshots) == len(devices) - 2
    assert sodata.api.requests[SINGLE] == 3
    for _ in range(30):  # This takes an hour.
        await client.readings([*devices, added])
    assert sodata.api.requests[SINGLE] == 3 + 3 * 4
    await client.devices()
    await client.readings([*devices, added])
    assert sodata.api.requests[SINGLE] == 3 + 3 * 4 + 3


async def test_device_that_fails_when_read_alone_does_not_affect_the_others(
    sodata: SoData, client: SoDataCloud
) -> None:
    devices = (await client.devices()).devices
    del sodata.api.devices[devices[0].id]
    sodata.api.faults = [route(SINGLE, status=503)]
    readings = await client.readings(devices)
    assert readings.stopped_by is None
    assert set(readings.failures) == {devices[0].id}
    assert len(readings.snapshots) == len(devices) - 1


async def test_forbidden_device_does_not_affect_the_others(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.bulk_body = None
    devices = (await client.devices()).devices
    sodata.api.forbidden.add(devices[0].id)
    readings = await client.readings(devices)
    assert readings.failures[devices[0].id].reason is Reason.RIGHT_MISSING
    assert len(readings.snapshots) == len(devices) - 1
    assert readings.stopped_by is None


@pytest.mark.parametrize("name", [BULK, SINGLE])
async def test_rate_limit_ends_the_poll(sodata: SoData, client: SoDataCloud, name: str) -> None:
    devices = (await client.devices()).devices
    sodata.api.bulk_body = None if name == SINGLE else "deviceUuids"
    sodata.api.faults = [route(name, status=429, headers={"Retry-After": "77"})]
    stopped_by = (await client.readings(devices)).stopped_by
    assert isinstance(stopped_by, RateLimited)
    assert stopped_by.retry_after == 77
    assert sodata.api.requests[SINGLE] <= 4


async def test_poll_of_one_device_stops_if_the_server_is_unreachable(sodata: SoData, client: SoDataCloud) -> None:
    await client.account()
    await sodata.api.stop()
    assert isinstance((await client.readings([device_called("x")])).stopped_by, Unreachable)


async def test_poll_of_one_device_stops_if_the_server_fails(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.faults = [route(SINGLE, status=503, body="<html>")]
    assert isinstance((await client.readings([device_called("x")])).stopped_by, Unreachable)


async def test_connection_lost_in_the_bulk_call_ends_the_poll(sodata: SoData, client: SoDataCloud) -> None:
    devices = (await client.devices()).devices
    sodata.api.faults = [route(BULK, drops=True)]
    assert isinstance((await client.readings(devices)).stopped_by, Unreachable)
    assert sodata.api.requests[SINGLE] == 0


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"devices": None},
        {"devices": [None, 5, {"values": 3}]},
        {"devices": [{"deviceUuid": "x", "values": None}]},
        {"devices": [{"deviceUuid": "x"}]},
    ],
)
async def test_damaged_last_values_fail_the_device(sodata: SoData, client: SoDataCloud, body: Any) -> None:
    sodata.api.faults = [answer(SINGLE, body)]
    readings = await client.readings([device_called("x")])
    assert readings.snapshots == {}
    assert isinstance(readings.failures["x"], UnexpectedAnswer)


@pytest.mark.parametrize("body", [[], {"devices": []}, {"devices": [{"deviceUuid": "x", "values": []}]}])
async def test_device_without_last_values_has_an_empty_snapshot(sodata: SoData, client: SoDataCloud, body: Any) -> None:
    sodata.api.faults = [answer(SINGLE, body)]
    assert (await client.readings([device_called("x")])).snapshots == {"x": Snapshot()}


async def test_device_with_a_damaged_part_in_the_bulk_answer_is_read_alone(sodata: SoData, client: SoDataCloud) -> None:
    first, second = (await client.devices()).devices[:2]
    await client.readings([first, second])
    record = {"deviceUuid": first.id, "values": []}
    sodata.api.faults = [answer(BULK, {"devices": [record, {"deviceUuid": second.id, "values": None}]})]
    readings = await client.readings([first, second])
    assert readings.snapshots[second.id].readings
    assert sodata.api.requests[SINGLE] == 1


async def test_inactive_variable_is_not_a_datapoint_even_if_it_has_a_value(sodata: SoData) -> None:
    variable = {"itemType": "Global", "itemIndex": "0", "serviceId": "1", "active": False}
    values = [variable | {"value": "1"}]
    sodata.api.faults = [
        answer(VARIABLES, {"results": [variable]}),
        answer(SINGLE, {"devices": [{"deviceUuid": "x", "values": values}]}),
    ]
    client = sodata.client()
    assert (await client.schema(device_called("x"))).datapoints == ()
    snapshot = (await client.readings([device_called("x")])).snapshots["x"]
    assert snapshot.described == ()
    assert snapshot.readings == {"Global|0|1": Reading("1")}


async def test_unknown_refusal_raises_rejected_with_its_endpoint(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.faults = [route(DEVICES, status=409)]
    with pytest.raises(Rejected) as caught:
        await client.devices()
    assert caught.value.endpoint == "/ca/{ca}/devices"


def test_polling_intervals_and_budget_are_those_of_sodata(client: SoDataCloud) -> None:
    assert client.shortest_interval == timedelta(minutes=1)
    assert (client.default_interval, client.listing_interval) == (timedelta(minutes=2), timedelta(hours=1))
    assert (client.budget.limit, client.scopes, client.kind) == (3600, (), "sodata")
