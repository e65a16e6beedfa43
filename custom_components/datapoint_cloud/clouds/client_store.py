"""What a client wants to find again after a restart: long-lived tokens, schemas, what a server was seen to accept.

It holds JSON values by key and tells its owner that it changed; where it is written to is the owner's business.
"""

from collections.abc import Callable, Mapping
from typing import Any


class ClientStore:
    """A small dictionary of JSON values that reports its changes. Values are replaced whole, never changed in place."""

    def __init__(self, content: Mapping[str, Any] | None = None, on_change: Callable[[], None] | None = None) -> None:
        """Start from `content`; call `on_change` after each change."""
        self._content: dict[str, Any] = dict(content or {})
        self._on_change = on_change

    @property
    def content(self) -> Mapping[str, Any]:
        """Everything in it, secrets included: for storage alone."""
        return self._content

    def get(self, key: str) -> Any:
        """The value under `key`, or None."""
        return self._content.get(key)

    def put(self, key: str, value: Any, *, is_urgent: bool = True) -> None:
        """Keep `value` under `key`; None forgets it. What is not urgent is not reported: it goes with other changes."""
        if self._content.get(key) == value:
            return
        if value is None:
            del self._content[key]
        else:
            self._content[key] = value
        if is_urgent and self._on_change is not None:
            self._on_change()
