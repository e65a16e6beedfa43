"""The tool that sums up the past of one datapoint.

It takes what costs no requests first: Home Assistant's own statistics, if they reach back far enough. Otherwise it asks
the cloud through the actions that return history, which check the rights of the user and keep to the budget.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from statistics import fmean
from typing import Any, Final, override

import voluptuous as vol
from homeassistant.components.sensor import SensorStateClass
from homeassistant.core import HomeAssistant
from homeassistant.helpers.llm import LLMContext
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType, JsonValueType

from ..actions.history import GET_AGGREGATE, GET_HISTORY
from ..actions.time_range import TimeRange
from ..clouds.history import EDGE, Aggregation, HistoryCapabilities, Period
from ..clouds.model import DataType
from ..clouds.windows import begin_of
from ..const import DOMAIN
from ..fleet.description import DatapointDescription
from ..statistics.recorder import has_recorder
from ..statistics.rows import IncreaseTracker
from . import records, summaries
from .devices import DEVICE, async_texts_of_options, in_words, local
from .exposure import Unanswerable, View, VisibleDevice
from .ranges import RANGE, range_of
from .summaries import Sample, rounded
from .tool import ASKS_CLOUD, CloudTool, about

_METERS: Final = frozenset({SensorStateClass.TOTAL, SensorStateClass.TOTAL_INCREASING})
_SHORT: Final = timedelta(hours=25)  # readings of a day take a request or two
_MOST_PERIODS: Final = 31
_NAMES: Final[Mapping[Period, records.Per]] = {
    Period.HOUR: "hour",
    Period.DAY: "day",
    Period.WEEK: "week",
    Period.MONTH: "month",
}
"""The periods that an answer can be divided into, as the recorder names them."""
_BUCKETS: Final = (
    (Period.HOUR, timedelta(days=35)),
    (Period.DAY, timedelta(days=400)),
    (Period.MONTH, timedelta.max),
)
"""The longest range for which buckets of each period are requested, the finest first."""
_EXTREMES: Final = {"average": Aggregation.AVG, "minimum": Aggregation.MIN, "maximum": Aggregation.MAX}


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked, and on whose behalf."""

    hass: HomeAssistant
    llm_context: LLMContext
    device: VisibleDevice
    key: str
    time_range: TimeRange
    per: Period | None

    @property
    def description(self) -> DatapointDescription:
        return self.device.state.descriptions[self.key]

    @property
    def is_number(self) -> bool:
        return self.description.datapoint.data_type is DataType.NUMBER

    @property
    def is_meter(self) -> bool:
        return self.description.state_class in _METERS

    @property
    def is_increasing(self) -> bool:
        is_counter = self.description.state_class is SensorStateClass.TOTAL_INCREASING
        return is_counter or self.description.datapoint.is_period_total

    @property
    def entity_id(self) -> str:
        return self.device.entity_id(self.key) or ""

    @property
    def capabilities(self) -> HistoryCapabilities:
        return self.device.coordinator.cloud.history.capabilities


class GetHistory(CloudTool):
    """How a datapoint was."""

    name = "datapoint_cloud__get_history"
    title = "Get the history of a datapoint"
    description = (
        "Sums up the past of one datapoint of one device. For a number it returns average, minimum, maximum (with "
        "their times), first and last value and the change; for a meter such as an energy counter, `change` is the "
        "consumption. For an on/off or text value it returns for how many hours each value lasted and how often it "
        "began. Set `per` to also get a value for each hour, day, week or month. Use it for questions such as: how "
        "much did it use last month, how warm was it last night, how long did the pump run yesterday. If the account "
        "has no requests left, the answer says until when."
    )
    annotations = ASKS_CLOUD
    parameters = vol.Schema(
        {
            about("device", DEVICE, is_required=True): str,
            about("datapoint", "Name of the datapoint, as get_device returns it.", is_required=True): str,
            **RANGE,
            about("per", f"Also return one value per period, at most {_MOST_PERIODS}."): vol.In(list(_NAMES.values())),
        }
    )

    @override
    async def answer(
        self, hass: HomeAssistant, data: dict[str, Any], view: View, llm_context: LLMContext
    ) -> JsonObjectType:
        device = view.device(data["device"])
        question = _Question(
            hass=hass,
            llm_context=llm_context,
            device=device,
            key=device.datapoint(data["datapoint"]),
            time_range=range_of(data, "last_24_hours"),
            per=Period(data["per"]) if "per" in data else None,
        )
        unit = question.description.unit
        found = await _async_summary(question)
        periods = found.get("periods")
        if isinstance(periods, list) and len(periods) > _MOST_PERIODS:
            found |= {"periods": periods[-_MOST_PERIODS:], "note": f"Only the last {_MOST_PERIODS} periods are listed."}
        return {
            "device": device.label,
            "datapoint": device.names.labels[question.key],
            **({"unit": unit} if unit else {}),
            "start": local(question.time_range.start),
            "end": local(question.time_range.end),
            **found,
        }


async def _async_summary(question: _Question) -> JsonObjectType:
    hass, entity_id = question.hass, question.entity_id
    if has_recorder(hass) and question.is_number and question.description.state_class is not None:
        per = None if question.per is None else _NAMES[question.per]
        found = await records.async_statistics(hass, entity_id, question.time_range, per, is_meter=question.is_meter)
        if found is not None:
            return found | {"source": "Home Assistant"}
    if _has_readings(question):
        return await _async_readings(question)
    if question.is_number and question.capabilities.buckets_retention is not None:
        return await _async_buckets(question)
    if has_recorder(hass) and (samples := await records.async_states(hass, entity_id, question.time_range)):
        return await _async_summed_up(question, samples) | {"source": "Home Assistant"}
    raise Unanswerable(f"Neither the cloud nor Home Assistant has kept this of {question.device.label}.")


def _has_readings(question: _Question) -> bool:
    """Return whether the cloud has all readings of the range, and no shorter answer for it."""
    offered, time_range = question.capabilities, question.time_range
    if offered.readings_retention is None:
        return False
    if time_range.start < dt_util.utcnow() - offered.readings_retention - EDGE:
        return False
    is_short = time_range.end - time_range.start <= _SHORT
    return is_short or not question.is_number or offered.buckets_retention is None or offered.aggregates_need_grant


async def _async_readings(question: _Question) -> JsonObjectType:
    series = await _async_series(question, GET_HISTORY, question.time_range)
    rows: list[Any] = series["rows"]
    samples = [Sample(datetime.fromisoformat(row["at"]), row["value"]) for row in rows if row["at"] is not None]
    if not samples:
        return {"note": "The device reported no value in this range.", **_completeness(series)}
    return await _async_summed_up(question, samples) | _completeness(series)


async def _async_summed_up(question: _Question, samples: list[Sample]) -> JsonObjectType:
    """Sum up samples as the kind of the datapoint wants it."""
    summarize: summaries.Summarize
    if question.is_meter:
        summarize = partial(summaries.of_meter, is_increasing=question.is_increasing)
    elif question.is_number:
        summarize = summaries.of_number
    else:
        options = await async_texts_of_options(question.hass)
        words = [in_words(question.description, sample.value, options) for sample in samples]
        samples = [
            Sample(sample.at, None if word is None else str(word)) for sample, word in zip(samples, words, strict=True)
        ]
        summarize = summaries.of_words
    found = summarize(samples, question.time_range)
    if question.per is not None:
        zone = dt_util.get_default_time_zone()
        found["periods"] = list(summaries.by_period(samples, question.time_range, question.per, zone, summarize))
    return found


async def _async_buckets(question: _Question) -> JsonObjectType:
    """Sum up buckets: mean and extremes of a measurement, the increase of a meter."""
    aggregations = {"highest": Aggregation.MAX} if question.is_meter else _EXTREMES
    length = question.time_range.end - question.time_range.start
    fitting = (period for period, longest in _BUCKETS if period == question.per or length <= longest)
    period = next(period for period in fitting if period in question.capabilities.periods)
    zone = dt_util.get_default_time_zone()
    start = question.time_range.start
    if question.is_meter:
        # The meter grew since the end of the period before.
        start = begin_of(period, begin_of(period, start, zone) - timedelta.resolution, zone)
    buckets: dict[datetime, dict[str, float]] = {}  # by their middle
    completeness: JsonObjectType = {}
    for name, aggregation in aggregations.items():
        series = await _async_series(
            question, GET_AGGREGATE, TimeRange(start, question.time_range.end), period, aggregation
        )
        completeness |= _completeness(series)
        for row in series["rows"]:
            begin, end = datetime.fromisoformat(row["start"]), datetime.fromisoformat(row["end"])
            buckets.setdefault(begin + (end - begin) / 2, {})[name] = row["value"]
    buckets = dict(sorted(buckets.items()))
    if question.is_meter:
        tracker = IncreaseTracker(None, is_increasing=question.is_increasing)
        buckets = {at: {"change": tracker.increase(values["highest"])} for at, values in buckets.items()}
    # The days of a device in another time zone begin at other times: each belongs where most of it is.
    inside = {at: values for at, values in buckets.items() if question.time_range.start <= at < question.time_range.end}
    found = _of_buckets(inside.values())
    if question.per is not None:
        by_period: dict[datetime, list[Mapping[str, float]]] = {}
        for at, values in inside.items():
            by_period.setdefault(begin_of(question.per, at, zone), []).append(values)
        found["periods"] = [{"start": local(begin), **_of_buckets(some)} for begin, some in by_period.items()]
    return found | completeness


def _of_buckets(buckets: Collection[Mapping[str, float]]) -> JsonObjectType:
    def values(name: str) -> list[float]:
        return [bucket[name] for bucket in buckets if name in bucket]

    combine: Mapping[str, Callable[[Sequence[float]], float]] = {
        "change": sum,
        "average": fmean,
        "minimum": min,
        "maximum": max,
    }
    return {name: rounded(of(found)) for name, of in combine.items() if (found := values(name))}


async def _async_series(
    question: _Question,
    action: str,
    time_range: TimeRange,
    period: Period | None = None,
    aggregation: Aggregation | None = None,
) -> Mapping[str, Any]:
    data: dict[str, Any] = {"entity_id": question.entity_id}
    data |= {"start": time_range.start.isoformat(), "end": time_range.end.isoformat()}
    if period is not None and aggregation is not None:
        data |= {"period": period.value, "aggregation": aggregation.value}
    response: Any = await question.hass.services.async_call(
        DOMAIN, action, data, blocking=True, return_response=True, context=question.llm_context.context
    )
    series: Mapping[str, Any] = response["series"][0]
    return series


def _completeness(series: Mapping[str, Any]) -> JsonObjectType:
    found: dict[str, JsonValueType] = {"source": "cloud", "complete": series["complete"]}
    if "reason" in series:
        found["note"] = series["reason"]
    return found
