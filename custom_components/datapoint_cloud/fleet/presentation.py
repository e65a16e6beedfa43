"""Which entities show the datapoints of one device, and what they show together: composites, schedules, its clock.

Pure. It is made anew whenever the datapoints, the profile or what descriptions depend on has changed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from ..clouds.model import Datapoint, Reading, Role
from ..profiles import Profile
from ..profiles.roles import Composite, CompositePlatform
from ..schedules.clock import DeviceClock, clock_of
from ..schedules.resolve import schedules_of
from ..schedules.schedule import Schedule
from .composites import composites_of, without_parts_of
from .description import DatapointDescription, describe
from .naming import Naming

CONNECTIVITY = "$connectivity"
PROBLEM = "$problem"
ALARM = "$alarm"
SCHEDULE = "$schedule"
CLOCK = "$clock"
SET_CLOCK = "$set_clock"
PLACE = "$place"
PROFILE = "$profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """What of a device is shown, and how."""

    descriptions: Mapping[str, DatapointDescription] = field(default_factory=dict)
    alarms: tuple[Datapoint, ...] = ()
    composites: Mapping[str, Composite] = field(default_factory=dict)  # its entities of several datapoints, by key
    schedules: tuple[Schedule, ...] = ()
    clock: DeviceClock | None = None
    unit_keys: frozenset[str] = frozenset()  # the datapoints that tell the units of others
    shown_by: Mapping[str, set[str]] = field(default_factory=dict)  # the keys of further entities that show a datapoint

    @classmethod
    def of(
        cls, datapoints: Iterable[Datapoint], readings: Mapping[str, Reading], profile: Profile, naming: Naming
    ) -> Self:
        """Decide how a device is shown, given its readings of now."""
        all_descriptions = describe(datapoints, readings, profile, naming)
        composites = composites_of(profile, all_descriptions)
        descriptions = without_parts_of(composites, all_descriptions, profile)
        described = (description.datapoint for description in descriptions.values())
        alarms = tuple(datapoint for datapoint in described if datapoint.role is Role.ALARM)
        schedules = schedules_of(descriptions, profile.records, naming)
        clock = clock_of(descriptions, profile.records)
        return cls(
            descriptions=descriptions,
            alarms=alarms,
            composites={composite.key: composite for composite in composites},
            schedules=schedules,
            clock=clock,
            unit_keys=frozenset().union(*(description.unit_keys for description in descriptions.values())),
            shown_by=_shown_by(alarms, composites, schedules, clock),
        )


def _shown_by(
    alarms: Iterable[Datapoint],
    composites: Iterable[Composite],
    schedules: Iterable[Schedule],
    clock: DeviceClock | None,
) -> dict[str, set[str]]:
    """Return the keys of the entities that show a datapoint among others."""
    shown_by: dict[str, set[str]] = {alarm.key: {PROBLEM} for alarm in alarms}

    def add(entity: str, keys: Iterable[str]) -> None:
        for key in keys:
            shown_by.setdefault(key, set()).add(entity)

    for composite in composites:
        add(composite.key, composite.keys)
        if composite.platform is CompositePlatform.SCHEDULE:
            add(SCHEDULE, composite.keys)
    for schedule in schedules:
        add(SCHEDULE, schedule.keys)
    add(CLOCK, () if clock is None else clock.keys)
    return shown_by
