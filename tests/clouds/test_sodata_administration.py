"""What SoData offers beyond values: finding devices, and actions on them."""

from datetime import datetime
from typing import Any

import pytest

from custom_components.datapoint_cloud.clouds.administration import (
    DeviceAction,
    DeviceActions,
    DeviceFinder,
    DeviceQuery,
)
from custom_components.datapoint_cloud.clouds.errors import (
    CloudError,
    DeviceGone,
    Forbidden,
    Reason,
    Rejected,
    UnexpectedAnswer,
    Unreachable,
)
from custom_components.datapoint_cloud.clouds.sodata.api import SoDataCloud
from simulator.sodata import SoDataDevice

from .sodata_server import DEVICES, SoData, answer, route

DEVICE = "GET /api/v1/ca/{ca}/devices/{uuid}"
PUT = "PUT /api/v1/ca/{ca}/devices/{uuid}/"


@pytest.fixture
def cloud(sodata: SoData) -> SoDataCloud:
    return sodata.client()


@pytest.fixture
def finder(cloud: SoDataCloud) -> DeviceFinder:
    assert cloud.administration.finder is not None
    return cloud.administration.finder


@pytest.fixture
def actions(cloud: SoDataCloud) -> DeviceActions:
    assert cloud.administration.device_actions is not None
    return cloud.administration.device_actions


@pytest.fixture
def ups(sodata: SoData) -> SoDataDevice:
    return next(device for device in sodata.api.devices.values() if device.kind == "UPS")


async def names(finder: DeviceFinder, **conditions: Any) -> list[str]:
    return [found.device.name for found in await finder.find(DeviceQuery(**conditions))]


# Finding devices


async def test_devices_are_found_by_site_and_customer(sodata: SoData, finder: DeviceFinder) -> None:
    london = ["Gateway London", "Modulys GP", "Countis E50"]
    site = next(site for site in sodata.api.sites if site.name == "London Docklands")
    assert await names(finder, site=" london DOCKLANDS") == london
    assert await names(finder, site=site.uuid.upper()) == london
    assert await names(finder, site="London") == []
    found = await finder.find(DeviceQuery(customer="nuage & cie"))
    assert {result.device.site for result in found} == {"班加罗尔数据中心", "London Docklands"}
    assert await names(finder, customer=site.customer.uuid) == [result.device.name for result in found]
    assert await names(finder, customer="FR_Grande Épicerie", site="London Docklands") == []


async def test_only_the_devices_of_the_one_site_are_read(sodata: SoData, finder: DeviceFinder) -> None:
    await names(finder, site="London Docklands")
    assert sodata.api.log[-1].query["siteUuid"] == sodata.api.sites[2].uuid
    await names(finder)
    assert "siteUuid" not in sodata.api.log[-1].query


async def test_all_sites_of_one_name_are_searched(sodata: SoData, finder: DeviceFinder) -> None:
    customer = sodata.api.sites[1].customer
    for site in sodata.api.sites[1:]:
        site.name = "Lager"
        assert site.customer is customer
    assert len(await names(finder, site="lager")) == 6


async def test_devices_are_found_by_serial_number_and_state(
    sodata: SoData, finder: DeviceFinder, ups: SoDataDevice
) -> None:
    assert ups.serial_number is not None
    assert await names(finder, serial_number=ups.serial_number.lower()) == [ups.name]
    assert await names(finder, device_id=ups.uuid) == [ups.name]
    assert await names(finder, serial_number="P") == []
    ups.status, ups.connection_status = "DEACTIVATED", "CONNECTED"
    assert await names(finder, state="deactivated") == [ups.name]
    assert await names(finder, state="connected") == [ups.name]
    assert await names(finder, is_online=True) == [ups.name]
    assert await names(finder, is_online=False) == []
    assert len(await names(finder, state="accepted")) == len(sodata.api.devices) - 1


async def test_found_devices_have_the_facts_of_the_list(finder: DeviceFinder, ups: SoDataDevice) -> None:
    (found,) = await finder.find(DeviceQuery(device_id=ups.uuid))
    assert ups.gateway is not None
    assert (found.device.gateway_id, found.device.site) == (ups.gateway.uuid, ups.site.name)
    assert found.facts == {
        "state": "ACCEPTED",
        "latitude": ups.site.latitude,
        "longitude": ups.site.longitude,
        "created_at": datetime.fromisoformat("2021-03-23T14:52:40.552Z"),
    }


async def test_no_more_devices_are_returned_than_wanted(finder: DeviceFinder) -> None:
    assert len(await names(finder, limit=2)) == 2


async def test_conditions_of_other_clouds_are_rejected(sodata: SoData, finder: DeviceFinder) -> None:
    with pytest.raises(Rejected) as error:
        await names(finder, mac="AABBCCDDEEFF")
    assert (error.value.reason, error.value.subject) == (Reason.INVALID_REQUEST, "mac")
    assert sodata.api.requests[DEVICES] == 0


# Actions


async def test_all_documented_actions_are_offered(actions: DeviceActions) -> None:
    assert set(actions.offered) == set(DeviceAction)


async def test_actions_change_the_device_that_is_read_again(
    sodata: SoData, actions: DeviceActions, ups: SoDataDevice
) -> None:
    ups.are_profiles_current = False
    assert (await actions.read(ups.uuid)).is_profile_current is False
    await actions.run(ups.uuid, DeviceAction.PUSH_PROFILE)
    assert (await actions.read(ups.uuid)).is_profile_current is True
    await actions.run(ups.uuid, DeviceAction.DEACTIVATE)
    assert ups.status == "DEACTIVATED"
    await actions.run(ups.uuid, DeviceAction.ACTIVATE)
    assert ups.status == "ACCEPTED"
    await actions.run(ups.uuid, DeviceAction.REPAIR)
    assert ups.repairs == 1
    assert [sodata.api.requests[PUT + name] for name in ("activate", "deactivate", "repair", "push-profile")] == [1] * 4


async def test_a_device_is_read_as_the_list_has_it(
    sodata: SoData, cloud: SoDataCloud, actions: DeviceActions, ups: SoDataDevice
) -> None:
    listed = {device.id: device for device in (await cloud.devices()).devices}
    sodata.api.reset_counts()
    assert await actions.read(ups.uuid) == listed[ups.uuid]
    assert dict(sodata.api.requests) == {DEVICE: 1}
    unlisted = sodata.client().administration.device_actions
    assert unlisted is not None
    assert await unlisted.read(ups.uuid) == listed[ups.uuid]


@pytest.mark.parametrize("body", [{}, [], {"uuid": "another"}])
async def test_another_device_is_unexpected(
    sodata: SoData, actions: DeviceActions, ups: SoDataDevice, body: Any
) -> None:
    sodata.api.faults = [answer(DEVICE, body)]
    with pytest.raises(UnexpectedAnswer):
        await actions.read(ups.uuid)


async def test_actions_are_refused_without_a_right_and_for_unknown_devices(
    sodata: SoData, actions: DeviceActions, ups: SoDataDevice
) -> None:
    sodata.api.forbidden_actions.add("repair")
    with pytest.raises(Forbidden) as error:
        await actions.run(ups.uuid, DeviceAction.REPAIR)
    assert error.value.reason is Reason.RIGHT_MISSING
    with pytest.raises(DeviceGone):
        await actions.run("unknown", DeviceAction.ACTIVATE)


@pytest.mark.parametrize(("status", "kind"), [(400, Rejected), (409, Rejected), (503, Unreachable)])
async def test_refused_actions_are_sent_once(
    sodata: SoData, actions: DeviceActions, ups: SoDataDevice, status: int, kind: type[CloudError]
) -> None:
    sodata.api.faults = [route(PUT + "activate", status=status)]
    with pytest.raises(kind):
        await actions.run(ups.uuid, DeviceAction.ACTIVATE)
    assert sodata.api.requests[PUT + "activate"] == 1


@pytest.mark.parametrize("body", ["", "{}", '{"uuid": "x"}'])
async def test_the_answer_of_an_action_may_have_any_content(
    sodata: SoData, actions: DeviceActions, ups: SoDataDevice, body: str
) -> None:
    sodata.api.faults = [route(PUT + "activate", status=200, body=body)]
    await actions.run(ups.uuid, DeviceAction.ACTIVATE)
