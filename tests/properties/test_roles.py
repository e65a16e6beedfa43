"""What a role writes is what it reads, whatever the device reported before."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_components.datapoint_cloud.clouds.gizwits.schema import parse
from custom_components.datapoint_cloud.clouds.model import DataType, Value
from custom_components.datapoint_cloud.fleet.composites import composites_of
from custom_components.datapoint_cloud.fleet.description import DatapointDescription, describe
from custom_components.datapoint_cloud.fleet.naming import Naming
from custom_components.datapoint_cloud.profiles import Product, load_profiles
from custom_components.datapoint_cloud.profiles.entities import PLATFORMS, Kind
from custom_components.datapoint_cloud.profiles.roles import Role, Source

type Descriptions = Mapping[str, DatapointDescription]

_SCALES = st.sampled_from([1.0, 0.5, 0.1, 0.01, -1.0, -0.1, 2.0])
_OFFSETS = st.sampled_from([0.0, -50.0, 100.0, 16.0])


@given(st.integers(-1_000, 70_000), _SCALES, _OFFSETS)
def test_a_number_is_read_as_it_was_written(raw: int, scale: float, offset: float) -> None:
    role = Role((Source(keys=("k",), scale=scale, offset=offset),))
    number = role.number({"k": raw}.get)
    assert number is not None
    assert role.values_of_number(number) == pytest.approx({"k": raw})


@given(st.integers(1, 4).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, 256**size - 1))), _SCALES)
def test_joined_bytes_are_read_as_they_were_written(sized: tuple[int, int], scale: float) -> None:
    size, raw = sized
    keys = tuple(f"k{index}" for index in range(size))
    role = Role((Source(keys=keys, scale=scale),))
    written = dict(zip(keys, raw.to_bytes(size), strict=True))
    number = role.number(written.get)
    assert number is not None
    assert role.values_of_number(number) == written


@given(st.integers(2, 4), st.integers(), _SCALES)
def test_bytes_that_cannot_hold_a_number_refuse_it(size: int, raw: int, scale: float) -> None:
    role = Role((Source(keys=tuple(f"k{index}" for index in range(size)), scale=scale),))
    try:
        values = role.values_of_number(raw * scale)
    except ValueError:
        assert not 0 <= raw < 256**size
    else:
        assert all(0 <= int(value) < 256 for value in values.values())


# The project's profiles


@cache
def _roles(payloads: Path) -> list[tuple[str, Role, Descriptions]]:
    """Return the roles of words and flags that real definitions have by the project's profiles."""
    return list(_found(payloads))


def _found(payloads: Path) -> Iterator[tuple[str, Role, Descriptions]]:
    for path in sorted((payloads / "products").glob("*.json")):
        definition = parse(json.loads(path.read_text(encoding="utf-8")))
        assert definition is not None
        profile = load_profiles().of(Product(path.stem, definition.by_key, definition.name or ""))
        descriptions = describe(definition.schema.datapoints, {}, profile, Naming.load("en"))
        for composite in composites_of(profile, descriptions):
            for name, role in composite.roles.items():
                if PLATFORMS[composite.platform].roles[name] is not Kind.NUMBER:
                    yield f"{path.stem} {composite.key} {name}", role, descriptions


def _values(description: DatapointDescription) -> st.SearchStrategy[Value | None]:
    datapoint = description.datapoint
    if description.options:
        return st.sampled_from([None, *description.options.values()])
    if datapoint.data_type is DataType.BOOL:
        return st.sampled_from([None, False, True])
    return st.none() | st.integers(int(datapoint.minimum or 0), int(datapoint.maximum or 255))


@given(st.data())
def test_a_word_is_read_as_it_was_written(real_payloads: Path, data: st.DataObject) -> None:
    roles = _roles(real_payloads)
    assert len(roles) > 30
    for name, role, descriptions in roles:
        before = {key: data.draw(_values(descriptions[key])) for key in sorted(role.keys)}
        for word in role.writable_words:
            values = role.values_of_word(word)
            assert values is not None, name
            assert role.word({**before, **values}.get) == word, (name, before)
        for is_on in (False, True):
            flags = None if role.words and set(role.words) != {"on", "off"} else role.values_of_flag(is_on=is_on)
            if flags is not None:
                assert role.flag({**before, **flags}.get) is is_on, (name, before)
