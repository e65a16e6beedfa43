"""Tests that the client store keeps JSON values and reports each change once."""

from typing import Any

from custom_components.datapoint_cloud.clouds.client_store import ClientStore


def test_stored_value_is_returned() -> None:
    client_store = ClientStore({"a": 1})
    client_store.put("b", [2])
    assert (client_store.get("a"), client_store.get("b"), client_store.get("c")) == (1, [2], None)
    assert client_store.content == {"a": 1, "b": [2]}


def test_the_store_reports_only_changes() -> None:
    changes: list[Any] = []
    client_store = ClientStore({"a": 1}, on_change=lambda: changes.append(dict(client_store.content)))
    client_store.put("a", 1)
    client_store.put("missing", None)
    assert changes == []
    client_store.put("a", 2)
    assert changes == [{"a": 2}]


def test_storing_none_removes_the_value() -> None:
    changes: list[None] = []
    client_store = ClientStore({"a": 1}, on_change=lambda: changes.append(None))
    client_store.put("a", None)
    assert client_store.content == {}
    assert len(changes) == 1


def test_the_store_does_not_change_its_initial_content() -> None:
    stored = {"a": 1}
    ClientStore(stored).put("a", 2)
    assert stored == {"a": 1}
