"""Push under every fault: polling takes over at once, no report is lost, and push connects again."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from aiohttp import web

from simulator.gizwits import websocket
from simulator.simulation import Simulation
from tests.integration.pushed import Pushed

from .account import Account
from .clock import pass_time
from .complaints import Complaints
from .conftest import MakeAccount, Record
from .kinds import KINDS, Kind

_SECONDS = 11.0  # that the clock moves at once: a connection is pinged in less than a minute
_STEP = 6  # of these steps are a little longer than an interval
_STEPS = 16
_STEPS_UNTIL_SHOWN = 4
_STEPS_UNTIL_PUSHED_AGAIN = 20
_MOST_CONNECTIONS = 2 * _STEPS
_MOST_LOGINS = 3
_OF_THE_HANDSHAKE = [kind for kind in KINDS if kind.make().changes is None and kind.make().cuts_at is None]


@dataclass(frozen=True, slots=True)
class _Trouble:
    """`keep_up` causes the fault again while it lasts; `end` ends it."""

    cloud: str
    name: str
    keep_up: Callable[[Simulation], None]
    end: Callable[[Simulation], None] = lambda _: None


def _bad_handshake(kind: Kind) -> _Trouble:
    def is_handshake(request: web.Request) -> bool:
        return request.path == "/ws/app/v1"

    def keep_up(simulation: Simulation) -> None:
        server = simulation.gizwits_open
        if not server.faults:
            fault = kind.make()
            fault.matches = is_handshake
            server.faults.append(fault)
            server.push.drop()

    def end(simulation: Simulation) -> None:
        for fault in simulation.gizwits_open.faults:
            if fault.gate is not None:
                fault.gate.set()
        simulation.gizwits_open.faults.clear()

    return _Trouble("gizwits_open", f"handshake x {kind.name}", keep_up, end)


def _forgotten(simulation: Simulation) -> None:
    """Let the server forget its clients, so that it rejects each of their messages as invalid."""
    for connection in simulation.gizwits_open.push.connections:
        connection.uid = None
        connection.subscribed.clear()


def _set_open(**how: bool) -> Callable[[Simulation], None]:
    def set_open(simulation: Simulation) -> None:
        for name, value in how.items():
            setattr(simulation.gizwits_open.push, name, value)

    return set_open


def _refuse_open(simulation: Simulation) -> None:
    simulation.gizwits_open.push.refuses_logins = True
    simulation.gizwits_open.push.drop()


def _refuse_snoti(simulation: Simulation) -> None:
    simulation.gizwits_snoti.refuses = set(simulation.gizwits_enterprise.products)
    simulation.gizwits_snoti.drop_connections()


def _err_snoti(simulation: Simulation) -> None:
    simulation.gizwits_snoti.login_error = 4005
    simulation.gizwits_snoti.drop_connections()


def _restore_snoti(simulation: Simulation) -> None:
    simulation.gizwits_snoti.refuses = set()
    simulation.gizwits_snoti.login_error = None
    simulation.gizwits_snoti.is_silent = False


def _silence_snoti(simulation: Simulation) -> None:
    simulation.gizwits_snoti.is_silent = True


_TROUBLES = (
    *(_bad_handshake(kind) for kind in _OF_THE_HANDSHAKE if not kind.is_harmless),
    _Trouble("gizwits_open", "login refused", _refuse_open, _set_open(refuses_logins=False)),
    _Trouble("gizwits_open", "silence", _set_open(is_silent=True), _set_open(is_silent=False)),
    _Trouble("gizwits_open", "dropped again and again", lambda simulation: simulation.gizwits_open.push.drop()),
    *(_Trouble("gizwits_open", f"forgotten, {code}", _forgotten) for code in (1003, 1009, 1011)),
    _Trouble("gizwits_open", "no JSON", lambda simulation: simulation.gizwits_open.push.send("<html>")),
    _Trouble("gizwits_open", "null", lambda simulation: simulation.gizwits_open.push.send("null")),
    _Trouble("gizwits_open", "nested without end", lambda simulation: simulation.gizwits_open.push.send("[" * 50_000)),
    _Trouble("gizwits_enterprise", "login refused", _refuse_snoti, _restore_snoti),
    _Trouble("gizwits_enterprise", "login in error", _err_snoti, _restore_snoti),
    _Trouble("gizwits_enterprise", "silence", _silence_snoti, _restore_snoti),
    _Trouble(
        "gizwits_enterprise",
        "dropped again and again",
        lambda simulation: simulation.gizwits_snoti.drop_connections(),
    ),
    _Trouble("gizwits_enterprise", "no JSON", lambda simulation: simulation.gizwits_snoti.send_line(b"<html>\n")),
    _Trouble("gizwits_enterprise", "null", lambda simulation: simulation.gizwits_snoti.send_line(b"null\n")),
    _Trouble(
        "gizwits_enterprise", "no end of a line", lambda simulation: simulation.gizwits_snoti.send_line(b"x" * 9999)
    ),
)


@pytest.mark.fault_cell
@pytest.mark.parametrize("trouble", _TROUBLES, ids=lambda trouble: f"{trouble.cloud}-{trouble.name}")
async def test_push_survives_the_fault(
    make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch, record: Record, trouble: _Trouble
) -> None:
    if (code := trouble.name.removeprefix("forgotten, ")).isdecimal():
        monkeypatch.setattr(websocket, "_NOT_LOGGED_IN", int(code))
    account = make_account(trouble.cloud)
    pushed = await _pushed(account)
    inventory_before = account.inventory()
    complaints = Complaints()

    for step in range(_STEPS):
        trouble.keep_up(account.simulation)
        value = 6 + step // _STEPS_UNTIL_SHOWN
        if step % _STEPS_UNTIL_SHOWN == 0:
            pushed.report(value)
        await _step(account)
        if step % _STEPS_UNTIL_SHOWN == _STEPS_UNTIL_SHOWN - 1:
            complaints.add_if(pushed.shown() != value, f"step {step}: shows {pushed.shown()} for {value}")
    connections, logins = account.requests_to("/ws/app/v1"), account.requests_to("/app/login")
    complaints.add_if(connections > _MOST_CONNECTIONS, f"{connections} connections in {_STEPS} minutes")
    complaints.add_if(logins > _MOST_LOGINS, f"{logins} logins")
    complaints.add_of("lost", account.lost())
    complaints.add_of_sign_in(account)

    trouble.end(account.simulation)
    for _ in range(_STEPS_UNTIL_PUSHED_AGAIN):
        if pushed.is_all_pushed():
            break
        await _step(account)
    complaints.add_if(not pushed.is_all_pushed(), "push does not come back")
    complaints.add_of("removed", inventory_before - account.inventory())
    complaints.add_of_repetition(account)
    complaints.add_of_tracebacks(account)
    record(trouble.cloud, f"push x {trouble.name}", complaints)


async def _pushed(account: Account) -> Pushed:
    """Let the cloud push to the account."""
    account.caplog.set_level(logging.INFO)
    pushed = Pushed(account.hass, account.simulation, account.freezer, account.cloud)
    await pushed.add()
    account.entry = pushed.entry
    account.caplog.clear()
    account.reset_counts()
    return pushed


async def _step(account: Account) -> None:
    for _ in range(_STEP):
        await pass_time(account.hass, account.freezer, _SECONDS)
