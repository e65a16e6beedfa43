"""The commands: each calls the client of an account and prints what it answers."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from ..clouds.cloud import Cloud, Readings
from ..clouds.errors import CloudError
from ..clouds.history import HistoryResult, Series
from ..clouds.model import Datapoint, DataType, Device, Snapshot, Value
from ..clouds.push import News, Outage, Presence, Report
from ..recording.tour import tour
from .terminal import Printer, Row, Stopped, say
from .texts import Texts

_SWITCHES: Final = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}


class Commands:
    """Runs the commands of one account."""

    def __init__(self, cloud: Cloud, printer: Printer, texts: Texts) -> None:
        """Print with `printer`, and describe errors in the words of `texts`."""
        self._cloud = cloud
        self._printer = printer
        self._texts = texts

    async def run(self, arguments: argparse.Namespace) -> None:
        """Run the command that the arguments name. Raises `Stopped` and any `CloudError`."""
        command: Callable[[argparse.Namespace], Awaitable[None]] = {
            "account": self._account,
            "devices": self._devices,
            "datapoints": self._datapoints,
            "read": self._read,
            "watch": self._watch,
            "set": self._set,
            "history": self._history,
            "aggregate": self._aggregate,
            "logs": self._logs,
            "record": self._record,
        }[arguments.command]
        await command(arguments)

    async def _account(self, _: argparse.Namespace) -> None:
        account = await self._cloud.account()
        devices = await self._list()
        budget = self._cloud.budget
        self._printer.rows(
            [
                {
                    "cloud": self._texts.cloud(self._cloud.kind),
                    "account": account.name or account.id,
                    "id": account.id,
                    "devices": len(devices),
                    "requests left": budget.remaining,
                }
            ]
        )

    async def _devices(self, _: argparse.Namespace) -> None:
        self._printer.rows(
            [
                {
                    "name": device.name,
                    "id": device.id,
                    "model": device.model,
                    "online": device.is_online,
                    "alert": device.has_alert,
                    "fault": device.has_fault,
                    "last online": device.last_online,
                    "site": device.site,
                    "customer": device.customer,
                }
                for device in await self._list()
            ]
        )

    async def _datapoints(self, arguments: argparse.Namespace) -> None:
        rows: list[Row] = []
        for device in await self._chosen(arguments.devices):
            schema = await self._cloud.schema(device)
            rows += [_datapoint_row(device, datapoint) for datapoint in schema.datapoints]
            if schema.skipped:
                say(f"{device.name}: not understood: {', '.join(schema.skipped)}")
        self._printer.rows(rows)

    async def _read(self, arguments: argparse.Namespace) -> None:
        devices = await self._chosen(arguments.devices)
        schemas = {device.id: await self._known(device) for device in devices}
        readings = await self._cloud.readings(devices)
        rows: list[Row] = []
        for device in devices:
            if (snapshot := readings.snapshots.get(device.id)) is not None:
                rows += _reading_rows(device, schemas[device.id], snapshot)
        self._say_failures(devices, readings)
        self._printer.rows(rows)
        if readings.stopped_by is not None:
            raise readings.stopped_by

    async def _watch(self, arguments: argparse.Namespace) -> None:
        devices = await self._chosen(arguments.devices)
        names = {device.id: device.name for device in devices}
        push = self._cloud.push
        if push is None:
            say("This cloud pushes nothing, so its devices are read at their interval.")
        watching = self._poll(devices) if push is None else push.listen(lambda news: self._show(news, names))
        if push is not None:
            push.follow(devices)
        try:
            async with asyncio.timeout(None if arguments.minutes is None else arguments.minutes * 60):
                await watching
        except TimeoutError:
            pass

    async def _poll(self, devices: Sequence[Device]) -> None:
        """Read devices again and again, and print the values that changed."""
        shown: dict[tuple[str, str], Any] = {}
        while True:
            readings = await self._cloud.readings(devices)
            for device in devices:
                if (snapshot := readings.snapshots.get(device.id)) is None:
                    continue
                for key, reading in snapshot.readings.items():
                    if shown.get((device.id, key), ...) != reading.value:
                        shown[device.id, key] = reading.value
                        self._printer.row(_news_row(device.name, key, reading.value, reading.taken_at))
            self._say_failures(devices, readings)
            if readings.stopped_by is not None:
                say(self._texts.of_request(readings.stopped_by))
            await asyncio.sleep(self._cloud.default_interval.total_seconds())

    def _say_failures(self, devices: Sequence[Device], readings: Readings) -> None:
        for device in devices:
            if (failure := readings.failures.get(device.id)) is not None:
                say(f"{device.name}: {self._texts.of_request(failure)}")

    def _show(self, news: News, names: Mapping[str, str]) -> None:
        match news:
            case Report(device_id=device_id, snapshot=snapshot) if device_id in names:
                for key, reading in snapshot.readings.items():
                    self._printer.row(_news_row(names[device_id], key, reading.value, reading.taken_at))
            case Presence(device_id=device_id, is_online=is_online, at=at) if device_id in names:
                self._printer.row(_news_row(names[device_id], "online", is_online, at))
            case Outage(server=server, is_over=is_over):
                say(f"The connection to {server} is {'back' if is_over else 'down'}.")

    async def _set(self, arguments: argparse.Namespace) -> None:
        (device,) = await self._chosen([arguments.device])
        datapoints = await self._known(device)
        values = dict(_parsed(text, datapoints) for text in arguments.values)
        try:
            accepted = await self._cloud.write(device, values)
        except CloudError as error:
            refused = datapoints.get(error.subject or "")
            raise Stopped(self._texts.of_command(error, device.name, refused)) from error
        self._printer.rows([{"datapoint": key, "value": value} for key, value in accepted.items()])

    async def _history(self, arguments: argparse.Namespace) -> None:
        (device,) = await self._chosen([arguments.device])
        series = [Series(device, key) for key in arguments.datapoints]
        start, end = _range(arguments)
        results = await self._fetch(device, self._cloud.history.readings(series, start, end))
        self._print_history(
            {one.key: result for one, result in results.items()},
            lambda reading: {"at": reading.taken_at, "value": reading.value},
        )

    async def _aggregate(self, arguments: argparse.Namespace) -> None:
        (device,) = await self._chosen([arguments.device])
        start, end = _range(arguments)
        history, period = self._cloud.history, arguments.period
        if history.capabilities.has_usage:
            usage = await self._fetch(device, history.usage(device.id, start, end, period=period, group_by=None))
            self._print_history(
                {device.name: usage}, lambda row: {"at": row.at, "label": row.label, "value": row.value}
            )
            return
        series = [Series(device, key) for key in arguments.datapoints]
        request = history.buckets(series, start, end, period=period, aggregation=arguments.aggregation)
        results = await self._fetch(device, request)
        self._print_history(
            {one.key: result for one, result in results.items()},
            lambda bucket: {"start": bucket.start, "end": bucket.end, "value": bucket.value},
        )

    async def _logs(self, arguments: argparse.Namespace) -> None:
        (device,) = await self._chosen([arguments.device])
        history = self._cloud.history
        read = history.communication_log if arguments.messages else history.online_log
        result = await self._fetch(device, read(device, *_range(arguments)))
        self._print_history(
            {device.name: result},
            lambda entry: {"at": entry.at, "kind": entry.kind, "reason": entry.reason, "content": entry.content},
        )

    async def _record(self, arguments: argparse.Namespace) -> None:
        say(f"Recording for {arguments.minutes:g} minutes. Ctrl-C ends it earlier and keeps what there is.")
        await tour(self._cloud, arguments.minutes * 60)

    async def _fetch[T](self, device: Device, request: Awaitable[T]) -> T:
        try:
            return await request
        except CloudError as error:
            raise Stopped(self._of_history(error, device.name)) from error

    def _of_history(self, error: CloudError, subject: str) -> str:
        is_to_be_granted = self._cloud.history.capabilities.aggregates_need_grant
        return self._texts.of_history(error, subject, is_to_be_granted=is_to_be_granted)

    def _print_history[T](self, results: Mapping[str, HistoryResult[T]], row: Callable[[T], Row]) -> None:
        self._printer.rows([{"of": name, **row(one)} for name, result in results.items() for one in result.rows])
        for name, result in results.items():
            if result.stopped_by is not None:
                say(f"{name}: {self._of_history(result.stopped_by, name)}")

    async def _list(self) -> Sequence[Device]:
        listing = await self._cloud.devices()
        for scope, failure in listing.failed.items():
            say(f"{scope}: {self._texts.of_request(failure)}")
        return listing.devices

    async def _chosen(self, wanted: Iterable[str]) -> Sequence[Device]:
        """Return the devices with these names or ids; all devices if none are named. Raises `Stopped`."""
        listed = await self._list()
        return [_device(text, listed) for text in wanted] or listed

    async def _known(self, device: Device) -> Mapping[str, Datapoint]:
        """Return the datapoints of a device by their keys; none if its product has no definition."""
        return {datapoint.key: datapoint for datapoint in (await self._cloud.schema(device)).datapoints}


def _device(text: str, listed: Sequence[Device]) -> Device:
    found = [device for device in listed if text == device.id] or [
        device for device in listed if text.casefold() == device.name.casefold()
    ]
    match found:
        case [device]:
            return device
        case []:
            raise Stopped(f"The account has no device {text}.")
    raise Stopped(f"Several devices are named {text}. Use an id: {', '.join(device.id for device in found)}")


def _range(arguments: argparse.Namespace) -> tuple[datetime, datetime]:
    start, end = arguments.start.astimezone(UTC), arguments.end.astimezone(UTC)
    if start >= end:
        raise Stopped("The start of the range is not before its end.")
    return start, end


def _datapoint_row(device: Device, datapoint: Datapoint) -> Row:
    limits = (datapoint.minimum, datapoint.maximum, datapoint.step)
    return {
        "device": device.name,
        "datapoint": datapoint.key,
        "name": datapoint.name,
        "type": datapoint.data_type,
        "unit": datapoint.unit,
        "writable": datapoint.is_writable,
        "role": datapoint.role,
        "minimum": limits[0],
        "maximum": limits[1],
        "step": limits[2],
        "options": datapoint.options,
    }


def _reading_rows(device: Device, datapoints: Mapping[str, Datapoint], snapshot: Snapshot) -> list[Row]:
    known = {**datapoints, **{datapoint.key: datapoint for datapoint in snapshot.described}}
    return [
        {
            "device": device.name,
            "datapoint": key,
            "value": reading.value,
            "unit": known[key].unit if key in known else None,
            "taken at": reading.taken_at,
        }
        for key, reading in snapshot.readings.items()
    ]


def _news_row(device: str, key: str, value: Value | None, at: datetime | None) -> Row:
    return {"at": at or datetime.now(UTC), "device": device, "datapoint": key, "value": value}


def _parsed(text: str, datapoints: Mapping[str, Datapoint]) -> tuple[str, Value]:
    """Parse `datapoint=value`. The client checks whether the device accepts the value. Raises `Stopped`."""
    key, sign, value = text.partition("=")
    if not sign:
        raise Stopped(f"{text} is not of the form DATAPOINT=VALUE.")
    data_type = datapoints[key].data_type if key in datapoints else DataType.TEXT
    if data_type is DataType.BOOL and value.lower() in _SWITCHES:
        return key, _SWITCHES[value.lower()]
    if data_type is DataType.NUMBER:
        try:
            return key, float(value)
        except ValueError:
            raise Stopped(f"{value} is not a number.") from None
    return key, value
