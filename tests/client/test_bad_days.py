"""What the client says when a part of an account cannot be listed, read or understood."""

import asyncio
import json
import os
from typing import Any

import pytest
from aiohttp import web

from simulator.gizwits.devices import GizwitsDevice
from simulator.server import Fault
from simulator.simulation import Simulation

from .conftest import Run
from .logins import login_of


def _spa(simulation: Simulation) -> GizwitsDevice:
    return next(device for device in simulation.gizwits_open.devices.values() if device.alias == "Terrace spa")


def _is_definition(request: web.Request) -> bool:
    return request.path == "/app/datapoint"


def _error(code: int) -> str:
    return json.dumps({"error_code": code, "error_message": "refused", "detail_message": None})


async def test_a_device_is_found_by_its_id_if_its_name_is_not_the_only_one(run_as: Run, simulation: Simulation) -> None:
    missing = await run_as("gizwits_open", "read", "Nowhere")
    assert (missing.code, missing.err) == (1, "The account has no device Nowhere.\n")
    for device in list(simulation.gizwits_open.devices.values())[:2]:
        device.alias = "Twin"
    several = await run_as("gizwits_open", "read", "twin")
    first, second = list(simulation.gizwits_open.devices)[:2]
    assert several.code == 1
    assert several.err.startswith("Several devices are named twin. Use an id: ")
    assert {first, second} == set(several.err.strip().rpartition(": ")[2].split(", "))
    assert (await run_as("gizwits_open", "read", first)).code == 0


async def test_a_product_whose_secret_is_wrong_costs_only_its_own_devices(run: Run, simulation: Simulation) -> None:
    login = login_of(simulation, "gizwits_enterprise")
    whole = (await run("--login", "-", "--json", "devices", typed=json.dumps(login))).json
    login["scopes"][0]["product_secret"] = "wrong"
    product_key = login["scopes"][0]["product_key"]
    rest = await run("--login", "-", "--json", "devices", typed=json.dumps(login))
    assert rest.err.startswith(f"{product_key}: ")
    lost = simulation.gizwits_enterprise.products[product_key].devices
    assert {device["id"] for device in rest.json} == {device["id"] for device in whole} - set(lost)


async def test_a_device_that_cannot_be_read_is_named_beside_the_others(run_as: Run, simulation: Simulation) -> None:
    did = _spa(simulation).did
    fault = Fault(matches=lambda request: did in request.path, status=400, body=_error(9014))
    simulation.gizwits_open.faults.append(fault)
    read = await run_as("gizwits_open", "--json", "read")
    assert read.err.startswith("Terrace spa: ")
    assert "Terrace spa" not in {row["device"] for row in read.json}
    assert len({row["device"] for row in read.json}) > 2
    assert read.code == 0


async def test_a_limit_ends_the_reading_after_what_was_read(run_as: Run, simulation: Simulation) -> None:
    did = _spa(simulation).did
    fault = Fault(matches=lambda request: did in request.path, status=429, body="")
    simulation.gizwits_open.faults.append(fault)
    read = await run_as("gizwits_open", "--json", "read", "客厅空调", "Terrace spa")
    assert {row["device"] for row in read.json} == {"客厅空调"}
    assert (read.code, read.err.count("\n")) == (1, 1)


async def test_a_product_without_a_definition_is_read_without_units(run_as: Run, simulation: Simulation) -> None:
    simulation.gizwits_open.faults.append(Fault(matches=_is_definition, status=404, body=_error(9029)))
    described = await run_as("gizwits_open", "datapoints")
    assert (described.code, described.err) == (0, "There is nothing to show.\n")
    assert (await run_as("gizwits_open", "read")).code == 0


async def test_a_definition_that_cannot_be_fetched_is_explained(run_as: Run, simulation: Simulation) -> None:
    simulation.gizwits_open.faults.append(Fault(matches=_is_definition, status=502, body=""))
    read = await run_as("gizwits_open", "read", "Terrace spa")
    assert (read.code, read.out) == (1, "")
    assert read.err.startswith("The server of the cloud failed.")


async def test_datapoints_that_are_not_understood_are_named(run_as: Run, simulation: Simulation) -> None:
    def damage(body: Any) -> Any:
        for entity in body["entities"]:
            for attribute in entity["attrs"]:
                if attribute["name"] == "set_temp":
                    attribute["data_type"] = "float64"
        return body

    simulation.gizwits_open.faults.append(Fault(matches=_is_definition, changes=damage))
    described = await run_as("gizwits_open", "--json", "datapoints", "Terrace spa")
    assert described.err == "Terrace spa: not understood: set_temp\n"
    assert "set_temp" not in {row["datapoint"] for row in described.json}


async def test_a_series_that_cannot_be_read_is_named_beside_the_others(run_as: Run) -> None:
    past = await run_as("sodata", "--json", "history", "Masterys U2 CDS", "Global|0|140100", "none", "--from", "5h")
    assert {row["of"] for row in past.json} == {"Global|0|140100"}
    assert past.err.startswith("none: ")


async def test_going_offline_is_shown_when_it_is_pushed(run_as: Run, simulation: Simulation) -> None:
    spa = _spa(simulation)
    watching = asyncio.create_task(run_as("gizwits_open", "--json", "watch", "Terrace spa", "--minutes", "0.03"))
    async with asyncio.timeout(5):
        while not simulation.gizwits_open.push.commands("subscribe_req"):  # noqa: ASYNC110  # no event announces it
            await asyncio.sleep(0.05)
    spa.is_online = False
    news = [json.loads(line) for line in (await watching).out.splitlines()]
    assert ("online", False) in {(one["datapoint"], one["value"]) for one in news if one["datapoint"] == "online"}


@pytest.mark.parametrize(
    ("status", "why"),
    [(502, "Masterys U2 CDS: The server of the cloud failed."), (429, "The cloud accepts no more requests for now.")],
    ids=["a failure of a device", "a limit that ends the round"],
)
async def test_a_poll_that_fails_says_why(run_as: Run, simulation: Simulation, status: int, why: str) -> None:
    fault = Fault(matches=lambda request: request.path.endswith("/last-values"), status=status, body="")
    simulation.sodata.faults.append(fault)
    watched = await run_as("sodata", "watch", "Masterys U2 CDS", "--minutes", "0.02")
    assert (watched.code, watched.out) == (0, "")
    assert why in watched.err


async def test_a_reader_that_has_seen_enough_is_no_error_to_read_about(
    run_as: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr("sys.stdout", pipe)
        ended = await run_as("firstlight", "devices")
    assert (ended.code, ended.err) == (1, "")


@pytest.mark.parametrize("name", ["Nowhere/At_all", "../etc"])
async def test_an_unknown_time_zone_of_the_machine_is_no_obstacle(
    run_as: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TZ", name)
    usage = await run_as("firstlight", "--json", "aggregate", "content genre per day", "--period", "day")
    assert (usage.code, usage.err) == (0, "")
    assert usage.json
