"""Checks profiles against the diagnostics of a device, and prints the entities that they would make.

`python -m custom_components.datapoint_cloud.check_profile PROFILE.yaml DIAGNOSTICS.json`, in the folder that contains
`custom_components`, with Home Assistant's Python. It contacts nothing.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from .clouds.model import Datapoint, DataType, Reading, Role
from .fleet.composites import composites_of, without_parts_of
from .fleet.description import DatapointDescription, describe
from .fleet.naming import Naming
from .profiles import BadProfile, Product, Profile, Profiles, our_profiles
from .profiles.check import complaints
from .profiles.format import read_profiles
from .schedules.resolve import schedules_of

_REDACTED: Final = "**REDACTED**"


def main(arguments: list[str] | None = None) -> int:
    """Print what the profiles of a file make of the devices in a diagnostics file; 1 if something does not fit."""
    parser = argparse.ArgumentParser(
        prog="python -m custom_components.datapoint_cloud.check_profile",
        description="Checks profiles against the diagnostics of a device, and prints the entities that they make.",
    )
    parser.add_argument("profile", type=Path, help="a file with profiles, or with one")
    parser.add_argument("diagnostics", type=Path, help="the diagnostics of a device or an account, as downloaded")
    options = parser.parse_args(arguments)
    try:
        found = read_profiles(options.profile.read_text(encoding="utf-8"), options.profile.name)
        devices = list(_devices(json.loads(options.diagnostics.read_text(encoding="utf-8"))))
    except (BadProfile, OSError, ValueError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    profiles = tuple(profile for profile in found if isinstance(profile, Profile))
    lines = [f"! {profile}" for profile in found if isinstance(profile, BadProfile)]
    for device in devices:
        lines += _lines(device, profiles)
    print("\n".join(lines or ["The diagnostics contain no device with datapoints."]))  # noqa: T201
    return int(not devices or any(line.startswith("! ") for line in lines))


def _devices(content: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the devices in the diagnostics of a device or an account."""
    data = content.get("data", content) if isinstance(content, dict) else {}
    for device in [data.get("device"), *data.get("device_details", [])]:
        if isinstance(device, dict) and device.get("datapoints"):
            yield device


def _lines(device: Mapping[str, Any], profiles: tuple[Profile, ...]) -> Iterator[str]:
    datapoints = {key: _datapoint(key, fields) for key, fields in device["datapoints"].items()}
    readings = {key: Reading(_value(fields)) for key, fields in device["datapoints"].items()}
    name = device.get("product_name") or device.get("model") or ""
    product = Product(str(device.get("product")), datapoints, str(name))
    yield f"{device.get('model') or 'A device'} ({device.get('product')})"
    matching = [profile for profile in profiles if profile.match.fits(product) or product.key in profile.match.products]
    if not matching:
        yield "! none of the profiles is for this product"
    for profile in matching:
        yield from (f"! {complaint}" for complaint in complaints(profile, product))
    chosen = Profiles(ours=our_profiles(), users=profiles).of(product)
    naming = Naming.load("en")
    descriptions = describe(datapoints.values(), readings, chosen, naming)
    composites = composites_of(chosen, descriptions)
    for composite in composites:
        roles = [*composite.roles, *(["levels"] if composite.levels else []), *(["writes"] if composite.writes else [])]
        yield f"  {composite.platform}: {composite.name or 'the device itself'}: {', '.join(roles)}"
    for schedule in schedules_of(descriptions, chosen.records, naming):
        yield f"  schedule: {schedule.name}: {len(schedule.places)} slots"
    for key, description in without_parts_of(composites, descriptions, chosen).items():
        reading = readings[key]
        yield f"  {_entity(description, reading)}"


def _entity(description: DatapointDescription, reading: Reading) -> str:
    shown = description.shown(reading.value)
    value = "unknown" if shown is None else f"{shown} {description.unit or ''}".strip()
    state = "" if description.is_enabled else " (disabled)"
    return f"{description.platform}: {description.name} [{description.datapoint.key}]: {value}{state}"


def _datapoint(key: str, fields: Mapping[str, Any]) -> Datapoint:
    return Datapoint(
        key=key,
        name=str(fields.get("name") or key),
        data_type=DataType(fields["type"]),
        role=Role(fields.get("role", Role.STATUS)),
        is_writable=bool(fields.get("is_writable")),
        unit=fields.get("unit"),
        minimum=fields.get("minimum"),
        maximum=fields.get("maximum"),
        step=fields.get("step"),
        options=tuple(fields.get("options") or ()),
        length=fields.get("length"),
        desc=fields.get("desc"),
    )


def _value(fields: Mapping[str, Any]) -> Any:
    value = fields.get("value")
    return None if value == _REDACTED else value


if __name__ == "__main__":
    sys.exit(main())
