"""What the form says of a Gizwits user who has no devices, and where it looks for them."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from unittest.mock import AsyncMock

import pytest
from aiohttp import web
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from custom_components.datapoint_cloud.accounts import gizwits_open
from custom_components.datapoint_cloud.clouds.gizwits.open.login import REGIONS, Region
from simulator.gizwits import GizwitsOpenServer
from simulator.gizwits.open_sharing import Invitation, State
from simulator.server import Fault
from simulator.simulation import Simulation

from .flows import Input, choose, shown_in, submit, typed_for

LOGIN = "POST /app/login"

type Regions = dict[str, GizwitsOpenServer]


@pytest.fixture(autouse=True)
def _no_set_up(setup_entry: AsyncMock) -> None:
    """Only the forms are tested here."""


@pytest.fixture
async def regions(simulation: Simulation, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Regions]:
    """A server for each region. In Europe the user has no devices, and the others do not know the user."""
    servers = {"eu": simulation.gizwits_open}
    for name in ("cn", "us"):
        servers[name] = GizwitsOpenServer(simulation.gizwits_open.clock, 1)
        await servers[name].start()
        servers[name].accounts.users.clear()
    for name, server in servers.items():
        monkeypatch.setitem(REGIONS, name, Region(server.url, server.url))
    servers["eu"].devices.clear()
    yield servers
    for name in ("cn", "us"):
        await servers[name].stop()


def _give_users(server: GizwitsOpenServer) -> None:
    """Let the server know the user, whose devices it has."""
    server.accounts.users |= GizwitsOpenServer(server.clock, 1).accounts.users


def _give_devices(server: GizwitsOpenServer) -> None:
    server.devices |= GizwitsOpenServer(server.clock, 1).devices


def _typed(simulation: Simulation, **changes: Any) -> Input:
    typed = typed_for(simulation, "gizwits_open") | changes
    del typed["advanced"]
    return typed


async def _add(hass: HomeAssistant, simulation: Simulation, **changes: Any) -> Any:
    return await submit(hass.config_entries.flow, await choose(hass, "gizwits_open"), _typed(simulation, **changes))


async def test_devices_in_another_region_are_one_click_away(
    hass: HomeAssistant, simulation: Simulation, regions: Regions
) -> None:
    _give_users(regions["cn"])
    form = await _add(hass, simulation)
    assert form["errors"] == {"region": "devices_in_cn"}
    assert form["description_placeholders"]["devices"] == "6"  # the disabled one is not listed
    assert shown_in(form) == _typed(simulation) | {"region": "cn"}
    result = await submit(hass.config_entries.flow, form, shown_in(form))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"]["region"] == "cn"


async def test_a_user_who_is_really_without_devices_can_be_added(
    hass: HomeAssistant, simulation: Simulation, regions: Regions
) -> None:
    form = await _add(hass, simulation)
    assert form["errors"] == {"username": "no_devices_anywhere"}
    assert regions["cn"].requests[LOGIN] > 0
    logins = {name: server.requests[LOGIN] for name, server in regions.items()}
    result = await submit(hass.config_entries.flow, form, shown_in(form))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert {name: server.requests[LOGIN] for name, server in regions.items()} == logins | {"eu": logins["eu"] + 1}


async def test_a_password_that_another_region_refuses_is_never_sent_there_again(
    hass: HomeAssistant, simulation: Simulation, regions: Regions
) -> None:
    _give_users(regions["cn"])
    regions["cn"].accounts.users[regions["cn"].uid].password = "of somebody else"
    for _ in range(4):
        form = await _add(hass, simulation)
        assert form["errors"] == {"region": "no_devices"}
    assert regions["cn"].requests[LOGIN] == 1
    assert regions["us"].requests[LOGIN] == 0


async def test_a_refused_password_is_tried_nowhere_else(
    hass: HomeAssistant, simulation: Simulation, regions: Regions
) -> None:
    form = await _add(hass, simulation, password="wrong")
    assert form["errors"] == {"password": "wrong_password"}
    assert [regions[name].requests[LOGIN] for name in ("cn", "us")] == [0, 0]


@pytest.mark.parametrize(
    ("status", "error"),
    [(0, "invitation_waits"), (1, "sharing_ended"), (2, "no_devices_anywhere"), (3, "sharing_ended")],
)
async def test_an_invitation_explains_why_a_guest_has_no_devices(
    hass: HomeAssistant, simulation: Simulation, regions: Regions, status: State, error: str
) -> None:
    server = regions["eu"]
    server.sharing.received.append(Invitation(server.uid, "did", status))
    form = await _add(hass, simulation)
    assert form["errors"] == {"username": error}


async def test_an_anonymous_user_is_made_in_no_other_region(
    hass: HomeAssistant, simulation: Simulation, regions: Regions
) -> None:
    typed = _typed(simulation)
    del typed["username"], typed["password"]
    typed["advanced"] = {"phone_id": "a phone id that the app did not make"}
    form = await submit(hass.config_entries.flow, await choose(hass, "gizwits_open"), typed)
    assert form["errors"] == dict.fromkeys(("phone_id", "advanced"), "no_devices_anonymous")
    assert not regions["cn"].requests + regions["us"].requests


async def test_a_server_of_ones_own_has_no_other_regions(
    hass: HomeAssistant, simulation: Simulation, regions: Regions
) -> None:
    typed = typed_for(simulation, "gizwits_open")
    form = await submit(hass.config_entries.flow, await choose(hass, "gizwits_open"), typed)
    assert form["errors"] == {"region": "no_devices"}
    assert not regions["cn"].requests + regions["us"].requests


async def test_devices_in_another_app_are_one_click_away(
    hass: HomeAssistant, simulation: Simulation, regions: Regions
) -> None:
    server, bestway = regions["eu"], "98754e684ec045528b073876c34c7348"
    _give_devices(server)
    typed_app, server.app_id = server.app_id, bestway
    token = {"token": "t", "uid": "u", "expire_at": 4_000_000_000}
    for path, body in {"/app/login": token, "/app/bindings": {"devices": []}}.items():
        server.faults.append(Fault(matches=partial(_is_of, typed_app, path), body=json.dumps(body)))
    form = await _add(hass, simulation, app_id=typed_app)
    assert form["errors"] == {"app_id": "devices_in_other_app"}
    assert form["description_placeholders"]["devices"] == "6"
    assert form["description_placeholders"]["app"] == "Bestway"
    result = await submit(hass.config_entries.flow, form, shown_in(form))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"]["app_id"] == bestway


def _is_of(app_id: str, path: str, request: web.Request) -> bool:
    return request.path == path and request.headers["X-Gizwits-Application-Id"] == app_id


async def test_a_region_that_keeps_the_user_waiting_ends_the_search(
    hass: HomeAssistant, simulation: Simulation, regions: Regions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gizwits_open, "_SEARCH_SECONDS", 0.05)
    gate = asyncio.Event()
    regions["cn"].faults.append(Fault(gate=gate))
    form = await _add(hass, simulation)
    gate.set()
    assert form["errors"] == {"region": "no_devices"}
    assert regions["us"].requests[LOGIN] == 0
