"""Last values: an answer equal to the previous one costs no decoding, and every other one is decoded whole."""

import json
from typing import Any

import pytest

from custom_components.datapoint_cloud.clouds.errors import UnexpectedAnswer
from custom_components.datapoint_cloud.clouds.http import Answer
from custom_components.datapoint_cloud.clouds.sodata import mapping
from custom_components.datapoint_cloud.clouds.sodata.last_values import LastValues

type Body = dict[str, Any]

_TYPES = ("Measure", "Alarm", "State")


def _row(device: int, service: int) -> Body:
    """A row as the document shows it ("Last values")."""
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


def _known() -> dict[str, mapping.Description]:
    variables = [_row(0, service) for service in range(40)]
    return {"device-0": mapping.description(variables), "device-1": mapping.description(variables[:20])}


def test_an_unchanged_answer_comes_out_as_the_same_object() -> None:
    values = LastValues(_known())
    first = values.read("all", _answer(_body()))
    assert values.read("all", _answer(_body())) is first
    assert values.read("others", _answer({"devices": []})) == {}
    values.forget()
    assert values.read("all", _answer(_body())) == first
    assert values.read("all", _answer(_body())) is not first


def test_a_changed_answer_is_decoded_whole() -> None:
    values = LastValues(_known())
    values.read("all", _answer(_body()))
    body = _body()
    body["devices"][2]["values"][0].update(value="99", date="2022-07-28T12:00:00.000Z")
    answer = _answer(body)
    assert values.read("all", answer) == LastValues(_known()).read("all", answer)
    assert values.read("all", answer)["device-2"].readings["Global|0|140100"].value == 99


def test_an_unchanged_answer_is_decoded_again_for_other_descriptions() -> None:
    known = _known()
    values = LastValues(known)
    assert values.read("all", _answer(_body()))["device-2"].described
    known["device-2"] = known["device-0"]
    assert not values.read("all", _answer(_body()))["device-2"].described


def test_an_answer_without_json_is_unexpected_and_replaces_nothing() -> None:
    values = LastValues(_known())
    before = values.read("all", _answer(_body()))
    with pytest.raises(UnexpectedAnswer):
        values.read("all", _answer(b"<html>"))
    assert values.read("all", _answer(_body())) is before
