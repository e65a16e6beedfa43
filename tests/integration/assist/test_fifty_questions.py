"""Fifty questions of a person, each with the call that a model makes of it and the answer that the clouds know.

Everything the tools answer is compared with the simulated clouds themselves, and so is what an answer costs: at most
so many requests.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from simulator.gizwits.devices import GizwitsDevice
from simulator.simulation import Simulation
from simulator.sodata.fleet import SoDataDevice
from simulator.sodata.services import Item

from ..subjects import air_conditioner, chiller, ups
from .asking import Answer, Ask
from .conftest import Entries

PARIS = ZoneInfo("Europe/Paris")
TODAY = datetime(2026, 11, 24, tzinfo=PARIS)
YESTERDAY = TODAY - timedelta(days=1)
THIS_WEEK = datetime(2026, 11, 23, tzinfo=PARIS)
LAST_WEEK = THIS_WEEK - timedelta(days=7)
LOAD_RATE, ACTIVE_POWER, BATTERY, BACKUP = (f"Global|0|{key}" for key in ("140100", "140121", "140403", "140405"))
ENERGY, UPS_ENERGY = "Global|0|150100", "Global|0|141941"


@dataclass
class Clouds:
    """What the simulated clouds know."""

    simulation: Simulation
    account_names: Mapping[str, str]
    spa: GizwitsDevice = field(init=False)
    ac: GizwitsDevice = field(init=False)
    lamp: GizwitsDevice = field(init=False)
    pump: GizwitsDevice = field(init=False)
    chiller: GizwitsDevice = field(init=False)
    site_chiller: GizwitsDevice = field(init=False)
    ups: SoDataDevice = field(init=False)
    meter: SoDataDevice = field(init=False)
    gateway: SoDataDevice = field(init=False)

    def __post_init__(self) -> None:
        household = {device.alias: device for device in self.simulation.gizwits_open.devices.values()}
        self.spa, self.ac, self.lamp, self.pump = (
            household[name] for name in ("Terrace spa", "客厅空调", "", "鱼缸水泵")
        )
        self.chiller = chiller(self.simulation)
        product = next(iter(self.simulation.gizwits_enterprise.products.values()))
        self.site_chiller = next(iter(product.devices.values()))
        by_name = {device.name: device for device in self.simulation.sodata.devices.values()}
        self.ups = ups(self.simulation)
        self.meter, self.gateway = by_name["Countis E50"], by_name["Passerelle Sélestat"]
        assert self.ac is air_conditioner(self.simulation)

    def last(self, device: SoDataDevice, key: str) -> float:
        return next(float(str(value)) for variable, _, value in device.last_samples() if variable.key == key)

    def alarms(self, device: SoDataDevice) -> list[str]:
        """The names of the active alarms; in the name of a part's alarm, the part is named once."""
        active = [found for found, _, value in device.last_samples() if "Alarm" in found.service.name and value == "1"]
        return [_alarm_name(found.item, found.service.title) for found in active]

    def samples(self, device: SoDataDevice, key: str, start: datetime, end: datetime) -> list[tuple[datetime, float]]:
        times = [int(at.timestamp() * 1000) for at in (start, end)]
        found = device.samples(device.variables[key], times[0], times[1])
        return [(datetime.fromtimestamp(ms / 1000, UTC), float(str(value))) for ms, value in found]

    def grown(self, device: SoDataDevice, key: str, start: datetime, end: datetime) -> float:
        """By how much a meter grew, from the last sample before the range to the last one in it."""
        first = self.samples(device, key, start - timedelta(hours=1), start)[-1][1]
        return self.samples(device, key, end - timedelta(hours=1), end)[-1][1] - first

    def mean(self, device: SoDataDevice, key: str, start: datetime, end: datetime) -> float:
        values = [value for _, value in self.samples(device, key, start, end)]
        return sum(values) / len(values)

    def hours(self, device: GizwitsDevice, key: str, value: Any, start: datetime, end: datetime) -> float:
        """For how long a device reported a value."""
        minutes = range(int(start.timestamp()), int(end.timestamp()), 60)
        return sum(bool(device.values_at(at)[key] == value) for at in minutes) / 60

    def usage(self, start: datetime, end: datetime, group_by: str | None = None) -> dict[str, float]:
        times = [int(at.timestamp() * 1000) for at in (start, end)]
        return self.simulation.firstlight.usages["content/genre"].count_by_name(times[0], times[1], group_by)


def _alarm_name(item: Item, title: str) -> str:
    if item.type == "Global":
        return title
    plain = title.removeprefix(f"{item.type} ")
    return f"{item.name} {plain[:1].upper()}{plain[1:]}"


@dataclass(frozen=True)
class Near:
    """A number that is right to a share of it: clouds round, and a mean of means is not exactly the mean."""

    number: float
    share: float = 0.01

    def is_met_by(self, found: Any) -> bool:
        return isinstance(found, int | float) and found == pytest.approx(self.number, rel=self.share, abs=0.01)


@dataclass(frozen=True)
class Has:
    """A list that has rows like these, and with `only` no others."""

    rows: tuple[Any, ...]
    only: bool = False


def has(*rows: Any) -> Has:
    return Has(rows)


def only(*rows: Any) -> Has:
    return Has(rows, only=True)


def value(name: str, of: Any, unit: str | None = None) -> dict[str, Any]:
    """An answer with this value of a datapoint."""
    return {"values": has({"name": name, "value": of} | ({"unit": unit} if unit else {}))}


def is_met(expected: Any, found: Any) -> bool:
    """Whether what a tool answered contains what is expected."""
    match expected:
        case Near():
            return expected.is_met_by(found)
        case Has():
            unmet = [row for row in expected.rows if not any(is_met(row, one) for one in found)]
            return not unmet and (not expected.only or len(found) == len(expected.rows))
        case dict():
            return isinstance(found, dict) and all(is_met(part, found.get(key)) for key, part in expected.items())
        case list():
            return len(expected) == len(found) and all(map(is_met, expected, found, strict=True))
    return bool(expected == found)


@dataclass(frozen=True)
class Question:
    """What a person asks, the call that a model makes of it, the answer, and how many requests it may cost."""

    text: str
    tool: str
    arguments: Mapping[str, Any]
    answer: Callable[[Clouds], Mapping[str, Any]]
    budget: int = 0
    is_refused: bool = False


def q(
    text: str, tool: str, answer: Callable[[Clouds], Mapping[str, Any]], budget: int = 0, /, **arguments: Any
) -> Question:
    return Question(text, tool, arguments, answer, budget)


def refused(text: str, tool: str, answer: Callable[[Clouds], Mapping[str, Any]], /, **arguments: Any) -> Question:
    return Question(text, tool, arguments, answer, is_refused=True)


def word(is_on: bool) -> str:
    return "on" if is_on else "off"


CHILLER = "Chiller unit 93db"
SITE_CHILLER = "Chiller unit site"
UPS = "Masterys U2 CDS"
METER = "Countis E50"
SELESTAT = "(FR) Usine de Sélestat"
NO_HEARTBEAT = "The device stopped responding because it lost its network or its power"
HEATERS = ["Electric heater (5dec1c34c125)", "Electric heater (6ebc68bf249f)"]

QUESTIONS = [
    # How is it now?
    q("Is the spa heating?", "get_device", lambda c: value("Heating", word(c.spa.attrs["heat"])), device="Terrace spa"),
    q(
        "How warm is the water in the spa?",
        "get_device",
        lambda c: value("Water temperature", c.spa.attrs["water_temp"]),
        device="terrace spa",
    ),
    q(
        "What is the spa set to?",
        "get_device",
        lambda c: value("Target water temperature", c.spa.attrs["set_temp"]),
        device="Terrace spa",
    ),
    q(
        "Is the spa online and well?",
        "get_device",
        lambda _: {"connection": "online", "alarms": []},
        device="Terrace spa",
    ),
    q(
        "How warm is it in the living room?",
        "get_device",
        lambda c: value("Room temperature", c.ac.attrs["room_temp"], "°C"),
        device="客厅空调",
    ),
    q(
        "Is the air conditioner on?",
        "get_device",
        lambda c: value("Power (switch)", word(c.ac.attrs["switch"])),
        device="客厅空调",
    ),
    q("Which mode is the air conditioner in?", "get_device", lambda _: value("Mode", "Cool"), device="客厅空调"),
    q(
        "How bright is the plant light?",
        "get_device",
        lambda c: value("Brightness", c.lamp.attrs["Brightness"]),
        device="Plant light",
    ),
    q("How fast is the aquarium pump?", "get_device", lambda c: value("Flow", c.pump.attrs["Flow"]), device="鱼缸水泵"),
    q(
        "How high is the load of the UPS?",
        "get_device",
        lambda c: value("Ups output global load rate", c.last(c.ups, LOAD_RATE), "%"),
        device=UPS,
    ),
    q(
        "How full is its battery?",
        "get_device",
        lambda c: value("Battery charge", c.last(c.ups, BATTERY), "%"),
        device="masterys",
    ),
    q(
        "How long would the UPS last without mains?",
        "get_device",
        lambda c: value("Backup time", c.last(c.ups, BACKUP), "min"),
        device=UPS,
    ),
    q(
        "What does the meter in London read?",
        "get_device",
        lambda c: value("Active energy", c.last(c.meter, ENERGY), "kWh"),
        device=METER,
    ),
    q(
        "What current flows in the first load of the meter?",
        "get_device",
        lambda c: value("Load 1 Current", c.last(c.meter, "Load|0|150200"), "A"),
        device=METER,
    ),
    q(
        "Is the second chiller running?",
        "get_device",
        lambda _: {"connection": "offline", "offline": {"since": "2026-11-24T11:00+01:00", "reason": NO_HEARTBEAT}},
        device=CHILLER,
    ),
    refused("How is the electric heater?", "get_device", lambda _: {"did_you_mean": HEATERS}, device="Electric heater"),
    refused(
        "Is the spa on the terrace on?", "get_device", lambda _: {"did_you_mean": ["Terrace spa"]}, device="spa terrace"
    ),
    # Which devices are there?
    q(
        "Which devices are in London?",
        "list_devices",
        lambda _: {"devices": only({"device": METER, "area": "London Docklands", "connection": "online"})},
        area="London Docklands",
    ),
    q(
        "Which chillers do we have?",
        "list_devices",
        lambda _: {"devices": only(*({"device": f"Chiller unit {end}"} for end in ("25cb", "93db", "cf7f", "site")))},
        name="chiller",
    ),
    q(
        "Which devices are not connected?",
        "list_devices",
        lambda _: {"devices": only({"device": CHILLER}, *({"device": name} for name in HEATERS))},
        status="offline",
    ),
    q(
        "Which devices have a problem?",
        "list_devices",
        lambda c: {"devices": only({"device": UPS, "alarms": c.alarms(c.ups)}, {"device": "Plant light WIFI BLE"})},
        status="alarm",
    ),
    refused(
        "What is in the cellar?",
        "list_devices",
        lambda _: {"error": "No exposed device is in Cellar."},
        area="Cellar",
    ),
    # Alarms
    q(
        "Is there any alarm?",
        "list_alarms",
        lambda c: {
            "alarms": only(
                *({"device": UPS, "area": SELESTAT, "alarm": alarm} for alarm in ["Overload", *c.alarms(c.ups)[1:]]),
                {"device": "Plant light WIFI BLE", "alarm": "Fan failure"},
            )
        },
    ),
    q(
        "Is everything all right in Sélestat?",
        "list_alarms",
        lambda c: {
            "alarms": only(*({"device": UPS, "alarm": alarm} for alarm in c.alarms(c.ups))),
            "devices_checked": 2,
        },
        area=SELESTAT,
    ),
    q("Is the filter of the spa due?", "list_alarms", lambda _: {"alarms": []}, device="Terrace spa"),
    q(
        "What is wrong with the plant light?",
        "list_alarms",
        lambda _: {"alarms": only({"alarm": "Fan failure"})},
        device="Plant light",
    ),
    q("Does any device of Nuage & Cie have an alarm?", "list_alarms", lambda _: {"alarms": []}, area="Nuage & Cie"),
    # Offline: why, since when
    q(
        "Which devices are offline, and since when?",
        "list_offline_devices",
        lambda _: {
            "offline": only(
                {"device": CHILLER, "since": "2026-11-24T11:00+01:00", "reason": NO_HEARTBEAT},
                *({"device": name} for name in HEATERS),
            ),
            "online": 14,
            "unknown": 0,
        },
    ),
    q(
        "Is anything offline in London?",
        "list_offline_devices",
        lambda _: {"offline": [], "online": 1},
        area="London Docklands",
    ),
    q(
        "Why is the chiller offline?",
        "get_outages",
        lambda _: {
            "connection": "offline",
            "offline": {"since": "2026-11-24T11:00+01:00", "reason": NO_HEARTBEAT},
            "outages": has({"begin": "2026-11-24T11:00+01:00", "end": None, "reason": NO_HEARTBEAT}),
        },
        4,
        device=CHILLER,
    ),
    q(
        "How often was the spa offline in the last week?",
        "get_outages",
        lambda _: {"count": 1, "hours_offline": Near(1380.25 / 3600), "outages": only({"reason": NO_HEARTBEAT})},
        4,
        device="Terrace spa",
        range="last_7_days",
    ),
    q(
        "Was the air conditioner offline in the last hour?",
        "get_outages",
        lambda _: {"count": 0, "complete": True},
        1,
        device="客厅空调",
        range="last_hour",
    ),
    q(
        "Was the UPS ever offline?",
        "get_outages",
        lambda _: {"connection": "online", "note": "The cloud of this device keeps no log of outages."},
        device=UPS,
    ),
    # The past
    q(
        "How much energy did the London meter count last month?",
        "get_history",
        lambda c: {
            "change": Near(
                c.grown(c.meter, ENERGY, datetime(2026, 10, 1, tzinfo=PARIS), datetime(2026, 11, 1, tzinfo=PARIS))
            ),
            "unit": "kWh",
            "complete": True,
        },
        1,
        device=METER,
        datapoint="Active energy",
        range="last_month",
    ),
    q(
        "And on each day of last week?",
        "get_history",
        lambda c: {
            "periods": [
                {
                    "start": (LAST_WEEK + timedelta(days=day)).isoformat(timespec="minutes"),
                    "change": Near(
                        c.grown(c.meter, ENERGY, LAST_WEEK + timedelta(days=day), LAST_WEEK + timedelta(days=day + 1))
                    ),
                }
                for day in range(7)
            ]
        },
        1,
        device=METER,
        datapoint="Active energy",
        range="last_week",
        per="day",
    ),
    q(
        "How much has it counted today?",
        "get_history",
        lambda c: {"change": Near(c.grown(c.meter, ENERGY, TODAY, dt_util.now()), 0.05), "source": "cloud"},
        1,
        device=METER,
        datapoint="active energy",
        range="today",
    ),
    q(
        "How much energy has the UPS delivered this year?",
        "get_history",
        lambda c: {"change": Near(c.grown(c.ups, UPS_ENERGY, datetime(2026, 1, 1, tzinfo=PARIS), dt_util.now()))},
        1,
        device=UPS,
        datapoint="Ups output energy",
        range="this_year",
    ),
    q(
        "How high was the load of the UPS at most yesterday?",
        "get_history",
        lambda c: {
            "maximum": max(rate for _, rate in c.samples(c.ups, LOAD_RATE, YESTERDAY, TODAY)),
            "minimum": min(rate for _, rate in c.samples(c.ups, LOAD_RATE, YESTERDAY, TODAY)),
        },
        1,
        device=UPS,
        datapoint="Ups output global load rate",
        range="yesterday",
    ),
    q(
        "What was its mean power last week?",
        "get_history",
        lambda c: {"average": Near(c.mean(c.ups, ACTIVE_POWER, LAST_WEEK, THIS_WEEK)), "unit": "kW"},
        3,
        device=UPS,
        datapoint="Active power",
        range="last_week",
    ),
    q(
        "How warm was the board of the gateway last night?",
        "get_history",
        lambda c: {
            "average": Near(
                c.mean(c.gateway, "Global|0|160101", TODAY - timedelta(hours=2), TODAY + timedelta(hours=6))
            )
        },
        1,
        device="Passerelle Selestat",
        datapoint="Board",
        start="2026-11-23T22:00:00",
        end="2026-11-24T06:00:00",
    ),
    q(
        "How long did the pump of the site's chiller run yesterday?",
        "get_history",
        lambda c: {"hours": {"on": Near(c.hours(c.site_chiller, "pump", True, YESTERDAY, TODAY), 0.02)}},
        4,
        device=SITE_CHILLER,
        datapoint="Pump running",
        range="yesterday",
    ),
    q(
        "How warm was its outlet in the last seven days?",
        "get_history",
        lambda _: {"minimum": Near(6.0), "maximum": Near(11.0), "average": Near(8.5), "complete": True},
        12,
        device=SITE_CHILLER,
        datapoint="outlet temperature",
        range="last_7_days",
        per="day",
    ),
    q(
        "How warm was the spa yesterday?",
        "get_history",
        lambda c: {
            "minimum": Near(min(c.spa.values_at(at)["water_temp"] for at in _minutes(YESTERDAY, TODAY))),
            "maximum": Near(max(c.spa.values_at(at)["water_temp"] for at in _minutes(YESTERDAY, TODAY))),
        },
        6,
        device="Terrace spa",
        datapoint="Water temperature",
        range="yesterday",
    ),
    refused(
        "How long did the spa bubble yesterday?",
        "get_history",
        lambda _: {"error": "Neither the cloud nor Home Assistant has kept this of Terrace spa."},
        device="Terrace spa",
        datapoint="Bubbles",
        range="yesterday",
    ),
    refused(
        "What was the temprature of the spa?",
        "get_history",
        lambda _: {"did_you_mean": has("Water temperature", "Target water temperature")},
        device="Terrace spa",
        datapoint="temprature",
    ),
    # Fleets and usage
    q(
        "How many of our chillers are online?",
        "get_fleet_figures",
        lambda _: {
            "accounts": only(
                {
                    "devices": 8,
                    "devices_online": 7,
                    "products": has({"name": "冷水机组", "devices": 4, "devices_online": 3, "users": 3}),
                }
            )
        },
        account="Account of gizwits_enterprise",
    ),
    q(
        "How many devices are at each site?",
        "get_fleet_figures",
        lambda _: {
            "accounts": has(
                {
                    "devices": 3,
                    "devices_with_alarm": 1,
                    "places": has(
                        {"kind": "site", "name": SELESTAT, "devices": 2},
                        {"kind": "customer", "name": "Nuage & Cie", "devices": 1},
                    ),
                }
            )
        },
    ),
    q(
        "How many requests may we still send to SoData this hour?",
        "get_fleet_figures",
        lambda c: {"accounts": only({"requests_left": Near(3600 - sum(c.simulation.sodata.requests.values()), 0.01)})},
        account="Account of sodata",
    ),
    q(
        "What was played most yesterday?",
        "get_usage",
        lambda c: {
            "unit": "plays",
            "total": sum(c.usage(YESTERDAY, TODAY).values()),
            "groups": [
                {"name": name, "value": count}
                for name, count in sorted(c.usage(YESTERDAY, TODAY).items(), key=lambda item: -item[1])
            ],
        },
        2,
        range="yesterday",
    ),
    q(
        "How much of it was played on net last week?",
        "get_usage",
        lambda c: {
            "groups": has({"name": "ON NET", "value": Near(c.usage(LAST_WEEK, THIS_WEEK, "network")["ON NET"])})
        },
        2,
        range="last_week",
        group_by="network",
    ),
]


def _minutes(start: datetime, end: datetime) -> range:
    return range(int(start.timestamp()), int(end.timestamp()), 600)


async def test_fifty_questions_get_the_right_answers_within_their_budgets(
    hass: HomeAssistant, simulation: Simulation, entries: Entries, ask: Ask
) -> None:
    assert len(QUESTIONS) == 50
    clouds = Clouds(simulation, {})
    wrong: list[str] = []
    for question in QUESTIONS:
        answer: Answer = await ask(question.tool, **question.arguments)
        expected = question.answer(clouds)
        if answer.is_error is not question.is_refused or not is_met(expected, answer.data):
            wrong.append(f"{question.text} {answer.data} instead of {expected}")
        if answer.requests > question.budget:
            wrong.append(f"{question.text} took {answer.requests} requests, not {question.budget}")
        if len(str(answer.data)) > 6000:
            wrong.append(f"{question.text} has too long an answer: {len(str(answer.data))} characters")
    assert not wrong, "\n".join(wrong)
