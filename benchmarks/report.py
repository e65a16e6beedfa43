"""The table that each benchmark prints, and its goals. It measures nothing itself."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .quiet import quiet


@dataclass(frozen=True, slots=True)
class Goal:
    """A measured value and its upper limit."""

    what: str
    measured: float
    most: float
    unit: str = ""

    @property
    def holds(self) -> bool:
        return self.measured <= self.most

    def __str__(self) -> str:
        word = "holds" if self.holds else "MISSED"
        return f"{word:<7}{self.what}: {self.measured:.4g}{self.unit} (at most {self.most:g}{self.unit})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One table. Its first column is text and aligned left; the others are formatted numbers, aligned right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    goals: Sequence[Goal]
    remarks: Sequence[str] = field(default=())

    @property
    def holds(self) -> bool:
        return all(goal.holds for goal in self.goals)

    def show(self) -> None:
        table = [self.columns, *self.rows]
        widths = [max(len(row[index]) for row in table) for index in range(len(self.columns))]
        print(f"\n{self.title}\n{'=' * len(self.title)}")
        for row in table:
            first, *others = row
            cells = [first.ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
            print("  ".join(cells))
        for line in (*self.remarks, *self.goals):
            print(line)
        sys.stdout.flush()


def run(*measures: Callable[[], Part]) -> int:
    """Measure and print the parts one after the other. Return the exit code: 1 if a goal is missed, else 0."""
    all_hold = True
    for measure in measures:
        with quiet():
            part = measure()
        part.show()
        all_hold = all_hold and part.holds
    return 0 if all_hold else 1
