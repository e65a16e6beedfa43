"""The cells of the table, and the lines of its summary."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from .kinds import kinds_of
from .requests import RequestClass

_ONE_IN = 12  # cells of the short form; no divisor of the number of kinds or phases, so that each of them is tested


def cells(classes: Iterable[RequestClass]) -> list[Any]:
    """Return each of these classes with each kind of fault that can strike it."""
    return [
        pytest.param(request_class, kind, id=f"{request_class.cloud}-{request_class.name}-{kind.name}")
        for request_class in classes
        for kind in kinds_of(request_class.cloud)
    ]


def short_form[T](all_cells: Sequence[T]) -> Sequence[T]:
    """Return every twelfth cell, the same ones in every run."""
    return all_cells[::_ONE_IN]


@dataclass(slots=True)
class _Sum:
    cells: int = 0
    unclean: list[str] = field(default_factory=list)


def lines(properties: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Summarise the recorded cells by cloud."""
    sums: defaultdict[str, _Sum] = defaultdict(_Sum)
    for cell in properties:
        sums[cell["cloud"]].cells += 1
        if cell["complaints"]:
            sums[cell["cloud"]].unclean.append(f"{cell['cell']}: {cell['reason'] or cell['complaints']}")
    for cloud, total in sorted(sums.items()):
        yield f"{cloud}: {total.cells} cells, {total.cells - len(total.unclean)} clean, the rest:"
        yield from (f"    {line}" for line in total.unclean)
