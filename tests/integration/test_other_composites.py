"""Water heaters, times of day, buttons and sensors of several datapoints."""

from typing import Any

import pytest
from homeassistant.components.water_heater.const import WaterHeaterEntityFeature
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .composites import Made, Make, choice, flag, make, measured, number

__all__ = ["make"]

# Water heaters

_BOILER = """water_heater:
    on: on
    mode: {mode: {cruising: performance, auto: eco}}
    current: tank
    target: set"""
_BOILER_ATTRIBUTES = (
    flag("on", value=True),
    choice("mode", "auto", "auto", "cruising"),
    number("set", 50, (70, 130), ratio=0.5),
    measured("tank", 48.5, (0, 255), ratio=0.5),
)


@pytest.fixture
async def boiler(make: Make) -> Made:
    return await make(_BOILER, *_BOILER_ATTRIBUTES, datapoints="{set: {unit: °C}, tank: {absent: 127.5}}")


def _shown(made: Made, platform: str, *names: str) -> tuple[Any, ...]:
    state = made.state(platform)
    return (state.state, *(state.attributes.get(name) for name in names))


async def test_a_boiler_shows_its_temperatures_and_its_mode(boiler: Made) -> None:
    names = ("current_temperature", "temperature", "min_temp", "max_temp", "target_temp_step", "operation_list")
    modes = ["off", "performance", "eco"]
    assert _shown(boiler, "water_heater", *names) == ("eco", 48.5, 50, 35, 65, 0.5, modes)
    await boiler.report(on=False, tank=127.5)
    assert _shown(boiler, "water_heater", "current_temperature") == ("off", None)


@pytest.mark.parametrize(
    ("service", "data", "sent"),
    [
        ("set_temperature", {"temperature": 55.5}, {"set": 55.5}),
        (
            "set_temperature",
            {"temperature": 60, "operation_mode": "performance"},
            {"set": 60, "on": 1, "mode": "cruising"},
        ),
        ("set_operation_mode", {"operation_mode": "off"}, {"on": 0}),
        ("set_operation_mode", {"operation_mode": "eco"}, {"on": 1, "mode": "auto"}),
        ("turn_on", {}, {"on": 1}),
        ("turn_off", {}, {"on": 0}),
    ],
)
async def test_a_boiler_is_set(boiler: Made, service: str, data: dict[str, Any], sent: dict[str, Any]) -> None:
    assert await boiler.call(f"water_heater.{service}", **data) == sent


@pytest.mark.parametrize(
    ("service", "data"),
    [
        ("set_temperature", {"temperature": 66}),
        ("set_temperature", {"temperature": 50, "operation_mode": "gas"}),
        ("set_operation_mode", {"operation_mode": "gas"}),
    ],
)
async def test_what_a_boiler_cannot_do_is_refused_before_it_is_sent(
    boiler: Made, service: str, data: dict[str, Any]
) -> None:
    with pytest.raises(ServiceValidationError):
        await boiler.call(f"water_heater.{service}", **data)
    assert not boiler.device.received


async def test_a_temperature_out_of_range_is_explained(boiler: Made) -> None:
    with pytest.raises(HomeAssistantError, match=r"Enter a number from 35 to 65 in steps of 0\.5 for set of Spa"):
        await boiler.call("water_heater.set_temperature", temperature=20)


async def test_a_water_heater_without_modes_is_on_or_off(make: Make) -> None:
    tank = await make("water_heater: {on: on, current: tank}", *_BOILER_ATTRIBUTES)
    assert _shown(tank, "water_heater", "operation_list") == ("on", ["off", "on"])
    features = WaterHeaterEntityFeature.ON_OFF | WaterHeaterEntityFeature.OPERATION_MODE
    assert tank.state("water_heater").attributes["supported_features"] == features
    assert await tank.call("water_heater.set_operation_mode", operation_mode="off") == {"on": 0}


async def test_what_a_boiler_does_not_report_is_unknown(make: Make) -> None:
    boiler = await make(_BOILER, *_BOILER_ATTRIBUTES, silent=["on", "tank", "set", "mode"])
    assert _shown(boiler, "water_heater", "current_temperature", "temperature") == ("unknown", None, None)


# Times of day

_SAUNA = "time: {name: Preheat at, hour: h, minute: m}"


async def test_a_time_is_an_hour_and_a_minute(make: Make) -> None:
    sauna = await make(_SAUNA, number("h", 17, (0, 23)), number("m", 5, (0, 59)))
    assert sauna.state("time", "preheat_at").state == "17:05:00"
    assert await sauna.call("time.set_value", "preheat_at", time="06:30:45") == {"h": 6, "m": 30}
    assert sauna.state("time", "preheat_at").state == "06:30:00"


async def test_a_time_may_have_seconds(make: Make) -> None:
    clock = await make(_SAUNA.replace("}", ", second: s}"), *(number(name, 7, (0, 59)) for name in "hms"))
    assert clock.state("time", "preheat_at").state == "07:07:07"
    assert await clock.call("time.set_value", "preheat_at", time="23:59:01") == {"h": 23, "m": 59, "s": 1}


async def test_what_is_no_time_is_unknown(make: Make) -> None:
    sauna = await make(_SAUNA, number("h", 24, (0, 255)), number("m", 60, (0, 255)))
    assert sauna.state("time", "preheat_at").state == "unknown"
    await sauna.report(h=7, m=30)
    assert sauna.state("time", "preheat_at").state == "07:30:00"
    await sauna.report(h=1e300)
    assert sauna.state("time", "preheat_at").state == "unknown"


async def test_a_time_that_the_device_cannot_keep_is_refused(make: Make) -> None:
    sauna = await make(_SAUNA, number("h", 7, (0, 12)), number("m", 0, (0, 59)))
    with pytest.raises(ServiceValidationError, match="Enter a number from 0 to 12 in steps of 1 for h of Spa"):
        await sauna.call("time.set_value", "preheat_at", time="13:00:00")
    assert not sauna.device.received


# Buttons


async def test_a_button_sends_all_its_values_at_once(make: Make) -> None:
    feeder = await make(
        "button: {name: Feed now, writes: {feed: true, minutes: 10}}", flag("feed"), number("minutes", 5)
    )
    assert await feeder.call("button.press", "feed_now") == {"feed": 1, "minutes": 10}


async def test_each_head_of_a_doser_has_a_button(make: Make) -> None:
    doser = await make("button: {name: Dose head *, writes: {channe*: true}}", flag("channe1"), flag("channe2"))
    assert await doser.call("button.press", "dose_head_2") == {"channe2": 1}
    assert doser.state("button", "dose_head_1").name == "Spa Dose head 1"


# Sensors

_FILTER = "sensor: {name: Filter left, value: {key: used, scale: -0.01, offset: 100, range: [0, 100]}, unit: '%'}"


async def test_what_is_left_is_calculated(make: Make) -> None:
    spa = await make(_FILTER, measured("used", 2_550, (0, 20_000), data_type="uint16"))
    left = spa.state("sensor", "filter_left")
    assert (left.state, left.attributes["unit_of_measurement"], left.attributes["state_class"]) == (
        "74.5",
        "%",
        "measurement",
    )
    await spa.report(used=10_600)
    assert float(spa.state("sensor", "filter_left").state) == 0


async def test_what_is_calculated_with_a_rounded_scale_is_rounded(make: Make) -> None:
    spa = await make(
        _FILTER.replace("-0.01", "-0.0098039216"), measured("used", 5_100, (0, 20_000), data_type="uint16")
    )
    assert spa.state("sensor", "filter_left").state == "50.0"


async def test_a_bit_is_a_binary_sensor(make: Make) -> None:
    entity = "binary_sensor: {name: Heat demand, on: {key: status, bit: 3}, class: heat}"
    boiler = await make(entity, measured("status", 8))
    demand = boiler.state("binary_sensor", "heat_demand")
    assert (demand.state, demand.attributes["device_class"]) == ("on", "heat")
    await boiler.report(status=7)
    assert boiler.state("binary_sensor", "heat_demand").state == "off"


async def test_sensors_of_what_is_not_reported_are_unknown(make: Make) -> None:
    entities = f"{_FILTER}\n- binary_sensor: {{name: Heat demand, on: {{key: used, bit: 3}}}}"
    spa = await make(entities, measured("used", 1), silent=["used"])
    assert spa.state("sensor", "filter_left").state == "unknown"
    assert spa.state("binary_sensor", "heat_demand").state == "unknown"
