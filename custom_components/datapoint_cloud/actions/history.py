"""The actions that answer about the past: readings, aggregates, logs, usage.

It checks what is asked against what each cloud offers, and lays out what the clouds tell. It changes nothing.
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
from ..clouds.errors import CloudError, Reason, Unreachable
from ..clouds.history import Aggregation, Bucket, History, HistoryResult, LogEntry, Period, Series
from ..clouds.model import Device, Reading
from ..const import CONF_GROUP_BY, CONF_MOST_ROWS, CONF_PERIOD, CONF_UNIT, DOMAIN
from ..coordinator import DatapointCoordinator
from ..disconnect_reasons import async_texts_of_reasons
from ..fleet.device_state import CONNECTIVITY
from . import responses as answers
from .rights import Rights
from .targets import DEVICE_FIELDS, SERIES_FIELDS, DeviceTarget, SeriesTarget, devices_of, query_of, series_of
from .time_range import RANGE_FIELDS, Range, range_of

GET_HISTORY = "get_history"
GET_AGGREGATE = "get_aggregate"
GET_ONLINE_LOG = "get_online_log"
GET_COMMUNICATION_LOG = "get_communication_log"
GET_USAGE = "get_usage"

UNGROUPED = "none"
"""Asks for the whole, where the query is grouped."""

_LONGEST_SECONDS = 90  # however many requests an answer takes, each of which has a time limit of its own

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
    """Answer every reading of datapoints."""
    targets, asked = series_of(call), range_of(call.data)
    await _require_rights(call, targets)
    for coordinator in _accounts(targets):
        if coordinator.cloud.history.capabilities.readings_retention is None:
            raise exceptions.of_call("readings_not_offered", account=coordinator.name)

    async def ask(history: History, series: Sequence[Series]) -> Mapping[Series, HistoryResult[Reading]]:
        return await history.readings(series, asked.start, asked.end)

    pasts = await _ask_each_account(targets, asked, ask)
    return answers.of_range(asked) | {
        "series": [answers.of_readings(target, past, asked) for target, past in pasts.items()]
    }


async def _get_aggregate(call: ServiceCall) -> ServiceResponse:
    """Answer one number for each period of datapoints."""
    targets, asked = series_of(call), range_of(call.data)
    await _require_rights(call, targets)
    period, aggregation = call.data["period"], call.data["aggregation"]
    for coordinator in _accounts(targets):
        _require_buckets(coordinator, period, aggregation)
    for target in targets:
        if target.coordinator.cloud.history.capabilities.aggregates_numbers_only:
            target.require_number()

    async def ask(history: History, series: Sequence[Series]) -> Mapping[Series, HistoryResult[Bucket]]:
        return await history.buckets(
            series,
            asked.start,
            asked.end,
            period=period,
            aggregation=aggregation,
            is_local=call.data["local_days"],
        )

    pasts = await _ask_each_account(targets, asked, ask)
    return answers.of_range(asked) | {
        "period": str(period),
        "aggregation": str(aggregation),
        "series": [answers.of_buckets(target, past, asked, aggregation) for target, past in pasts.items()],
    }


def _require_buckets(coordinator: DatapointCoordinator, period: Period, aggregation: Aggregation) -> None:
    capabilities, account = coordinator.cloud.history.capabilities, coordinator.name
    if capabilities.buckets_retention is None or not capabilities.periods or not capabilities.aggregations:
        raise exceptions.of_call("aggregates_not_offered", account=account)
    if period not in capabilities.periods:
        # In the order of their length.
        offered = ", ".join(one for one in Period if one in capabilities.periods)
        raise exceptions.of_call("period_not_offered", account=account, period=period, offered=offered)
    if aggregation not in capabilities.aggregations:
        offered = ", ".join(one for one in Aggregation if one in capabilities.aggregations)
        raise exceptions.of_call("aggregation_not_offered", account=account, aggregation=aggregation, offered=offered)


async def _require_rights(call: ServiceCall, targets: Iterable[SeriesTarget]) -> None:
    rights = await Rights.async_of(call, POLICY_READ)
    for target in targets:
        rights.require_datapoints(target.coordinator, target.state.device.id, [target.key])


def _accounts(targets: Iterable[DeviceTarget]) -> Iterable[DatapointCoordinator]:
    return dict.fromkeys(target.coordinator for target in targets)


async def _ask_each_account[R](
    targets: Sequence[SeriesTarget],
    asked: Range,
    ask: Callable[[History, Sequence[Series]], Awaitable[Mapping[Series, HistoryResult[R]]]],
) -> Mapping[SeriesTarget, HistoryResult[R]]:
    """Ask every account once for all series it has; an account that fails costs its own only."""
    of_account: dict[DatapointCoordinator, list[SeriesTarget]] = defaultdict(list)
    for target in targets:
        of_account[target.coordinator].append(target)

    async def ask_one(coordinator: DatapointCoordinator) -> Mapping[Series, HistoryResult[R]]:
        series = [target.series for target in of_account[coordinator]]
        try:
            return await _in_time(ask(coordinator.cloud.history, series))
        except CloudError as error:
            return dict.fromkeys(series, answers.nothing(asked, error))

    told = dict(zip(of_account, await asyncio.gather(*map(ask_one, of_account)), strict=True))
    pasts = {target: answers.known_or_not(target, told[target.coordinator][target.series]) for target in targets}
    answers.require_one(pasts)
    return pasts


async def _in_time[T](asking: Awaitable[T]) -> T:
    """Wait for a cloud, but not longer than whoever called will. Raises `Unreachable` (TIMEOUT)."""
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            return await asking
    except TimeoutError as error:
        raise Unreachable(Reason.TIMEOUT) from error


# Logs


async def _get_online_log(call: ServiceCall) -> ServiceResponse:
    """Answer when devices came online and went, and why."""
    targets, asked = devices_of(call), range_of(call.data)
    rights = await Rights.async_of(call, POLICY_READ)
    for target in targets:
        rights.require_datapoints(target.coordinator, target.state.device.id, [CONNECTIVITY])
    for coordinator in _accounts(targets):
        if not coordinator.cloud.history.capabilities.has_online_log:
            raise exceptions.of_call("online_log_not_offered", account=coordinator.name)

    async def ask(history: History, device: Device) -> HistoryResult[LogEntry]:
        return await history.online_log(device, asked.start, asked.end)

    texts = await async_texts_of_reasons(call.hass)
    return await _ask_each_device(targets, asked, ask, partial(answers.of_presence, texts=texts))


async def _get_communication_log(call: ServiceCall) -> ServiceResponse:
    """Answer what was sent to devices and by them."""
    targets, asked = devices_of(call), range_of(call.data)
    for coordinator in _accounts(targets):
        if not coordinator.cloud.history.capabilities.has_communication_log:
            raise exceptions.of_call("communication_log_not_offered", account=coordinator.name)

    async def ask(history: History, device: Device) -> HistoryResult[LogEntry]:
        return await history.communication_log(device, asked.start, asked.end)

    return await _ask_each_device(targets, asked, ask, answers.of_frame)


async def _ask_each_device(
    targets: Sequence[DeviceTarget],
    asked: Range,
    ask: Callable[[History, Device], Awaitable[HistoryResult[LogEntry]]],
    row: Callable[[LogEntry], JsonObjectType],
) -> ServiceResponse:
    """Ask for the log of every device; one that fails costs its own only."""

    async def ask_one(target: DeviceTarget) -> HistoryResult[LogEntry]:
        try:
            return await _in_time(ask(target.coordinator.cloud.history, target.state.device))
        except CloudError as error:
            return answers.nothing(asked, error)

    pasts = dict(zip(targets, await asyncio.gather(*map(ask_one, targets)), strict=True))
    answers.require_one(pasts)
    return answers.of_range(asked) | {
        "devices": [answers.of_log(target, past, asked, row) for target, past in pasts.items()]
    }


# Usage


async def _get_usage(call: ServiceCall) -> ServiceResponse:
    """Answer how much was used, of what a query asks for."""
    coordinator, query, stored = query_of(call)
    (await Rights.async_of(call, POLICY_READ)).require_device(coordinator, query.id)
    asked = range_of(call.data)
    period = call.data.get("period", stored[CONF_PERIOD])
    group_by = call.data.get("group_by", stored.get(CONF_GROUP_BY))
    if group_by == UNGROUPED:
        group_by = None
    history = coordinator.cloud.history
    try:
        past = await _in_time(history.usage(query.id, asked.start, asked.end, period=period, group_by=group_by))
    except CloudError as error:
        raise exceptions.of_history(error, query.name) from error
    if past.stopped_by is not None and not past.rows:
        raise exceptions.of_history(past.stopped_by, query.name) from past.stopped_by
    return {
        "query": query.name,
        "unit": stored.get(CONF_UNIT),
        "period": period,
        "group_by": group_by,
        **({CONF_MOST_ROWS: stored[CONF_MOST_ROWS]} if CONF_MOST_ROWS in stored else {}),
    } | answers.told(past, asked, query.name, history.capabilities, answers.of_usage)
