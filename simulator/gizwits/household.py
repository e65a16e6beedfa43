"""The devices of the Open API's users. They show the oddities that were seen in real accounts."""

from collections.abc import Callable
from typing import Any

from .devices import GizwitsDevice, Versions
from .identifiers import derive_hex, derive_id
from .products import AIR_CONDITIONER, HEATER, LAMP, PUMP, SPA, Product

_DAY = 86400

PRODUCTS: dict[str, Product] = {product.key: product for product in (AIR_CONDITIONER, SPA, LAMP, PUMP, HEATER)}


def household(clock: Callable[[], float], seed: int, uid: str) -> list[GizwitsDevice]:
    """Return the devices of the user who logs in at the Open API."""
    make = _maker(clock, seed, uid)
    spa = make(SPA, "Terrace spa", role="special", remark="25", versions=Versions("P4960011", "D4H90227"))
    spa.silent.add("ozone_hours")  # its firmware is older than the definition
    # The definition does not have bit7, and 59940 is the vendor's "no limit".
    spa.set(bit7=0, bubble_minutes=59940)
    return [
        make(AIR_CONDITIONER, "客厅空调"),
        spa,
        make(LAMP, "", proto_ver="03"),
        make(PUMP, "鱼缸水泵"),
        make(HEATER, "电暖器", offline_for=40 * _DAY, is_forgotten=True, versions=Versions(None, None, None, None)),
        make(HEATER, "电暖器", offline_for=3 * _DAY, role="guest"),
        make(HEATER, "旧电暖器", offline_for=90 * _DAY, is_disabled=True),
    ]


def device_of(clock: Callable[[], float], seed: int, uid: str, product: Product, alias: str) -> GizwitsDevice:
    """Return the only device of another user."""
    return _maker(clock, seed, uid)(product, alias)


def _maker(clock: Callable[[], float], seed: int, uid: str) -> Callable[..., GizwitsDevice]:
    made = 0

    def make(product: Product, alias: str, **more: Any) -> GizwitsDevice:
        nonlocal made
        made += 1
        text = f"{uid} {made}"
        return GizwitsDevice(
            product=product,
            did=derive_id(f"did {text}"),
            mac=derive_hex(f"mac {text}", 12),
            clock=clock,
            seed=seed,
            alias=alias,
            uid=uid,
            bound_at=clock() - (100 - made) * _DAY,
            **more,
        )

    return make
