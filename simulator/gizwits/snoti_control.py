"""The commands that SNoti passes on to devices (`remote_control_req`). It knows no connection."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .devices import GizwitsDevice
from .errors import Refused
from .fleet import EnterpriseProduct

type Control = Callable[[EnterpriseProduct, GizwitsDevice, Mapping[str, Any]], None]
"""Passes the body of a control request on to a device. Raises `Refused`."""


def carry_out(
    items: Iterable[Mapping[str, Any]], products: Mapping[str, EnterpriseProduct], control: Control
) -> dict[str, Any]:
    """Pass the command of each item on; return which devices obeyed, and why each of the others did not."""
    succeeded: list[str] = []
    failed: list[dict[str, str]] = []
    for item in items:
        did = item["data"]["did"]
        try:
            _write_attrs(item, products, control)
        except Refused as refused:
            failed.append({did: str(refused.code)})
        else:
            succeeded.append(did)
    return {"succeed": succeeded, "failed": failed}


def _write_attrs(item: Mapping[str, Any], products: Mapping[str, EnterpriseProduct], control: Control) -> None:
    """Pass one command on. Raises `Refused` if it is malformed or cannot be carried out."""
    if item["cmd"] != "write_attrs" or item["source"] != "noti":
        raise Refused(5002)
    named = item["data"]
    product = products.get(named["product_key"])
    device = None if product is None else product.devices.get(named["did"])
    if product is None or device is None or device.mac != named["mac"]:
        raise Refused(5301)
    control(product, device, {"attrs": _with_hex_digits(device, named["attrs"])})


def _with_hex_digits(device: GizwitsDevice, attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes with hex digits for binaries, of which this command takes lists of bytes only."""
    binaries = {attribute.name for attribute in device.product.attributes if attribute.data_type == "binary"}
    try:
        return {name: bytes(value).hex() if name in binaries else value for name, value in attrs.items()}
    except TypeError, ValueError:
        raise Refused(5401) from None
