"""Every layout that real definitions and our profiles state: its slots, its unknown bytes, and exact round trips."""

import json
import random
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from custom_components.datapoint_cloud.clouds.gizwits.schema import Definition, parse
from custom_components.datapoint_cloud.clouds.model import DataType
from custom_components.datapoint_cloud.fleet.description import describe
from custom_components.datapoint_cloud.fleet.naming import Naming
from custom_components.datapoint_cloud.profiles import Product, Profiles, our_profiles
from custom_components.datapoint_cloud.schedules.resolve import schedules_of
from custom_components.datapoint_cloud.schedules.schedule import Place, Schedule
from custom_components.datapoint_cloud.vocabulary import is_chinese

_PERIODS = {"AutoTime": (48, 0)}
_HEADS = {f"CH{head}SWTime": (24, 1) for head in range(1, 9)}
_FOUR_HEADS = {key: _HEADS[key] for key in [*_HEADS][:4]}
_ONE_HEAD = {key: _HEADS[key] for key in [*_HEADS][:1]}
_LIGHT = {"Clock": (24, 0)}
_FEEDER = {"Timer": (12, 1)}
_EXPECTED: dict[str, dict[str, tuple[int, int]]] = {
    "ble-aquarium-pump-ef4649": _PERIODS,
    "ble-feeder-1d1720": _FEEDER,
    "ble-multi-head-dosing-pump-a97b4d": _HEADS,
    "ble-plant-light-684082": _LIGHT,
    "ble-single-dosing-pump-1b8340": _FOUR_HEADS,
    "ble-wavemaker-0bc006": _PERIODS,
    "dc-runner-pump-00276a": _PERIODS,
    "dd-marine-light-877bbc": {"Timer": (12, 0), "Easy_Setup": (1, 0)},
    "dosing-pump-4-head-wifi-ble-1aa33c": _HEADS,
    "feeder-0cdca0": _FEEDER,
    "heatzy-pilote2": {"p_data": (336, 0)},
    "led-light-local-timer-ap-83139e": _LIGHT,
    "led-light-local-timer-cf4aae": _LIGHT,
    "marine-light-2-pro-490eda": {
        "AutoTime1": (24, 2),
        "AutoTime2": (24, 2),
        "AutoTime3": (24, 2),
        "WthrAutoTime1": (24, 0),
        "WthrAutoTime2": (24, 0),
        "WthrAutoTime3": (24, 0),
    },
    "plant-light-pro-0375bc": {
        "Cloud_mode_timer": (6, 0),
        "AutoTime1": (5, 0),
        "AutoTime2": (5, 0),
        "AutoTime3": (5, 0),
        "Time_set": (5, 0),
    },
    "plant-light-wifi-ble-cb5ef5": _LIGHT,
    "single-dosing-pump-ap-031f87": _ONE_HEAD,
    "single-dosing-pump-no-ap-778ea2": _ONE_HEAD,
    "timer-switch-db6a58": {f"CH{channel}Timer": (12, 0) for channel in range(1, 5)},
    "vaillant-vsmartpro-ea61c5": {"Start_Time_DHW": (21, 0), "Start_Time_CH": (21, 0)},
    "wavemaker-ap-1d8c63": _PERIODS,
    "wavemaker-no-ap-f0d844": _PERIODS,
}
"""The slots of each schedule, and how many bytes of a slot (at most) nobody explains."""
_NO_SCHEDULE = {"ssid", "Fault_List", "Maintenance", "set_brightness_time", "get_scheduled_brightness"}
_HALF_HOURS = re.compile(r"p\d_data\d+")
_PROFILES = Profiles(ours=our_profiles())


def _definition(path: Path) -> Definition:
    definition = parse(json.loads(path.read_text(encoding="utf-8")))
    assert definition is not None
    return definition


def _definitions(payloads: Path) -> Iterator[tuple[str, Definition]]:
    for path in sorted((payloads / "products").glob("*.json")):
        yield path.stem, _definition(path)


def _schedules(definition: Definition, language: str = "en") -> dict[str, Schedule]:
    naming = Naming.load(language)
    profile = _PROFILES.of(Product("", definition.by_key))
    descriptions = describe(definition.schema.datapoints, {}, profile, naming)
    return {schedule.key: schedule for schedule in schedules_of(descriptions, profile.records, naming)}


def _sizes(schedule: Schedule) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for place in schedule.places:
        sizes[place.key] = max(sizes.get(place.key, 0), place.at + place.layout.size)
    return sizes


def test_all_schedules_are_found_and_all_their_bytes_but_these_are_explained(real_payloads: Path) -> None:
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for name, definition in _definitions(real_payloads):
        for key, schedule in _schedules(definition).items():
            unknown = max(len(place.layout.unknown) for place in schedule.places)
            found.setdefault(name, {})[key] = len(schedule.places), unknown
    assert found == _EXPECTED


def test_every_binary_datapoint_is_a_part_of_a_schedule_or_of_a_clock_or_known_to_be_neither(
    real_payloads: Path,
) -> None:
    for name, definition in _definitions(real_payloads):
        explained = {key for schedule in _schedules(definition).values() for key in schedule.keys}
        for datapoint in definition.schema.datapoints:
            is_other = datapoint.key in _NO_SCHEDULE or datapoint.key.startswith(("Boiler_info", "reserved_data"))
            if datapoint.data_type is DataType.BINARY and not is_other:
                is_clock = datapoint.record is not None and datapoint.record.is_clock
                assert is_clock or datapoint.key in explained, (name, datapoint.key)


def test_any_bytes_survive_being_read_and_written(real_payloads: Path) -> None:
    chance = random.Random(1)
    for name, definition in _definitions(real_payloads):
        for schedule in _schedules(definition).values():
            for limit in (3, 24, 256):
                values = {key: bytes(chance.randrange(limit) for _ in range(n)) for key, n in _sizes(schedule).items()}
                assert schedule.write(schedule.read(values), values) == {}, (name, schedule.key)


@pytest.mark.parametrize("language", ["en", "fr", "de"])
def test_names_of_schedules_and_fields_are_in_the_users_language(real_payloads: Path, language: str) -> None:
    for name, definition in _definitions(real_payloads):
        for schedule in _schedules(definition, language).values():
            fields = [found for meanings in schedule.places[0].layout.meanings.values() for found in meanings]
            words = [schedule.name, *(word for found in fields for word in (found.says.name, found.says.key))]
            assert not any(map(is_chinese, words)), (name, words)
            assert not any("option_" in str(getattr(found.says, "options", "")) for found in fields), name


# Captured values


def _captured_weeks(payloads: Path) -> Iterator[dict[str, bytes]]:
    """The weekly programs of real heaters; each is a program of its own."""
    for path in sorted(payloads.glob("devdata/heatzy-*.json")) + sorted(payloads.glob("websocket/*heatzy*.json")):
        answer: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        values = answer.get("attr") or answer["data"]["attrs"]
        week = {
            key: bytes([value])
            for key, value in values.items()
            if "_data" in key and key.startswith("p") and key[1].isdigit()
        }
        if week:
            yield week


def _heater(payloads: Path) -> Schedule:
    return _schedules(_definition(payloads / "products" / "heatzy-pilote2.json"))["p_data"]


def test_captured_programs_survive_being_read_and_written(real_payloads: Path) -> None:
    schedule = _heater(real_payloads)
    weeks = list(_captured_weeks(real_payloads))
    assert len(weeks) >= 6
    for week in weeks:
        slots = schedule.read(week)
        assert {slot["mode"] for slot in slots} <= {"comfort", "eco", "frost_protection"}
        assert schedule.write(slots, week) == {}


def test_the_order_of_half_hours_is_the_one_in_which_real_programs_change_least(real_payloads: Path) -> None:
    def changes(week: Mapping[str, bytes], places: tuple[Place, ...]) -> int:
        return sum(one.get(week) != other.get(week) for one, other in pairwise(places))

    schedule = _heater(real_payloads)
    reverse = tuple(place for at in range(0, 336, 4) for place in schedule.places[at : at + 4][::-1])
    for week in _captured_weeks(real_payloads):
        assert changes(week, schedule.places) <= changes(week, reverse)
    lowest, highest = (
        sum(changes(week, places) for week in _captured_weeks(real_payloads)) for places in (schedule.places, reverse)
    )
    assert lowest < 0.7 * highest
