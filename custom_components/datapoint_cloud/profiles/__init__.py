"""What the vendors' schemas lack, as data: units, scales, classes and better names.

There is one file per cloud, by product key or service number. Products without a profile are shown, too.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import voluptuous as vol


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """What is known about one datapoint. The cloud's number times `scale` is the value in the unit."""

    name: str | None = None
    unit: str | None = None
    device_class: str | None = None
    state_class: str | None = None
    scale: float = 1.0
    is_measurement: bool = False  # the schema calls it writable, but setting it makes no sense


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known about one product: hints by the key of the datapoint."""

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
    """Read all profiles, by product key. It reads files, so do not call it in the event loop."""
    profiles: dict[str, Profile] = {}
    for path in sorted(Path(__file__).parent.glob("*.json")):
        for product_key, content in _FILE(json.loads(path.read_text(encoding="utf-8"))).items():
            hints = {key: Hint(**hint) for key, hint in content["datapoints"].items()}
            profiles[product_key] = Profile(manufacturer=content.get("manufacturer"), hints=hints)
    return profiles
