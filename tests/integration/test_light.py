"""Lights: what they show of several datapoints, how channels are dimmed together, and what is sent."""

from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.exceptions import ServiceValidationError
from hypothesis import given
from hypothesis import strategies as st

from custom_components.datapoint_cloud.light_mix import levels_of, mix_of

from .composites import Made, Make, choice, flag, make, measured, number

__all__ = ["make"]

_LAMP = """light:
    on: on
    brightness: {key: level, range: [10, 100]}
    color_temp: kelvin
    effect: {mode: {0: "off", 1: Sun rise, 2: moon}}"""
_LAMP_ATTRIBUTES = (
    flag("on", value=True),
    number("level", 50, (0, 100)),
    number("kelvin", 50, (50, 200), ratio=100),
    choice("mode", "0", "0", "1", "2"),
)
_AQUARIUM = "light: {on: on, levels: [white, blue, uv]}"
_AQUARIUM_ATTRIBUTES = (
    flag("on", value=True),
    number("white", 80, (0, 100)),
    number("blue", 125, (0, 125)),
    number("uv", 0, (0, 167)),
)
_COLORED = "light: {red: r, green: g, blue: b, white: w}"
_COLORED_ATTRIBUTES = tuple(number(name, value) for name, value in (("r", 255), ("g", 128), ("b", 0), ("w", 0)))


@pytest.fixture
async def lamp(make: Make) -> Made:
    return await make(_LAMP, *_LAMP_ATTRIBUTES)


@pytest.fixture
async def aquarium(make: Make) -> Made:
    return await make(_AQUARIUM, *_AQUARIUM_ATTRIBUTES)


@pytest.fixture
async def colored(make: Make) -> Made:
    return await make(_COLORED, *_COLORED_ATTRIBUTES)


def _shown(made: Made, *names: str) -> tuple[Any, ...]:
    state = made.state("light")
    return (state.state, *(state.attributes.get(name) for name in names))


# A lamp


async def test_a_lamp_shows_its_brightness_its_color_and_its_effect(lamp: Made) -> None:
    names = ("brightness", "color_mode", "color_temp_kelvin", "min_color_temp_kelvin", "max_color_temp_kelvin")
    assert _shown(lamp, *names) == ("on", 128, "color_temp", 5000, 5000, 20000)
    assert _shown(lamp, "effect", "effect_list") == ("on", "off", ["off", "sun_rise", "moon"])
    await lamp.report(on=False)
    assert _shown(lamp, "brightness", "effect") == ("off", None, None)


@pytest.mark.parametrize(
    ("service", "data", "sent"),
    [
        ("turn_on", {}, {"on": 1}),
        ("turn_on", {"brightness_pct": 40}, {"on": 1, "level": 40}),
        ("turn_on", {"brightness": 1}, {"on": 1, "level": 10}),
        ("turn_on", {"brightness": 255}, {"on": 1, "level": 100}),
        ("turn_on", {"brightness": 0}, {"on": 0}),
        ("turn_on", {"color_temp_kelvin": 10_000, "brightness_pct": 60}, {"on": 1, "level": 60, "kelvin": 10_000}),
        ("turn_on", {"effect": "sun_rise"}, {"on": 1, "mode": "1"}),
        ("turn_off", {}, {"on": 0}),
        ("toggle", {}, {"on": 0}),
    ],
)
async def test_a_lamp_is_set(lamp: Made, service: str, data: dict[str, Any], sent: dict[str, Any]) -> None:
    assert await lamp.call(f"light.{service}", **data) == sent


async def test_what_is_adjusted_by_hand_ends_an_effect(lamp: Made) -> None:
    await lamp.report(mode="2")
    assert await lamp.call("light.turn_on") == {"on": 1}
    assert await lamp.call("light.turn_on", brightness_pct=40) == {"on": 1, "level": 40, "mode": "0"}
    assert _shown(lamp, "effect") == ("on", "off")


@pytest.mark.parametrize("data", [{"effect": "disco"}, {"color_temp_kelvin": 4_000}])
async def test_what_a_lamp_cannot_do_is_refused_before_it_is_sent(lamp: Made, data: dict[str, Any]) -> None:
    with pytest.raises(ServiceValidationError):
        await lamp.call("light.turn_on", **data)
    assert not lamp.device.received


async def test_a_lamp_that_can_only_be_switched_has_no_brightness(make: Make) -> None:
    lamp = await make("light: {on: on, brightness: none}", flag("on"))
    assert _shown(lamp, "supported_color_modes") == ("off", ["onoff"])
    assert await lamp.call("light.turn_on") == {"on": 1}
    assert _shown(lamp, "color_mode") == ("on", "onoff")


async def test_a_lamp_without_a_switch_is_off_while_it_is_dark(make: Make) -> None:
    lamp = await make("light: {brightness: level}", number("level", 40, (0, 100)))
    assert _shown(lamp, "brightness") == ("on", 102)
    assert await lamp.call("light.turn_off") == {"level": 0}
    assert _shown(lamp) == ("off",)
    assert await lamp.call("light.turn_on") == {"level": 40}


async def test_what_a_light_does_not_report_is_unknown(make: Make) -> None:
    lamp = await make(_LAMP, *_LAMP_ATTRIBUTES, silent=["on", "level", "kelvin", "mode"])
    assert _shown(lamp, "brightness", "effect") == ("unknown", None, None)
    await lamp.report(on=True)
    assert _shown(lamp, "brightness", "color_temp_kelvin", "effect") == ("on", None, None, None)


# Channels


async def test_the_strongest_channel_is_the_brightness(aquarium: Made) -> None:
    assert _shown(aquarium, "brightness", "color_mode") == ("on", 255, "brightness")
    await aquarium.report(blue=50)
    assert _shown(aquarium, "brightness") == ("on", 204)


async def test_channels_are_dimmed_together_and_keep_their_mix(aquarium: Made) -> None:
    assert await aquarium.call("light.turn_on", brightness_pct=40) == {"on": 1, "white": 32, "blue": 50, "uv": 0}
    assert await aquarium.call("light.turn_on", brightness=1) == {"on": 1, "white": 0, "blue": 1, "uv": 0}
    await aquarium.report()
    assert await aquarium.call("light.turn_on", brightness=255) == {"on": 1, "white": 80, "blue": 125, "uv": 0}


async def test_a_mix_that_was_changed_elsewhere_is_the_new_one(aquarium: Made, freezer: FrozenDateTimeFactory) -> None:
    await aquarium.call("light.turn_on", brightness_pct=50)
    freezer.tick(60)
    await aquarium.report(white=50, blue=0, uv=0)
    assert await aquarium.call("light.turn_on", brightness_pct=100) == {"on": 1, "white": 100, "blue": 0, "uv": 0}


async def test_dark_channels_become_equally_bright(aquarium: Made) -> None:
    await aquarium.report(white=0, blue=0)
    assert await aquarium.call("light.turn_on", brightness_pct=20) == {"on": 1, "white": 20, "blue": 25, "uv": 33}


async def test_a_channel_that_is_unknown_is_left_alone(make: Make) -> None:
    aquarium = await make(_AQUARIUM, *_AQUARIUM_ATTRIBUTES, silent=["blue"])
    assert _shown(aquarium, "brightness") == ("on", 204)
    assert await aquarium.call("light.turn_on", brightness_pct=50) == {"on": 1, "white": 50, "uv": 0}


_STEPS = st.lists(st.sampled_from([1 / 255, 1 / 100, 1 / 20, 1 / 5]), min_size=1, max_size=6)


@given(st.data())
def test_a_mix_survives_any_dimming(data: st.DataObject) -> None:
    steps = data.draw(_STEPS)
    shares = [data.draw(st.integers(0, round(1 / step))) * step for step in steps]
    mix = mix_of(shares, steps)
    for brightness in data.draw(st.lists(st.floats(0, 1), max_size=5)):
        dimmed = levels_of(mix, brightness, steps)
        assert all(0 <= level <= 1 for level in dimmed)
        assert (max(dimmed) > 0) == (brightness > 0)
        assert mix_of(dimmed, steps, mix) == mix
    assert max(mix) == 1


# Colors


async def test_three_channels_are_a_color(colored: Made) -> None:
    assert _shown(colored, "brightness", "rgbw_color", "color_mode") == ("on", 255, (255, 128, 0, 0), "rgbw")
    await colored.report(r=128, g=64)
    assert _shown(colored, "brightness", "rgbw_color") == ("on", 128, (255, 128, 0, 0))


@pytest.mark.parametrize(
    ("data", "sent"),
    [
        ({"rgbw_color": (0, 255, 0, 51)}, {"r": 0, "g": 255, "b": 0, "w": 51}),
        ({"rgbw_color": (0, 0, 255, 0), "brightness": 51}, {"r": 0, "g": 0, "b": 51, "w": 0}),
        ({"brightness": 51}, {"r": 51, "g": 26, "b": 0, "w": 0}),
        ({"color_name": "red"}, {"r": 255, "g": 0, "b": 0, "w": 0}),
    ],
)
async def test_a_color_is_set(colored: Made, data: dict[str, Any], sent: dict[str, Any]) -> None:
    assert await colored.call("light.turn_on", **data) == sent


async def test_a_color_keeps_the_brightness(colored: Made) -> None:
    await colored.report(r=51, g=0)
    assert await colored.call("light.turn_on", rgbw_color=(0, 0, 255, 0)) == {"r": 0, "g": 0, "b": 51, "w": 0}


async def test_a_lamp_with_a_brightness_of_its_own_keeps_its_channels(make: Make) -> None:
    entity = "light: {brightness: level, red: r, green: g, blue: b}"
    lamp = await make(entity, number("level", 50, (0, 100)), *_COLORED_ATTRIBUTES)
    assert _shown(lamp, "brightness", "rgb_color") == ("on", 128, (255, 128, 0))
    assert await lamp.call("light.turn_on", brightness_pct=20) == {"level": 20}
    assert await lamp.call("light.turn_on", rgb_color=(0, 10, 20)) == {"r": 0, "g": 10, "b": 20}


async def test_a_lamp_is_colored_or_white(make: Make) -> None:
    entity = "light: {red: r, green: g, blue: b, color_temp: kelvin}"
    lamp = await make(entity, *_COLORED_ATTRIBUTES[:3], number("kelvin", 50, (50, 200), ratio=100))
    assert _shown(lamp, "color_mode", "supported_color_modes") == ("on", "rgb", ["color_temp", "rgb"])


async def test_what_cannot_be_set_is_no_light(make: Make) -> None:
    made = await make("light: {brightness: level}", measured("level", 40))
    assert not made.hass.states.async_entity_ids("light")
