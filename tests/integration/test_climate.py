"""Thermostats: what they show of several datapoints, what they send, and what they refuse."""

from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.climate.const import ClimateEntityFeature
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util.unit_system import US_CUSTOMARY_SYSTEM

from .composites import Made, Make, choice, flag, make, measured, number
from .passing_time import ChangeTimings

__all__ = ["make"]

_SPA = """climate:
    current: Tnow
    target: Tset
    unit: {Tunit: {0: °F, 1: °C}}
    limits: {°C: [20, 40], °F: [68, 104]}
    mode: {heat: {0: "off", 3: heat, "*": heat}}
    action: {heat: {4: idle, "*": heating}}"""
_SPA_ATTRIBUTES = (
    number("Tset", 37, (0, 104)),
    measured("Tnow", 36),
    flag("Tunit", value=True),
    number("heat", 5, (0, 6)),
)
_AIR_CONDITIONER = """climate:
    on: switch
    mode: {mode: {制冷: cool, 制热: heat, 送风: fan_only}}
    current: room
    target: set
    fan: {speed: {低风: low, 高风: high}}
    swing: {swing: {0: "off", 1: vertical}}
    humidity: wet"""
_AIR_CONDITIONER_ATTRIBUTES = (
    flag("switch"),
    choice("mode", "制冷", "制冷", "制热", "送风"),
    choice("speed", "低风", "低风", "高风"),
    number("swing", 0, (0, 5)),
    number("set", 24, (0, 14), addition=16),
    measured("room", 25.5, (0, 198), ratio=0.5, addition=-50),
    measured("wet", 55),
)
_HEATER = """climate:
    current: {join: [curH, curL], scale: 0.1}
    high: {join: [cftH, cftL], scale: 0.1}
    low: {join: [ecoH, ecoL], scale: 0.1}
    unit: °C
    limits: [5, 30]
    mode: {on_off: {0: "off", 1: heat}}
    preset: [{derog: {0: ~, 1: away, 2: boost}}, {mode: {cft: comfort, eco: eco, fro: Frost protection}}]
    in_force: {comfort: high, eco: low}"""
_HEATER_ATTRIBUTES = (
    flag("on_off", value=True),
    number("derog", 0, (0, 3)),
    choice("mode", "eco", "cft", "eco", "fro"),
    *(number(name, value) for name, value in (("cftH", 0), ("cftL", 210), ("ecoH", 0), ("ecoL", 170))),
    *(measured(name, value) for name, value in (("curH", 1), ("curL", 9))),
)


@pytest.fixture(autouse=True)
def _no_early_readings(change_timings: ChangeTimings) -> None:
    change_timings(confirmation_reads=(3600.0,))


@pytest.fixture
async def spa(make: Make) -> Made:
    return await make(_SPA, *_SPA_ATTRIBUTES)


@pytest.fixture
async def air_conditioner(make: Make) -> Made:
    return await make(_AIR_CONDITIONER, *_AIR_CONDITIONER_ATTRIBUTES, datapoints="{set: {unit: °C}}")


@pytest.fixture
async def heater(make: Make) -> Made:
    return await make(_HEATER, *_HEATER_ATTRIBUTES)


def _shown(made: Made, *names: str) -> tuple[Any, ...]:
    state = made.state("climate")
    return (state.state, *(state.attributes.get(name) for name in names))


# Reading


async def test_a_spa_shows_its_temperatures_its_limits_and_what_it_does(spa: Made) -> None:
    names = ("current_temperature", "temperature", "min_temp", "max_temp", "target_temp_step", "hvac_action")
    assert _shown(spa, *names) == ("heat", 36, 37, 20, 40, 1, "heating")
    await spa.report(heat=4, Tnow=37)
    assert _shown(spa, *names) == ("heat", 37, 37, 20, 40, 1, "idle")
    await spa.report(heat=0)
    assert _shown(spa, "hvac_action") == ("off", "off")


async def test_the_unit_follows_the_datapoint_that_tells_it(hass: HomeAssistant, spa: Made) -> None:
    await spa.report(Tunit=False, Tnow=99, Tset=104)
    names = ("current_temperature", "temperature", "min_temp", "max_temp")
    assert _shown(spa, *names) == ("heat", 37.2, 40, 20, 40)
    hass.config.units = US_CUSTOMARY_SYSTEM
    await spa.report(Tset=100)
    assert _shown(spa, *names) == ("heat", 99, 100, 68, 104)


async def test_temperatures_are_unknown_as_long_as_their_unit_is(make: Make) -> None:
    spa = await make(_SPA.replace("{0: °F, 1: °C}", "{0: °F}"), *_SPA_ATTRIBUTES)
    assert _shown(spa, "current_temperature", "temperature") == ("heat", None, None)
    await spa.report(Tunit=False, Tnow=99)
    assert _shown(spa, "current_temperature") == ("heat", 37.2)


async def test_bytes_are_joined_to_temperatures(heater: Made) -> None:
    await heater.report(mode="fro")
    names = ("current_temperature", "target_temp_high", "target_temp_low", "min_temp", "max_temp", "target_temp_step")
    assert _shown(heater, *names) == ("heat", 26.5, 21, 17, 5, 30, 0.1)


async def test_the_first_source_with_a_meaning_is_the_preset(heater: Made) -> None:
    assert _shown(heater, "preset_mode", "preset_modes") == (
        "heat",
        "eco",
        ["away", "boost", "comfort", "eco", "frost_protection"],
    )
    await heater.report(derog=2)
    assert _shown(heater, "preset_mode") == ("heat", "boost")
    await heater.report(derog=0, mode="fro")
    assert _shown(heater, "preset_mode") == ("heat", "frost_protection")


async def test_of_two_targets_the_one_of_the_preset_is_shown_and_set(heater: Made) -> None:
    names = ("temperature", "target_temp_high", "target_temp_low")
    assert _shown(heater, *names) == ("heat", 17, None, None)  # with the other one, people would take it for a range
    assert await heater.call("climate.set_temperature", temperature=19) == {"ecoH": 0, "ecoL": 190}
    await heater.report(mode="cft")
    assert _shown(heater, "temperature") == ("heat", 21)
    assert await heater.call("climate.set_temperature", temperature=26) == {"cftH": 1, "cftL": 4}
    await heater.report(mode="fro")
    assert _shown(heater, *names) == ("heat", None, 26, 19)
    with pytest.raises(ServiceValidationError):
        await heater.call("climate.set_temperature", temperature=19)


async def test_of_two_targets_the_one_of_the_mode_is_shown_and_set_within_its_own_limits(make: Make) -> None:
    pump = await make(
        """climate:
    on: power
    mode: {mode: {制热: heat, 制冷: cool, 自动: auto}}
    high: cooling
    low: heating
    in_force: {heat: low, cool: high}""",
        flag("power", value=True),
        choice("mode", "制热", "制热", "制冷", "自动"),
        number("heating", 30, (15, 40)),
        number("cooling", 12, (8, 28)),
        datapoints="{heating: {unit: °C}, cooling: {unit: °C}}",
    )
    names = ("temperature", "target_temp_high", "target_temp_low", "min_temp", "max_temp")
    assert _shown(pump, *names) == ("heat", 30, None, None, 15, 40)
    assert await pump.call("climate.set_temperature", temperature=38) == {"heating": 38}
    assert await pump.call("climate.set_temperature", temperature=20, hvac_mode="cool") == {
        "power": True,
        "mode": "制冷",
        "cooling": 20,
    }
    assert _shown(pump, *names) == ("cool", 20, None, None, 8, 28)
    with pytest.raises(ServiceValidationError):  # both count in that mode
        await pump.call("climate.set_temperature", temperature=20, hvac_mode="auto")
    assert await pump.call("climate.turn_off") == {"power": False}
    assert _shown(pump, *names) == ("off", 20, None, None, 8, 28)
    assert await pump.call("climate.set_hvac_mode", hvac_mode="auto") == {"power": True, "mode": "自动"}
    assert _shown(pump, *names) == ("auto", None, 20, 38, 15, 28)


async def test_an_air_conditioner_keeps_its_mode_while_it_is_off(air_conditioner: Made) -> None:
    names = ("hvac_modes", "fan_mode", "swing_mode", "current_humidity", "min_temp", "max_temp")
    modes = ["off", "heat", "cool", "fan_only"]
    assert _shown(air_conditioner, *names) == ("off", modes, "low", "off", 55, 16, 30)
    await air_conditioner.report(switch=True)
    assert _shown(air_conditioner) == ("cool",)


async def test_what_a_device_does_not_report_is_unknown(make: Make) -> None:
    made = await make(_HEATER, *_HEATER_ATTRIBUTES, silent=["on_off", "mode", "curL", "ecoH"])
    names = ("current_temperature", "target_temp_high", "target_temp_low", "preset_mode")
    assert _shown(made, *names) == ("unknown", None, 21, None, None)
    await made.report(on_off=False, mode="cft", curL=10)
    assert _shown(made, *names) == ("off", 26.6, None, None, "comfort")


async def test_a_role_whose_datapoint_the_product_lacks_is_left_out(make: Make) -> None:
    made = await make(_HEATER, *(one for one in _HEATER_ATTRIBUTES if one.name not in {"derog", "ecoL", "curH"}))
    assert _shown(made, "current_temperature", "preset_modes") == ("heat", None, ["comfort", "eco", "frost_protection"])
    assert not made.state("climate").attributes["supported_features"] & ClimateEntityFeature.TARGET_TEMPERATURE_RANGE


async def test_values_that_mean_no_value_are_unknown(make: Make) -> None:
    made = await make(
        "climate: {target: t, current: c}", number("t", 20), measured("c", 255), datapoints="{c: {absent: 255}}"
    )
    assert _shown(made, "current_temperature", "temperature", "hvac_modes") == ("heat", None, 20, ["heat"])


async def test_the_device_itself_may_narrow_the_limits(make: Make) -> None:
    attributes = (number("t", 20, (5, 90)), measured("low", 35), measured("high", 65))
    made = await make("climate: {target: t, minimum: low, maximum: high}", *attributes, datapoints="{t: {unit: °C}}")
    assert _shown(made, "min_temp", "max_temp") == ("heat", 35, 65)
    await made.report(low=70)  # nonsense
    assert _shown(made, "min_temp", "max_temp") == ("heat", 5, 90)


# Writing


@pytest.mark.parametrize(
    ("service", "data", "sent"),
    [
        ("set_temperature", {"temperature": 38}, {"Tset": 38}),
        ("set_temperature", {"temperature": 38, "hvac_mode": "heat"}, {"Tset": 38, "heat": 3}),
        ("set_hvac_mode", {"hvac_mode": "off"}, {"heat": 0}),
        ("turn_on", {}, {"heat": 3}),
        ("turn_off", {}, {"heat": 0}),
        ("toggle", {}, {"heat": 0}),
    ],
)
async def test_a_spa_is_set(spa: Made, service: str, data: dict[str, Any], sent: dict[str, Any]) -> None:
    assert await spa.call(f"climate.{service}", **data) == sent


async def test_a_temperature_is_sent_in_the_unit_of_the_device(hass: HomeAssistant, spa: Made) -> None:
    await spa.report(Tunit=False)
    assert await spa.call("climate.set_temperature", temperature=38) == {"Tset": 100}


@pytest.mark.parametrize(
    ("service", "data", "sent"),
    [
        ("set_hvac_mode", {"hvac_mode": "heat"}, {"switch": 1, "mode": "制热"}),
        ("set_hvac_mode", {"hvac_mode": "off"}, {"switch": 0}),
        ("turn_on", {}, {"switch": 1}),
        ("turn_off", {}, {"switch": 0}),
        ("set_temperature", {"temperature": 22, "hvac_mode": "cool"}, {"switch": 1, "mode": "制冷", "set": 22}),
        ("set_fan_mode", {"fan_mode": "high"}, {"speed": "高风"}),
        ("set_swing_mode", {"swing_mode": "vertical"}, {"swing": 1}),
    ],
)
async def test_an_air_conditioner_is_set(
    air_conditioner: Made, service: str, data: dict[str, Any], sent: dict[str, Any]
) -> None:
    assert await air_conditioner.call(f"climate.{service}", **data) == sent


@pytest.mark.parametrize(
    ("service", "data", "sent"),
    [
        ("set_preset_mode", {"preset_mode": "boost"}, {"derog": 2}),
        ("set_preset_mode", {"preset_mode": "frost_protection"}, {"derog": 0, "mode": "fro"}),
        (
            "set_temperature",
            {"target_temp_high": 27.3, "target_temp_low": 18},
            {"cftH": 1, "cftL": 17, "ecoH": 0, "ecoL": 180},
        ),
    ],
)
async def test_a_heater_is_set(heater: Made, service: str, data: dict[str, Any], sent: dict[str, Any]) -> None:
    assert await heater.call(f"climate.{service}", **data) == sent


async def test_what_was_set_is_shown_at_once_and_then_confirmed(spa: Made) -> None:
    await spa.call("climate.set_temperature", temperature=30, hvac_mode="off")
    assert _shown(spa, "temperature") == ("off", 30)
    await spa.report()
    assert _shown(spa, "temperature") == ("off", 30)
    assert not spa.entry.runtime_data.coordinator.fleet[spa.device.did].pending


async def test_a_thermostat_shows_again_what_the_device_keeps(spa: Made, freezer: FrozenDateTimeFactory) -> None:
    spa.device.change({"obedience": {"is_lost": True}})
    await spa.call("climate.set_temperature", temperature=30)
    assert _shown(spa, "temperature") == ("heat", 30)
    for _ in range(2):
        freezer.tick(20)
        await spa.report()
    assert _shown(spa, "temperature") == ("heat", 37)


@pytest.mark.parametrize(
    ("service", "data"),
    [
        ("set_temperature", {"temperature": 41}),
        ("set_temperature", {"temperature": 19}),
        ("set_temperature", {"temperature": "nan"}),
        ("set_temperature", {"temperature": 37, "hvac_mode": "dry"}),
        ("set_hvac_mode", {"hvac_mode": "cool"}),
    ],
)
async def test_what_the_device_cannot_do_is_refused_before_it_is_sent(
    spa: Made, service: str, data: dict[str, Any]
) -> None:
    with pytest.raises(ServiceValidationError) as refusal:
        await spa.call(f"climate.{service}", **data)
    assert refusal.value.translation_key
    assert not spa.device.received


async def test_a_refusal_of_the_cloud_is_an_error_of_the_call(spa: Made) -> None:
    spa.device.is_online = False
    with pytest.raises(HomeAssistantError) as refusal:
        await spa.call("climate.turn_off")
    assert refusal.value.translation_key == "action_offline"
    assert _shown(spa) == ("heat",)
