"""Polling under every fault: no false value, no silent loss, and nothing stays lost after the fault."""

import pytest

from .cell import Cell, Phase
from .conftest import MakeAccount, Record
from .kinds import Kind
from .requests import READS, RequestClass
from .table import cells


@pytest.mark.fault_cell
@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize(("request_class", "kind"), cells(READS))
async def test_polling_survives_the_fault(
    make_account: MakeAccount, record: Record, request_class: RequestClass, kind: Kind, phase: Phase
) -> None:
    cell = Cell(make_account(request_class.cloud), request_class, kind)
    await cell.run(phase)
    record(request_class.cloud, f"{request_class.name} x {kind.name} {phase}", cell.complaints)
