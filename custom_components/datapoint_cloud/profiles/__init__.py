"""What a schema cannot say about a product, as data: units, hidden scales, classes, better names.

One file a cloud, by product key or service number. A profile only adds: a product without one is shown all the same.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import voluptuous as vol


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """What is known of one datapoint. `scale` is what the cloud's number is multiplied with to get the unit."""

    name: str | None = None
    unit: str | None = None
    device_class: str | None = None
    state_class: str | None = None
    scale: float = 1.0
    is_measurement: bool = False  # writable by the schema, but nothing one would set


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of one product: hints by the key of the datapoint."""

    manufacturer: str | None = None
    hints: Mapping[str, Hint] = field(default_factory=dict)


NO_PROFILE = Profile()

_HINT = vol.Schema(
    {
        vol.Optional("name"): str,
        vol.Optional("unit"): str,
        vol.Optional("device_class"): str,
        vol.Optional("state_class"): str,
        vol.Optional("scale"): vol.All(vol.Any(int, float), vol.Range(min=0, min_included=False)),
        vol.Optional("is_measurement"): bool,
    }
)
_FILE = vol.Schema({str: {vol.Optional("manufacturer"): str, vol.Required("datapoints"): {str: _HINT}}})


@cache
def load_profiles() -> Mapping[str, Profile]:
    """Read all profiles, by product key. Reads files: not for the event loop."""
    profiles: dict[str, Profile] = {}
    for path in sorted(Path(__file__).parent.glob("*.json")):
        for product_key, content in _FILE(json.loads(path.read_text(encoding="utf-8"))).items():
            hints = {key: Hint(**hint) for key, hint in content["datapoints"].items()}
            profiles[product_key] = Profile(manufacturer=content.get("manufacturer"), hints=hints)
    return profiles
