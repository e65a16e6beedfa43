"""The requests of usage queries: tokens, parameters, pages and tracking ids ("User usage aggregate")."""

import logging
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import Any

from .. import coerce
from ..budget import Purpose
from ..client_store import ClientStore
from ..errors import CloudError, Forbidden, Reason, UnexpectedAnswer
from ..history import Period
from ..http import HttpClient
from ..transport import Transport
from ..windows import begin_of, end_of
from .errors import WRONG_PAGE_SIZE, find_error
from .mapping import UsageNumbers
from .paging import ENDPOINT, PageSize, read_pages
from .query import UsageQuery, Window

_LOGGER = logging.getLogger(__name__)

PARALLEL = 2

_DATE_FORMATS: Mapping[str, Callable[[datetime], str]] = {
    "iso": lambda local: local.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "date": lambda local: local.date().isoformat(),
    "ms": lambda local: str(int(local.timestamp() * 1000)),
}


class UsageRequests:
    """Sends the requests of one user's queries."""

    def __init__(
        self,
        transport: Transport,
        *,
        api_url: str,
        authorization_token: str,
        user_token: str,
        time_zone: tzinfo,
        client_store: ClientStore,
    ) -> None:
        """Send both tokens to `api_url`, and read times without an offset as those of `time_zone`."""
        self._http = HttpClient(transport, api_url, find_error, parallel=PARALLEL)
        self.user_token = _bare(user_token)
        self.headers: Mapping[str, str] = {
            "Authorization": f"Bearer {_bare(authorization_token)}",
            "X-Authorization": self.user_token,
            "Content-Type": "application/json",
        }
        self._time_zone = time_zone
        self._page_size = PageSize(client_store)
        self._logged: set[str] = set()

    async def read(self, query: UsageQuery, window: Window, purpose: Purpose) -> tuple[UsageNumbers, CloudError | None]:
        """Return all numbers of a query in a range, and the error that makes them incomplete.

        Raises the errors of the first page.
        """
        labels = [label for label in (window.group_by, query.field) if label]
        while True:
            size = self._page_size.of(query.most_rows)
            try:
                numbers, stopped_by = await read_pages(
                    partial(self._page, query, window, size, purpose),
                    labels,
                    self._time_zone,
                    size=size,
                    most_rows=query.most_rows,
                )
            except Forbidden as error:
                if error.code != WRONG_PAGE_SIZE or not self._page_size.shorten(size):
                    raise
                continue
            if stopped_by is not None and stopped_by.reason is Reason.TOO_MANY_ROWS:
                self._warn_of_rows(query)
            self._log_shapes(numbers.skipped)
            return numbers, stopped_by

    def _warn_of_rows(self, query: UsageQuery) -> None:
        if query.id not in self._logged:
            self._logged.add(query.id)
            _LOGGER.warning("%s has more rows than can be read: sort it and limit its rows", query.name)

    def _log_shapes(self, shapes: Iterable[str]) -> None:
        for shape in shapes:
            if shape not in self._logged:
                self._logged.add(shape)
                _LOGGER.debug("An answer has an unknown shape: %s", shape)

    def _end(self, end: datetime, query: UsageQuery) -> datetime:
        if query.date_format != "date":
            return end
        # A date has no time, and the range may exclude its end: request the whole last day.
        last_day = begin_of(Period.DAY, end - timedelta(microseconds=1), self._time_zone)
        return end_of(Period.DAY, last_day, self._time_zone)

    async def _page(
        self, query: UsageQuery, window: Window, size: int | None, purpose: Purpose, number: int
    ) -> Mapping[str, Any]:
        write_date = _DATE_FORMATS.get(query.date_format, _DATE_FORMATS["iso"])
        params: dict[str, str | int] = {
            "fromDate": write_date(window.start.astimezone(self._time_zone)),
            "toDate": write_date(self._end(window.end, query).astimezone(self._time_zone)),
            "period": window.period,
            "pageNumber": number,
        }
        optional = {
            "pageSize": size,
            "groupBy": window.group_by,
            "sortBy": query.sort_by,
            "sortOrder": query.sort_order,
        }
        params |= {name: value for name, value in optional.items() if value}
        if query.item_id and query.is_item_id_in_query:
            params["itemId"] = query.item_id
        tracking_id = str(uuid.uuid4())
        try:
            answer = await self._http.request(
                "GET",
                ENDPOINT,
                parts={"aty": query.aty, "field": query.field},
                params=params,
                headers={**self.headers, "X-Tracking-Id": tracking_id},
                json_body={"itemId": query.item_id} if query.item_id and not query.is_item_id_in_query else None,
                purpose=purpose,
            )
        except CloudError as error:
            # The vendor's support needs the tracking id.
            _LOGGER.debug("%s, tracking id %s", error, tracking_id)
            if error.reason is Reason.ITEM_ID_MISSING and query.item_id:
                # "Invalid or missing": we sent it, so it is wrong, or a proxy has dropped it.
                raise Forbidden(
                    Reason.WRONG_ITEM_ID, endpoint=error.endpoint, status=error.status, code=error.code
                ) from error
            raise
        page = coerce.fields(answer.body)
        if not coerce.fields(page.get("header")) and "data" not in page:
            raise answer.error(UnexpectedAnswer)
        return page


def _bare(token: str) -> str:
    """Return a token without the word "Bearer" and the blanks that users copy with it."""
    return re.sub(r"^bearer\s+", "", token.strip(), flags=re.IGNORECASE)
