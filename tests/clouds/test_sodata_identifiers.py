"""The words of identifiers: how a service of SoData without a title is called."""

import pytest

from custom_components.datapoint_cloud.clouds.sodata.identifiers import readable
from custom_components.datapoint_cloud.clouds.sodata.variables import datapoint


@pytest.mark.parametrize(
    ("name", "unit", "words"),
    [
        ("IUpsBypass_F", "hertz", "UPS bypass frequency"),
        ("IUpsBypass_V_L1", "volts", "UPS bypass voltage L1"),
        ("IUpsOutput_Lr", "percent", "UPS output load rate"),
        ("IUpsOutput_Pf", "", "UPS output power factor"),
        ("IUpsOutput_P", "", "UPS output P"),  # nothing says that it is a power
        ("IUpsAlarm_Input3", "", "UPS alarm input 3"),
        ("Active power", "kilowatt", "Active power"),
        ("Unit_2", "", "Unit 2"),
        ("负载_1", "", "负载_1"),
    ],
)
def test_an_identifier_becomes_words(name: str, unit: str, words: str) -> None:
    assert readable(name, unit) == words


@pytest.mark.parametrize(
    ("item_type", "title", "name"),
    [
        ("Unit", "Unit temperature", "Temperature"),
        ("Unit", "Unit 2 temperature", "Unit 2 temperature"),
        ("Unit", "Unity gain", "Unity gain"),
        ("Unit", "Unit", "Unit"),
        ("Global", "Ups output current L3", "Ups output current L3"),
    ],
)
def test_a_name_does_not_repeat_that_of_its_part(item_type: str, title: str, name: str) -> None:
    assert datapoint(f"{item_type}|0|1", {"title": title, "serviceType": "Measure"}).name == name
