"""Tests that last values equal to the previous ones are not read again, and all others completely."""

import json
from typing import Any

import pytest

from custom_components.datapoint_cloud.clouds.errors import UnexpectedAnswer
from custom_components.datapoint_cloud.clouds.http import Answer
from custom_components.datapoint_cloud.clouds.sodata.decoder import LastValuesDecoder
from custom_components.datapoint_cloud.clouds.sodata.variables import DeviceSchema, device_schema

type Body = dict[str, Any]

_TYPES = ("Measure", "Alarm", "State")


def _row(device: int, service: int) -> Body:
    """Return a row as in the document ("Last values")."""
    service_type = _TYPES[service % 3]
    return {
        "serviceId": f"{140100 + service}",
        "itemType": "Global",
        "itemIndex": "0",
        "deviceUuid": f"device-{device}",
        "value": "0" if service_type == "Alarm" else f"{service}.5",
        "date": f"2022-07-28T11:19:{service % 60:02}.000Z",
        "title": f"Service {service}",
        "unit": "AMPERE" if service_type == "Measure" else None,
        "deviceName": "Delphys GP2 - 160 kVA",
        "itemName": "Global",
        "serviceGroup": "Output",
        "serviceType": service_type,
    }


def _body() -> Body:
    devices = [
        {"deviceUuid": f"device-{device}", "values": [_row(device, service) for service in range(40)]}
        for device in range(3)
    ]
    return {"devices": devices}


def _answer(body: Any) -> Answer:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer("/ca/{ca}/last-values", 200, {}, text)


def _known() -> dict[str, DeviceSchema]:
    variables = [_row(0, service) for service in range(40)]
    return {"device-0": device_schema(variables), "device-1": device_schema(variables[:20])}


def test_an_unchanged_answer_returns_the_same_object() -> None:
    decoder = LastValuesDecoder(_known())
    first = decoder.decode("all", _answer(_body()))
    assert decoder.decode("all", _answer(_body())) is first
    assert decoder.decode("others", _answer({"devices": []})) == {}
    decoder.forget()
    assert decoder.decode("all", _answer(_body())) == first
    assert decoder.decode("all", _answer(_body())) is not first


def test_a_changed_answer_is_decoded_completely() -> None:
    decoder = LastValuesDecoder(_known())
    decoder.decode("all", _answer(_body()))
    body = _body()
    body["devices"][2]["values"][0].update(value="99", date="2022-07-28T12:00:00.000Z")
    answer = _answer(body)
    assert decoder.decode("all", answer) == LastValuesDecoder(_known()).decode("all", answer)
    assert decoder.decode("all", answer)["device-2"].readings["Global|0|140100"].value == 99


def test_only_changed_rows_are_read_again() -> None:
    decoder = LastValuesDecoder(_known())
    before = decoder.decode("all", _answer(_body()))["device-0"].readings
    body = _body()
    body["devices"][0]["values"][0].update(value="99")
    body["devices"][0]["values"][3].update(date="2022-07-28T12:00:00.000Z")
    after = decoder.decode("all", _answer(body))["device-0"].readings
    assert {key for key, reading in after.items() if reading is not before[key]} == {
        "Global|0|140100",
        "Global|0|140103",
    }


def test_a_row_that_becomes_unreadable_and_comes_back_is_read() -> None:
    decoder = LastValuesDecoder(_known())
    body = _body()
    for value, meant in (("7", 7), ("broken", None), ("7", 7)):
        body["devices"][0]["values"][0].update(value=value)
        snapshot = decoder.decode("all", _answer(body))["device-0"]
        assert snapshot.readings["Global|0|140100"].value == meant
        assert snapshot.skipped == (() if meant else ("Global|0|140100",))


def test_an_unchanged_answer_is_decoded_again_after_a_schema_changed() -> None:
    known = _known()
    decoder = LastValuesDecoder(known)
    assert decoder.decode("all", _answer(_body()))["device-2"].described
    known["device-2"] = known["device-0"]
    assert not decoder.decode("all", _answer(_body()))["device-2"].described


def test_an_unchanged_row_is_read_again_after_its_type_changed() -> None:
    known = _known()
    decoder = LastValuesDecoder(known)
    decoder.decode("all", _answer(_body()))
    variables = [_row(0, service) | {"serviceType": "State", "unit": None} for service in range(40)]
    known["device-0"] = device_schema(variables)
    after = decoder.decode("all", _answer(_body()))["device-0"].readings
    assert [after[f"Global|0|{140100 + service}"].value for service in (0, 1)] == ["0.5", "0"]


def test_an_answer_without_json_is_unexpected_and_replaces_nothing() -> None:
    decoder = LastValuesDecoder(_known())
    before = decoder.decode("all", _answer(_body()))
    with pytest.raises(UnexpectedAnswer):
        decoder.decode("all", _answer(b"<html>"))
    assert decoder.decode("all", _answer(_body())) is before
