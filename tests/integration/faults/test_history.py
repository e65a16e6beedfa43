"""History under every fault: the caller gets an error, and an incomplete answer does not count as complete."""

from typing import Any

import pytest

from custom_components.datapoint_cloud.const import DOMAIN

from .account import Account
from .clock import finish
from .complaints import Complaints
from .conftest import MakeAccount, Record
from .kinds import CLEAR_FAILURES, Kind
from .requests import HISTORIES, RequestClass
from .table import cells

type Outcome = dict[str, Any] | Exception

_HOURLY = {"range": "last_24_hours", "period": "hour", "aggregation": "avg"}
_ACTIONS: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {
    ("gizwits_open", "history"): ("get_aggregate", _HOURLY),
    ("gizwits_open", "log"): ("get_online_log", {"range": "last_24_hours"}),
    ("gizwits_enterprise", "history"): ("get_history", {"range": "last_hour"}),
    ("gizwits_enterprise", "aggregates"): ("get_aggregate", _HOURLY),
    ("gizwits_enterprise", "log"): ("get_online_log", {"range": "last_24_hours"}),
    ("sodata", "history"): ("get_history", {"range": "last_hour"}),
    ("firstlight", "history"): ("get_usage", {"range": "last_24_hours"}),
}
_OF_ENTITIES = {"get_aggregate", "get_history"}
_LONGEST_SECONDS = 90
_TIMES_THE_USUAL = 3


@pytest.mark.fault_cell
@pytest.mark.parametrize(("request_class", "kind"), cells(HISTORIES))
async def test_a_history_action_survives_the_fault(
    make_account: MakeAccount, record: Record, request_class: RequestClass, kind: Kind
) -> None:
    account = make_account(request_class.cloud)
    await account.live_well()
    well, _ = await _call(account, request_class)
    assert isinstance(well, dict), well
    usual = request_class.asked(account.simulation)
    assert usual
    complaints = Complaints()

    account.reset_counts()
    request_class.strike(account.simulation, kind.make())
    outcome, seconds = await _call(account, request_class)
    request_class.relieve(account.simulation)

    complaints.add_if(seconds > _LONGEST_SECONDS, f"the caller waits for {seconds:.0f} s")
    _complain_of_outcome(complaints, outcome, well, kind)
    requests = request_class.asked(account.simulation)
    complaints.add_if(requests > _TIMES_THE_USUAL * usual, f"{requests} requests where {usual} are usual")
    complaints.add_of("lost", account.lost())
    complaints.add_of_sign_in(account)

    again, _ = await _call(account, request_class)
    is_refused = isinstance(again, Exception) and not kind.pause_seconds
    complaints.add_if(is_refused, f"not answered after the fault: {again}")
    complaints.add_of_tracebacks(account)
    record(request_class.cloud, f"{request_class.name} x {kind.name}", complaints)


def _complain_of_outcome(complaints: Complaints, outcome: Outcome, well: dict[str, Any], kind: Kind) -> None:
    complaints.add_of_outcome(outcome, kind)
    if isinstance(outcome, dict) and all(part["complete"] for part in _parts(outcome)):
        complaints.add_if(kind.name in CLEAR_FAILURES, "a failure counts as complete")
        rows, right = _rows(outcome), _rows(well)
        is_false = kind.name not in CLEAR_FAILURES and rows != right
        complaints.add_if(is_false, f"complete with {len(rows)} rows that are not the {len(right)} right ones")


async def _call(account: Account, request_class: RequestClass) -> tuple[Outcome, float]:
    action, data = _ACTIONS[request_class.cloud, request_class.name]
    assert account.device is not None
    target = {"entity_id": account.entity_id} if action in _OF_ENTITIES else {"device_id": account.device.id}
    call = account.hass.services.async_call(DOMAIN, action, target | data, blocking=True, return_response=True)
    outcome, seconds = await finish(account.hass, account.freezer, call)
    assert outcome is not None
    return outcome, seconds


def _parts(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of an answer that have a field `complete`."""
    parts = next((value for value in answer.values() if isinstance(value, list)), [])
    return [part for part in parts if isinstance(part, dict) and "complete" in part] or [answer]


def _rows(answer: dict[str, Any]) -> list[Any]:
    return [row for part in _parts(answer) for row in part["rows"]]
