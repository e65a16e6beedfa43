"""For each rule a client that breaks it: the good client with one thing done wrong."""

# ruff: noqa: ARG002  # A broken method has the arguments of the good one.

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.cloud import Cloud, Listing, Readings
from custom_components.datapoint_cloud.clouds.errors import CloudError, RateLimited
from custom_components.datapoint_cloud.clouds.model import Account, Device, Reading, Schema, Snapshot, Value

from .bench import Bench

_LOGGER = logging.getLogger("custom_components.datapoint_cloud.control")


class Broken:
    """Does what the good client does; a subclass does one thing wrong."""

    def __init__(self, bench: Bench, cloud: Cloud) -> None:
        self.bench = bench
        self.cloud = cloud

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cloud, name)


@dataclass(frozen=True, slots=True)
class Control:
    """A client of the cloud `kind` that breaks the rule of this name."""

    rule: str
    kind: str
    breaks: Callable[[Bench, Cloud], Any]

    @property
    def name(self) -> str:
        return f"{self.rule}-{getattr(self.breaks, '__name__', '')}"


CONTROLS: list[Control] = []


def breaks[T: Broken](rule: str, kind: str = "gizwits_open") -> Callable[[type[T]], type[T]]:
    """Add the client as a control of a rule."""

    def add(broken: type[T]) -> type[T]:
        CONTROLS.append(Control(rule, kind, broken))
        return broken

    return add


class _BrokenList(Broken):
    async def devices(self) -> Listing:
        listing = await self.cloud.devices()
        return replace(listing, devices=tuple(self.changed(listing.devices)))

    def changed(self, devices: Sequence[Device]) -> Sequence[Device]:
        raise NotImplementedError


@breaks("device_ids_are_unique_and_not_empty")
class ListsADeviceTwice(_BrokenList):
    def changed(self, devices: Sequence[Device]) -> Sequence[Device]:
        return [*devices, devices[0]]


@breaks("device_ids_are_unique_and_not_empty")
class ListsADeviceWithoutAnId(_BrokenList):
    def changed(self, devices: Sequence[Device]) -> Sequence[Device]:
        return [*devices, replace(devices[0], id="")]


@breaks("device_ids_are_unique_and_not_empty", "firstlight")
class ListsNoDevice(_BrokenList):
    def changed(self, devices: Sequence[Device]) -> Sequence[Device]:
        return ()


@breaks("device_ids_are_the_same_in_every_list")
class RenumbersItsDevices(_BrokenList):
    lists = 0

    def changed(self, devices: Sequence[Device]) -> Sequence[Device]:
        self.lists += 1
        return [replace(device, id=f"{device.id}/{self.lists}") for device in devices]


@breaks("device_ids_are_the_same_in_every_list", "sodata")
class NamesItsDevicesAfterTheClient(_BrokenList):
    def changed(self, devices: Sequence[Device]) -> Sequence[Device]:
        return [replace(device, id=f"{device.id}/{id(self)}") for device in devices]


@breaks("the_keys_of_a_schema_are_unique")
class DescribesADatapointTwice(Broken):
    async def schema(self, device: Device) -> Schema:
        schema = await self.cloud.schema(device)
        return replace(schema, datapoints=(*schema.datapoints, schema.datapoints[0]))


class _BrokenReadings(Broken):
    async def readings(self, devices: Sequence[Device], *args: Any) -> Readings:
        readings = await self.cloud.readings(devices, *args)
        return replace(
            readings, snapshots={id_: self.changed(snapshot) for id_, snapshot in readings.snapshots.items()}
        )

    def changed(self, snapshot: Snapshot) -> Snapshot:
        return replace(
            snapshot, readings={key: self.reading(key, reading) for key, reading in snapshot.readings.items()}
        )

    def reading(self, key: str, reading: Reading) -> Reading:
        raise NotImplementedError


@breaks("every_reading_is_described", "firstlight")
class DescribesNothing(_BrokenReadings):
    def changed(self, snapshot: Snapshot) -> Snapshot:
        return replace(snapshot, described=())


@breaks("timestamps_are_utc_and_not_in_the_future")
class ReadsTomorrow(_BrokenReadings):
    def reading(self, key: str, reading: Reading) -> Reading:
        return replace(reading, taken_at=datetime.now(UTC) + timedelta(days=1))


@breaks("timestamps_are_utc_and_not_in_the_future", "sodata")
class ReadsWithoutAZone(_BrokenReadings):
    def reading(self, key: str, reading: Reading) -> Reading:
        return replace(reading, taken_at=datetime(2026, 1, 1))  # noqa: DTZ001  # the thing done wrong


@breaks("timestamps_are_utc_and_not_in_the_future", "gizwits_enterprise")
class WasOnlineTomorrow(_BrokenList):
    def changed(self, devices: Sequence[Device]) -> Sequence[Device]:
        return [replace(device, last_online=datetime.now(UTC) + timedelta(days=1)) for device in devices]


class _OtherValues(_BrokenReadings):
    value: Value | None = None

    def reading(self, key: str, reading: Reading) -> Reading:
        return replace(reading, value=self.value)


@breaks("values_match_the_type_of_their_datapoint")
class ReadsTextEverywhere(_OtherValues):
    value = "text"


@breaks("values_match_the_type_of_their_datapoint", "sodata")
class ReadsNotANumber(_OtherValues):
    value = float("nan")


@breaks("an_unknown_value_is_none")
class ReadsZeroForNull(_OtherValues):
    value = 0


class HidesFailures(Broken):
    async def readings(self, devices: Sequence[Device], *args: Any) -> Readings:
        readings = await self.cloud.readings(devices, *args)
        return replace(readings, failures={})


breaks("an_unknown_device_fails_alone", "firstlight")(HidesFailures)


@breaks("an_unknown_device_fails_alone")
class StopsAtAnUnknownDevice(Broken):
    async def readings(self, devices: Sequence[Device], *args: Any) -> Readings:
        readings = await self.cloud.readings(devices, *args)
        return replace(readings, stopped_by=next(iter(readings.failures.values()), None))


@breaks("the_client_store_holds_only_json")
class StoresADate(Broken):
    async def account(self) -> Account:
        self.bench.client_store.put("seen", datetime.now(UTC))
        return await self.cloud.account()


@breaks("the_client_store_holds_only_json", "sodata")
class StoresATuple(Broken):
    async def account(self) -> Account:
        self.bench.client_store.put("pair", (1, 2))
        return await self.cloud.account()


@breaks("a_client_made_from_its_store_needs_no_login")
class ForgetsItsToken(Broken):
    def __init__(self, bench: Bench, cloud: Cloud) -> None:
        super().__init__(bench, bench.real_cloud(ClientStore()))


class RaisesAnotherError(Broken):
    """Raises another error than the good client does."""

    error: type[Exception] = CloudError

    async def devices(self) -> Listing:
        try:
            return await self.cloud.devices()
        except CloudError:
            raise self.error from None


for _rule in (
    "refused_credentials_raise_auth_failed",
    "a_server_that_is_down_raises_unreachable",
    "too_many_requests_raise_rate_limited",
    "an_invalid_answer_raises_unexpected_answer",
):
    breaks(_rule)(RaisesAnotherError)


class HidesWhyItStopped(Broken):
    async def readings(self, devices: Sequence[Device], *args: Any) -> Readings:
        return replace(await self.cloud.readings(devices, *args), stopped_by=None)


breaks("a_server_that_is_down_raises_unreachable")(HidesWhyItStopped)
breaks("too_many_requests_raise_rate_limited", "gizwits_enterprise")(HidesWhyItStopped)
breaks("an_invalid_answer_raises_unexpected_answer", "sodata")(HidesFailures)


@breaks("too_many_requests_raise_rate_limited", "firstlight")
class ForgetsWhenToRetry(Broken):
    async def devices(self) -> Listing:
        try:
            return await self.cloud.devices()
        except RateLimited as error:
            error.retry_after = None
            raise


@breaks("no_text_holds_a_secret")
class LogsItsTokens(Broken):
    async def account(self) -> Account:
        account = await self.cloud.account()
        _LOGGER.debug("Logged in: %s", dict(self.bench.client_store.content))
        return account


@breaks("no_text_holds_a_secret", "sodata")
class QuotesThePassword(Broken):
    async def devices(self) -> Listing:
        try:
            return await self.cloud.devices()
        except CloudError as error:
            raise type(error)(endpoint=f"/login?password={self.bench.simulation.keycloak.password}") from None


@breaks("no_text_holds_a_secret", "firstlight")
class ShowsItsToken(Broken):
    def __repr__(self) -> str:
        return f"Cloud({self.bench.simulation.firstlight.user_token})"


class AcceptsEveryWrite(Broken):
    async def write(self, device: Device, values: Mapping[str, Value]) -> None:
        """Accept anything and send nothing."""


breaks("a_write_that_is_not_possible_sends_nothing")(AcceptsEveryWrite)
breaks("a_write_that_is_not_possible_sends_nothing", "firstlight")(AcceptsEveryWrite)


@breaks("a_write_that_is_not_possible_sends_nothing", "gizwits_enterprise")
class SendsBeforeItChecks(Broken):
    async def write(self, device: Device, values: Mapping[str, Value]) -> None:
        await self.cloud.write_raw(device, b"\x01")
        await self.cloud.write(device, values)


@breaks("requests_stay_within_the_budget")
class CountsNoRequest(Broken):
    """Reads through another client, with its own budget."""

    def __init__(self, bench: Bench, cloud: Cloud) -> None:
        super().__init__(bench, cloud)
        self.uncounted = bench.real_cloud(ClientStore())

    async def readings(self, devices: Sequence[Device], *args: Any) -> Readings:
        return await self.uncounted.readings(devices, *args)


@breaks("a_cancelled_read_leaves_nothing_behind")
class ReadsInTheBackground(Broken):
    async def readings(self, devices: Sequence[Device], *args: Any) -> Readings:
        task = asyncio.create_task(self.cloud.readings(devices, *args))
        self.bench.left_on_purpose.append(task)
        return await asyncio.shield(task)


@breaks("a_cancelled_read_leaves_nothing_behind", "sodata")
class SwallowsTheCancellation(Broken):
    async def readings(self, devices: Sequence[Device], *args: Any) -> Readings:
        try:
            return await self.cloud.readings(devices, *args)
        except asyncio.CancelledError:
            return Readings(snapshots={})


@breaks("nothing_runs_after_the_last_call", "firstlight")
class KeepsATask(Broken):
    async def readings(self, devices: Sequence[Device], *args: Any) -> Readings:
        self.bench.left_on_purpose.append(asyncio.create_task(asyncio.sleep(60)))
        return await self.cloud.readings(devices, *args)


@breaks("nothing_runs_after_the_last_call")
class KeepsAConnection(Broken):
    async def account(self) -> Account:
        connected = asyncio.Event()
        self.bench.left_on_purpose.append(asyncio.create_task(self._keep(connected)))
        await connected.wait()
        return await self.cloud.account()

    async def _keep(self, connected: asyncio.Event) -> None:
        async with self.bench.session.ws_connect(f"{self.bench.api.url}/ws/app/v1"):
            connected.set()
            await asyncio.sleep(60)
