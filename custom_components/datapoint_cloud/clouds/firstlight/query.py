"""Usage queries as the user configures them, and the ranges for which they are read. Values only."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """A query of the user: the numbers of `field` of the attribute type `aty` in the current `period`.

    `period` is hour, day, week, month or year; `group_by` service, genre or network; `date_format` iso, date or ms.
    `is_item_id_in_query` sends the item id as a query parameter, for servers and proxies that drop the body of a GET.
    `sort_by` names a field of the answer, `sort_order` is asc or desc; at most `most_rows` rows are read.
    """

    id: str
    name: str
    aty: str
    field: str
    item_id: str | None
    is_item_id_in_query: bool = False
    period: str
    group_by: str | None
    unit: str | None
    date_format: str = "iso"
    sort_by: str | None = None
    sort_order: str | None = None
    most_rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The range, the period and the grouping to request of a query."""

    start: datetime
    end: datetime
    period: str
    group_by: str | None
