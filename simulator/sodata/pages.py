"""The pages of SoData's lists ("Paging"). What the document leaves open is a rule."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from .errors import Refused
from .shapes import Json


@dataclass(slots=True)
class PageRules:
    """How a server cuts its lists into pages."""

    largest_page: int | None = None
    """The largest number of rows in a page, whatever `take` is."""
    largest_take: int | None = None
    """The largest allowed `take`. A larger one is refused with 400."""
    overlap: int = 0
    """How many rows of the page before it a page repeats, as when the list changes between two requests."""
    has_total: bool = True
    """Whether pages have a `total`."""
    hidden: int = 0
    """How many objects each `total` counts although no page has them."""
    list_of_empty_page: Literal["list", "null", "absent"] = "list"
    """What an empty page has for its rows."""

    def page[T](self, objects: Sequence[T], show: Callable[[T], Json], *, take: int, skip: int) -> Json:
        """Return one page. Raises `Refused` if `take` is too large."""
        if self.largest_take is not None and take > self.largest_take:
            raise Refused(400, "take is too large")
        length = take if self.largest_page is None else min(take, self.largest_page)
        begin = max(0, skip - self.overlap)
        rows = [show(each) for each in objects[begin : begin + length]]
        page: Json = {"take": take}
        if rows or self.list_of_empty_page == "list":
            page["results"] = rows
        elif self.list_of_empty_page == "null":
            page["results"] = None
        if self.has_total:
            page["total"] = len(objects) + self.hidden
        return page
