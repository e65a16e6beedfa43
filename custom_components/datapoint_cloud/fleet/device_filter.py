"""Which devices of an account the user wants to see, as the options of its entry say."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from ..clouds.model import Device
from ..const import FIGURES_AND_CHOSEN, FIGURES_ONLY, OPTION_DEVICES, OPTION_FLEET, OPTION_SITES


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFilter:
    """Which devices the user wants to see. `shows_devices` None: the size of the fleet decides."""

    sites: frozenset[str]
    devices: frozenset[str]
    shows_devices: bool | None
    groups: tuple[str, ...]
    """The cloud lists only devices of these groups."""
    counts_all: bool = False
    """The user wants to see counts of all devices, and the chosen devices."""

    @classmethod
    def of(cls, options: Mapping[str, Any], groups: Iterable[str]) -> Self:
        """Build the filter from the options of an entry and the groups of its scopes."""
        fleet = options.get(OPTION_FLEET)
        return cls(
            sites=frozenset(options.get(OPTION_SITES, ())),
            devices=frozenset(options.get(OPTION_DEVICES, ())),
            shows_devices=None if fleet is None else fleet != FIGURES_ONLY,
            groups=tuple(sorted(groups)),
            counts_all=fleet == FIGURES_AND_CHOSEN,
        )

    @property
    def is_open(self) -> bool:
        """Whether the user has chosen nothing that the size of the fleet would not decide."""
        return self.shows_devices is None and not (self.sites or self.devices or self.groups)

    @property
    def is_figures_only(self) -> bool:
        """Whether the user wants to see counts of all devices, and no device."""
        return self.shows_devices is False and not (self.sites or self.devices or self.groups)

    @property
    def is_selection(self) -> bool:
        """Whether the user wants to see counts of all devices, and some that can be looked up without a list."""
        return self.counts_all and not (self.sites or self.groups)

    def includes(self, device: Device) -> bool:
        """Whether the device passes the filter by site and device."""
        return (not self.sites or device.site_id in self.sites) and (not self.devices or device.id in self.devices)
