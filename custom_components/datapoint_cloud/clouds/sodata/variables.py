"""SoData's variables and last values in terms of the model: datapoints and readings.

Pure, and lenient: anything that is not as the document shows it is left out, or skipped by name if it has one.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from .. import coerce
from ..model import Datapoint, DataType, Part, Reading, Role, Schema, Snapshot, Value
from .identifiers import readable
from .mapping import normalized

# The document does not show how an active alarm is written.
_ACTIVE = frozenset(
    {"true", "active", "activated", "on", "yes", "alarm", "inalarm", "raised", "set", "present"}
    | {"appeared", "triggered", "started", "warning", "minor", "major", "critical", "fault", "error", "failure"}
)
_INACTIVE = frozenset(
    {"false", "inactive", "deactivated", "off", "no", "noalarm", "normal", "ok", "none", "clear", "cleared", "absent"}
    | {"notactive", "notpresent", "disappeared", "reset", "ended", "resolved", "nofault"}
)

_VARIABLE_FIELDS = (
    "itemType",
    "itemIndex",
    "serviceId",
    "serviceName",
    "serviceType",
    "serviceGroup",
    "unit",
    "active",
    "severityName",
)

_LONGEST_INDEX = 9  # digits; a longer text is no number of a unit


class _Unreadable(ValueError):
    """A value that does not fit the type of its datapoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSchema:
    """The schema of a device, and the types of all its variables by key, including inactive ones."""

    schema: Schema
    types: Mapping[str, DataType]


def essential(variables: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Keep only the fields of "Variables" that `device_schema` needs, a fifth of a device's list."""
    return [_essential(variable) for variable in variables]


def _essential(variable: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: variable[name] for name in _VARIABLE_FIELDS if variable.get(name) is not None}
    titles = {language: {"title": title} for language, title in _names(variable).items()}
    return kept | ({"serviceTranslations": titles} if titles else {})


def is_identified(variable: Mapping[str, Any]) -> bool:
    """Whether a record of "Variables" has a key."""
    return _key(variable) is not None


def device_schema(
    variables: Iterable[Mapping[str, Any]], units: Mapping[str, str] = MappingProxyType({})
) -> DeviceSchema:
    """Read the "Variables" of a device. Inactive ones are no datapoints.

    `units` by service are those of variables that lack one. Variables without a type are skipped, because last values
    state the type.
    """
    datapoints: dict[str, Datapoint] = {}
    types: dict[str, DataType] = {}
    skipped: list[str] = []
    for record in variables:
        unit = coerce.text(record.get("unit")) or units.get(coerce.text(record.get("serviceId")) or "")
        variable = {**record, "unit": unit}
        if (key := _key(variable)) is None:
            skipped.append(coerce.text(variable.get("serviceName")) or coerce.text(variable.get("serviceId")) or "?")
            continue
        is_active = normalized(variable.get("active")) not in {"false", "0"}
        if is_active and not _has_type(variable):
            skipped.append(key)
            continue
        types[key] = _data_type(variable)
        if is_active:
            datapoints.setdefault(key, datapoint(key, variable))
    return DeviceSchema(schema=Schema(datapoints=tuple(datapoints.values()), skipped=tuple(skipped)), types=types)


def datapoint(key: str, record: Mapping[str, Any]) -> Datapoint:
    """Describe the datapoint of a variable, or of a last value, which has a `title` instead of translations."""
    item_type, item_index, service_id = key.split("|")
    names = {language: _without_part(name, item_type) for language, name in _names(record).items()}
    name = names.get("en") or coerce.text(record.get("title")) or coerce.text(record.get("serviceName"))
    data_type = _data_type(record)
    is_alarm = data_type is DataType.BOOL
    severity = coerce.text(record.get("severityName")) if is_alarm else None
    return Datapoint(
        key=key,
        name=_without_part(readable(name, normalized(record.get("unit"))), item_type) if name else key,
        names=names,
        data_type=data_type,
        role=Role.ALARM if is_alarm else Role.STATUS,
        severity=None if severity is None else severity.lower(),
        unit=None if is_alarm else coerce.text(record.get("unit")),
        is_counter=normalized(record.get("serviceType")) == "counter",
        is_difference=any(_contains_delta(text) for text in (name, coerce.text(record.get("serviceName")))),
        part=_part(item_type, item_index),
        group=coerce.text(record.get("serviceGroup")),
        service=service_id,
    )


def _without_part(name: str, item_type: str) -> str:
    """Leave out the word that the name of the part says already: the "Unit temperature" of "Unit 1"."""
    rest = name[len(item_type) + 1 :]
    repeats = name.lower().startswith(f"{item_type.lower()} ") and not rest[:1].isdigit()
    return rest[:1].upper() + rest[1:] if repeats and rest else name


def _contains_delta(name: str | None) -> bool:
    return name is not None and "delta" in re.split(r"[\W_]+", name.casefold())


def _key(record: Mapping[str, Any]) -> str | None:
    item_type = coerce.text(record.get("itemType"))
    item_index = coerce.text(record.get("itemIndex"))
    service_id = coerce.text(record.get("serviceId"))
    if item_type is None or item_index is None or service_id is None:
        return None
    key = f"{item_type}|{item_index}|{service_id}"
    return key if key.count("|") == 2 else None


def _part(item_type: str, item_index: str) -> Part | None:
    if (item_type, item_index) == ("Global", "0"):
        return None
    # Users number the units from 1, the API from 0.
    number = int(item_index) + 1 if item_index.isdecimal() and len(item_index) <= _LONGEST_INDEX else item_index
    return Part(id=f"{item_type}|{item_index}", name=f"{item_type} {number}")


def _names(record: Mapping[str, Any]) -> dict[str, str]:
    translations = coerce.fields(record.get("serviceTranslations"))
    names = (
        (language, coerce.text(coerce.fields(texts).get("title")) or coerce.text(coerce.fields(texts).get("shortName")))
        for language, texts in translations.items()
    )
    return {language.replace("_", "-").lower(): name for language, name in names if name is not None}


def _has_type(record: Mapping[str, Any]) -> bool:
    return any(coerce.text(record.get(name)) is not None for name in ("serviceType", "unit"))


def _data_type(record: Mapping[str, Any]) -> DataType:
    service_type = normalized(record.get("serviceType"))
    if service_type == "alarm":
        return DataType.BOOL
    is_measured = service_type in {"measure", "counter"} or coerce.text(record.get("unit")) is not None
    return DataType.NUMBER if is_measured else DataType.TEXT


type Row = Mapping[str, Any]


def last_value_records(body: Any) -> Any:
    """Return the list of devices in "Last values"; a damaged answer may have anything else in its place."""
    return body if isinstance(body, list) else coerce.fields(body).get("devices")


def last_value_rows(body: Any) -> dict[str, list[Row]]:
    """Return the rows of "Last values" by the uuid of the row, or else of the record that holds it."""
    found: dict[str, list[Row]] = defaultdict(list)
    for record in coerce.records(last_value_records(body)):
        if not isinstance(record.get("values"), list):
            continue  # damaged: a device without values has an empty list
        record_uuid = coerce.text(record.get("deviceUuid"))
        if record_uuid is not None:
            found[record_uuid] += []
        for row in coerce.records(record.get("values")):
            if (uuid := coerce.text(row.get("deviceUuid")) or record_uuid) is not None:
                found[uuid].append(row)
    return found


class RowReader:
    """Reads the rows of one device in "Last values". A row that is as before gives the same object again."""

    def __init__(self, schema: DeviceSchema | None) -> None:
        """Read values as the schema says, and describe the variables that it lacks."""
        self.schema = schema
        self._types: Mapping[str, DataType] = {} if schema is None else schema.types
        described = () if schema is None else schema.schema.datapoints
        self._without_unit = {
            one.key: one for one in described if one.unit is None and one.data_type is DataType.NUMBER
        }
        self._known: dict[str, tuple[str, str, Reading]] = {}  # value, date and what they mean, by key

    def snapshot(self, rows: Iterable[Row]) -> Snapshot:
        """Read an answer's rows about the device."""
        readings: dict[str, Reading] = {}
        described: dict[str, Datapoint] = {}
        skipped: set[str] = set()
        reported_at: datetime | None = None
        for row in rows:
            if (key := _key(row)) is None:
                skipped.add(coerce.text(row.get("title")) or coerce.text(row.get("serviceId")) or "?")
                continue
            if key not in self._types:
                described[key] = datapoint(key, row)
            elif key in self._without_unit and (unit := coerce.text(row.get("unit"))) is not None:
                described[key] = replace(self._without_unit[key], unit=unit)
            try:
                reading = self._reading(key, row)
            except _Unreadable:
                # The earlier value no longer holds.
                skipped.add(key)
                reading = Reading(None, coerce.timestamp(row.get("date")))
            if reading.taken_at is not None and (reported_at is None or reading.taken_at > reported_at):
                reported_at = reading.taken_at
            if key not in readings or _is_newer(reading, readings[key]):
                readings[key] = reading
        return Snapshot(
            readings=readings,
            reported_at=reported_at,
            described=tuple(described.values()),
            skipped=tuple(sorted(skipped)),
        )

    def _reading(self, key: str, row: Row) -> Reading:
        """Read a row. Raises `_Unreadable`."""
        value, date = row.get("value"), row.get("date")
        if key not in self._types:
            return Reading(_value(value, _data_type(row)), coerce.timestamp(date))
        known = self._known.get(key)
        if known is not None and known[0] == value and known[1] == date:
            return known[2]
        reading = Reading(_value(value, self._types[key]), coerce.timestamp(date))
        if isinstance(value, str) and isinstance(date, str):
            self._known[key] = (value, date, reading)
        return reading


def _is_newer(reading: Reading, known: Reading) -> bool:
    return reading.taken_at is not None and (known.taken_at is None or reading.taken_at > known.taken_at)


def _value(value: Any, data_type: DataType) -> Value | None:
    """Read a value; numbers are written as text, too. Raises `_Unreadable`."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if data_type is DataType.BOOL:
        return _is_active(value)
    if data_type is DataType.NUMBER:
        if (number := coerce.number(value)) is None:
            raise _Unreadable
        return number
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, (str, int, float)):
        raise _Unreadable
    return str(value).strip()


def _is_active(value: Any) -> bool:
    if (number := coerce.number(value)) is not None:
        return number != 0
    word = normalized(value)
    if word not in _ACTIVE | _INACTIVE:
        raise _Unreadable
    return word in _ACTIVE
