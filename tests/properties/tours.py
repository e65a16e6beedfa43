"""Calls every method of a client once."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.cloud import Cloud
from custom_components.datapoint_cloud.clouds.history import Aggregation, Period, Series
from custom_components.datapoint_cloud.clouds.model import Datapoint, Device, Schema, Value

from .storable import assert_storable
from .struck_clouds import Found

_DEVICES = 2
_VALUES: tuple[Value, ...] = (True, 0, 1.5, -7, "x", "0102", 1e300)


async def tour(cloud: Cloud, client_store: ClientStore) -> None:
    """Call everything, and check that all answers and the client store can be stored."""
    found = Found()
    await found.of(cloud.account())
    groups = await found.of(cloud.groups())
    listing = await found.of(cloud.devices())
    devices = list(listing.devices[:_DEVICES]) if listing is not None else []
    schemas = [(device, await found.of(cloud.schema(device))) for device in devices]
    readings = await found.of(cloud.readings(devices))
    if cloud.device_selector is not None:
        await found.of(cloud.device_selector.refresh(len(devices), datetime.now(UTC)))
    for device, schema in schemas:
        await _command(cloud, device, schema or Schema(), found)
    for group_id in list(groups or {})[:1]:
        await found.of(cloud.write_group(group_id, {}))
    snapshots = readings.snapshots if readings is not None else {}
    series = [
        Series(device, key)
        for device in devices
        if device.id in snapshots
        for key in [*snapshots[device.id].readings][:2]
    ]
    await _history(cloud, devices, series, found)
    found.all.append([cloud.scopes, cloud.requests_a_listing, cloud.budget.remaining])
    for one in found.all:
        assert_storable(one)
    assert_storable(client_store.content)


async def _command(cloud: Cloud, device: Device, schema: Schema, found: Found) -> None:
    writable = [datapoint for datapoint in schema.datapoints if datapoint.is_writable]
    for datapoint in writable:
        for value in (*_VALUES, *_own_values(datapoint)):
            await found.of(cloud.check(device, {datapoint.key: value}))
    for datapoint in writable[:1]:
        for value in _own_values(datapoint)[:1] or [True]:
            await found.of(cloud.write(device, {datapoint.key: value}))
    await found.of(cloud.write_raw(device, b"\x01"))


def _own_values(datapoint: Datapoint) -> Sequence[Value]:
    ends = (datapoint.minimum, datapoint.maximum)
    return [*datapoint.options, *(end for end in ends if end is not None)]


async def _history(cloud: Cloud, devices: Sequence[Device], series: Sequence[Series], found: Found) -> None:
    history, capabilities = cloud.history, cloud.history.capabilities
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    start = end - timedelta(hours=30)
    await found.of(history.readings(series, end - timedelta(hours=3), end))
    for period in sorted(capabilities.periods & {Period.HOUR, Period.DAY}):
        for is_local in (False, True):
            aggregation = min(capabilities.aggregations, default=Aggregation.AVG)
            await found.of(
                history.buckets(series, start, end, period=period, aggregation=aggregation, is_local=is_local)
            )
    for device in devices[:1]:
        await found.of(history.online_log(device, start, end))
        await found.of(history.communication_log(device, start, end))
    for scope in cloud.scopes[:1]:
        await found.of(history.usage(scope.id, start, end, period="day", group_by=None))
