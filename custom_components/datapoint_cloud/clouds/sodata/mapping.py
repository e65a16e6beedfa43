"""SoData's wire in terms of the model: accounts, devices, variables and last values.

Pure, and lenient: whatever is not as the document shows it is left out or skipped, by name where it has one.
"""

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .. import coerce
from ..model import Datapoint, DataType, Device, Part, Reading, Role, Schema, Snapshot, Value

_CONNECTED = frozenset({"connected", "online", "up", "true"})
_DISCONNECTED = frozenset(
    {"disconnected", "offline", "down", "false", "notconnected", "lost", "connectionlost", "nocommunication"}
)

# How an active alarm is written is not shown anywhere.
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
)

_LONGEST_INDEX = 9  # digits; what is longer counts nothing


class _Unreadable(ValueError):
    """A value that is not what its datapoint promises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateAccount:
    """A corporate account the user belongs to. `user_link` is the uuid of the user's validated membership."""

    uuid: str
    name: str
    user_link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where devices stand."""

    name: str | None
    time_zone: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The schema of a device, and the types of all its variables by key, switched off or not."""

    schema: Schema
    types: Mapping[str, DataType]


def corporate_account(record: Mapping[str, Any]) -> CorporateAccount | None:
    """Read one of "Corporate accounts"; None without a uuid."""
    if (uuid := coerce.text(record.get("uuid"))) is None:
        return None
    links = (coerce.text(link.get("uuid")) for link in coerce.records(record.get("userLinks")) if _is_validated(link))
    return CorporateAccount(
        uuid=uuid, name=coerce.text(record.get("name")) or uuid, user_link=next((link for link in links if link), None)
    )


def _is_validated(link: Mapping[str, Any]) -> bool:
    return _word(link.get("status")) == "validated"


def name_of(record: Mapping[str, Any]) -> str | None:
    """The name of a site or a customer."""
    return coerce.text(record.get("name")) or coerce.text(record.get("technicalName"))


def need_customers(sites: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the customers' names are needed: a site has no name, or sites of two customers have the same."""
    owners = _owners_by_name(sites, {})
    return None in owners or any(len(customers) > 1 for customers in owners.values())


def sites(records: Sequence[Mapping[str, Any]], customers: Mapping[str, str]) -> dict[str, Site]:
    """Read "Sites". The names of their `customers` stand in for missing names and tell equal ones apart."""
    owners = _owners_by_name(records, customers)
    found: dict[str, Site] = {}
    for record in records:
        customer = customers.get(_owner(record))
        name = name_of(record) or customer
        if name and customer and name != customer and len(owners[name.casefold()]) > 1:
            name = f"{customer} · {name}"
        found[str(record["uuid"])] = Site(name=name, time_zone=coerce.text(record.get("timeZone")))
    return found


def _owners_by_name(sites: Iterable[Mapping[str, Any]], customers: Mapping[str, str]) -> dict[str | None, set[str]]:
    owners: dict[str | None, set[str]] = defaultdict(set)
    for record in sites:
        name = name_of(record) or customers.get(_owner(record))
        owners[name and name.casefold()].add(_owner(record))
    return owners


def _owner(site: Mapping[str, Any]) -> str:
    return coerce.text(site.get("customerUuid")) or ""


def device(record: Mapping[str, Any], sites: Mapping[str, Site], listed: Container[str]) -> Device:
    """Read one of "Devices", which has a uuid. Its gateway counts only if it is `listed`."""
    uuid = str(coerce.text(record.get("uuid")))
    serial_number = coerce.text(record.get("serialNumber"))
    gateway_id = coerce.text(record.get("gatewayUuid"))
    site_id = coerce.text(record.get("siteUuid"))
    place = sites.get(site_id or "")
    return Device(
        id=uuid,
        name=coerce.text(record.get("name")) or coerce.text(record.get("technicalName")) or serial_number or uuid,
        schema_id=uuid,
        is_online=_is_online(record.get("connectionStatus")),
        silent_after=_silent_after(record.get("noCommunicationPeriod")),
        gateway_id=gateway_id if gateway_id in listed and gateway_id != uuid else None,
        manufacturer=coerce.text(record.get("manufacturer")),
        model=coerce.text(record.get("modelName")),
        model_id=coerce.text(record.get("deviceTypeReferenceId")),
        serial_number=serial_number,
        site_id=site_id,
        site=None if place is None else place.name,
        time_zone=coerce.text(record.get("timeZone")) or (None if place is None else place.time_zone),
    )


def _is_online(connection_status: Any) -> bool | None:
    word = _word(connection_status)
    return True if word in _CONNECTED else False if word in _DISCONNECTED else None


def _silent_after(no_communication_period: Any) -> timedelta | None:
    minutes = coerce.number(no_communication_period)
    try:
        return timedelta(minutes=minutes) if minutes is not None and minutes > 0 else None
    except OverflowError:
        return None


def _word(value: Any) -> str:
    """One way to write a word: lower case, without what separates its parts."""
    text = str(value).lower() if isinstance(value, bool) else coerce.text(value) or ""
    return text.lower().translate({ord(separator): None for separator in "_- "})


def essential(variables: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What `description` needs of "Variables", still as on the wire: a fifth of what a device's list holds."""
    return [_essential(variable) for variable in variables]


def _essential(variable: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: variable[name] for name in _VARIABLE_FIELDS if variable.get(name) is not None}
    titles = {language: {"title": title} for language, title in _names(variable).items()}
    return kept | ({"serviceTranslations": titles} if titles else {})


def is_identified(variable: Mapping[str, Any]) -> bool:
    """Whether one of "Variables" says which one it is."""
    return _key(variable) is not None


def description(variables: Iterable[Mapping[str, Any]]) -> Description:
    """Read the "Variables" of a device. What is switched off is no datapoint of it.

    One that does not say of what type it is is left to the last values, which say it.
    """
    datapoints: dict[str, Datapoint] = {}
    types: dict[str, DataType] = {}
    skipped: list[str] = []
    for variable in variables:
        if (key := _key(variable)) is None:
            skipped.append(coerce.text(variable.get("serviceName")) or coerce.text(variable.get("serviceId")) or "?")
            continue
        is_active = _word(variable.get("active")) not in {"false", "0"}
        if is_active and not _says_its_type(variable):
            skipped.append(key)
            continue
        types[key] = _data_type(variable)
        if is_active:
            datapoints.setdefault(key, datapoint(key, variable))
    return Description(schema=Schema(datapoints=tuple(datapoints.values()), skipped=tuple(skipped)), types=types)


def datapoint(key: str, record: Mapping[str, Any]) -> Datapoint:
    """Read a variable, or the description that a last value brings along (`title` instead of translations)."""
    names = _names(record)
    item_type, item_index, service_id = key.split("|")
    name = names.get("en") or coerce.text(record.get("title")) or coerce.text(record.get("serviceName"))
    data_type = _data_type(record)
    return Datapoint(
        key=key,
        name=name or key,
        names=names,
        data_type=data_type,
        role=Role.ALARM if data_type is DataType.BOOL else Role.STATUS,
        unit=None if data_type is DataType.BOOL else coerce.text(record.get("unit")),
        is_difference=any(_says_delta(said) for said in (name, coerce.text(record.get("serviceName")))),
        part=_part(item_type, item_index),
        group=coerce.text(record.get("serviceGroup")),
        service=service_id,
    )


def _says_delta(name: str | None) -> bool:
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
    # People count the units from 1, the API from 0.
    number = int(item_index) + 1 if item_index.isdecimal() and len(item_index) <= _LONGEST_INDEX else item_index
    return Part(id=f"{item_type}|{item_index}", name=f"{item_type} {number}")


def _names(record: Mapping[str, Any]) -> dict[str, str]:
    translations = coerce.fields(record.get("serviceTranslations"))
    names = (
        (language, coerce.text(coerce.fields(texts).get("title")) or coerce.text(coerce.fields(texts).get("shortName")))
        for language, texts in translations.items()
    )
    return {language.replace("_", "-").lower(): name for language, name in names if name is not None}


def _says_its_type(record: Mapping[str, Any]) -> bool:
    return any(coerce.text(record.get(name)) is not None for name in ("serviceType", "unit"))


def _data_type(record: Mapping[str, Any]) -> DataType:
    service_type = _word(record.get("serviceType"))
    if service_type == "alarm":
        return DataType.BOOL
    is_measured = service_type == "measure" or coerce.text(record.get("unit")) is not None
    return DataType.NUMBER if is_measured else DataType.TEXT


type Row = Mapping[str, Any]


def listed(body: Any) -> Any:
    """The list of "Last values", of one device or of many; anything else where the answer is damaged."""
    return body if isinstance(body, list) else coerce.fields(body).get("devices")


def rows(body: Any) -> dict[str, list[Row]]:
    """The rows of "Last values" by the uuid each row or its device carries."""
    found: dict[str, list[Row]] = defaultdict(list)
    for record in coerce.records(listed(body)):
        if not isinstance(record.get("values"), list):
            continue  # damaged: that the device has no values is written as an empty list
        record_uuid = coerce.text(record.get("deviceUuid"))
        if record_uuid is not None:
            found[record_uuid] += []
        for row in coerce.records(record.get("values")):
            if (uuid := coerce.text(row.get("deviceUuid")) or record_uuid) is not None:
                found[uuid].append(row)
    return found


def snapshots(found: Mapping[str, Iterable[Row]], known: Mapping[str, Description]) -> dict[str, Snapshot]:
    """Read the rows of each device. What is `known` of a device, by its uuid, is not described again."""
    return {uuid: _snapshot(values, known[uuid].types if uuid in known else {}) for uuid, values in found.items()}


def _reading(key: str, row: Row, types: Mapping[str, DataType]) -> Reading:
    """Read one row of "Last values". Raises `_Unreadable`."""
    data_type = types[key] if key in types else _data_type(row)
    return Reading(_value(row.get("value"), data_type), coerce.timestamp(row.get("date")))


def _snapshot(found: Iterable[Row], types: Mapping[str, DataType]) -> Snapshot:
    readings: dict[str, Reading] = {}
    described: dict[str, Datapoint] = {}
    skipped: set[str] = set()
    reported_at: datetime | None = None
    for row in found:
        if (key := _key(row)) is None:
            skipped.add(coerce.text(row.get("title")) or coerce.text(row.get("serviceId")) or "?")
            continue
        if key not in types:
            described[key] = datapoint(key, row)
        try:
            told = _reading(key, row, types)
        except _Unreadable:
            # What it was before it no longer is.
            skipped.add(key)
            told = Reading(None, coerce.timestamp(row.get("date")))
        if told.taken_at is not None and (reported_at is None or told.taken_at > reported_at):
            reported_at = told.taken_at
        if key not in readings or _is_newer(told, readings[key]):
            readings[key] = told
    return Snapshot(
        readings=readings, reported_at=reported_at, described=tuple(described.values()), skipped=tuple(sorted(skipped))
    )


def _is_newer(reading: Reading, known: Reading) -> bool:
    return reading.taken_at is not None and (known.taken_at is None or reading.taken_at > known.taken_at)


def _value(value: Any, data_type: DataType) -> Value | None:
    """Read a value, which is text even where it is a number. Raises `_Unreadable`."""
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
    if not isinstance(value, str | int | float):
        raise _Unreadable
    return str(value)


def _is_active(value: Any) -> bool:
    if (number := coerce.number(value)) is not None:
        return number != 0
    word = _word(value)
    if word not in _ACTIVE | _INACTIVE:
        raise _Unreadable
    return word in _ACTIVE
