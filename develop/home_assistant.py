"""Runs a real Home Assistant in a folder of its own: writes its configuration, starts and stops its process.

It knows no accounts and no dashboards. The caller of `start` has to call `stop`.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import IO

import aiohttp
from homeassistant.const import RESTART_EXIT_CODE

PROJECT = Path(__file__).parent.parent
DOMAIN = "datapoint_cloud"
INTEGRATION = PROJECT / "custom_components" / DOMAIN
AUTOMATIONS = "automations.yaml"
"""The file of the automations that the user makes in the editor."""

# Not `default_config`: its other integrations need the internet.
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
automation: !include {AUTOMATIONS}
logger:
  default: warning
  logs:
    custom_components.{DOMAIN}: info
"""
START_SECONDS = 180
STOP_SECONDS = 30


class StartFailed(Exception):
    """Home Assistant did not start, or ended unexpectedly."""


class HomeAssistant:
    """A Home Assistant that keeps its state in `folder` and listens on `port` of this machine."""

    def __init__(self, folder: Path, port: int) -> None:
        """Make one that does not run yet."""
        self.folder = folder
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, output: IO[str] | None = None) -> None:
        """Start, and return when it responds. It prints to `output`, by default to our own output.

        Raises StartFailed.
        """
        await asyncio.to_thread(self._prepare)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "homeassistant", "--config", str(self.folder), "--log-no-color"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C must reach only this process, which then stops Home Assistant cleanly
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._wait_until_responding(self._process)
        except TimeoutError:
            await self.stop()
            raise StartFailed(f"Home Assistant did not respond within {START_SECONDS} s") from None

    async def wait(self) -> int:
        """Wait until it ends and return its exit code. Start it again whenever its user has requested a restart."""
        while self._process is not None:
            code = await self._process.wait()
            if code != RESTART_EXIT_CODE:
                return code
            await self.start()
        return 0

    async def stop(self) -> None:
        """Stop it together with the processes it started."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def _wait_until_responding(self, process: asyncio.subprocess.Process) -> None:
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
        (self.folder / AUTOMATIONS).touch()
        components = self.folder / "custom_components"
        components.mkdir(exist_ok=True)
        link = components / DOMAIN
        if not link.is_symlink():
            link.symlink_to(INTEGRATION)
        # Version 1 of this file; Home Assistant migrates it.
        _store(storage / "http", 1, {"server_host": ["127.0.0.1"], "server_port": self.port})
        if not (storage / "onboarding").exists():
            # All steps but the first user are done. The step `core_config` would start flows that need the internet.
            _store(storage / "onboarding", 4, {"done": ["core_config", "analytics", "integration"]})


def _store(path: Path, version: int, data: dict[str, object]) -> None:
    path.write_text(json.dumps({"version": version, "minor_version": 1, "key": path.name, "data": data}))
