"""People read names and options in their own language, and set what the vendor's words say can be set."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.translation import async_get_translations
from pytest_homeassistant_custom_component.common import MockConfigEntry

import custom_components.datapoint_cloud as integration
from custom_components.datapoint_cloud.clouds.gizwits.schema import parse
from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.fleet.description import DatapointDescription, describe
from custom_components.datapoint_cloud.fleet.naming import Naming, key_of
from custom_components.datapoint_cloud.profiles import NO_PROFILE
from custom_components.datapoint_cloud.vocabulary import Vocabulary, is_chinese
from develop.option_labels import labels
from simulator.gizwits.behaviours import OFF, steady
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.household import device_of
from simulator.gizwits.products import READABLE, WRITABLE, Attribute, AttributeDataType, Product
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of, poll, state_of

_TEXTS = json.loads((Path(integration.__file__).parent / "translations" / "en.json").read_text(encoding="utf-8"))
_LABELS: dict[str, str] = _TEXTS["entity"]["select"]["option"]["state"]


def _descriptions(payloads: Path, language: str) -> Iterator[DatapointDescription]:
    for path in sorted((payloads / "products").glob("*.json")):
        definition = parse(json.loads(path.read_text(encoding="utf-8")))
        assert definition is not None
        yield from describe(definition.schema.datapoints, {}, NO_PROFILE, Naming.load(language)).values()


# Real definitions


@pytest.mark.parametrize("language", ["en", "en-GB", "fr", "de", "sv"])
def test_no_chinese_reaches_a_user_who_reads_another_language(real_payloads: Path, language: str) -> None:
    described = list(_descriptions(real_payloads, language))
    assert len(described) > 1_000
    for description in described:
        words = (description.name, description.object_name, *description.options)
        assert not any(map(is_chinese, words)), description.datapoint


def test_names_are_in_the_users_language(real_payloads: Path) -> None:
    def names(language: str, vendors: str) -> set[str]:
        found = _descriptions(real_payloads, language)
        return {description.name for description in found if description.datapoint.name == vendors}

    assert [names(language, "通道3") for language in ("en", "fr", "zh-Hans")] == [{"Channel 3"}, {"Canal 3"}, {"通道3"}]


def test_a_user_who_reads_chinese_sees_the_vendors_words(real_payloads: Path) -> None:
    for description in _descriptions(real_payloads, "zh-Hans"):
        assert description.name == description.datapoint.name
        assert not is_chinese(description.object_name)


def test_options_are_the_same_keys_in_each_language(real_payloads: Path) -> None:
    of_languages = [_descriptions(real_payloads, language) for language in ("en", "fr", "zh-Hans")]
    for english, *others in zip(*of_languages, strict=True):
        assert {tuple(other.options.items()) for other in others} == {tuple(english.options.items())}


def test_every_option_of_a_real_product_has_a_label(real_payloads: Path) -> None:
    keys = {key for description in _descriptions(real_payloads, "en") for key in description.options}
    assert len(keys) > 70
    assert {key for key in keys if not key.isdigit()} <= _LABELS.keys()


def test_what_resets_a_device_is_no_switch(real_payloads: Path) -> None:
    buttons = {found.datapoint.key for found in _descriptions(real_payloads, "en") if found.platform == "button"}
    assert buttons == {"CALSW", "Manual", "Reset_set"}


def test_the_heads_of_a_doser_are_enabled_and_its_time_slots_are_not(real_payloads: Path) -> None:
    channels = [found for found in _descriptions(real_payloads, "en") if found.datapoint.key.startswith("channe")]
    assert len(channels) > 20
    assert all(found.is_enabled for found in channels)
    assert not any(found.is_enabled for found in _descriptions(real_payloads, "en") if found.datapoint.length)


# Labels of options


def test_labels_are_few_and_the_same_for_selects_and_sensors() -> None:
    assert _TEXTS["entity"]["sensor"]["option"]["state"] == _LABELS
    assert list(_LABELS) == sorted(_LABELS)
    assert len(_LABELS) <= 450


def test_a_label_of_the_vocabulary_is_the_one_that_its_key_comes_from() -> None:
    folder = Path(integration.__file__).parent / "vocabulary"
    english = Vocabulary.load("en")
    assert english is not None
    phrases = json.loads((folder / "en.json").read_text(encoding="utf-8"))
    by_key = {
        key_of(str(english.translate(phrase))): english.translate(phrase) for phrase in phrases if "#" not in phrase
    }
    compared = {key for key in _LABELS.keys() & by_key.keys() if key_of(_LABELS[key]) == key}
    assert len(compared) > 250
    assert {key_of(_LABELS[key]) for key in compared} == compared
    assert not any(map(is_chinese, _LABELS.values()))


@pytest.mark.parametrize("language", ["de", "fr", "zh-Hans"])
def test_the_vocabulary_has_labels_for_most_options_in_each_language(language: str) -> None:
    found = labels(language, {"cft1": "Own"})
    assert found.keys() == _LABELS.keys()
    assert found["cft1"] == "Own"
    assert found["cft"] == found["comfort"]
    assert sum(label != _LABELS[key] for key, label in found.items()) > 250
    assert any(map(is_chinese, found.values())) == (language == "zh-Hans")


def test_a_label_that_is_another_word_for_the_same_key_stays() -> None:
    known = {"weekday": "Werktag", "night": "Vormittag"}
    assert [labels("de", {})["weekday"], labels("de", known)["weekday"]] == ["Wochentag", "Werktag"]
    assert labels("de", known)["night"] == "Nacht"


# In Home Assistant


def _attribute(
    name: str, title: str, desc: str = "", *, data_type: AttributeDataType = "uint8", most: int = 255, value: Any = 0
) -> Attribute:
    behaviour = OFF if data_type == "bool" else steady(value)
    return Attribute(
        name=name, title=title, type=WRITABLE, data_type=data_type, behaviour=behaviour, desc=desc, maximum=most
    )


_DOSER = Product(
    key="fa4ed05e0000000000000000000000a6",
    name="四头滴定泵",
    attributes=(
        *(_attribute(f"channel{number}", f"通道{number}", data_type="bool") for number in range(1, 9)),
        _attribute("Mode", "模式", "0.经典造浪 1.正弦造浪 2.随机造浪", most=2, value=1),
        _attribute("lock", "童锁", most=1, value=1),
        _attribute("run_timer", "运行时间", "运行时间范围为1~60分钟", value=30),
        _attribute("Factory", "恢复出厂设置", data_type="bool"),
        _attribute("Manual", "手动", "手动喂食开关", data_type="bool"),
        _attribute("bit1", "bit1", "备用1", data_type="bool"),
        Attribute(
            name="tank",
            title="水箱温度",
            type=READABLE,
            data_type="uint16",
            behaviour=steady(127.5),
            desc="unit:°C, 0xff - temperature is not normal",
            maximum=510,
            ratio=0.5,
        ),
    ),
)


@pytest.fixture
def doser(simulation: Simulation) -> GizwitsDevice:
    server = simulation.gizwits_open
    device = device_of(server.clock, 5, server.uid, _DOSER, "Doser")
    device.did = "newDoser0000000000001"
    server.devices = {device.did: device}
    server.products = {_DOSER.key: _DOSER}
    return device


@pytest.fixture
async def entry(hass: HomeAssistant, simulation: Simulation, doser: GizwitsDevice) -> MockConfigEntry:
    return await add_account(hass, simulation, "gizwits_open")


async def _call(hass: HomeAssistant, entry: MockConfigEntry, service: str, key: str, **data: Any) -> None:
    domain, _, name = service.partition(".")
    entity_id = entity_id_of(hass, domain, entry, "newDoser0000000000001", key)
    await hass.services.async_call(domain, name, {"entity_id": entity_id, **data}, blocking=True)


@pytest.mark.parametrize("option", ["random_wave", "随机造浪", " 随机造浪 ", "Random wave"])
async def test_a_number_is_set_by_the_vendors_words_for_it(
    hass: HomeAssistant, doser: GizwitsDevice, entry: MockConfigEntry, option: str
) -> None:
    shown = state_of(hass, "select", entry, doser.did, "Mode")
    assert (shown.state, shown.attributes["options"]) == ("sine_wave", ["classic_wave", "sine_wave", "random_wave"])
    await _call(hass, entry, "select.select_option", "Mode", option=option)
    assert doser.received == [{"attrs": {"Mode": 2}}]
    assert state_of(hass, "select", entry, doser.did, "Mode").state == "random_wave"
    await poll(hass, entry)
    assert state_of(hass, "select", entry, doser.did, "Mode").state == "random_wave"


async def test_an_option_that_there_is_not_is_refused(
    hass: HomeAssistant, doser: GizwitsDevice, entry: MockConfigEntry
) -> None:
    with pytest.raises(ServiceValidationError):
        await _call(hass, entry, "select.select_option", "Mode", option="square_wave")
    assert doser.received == []


async def test_home_assistant_has_labels_for_options(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    texts = await async_get_translations(hass, "en", "entity", [DOMAIN])
    assert texts[f"component.{DOMAIN}.entity.select.option.state.sine_wave"] == "Sine wave"
    registry = er.async_get(hass)
    select = registry.async_get(entity_id_of(hass, "select", entry, "newDoser0000000000001", "Mode"))
    assert select is not None
    assert select.translation_key == "option"


async def test_a_number_from_0_to_1_is_switched_by_numbers(
    hass: HomeAssistant, doser: GizwitsDevice, entry: MockConfigEntry
) -> None:
    assert state_of(hass, "switch", entry, doser.did, "lock").state == "on"
    await _call(hass, entry, "switch.turn_off", "lock")
    (sent,) = doser.received
    assert sent == {"attrs": {"lock": 0}}
    assert sent["attrs"]["lock"] is not False
    assert state_of(hass, "switch", entry, doser.did, "lock").state == "off"


async def test_the_range_and_the_unit_of_desc_are_those_of_the_number(
    hass: HomeAssistant, doser: GizwitsDevice, entry: MockConfigEntry
) -> None:
    attributes = state_of(hass, "number", entry, doser.did, "run_timer").attributes
    assert [attributes[name] for name in ("min", "max", "unit_of_measurement", "device_class")] == [
        *(1, 60),
        *("min", "duration"),
    ]
    with pytest.raises(ServiceValidationError):
        await _call(hass, entry, "number.set_value", "run_timer", value=61)
    assert doser.received == []


async def test_the_number_for_no_value_is_unknown(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    tank = state_of(hass, "sensor", entry, "newDoser0000000000001", "tank")
    assert (tank.state, tank.attributes["unit_of_measurement"]) == ("unknown", "°C")


async def test_feeding_is_a_button(hass: HomeAssistant, doser: GizwitsDevice, entry: MockConfigEntry) -> None:
    assert state_of(hass, "button", entry, doser.did, "Manual").name == "Doser Manual feeding"
    await _call(hass, entry, "button.press", "Manual")
    assert doser.received == [{"attrs": {"Manual": True}}]


async def test_a_factory_reset_is_a_disabled_button(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    registry = er.async_get(hass)
    button = registry.async_get(entity_id_of(hass, "button", entry, "newDoser0000000000001", "Factory"))
    spare = registry.async_get(entity_id_of(hass, "switch", entry, "newDoser0000000000001", "bit1"))
    assert button is not None
    assert spare is not None
    assert (button.original_name, button.entity_category) == ("Factory reset", EntityCategory.CONFIG)
    assert spare.entity_category is EntityCategory.DIAGNOSTIC
    assert {button.disabled_by, spare.disabled_by} == {er.RegistryEntryDisabler.INTEGRATION}
    channel = registry.async_get(entity_id_of(hass, "switch", entry, "newDoser0000000000001", "channel8"))
    assert channel is not None
    assert channel.disabled_by is None


@pytest.mark.parametrize(("language", "name"), [("en", "Running time"), ("fr", None), ("zh-Hans", "运行时间")])
async def test_names_follow_the_language_and_entity_ids_are_readable(
    hass: HomeAssistant, simulation: Simulation, doser: GizwitsDevice, language: str, name: str | None
) -> None:
    hass.config.language = language
    entry = await add_account(hass, simulation, "gizwits_open")
    entity = er.async_get(hass).async_get(entity_id_of(hass, "number", entry, doser.did, "run_timer"))
    assert entity is not None
    assert name is None or entity.original_name == name
    assert is_chinese(str(entity.original_name)) == (language == "zh-Hans")
    assert (entity.entity_id == "number.doser_running_time") == (language != "fr")


async def test_an_entity_keeps_its_id_when_the_language_changes(
    hass: HomeAssistant, doser: GizwitsDevice, entry: MockConfigEntry
) -> None:
    before = entity_id_of(hass, "number", entry, doser.did, "run_timer")
    hass.config.language = "de"
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert entity_id_of(hass, "number", entry, doser.did, "run_timer") == before
    state = hass.states.get(before)
    assert state is not None
    assert "Running time" not in state.name


async def test_what_was_a_switch_in_an_earlier_version_leaves_no_switch_behind(
    hass: HomeAssistant, simulation: Simulation, doser: GizwitsDevice
) -> None:
    registry = er.async_get(hass)
    unique_id = f"{simulation.gizwits_open.app_id}_{simulation.gizwits_open.uid}_{doser.did}_Manual"
    earlier = registry.async_get_or_create("switch", DOMAIN, unique_id)
    hass.states.async_set(earlier.entity_id, "unavailable", {"restored": True})
    entry = await add_account(hass, simulation, "gizwits_open")
    assert entity_id_of(hass, "button", entry, doser.did, "Manual")
    assert registry.async_get(earlier.entity_id) is None
