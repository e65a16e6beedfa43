"""Chinese words of definitions become words of the user's language, and identifiers become readable."""

import json
from pathlib import Path

import pytest

from custom_components.datapoint_cloud import vocabulary
from custom_components.datapoint_cloud.vocabulary import Vocabulary, is_chinese, readable

_FOLDER = Path(vocabulary.__file__).parent


def _english() -> Vocabulary:
    vocabulary = Vocabulary.load("en")
    assert vocabulary is not None
    return vocabulary


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("模式", "Mode"),
        ("通道3", "Channel 3"),
        ("自动时间点1_02", "Schedule 1-02"),
        ("4头滴定泵WiFi_BLE", "4-head dosing pump WiFi BLE"),
        ("室内设定温度1(舒适)", "Room temperature setpoint 1 (comfort)"),
        (" 从机 ", "Slave"),
    ],
)
def test_a_phrase_of_the_list_is_translated_and_keeps_its_numbers(text: str, words: str) -> None:
    assert _english().translate(text) == words


def test_a_phrase_that_the_list_lacks_is_put_together_from_its_parts() -> None:
    assert _english().translate("生活热水水箱温度") == "Hot water tank temperature"


def test_languages_that_name_the_thing_first_turn_the_parts_around() -> None:
    words = {"水箱": "réservoir", "温度": "température"}
    assert Vocabulary(words, "fr").translate("水箱温度") == "Température réservoir"


def test_what_is_said_of_a_thing_follows_it() -> None:
    words = {"排气": "refoulement", "温度": "température", "过高": "trop haut"}
    assert Vocabulary(words, "fr").translate("排气温度过高") == "Température refoulement trop haut"


def test_german_nouns_are_joined_and_the_word_for_a_switch_is_left_out() -> None:
    words = {"负离子": "Ionisator", "报警": "Alarm", "智能": "intelligent", "开关": "Ein/Aus"}
    german = Vocabulary(words, "de")
    texts = ("负离子报警", "智能报警", "UV报警", "负离子开关", "开关")
    assert [german.translate(text) for text in texts] == [
        *("Ionisator-Alarm", "Intelligent Alarm", "UV-Alarm", "Ionisator", "Ein/Aus")
    ]


def test_a_text_with_an_unknown_part_is_not_translated() -> None:
    assert _english().translate("模式魑魅") is None


def test_a_language_without_a_file_has_no_vocabulary() -> None:
    assert Vocabulary.load("xx") is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("SwitchON", "Switch on"),
        ("temp_set_unit", "Temp set unit"),
        ("CH1SWTime", "CH1 SW time"),
        ("pH", "pH"),
        ("E32", "E32"),
        ("PRE_TIME_HOUR", "Pre time hour"),
        ("EC_OUT", "EC out"),
    ],
)
def test_an_identifier_is_split_into_its_words(name: str, words: str) -> None:
    assert readable(name) == words


_LANGUAGES = ("de", "es", "fr", "it", "nl", "pl", "pt")


@pytest.mark.parametrize("language", _LANGUAGES)
def test_each_language_has_words_for_every_phrase(language: str) -> None:
    words, english = (_words(name) for name in (language, "en"))
    assert words.keys() == english.keys()
    for phrase, text in words.items():
        assert text == text.strip() != "", phrase
        assert text.count("#") == english[phrase].count("#"), phrase
        assert not is_chinese(text), phrase


def _words(language: str) -> dict[str, str]:
    words: dict[str, str] = json.loads((_FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return words
