"""Data that a client needs again after a restart: long-lived tokens, schemas, parameters a server accepted.

It maps keys to JSON values and reports changes to its owner, who writes them to disk.
"""

from collections.abc import Callable, Mapping
from typing import Any


class ClientStore:
    """A small dictionary of JSON values that reports its changes. Replace values as a whole, never modify them."""

    def __init__(self, content: Mapping[str, Any] | None = None, on_change: Callable[[], None] | None = None) -> None:
        """Start from `content`; call `on_change` after each change."""
        self._content: dict[str, Any] = dict(content or {})
        self._on_change = on_change

    @property
    def content(self) -> Mapping[str, Any]:
        """All values including secrets; only for storage."""
        return self._content

    def get(self, key: str) -> Any:
        """Return the value of `key`, or None."""
        return self._content.get(key)

    def put(self, key: str, value: Any, *, is_urgent: bool = True) -> None:
        """Set `key` to `value`; None removes it. A change that is not urgent is only written along with others."""
        if self._content.get(key) == value:
            return
        if value is None:
            del self._content[key]
        else:
            self._content[key] = value
        if is_urgent and self._on_change is not None:
            self._on_change()
