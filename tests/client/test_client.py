"""What the command-line client prints, asks and keeps, and that it needs nothing of Home Assistant."""

import asyncio
import json
import os
import runpy
import stat
import sys
from pathlib import Path

import pytest

import custom_components.datapoint_cloud as integration
from simulator.gizwits.devices import GizwitsDevice
from simulator.server import Fault
from simulator.simulation import Simulation

from .conftest import Printed, Run
from .logins import KINDS, login_of

_INTEGRATION = Path(integration.__file__).parent
_PROGRAM = str(_INTEGRATION / "client" / "__main__.py")


def _spa(simulation: Simulation) -> GizwitsDevice:
    return next(device for device in simulation.gizwits_open.devices.values() if device.alias == "Terrace spa")


# Asking


@pytest.mark.parametrize("kind", KINDS)
async def test_it_lists_the_devices_of_every_cloud_and_reads_them(run_as: Run, kind: str) -> None:
    table = await run_as(kind, "devices")
    devices = (await run_as(kind, "--json", "devices")).json
    assert (table.code, table.err) == (0, "")
    assert table.out.splitlines()[0].split()[:2] == ["NAME", "ID"]
    assert len(table.out.splitlines()) == len(devices) + 1 > 1
    for device in devices:
        assert f"{device['name']} " in table.out
        assert device["id"] in table.out
    reported = (await run_as(kind, "--json", "read", devices[-1]["id"])).json
    assert reported
    assert {reading["device"] for reading in reported} == {devices[-1]["name"]}
    assert (await run_as(kind, "account", "--json")).json[0]["devices"] == len(devices)


async def test_it_describes_datapoints(run_as: Run) -> None:
    datapoints = {row["datapoint"]: row for row in (await run_as("gizwits_open", "--json", "datapoints")).json}
    assert datapoints["set_temp"]["type"] == "number"
    assert datapoints["temp_set_unit"]["options"] == ["华氏", "摄氏"]
    table = (await run_as("gizwits_open", "datapoints", "terrace SPA")).out
    assert "华氏, 摄氏" in table
    before_roles = [line.partition("status")[0] for line in table.splitlines() if "status" in line]
    widths = {sum(1 + (ord(character) > 0x2E80) for character in line) for line in before_roles}
    assert len(widths) == 1  # the columns are aligned although some characters are wide


async def test_it_sets_values_and_explains_refusals(run_as: Run, simulation: Simulation) -> None:
    accepted = (await run_as("gizwits_open", "--json", "set", "Terrace spa", "set_temp=30", "heat=on")).json
    assert accepted == [{"datapoint": "set_temp", "value": 30}, {"datapoint": "heat", "value": True}]
    assert _spa(simulation).attrs["set_temp"] == 30
    for value, words in {
        "set_temp=300": "Enter a number from 20 to 40 in steps of 0.5 for set_temp of Terrace spa.",
        "water_temp=30": "water_temp of Terrace spa is read-only.",
        "nothing=1": "Terrace spa has no datapoint nothing.",
        "set_temp": "set_temp is not of the form DATAPOINT=VALUE.",
        "set_temp=warm": "warm is not a number.",
    }.items():
        refused = await run_as("gizwits_open", "set", "Terrace spa", value)
        assert (refused.code, refused.out) == (1, "")
        assert refused.err.startswith(words), refused.err


async def test_it_reads_history_aggregates_and_logs(run_as: Run, simulation: Simulation) -> None:
    ups = ("Masterys U2 CDS", "Global|0|140100", "--from", "5h")
    readings = (await run_as("sodata", "--json", "history", *ups)).json
    buckets = (await run_as("sodata", "--json", "aggregate", *ups, "--period", "hour")).json
    assert 4 <= len(buckets) <= 6
    assert len(readings) > 20
    usage = (await run_as("firstlight", "--json", "aggregate", "content genre per day", "--period", "day")).json
    assert {row["label"] for row in usage} >= {"Drama", "Comedy"}
    log = (await run_as("gizwits_open", "--json", "logs", "客厅空调", "--from", "2d")).json
    assert {row["kind"] for row in log} == {"dev_online", "dev_offline"}
    refused = await run_as("gizwits_open", "history", "客厅空调", "set_temp")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("The vendor has not enabled this function.")
    quiet = await run_as("gizwits_open", "logs", "客厅空调", "--from", "1m")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "There is nothing to show.\n")
    empty = await run_as("gizwits_open", "logs", "客厅空调", "--from", "2026-01-02", "--to", "2026-01-01T12:00")
    assert empty.err == "The start of the range is not before its end.\n"


async def test_it_shows_what_is_pushed(run_as: Run, simulation: Simulation) -> None:
    watched = await run_as("gizwits_open", "--json", "watch", "Terrace spa", "--minutes", "0.02")
    news = [json.loads(line) for line in watched.out.splitlines()]
    assert (watched.code, {one["device"] for one in news}) == (0, {"Terrace spa"})
    assert {one["datapoint"]: one["value"] for one in news}["water_temp"] == _spa(simulation).attrs["water_temp"]


async def test_it_shows_what_a_product_pushes(run_as: Run, simulation: Simulation) -> None:
    product = next(iter(simulation.gizwits_enterprise.products.values()))
    device = next(iter(product.devices.values()))
    snoti = simulation.gizwits_snoti
    watching = asyncio.create_task(run_as("gizwits_enterprise", "--json", "watch", "--minutes", "0.05"))
    for _ in range(10):
        await asyncio.sleep(0.2)
        snoti.report(device, {"set_temp": 21})
    news = [json.loads(line) for line in (await watching).out.splitlines()]
    assert ("set_temp", 21) in {(one["datapoint"], one["value"]) for one in news}


async def test_devices_of_a_cloud_without_push_are_polled(run_as: Run) -> None:
    watched = await run_as("firstlight", "watch", "--minutes", "0.01")
    assert watched.err == "This cloud pushes nothing, so its devices are read at their interval.\n"
    assert "value:Drama" in watched.out


# Logging in


async def test_it_asks_for_the_login_and_keeps_nothing(
    run: Run, simulation: Simulation, typed_secretly: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    server = simulation.gizwits_open
    typed_secretly += [server.password, ""]
    answers = ["1", "eu", server.app_id, server.username, server.url]
    listed = await run("--advanced", "devices", typed="\n".join([*answers, "y\n"]))
    assert listed.code == 0, listed.err
    assert "Terrace spa" in listed.out
    assert server.password not in listed.out + listed.err
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # `iterdir` is not for async functions


async def test_a_file_keeps_the_login_and_its_token_for_its_owner_only(
    run: Run, simulation: Simulation, typed_secretly: list[str], tmp_path: Path
) -> None:
    server = simulation.firstlight
    typed_secretly += [server.authorization_token, server.user_token]
    kept = tmp_path / "login.json"
    answers = [server.url, "content", "genre", "", "day", "", "", "n", "y"]
    first = await run("--cloud", "firstlight", "--login", str(kept), "--json", "read", typed="\n".join([*answers, ""]))
    assert first.code == 0, first.err
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    again = await run("--login", str(kept), "--json", "read")
    assert (again.code, again.json) == (0, first.json)
    kept.chmod(0o644)
    refused = await run("--login", str(kept), "read")
    assert refused == Printed(1, "", f"Others may read {kept}. Run: chmod 600 {kept}\n")


async def test_a_kept_token_needs_no_second_login(run: Run, simulation: Simulation, tmp_path: Path) -> None:
    kept = tmp_path / "login.json"
    kept.write_text(json.dumps(login_of(simulation, "gizwits_open")))
    kept.chmod(0o600)
    for _ in range(2):
        assert (await run("--login", str(kept), "account")).code == 0
    assert simulation.gizwits_open.requests["POST /app/login"] == 1


async def test_wrong_logins_are_explained_in_the_words_of_the_forms(
    run: Run, run_as: Run, simulation: Simulation
) -> None:
    simulation.gizwits_open.password = "changed"
    login = login_of(simulation, "gizwits_open")
    login["account"]["password"] = "wrong"
    refused = await run("--login", "-", "devices", typed=json.dumps(login))
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("The cloud refuses the username or the password.")
    german = await run("--login", "-", "--language", "xx", "devices", typed=json.dumps(login))
    assert german.err == refused.err
    del login["account"]["password"]
    missing = await run("--login", "-", "devices", typed=json.dumps(login))
    assert missing.err == "Password (password): Fill in this field.\n"
    for nonsense in ("", "[]", '{"account": 1}', '{"account": {"cloud": "none"}}'):
        bad = await run("--login", "-", "devices", typed=nonsense)
        assert bad.code == 1
        assert bad.err.startswith("The input ")


async def test_a_lost_cloud_is_explained(run_as: Run, simulation: Simulation) -> None:
    simulation.sodata.faults.append(Fault(status=502, body="<html>"))
    lost = await run_as("sodata", "devices")
    assert (lost.code, lost.out) == (1, "")
    assert lost.err.startswith("The server of the cloud failed.")


# Where it runs


@pytest.mark.parametrize(
    ("folder", "arguments"),
    [(_INTEGRATION.parent.parent, ["custom_components/datapoint_cloud/client"]), (_INTEGRATION, ["-m", "client"])],
    ids=["from a checkout", "from the integration's folder"],
)
async def test_it_runs_as_a_program_without_home_assistant(
    simulation: Simulation, tmp_path: Path, folder: Path, arguments: list[str]
) -> None:
    for name in ("homeassistant", "voluptuous"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not here')")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        *("--login", "-", "--json", "devices"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    out, err = await process.communicate(json.dumps(login_of(simulation, "firstlight")).encode())
    assert (process.returncode, err.decode()) == (0, "")
    assert json.loads(out)[0]["name"] == "content genre per day"


def test_its_folders_hide_no_module_of_python(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folders = {str(_INTEGRATION), str(_INTEGRATION / "client")}
    monkeypatch.setattr("sys.path", [*folders, *sys.path])
    monkeypatch.setattr("sys.argv", ["client", "report", str(tmp_path / "missing")])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(_PROGRAM, run_name="__main__")
    assert not folders & set(sys.path)
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"{tmp_path / 'missing'} cannot be read: No such file or directory.\n"
    for name in [name for name in sys.modules if name.startswith("datapoint_cloud_client")]:
        del sys.modules[name]  # its own copies of the integration's modules


@pytest.mark.parametrize(
    ("target", "value", "missing"),
    [
        ("sys.version_info", (3, 13), "Python 3.14 or newer"),
        ("importlib.util.find_spec", lambda _: None, "aiohttp. Run it with the Python of Home Assistant"),
    ],
)
def test_it_says_what_it_needs_to_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], target: str, value: object, missing: str
) -> None:
    monkeypatch.setattr("sys.path", sys.path.copy())
    monkeypatch.setattr(target, value)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(_PROGRAM, run_name="__main__")
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith(f"This needs {missing}")


async def test_the_help_names_every_command_and_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    from custom_components.datapoint_cloud.client.main import main  # noqa: PLC0415

    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert all(f"    {name} " in text for name in ("devices", "datapoints", "read", "watch", "set", "history", "logs"))
    assert not [word for word in ("--password", "--secret", "--token") if word in text]


async def test_a_time_that_is_none_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    from custom_components.datapoint_cloud.client.main import main  # noqa: PLC0415

    with pytest.raises(SystemExit) as ended:
        main(["logs", "Terrace spa", "--from", "soon"])
    assert ended.value.code == 2
    assert "soon is neither a time such as 2026-05-01T12:00 nor one such as 6h" in capsys.readouterr().err
