"""Converts the list of devices and their datapoints to JSON and back, so that an account can start without its cloud.

Pure. Records that cannot be read are skipped: the next list brings them anyway.
"""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, Self

from ..clouds import coerce
from ..clouds.model import Datapoint, DataType, Device, Part, Role
from ..clouds.records import ByteMeaning, Record, RecordByte


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDevice:
    """A device as it was last listed, and how many polls in a row had missed it.

    `datapoints` are those of its schema, `described` those that came with its readings.
    """

    device: Device
    missed_polls: int
    datapoints: tuple[Datapoint, ...] = ()
    described: tuple[Datapoint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDevices:
    """All devices of an account, as of `listed_at`."""

    listed_at: datetime
    devices: tuple[StoredDevice, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Return the list as JSON; a schema that many devices share is written once."""
        numbers: dict[int, int] = {}  # by the identity of the schema's datapoints
        schemas: list[Any] = []
        devices: list[Any] = []
        for stored in self.devices:
            record: dict[str, Any] = {"device": _device_as_json(stored.device), "missed": stored.missed_polls}
            if stored.datapoints:
                number = numbers.setdefault(id(stored.datapoints), len(schemas))
                if number == len(schemas):
                    schemas.append([_datapoint_as_json(datapoint) for datapoint in stored.datapoints])
                record["schema"] = number
            if stored.described:
                record["described"] = [_datapoint_as_json(datapoint) for datapoint in stored.described]
            devices.append(record)
        return {"listed_at": self.listed_at.isoformat(), "devices": devices, "schemas": schemas}

    @classmethod
    def of(cls, stored: Any) -> Self | None:
        """Read the list from JSON; None if there is none."""
        content = coerce.fields(stored)
        listed_at = coerce.timestamp(content.get("listed_at"))
        if listed_at is None:
            return None
        found = content.get("schemas")
        schemas = [_datapoints(schema) for schema in found] if isinstance(found, list) else []
        devices = (_stored_device(record, schemas) for record in coerce.records(content.get("devices")))
        return cls(listed_at=listed_at, devices=tuple(device for device in devices if device is not None))


def _stored_device(record: Mapping[str, Any], schemas: list[tuple[Datapoint, ...]]) -> StoredDevice | None:
    number, missed = record.get("schema"), coerce.number(record.get("missed"))
    try:
        return StoredDevice(
            device=_device(coerce.fields(record.get("device"))),
            missed_polls=int(missed or 0),
            datapoints=schemas[number] if isinstance(number, int) else (),
            described=_datapoints(record.get("described")),
        )
    except TypeError, ValueError, IndexError, OverflowError:
        return None


def _device_as_json(device: Device) -> dict[str, Any]:
    record = _fields_as_json(device)
    if device.last_online is not None:
        record["last_online"] = device.last_online.isoformat()
    if device.silent_after is not None:
        record["silent_after"] = device.silent_after.total_seconds()
    return record


def _device(record: Mapping[str, Any]) -> Device:
    changes: dict[str, Any] = {}
    if "last_online" in record:
        changes["last_online"] = datetime.fromisoformat(record["last_online"])
    if "silent_after" in record:
        changes["silent_after"] = timedelta(seconds=record["silent_after"])
    return Device(**{**record, **changes})


def _datapoint_as_json(datapoint: Datapoint) -> dict[str, Any]:
    record = _fields_as_json(datapoint)
    if datapoint.part is not None:
        record["part"] = _fields_as_json(datapoint.part)
    if datapoint.record is not None:
        record["record"] = asdict(datapoint.record)
    return record


def _datapoints(records: Any) -> tuple[Datapoint, ...]:
    return tuple(_all_datapoints(coerce.records(records)))


def _all_datapoints(records: Iterable[Mapping[str, Any]]) -> Iterable[Datapoint]:
    for record in records:
        try:
            yield Datapoint(
                **{
                    **record,
                    "data_type": DataType(record["data_type"]),
                    "role": Role(record.get("role", Role.STATUS)),
                    "options": tuple(record.get("options", ())),
                    "part": Part(**record["part"]) if "part" in record else None,
                    "record": _record(record["record"]) if "record" in record else None,
                }
            )
        except TypeError, ValueError, KeyError, AttributeError:
            continue


def _record(record: Mapping[str, Any]) -> Record:
    """Read the layout of a datapoint; a definition states no grid."""
    layout = (RecordByte(tuple(_meaning(said) for said in byte["meanings"])) for byte in record["layout"])
    return Record(**{**record, "layout": tuple(layout), "empty": tuple(record["empty"]), "grid": None})


def _meaning(said: Mapping[str, Any]) -> ByteMeaning:
    # JSON has texts for keys, and lists for tuples.
    options = {int(number): label for number, label in said["options"].items()}
    when = {name: tuple(labels) for name, labels in said["when"].items()}
    return ByteMeaning(**{**said, "options": options, "when": when})


def _fields_as_json(thing: Device | Datapoint | Part) -> dict[str, Any]:
    """The fields that differ from their defaults."""
    values = ((found, getattr(thing, found.name)) for found in fields(thing))
    return {
        found.name: value
        for found, value in values
        if value != (found.default_factory() if found.default_factory is not MISSING else found.default)
    }
