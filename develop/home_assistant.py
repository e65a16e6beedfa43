"""A real Home Assistant in a folder of its own: its configuration, its process, its end.

It knows nothing of accounts or dashboards. Whoever starts one ends it, too.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import IO

import aiohttp
from homeassistant.const import RESTART_EXIT_CODE

PROJECT = Path(__file__).parent.parent
DOMAIN = "datapoint_cloud"

# What `default_config` would bring beyond these looks for the internet.
CONFIGURATION = f"""\
homeassistant:
  name: Datapoint Cloud
  country: DE
  currency: EUR
  time_zone: Europe/Berlin
  unit_system: metric
  latitude: 52.52
  longitude: 13.4
  elevation: 34
frontend:
recorder:
history:
logbook:
energy:
logger:
  default: warning
  logs:
    custom_components.{DOMAIN}: info
"""
START_SECONDS = 180
STOP_SECONDS = 30


class StartFailed(Exception):
    """Home Assistant could not be started, or ended by itself."""


class HomeAssistant:
    """A Home Assistant that keeps its state in `folder` and listens on `port` of this machine."""

    def __init__(self, folder: Path, port: int) -> None:
        """Describe one that does not run yet."""
        self.folder = folder
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, output: IO[str] | None = None) -> None:
        """Start and return when it answers. What it prints goes to `output`, by default to ours.

        Raises StartFailed.
        """
        await asyncio.to_thread(self._prepare)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "homeassistant", "--config", str(self.folder), "--log-no-color"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C reaches us alone, and we end it in good order
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._until_it_answers(self._process)
        except TimeoutError:
            await self.stop()
            raise StartFailed(f"Home Assistant did not answer within {START_SECONDS} s") from None

    async def wait(self) -> int:
        """Return when it has ended by itself, with its exit code. Started again as often as its user asks it to."""
        while self._process is not None:
            code = await self._process.wait()
            if code != RESTART_EXIT_CODE:
                return code
            await self.start()
        return 0

    async def stop(self) -> None:
        """End it and everything it started."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def _until_it_answers(self, process: asyncio.subprocess.Process) -> None:
        async with aiohttp.ClientSession() as session:
            while process.returncode is None:
                try:
                    async with session.get(f"{self.url}/manifest.json") as answer:
                        if answer.ok:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.2)
        raise StartFailed(f"Home Assistant ended with exit code {process.returncode}")

    def _prepare(self) -> None:
        storage = self.folder / ".storage"
        storage.mkdir(parents=True, exist_ok=True)
        (self.folder / "configuration.yaml").write_text(CONFIGURATION)
        components = self.folder / "custom_components"
        components.mkdir(exist_ok=True)
        link = components / DOMAIN
        if not link.is_symlink():
            link.symlink_to(PROJECT / "custom_components" / DOMAIN)
        # The first version of this storage: Home Assistant itself completes it.
        _store(storage / "http", 1, {"server_host": ["127.0.0.1"], "server_port": self.port})
        if not (storage / "onboarding").exists():
            # All but the first user. The step `core_config` would start flows that look for the internet.
            _store(storage / "onboarding", 4, {"done": ["core_config", "analytics", "integration"]})


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _store(path: Path, version: int, data: dict[str, object]) -> None:
    path.write_text(json.dumps({"version": version, "minor_version": 1, "key": path.name, "data": data}))
