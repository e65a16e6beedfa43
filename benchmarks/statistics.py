"""Measures how fast an import writes long-term statistics, compared with a bare call of the recorder with equal rows.

Both write to the same database in one run, in turns. `python -m benchmarks.statistics` prints a table, measured on
SQLite or, with `--postgresql URL`, on that database.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import aiohttp
from homeassistant import loader
from homeassistant.components.recorder.models import StatisticData, StatisticMeanType, StatisticMetaData
from homeassistant.components.recorder.statistics import async_import_statistics
from homeassistant.core import HomeAssistant
from homeassistant.helpers import aiohttp_client, recorder
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_test_home_assistant

import custom_components  # noqa: F401  # before the test kit puts a package of the same name first on the path
from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.history import (
    Aggregation,
    Bucket,
    HistoryCapabilities,
    HistoryResult,
    NoHistory,
    Period,
    Series,
)
from custom_components.datapoint_cloud.statistics.hours import HOUR, compiled_until, hours_in
from custom_components.datapoint_cloud.statistics.importer import Import
from custom_components.datapoint_cloud.statistics.recorder import async_wait_for_recorder
from custom_components.datapoint_cloud.statistics.sensors import StatisticsSensor, statistics_sensors
from simulator.simulation import Simulation

_ROUNDS = 5
_DAYS = 31
_SERIES = 4
_GOAL = 0.9


class _Resolver(aiohttp.ThreadedResolver):
    """Replaces Home Assistant's resolver, which needs its network component; loopback addresses need no resolver."""

    async def real_close(self) -> None:
        await self.close()


class _PreparedHistory(NoHistory):
    """Returns the same result for every request, prepared in advance so that requests take no time."""

    capabilities = HistoryCapabilities(
        buckets_retention=timedelta(days=4000), periods=frozenset(Period), aggregations=frozenset(Aggregation)
    )

    def __init__(self) -> None:
        self._result: HistoryResult[Bucket] | None = None

    def prepare(self, start: datetime, end: datetime) -> None:
        hours = hours_in((start, end))
        buckets = (Bucket(start=hour, end=hour + HOUR, value=hour.timestamp() / 3600 + 0.125) for hour in hours)
        self._result = HistoryResult(rows=tuple(buckets), start=start, end=end)

    async def buckets(self, series: Sequence[Series], *_: Any, **__: Any) -> Mapping[Series, HistoryResult[Bucket]]:
        assert self._result is not None
        return dict.fromkeys(series, self._result)


async def _add_account(hass: HomeAssistant, simulation: Simulation) -> Sequence[StatisticsSensor]:
    keycloak = simulation.keycloak
    account = next(iter(simulation.sodata.corporate_accounts))
    entry = MockConfigEntry(
        domain="datapoint_cloud",
        unique_id="benchmark",
        data={
            "cloud": "sodata",
            "username": keycloak.username,
            "password": keycloak.password,
            "client_id": keycloak.client_id,
            "client_secret": keycloak.client_secret,
            "api_url": f"{simulation.sodata.url}/api/v1",
            "auth_url": keycloak.url,
            "realm": keycloak.realm,
            "corporate_account": account if isinstance(account, str) else account.uuid,
        },
    )
    entry.add_to_hass(hass)
    if not await hass.config_entries.async_setup(entry.entry_id):
        raise RuntimeError("the account could not be set up")
    await hass.async_block_till_done()
    sensors = statistics_sensors(hass, entry.runtime_data.coordinator)
    by_kind = ([sensor for sensor in sensors if sensor.is_meter is is_meter] for is_meter in (False, True))
    return [sensor for of_kind in by_kind for sensor in of_kind[: _SERIES // 2]]


async def _write_bare(hass: HomeAssistant, sensors: Sequence[StatisticsSensor], start: datetime, end: datetime) -> None:
    """Write equal rows with the recorder's own function."""
    for number, sensor in enumerate(sensors):
        metadata = StatisticMetaData(
            mean_type=StatisticMeanType.NONE if sensor.is_meter else StatisticMeanType.ARITHMETIC,
            has_sum=sensor.is_meter,
            name=None,
            source="recorder",
            statistic_id=f"sensor.bare_{number}",
            unit_class=None,
            unit_of_measurement="bare",
        )
        async_import_statistics(hass, metadata, list(_rows(sensor, start, end)))
    await async_wait_for_recorder(hass)


def _rows(sensor: StatisticsSensor, start: datetime, end: datetime) -> Sequence[StatisticData]:
    values = [(hour, hour.timestamp() / 3600 + 0.125) for hour in hours_in((start, end))]
    if sensor.is_meter:
        return [StatisticData(start=hour, state=value, sum=value) for hour, value in values]
    return [StatisticData(start=hour, mean=value, min=value, max=value) for hour, value in values]


async def _measure(hass: HomeAssistant, simulation: Simulation) -> list[tuple[float, float]]:
    """Return the seconds that the import and the bare call took in each round."""
    sensors = await _add_account(hass, simulation)
    history = _PreparedHistory()
    times: list[tuple[float, float]] = []
    for number in range(_ROUNDS):
        end = compiled_until(dt_util.utcnow()) - number * timedelta(days=_DAYS)
        start = end - timedelta(days=_DAYS)
        history.prepare(start, end)
        began = time.perf_counter()
        history_import = Import(hass, history, ClientStore(), is_thorough=True)
        await history_import.async_run(sensors, start, end)
        between = time.perf_counter()
        await _write_bare(hass, sensors, start, end)
        times.append((between - began, time.perf_counter() - between))
        written = {result.rows_written for result in history_import.results.values()}
        if written != {_DAYS * 24}:
            raise RuntimeError(f"not all rows were written: {written}")
    return times


async def _run(db_url: str | None) -> list[tuple[float, float]]:
    simulation = Simulation()
    await simulation.start()
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(aiohttp_client, "_async_make_resolver", lambda _: _Resolver()),
    ):
        async with async_test_home_assistant(config_dir=folder) as hass:
            hass.data.pop(loader.DATA_CUSTOM_COMPONENTS, None)
            recorder.async_initialize_recorder(hass)
            config = {"db_url": db_url or f"sqlite:///{folder}/benchmark.db"}
            if not await async_setup_component(hass, "recorder", {"recorder": config}):
                raise RuntimeError("the recorder could not be set up")
            times = await _measure(hass, simulation)
            await hass.async_stop(force=True)
    await simulation.stop()
    return times


def main() -> int:
    """Measure and print; the exit code is 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgresql", metavar="URL", help="measure on this database and write rows to it")
    arguments = parser.parse_args()
    # The first round only fills caches.
    times = asyncio.run(_run(arguments.postgresql))[1:]
    rows = _DAYS * 24 * _SERIES * len(times)
    of_import, bare = (rows / sum(way) for way in zip(*times, strict=True))
    print(f"{'rows a second':<28}{'PostgreSQL' if arguments.postgresql else 'SQLite':>12}")
    for name, speed in (("history import", of_import), ("bare call of the recorder", bare)):
        print(f"{name:<28}{speed:>12.0f}")
    print(f"{'ratio':<28}{of_import / bare:>12.2f}   (goal: at least {_GOAL})")
    return 0 if of_import / bare >= _GOAL else 1


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    sys.exit(main())
