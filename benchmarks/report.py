"""What every part of the benchmarks hands in: a table, and whether its goals hold. It measures nothing."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Goal:
    """Something that should be at most so much."""

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
    """One table. Its first column is text, the others are numbers as they should be read."""

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
    """Measure and print, one part after the other; 1 if a goal is missed, else 0."""
    all_hold = True
    for measure in measures:
        part = measure()
        part.show()
        all_hold = all_hold and part.holds
    return 0 if all_hold else 1
