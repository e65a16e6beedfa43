"""Reports that a cloud calculates about a whole fleet, in words of no vendor. Values and a protocol only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Protocol

from .budget import Purpose


class Cycle(StrEnum):
    """The length of the periods that a report counts in."""

    DATE = "date"
    WEEK = "week"
    MONTH = "month"


class Parameter(StrEnum):
    """What a report may be limited to or counted by."""

    GROUP = "group"
    CYCLE = "cycle"
    RANGE = "range"
    PLACE = "place"
    FLAGS = "flags"
    APP = "app"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportQuery:
    """What to report on. `start` and `end` are days, both included; None leaves a limit out."""

    group_id: str | None = None
    cycle: Cycle | None = None
    start: date | None = None
    end: date | None = None
    country: str | None = None
    region: str | None = None
    city: str | None = None
    is_online: bool | None = None
    is_faulty: bool | None = None
    is_alerting: bool | None = None
    app_id: str | None = None

    @property
    def given(self) -> frozenset[Parameter]:
        """The parameters that the query has."""
        parts: Mapping[Parameter, tuple[object, ...]] = {
            Parameter.GROUP: (self.group_id,),
            Parameter.CYCLE: (self.cycle,),
            Parameter.RANGE: (self.start, self.end),
            Parameter.PLACE: (self.country, self.region, self.city),
            Parameter.FLAGS: (self.is_online, self.is_faulty, self.is_alerting),
            Parameter.APP: (self.app_id,),
        }
        return frozenset(name for name, values in parts.items() if any(value is not None for value in values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The counts of a country, a region or a city, and the places within it."""

    name: str
    counts: Mapping[str, int]
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportResult:
    """A report in one shape for all of them.

    `counts` are the figures of the whole, by name. `places` is a tree of countries, regions and cities. `rows` are
    periods (`period`, `count`, and `places` where the vendor splits them), devices (`date`, `mac`, `serial_number`,
    `country`, `region`, `city`, `created_at`) or alarms (`datapoint`, `total`, `resolved`, `unresolved`).
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    places: tuple[Place, ...] = ()
    rows: tuple[Mapping[str, Any], ...] = ()


class Reporting(Protocol):
    """The reports of one account."""

    @property
    def names(self) -> Sequence[str]:
        """The names of all reports."""

    def takes(self, name: str) -> frozenset[Parameter]:
        """Return what a report may be limited to or counted by."""

    async def get(
        self, scope: str, name: str, query: ReportQuery, *, purpose: Purpose = Purpose.CONTROL
    ) -> ReportResult:
        """Fetch a report about a scope of the account; one that no user is waiting for has the purpose `HISTORY`.

        Raises `Rejected` (INVALID_REQUEST, subject: the parameter) for a query that the report does not take,
        `Unreachable` (NOT_READY) while the cloud has not calculated it, `Forbidden` (FEATURE_NOT_GRANTED) where it is
        not offered, and any other `CloudError`.
        """
