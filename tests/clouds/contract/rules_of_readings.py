"""Rules of devices, schemas and readings."""

import json
import math
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.clock import SKEW
from custom_components.datapoint_cloud.clouds.cloud import Cloud
from custom_components.datapoint_cloud.clouds.errors import CloudError
from custom_components.datapoint_cloud.clouds.model import Datapoint, DataType, Device, Snapshot, Value

from .bench import Bench, CannotTry, is_json, some_devices
from .rule import rule

_HEX = re.compile(r"([0-9a-f]{2})*")


@rule()
async def device_ids_are_unique_and_not_empty(bench: Bench) -> None:
    listing = await bench.cloud().devices()
    assert listing.devices
    assert all(device.id for device in listing.devices)
    assert not [id_ for id_, count in Counter(device.id for device in listing.devices).items() if count > 1]


@rule()
async def device_ids_are_the_same_in_every_list(bench: Bench) -> None:
    cloud = bench.cloud()
    lists = [await cloud.devices(), await cloud.devices(), await bench.cloud(ClientStore()).devices()]
    first, second, of_another_client = ({device.id for device in listing.devices} for listing in lists)
    assert first == second == of_another_client


@rule()
async def the_keys_of_a_schema_are_unique(bench: Bench) -> None:
    cloud = bench.cloud()
    for device in await some_devices(cloud):
        keys = [datapoint.key for datapoint in (await cloud.schema(device)).datapoints]
        assert all(keys)
        assert len(set(keys)) == len(keys), device.schema_id


@rule()
async def every_reading_is_described(bench: Bench) -> None:
    for device, snapshot, datapoints in await _read(bench.cloud()):
        assert snapshot.readings.keys() - bench.facts.undefined_keys <= datapoints.keys(), device


@rule()
async def timestamps_are_utc_and_not_in_the_future(bench: Bench) -> None:
    cloud = bench.cloud()
    timestamps = [device.last_online for device in (await cloud.devices()).devices]
    for _, snapshot, _ in await _read(cloud):
        timestamps += [snapshot.reported_at, *(reading.taken_at for reading in snapshot.readings.values())]
    latest = datetime.now(UTC) + SKEW
    for timestamp in timestamps:
        assert timestamp is None or timestamp.utcoffset() == timedelta()
        assert timestamp is None or timestamp <= latest


@rule()
async def values_match_the_type_of_their_datapoint(bench: Bench) -> None:
    for device, snapshot, datapoints in await _read(bench.cloud()):
        for key, reading in snapshot.readings.items():
            if reading.value is not None and key in datapoints:
                assert _matches(datapoints[key], reading.value), (device, key, reading.value)


def _matches(datapoint: Datapoint, value: Value) -> bool:
    match datapoint.data_type:
        case DataType.BOOL:
            return isinstance(value, bool)
        case DataType.ENUM:
            return value in datapoint.options
        case DataType.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        case DataType.BINARY:
            return isinstance(value, str) and _HEX.fullmatch(value) is not None
        case DataType.TEXT:
            return isinstance(value, str)


@rule()
async def an_unknown_value_is_none(bench: Bench) -> None:
    cloud = bench.cloud()
    await _read(cloud)
    bench.fail_values(changes=bench.facts.blank)
    for device, snapshot, _ in await _read(cloud, may_fail=True):
        assert {reading.value for reading in snapshot.readings.values()} <= {None}, device


@rule()
async def an_unknown_device_fails_alone(bench: Bench) -> None:
    cloud = bench.cloud()
    known = (await some_devices(cloud, 1))[0]
    unknown = Device(id="no-such-device", name="unknown", schema_id=known.schema_id, scope=known.scope)
    readings = await cloud.readings([unknown, known])
    assert readings.stopped_by is None
    assert set(readings.snapshots) == {known.id}
    assert set(readings.failures) == {unknown.id}


@rule()
async def the_client_store_holds_only_json(bench: Bench) -> None:
    cloud = bench.cloud()
    await cloud.account()
    await _read(cloud)
    assert is_json(dict(bench.client_store.content))


@rule(lambda facts: facts.has_lasting_token)
async def a_client_made_from_its_store_needs_no_login(bench: Bench) -> None:
    before = bench.cloud()
    account = await before.account()
    await before.devices()
    assert bench.logins()
    bench.reset_counts()
    after_restart = bench.cloud(ClientStore(json.loads(json.dumps(dict(bench.client_store.content)))))
    assert await after_restart.account() == account
    await after_restart.readings((await after_restart.devices()).devices)
    assert not bench.logins()


async def _read(cloud: Cloud, *, may_fail: bool = False) -> list[tuple[Device, Snapshot, dict[str, Datapoint]]]:
    """Read some devices, each with the datapoints that its schema and the answer describe."""
    devices = {device.id: device for device in await some_devices(cloud)}
    schemas = {}
    for device in devices.values():
        schemas[device.id] = (await cloud.schema(device)).datapoints
    readings = await cloud.readings(list(devices.values()))
    problems: list[CloudError | None] = [readings.stopped_by, *readings.failures.values()]
    if not may_fail and (not readings.snapshots or problems != [None]):
        raise CannotTry(problems)
    return [
        (devices[id_], snapshot, {one.key: one for one in (*schemas[id_], *snapshot.described)})
        for id_, snapshot in readings.snapshots.items()
    ]
