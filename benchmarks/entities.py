"""Measures time and memory of adding an entity, compared with one that does nothing: `python -m benchmarks.entities`.

Both integrations have the same number of entities, names, devices and areas, and all entities are enabled. The plain
entity is measured twice: bare, and as a sensor with our device class and unit. Time is processor time, from the arrival
of the values, or from the forwarding to the platform, until all entities have states. Memory is what Python allocated
until then, traced in a run of its own. Listing and reading the devices is shown but not compared, because the plain
integration does neither.
"""

import asyncio
import gc
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity

from custom_components.datapoint_cloud.clouds.model import Snapshot
from custom_components.datapoint_cloud.clouds.sodata.last_values import LastValuesReader

from . import ups
from .home import cloud, home_assistant, set_up
from .plain import Named, Place, plain_integration
from .report import Goal, Part, run

_ROUNDS = 3
_MOST = 1.3


class _Meter:
    """Measures processor seconds or, if it traces, allocated bytes."""

    def __init__(self, *, traces: bool) -> None:
        self._traces = traces
        self._began = 0.0
        self.cost = 0.0

    def begin(self) -> None:
        gc.collect()
        if self._traces:
            tracemalloc.start()
        self._began = time.process_time()

    def end(self) -> None:
        self.cost = time.process_time() - self._began
        if self._traces:
            gc.collect()
            self.cost = float(tracemalloc.get_traced_memory()[0])
            tracemalloc.stop()


async def _ours(data: dict[str, str], meter: _Meter) -> tuple[list[Named], float]:
    """Set up the account. Return its entities, and the processor seconds of the whole set-up."""
    read = LastValuesReader._read_bulk  # noqa: SLF001

    async def read_then_begin(self: LastValuesReader, *args: Any) -> Mapping[str, Snapshot]:
        snapshots = await read(self, *args)
        meter.begin()
        return snapshots

    async with home_assistant() as hass:
        with patch.object(LastValuesReader, "_read_bulk", read_then_begin):
            began = time.process_time()
            entry = await set_up(hass, ups.entry(data))
            seconds = time.process_time() - began
        meter.end()
        return _named(hass, entry.entry_id), seconds


def _named(hass: HomeAssistant, entry_id: str) -> list[Named]:
    return [
        Named(
            entity.unique_id,
            entity.original_name or entity.unique_id,
            _place(hass, entity.device_id),
            SensorDeviceClass(entity.original_device_class)
            if entity.domain == "sensor" and entity.original_device_class and entity.unit_of_measurement  # numbers
            else None,
            entity.unit_of_measurement,
        )
        for entity in er.async_entries_for_config_entry(er.async_get(hass), entry_id)
        if entity.device_id is not None
    ]


def _place(hass: HomeAssistant, device_id: str) -> Place:
    """Return the device of one of our entities. A part of a device becomes a device of its own in the same area."""
    registry = dr.async_get(hass)
    device = registry.async_get(device_id)
    whole = registry.async_get(device.parent_device_id) if isinstance(device, dr.ChildDeviceEntry) else None
    lineage = [one for one in (whole, device) if one is not None]
    areas = [area.name for one in lineage if (area := ar.async_get(hass).async_get_area(one.area_id or ""))]
    return Place(device_id, " ".join(one.name or "" for one in lineage), areas[0] if areas else None)


async def _plain(named: Sequence[Named], meter: _Meter) -> None:
    async with home_assistant() as hass:
        plain = await plain_integration(hass, named)
        meter.begin()
        await plain.add()
        await hass.async_block_till_done(wait_background_tasks=False)
        meter.end()


async def _measure(data: dict[str, str]) -> tuple[int, float, dict[str, list[float]]]:
    costs: dict[str, list[float]] = {}
    whole: list[float] = []
    named: list[Named] = []
    with patch.object(Entity, "entity_registry_enabled_default", property(lambda _: True)):
        for traces, rounds in ((False, _ROUNDS), (True, 1)):
            what = "bytes" if traces else "seconds"
            for _ in range(rounds):
                meter = _Meter(traces=traces)
                named, seconds = await _ours(data, meter)
                costs.setdefault(f"our {what}", []).append(meter.cost / len(named))
                if not traces:
                    whole.append(seconds / len(named))
                await _plain(named, meter)
                costs.setdefault(f"equal {what}", []).append(meter.cost / len(named))
                await _plain([replace(one, device_class=None, unit=None) for one in named], meter)
                costs.setdefault(f"bare {what}", []).append(meter.cost / len(named))
    return len(named), statistics.median(whole), costs


def measure() -> Part:
    """Measure the adding of entities."""
    with cloud(ups.serve) as pipe:
        count, whole, costs = asyncio.run(_measure(pipe.recv()))
    medians = {what: statistics.median(cost) for what, cost in costs.items()}
    ratios = {
        f"{kind} {what}": medians[f"our {what}"] / medians[f"{kind} {what}"]
        for kind in ("equal", "bare")
        for what in ("seconds", "bytes")
    }

    def row(label: str, what: str, show: Callable[[float], str]) -> tuple[str, ...]:
        costs = [show(medians[f"{kind} {what}"]) for kind in ("our", "equal", "bare")]
        return label, *costs, f"{ratios[f'equal {what}']:.2f}", f"{ratios[f'bare {what}']:.2f}"

    return Part(
        title=f"Set-up of {count:,} entities, for each",
        columns=("", "ours", "plain, equal", "plain, bare", "ratio", "ratio"),
        rows=[
            row("time of adding", "seconds", lambda seconds: f"{seconds * 1e6:.0f} µs"),
            row("memory", "bytes", lambda size: f"{size:,.0f} B"),
            ("time of all", f"{whole * 1e6:.0f} µs", "", "", "", ""),
        ],
        goals=[
            Goal(
                "set-up time, times that of a plain entity of the same class and unit", ratios["equal seconds"], _MOST
            ),
            Goal("set-up time, times that of a bare one", ratios["bare seconds"], _MOST),
            Goal("memory, times that of a bare one", ratios["bare bytes"], _MOST),
        ],
    )


if __name__ == "__main__":
    sys.exit(run(measure))
