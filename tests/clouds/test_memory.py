"""A memory keeps JSON values and reports each change once."""

from typing import Any

from custom_components.datapoint_cloud.clouds.memory import Memory


def test_value_is_found_again() -> None:
    memory = Memory({"a": 1})
    memory.put("b", [2])
    assert (memory.get("a"), memory.get("b"), memory.get("c")) == (1, [2], None)
    assert memory.content == {"a": 1, "b": [2]}


def test_only_changes_are_reported() -> None:
    changes: list[Any] = []
    memory = Memory({"a": 1}, on_change=lambda: changes.append(dict(memory.content)))
    memory.put("a", 1)
    memory.put("missing", None)
    assert changes == []
    memory.put("a", 2)
    assert changes == [{"a": 2}]


def test_none_forgets() -> None:
    changes: list[None] = []
    memory = Memory({"a": 1}, on_change=lambda: changes.append(None))
    memory.put("a", None)
    assert memory.content == {}
    assert len(changes) == 1


def test_what_it_started_from_stays_as_it_was() -> None:
    stored = {"a": 1}
    Memory(stored).put("a", 2)
    assert stored == {"a": 1}
