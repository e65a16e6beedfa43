"""Rules of resources: the requests that a client may send, and the tasks and connections that it must release."""

import asyncio
from typing import Any

from custom_components.datapoint_cloud.clouds.budget import Purpose
from custom_components.datapoint_cloud.clouds.errors import RateLimited, Reason
from custom_components.datapoint_cloud.clouds.push import News
from tests.waiting import until

from .bench import Bench, Facts, some_devices
from .rule import rule

_REQUESTS_LEFT = 3


def _has_budget(facts: Facts) -> bool:
    return facts.servers != ("firstlight",)  # Its documents name no limit.


@rule(_has_budget)
async def requests_stay_within_the_budget(bench: Bench) -> None:
    cloud = bench.cloud()
    devices = await some_devices(cloud, 20)
    for device in devices:
        await cloud.schema(device)
    await cloud.readings(devices)
    while cloud.budget.left(Purpose.POLLING) >= _REQUESTS_LEFT + 1:
        cloud.budget.spend(Purpose.POLLING)
    for _ in range(_REQUESTS_LEFT + 1):
        bench.reset_counts()
        left = cloud.budget.left(Purpose.POLLING)
        readings = await cloud.readings(devices)
        assert len(bench.api.log) <= left
    assert isinstance(readings.stopped_by, RateLimited)
    assert readings.stopped_by.reason is Reason.BUDGET_SPENT


@rule()
async def a_cancelled_read_leaves_nothing_behind(bench: Bench) -> None:
    cloud = bench.cloud()
    devices = await some_devices(cloud)
    await cloud.readings(devices)
    gate = asyncio.Event()
    bench.fail_values(gate=gate)
    bench.reset_counts()
    try:
        async with bench.nothing_left_behind():
            reading = asyncio.create_task(_read(cloud, devices))
            await until(lambda: bench.api.log)
            reading.cancel()
            await asyncio.wait([reading])
            assert reading.cancelled()
    finally:
        gate.set()


async def _read(cloud: Any, devices: Any) -> None:
    await cloud.readings(devices)


@rule()
async def nothing_runs_after_the_last_call(bench: Bench) -> None:
    bench.simulation.gizwits_open.push.is_offered = True
    async with bench.nothing_left_behind():
        cloud = bench.cloud()
        await cloud.account()
        devices = await some_devices(cloud)
        for device in devices:
            await cloud.schema(device)
        await cloud.readings(devices)
        if cloud.push is not None:
            await _listen_for_a_while(cloud, devices)


async def _listen_for_a_while(cloud: Any, devices: Any) -> None:
    news: list[News] = []
    cloud.push.follow(devices)
    listening = asyncio.create_task(cloud.push.listen(news.append))
    await until(lambda: any(cloud.push.hears(device) for device in devices))
    listening.cancel()
    await asyncio.wait([listening])
    assert listening.cancelled()
