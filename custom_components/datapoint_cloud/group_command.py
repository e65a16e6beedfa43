"""A command to a group while it is sent: how far it is, and what became of it so far.

It sends nothing, and knows no entity.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from .clouds.errors import CloudError, Reason
from .clouds.model import Value
from .clouds.turns import Turns
from .fleet.listeners import EntityKey

GROUP_COMMAND: Final = EntityKey("", "$group_command")
"""What the entities about the newest group command of an account listen to."""


class GroupStatus(StrEnum):
    """What a group command is doing."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"


@dataclass(eq=False, slots=True)
class GroupCommand:
    """One command to a group; `values` are the vendor's."""

    group_id: str
    values: Mapping[str, Value]
    turns: Turns
    over: asyncio.Future[None]
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """How many devices refused, by reason."""
    unsent: int = 0

    def count(self, error: CloudError | None) -> bool:
        """Count the end of a turn; return whether the percentage has moved."""
        before = self.percent
        if error is None:
            self.accepted += 1
        elif error.reason is Reason.STOPPED:
            self.unsent += 1
        else:
            self.refused[str(error.reason or type(error).__name__)] += 1
        return self.percent != before

    @property
    def status(self) -> GroupStatus:
        """Whether it is under way, or how it ended."""
        if not self.over.done():
            return GroupStatus.RUNNING
        return GroupStatus.STOPPED if self.unsent else GroupStatus.FINISHED

    @property
    def percent(self) -> int | None:
        """The share of the devices that had their turn; None while the devices are unknown."""
        if self.turns.total:
            return (self.accepted + self.refused.total()) * 100 // self.turns.total
        return 100 if self.over.done() else None

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The counts behind the percentage."""
        return {
            "group_id": self.group_id,
            "status": self.status,
            "devices": self.turns.total,
            "accepted": self.accepted,
            "refused": self.refused.total(),
            "reasons": dict(self.refused),
        }
