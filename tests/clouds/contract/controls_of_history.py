"""For each rule of history a client that breaks it: the history of the good client with one thing done wrong."""

# ruff: noqa: ARG002  # A broken method has the arguments of the good one.

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from custom_components.datapoint_cloud.clouds.cloud import Cloud
from custom_components.datapoint_cloud.clouds.errors import NotSupported
from custom_components.datapoint_cloud.clouds.history import Bucket, HistoryResult, LogEntry, Series
from custom_components.datapoint_cloud.clouds.model import Device

from .controls import CONTROLS, Broken, Control


class _BrokenHistory:
    """Answers as the history of the good client does; a subclass does one thing wrong."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cloud.history, name)

    async def online_log(self, device: Device, start: datetime, end: datetime) -> HistoryResult[LogEntry]:
        return self.changed(await self.cloud.history.online_log(device, start, end), start)

    async def buckets(
        self, series: Sequence[Series], start: datetime, end: datetime, **how: Any
    ) -> Mapping[Series, HistoryResult[Bucket]]:
        results = await self.cloud.history.buckets(series, start, end, **how)
        return {one: self.changed(result, start) for one, result in results.items()}

    def changed[Row](self, result: HistoryResult[Row], start: datetime) -> HistoryResult[Row]:
        return result


def breaks_with[T: _BrokenHistory](rule: str, kind: str = "gizwits_open") -> Callable[[type[T]], type[T]]:
    """Add a client with this history as a control of a rule."""

    def add(history: type[T]) -> type[T]:
        broken = type(history.__name__, (Broken,), {"history": property(lambda self: history(self.cloud))})
        CONTROLS.append(Control(rule, kind, broken))
        return history

    return add


@breaks_with("history_answers_all_that_it_promises")
class RefusesWhatItPromises(_BrokenHistory):
    async def online_log(self, device: Device, start: datetime, end: datetime) -> HistoryResult[LogEntry]:
        return HistoryResult(rows=(), start=start, end=start, stopped_by=NotSupported())


@breaks_with("history_refuses_what_it_does_not_promise", "sodata")
class AnswersWithAnEmptyLog(_BrokenHistory):
    async def online_log(self, device: Device, start: datetime, end: datetime) -> HistoryResult[LogEntry]:
        return HistoryResult(rows=(), start=start, end=end)


@breaks_with("history_refuses_what_it_does_not_promise", "firstlight")
class RequestsBeforeItRefuses(_BrokenHistory):
    async def online_log(self, device: Device, start: datetime, end: datetime) -> HistoryResult[LogEntry]:
        await self.cloud.readings([device])
        await self.cloud.readings([device])
        return await self.cloud.history.online_log(device, start, end)


@breaks_with("the_range_of_a_history_is_honest")
class ClaimsTheWholeRange(_BrokenHistory):
    def changed[Row](self, result: HistoryResult[Row], start: datetime) -> HistoryResult[Row]:
        return replace(result, start=start)


@breaks_with("the_range_of_a_history_is_honest", "sodata")
class ClaimsMoreThanTheRange(_BrokenHistory):
    def changed[Row](self, result: HistoryResult[Row], start: datetime) -> HistoryResult[Row]:
        return replace(result, end=result.end + timedelta(hours=1))


@breaks_with("the_rows_of_a_history_are_sorted_and_within_its_range", "sodata")
class AnswersNewestFirst(_BrokenHistory):
    def changed[Row](self, result: HistoryResult[Row], start: datetime) -> HistoryResult[Row]:
        return replace(result, rows=result.rows[::-1])


@breaks_with("the_rows_of_a_history_are_sorted_and_within_its_range")
class AnswersMoreThanItsRange(_BrokenHistory):
    def changed[Row](self, result: HistoryResult[Row], start: datetime) -> HistoryResult[Row]:
        before = start - timedelta(days=60)
        earlier: Any = Bucket(start=before, end=before + timedelta(hours=1), value=1)
        return replace(result, rows=(earlier, *result.rows))
