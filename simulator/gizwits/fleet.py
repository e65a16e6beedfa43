"""The organisation's fleet: two products with dozens of devices in several cities, some with alerts or faults."""

from collections.abc import Callable
from dataclasses import dataclass, field

from .devices import GizwitsDevice, Place, Versions
from .identifiers import derive_hex, derive_id
from .products import CHILLER, METER, Product

_DAY = 86400
_PLACES = (
    Place("China", "Guangdong", "Guangzhou", 113.280637, 23.125178),
    Place("China", "Guangdong", "Shenzhen", 114.085947, 22.547),
    Place("China", "Zhejiang", "Hangzhou", 120.15358, 30.287458),
    Place("Germany", "Hesse", "Frankfurt", 8.682127, 50.110924),
)


@dataclass(slots=True)
class Group:
    """A group of a product's devices. The root has no parent."""

    gid: str
    parent: str | None
    macs: list[str] = field(default_factory=list)


@dataclass(eq=False, kw_only=True)
class EnterpriseProduct:
    """A product of the organisation. Public attributes may be changed at any time.

    `auth_id` and `auth_secret` are the credentials of its push. `is_associated`: it belongs to the organisation (else
    5801). `is_service_open`: the Enterprise API serves it (else 5007). `has_definition`: it has datapoints (else 5402).
    """

    product: Product
    product_secret: str = field(repr=False)
    auth_id: str
    auth_secret: str = field(repr=False)
    devices: dict[str, GizwitsDevice]
    groups: dict[str, Group] = field(default_factory=dict)
    has_definition: bool = True
    is_associated: bool = True
    is_service_open: bool = True

    @property
    def product_key(self) -> str:
        """The key of the product."""
        return self.product.key

    @property
    def name(self) -> str:
        """The name in the definition."""
        return self.product.name

    @property
    def definition(self) -> dict[str, object]:
        """The response of the definition endpoint."""
        return self.product.definition

    @property
    def root_gid(self) -> str:
        """The group at the root of the tree."""
        return next(group.gid for group in self.groups.values() if group.parent is None)

    @property
    def child_gid(self) -> str:
        """The first group below the root."""
        return next(group.gid for group in self.groups.values() if group.parent is not None)

    def by_mac(self, mac: str) -> GizwitsDevice | None:
        """Return the device with this mac, whose case matters."""
        return next((device for device in self.devices.values() if device.mac == mac), None)

    def macs_of(self, gid: str) -> set[str]:
        """Return the macs of a group and of all groups below it."""
        below = [group.gid for group in self.groups.values() if group.parent == gid]
        return set(self.groups[gid].macs).union(*(self.macs_of(child) for child in below))


def fleet(clock: Callable[[], float], seed: int) -> list[EnterpriseProduct]:
    """Return the products with their devices and groups."""
    return [
        _product(clock, seed, CHILLER, "fa4e5ec7e70000000000000000c41111", 36),
        _product(clock, seed, METER, "fa4e5ec7e70000000000000000e7e222", 24),
    ]


def _product(clock: Callable[[], float], seed: int, product: Product, secret: str, count: int) -> EnterpriseProduct:
    devices = [_device(clock, seed, product, index) for index in range(count)]
    for device in devices[5::15]:
        device.set(**{next(a.name for a in product.attributes if a.type == "fault"): True})
    for device in devices[7::12]:
        device.set(**{next(a.name for a in product.attributes if a.type == "alert"): True})
    if product is CHILLER:
        devices[0].mac = "virtual:site"
        devices[0].passcode = "123456"
        devices[0].versions = Versions(None, None, None, None)
        devices[30].is_disabled = True
    root, child = (derive_hex(f"gid {product.key} {name}", 32) for name in ("root", "child"))
    groups = {
        root: Group(root, None, [device.mac for device in devices[: count // 2]]),
        child: Group(child, root, [device.mac for device in devices[count // 2 : count // 2 + 6]]),
    }
    return EnterpriseProduct(
        product=product,
        product_secret=secret,
        auth_id=derive_id(f"auth id {product.key}"),
        auth_secret=derive_id(f"auth secret {product.key}"),
        devices={device.did: device for device in devices},
        groups=groups,
    )


def _device(clock: Callable[[], float], seed: int, product: Product, index: int) -> GizwitsDevice:
    text = f"{product.key} {index}"
    created_at = int(clock()) - (400 - index) * _DAY
    return GizwitsDevice(
        product=product,
        did=derive_id(f"did {text}"),
        mac=derive_hex(f"mac {text}", 12),
        clock=clock,
        seed=seed,
        uid=derive_hex(f"uid {text}", 32) if index != 3 else None,
        place=_PLACES[index % len(_PLACES)] if index % 13 != 12 else None,
        versions=Versions() if index % 5 != 4 else Versions(None, None, None, None),
        offline_for=(index + 1) * 9000.0 if index % 9 == 8 else None,
        created_at=created_at,
    )
