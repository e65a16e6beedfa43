"""Tests how Gizwits definitions and values are decoded, with recorded and with invented ones."""

import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from custom_components.datapoint_cloud.clouds.errors import Reason, Rejected
from custom_components.datapoint_cloud.clouds.gizwits.schema import Definition, parse
from custom_components.datapoint_cloud.clouds.model import Datapoint, DataType, Role, Value

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def definition(*attrs: Any, ui: Any = None, **more: Any) -> Definition:
    parsed = parse(
        {"name": "Boiler", "entities": [{"id": 0, "name": "entity0", "attrs": list(attrs)}], "ui": ui, **more}
    )
    assert parsed is not None
    return parsed


def attr(name: str, data_type: str = "bool", kind: Any = "status_writable", **more: Any) -> dict[str, Any]:
    return {"id": 0, "name": name, "display_name": name.title(), "type": kind, "data_type": data_type, **more}


def number(name: str, *, ratio: Any = 1, addition: Any = 0, least: Any = 0, most: Any = 100) -> dict[str, Any]:
    return attr(name, "uint8", uint_spec={"min": least, "max": most, "ratio": ratio, "addition": addition})


def ui_step(name: str, step: Any, key: str = "uint_spec") -> dict[str, Any]:
    return {"sections": [{"elements": [{"key": f"entity0.{name}", "object": {key: {"step": step}}}]}]}


def only(found: Definition) -> Datapoint:
    assert found.schema.skipped == ()
    (datapoint,) = found.schema.datapoints
    return datapoint


def value(found: Definition, raw: Any) -> Value | None:
    return found.snapshot({only(found).key: raw}, NOON).readings[only(found).key].value


# Definitions


def test_a_number_has_its_range_in_engineering_units() -> None:
    room = only(definition(number("room", ratio=0.5, addition=-50, most=198)))
    assert (room.minimum, room.maximum, room.step) == (-50, 49, 0.5)
    assert room.data_type is DataType.NUMBER


def test_a_range_can_begin_above_zero() -> None:
    hot_water = only(definition(number("hot", ratio=0.5, least=70, most=130)))
    assert (hot_water.minimum, hot_water.maximum) == (35, 65)


def test_a_range_has_as_many_decimals_as_its_ratio() -> None:
    assert only(definition(number("t", ratio=0.1, least=3, most=7))).minimum == 0.3
    assert only(definition(number("t", ratio=0.1, least=3, most=7))).maximum == 0.7


def test_a_negative_ratio_reverses_the_range() -> None:
    depth = only(definition(number("depth", ratio=-2, addition=10, most=5)))
    assert (depth.minimum, depth.maximum, depth.step) == (0, 10, 2)


@pytest.mark.parametrize("key", ["uint_spec", "unit_spec"])
def test_the_step_of_the_vendors_screen_replaces_the_ratio(key: str) -> None:
    assert only(definition(number("t", ratio=0.1), ui=ui_step("t", 0.5, key))).step == 0.5


@pytest.mark.parametrize("step", [0, -1, None, "x", True])
def test_the_ratio_replaces_an_invalid_step(step: Any) -> None:
    assert only(definition(number("t", ratio=0.1), ui=ui_step("t", step))).step == 0.1


def test_the_documented_spelling_of_the_range_is_understood() -> None:
    spec = {"min": "0", "max": "10", "ratio": "0.5", "addition": "5"}
    assert only(definition(attr("t", "uint16", unit_spec=spec))).maximum == 10


@pytest.mark.parametrize(("data_type", "most"), [("uint8", 255), ("uint16", 65535), ("uint32", 4294967295)])
def test_a_number_without_a_range_has_the_range_of_its_type(data_type: str, most: int) -> None:
    counter = only(definition(attr("n", data_type)))
    assert (counter.minimum, counter.maximum, counter.step) == (0, most, 1)


@pytest.mark.parametrize(
    ("kind", "role", "is_writable"),
    [
        ("status_writable", Role.STATUS, True),
        ("W", Role.STATUS, True),
        ("status_readonly", Role.STATUS, False),
        ("R", Role.STATUS, False),
        ("alert", Role.ALARM, False),
        ("N", Role.ALARM, False),
        ("fault", Role.ALARM, False),
        ("E", Role.ALARM, False),
        ("new_kind", Role.STATUS, False),
        (None, Role.STATUS, False),
        (["W"], Role.STATUS, False),
    ],
)
def test_the_type_decides_role_and_writability(kind: Any, role: Role, is_writable: bool) -> None:
    datapoint = only(definition(attr("x", kind=kind)))
    assert (datapoint.role, datapoint.is_writable) == (role, is_writable)


@pytest.mark.parametrize(
    ("kind", "severity"), [("alert", "alert"), ("N", "alert"), ("fault", "fault"), ("E", "fault"), ("W", None)]
)
def test_an_alarm_has_the_severity_of_its_type(kind: str, severity: str | None) -> None:
    assert only(definition(attr("x", kind=kind))).severity == severity


def test_labels_keep_their_blanks() -> None:
    mode = only(definition(attr("mode", "enum", enum=["制冷", " charging", ""])))
    assert mode.options == ("制冷", " charging", "")


def test_a_binary_has_its_length_in_bytes() -> None:
    assert only(definition(attr("timer", "binary", position={"len": 24, "unit": "byte"}))).length == 24


def test_the_name_is_the_label_or_the_key() -> None:
    assert only(definition({**attr("x"), "display_name": "开关"})).name == "开关"
    for blank in ("", "  ", None, [1]):
        assert only(definition({**attr("x"), "display_name": blank})).name == "x"


@pytest.mark.parametrize(
    "broken",
    [
        attr("x", "float64"),
        {**attr("x"), "data_type": None},
        {**attr("x"), "data_type": ["bool"]},
        attr("x", "enum"),
        attr("x", "enum", enum=[]),
        attr("x", "enum", enum=["a", 1]),
        attr("x", "enum", enum="abc"),
    ],
)
def test_a_damaged_attribute_is_skipped_without_affecting_the_others(broken: dict[str, Any]) -> None:
    schema = definition(attr("before"), broken, attr("after")).schema
    assert [datapoint.key for datapoint in schema.datapoints] == ["before", "after"]
    assert schema.skipped == ("x",)


_ABSURD = (0, -1, 1, 0.1, -0.5, 255, 1e12, 1e300, -1e308, 1e308, 5e-324, 10**300, 10**400)
_ABSURD_TOO: tuple[Any, ...] = (float("inf"), float("-inf"), float("nan"), None, "fast", True, [], {})


@pytest.mark.parametrize(
    "absurd",
    [
        number("x", ratio=0),
        number("x", ratio="fast"),
        number("x", least=None),
        number("x", most=float("inf")),
        number("x", most=float("nan")),
        number("x", most=1e308),
        number("x", most=1e308, ratio=10),
        number("x", least=-1e308, most=1e308),
        number("x", addition=1e300),
        number("x", ratio=5e-324, addition=1),
    ],
)
def test_a_number_with_an_absurd_range_is_read_only(absurd: dict[str, Any]) -> None:
    found = definition(absurd)
    datapoint = only(found)
    assert (datapoint.data_type, datapoint.is_writable) == (DataType.NUMBER, False)
    assert (datapoint.minimum, datapoint.maximum, datapoint.step) == (None, None, None)
    assert value(found, 21.3) == 21.3
    assert value(found, 0.000001) == 0.000001
    with pytest.raises(Rejected):
        found.attrs({"x": 21})


def test_a_number_with_a_very_fine_range_is_writable() -> None:
    found = definition(number("x", most=10**12, ratio=0.001))
    assert only(found).is_writable
    assert found.attrs({"x": 999_999_999.999}) == {"x": 999_999_999.999}


@pytest.mark.parametrize("step", [1e308, 256, 5e-324])
def test_the_ratio_replaces_a_step_that_does_not_fit_the_range(step: float) -> None:
    found = definition(number("t", most=255), ui=ui_step("t", step))
    assert only(found).step == 1
    assert found.attrs({"t": 200}) == {"t": 200}


def test_no_definition_of_a_range_raises_or_allows_values_beyond_it() -> None:
    choice = random.Random(1)
    for _ in range(20_000):
        spec = {name: choice.choice(_ABSURD + _ABSURD_TOO) for name in ("least", "most", "ratio", "addition")}
        found = definition(number("x", **spec), ui=ui_step("x", choice.choice(_ABSURD + _ABSURD_TOO)))
        datapoint = only(found)
        raw = choice.choice(_ABSURD + _ABSURD_TOO)
        found.snapshot({"x": raw}, NOON)
        try:
            sent = found.attrs({"x": raw})["x"]
        except Rejected:
            continue
        assert datapoint.minimum is not None
        assert datapoint.maximum is not None
        assert datapoint.minimum <= sent <= datapoint.maximum  # type: ignore[operator]
        json.dumps(sent, allow_nan=False)


def test_an_absurd_length_of_a_binary_is_ignored() -> None:
    found = definition(attr("x", "binary", position={"len": 10**12}))
    assert only(found).length is None
    assert found.attrs({"x": "0a"}) == {"x": "0a"}


def test_attributes_without_a_name_and_repeated_names_are_left_out() -> None:
    found = definition(None, 5, {}, {**attr("x"), "name": None}, attr("x"), attr("x", "enum", enum=["a"]))
    assert only(found).data_type is DataType.BOOL


def test_a_definition_has_a_limited_number_of_datapoints() -> None:
    found = definition(*(attr(f"x{number}") for number in range(3000)))
    assert len(found.schema.datapoints) == len(found.by_key) == 500
    assert len(found.schema.skipped) == 2500
    assert not found.lacks({"x2999": 1})


def test_definitions_with_several_entities_and_any_protocol_are_read() -> None:
    parsed = parse(
        {"protocolType": "var_len", "entities": [{"attrs": [attr("a")]}, {"name": "e", "attrs": [attr("b")]}]}
    )
    assert parsed is not None
    assert set(parsed.by_key) == {"a", "b"}
    assert parsed.name is None


@pytest.mark.parametrize("body", [None, [], "x", {}, {"entities": None}, {"entities": {}}])
def test_parsing_anything_but_a_definition_returns_none(body: Any) -> None:
    assert parse(body) is None


@pytest.mark.parametrize("ui", [None, [], 5, {"sections": 1}, {"sections": [None, {"elements": [3, {"key": 1}]}]}])
def test_a_damaged_screen_is_ignored(ui: Any) -> None:
    assert only(definition(number("t"), ui=ui)).step == 1


# Decoding values


@pytest.mark.parametrize("raw", [1, True, "1", "true", "True", 1.0])
def test_true_has_many_spellings(raw: Any) -> None:
    assert value(definition(attr("x")), raw) is True


@pytest.mark.parametrize("raw", [0, False, "0", "false"])
def test_false_has_many_spellings(raw: Any) -> None:
    assert value(definition(attr("x")), raw) is False


MODE = definition(attr("mode", "enum", enum=["cool", " heat", "热"]))


@pytest.mark.parametrize(
    ("raw", "option"),
    [("cool", "cool"), (" heat", " heat"), ("heat", " heat"), ("cool ", "cool"), ("热", "热"), (1, " heat"), (2, "热")],
)
def test_an_enum_is_decoded_from_label_or_index(raw: Any, option: str) -> None:
    assert value(MODE, raw) == option


@pytest.mark.parametrize("raw", ["cft1", "", 3, -1, 0.5])
def test_an_unknown_label_or_index_is_kept(raw: Any) -> None:
    assert value(MODE, raw) == raw


def test_text_of_digits_is_a_label_before_an_index() -> None:
    level = definition(attr("level", "enum", enum=["1", "2", "0"]))
    assert value(level, "1") == "1"
    assert value(level, 1) == "2"


@pytest.mark.parametrize(
    ("raw", "read"), [(21, 21), (21.5, 21.5), ("21", 21), ("21.5", 21.5), (-10, -10), (300, 300), (65535, 65535)]
)
def test_a_number_beyond_its_range_is_kept(raw: Any, read: float) -> None:
    assert value(definition(number("t", ratio=0.5)), raw) == read


def test_rounding_noise_is_removed_and_nothing_else() -> None:
    tenths = definition(number("t", ratio=0.1))
    assert value(tenths, 21.299999) == 21.3
    assert value(tenths, 0.30000000000000004) == 0.3
    assert value(tenths, 21.25) == 21.25
    assert value(definition(number("t")), 1234567.5) == 1234567.5
    assert value(definition(number("t")), 0.5) == 0.5


@pytest.mark.parametrize("raw", ["hot", "", "nan", "inf", float("nan"), float("inf"), True, [1], {}, "1e999", 10**400])
def test_an_invalid_number_is_skipped(raw: Any) -> None:
    snapshot = definition(number("t"), attr("on")).snapshot({"t": raw, "on": 1}, NOON)
    assert snapshot.skipped == ("t",)
    assert set(snapshot.readings) == {"on"}


@pytest.mark.parametrize("raw", ["0AfF", "0aff", [10, 255]])
def test_a_binary_is_decoded_to_lower_case_hex(raw: Any) -> None:
    assert value(definition(attr("timer", "binary")), raw) == "0aff"


@pytest.mark.parametrize(
    ("length", "raw", "expected"),
    [
        (3, "AAAA", "000000"),  # valid as hex and as base64, so that the length decides
        (3, "AAAAAA", "aaaaaa"),
        (2, "CvQ=", "0af4"),
        (6, "AQIDBAUG", "010203040506"),
        (6, "0102", "0102"),  # short, but with a length that is impossible in base64
        (None, "AAAA", "aaaa"),
    ],
)
def test_a_binary_can_be_base64(length: int | None, raw: str, expected: str) -> None:
    position = {} if length is None else {"position": {"len": length}}
    assert value(definition(attr("timer", "binary", **position)), raw) == expected


@pytest.mark.parametrize("raw", ["abc", "zz", [256], [-1], [True], ["1"], 5, {}])
def test_an_invalid_binary_is_skipped(raw: Any) -> None:
    assert definition(attr("timer", "binary")).snapshot({"timer": raw}, NOON).skipped == ("timer",)


def test_null_is_a_reading_without_a_value() -> None:
    snapshot = definition(attr("x")).snapshot({"x": None}, NOON)
    assert snapshot.readings["x"].value is None
    assert snapshot.skipped == ()


def test_a_datapoint_missing_in_the_definition_is_kept_and_noticed() -> None:
    found = definition(attr("x"), attr("skipped", "float64"))
    snapshot = found.snapshot({"x": 1, "new": "热", "skipped": 1.5}, NOON)
    assert snapshot.readings["new"].value == "热"
    assert found.lacks({"new": 1, "x": 1}) == {"new"}
    assert not found.lacks({"x": 1, "skipped": 1})


def test_readings_have_the_time_of_the_report() -> None:
    snapshot = definition(attr("x")).snapshot({"x": 1}, NOON)
    assert snapshot.reported_at == NOON
    assert snapshot.readings["x"].taken_at == NOON
    assert definition(attr("x")).snapshot({}, None).readings == {}


# Encoding values


def written(found: Definition, chosen: Any) -> Value:
    (sent,) = found.attrs({only(found).key: chosen}).values()
    return sent


@pytest.mark.parametrize(("chosen", "sent"), [(True, True), (False, False), (1, True), (0, False), ("0", False)])
def test_a_bool_is_encoded_as_true_or_false(chosen: Any, sent: bool) -> None:
    assert written(definition(attr("x")), chosen) is sent


@pytest.mark.parametrize(("chosen", "sent"), [("cool", "cool"), (" heat", " heat"), ("heat", " heat"), (2, "热")])
def test_an_enum_is_encoded_as_the_untrimmed_label(chosen: Any, sent: str) -> None:
    assert written(MODE, chosen) == sent


@pytest.mark.parametrize(
    ("chosen", "sent"),
    [(21.5, 21.5), (21, 21), (21.0, 21), ("21.5", 21.5), (21.299999999999997, 21.5), (-50, -50), (49, 49), (0.1, 0)],
)
def test_a_number_is_rounded_to_its_scale(chosen: Any, sent: float) -> None:
    found = written(definition(number("t", ratio=0.5, addition=-50, most=198)), chosen)
    assert found == sent
    assert isinstance(found, int) is (sent == int(sent))


def test_a_scale_begins_at_its_minimum_and_does_not_exceed_its_maximum() -> None:
    found = definition(number("t", least=1, most=10), ui=ui_step("t", 4))
    assert [written(found, chosen) for chosen in (1, 4, 8, 10)] == [1, 5, 9, 9]
    assert written(definition(number("t", most=11), ui=ui_step("t", 4)), 11) == 11


def test_tenths_are_encoded_without_rounding_noise() -> None:
    found = definition(number("t", ratio=0.1, most=1000))
    assert all(written(found, tenths / 10) == tenths / 10 for tenths in range(1001))


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        (definition(attr("x")), "on"),
        (definition(attr("x")), 2),
        (MODE, "boost"),
        (MODE, 3),
        (MODE, -1),
        (MODE, True),
        (definition(number("t")), 101),
        (definition(number("t")), -1),
        (definition(number("t")), "hot"),
        (definition(number("t")), True),
        (definition(number("t")), float("nan")),
        (definition(attr("b", "binary", position={"len": 2})), "0x01"),
        (definition(attr("b", "binary", position={"len": 2})), "abc"),
        (definition(attr("b", "binary", position={"len": 2})), "010203"),
        (definition(attr("b", "binary", position={"len": 2})), 5),
        (definition(attr("x", kind="status_readonly")), True),
        (definition(attr("x", kind="alert")), True),
    ],
)
def test_an_invalid_value_is_rejected_with_its_datapoint(found: Definition, chosen: Any) -> None:
    with pytest.raises(Rejected) as refusal:
        found.attrs({only(found).key: chosen})
    assert refusal.value.reason is Reason.SCHEMA_MISMATCH
    assert refusal.value.subject == only(found).key


def test_an_unknown_datapoint_is_rejected() -> None:
    with pytest.raises(Rejected) as refusal:
        definition(attr("x")).attrs({"x": True, "nothing": True})
    assert refusal.value.subject == "nothing"


@pytest.mark.parametrize(("chosen", "sent"), [("AB", "ab000000"), ("01020304", "01020304"), ("", "00000000")])
def test_a_binary_is_padded_on_the_right(chosen: str, sent: str) -> None:
    assert written(definition(attr("b", "binary", position={"len": 4})), chosen) == sent


# Recorded payloads


def products(folder: Path) -> dict[str, Any]:
    found = {path.name: json.loads(path.read_text()) for path in sorted((folder / "products").glob("*.json"))}
    assert len(found) >= 30
    return found


def test_every_attribute_of_every_recorded_definition_becomes_a_datapoint(real_payloads: Path) -> None:
    for name, body in products(real_payloads).items():
        parsed = parse(body)
        assert parsed is not None, name
        attrs = [found for entity in body["entities"] for found in entity["attrs"]]
        assert [datapoint.key for datapoint in parsed.schema.datapoints] == [found["name"] for found in attrs], name
        assert parsed.schema.skipped == ()
        assert parsed.name == body["name"]


def test_our_scales_equal_those_of_the_vendors_screens(real_payloads: Path) -> None:
    compared = 0
    for name, body in products(real_payloads).items():
        for entity in body["entities"]:
            for attr in entity["attrs"]:
                attr["desc"] = ""  # it may say more than the screens
        parsed = parse(body)
        assert parsed is not None
        for section in body.get("ui", {}).get("sections", []):
            for element in section["elements"]:
                if (spec := element.get("object", {}).get("uint_spec")) is None:
                    continue
                datapoint = parsed.by_key[element["key"].removeprefix("entity0.")]
                if datapoint.data_type is DataType.BOOL:
                    continue  # a number from 0 to 1
                assert (datapoint.minimum, datapoint.maximum, datapoint.step) == (
                    spec["min"],
                    spec["max"],
                    spec["step"],
                ), (name, datapoint.key)
                compared += 1
    assert compared > 200


def test_every_writable_datapoint_of_every_recorded_definition_can_be_written_and_read(real_payloads: Path) -> None:
    for body in products(real_payloads).values():
        parsed = parse(body)
        assert parsed is not None
        for datapoint in parsed.schema.datapoints:
            if not datapoint.is_writable:
                continue
            for chosen in _ends(datapoint):
                sent = parsed.attrs({datapoint.key: chosen})
                assert parsed.snapshot(sent, NOON).readings[datapoint.key].value == chosen


def _ends(datapoint: Datapoint) -> tuple[Value, ...]:
    match datapoint.data_type:
        case DataType.BOOL:
            return False, True
        case DataType.ENUM:
            return datapoint.options
        case DataType.NUMBER:
            assert datapoint.minimum is not None
            assert datapoint.maximum is not None
            return datapoint.minimum, datapoint.maximum
        case _:
            return ("ab" * (datapoint.length or 0),)


def described_by(attrs: Mapping[str, Any], bodies: Mapping[str, Any]) -> list[Definition]:
    found = [parse(body) for body in bodies.values()]
    return [parsed for parsed in found if parsed is not None and not parsed.lacks(attrs)]


def test_no_value_of_a_recorded_snapshot_is_lost(real_payloads: Path) -> None:
    bodies = products(real_payloads)
    paths = sorted((real_payloads / "devdata").glob("*.json"))
    assert len(paths) >= 9
    for path in paths:
        attrs = json.loads(path.read_text())["attr"]
        # Decode it with its own definition if there is one, with every other one, and without any.
        for parsed in [*described_by(attrs, bodies), *filter(None, map(parse, bodies.values())), Definition()]:
            snapshot = parsed.snapshot(attrs, NOON)
            assert set(snapshot.readings) | set(snapshot.skipped) == set(attrs)
            for key, reading in snapshot.readings.items():
                assert reading.value == attrs[key] or key in parsed.by_key, (path.name, key)
        assert not Definition().snapshot(attrs, NOON).skipped


def test_a_recorded_snapshot_is_decoded_by_its_definition(real_payloads: Path) -> None:
    bodies = products(real_payloads)
    attrs = json.loads((real_payloads / "devdata" / "heatzy-pilote2-2019.json").read_text())["attr"]
    parsed = parse(bodies["heatzy-pilote2.json"])
    assert parsed is not None
    snapshot = parsed.snapshot(attrs, NOON)
    assert snapshot.skipped == ()
    assert snapshot.readings["mode"].value == "cft"
    assert snapshot.readings["time_min"].value == 30
