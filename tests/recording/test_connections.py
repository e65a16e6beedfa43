"""Requests and connections that fail are part of a recording."""

from typing import Any

from custom_components.datapoint_cloud.recording.recorder import read
from custom_components.datapoint_cloud.recording.report import report
from simulator.server import Fault
from simulator.simulation import Simulation

from .recorded import Recording, record


def _connections(recording: Recording) -> list[dict[str, Any]]:
    return [line for line in recording.decoded() if "connection" in line]


async def test_a_request_without_an_answer_is_recorded_with_its_body(simulation: Simulation) -> None:
    simulation.sodata.faults.append(Fault(matches=lambda request: request.path.endswith("/last-values"), drops=True))
    lines = list((await record(simulation, "sodata")).decoded())
    failed = next(line for line in lines if "failure" in line)
    listed = next(
        line["answer"]["json"]["results"] for line in lines if line["url"].endswith("/devices?take=100&skip=0")
    )
    assert failed["failure"] == "ServerDisconnectedError"
    assert {row["uuid"] for row in listed} == set(failed["sent"]["json"]["deviceUuids"])
    assert failed["sent_headers"].keys() == {"Authorization", "Content-Type"}
    assert "status" not in failed


async def test_a_refused_websocket_is_recorded_and_reported(simulation: Simulation) -> None:
    simulation.gizwits_open.faults.append(
        Fault(matches=lambda request: request.path.startswith("/ws/"), status=403, times=10)
    )
    recording = await record(simulation, "gizwits_open")
    lines = _connections(recording)
    assert lines
    assert {(line["event"], line["failure"]) for line in lines} == {("failed", "HTTP 403")}
    text = report(read(recording.lines))
    assert f"**Connections that failed**\n\n- `{lines[0]['url'].removesuffix('/ws/app/v1')}`: HTTP 403 (" in text


async def test_snoti_that_does_not_answer_is_recorded_and_reported(simulation: Simulation) -> None:
    address = simulation.gizwits_snoti.address
    await simulation.gizwits_snoti.stop()
    recording = await record(simulation, "gizwits_enterprise")
    failed = [line for line in _connections(recording) if line["event"] == "failed"]
    assert {(line["url"], line["failure"]) for line in failed} == {(f"snoti://{address}", "ConnectionRefusedError")}
    assert f"- `snoti://{address}`: ConnectionRefusedError (2×)" in report(read(recording.lines))


async def test_every_connection_has_its_end(simulation: Simulation) -> None:
    for kind in ("gizwits_open", "gizwits_enterprise"):
        lines = _connections(await record(simulation, kind))
        opened = {line["connection"] for line in lines if line["event"] == "opened"}
        assert opened
        assert opened == {line["connection"] for line in lines if line["event"] == "closed"}
