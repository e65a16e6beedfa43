"""Records the simulated accounts anew: `python -m tests.recordings.make`.

Time starts at the same moment and the made-up values are the same in every run. Only the durations differ.
"""

import asyncio
import time
from pathlib import Path

from freezegun import freeze_time

from simulator.simulation import Simulation
from tests.client.logins import KINDS
from tests.recording.recorded import record

_FOLDER = Path(__file__).parent
_START = "2026-11-24T10:00:10Z"
_DEVICES = {"Passerelle Sélestat", "Masterys U2 CDS"}


def _make_small(simulation: Simulation) -> None:
    for product in simulation.gizwits_enterprise.products.values():
        product.devices = dict(list(product.devices.items())[1:3])
    sodata = simulation.sodata
    sodata.devices = {uuid: device for uuid, device in sodata.devices.items() if device.name in _DEVICES}


async def _make(kind: str) -> str:
    simulation = Simulation(clock=lambda: time.time())  # noqa: PLW0108  # frozen
    _make_small(simulation)
    await simulation.start(dict(zip(simulation.names, range(38100, 38200), strict=False)))
    try:
        return (await record(simulation, kind, seconds=2, key=b"tests")).text
    finally:
        await simulation.stop()


def main() -> None:
    """Write one file for each cloud."""
    for kind in KINDS:
        with freeze_time(_START, tick=True):
            text = asyncio.run(_make(kind))
        (_FOLDER / f"simulated_{kind}.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
