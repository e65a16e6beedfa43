"""A history for tests that returns given rows and records the requests, and how tests call the history actions."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.json import json_dumps
from homeassistant.util.json import json_loads
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.clouds.errors import CloudError
from custom_components.datapoint_cloud.clouds.history import (
    Aggregation,
    Bucket,
    HistoryCapabilities,
    HistoryResult,
    LogEntry,
    Period,
    Series,
    Usage,
)
from custom_components.datapoint_cloud.clouds.model import Device, Reading
from custom_components.datapoint_cloud.const import DOMAIN

ALL_CAPABILITIES = HistoryCapabilities(
    readings_retention=timedelta(days=7),
    buckets_retention=timedelta(days=31),
    periods=frozenset({Period.HOUR, Period.DAY}),
    aggregations=frozenset({Aggregation.AVG, Aggregation.COUNT, Aggregation.VAR}),
    has_online_log=True,
    has_communication_log=True,
    has_usage=True,
)


@dataclass
class FakeHistory:
    """Returns `rows` and `errors` by datapoint key, device id or scope; other keys have no rows and no error."""

    capabilities: HistoryCapabilities = ALL_CAPABILITIES
    rows: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    errors: Mapping[str, CloudError] = field(default_factory=dict)
    keeps_since: datetime | None = None
    raises: CloudError | None = None  # every request fails with it
    hangs: bool = False  # no request ends
    requests: list[dict[str, Any]] = field(default_factory=list)

    async def readings(
        self, series: Sequence[Series], start: datetime, end: datetime
    ) -> Mapping[Series, HistoryResult[Reading]]:
        await self._record_request(series=series, start=start, end=end)
        return {one: self._result(one.key, start, end) for one in series}

    async def buckets(
        self,
        series: Sequence[Series],
        start: datetime,
        end: datetime,
        *,
        period: Period,
        aggregation: Aggregation,
        is_local: bool = False,
    ) -> Mapping[Series, HistoryResult[Bucket]]:
        await self._record_request(
            series=series, start=start, end=end, period=period, aggregation=aggregation, is_local=is_local
        )
        return {one: self._result(one.key, start, end) for one in series}

    async def online_log(self, device: Device, start: datetime, end: datetime) -> HistoryResult[LogEntry]:
        await self._record_request(device=device.id, start=start, end=end)
        return self._result(device.id, start, end)

    async def communication_log(self, device: Device, start: datetime, end: datetime) -> HistoryResult[LogEntry]:
        await self._record_request(device=device.id, start=start, end=end)
        return self._result(device.id, start, end)

    async def usage(
        self, scope_id: str, start: datetime, end: datetime, *, period: str, group_by: str | None
    ) -> HistoryResult[Usage]:
        await self._record_request(scope=scope_id, start=start, end=end, period=period, group_by=group_by)
        return self._result(scope_id, start, end)

    async def _record_request(self, **request: Any) -> None:
        self.requests.append(request)
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        if self.raises is not None:
            raise self.raises

    def _result(self, key: str, start: datetime, end: datetime) -> HistoryResult[Any]:
        since = min(max(start, self.keeps_since or start), end)
        return HistoryResult(rows=tuple(self.rows.get(key, ())), start=since, end=end, stopped_by=self.errors.get(key))


def set_history(entry: MockConfigEntry, **fields: Any) -> FakeHistory:
    """Replace the history of an account."""
    history = FakeHistory(**fields)
    entry.runtime_data.coordinator.cloud.history = history
    return history


def device_id_of(hass: HomeAssistant, entry: MockConfigEntry, device_id: str) -> str:
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, device_id), entry.entry_id)
    assert device is not None
    return device.id


async def response_of(hass: HomeAssistant, name: str, context: Context | None = None, **data: Any) -> dict[str, Any]:
    response = await hass.services.async_call(DOMAIN, name, data, blocking=True, return_response=True, context=context)
    assert response == json_loads(json_dumps(response))
    assert isinstance(response, dict)
    return response


async def error_of(
    hass: HomeAssistant, name: str, kind: type[HomeAssistantError] = ServiceValidationError, **data: Any
) -> str:
    with pytest.raises(kind) as refused:
        await response_of(hass, name, **data)
    assert type(refused.value) is kind
    text = str(refused.value)
    assert "{" not in text
    return text


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
