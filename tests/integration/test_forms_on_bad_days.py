"""While the cloud fails, every form answers in time with a readable error and keeps the typed values."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import KINDS, add_account
from .flows import choose, shown_in, submit, typed_for
from .passing_time import let_traffic_arrive

PATIENCE = 130  # seconds that a user waits for an answer: two requests, one after the other

FAULTS: dict[str, Callable[[], Fault]] = {
    "hanging": lambda: Fault(gate=asyncio.Event()),
    "slow": lambda: Fault(delay=25),  # for each request, so that a few of them take minutes
    "broken": lambda: Fault(status=502, body="<html>Bad Gateway</html>", content_type="text/html"),
    "throttled": lambda: Fault(status=429, body="{}"),
}


async def _within_patience(freezer: FrozenDateTimeFactory, answering: Awaitable[Any]) -> Any:
    """Return the answer, which has to come before the user's patience ends. Time moves on only in here."""
    task = asyncio.ensure_future(answering)
    for _ in range(PATIENCE // 5):
        await let_traffic_arrive()
        if task.done():
            return task.result()
        freezer.tick(5)
    task.cancel()
    raise AssertionError("no answer")


def _let_fail(simulation: Simulation, fault: str) -> None:
    for server in simulation.servers:
        server.faults = [FAULTS[fault]()]


async def _heal(hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory) -> None:
    """Let the clouds answer again, and wait until their pauses are over."""
    for server in simulation.servers:
        for fault in server.faults:
            if fault.gate is not None:
                fault.gate.set()
        server.faults = []
    freezer.tick(30)
    await hass.async_block_till_done()


def _errors(fault: str) -> dict[str, str]:
    return {"base": "rate_limited" if fault == "throttled" else "cannot_connect"}


def _is_refused(result: Any, form: Any, fault: str, reason_of_success: str) -> bool:
    """Whether the fault refused a form that keeps the typed values; only a slow answer may succeed."""
    if result["type"] == "abort":
        assert (fault, result["reason"]) == ("slow", reason_of_success)
        return False
    assert result["errors"] == _errors(fault)
    assert shown_in(form).items() <= shown_in(result).items()
    return True


@pytest.mark.usefixtures("setup_entry")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_an_account_is_not_added_partly(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    kind: str,
    fault: str,
) -> None:
    form = await choose(hass, kind)
    typed = typed_for(simulation, kind)
    _let_fail(simulation, fault)
    result = await _within_patience(freezer, submit(hass.config_entries.flow, form, typed))
    if result["type"] == "create_entry":  # a single slow request is no problem
        assert fault == "slow"
    else:
        assert result["errors"] == _errors(fault)
        flat = {key: value for key, value in typed.items() if key != "advanced"} | typed.get("advanced", {})
        assert flat.items() <= shown_in(result).items()
        assert not hass.config_entries.async_entries(DOMAIN)
        await _heal(hass, simulation, freezer)
        result = await submit(hass.config_entries.flow, result, typed)
        assert result["type"] == "create_entry"
    await _heal(hass, simulation, freezer)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("source", ["reauth", "reconfigure"])
async def test_an_account_is_not_changed_partly(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    kind: str,
    source: str,
    fault: str,
) -> None:
    entry = await add_account(hass, simulation, kind)
    before = dict(entry.data)
    form: Any = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": source, "entry_id": entry.entry_id}, data=entry.data if source == "reauth" else None
    )
    typed = _as_submitted(form)
    _let_fail(simulation, fault)
    result = await _within_patience(freezer, submit(hass.config_entries.flow, form, typed))
    if _is_refused(result, form, fault, f"{source}_successful"):
        assert shown_in(result) == shown_in(form)
    assert dict(entry.data) == before
    await _heal(hass, simulation, freezer)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", ["gizwits_enterprise", "firstlight"])
async def test_a_subentry_is_not_changed_partly(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    kind: str,
    fault: str,
) -> None:
    entry = await add_account(hass, simulation, kind)
    subentry = next(iter(entry.subentries.values()))
    before = dict(subentry.data)
    form: Any = await hass.config_entries.subentries.async_init(
        (entry.entry_id, subentry.subentry_type),
        context={"source": "reconfigure", "subentry_id": subentry.subentry_id},
    )
    _let_fail(simulation, fault)
    submitted = hass.config_entries.subentries.async_configure(form["flow_id"], _as_submitted(form))
    result = await _within_patience(freezer, submitted)
    if _is_refused(result, form, fault, "reconfigure_successful"):
        assert dict(subentry.data) == before
    await _heal(hass, simulation, freezer)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_options_are_shown_although_the_cloud_does_not_answer(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    kind: str,
    fault: str,
) -> None:
    chosen = {"groups": ["a/b"]} if kind == "gizwits_enterprise" else {}
    entry = await add_account(hass, simulation, kind, options=chosen | {"devices": ["gone"]})
    _let_fail(simulation, fault)
    started = freezer.time_to_freeze
    form = await _within_patience(freezer, hass.config_entries.options.async_init(entry.entry_id))
    assert form["type"] == "form"
    assert (freezer.time_to_freeze - started).total_seconds() <= 15
    assert shown_in(form)["devices"] == ["gone"]
    assert shown_in(form).get("groups", []) == chosen.get("groups", [])
    await _heal(hass, simulation, freezer)


def _as_submitted(form: Any) -> dict[str, Any]:
    """Return the values that the front end submits for an unchanged form."""
    shown = shown_in(form)
    inner: Any = next((kind.schema.schema for key, kind in form["data_schema"].schema.items() if key == "advanced"), {})
    advanced = {str(key): shown[str(key)] for key in inner if str(key) in shown}
    top = {key: value for key, value in shown.items() if key not in advanced}
    return top | ({"advanced": advanced} if advanced else {})
