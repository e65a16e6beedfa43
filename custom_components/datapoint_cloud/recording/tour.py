"""What is asked of a cloud for a recording: everything that the integration asks it when it sets an account up.

A request that fails is part of the recording as well.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from ..clouds.cloud import Cloud
from ..clouds.errors import AuthFailed, CloudError
from ..clouds.history import Aggregation, History, Period, Series
from ..clouds.model import Datapoint, DataType, Device
from ..clouds.reporting import Cycle, Parameter, Reporting, ReportQuery

_LOGGER = logging.getLogger(__name__)

_MOST_SCHEMAS: Final = 100
_MOST_DEVICES: Final = 200
_DEVICES_WITH_HISTORY: Final = 2
_SERIES_OF_A_DEVICE: Final = 3
_HOURS: Final = 6
_REPORTED_DAYS: Final = 30


async def tour(cloud: Cloud, seconds: float) -> None:
    """Ask everything once, then read the devices and listen to push until the time is over.

    Raises `AuthFailed` if the cloud refuses the credentials, and what prevents the login.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    await cloud.account()
    devices = await _devices(cloud)
    await _tried(cloud.readings(devices))
    listening = None if cloud.push is None else asyncio.create_task(_listen(cloud, devices))
    try:
        await _describe_fleet(cloud, devices)
        await _ask_for_history(cloud, devices)
        while (left := until - loop.time()) > 0:
            await asyncio.sleep(min(left, cloud.default_interval.total_seconds()))
            if cloud.listing_interval is None:
                await _tried(cloud.devices())
            await _tried(cloud.readings(devices))
    finally:
        if listening is not None:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening


async def _devices(cloud: Cloud) -> Sequence[Device]:
    """List the devices and read the schemas, as many as one recording needs."""
    await _tried(cloud.groups())
    listing = await cloud.devices()
    devices = listing.devices[:_MOST_DEVICES]
    described: set[str] = set()
    for device in devices:
        if device.schema_id not in described and len(described) < _MOST_SCHEMAS:
            described.add(device.schema_id)
            await _tried(cloud.schema(device))
    return devices


async def _listen(cloud: Cloud, devices: Sequence[Device]) -> None:
    if cloud.push is not None:
        cloud.push.follow(devices)
        await _tried(cloud.push.listen(lambda _: None))


async def _describe_fleet(cloud: Cloud, devices: Sequence[Device]) -> None:
    """Ask for what belongs to the account beside the values of its devices."""
    if cloud.device_selector is not None:
        online = sum(device.is_online is not False for device in devices)
        await _tried(cloud.device_selector.refresh(online, datetime.now(UTC)))
    if cloud.administration.scenes is not None:
        await _tried(cloud.administration.scenes.list_scenes())
    if cloud.administration.reports is not None:
        for scope in cloud.scopes:
            await _ask_for_reports(cloud.administration.reports, scope.id)


async def _ask_for_reports(reports: Reporting, scope: str) -> None:
    today = datetime.now(UTC).date()
    start, end = today - timedelta(days=_REPORTED_DAYS), today - timedelta(days=1)
    for name in reports.names:
        takes_range = reports.takes(name) >= {Parameter.CYCLE, Parameter.RANGE}
        query = ReportQuery(cycle=Cycle.DATE, start=start, end=end) if takes_range else ReportQuery()
        await _tried(reports.get(scope, name, query))


async def _ask_for_history(cloud: Cloud, devices: Sequence[Device]) -> None:
    """Ask for a few hours of a few datapoints in every way that the cloud offers."""
    history, offered = cloud.history, cloud.history.capabilities
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    start = end - timedelta(hours=_HOURS)
    chosen = devices[:_DEVICES_WITH_HISTORY]
    series = [one for device in chosen for one in await _numbers(cloud, device)]
    if series and offered.readings_retention is not None:
        await _tried(history.readings(series, start, end))
    if series and offered.buckets_retention is not None:
        await _ask_for_buckets(history, series, start, end)
    for device in chosen[:1]:
        if offered.has_online_log:
            await _tried(history.online_log(device, end - timedelta(days=1), end))
        if offered.has_communication_log:
            await _tried(history.communication_log(device, start, end))
    if offered.has_usage:
        for scope in cloud.scopes:
            await _tried(history.usage(scope.id, end - timedelta(days=2), end, period="day", group_by=None))


async def _ask_for_buckets(history: History, series: Sequence[Series], start: datetime, end: datetime) -> None:
    for aggregation in (Aggregation.AVG, Aggregation.MIN, Aggregation.MAX):
        if Period.HOUR in history.capabilities.periods and aggregation in history.capabilities.aggregations:
            await _tried(history.buckets(series, start, end, period=Period.HOUR, aggregation=aggregation))


async def _numbers(cloud: Cloud, device: Device) -> list[Series]:
    schema = await _tried(cloud.schema(device))
    datapoints: Sequence[Datapoint] = () if schema is None else schema.datapoints
    numbers = [datapoint.key for datapoint in datapoints if datapoint.data_type is DataType.NUMBER]
    return [Series(device, key) for key in numbers[:_SERIES_OF_A_DEVICE]]


async def _tried[T](request: Awaitable[T]) -> T | None:
    try:
        return await request
    except AuthFailed:
        raise
    except CloudError as error:
        _LOGGER.debug("A request of the recording failed: %s", error)
        return None
