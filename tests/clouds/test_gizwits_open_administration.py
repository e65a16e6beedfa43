"""What the Open API offers beyond values: bindings, groups and scenes."""

import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from custom_components.datapoint_cloud.clouds.administration import Administration
from custom_components.datapoint_cloud.clouds.errors import (
    CloudError,
    DeviceGone,
    Forbidden,
    Reason,
    Rejected,
    UnexpectedAnswer,
)
from custom_components.datapoint_cloud.clouds.gizwits.open.api import GizwitsOpenCloud
from simulator.gizwits import GizwitsOpenServer
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.products import SPA
from simulator.server import Fault
from simulator.simulation import Simulation

from .gizwits_clouds import open_cloud


@pytest.fixture
def server(simulation: Simulation) -> GizwitsOpenServer:
    return simulation.gizwits_open


@pytest.fixture
def spa(server: GizwitsOpenServer) -> GizwitsDevice:
    return next(device for device in server.devices.values() if device.product is SPA)


@pytest.fixture
async def cloud(server: GizwitsOpenServer) -> AsyncIterator[GizwitsOpenCloud]:
    async with aiohttp.ClientSession() as session:
        yield open_cloud(session, server)


@pytest.fixture
def administration(cloud: GizwitsOpenCloud) -> Administration:
    return cloud.administration


async def test_a_device_is_bound_by_its_mac(
    administration: Administration, server: GizwitsOpenServer, spa: GizwitsDevice
) -> None:
    assert administration.bindings is not None
    spa.uid = None
    secret = server.bindings.product_secret(SPA.key)
    await administration.bindings.bind_by_mac(SPA.key, secret, spa.mac, name="Garden")
    assert (server.devices[spa.did].uid, spa.alias) == (server.uid, "Garden")


@pytest.mark.parametrize(("secret", "mac", "kind"), [("wrong", None, Forbidden), (None, "000000000000", DeviceGone)])
async def test_a_binding_by_mac_is_refused_for_what_is_wrong(
    administration: Administration,
    server: GizwitsOpenServer,
    spa: GizwitsDevice,
    secret: str | None,
    mac: str | None,
    kind: type[CloudError],
) -> None:
    assert administration.bindings is not None
    right = server.bindings.product_secret(SPA.key)
    with pytest.raises(kind) as error:
        await administration.bindings.bind_by_mac(SPA.key, secret or right, mac or spa.mac)
    assert right not in str(error.value)


async def test_a_device_is_bound_by_its_qr_code(
    administration: Administration, server: GizwitsOpenServer, spa: GizwitsDevice
) -> None:
    assert administration.bindings is not None
    spa.uid = None
    await administration.bindings.bind_by_qr(server.bindings.qr_content(spa))
    assert spa.uid == server.uid
    with pytest.raises(Rejected) as refusal:
        await administration.bindings.bind_by_qr("something else")
    assert refusal.value.reason is Reason.BAD_QR_CODE


async def test_devices_are_renamed_and_unbound(administration: Administration, spa: GizwitsDevice) -> None:
    assert administration.bindings is not None
    await administration.bindings.rename(spa.did, "Roof")
    assert spa.alias == "Roof"
    result = await administration.bindings.unbind([spa.did, "unknown"])
    assert (result.succeeded, set(result.failed)) == ((spa.did,), {"unknown"})
    assert spa.uid is None


@pytest.mark.parametrize("list_key", [None, "objects", "groups"])
async def test_groups_are_made_filled_renamed_and_deleted(
    administration: Administration, server: GizwitsOpenServer, spa: GizwitsDevice, list_key: str | None
) -> None:
    server.list_key = list_key
    groups = administration.groups
    assert groups is not None
    assert {group.id for group in await groups.list_groups(None)} == set(server.groups.by_id)
    made = await groups.create_group(None, name="Outside")
    result = await groups.assign(None, made, [spa.did, "unknown"], reassign=False)
    assert result.succeeded == (spa.did,)
    failure = result.failed["unknown"]
    assert isinstance(failure, DeviceGone)
    assert (failure.reason, failure.code) == (Reason.NOT_FOUND, 9014)
    assert await groups.members(None, made) == [spa.did]
    await groups.rename_group(None, made, "Garden")
    named = {group.id: (group.name, group.devices) for group in await groups.list_groups(None)}
    assert named[made] == ("Garden", 1)
    assert (await groups.unassign(None, made, [spa.did])).succeeded == (spa.did,)
    await groups.delete_group(None, made)
    assert made not in server.groups.by_id


async def test_a_group_without_a_name_is_refused_without_a_request(
    administration: Administration, server: GizwitsOpenServer
) -> None:
    assert administration.groups is not None
    with pytest.raises(Rejected) as refusal:
        await administration.groups.create_group(None)
    assert (refusal.value.reason, refusal.value.subject) == (Reason.INVALID_REQUEST, "name")
    assert not server.requests


async def test_a_group_is_made_only_if_the_answer_has_its_id(
    administration: Administration, server: GizwitsOpenServer
) -> None:
    assert administration.groups is not None
    server.faults.append(Fault(matches=lambda request: request.path.endswith("/group"), status=200, body="{}"))
    with pytest.raises(UnexpectedAnswer):
        await administration.groups.create_group(None, name="Garden")


@pytest.mark.parametrize("body", ["null", "{}", '"x"', "[[1]]", '{"objects": null}', '{"a": [], "b": []}'])
async def test_an_answer_without_a_list_does_not_mean_that_there_is_nothing(
    administration: Administration, server: GizwitsOpenServer, body: str
) -> None:
    scenes, groups = administration.scenes, administration.groups
    assert scenes is not None
    assert groups is not None
    server.faults.append(Fault(matches=lambda request: request.method == "GET", status=200, body=body))
    for request in (scenes.list_scenes(), groups.list_groups(None), groups.members(None, "any")):
        with pytest.raises(UnexpectedAnswer):
            await request


async def test_the_devices_of_a_group_may_be_bare_ids(
    administration: Administration, server: GizwitsOpenServer
) -> None:
    assert administration.groups is not None
    server.faults.append(Fault(matches=lambda request: request.path.endswith("/devices"), status=200, body='["a"]'))
    assert await administration.groups.members(None, "any") == ["a"]


@pytest.mark.parametrize("list_key", [None, "scenes"])
async def test_a_scene_is_carried_out(
    administration: Administration, server: GizwitsOpenServer, list_key: str | None
) -> None:
    server.list_key = list_key
    scenes = administration.scenes
    assert scenes is not None
    (scene,) = await scenes.list_scenes()
    assert scene.name == "Spa evening"
    await scenes.run(scene.id)
    assert server.scenes.by_id[scene.id].runs == 1


@pytest.mark.parametrize("code", [9220, 9221])
async def test_a_scene_that_is_gone_is_unknown(
    administration: Administration, server: GizwitsOpenServer, code: int
) -> None:
    assert administration.scenes is not None
    body = json.dumps({"error_code": code, "error_message": "no", "detail_message": None})
    server.faults.append(Fault(matches=lambda request: "/task" in request.path, status=400, body=body))
    with pytest.raises(Rejected) as refusal:
        await administration.scenes.run("unknown")
    assert (refusal.value.reason, refusal.value.code) == (Reason.UNKNOWN_SCENE, code)
