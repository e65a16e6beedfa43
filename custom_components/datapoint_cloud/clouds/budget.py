"""Who may spend the requests that a cloud allows: commands before polling before history.

It knows no endpoint and sends nothing.
"""

from enum import StrEnum


class Purpose(StrEnum):
    """What a request is for. Only a command is never sent twice: it may have been carried out."""

    CONTROL = "control"  # commands, and the logins that everything needs
    POLLING = "polling"
    HISTORY = "history"

    @property
    def is_read(self) -> bool:
        """Whether the request changes nothing, so that it may be repeated."""
        return self is not Purpose.CONTROL
