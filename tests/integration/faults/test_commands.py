"""Commands under every fault: the caller gets an error, and the entity shows the device's value in the end."""

import pytest

from tests.integration.subjects import SUBJECTS, air_conditioner, chiller

from .clock import finish
from .complaints import Complaints
from .conftest import MakeAccount, Record
from .kinds import CLEAR_FAILURES, Kind
from .requests import COMMANDS, RequestClass
from .table import cells

_DEVICES = {"gizwits_open": air_conditioner, "gizwits_enterprise": chiller}
_VALUE = 18
_LONGEST_SECONDS = 60
_STEPS_UNTIL_THE_TRUTH = 3
_MOST_TIMES = 2


@pytest.mark.fault_cell
@pytest.mark.parametrize(("request_class", "kind"), cells(COMMANDS))
async def test_a_command_survives_the_fault(
    make_account: MakeAccount, record: Record, request_class: RequestClass, kind: Kind
) -> None:
    account = make_account(request_class.cloud)
    await account.live_well()
    complaints = Complaints()

    request_class.strike(account.simulation, kind.make())
    target = {"entity_id": account.entity_id, "value": _VALUE}
    platform = SUBJECTS[account.cloud].platform
    command = account.hass.services.async_call(platform, "set_value", target, blocking=True)
    outcome, seconds = await finish(account.hass, account.freezer, command)
    request_class.relieve(account.simulation)

    complaints.add_if(seconds > _LONGEST_SECONDS, f"the caller waits for {seconds:.0f} s")
    complaints.add_of_outcome(outcome, kind)
    complaints.add_if(outcome is None and kind.name in CLEAR_FAILURES, "the caller gets no error")
    sent = request_class.asked(account.simulation)
    complaints.add_if(sent > _MOST_TIMES, f"sent {sent} times")
    complaints.add_of("lost", account.lost())
    complaints.add_of_sign_in(account)

    for _ in range(_STEPS_UNTIL_THE_TRUTH):
        await account.step()
    account.value = _DEVICES[account.cloud](account.simulation).attrs["set_temp"]
    complaints.add_if_not_shown(account, "not the truth")
    complaints.add_of_repetition(account)
    complaints.add_of_tracebacks(account)
    record(request_class.cloud, f"{request_class.name} x {kind.name}", complaints)
