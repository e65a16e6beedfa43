"""`scripts/develop`: runs Home Assistant with an account of each simulated cloud until Ctrl-C."""

import argparse
import asyncio
import json
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from simulator.replay import Replay
from simulator.replay.recording import NotReadable, Recording
from simulator.simulation import Simulation

from . import dashboard, recorded
from .accounts import NAMES, OPTIONS, form_inputs
from .client import PASSWORD, USER, Client, Refused
from .home_assistant import DOMAIN, INTEGRATION, PROJECT, HomeAssistant, StartFailed

FOLDER = PROJECT / ".dev"
PORT = 8124
PUSH_SECONDS = 20


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/develop", description="Start Home Assistant with an account of each simulated cloud."
    )
    parser.add_argument("--empty", action="store_true", help="start without accounts, to try the config flow")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="start with a recorded account instead")
    parser.add_argument("--reset", action="store_true", help="delete the stored Home Assistant and start over")
    parser.add_argument(
        "--port",
        type=int,
        help=f"port of Home Assistant (default: {PORT}); the simulated clouds use the next ports",
    )
    return parser.parse_args()


def _simulation() -> Simulation:
    simulation = Simulation()
    simulation.gizwits_open.pushes_regularly = True
    simulation.gizwits_open.add_appliances()
    simulation.gizwits_open.add_wavemaker(ZoneInfo("Europe/Berlin"))
    simulation.gizwits_snoti.report_every = PUSH_SECONDS
    return simulation


async def _run(arguments: argparse.Namespace) -> None:
    clouds = _simulation() if arguments.replay is None else Replay(Recording.load(arguments.replay))
    folder = FOLDER / ("replay" if isinstance(clouds, Replay) else "empty" if arguments.empty else "home")
    is_new = arguments.reset or arguments.empty or isinstance(clouds, Replay)
    port = _port(folder, arguments.port, is_new=is_new)
    ports = {name: port + 1 + number for number, name in enumerate(clouds.names)}
    _require_free({"Home Assistant": port, **ports})
    if is_new:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    home_assistant = HomeAssistant(folder, port)
    try:
        await clouds.start(ports)
        async with _progress("Starting Home Assistant"):
            await home_assistant.start()
        async with Client(home_assistant.url) as client:
            if isinstance(clouds, Replay):
                await _add_recorded_account(client, clouds)
            elif not arguments.empty:
                await _add_accounts(client, clouds)
        _print_accounts(home_assistant, clouds)
        raise StartFailed(f"Home Assistant ended with exit code {await home_assistant.wait()}")
    finally:
        async with _progress("Stopping"):
            await home_assistant.stop()
            await clouds.stop()


async def _add_recorded_account(client: Client, replay: Replay) -> None:
    async with _progress(f"Adding the recorded account of {NAMES[replay.cloud]}"):
        entry_id = await recorded.add_account(client, replay)
    async with _progress("Creating the dashboard"):
        await dashboard.create(client, {entry_id: NAMES[replay.cloud]})


async def _add_accounts(client: Client, simulation: Simulation) -> None:
    if await dashboard.exists(client):
        return
    await client.remove_entries(DOMAIN)  # left over when the first start was interrupted
    headings: dict[str, str] = {}
    for kind, steps in form_inputs(simulation).items():
        async with _progress(f"Adding an account of {NAMES[kind]}"):
            headings[entry_id := await client.add_entry(DOMAIN, *steps)] = NAMES[kind]
            await client.set_options(entry_id, OPTIONS[kind])
    async with _progress("Creating the dashboards"):
        await dashboard.create_examples(client)
        await dashboard.create(client, headings)


def _port(folder: Path, requested: int | None, *, is_new: bool) -> int:
    """Return the port. Stored accounts contain their clouds' ports, so a stored Home Assistant keeps its port."""
    if is_new:
        return requested or PORT
    try:
        stored = json.loads((folder / ".storage" / "http").read_text())
        used: int = stored["data"]["stable"]["server_port"]
    except OSError, ValueError, KeyError:
        return requested or PORT
    if requested not in (None, used):
        raise StartFailed(f"{folder} was set up with port {used}. Leave out --port, or add --reset to start over.")
    return used


def _require_free(ports: Mapping[str, int]) -> None:
    for name, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise StartFailed(
                    f"Port {port} for {name} is in use. Does another scripts/develop run? "
                    "If not, choose other ports with --port N --reset."
                ) from None


@asynccontextmanager
async def _progress(step: str) -> AsyncIterator[None]:
    """Print the name of a step, and a dot for each second that it takes."""

    async def dots() -> None:
        while True:
            await asyncio.sleep(1)
            print(".", end="", flush=True)

    print(f"{step} …", end="", flush=True)
    task = asyncio.create_task(dots())
    try:
        yield
    finally:
        task.cancel()
        print(flush=True)


def _print_accounts(home_assistant: HomeAssistant, clouds: Simulation | Replay) -> None:
    inputs = {clouds.cloud: ({}, clouds.account)} if isinstance(clouds, Replay) else form_inputs(clouds)
    texts = json.loads((INTEGRATION / "translations" / "en.json").read_text())
    print("\nThe simulated clouds, as the list names them, and what to enter in their forms:\n")
    for kind, (_, *forms) in inputs.items():
        print(f"  {texts['config']['step']['user']['menu_options'][kind]}")
        for name, label, value in _fields(forms, texts["config"]["step"][kind]):
            print(f"    {label:<30} {texts['selector'].get(name, {}).get('options', {}).get(value, value)}")
    print()
    print(f"  Home Assistant   {home_assistant.url}")
    print(f"  User name        {USER}")
    print(f"  Password         {PASSWORD}")
    print("\nPress Ctrl-C to stop.\n", flush=True)


def _fields(forms: Iterable[Mapping[str, Any]], step: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield the key, the label and the value of each field, as its form shows them."""
    labels: dict[str, str] = dict(step["data"])
    for section in step["sections"].values():
        labels |= {name: f"{section['name']}: {label}" for name, label in section["data"].items()}
    for form in forms:
        for name, value in form.items():
            for key, entered in value.items() if isinstance(value, Mapping) else [(name, value)]:
                yield key, labels.get(key, key), entered


async def _main() -> int:
    task = asyncio.create_task(_run(_arguments()))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A second signal must not interrupt the shutdown that the first has started.
        loop.add_signal_handler(number, lambda: task.cancelling() or task.cancel())
    with suppress(asyncio.CancelledError):
        try:
            await task
        except (NotReadable, Refused, StartFailed) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
