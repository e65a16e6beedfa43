"""SoData's corporate accounts, sites and devices in terms of the model.

Pure, and lenient: anything that is not as the document shows it is left out, or skipped by name if it has one.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from .. import coerce
from ..model import Device

_CONNECTED = frozenset({"connected", "online", "up", "true"})

_DISCONNECTED = frozenset(
    {"disconnected", "offline", "down", "false", "notconnected", "lost", "connectionlost", "nocommunication"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateAccount:
    """A corporate account of the user. `user_link` is the uuid of the user's validated membership."""

    uuid: str
    name: str
    user_link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The place of devices, and the customer that it belongs to."""

    name: str | None
    time_zone: str | None
    customer_id: str | None = None
    customer: str | None = None


def corporate_account(record: Mapping[str, Any]) -> CorporateAccount | None:
    """Read a record of "Corporate accounts"; None if it has no uuid."""
    if (uuid := coerce.text(record.get("uuid"))) is None:
        return None
    links = (coerce.text(link.get("uuid")) for link in coerce.records(record.get("userLinks")) if _is_validated(link))
    return CorporateAccount(
        uuid=uuid, name=coerce.text(record.get("name")) or uuid, user_link=next((link for link in links if link), None)
    )


def _is_validated(link: Mapping[str, Any]) -> bool:
    return normalized(link.get("status")) == "validated"


def name_of(record: Mapping[str, Any]) -> str | None:
    """Return the name of a site or a customer."""
    return coerce.text(record.get("name")) or coerce.text(record.get("technicalName"))


def need_customers(sites: Iterable[Mapping[str, Any]]) -> bool:
    """Whether sites have no names without those of customers: one has none, or sites of two customers share one."""
    owners = _owners_by_name(sites, {})
    return None in owners or any(len(customers) > 1 for customers in owners.values())


def sites(records: Sequence[Mapping[str, Any]], customers: Mapping[str, str]) -> dict[str, Site]:
    """Read "Sites". The names of their `customers` replace missing names and are added to names that are shared."""
    owners = _owners_by_name(records, customers)
    found: dict[str, Site] = {}
    for record in records:
        customer = customers.get(_owner(record))
        name = name_of(record) or customer
        if name and customer and name != customer and len(owners[name.casefold()]) > 1:
            name = f"{customer} · {name}"
        found[str(record["uuid"])] = Site(
            name=name,
            time_zone=coerce.text(record.get("timeZone")),
            customer_id=_owner(record) or None,
            customer=customer,
        )
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
    """Read a record of "Devices" with a uuid. Its gateway is ignored unless it is `listed`."""
    uuid = str(coerce.text(record.get("uuid")))
    serial_number = coerce.text(record.get("serialNumber"))
    gateway_id = coerce.text(record.get("gatewayUuid"))
    site_id = coerce.text(record.get("siteUuid"))
    place = sites.get(site_id or "")
    latitude, longitude = coerce.coordinates(record)
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
        customer_id=None if place is None else place.customer_id,
        customer=None if place is None else place.customer,
        is_profile_current=_claim(record.get("profilesUpToDate")),
        time_zone=coerce.text(record.get("timeZone")) or (None if place is None else place.time_zone),
        latitude=latitude,
        longitude=longitude,
    )


def _is_online(connection_status: Any) -> bool | None:
    word = normalized(connection_status)
    return True if word in _CONNECTED else False if word in _DISCONNECTED else None


def _claim(value: Any) -> bool | None:
    return {"true": True, "false": False}.get(normalized(value))


def _silent_after(no_communication_period: Any) -> timedelta | None:
    minutes = coerce.number(no_communication_period)
    try:
        return timedelta(minutes=minutes) if minutes is not None and minutes > 0 else None
    except OverflowError:
        return None


def normalized(value: Any) -> str:
    """Return a word in lower case and without separators, since spellings differ."""
    text = str(value).lower() if isinstance(value, bool) else coerce.text(value) or ""
    return text.lower().translate({ord(separator): None for separator in "_- "})
