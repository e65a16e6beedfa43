"""Fans: what they show of several datapoints, what they send, and what they refuse."""

from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.fan.const import FanEntityFeature
from homeassistant.exceptions import ServiceValidationError

from .composites import Made, Make, choice, flag, make, number

__all__ = ["make"]

_WAVES = ("经典造浪", "正弦造浪")
_WAVEMAKER = """fan:
    on: on
    percentage: {key: Flow, range: [30, 100]}
    preset: {Mode: {经典造浪: Classic wave, 正弦造浪: sine}}
    oscillating: tide
    direction: {back: {0: forward, 1: reverse}}"""
_ATTRIBUTES = (
    flag("on", value=True),
    number("Flow", 60, (0, 100)),
    choice("Mode", "正弦造浪", *_WAVES),
    flag("tide"),
    number("back", 1, (0, 5)),
)


@pytest.fixture
async def wavemaker(make: Make) -> Made:
    return await make(_WAVEMAKER, *_ATTRIBUTES)


def _shown(made: Made, *names: str) -> tuple[Any, ...]:
    state = made.state("fan")
    return (state.state, *(state.attributes.get(name) for name in names))


async def test_a_wavemaker_shows_its_flow_and_its_wave(wavemaker: Made) -> None:
    names = ("percentage", "preset_mode", "preset_modes", "oscillating", "direction", "percentage_step")
    assert _shown(wavemaker, *names) == ("on", 60, "sine", ["classic_wave", "sine"], False, "reverse", 1)
    await wavemaker.report(on=False)
    assert _shown(wavemaker, "percentage", "preset_mode") == ("off", 0, "sine")
    await wavemaker.report(on=True, Flow=0)
    assert _shown(wavemaker, "percentage") == ("off", 0)


@pytest.mark.parametrize(
    ("service", "data", "sent"),
    [
        ("turn_on", {}, {"on": 1}),
        ("turn_on", {"percentage": 45, "preset_mode": "classic_wave"}, {"on": 1, "Flow": 45, "Mode": "经典造浪"}),
        ("turn_on", {"percentage": 0}, {"on": 0}),
        ("turn_off", {}, {"on": 0}),
        ("toggle", {}, {"on": 0}),
        ("set_percentage", {"percentage": 30}, {"on": 1, "Flow": 30}),
        ("set_percentage", {"percentage": 0}, {"on": 0}),
        ("increase_speed", {"percentage_step": 20}, {"on": 1, "Flow": 80}),
        ("set_preset_mode", {"preset_mode": "classic_wave"}, {"Mode": "经典造浪"}),
        ("oscillate", {"oscillating": True}, {"tide": 1}),
        ("set_direction", {"direction": "forward"}, {"back": 0}),
    ],
)
async def test_a_wavemaker_is_set(wavemaker: Made, service: str, data: dict[str, Any], sent: dict[str, Any]) -> None:
    assert await wavemaker.call(f"fan.{service}", **data) == sent


@pytest.mark.parametrize(
    ("service", "data", "reason"),
    [
        ("set_percentage", {"percentage": 29}, "Enter a number from 30 to 100 in steps of 1 for Flow of Spa"),
        ("set_preset_mode", {"preset_mode": "storm"}, "storm"),
        ("set_direction", {"direction": "up"}, "does not accept this value for back"),
    ],
)
async def test_what_a_wavemaker_cannot_do_is_refused_before_it_is_sent(
    wavemaker: Made, service: str, data: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ServiceValidationError, match=reason):
        await wavemaker.call(f"fan.{service}", **data)
    assert not wavemaker.device.received


async def test_a_pump_that_stands_still_at_zero_is_turned_on_again_at_its_speed(make: Make) -> None:
    pump = await make("fan: {percentage: {key: speed, range: [30, 100]}}", number("speed", 70, (0, 100)))
    assert _shown(pump, "percentage") == ("on", 70)
    assert await pump.call("fan.turn_off") == {"speed": 0}
    assert _shown(pump, "percentage") == ("off", 0)
    assert await pump.call("fan.turn_on") == {"speed": 70}


async def test_a_pump_that_was_turned_off_elsewhere_starts_slowly(make: Make) -> None:
    pump = await make(
        "fan: {on: on, percentage: {key: speed, range: [30, 100]}}", flag("on"), number("speed", 0, (0, 100))
    )
    assert _shown(pump, "percentage") == ("off", 0)
    assert await pump.call("fan.turn_on") == {"on": 1, "speed": 30}


@pytest.mark.parametrize(("percentage", "level"), [(1, 1), (20, 1), (21, 2), (99, 5), (100, 5)])
async def test_the_levels_of_a_fan_are_shares_of_the_highest(make: Make, percentage: int, level: int) -> None:
    fan = await make("fan: {percentage: level}", number("level", 2, (0, 5)))
    assert _shown(fan, "percentage", "percentage_step") == ("on", 40, 20)
    assert await fan.call("fan.set_percentage", percentage=percentage) == {"level": level}
    assert _shown(fan, "percentage") == ("on", 20 * level)


async def test_a_fan_may_be_off_by_one_of_its_presets(make: Make, freezer: FrozenDateTimeFactory) -> None:
    fan = await make('fan: {preset: {level: {0: "off", 1: low, 2: high}}}', number("level", 0, (0, 2)))
    assert _shown(fan, "preset_mode", "preset_modes") == ("off", None, ["low", "high"])
    assert await fan.call("fan.turn_on") == {"level": 1}
    assert await fan.call("fan.turn_off") == {"level": 0}
    freezer.tick(60)
    await fan.report(level=2)
    assert _shown(fan, "preset_mode") == ("on", "high")


async def test_what_a_fan_does_not_report_is_unknown(make: Make) -> None:
    fan = await make(_WAVEMAKER, *_ATTRIBUTES, silent=["on", "Flow", "Mode", "tide", "back"])
    names = ("percentage", "preset_mode", "oscillating", "direction")
    assert _shown(fan, *names) == ("unknown", None, None, None, None)
    await fan.report(on=True)
    assert _shown(fan, "percentage") == ("on", None)


async def test_a_fan_offers_only_what_can_be_set(make: Make) -> None:
    fan = await make(_WAVEMAKER, number("Flow", 60, (0, 100)), flag("on", kind="status_readonly"))
    features = FanEntityFeature.SET_SPEED | FanEntityFeature.TURN_ON | FanEntityFeature.TURN_OFF
    assert fan.state("fan").attributes["supported_features"] == features
    assert await fan.call("fan.turn_off") == {"Flow": 0}
