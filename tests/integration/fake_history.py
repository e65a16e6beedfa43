"""A past for tests: a `History` that tells what it was given, and remembers what it was asked."""

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

EVERYTHING = HistoryCapabilities(
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
    """`rows` by datapoint key, device id or scope; what is not in it has none."""

    capabilities: HistoryCapabilities = EVERYTHING
    rows: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    errors: Mapping[str, CloudError] = field(default_factory=dict)  # that cost one series, device or scope
    keeps_since: datetime | None = None
    raises: CloudError | None = None
    hangs: bool = False  # it never answers
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def readings(
        self, series: Sequence[Series], start: datetime, end: datetime
    ) -> Mapping[Series, HistoryResult[Reading]]:
        await self._note(series=series, start=start, end=end)
        return {one: self._past(one.key, start, end) for one in series}

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
        await self._note(series=series, start=start, end=end, period=period, aggregation=aggregation, is_local=is_local)
        return {one: self._past(one.key, start, end) for one in series}

    async def online_log(self, device: Device, start: datetime, end: datetime) -> HistoryResult[LogEntry]:
        await self._note(device=device.id, start=start, end=end)
        return self._past(device.id, start, end)

    async def communication_log(self, device: Device, start: datetime, end: datetime) -> HistoryResult[LogEntry]:
        await self._note(device=device.id, start=start, end=end)
        return self._past(device.id, start, end)

    async def usage(
        self, scope_id: str, start: datetime, end: datetime, *, period: str, group_by: str | None
    ) -> HistoryResult[Usage]:
        await self._note(scope=scope_id, start=start, end=end, period=period, group_by=group_by)
        return self._past(scope_id, start, end)

    async def _note(self, **asked: Any) -> None:
        self.asked.append(asked)
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        if self.raises is not None:
            raise self.raises

    def _past(self, key: str, start: datetime, end: datetime) -> HistoryResult[Any]:
        since = min(max(start, self.keeps_since or start), end)
        return HistoryResult(rows=tuple(self.rows.get(key, ())), start=since, end=end, stopped_by=self.errors.get(key))


def give_past(entry: MockConfigEntry, **told: Any) -> FakeHistory:
    """Give the account another past."""
    history = FakeHistory(**told)
    entry.runtime_data.coordinator.cloud.history = history
    return history


def target_of(hass: HomeAssistant, entry: MockConfigEntry, device_id: str) -> str:
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, device_id), entry.entry_id)
    assert device is not None
    return device.id


async def answer_of(hass: HomeAssistant, name: str, context: Context | None = None, **data: Any) -> dict[str, Any]:
    answer = await hass.services.async_call(DOMAIN, name, data, blocking=True, return_response=True, context=context)
    assert answer == json_loads(json_dumps(answer))
    assert isinstance(answer, dict)
    return answer


async def refusal_of(
    hass: HomeAssistant, name: str, kind: type[HomeAssistantError] = ServiceValidationError, **data: Any
) -> str:
    with pytest.raises(kind) as refused:
        await answer_of(hass, name, **data)
    assert type(refused.value) is kind
    text = str(refused.value)
    assert "{" not in text
    return text


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
