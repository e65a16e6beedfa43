"""Last values come out the same whether an answer is read as a whole or as the one before with some other rows."""

import copy
import json
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from custom_components.datapoint_cloud.clouds.errors import UnexpectedAnswer
from custom_components.datapoint_cloud.clouds.http import Answer
from custom_components.datapoint_cloud.clouds.model import Snapshot
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


def _answer(body: Any, **options: Any) -> Answer:
    text = body if isinstance(body, bytes) else json.dumps(body, **options).encode()
    return Answer("/ca/{ca}/last-values", 200, {}, text)


def _known() -> dict[str, mapping.Description]:
    variables = [_row(0, service) for service in range(40)]
    return {"device-0": mapping.description(variables), "device-1": mapping.description(variables[:20])}


def _rows(body: Body) -> list[Body]:
    return [row for device in body["devices"] for row in device["values"] if isinstance(row, dict) and row]


def _one(body: Body, chance: random.Random) -> Body:
    return chance.choice(_rows(body))


def _newer(body: Body, chance: random.Random) -> None:
    _one(body, chance).update(value=f"{chance.random():.3f}", date="2022-07-28T12:00:00.000Z")


def _older(body: Body, chance: random.Random) -> None:
    # The newest row of all, so that the device's own time goes back too.
    newest = max(_rows(body), key=lambda row: str(row.get("date")))
    chance.choice([newest, _one(body, chance)]).update(value="7", date="2021-01-01T00:00:00.000Z")


def _undated(body: Body, chance: random.Random) -> None:
    row = _one(body, chance)
    row.update(value="8", date=None)
    if chance.random() < 0.5:
        del row["date"]


def _odd_value(body: Body, chance: random.Random) -> None:
    odd = ["", None, True, 5, 5.25, "n/a", "}, {", '"', {"value": "1"}, ["1"], {}, "\\", 'a}{"b": 1', "NaN", 10**30]
    _one(body, chance)["value"] = chance.choice(odd)


def _other_words(body: Body, chance: random.Random) -> None:
    name = chance.choice(["title", "unit", "deviceName", "serviceType", "itemIndex", "serviceId", "deviceUuid"])
    _one(body, chance)[name] = chance.choice(["1", "Alarm", "{}", None, "device-1"])


def _reordered(body: Body, chance: random.Random) -> None:
    chance.shuffle(chance.choice(body["devices"])["values"])
    chance.shuffle(body["devices"])


def _repeated(body: Body, chance: random.Random) -> None:
    values = chance.choice(body["devices"])["values"]
    values.insert(chance.randrange(len(values)), copy.deepcopy(chance.choice(values)))


def _shortened(body: Body, chance: random.Random) -> None:
    values = chance.choice(body["devices"])["values"]
    values.pop(chance.randrange(len(values)))


def _nested(body: Body, chance: random.Random) -> None:
    _one(body, chance)["extra"] = {"value": f"{chance.random()}", "deviceUuid": "device-0"}


def _copied(body: Body, chance: random.Random) -> None:
    device = chance.choice(body["devices"])
    device["newest"] = {**_row(0, chance.randrange(40)), "value": f"{chance.random()}"}


def _moved(body: Body, chance: random.Random) -> None:
    chance.choice(body["devices"])["deviceUuid"] = "device-9"


def _foreign(body: Body, chance: random.Random) -> None:
    chance.choice(body["devices"])["values"].append(chance.choice(["x", 1, None, [], {}]))


_CHANGES: tuple[Callable[[Body, random.Random], None], ...] = (
    _newer,
    _older,
    _undated,
    _odd_value,
    _other_words,
    _reordered,
    _repeated,
    _shortened,
    _nested,
    _copied,
    _moved,
    _foreign,
)
_STYLES: tuple[Mapping[str, Any], ...] = ({}, {"separators": (",", ":")}, {"indent": 1}, {"ensure_ascii": False})


@pytest.mark.parametrize("seed", range(150))
def test_what_is_read_does_not_depend_on_what_was_read_before(seed: int) -> None:
    chance = random.Random(seed)
    style = chance.choice(_STYLES)
    known = _known()
    values = LastValues(known)
    body = _body()
    for _ in range(8):
        text = _answer(body, **(style if chance.random() < 0.9 else chance.choice(_STYLES)))
        assert values.read("all", text) == LastValues(known).read("all", text)
        for _ in range(chance.randrange(4)):
            # Mostly plain changes, since after others there is nothing to go on from.
            chance.choice(_CHANGES if chance.random() < 0.4 else (_newer,))(body, chance)


def _alike(body: Body) -> Body:
    """A row that differs in nothing but what Python takes for the same."""
    body["devices"][2]["values"][2]["unit"] = True
    return body


def _with_odd_values(value: str, date: str) -> Body:
    body = _body()
    body["devices"][2]["values"][0].update(value=value, date=date)
    return body


def _under_a_gateway(value: str) -> Body:
    """Rows of one device in the record of another, beside what looks like one of them."""
    newest = _row(0, 3) | {"value": value}
    return {"devices": [{"deviceUuid": "gateway", "values": _body()["devices"][0]["values"], "newest": newest}]}


def _beside_a_row(value: str) -> Body:
    """A row where only devices belong."""
    body = _body()
    body["devices"].append(_row(0, 3) | {"value": value})
    return body


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (_with_odd_values("lost", "2022-07-28T11:19:00Z"), _with_odd_values("9", "2022-07-28T12:00:00Z")),
        (_under_a_gateway("3.5"), _under_a_gateway("77")),
        (_beside_a_row("3.5"), _beside_a_row("77")),
        (json.loads(json.dumps(_alike(_body())).replace('"unit": true', '"unit": 1')), _alike(_body())),
    ],
)
def test_what_only_resembles_a_new_value_is_none(before: Body, after: Body) -> None:
    values = LastValues({})
    values.read("all", _answer(before))
    assert values.read("all", _answer(after)) == LastValues({}).read("all", _answer(after))


def _readings(snapshots: Mapping[str, Snapshot]) -> dict[tuple[str, str], Any]:
    return {(uuid, key): reading for uuid, snapshot in snapshots.items() for key, reading in snapshot.readings.items()}


@pytest.mark.parametrize("style", _STYLES)
def test_a_new_value_is_all_that_is_read_anew(style: Mapping[str, Any]) -> None:
    values = LastValues(_known())
    body = _body()
    before = _readings(values.read("all", _answer(body, **style)))
    body["devices"][2]["values"][0].update(value="99", date="2022-07-28T12:00:00.000Z")
    body["devices"][1]["values"][5].update(value="lost", date="2022-07-28T12:00:00.000Z")
    after = values.read("all", _answer(body, **style))
    new = {place: reading for place, reading in _readings(after).items() if reading is not before[place]}
    assert {(uuid, key): reading.value for (uuid, key), reading in new.items()} == {
        ("device-2", "Global|0|140100"): 99,
        ("device-1", "Global|0|140105"): "lost",
    }
    assert after["device-2"].reported_at == new["device-2", "Global|0|140100"].taken_at


def test_the_same_answer_says_the_same() -> None:
    values = LastValues(_known())
    first = values.read("all", _answer(_body()))
    assert values.read("all", _answer(_body())) is first
    assert values.read("others", _answer({"devices": []})) == {}
    values.forget()
    assert values.read("all", _answer(_body())) == first
    assert values.read("all", _answer(_body())) is not first


def test_other_descriptions_are_heeded() -> None:
    known = _known()
    values = LastValues(known)
    assert values.read("all", _answer(_body()))["device-2"].described
    known["device-2"] = known["device-0"]
    assert not values.read("all", _answer(_body()))["device-2"].described


def test_what_is_no_json_is_unexpected_and_forgotten() -> None:
    values = LastValues(_known())
    before = values.read("all", _answer(_body()))
    with pytest.raises(UnexpectedAnswer):
        values.read("all", _answer(b"<html>"))
    assert values.read("all", _answer(_body())) is before
