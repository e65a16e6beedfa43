"""The actions that return history: readings, aggregates, logs and usage.

Each one finds its targets, checks rights and the cloud's capabilities, requests all targets at the same time and
returns what the clouds answered. It changes nothing.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial

import voluptuous as vol
from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import service
from homeassistant.util.json import JsonObjectType

from .. import exceptions
from ..clouds.errors import CloudError
from ..clouds.history import Aggregation, History, HistoryCapabilities, HistoryResult, LogEntry, Period, Series
from ..clouds.model import Device
from ..const import CONF_GROUP_BY, CONF_MOST_ROWS, CONF_PERIOD, CONF_UNIT, DOMAIN
from ..coordinator import DatapointCoordinator
from ..disconnect_reasons import text_of_reason
from ..fleet.presentation import CONNECTIVITY
from . import responses, words
from .patience import before_timeout
from .rights import Rights
from .targets import DEVICE_FIELDS, SERIES_FIELDS, DeviceTarget, SeriesTarget, devices_of, query_of, series_of
from .time_range import RANGE_FIELDS, TimeRange, time_range_of

GET_HISTORY = "get_history"
GET_AGGREGATE = "get_aggregate"
GET_ONLINE_LOG = "get_online_log"
GET_COMMUNICATION_LOG = "get_communication_log"
GET_USAGE = "get_usage"

UNGROUPED = "none"
"""The value of `group_by` for the total, if the query itself is grouped."""

SCHEMAS: Mapping[str, vol.Schema] = {
    GET_HISTORY: vol.Schema(SERIES_FIELDS | RANGE_FIELDS),
    GET_AGGREGATE: vol.Schema(
        SERIES_FIELDS
        | RANGE_FIELDS
        | {
            vol.Required("period"): vol.Coerce(Period),
            vol.Required("aggregation"): vol.Coerce(Aggregation),
            vol.Optional("local_days", default=True): cv.boolean,
        }
    ),
    GET_ONLINE_LOG: vol.Schema(DEVICE_FIELDS | RANGE_FIELDS),
    GET_COMMUNICATION_LOG: vol.Schema(DEVICE_FIELDS | RANGE_FIELDS),
    GET_USAGE: vol.Schema(
        {
            vol.Optional("device_id"): cv.string,
            vol.Optional("config_entry_id"): cv.string,
            vol.Optional("query"): cv.string,
            vol.Optional("period"): vol.All(cv.string, vol.Length(min=1)),
            vol.Optional("group_by"): vol.All(cv.string, vol.Length(min=1)),
        }
        | RANGE_FIELDS
    ),
}


@callback
def async_setup_history_actions(hass: HomeAssistant) -> None:
    """Register the actions."""
    for name, action in (
        (GET_HISTORY, _get_history),
        (GET_AGGREGATE, _get_aggregate),
        (GET_ONLINE_LOG, _get_online_log),
        (GET_USAGE, _get_usage),
    ):
        hass.services.async_register(DOMAIN, name, action, SCHEMAS[name], supports_response=SupportsResponse.ONLY)
    service.async_register_admin_service(
        hass,
        DOMAIN,
        GET_COMMUNICATION_LOG,
        _get_communication_log,
        SCHEMAS[GET_COMMUNICATION_LOG],
        supports_response=SupportsResponse.ONLY,
    )


# Datapoints


async def _get_history(call: ServiceCall) -> ServiceResponse:
    """Return every reading of datapoints."""
    targets, time_range = series_of(call), time_range_of(call.data)
    await _require_rights(call, targets)
    _require_capability("readings_not_offered", targets, lambda offered: offered.readings_retention is not None)
    results = await _fetch_series(targets, time_range, lambda history, series: history.readings(series, *time_range))
    return responses.range_response(time_range) | {
        "series": [responses.readings_response(target, result, time_range) for target, result in results.items()]
    }


async def _get_aggregate(call: ServiceCall) -> ServiceResponse:
    """Return one value per period of datapoints."""
    targets, time_range = series_of(call), time_range_of(call.data)
    await _require_rights(call, targets)
    period, aggregation = call.data["period"], call.data["aggregation"]
    _require_capability(
        "aggregates_not_offered",
        targets,
        lambda offered: bool(offered.buckets_retention is not None and offered.periods and offered.aggregations),
    )
    for coordinator in _accounts(targets):
        _require_buckets(coordinator, period, aggregation)
    for target in targets:
        if target.coordinator.cloud.history.capabilities.aggregates_numbers_only:
            target.require_number()
    results = await _fetch_series(
        targets,
        time_range,
        lambda history, series: history.buckets(
            series,
            *time_range,
            period=period,
            aggregation=aggregation,
            is_local=call.data["local_days"],
        ),
    )
    return responses.range_response(time_range) | {
        "period": str(period),
        "aggregation": str(aggregation),
        "series": [
            responses.buckets_response(target, result, time_range, aggregation) for target, result in results.items()
        ],
    }


def _require_buckets(coordinator: DatapointCoordinator, period: Period, aggregation: Aggregation) -> None:
    """Raise a translated error that lists the alternatives, unless the cloud offers the period and the aggregation."""
    capabilities, account, hass = coordinator.cloud.history.capabilities, coordinator.name, coordinator.hass
    # Listed in the order of the enumerations: a set has none.
    if period not in capabilities.periods:
        offered = words.option_names(hass, "bucket", [one for one in Period if one in capabilities.periods])
        named = words.option_names(hass, "bucket", [period])
        raise exceptions.of_call("period_not_offered", account=account, period=named, offered=offered)
    if aggregation not in capabilities.aggregations:
        offered = words.option_names(
            hass, "aggregation", [one for one in Aggregation if one in capabilities.aggregations]
        )
        named = words.option_names(hass, "aggregation", [aggregation])
        raise exceptions.of_call("aggregation_not_offered", account=account, aggregation=named, offered=offered)


async def _require_rights(call: ServiceCall, targets: Iterable[SeriesTarget]) -> None:
    rights = await Rights.async_of(call, POLICY_READ)
    for target in targets:
        rights.require_datapoints(target.coordinator, target.state.device.id, [target.key])


async def _fetch_series[Row](
    targets: Sequence[SeriesTarget],
    time_range: TimeRange,
    request: Callable[[History, Sequence[Series]], Awaitable[Mapping[Series, HistoryResult[Row]]]],
) -> Mapping[SeriesTarget, HistoryResult[Row]]:
    """Request the series of each account at once. Raises a translated error if all fail."""
    by_account: dict[DatapointCoordinator, list[SeriesTarget]] = defaultdict(list)
    for target in targets:
        by_account[target.coordinator].append(target)

    async def fetch(group: Sequence[SeriesTarget]) -> Mapping[SeriesTarget, HistoryResult[Row]]:
        results = await request(group[0].coordinator.cloud.history, [target.series for target in group])
        return {target: results[target.series] for target in group}

    fetched = await _fetch_groups(by_account.values(), time_range, fetch)
    results = {target: responses.mark_unknown(target, fetched[target]) for target in targets}
    responses.raise_if_all_failed(results)
    return results


# Logs


async def _get_online_log(call: ServiceCall) -> ServiceResponse:
    """Return when devices came online or went offline, and why."""
    targets, time_range = devices_of(call), time_range_of(call.data)
    rights = await Rights.async_of(call, POLICY_READ)
    for target in targets:
        rights.require_datapoints(target.coordinator, target.state.device.id, [CONNECTIVITY])
    _require_capability("online_log_not_offered", targets, lambda offered: offered.has_online_log)
    return await _fetch_logs(
        targets,
        time_range,
        lambda history, device: history.online_log(device, *time_range),
        partial(responses.online_log_row, text_of=partial(text_of_reason, call.hass)),
    )


async def _get_communication_log(call: ServiceCall) -> ServiceResponse:
    """Return what was sent to devices and by them."""
    targets, time_range = devices_of(call), time_range_of(call.data)
    _require_capability("communication_log_not_offered", targets, lambda offered: offered.has_communication_log)
    return await _fetch_logs(
        targets,
        time_range,
        lambda history, device: history.communication_log(device, *time_range),
        responses.log_row,
    )


async def _fetch_logs(
    targets: Sequence[DeviceTarget],
    time_range: TimeRange,
    request: Callable[[History, Device], Awaitable[HistoryResult[LogEntry]]],
    row_response: Callable[[LogEntry], JsonObjectType],
) -> ServiceResponse:
    """Request the log of each device. Raises a translated error if all fail."""

    async def fetch(group: Sequence[DeviceTarget]) -> Mapping[DeviceTarget, HistoryResult[LogEntry]]:
        (target,) = group
        return {target: await request(target.coordinator.cloud.history, target.state.device)}

    results = await _fetch_groups([[target] for target in targets], time_range, fetch)
    responses.raise_if_all_failed(results)
    return responses.range_response(time_range) | {
        "devices": [responses.log_response(target, results[target], time_range, row_response) for target in targets]
    }


# Usage


async def _get_usage(call: ServiceCall) -> ServiceResponse:
    """Return the usage that a query of the account counts."""
    coordinator, query, stored = query_of(call)
    (await Rights.async_of(call, POLICY_READ)).require_device(coordinator, query.id)
    time_range = time_range_of(call.data)
    period = call.data.get("period", stored[CONF_PERIOD])
    group_by = call.data.get("group_by", stored.get(CONF_GROUP_BY))
    if group_by == UNGROUPED:
        group_by = None
    history = coordinator.cloud.history
    try:
        result = await before_timeout(history.usage(query.id, *time_range, period=period, group_by=group_by))
    except CloudError as error:
        raise exceptions.of_history(error, query.name) from error
    if result.stopped_by is not None and not result.rows:
        raise exceptions.of_history(result.stopped_by, query.name) from result.stopped_by
    return {
        "query": query.name,
        "unit": stored.get(CONF_UNIT),
        "period": period,
        "group_by": group_by,
        **({CONF_MOST_ROWS: stored[CONF_MOST_ROWS]} if CONF_MOST_ROWS in stored else {}),
    } | responses.result_response(
        coordinator.hass,
        result,
        time_range,
        responses.usage_row,
        lambda error: exceptions.of_history(error, query.name),
    )


# Every action


def _accounts(targets: Iterable[DeviceTarget]) -> Iterable[DatapointCoordinator]:
    return dict.fromkeys(target.coordinator for target in targets)


def _require_capability(
    error_key: str, targets: Iterable[DeviceTarget], is_offered: Callable[[HistoryCapabilities], bool]
) -> None:
    """Raise a translated error for the first account whose cloud lacks a capability."""
    for coordinator in _accounts(targets):
        if not is_offered(coordinator.cloud.history.capabilities):
            raise exceptions.of_call(error_key, account=coordinator.name)


async def _fetch_groups[T: DeviceTarget, Row](
    groups: Iterable[Sequence[T]],
    time_range: TimeRange,
    fetch: Callable[[Sequence[T]], Awaitable[Mapping[T, HistoryResult[Row]]]],
) -> Mapping[T, HistoryResult[Row]]:
    """Fetch groups of targets at the same time. If one fails, its targets get empty results with the error."""

    async def fetch_or_fail(group: Sequence[T]) -> Mapping[T, HistoryResult[Row]]:
        try:
            return await before_timeout(fetch(group))
        except CloudError as error:
            failed = HistoryResult[Row](rows=(), start=time_range.start, end=time_range.start, stopped_by=error)
            return dict.fromkeys(group, failed)

    results: dict[T, HistoryResult[Row]] = {}
    for group_results in await asyncio.gather(*map(fetch_or_fail, groups)):
        results |= group_results
    return results
