"""The action that returns a report about a fleet.

That the vendor has not prepared a report, or does not offer it, is an answer and no error.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import voluptuous as vol
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.util.json import JsonObjectType, JsonValueType

from .. import exceptions
from ..clouds.errors import CloudError, NotSupported, Reason, Rejected
from ..clouds.reporting import Cycle, Parameter, Place, Reporting, ReportQuery, ReportResult
from ..texts import message_of
from . import words
from .account_action import PRODUCT_FIELD, TEXT, AccountAction, AccountCall, offered

_ABSENT: Final = frozenset({Reason.NOT_READY, Reason.FEATURE_NOT_GRANTED})
_FIELDS: Final[Mapping[Parameter, tuple[str, ...]]] = {
    Parameter.GROUP: ("group_id",),
    Parameter.CYCLE: ("cycle",),
    Parameter.RANGE: ("start", "end"),
    Parameter.PLACE: ("country", "region", "city"),
    Parameter.FLAGS: ("is_online", "is_faulty", "is_alerting"),
    Parameter.APP: ("app_id",),
}
"""The fields of each parameter of a report."""
_VALIDATORS: Final[Mapping[str, Any]] = {
    "cycle": vol.Coerce(Cycle),
    "start": cv.date,
    "end": cv.date,
    "is_online": cv.boolean,
    "is_faulty": cv.boolean,
    "is_alerting": cv.boolean,
}


async def _get_report(call: AccountCall, reports: Reporting) -> JsonObjectType:
    """Return a report, or why there is none."""
    name = call.data["report"]
    if name not in reports.names:
        raise exceptions.of_call("no_report", report=name, account=call.account, reports=", ".join(reports.names))
    product = call.product()
    if product is None:
        raise exceptions.of_call("reports_not_offered", account=call.account)
    parts = {field: call.data.get(field) for fields in _FIELDS.values() for field in fields}
    query = ReportQuery(**parts)
    result, reason = ReportResult(), None
    try:
        result = await reports.get(product, name, query)
    except Rejected as error:
        if error.code is not None or error.subject is None or error.subject not in Parameter:
            raise
        raise _misuse(call, reports.takes(name), Parameter(error.subject), query) from error
    except CloudError as error:
        if error.reason not in _ABSENT and not isinstance(error, NotSupported):
            raise
        reason = message_of(call.hass, exceptions.of_administration(error, is_change=False))
    return {
        "report": name,
        "product": product,
        "available": reason is None,
        **({} if reason is None else {"reason": reason}),
        "counts": dict(result.counts),
        "places": _places(result.places),
        "rows": [_row(row) for row in result.rows],
    }


def _misuse(
    call: AccountCall, taken: frozenset[Parameter], parameter: Parameter, query: ReportQuery
) -> ServiceValidationError:
    """Return the error for a query that a report does not take."""
    fields = _FIELDS[parameter]
    report = words.option_names(call.hass, "report", [call.data["report"]])

    def named(fields: Iterable[str]) -> str:
        return words.field_names(call.hass, "get_report", fields)

    if parameter not in taken:
        given = named(field for field in fields if field in call.data)
        takes = named(field for one in Parameter if one in taken for field in _FIELDS[one])
        if not takes:
            return exceptions.of_call("report_takes_nothing", report=report, given=given)
        return exceptions.of_call("report_does_not_take", report=report, given=given, taken=takes)
    if absent := [field for field in fields if field not in call.data]:
        return exceptions.of_call("report_needs", report=report, missing=named(absent))
    if query.start is not None and query.end is not None and query.end < query.start:
        return exceptions.of_call("end_before_start")
    return exceptions.of_call("report_range_too_long")


def _places(places: tuple[Place, ...]) -> list[JsonValueType]:
    return [{"name": place.name, "counts": dict(place.counts), "places": _places(place.places)} for place in places]


def _row(row: Mapping[str, Any]) -> JsonObjectType:
    return {name: _places(value) if isinstance(value, tuple) else value for name, value in row.items()}


ACTIONS: Final = (
    AccountAction(
        name="get_report",
        fields={
            vol.Required("report"): TEXT,
            **PRODUCT_FIELD,
            **{vol.Optional(field): _VALIDATORS.get(field, TEXT) for fields in _FIELDS.values() for field in fields},
        },
        part=offered(lambda administration: administration.reports),
        not_offered="reports_not_offered",
        run=_get_report,
    ),
)
