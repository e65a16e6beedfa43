"""How fast a cloud's past gets into the long-term statistics, beside the bare call of the recorder with the same rows.

Both write to the same database in one run and take turns. `python -m benchmarks.statistics` prints a table, on SQLite
or, with `--postgresql URL`, on that database.
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
    """Loopback needs no names; Home Assistant's own resolver wants its network component."""

    async def real_close(self) -> None:
        await self.close()


class _Past(NoHistory):
    """A past that is ready to be told, so that telling it costs nothing."""

    capabilities = HistoryCapabilities(
        buckets_retention=timedelta(days=4000), periods=frozenset(Period), aggregations=frozenset(Aggregation)
    )

    def __init__(self) -> None:
        self.told: HistoryResult[Bucket] | None = None

    def prepare(self, start: datetime, end: datetime) -> None:
        hours = hours_in((start, end))
        buckets = (Bucket(start=hour, end=hour + HOUR, value=hour.timestamp() / 3600 + 0.125) for hour in hours)
        self.told = HistoryResult(rows=tuple(buckets), start=start, end=end)

    async def buckets(self, series: Sequence[Series], *_: Any, **__: Any) -> Mapping[Series, HistoryResult[Bucket]]:
        assert self.told is not None
        return dict.fromkeys(series, self.told)


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
    targets = statistics_sensors(hass, entry.runtime_data.coordinator)
    of_kinds = ([target for target in targets if target.is_meter is kind] for kind in (False, True))
    return [target for of_kind in of_kinds for target in of_kind[: _SERIES // 2]]


async def _write_bare(hass: HomeAssistant, targets: Sequence[StatisticsSensor], start: datetime, end: datetime) -> None:
    """Hand the same rows to the recorder, ready as they are."""
    for number, target in enumerate(targets):
        metadata = StatisticMetaData(
            mean_type=StatisticMeanType.NONE if target.is_meter else StatisticMeanType.ARITHMETIC,
            has_sum=target.is_meter,
            name=None,
            source="recorder",
            statistic_id=f"sensor.bare_{number}",
            unit_class=None,
            unit_of_measurement="bare",
        )
        async_import_statistics(hass, metadata, list(_rows(target, start, end)))
    await async_wait_for_recorder(hass)


def _rows(target: StatisticsSensor, start: datetime, end: datetime) -> Sequence[StatisticData]:
    values = [(hour, hour.timestamp() / 3600 + 0.125) for hour in hours_in((start, end))]
    if target.is_meter:
        return [StatisticData(start=hour, state=value, sum=value) for hour, value in values]
    return [StatisticData(start=hour, mean=value, min=value, max=value) for hour, value in values]


async def _measure(hass: HomeAssistant, simulation: Simulation) -> list[tuple[float, float]]:
    """The seconds that the import and the bare call took, for each round."""
    targets = await _add_account(hass, simulation)
    past = _Past()
    times: list[tuple[float, float]] = []
    for number in range(_ROUNDS):
        end = compiled_until(dt_util.utcnow()) - number * timedelta(days=_DAYS)
        start = end - timedelta(days=_DAYS)
        past.prepare(start, end)
        began = time.perf_counter()
        work = Import(hass, past, ClientStore(), is_thorough=True)
        await work.async_run(targets, start, end)
        between = time.perf_counter()
        await _write_bare(hass, targets, start, end)
        times.append((between - began, time.perf_counter() - between))
        written = {result.rows_written for result in work.results.values()}
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
    """Measure, print, and fail if the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgresql", metavar="URL", help="measure on this database, which is changed")
    arguments = parser.parse_args()
    # The first round fills caches.
    times = asyncio.run(_run(arguments.postgresql))[1:]
    rows = _DAYS * 24 * _SERIES * len(times)
    of_import, bare = (rows / sum(way) for way in zip(*times, strict=True))
    print(f"{'rows a second':<28}{'PostgreSQL' if arguments.postgresql else 'SQLite':>12}")
    for name, speed in (("import of the past", of_import), ("bare call of the recorder", bare)):
        print(f"{name:<28}{speed:>12.0f}")
    print(f"{'ratio':<28}{of_import / bare:>12.2f}   (goal: at least {_GOAL})")
    return 0 if of_import / bare >= _GOAL else 1


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    sys.exit(main())
