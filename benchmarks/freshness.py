"""What an Enterprise account spends, and how old the readings of its active devices are.

Real: client, budget, selection of active devices, schedule, coordinator and Home Assistant's timers, over simulated
hours. Not real: the HTTP connection (see `enterprise`) and the entities, of which there are none. Active devices report
every minute; the others are online and silent. `liveness_start` means here what its name says: devices that have
reported since.

Beside it stand the least there can be, an oracle that knows for free who is active and spends polling's share of the
quota, less one question a round, on nothing but their readings; and what polling every device every 30 seconds would
send. `python -m benchmarks.freshness`.
"""

import asyncio
import logging
import math
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.clouds.gizwits.enterprise.api import GizwitsEnterpriseCloud, Product
from custom_components.datapoint_cloud.clouds.transport import Transport
from custom_components.datapoint_cloud.coordinator import DatapointCoordinator
from custom_components.datapoint_cloud.profiles import Profiles
from custom_components.datapoint_cloud.storage import AccountStorage

from .enterprise import PRODUCT_KEY, QUOTA, EnterpriseFleet
from .home import home_assistant
from .report import Goal, Part, run
from .virtual_time import run_in_virtual_time

_FLEETS = (10, 100, 1_000, 10_000)
_ACTIVE = (0.05, 0.5)
_HOUR = 3600
_MOST = 1.25
_SHARE = 0.7
_WISHED = 60.0
_SAMPLES_EVERY = 7.0  # seconds; no divisor of a minute
_WATCHED = 200


@dataclass(frozen=True, slots=True)
class _Result:
    requests_an_hour: float
    ages: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.ages)

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.ages, n=20)[-1]


def _hours(devices: int) -> tuple[float, float]:
    """How long the account runs before it is measured, and how long it is measured."""
    return (2.0, 2.0) if devices <= 1_000 else (3.0, 4.0)


async def _ours(devices: int, active: float) -> tuple[_Result, _Result]:
    """Run an account; its result, and the oracle's in the same fleet and time."""
    session = EnterpriseFleet(devices, active)
    async with home_assistant() as hass:
        entry = MockConfigEntry(
            domain="datapoint_cloud",
            unique_id="fleet",
            data={"cloud": GizwitsEnterpriseCloud.kind},
            options={"fleet": "chosen"},
        )
        entry.add_to_hass(hass)
        storage = AccountStorage(hass, entry.entry_id)
        cloud = GizwitsEnterpriseCloud(
            Transport(cast("Any", session)),
            api_url="http://stand-in",
            enterprise_id="enterprise",
            enterprise_secret="secret",
            products=[Product(product_key=PRODUCT_KEY, product_secret="secret")],
            client_store=storage.client_store,
        )
        coordinator = DatapointCoordinator(hass, entry, cloud, storage, Profiles())
        await coordinator.async_refresh()
        await coordinator.async_start_polling()
        lead, measured = _hours(devices)
        await asyncio.sleep(lead * _HOUR)
        before, ages = session.requests, []
        oracle = _oracle(session, time.time() - lead * _HOUR, time.time(), measured)
        watched = [device.did for device in session.devices if device.is_active][:_WATCHED]
        for _ in range(round(measured * _HOUR / _SAMPLES_EVERY)):
            now = time.time()
            for did in watched:
                reported_at = coordinator.fleet[did].reported_at
                ages.append(
                    now - (session.devices[0].phase - 86_400 if reported_at is None else reported_at.timestamp())
                )
            await asyncio.sleep(_SAMPLES_EVERY)
        requests = (session.requests - before) / measured
        if session.refused:
            raise RuntimeError("our own requests tripped the quota")
        await coordinator.async_shutdown()
    return _Result(requests, ages), oracle


def _oracle(session: EnterpriseFleet, begin: float, measured_from: float, measured: float) -> _Result:
    """Read the active ones, the one read longest ago first, no oftener than wished, within polling's share."""
    active = [device for device in session.devices if device.is_active]
    read_at = {device.did: begin - _WISHED for device in active}
    held = {device.did: device.reported_at(begin) for device in active}
    saved_up, requests, now, at = 0.0, 0, begin, begin
    ages: list[float] = []
    while now < measured_from + measured * _HOUR:
        while at <= now:
            saved_up = min(saved_up + _WISHED * _SHARE * QUOTA / _HOUR - 1, 900 * _SHARE)
            due = sorted((did for did, before in read_at.items() if at - before >= _WISHED), key=read_at.__getitem__)
            due = due[: int(saved_up)]
            saved_up -= len(due)
            for did in due:
                read_at[did], held[did] = at, session.by_did[did].reported_at(at)
            requests += (len(due) + 1) * (at >= measured_from)
            at += _WISHED
        if now >= measured_from:
            ages += [now - held[device.did] for device in active[:_WATCHED]]
        now += _SAMPLES_EVERY
    return _Result(requests / measured, ages)


def measure() -> Part:
    """Measure all fleets."""
    rows: list[tuple[str, ...]] = []
    goals: list[Goal] = []
    for devices in _FLEETS:
        for active in _ACTIVE:
            ours, oracle = run_in_virtual_time(_ours(devices, active))
            fleet = f"{devices:,} devices, {active:.0%} active"
            everyone = 120 * (devices + math.ceil(devices / 100))
            rows.append(
                (
                    fleet,
                    f"{ours.requests_an_hour:,.0f}",
                    f"{oracle.requests_an_hour:,.0f}",
                    f"{everyone:,}{' (trips)' if everyone > QUOTA else ''}",
                    f"{ours.median:,.0f} s",
                    f"{oracle.median:,.0f} s",
                    f"{ours.p95:,.0f} s",
                    f"{oracle.p95:,.0f} s",
                )
            )
            goals.append(Goal(f"{fleet}, median age, times the oracle's", ours.median / oracle.median, _MOST))
            goals.append(Goal(f"{fleet}, p95 age, times the oracle's", ours.p95 / oracle.p95, _MOST))
    return Part(
        title="Requests an hour, and the age of active devices' readings",
        columns=("", "ours", "oracle", "everyone every 30 s", "median", "oracle", "p95", "oracle"),
        rows=rows,
        goals=goals,
    )


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    sys.exit(run(measure))
