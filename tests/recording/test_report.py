"""What a recording teaches: what a cloud does that its documents do not expect."""

import json
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest

from custom_components.datapoint_cloud.recording.recorder import read
from custom_components.datapoint_cloud.recording.report import report
from simulator.server import Fault
from simulator.simulation import Simulation
from tests.client.logins import KINDS

from .recorded import record


async def _report(simulation: Simulation, kind: str) -> str:
    return report(read((await record(simulation, kind)).lines))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_cloud_that_does_what_is_documented_is_not_unexpected(simulation: Simulation, kind: str) -> None:
    text = await _report(simulation, kind)
    assert text.startswith(f"## Recording of {kind}: ")
    for heading in ("Endpoints", "Fields", "Messages", "Error codes", "Headers"):
        assert f"**{heading} " not in text, text
    assert "**Rows in the largest page**" in text


def _add(changes: dict[str, Any]) -> Any:
    """Return a change of an answer that adds fields to its first row or to itself."""

    def change(body: Any) -> Any:
        rows = next((value for value in body.values() if isinstance(value, list)), None)
        (rows[0] if rows else body).update(changes)
        return body

    return change


async def test_what_a_cloud_does_otherwise_is_reported(simulation: Simulation) -> None:
    simulation.seconds_ahead = 90
    server = simulation.gizwits_enterprise
    server.aggregation.label_zone = timezone(timedelta(hours=8))
    server.faults += [
        Fault(matches=lambda request: request.path.endswith("/search"), changes=_add({"rssi": -60, "owner": {"a": 1}})),
        Fault(matches=lambda request: request.path.endswith("/report/rt"), status=418, body='{"error_code": "5999"}'),
        Fault(matches=lambda request: request.path.endswith("/users/report/total"), drops=True),
        Fault(
            matches=lambda request: request.path.endswith("/online"),
            status=200,
            body='{"meta": {"total": 50}, "objects": [1, 2]}',
            headers={"X-Daily-Limit": "100"},
        ),
    ]
    text = await _report(simulation, "gizwits_enterprise")
    for line in (
        "- `GET /v1/products/{product_key}/devices/search`: `objects[].rssi` (number ",
        "- `GET /v1/products/{product_key}/devices/search`: `objects[].owner` (object ",
        "- `GET /v1/products/{product_key}/devices/report/rt`: 5999 with HTTP 418 (2×)",
        "- `GET /v1/products/{product_key}/devices/report/rt`: HTTP 418, code 5999 (2×)",
        "- `X-Daily-Limit`: 100",
        "- `GET /v1/products/{product_key}/devices/{did}/online`: 2 of 1000, although there were more",
        "- `X-RateLimit-Limit`: 3600 at the beginning, 3600 at the end",
    ):
        assert line in text, text
    assert "/users/report/total`: ServerDisconnectedError" in text
    assert "+8 hours from UTC" in text


def _damage_definition(body: Any) -> Any:
    body["entities"][0]["attrs"][0]["data_type"] = "float"
    return body


def _to_milliseconds(body: Any) -> Any:
    return body | {"updated_at": body["updated_at"] * 1000}


def _at(path: str) -> Any:
    return lambda request: path in request.path


async def test_words_times_and_answers_of_another_kind_are_reported(simulation: Simulation) -> None:
    simulation.gizwits_open.faults += [
        Fault(matches=_at("/app/datapoint"), changes=_damage_definition),
        Fault(matches=_at("/latest"), changes=_to_milliseconds),
        Fault(matches=_at("/agg_data"), status=429, body="{}", headers={"X-Throttle-Budget": "5"}),
        Fault(matches=_at("/app/scene"), status=200, body="<html>", content_type="text/html"),
    ]
    text = await _report(simulation, "gizwits_open")
    for line in (
        "- `data_type`: `float` (",
        "- `GET /app/devdata/{did}/latest`: `updated_at` (",
        "- `GET /app/scene`: text/html; charset=utf-8 with HTTP 200 (1×)",
        "- `X-Throttle-Budget`: 5",
    ):
        assert line in text, text
    assert "**Connections that failed**" not in text  # the end of the recording is none
    assert len(text.splitlines()) < 50


async def test_a_shape_that_no_document_tells_is_shown_without_its_contents(simulation: Simulation) -> None:
    text = await _report(simulation, "firstlight")
    assert "`data` is [{name: text, value: number, date: text}] (" in text
    simulation.firstlight.data_shape = "strange"
    text = await _report(simulation, "firstlight")
    assert "`data` is [[number, text, null], {deep: {deeper: list}}, text] (" in text


async def test_labels_of_sodata_are_compared_with_utc(simulation: Simulation) -> None:
    assert "+0 hours from UTC" in await _report(simulation, "sodata")
    simulation.sodata.history_rules.labels = "end"
    assert "+1 hours from UTC" in await _report(simulation, "sodata")


async def test_unknown_units_and_messages_are_reported(simulation: Simulation) -> None:
    for device in simulation.sodata.devices.values():
        variable = next(iter(device.variables.values()))
        variable.service = replace(variable.service, unit="FURLONG_PER_FORTNIGHT")
    assert "- `FURLONG_PER_FORTNIGHT` (" in await _report(simulation, "sodata")
    lines = (await record(simulation, "gizwits_open", seconds=1.5)).lines
    number = next(number for number, line in enumerate(lines) if '"received"' in line)
    message = json.loads(lines[number])
    lines += [json.dumps(message | {"json": {"cmd": "s2c_dance", "data": {}}})]
    message["json"]["data"]["steps"] = 1
    text = report(read([*lines, json.dumps(message)]))
    assert "- `s2c_dance` (1×)" in text
    assert "- `login_res`: `data.steps` (number 1×)" in text


async def test_the_server_clock_and_slow_answers_are_reported(simulation: Simulation) -> None:
    lines = (await record(simulation, "firstlight", seconds=0)).lines
    line = json.loads(lines[1])
    line["seconds"] = 12.0
    line["headers"]["Date"] = "Fri, 01 Jan 2100 00:00:00 GMT"
    text = report(read([lines[0], json.dumps(line)]))
    assert "- `GET /user/usage/aggregate/{aty}/{field}` took 12 seconds" in text
    assert "- the server's clock is " in text
    assert text.rstrip().endswith("seconds ahead")


def test_a_long_report_is_cut() -> None:
    header = {"format": "datapoint-cloud-recording", "version": 1, "cloud": "firstlight", "account": {}, "scopes": []}
    header |= {"started_at": "2026-01-01T00:00:00+00:00", "made_with": "1", "is_complete": False}
    lines = [header] + [{"at": n, "method": "GET", "url": f"https://host/{n}", "status": 200} for n in range(30)]
    text = report(lines)
    assert "not complete" in text
    assert "- and 18 more" in text
