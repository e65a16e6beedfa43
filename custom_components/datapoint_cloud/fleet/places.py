"""The customers and sites that the devices of an account belong to."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ..clouds.model import Device


class PlaceKind(StrEnum):
    """What a place is."""

    CUSTOMER = "customer"
    SITE = "site"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A customer, or a site of a customer, with its devices."""

    id: str
    kind: PlaceKind
    name: str
    customer_id: str | None = None
    devices: tuple[Device, ...] = ()


def places_of(devices: Iterable[Device]) -> Mapping[str, Place]:
    """Return the customers and then the sites by their ids, without those whose name the cloud does not show."""
    of_customers: dict[str, list[Device]] = defaultdict(list)
    of_sites: dict[str, list[Device]] = defaultdict(list)
    for device in devices:
        if device.customer_id is not None and device.customer is not None:
            of_customers[device.customer_id].append(device)
        if device.site_id is not None and device.site is not None:
            of_sites[device.site_id].append(device)
    customers = (
        Place(id=id_, kind=PlaceKind.CUSTOMER, name=members[0].customer or id_, devices=tuple(members))
        for id_, members in of_customers.items()
    )
    sites = (
        Place(
            id=id_,
            kind=PlaceKind.SITE,
            name=members[0].site or id_,
            customer_id=members[0].customer_id,
            devices=tuple(members),
        )
        for id_, members in of_sites.items()
    )
    return {place.id: place for place in (*customers, *sites)}
