"""A restart shows the stored state at once, and needs few requests."""

from collections import Counter
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from simulator.server import Fault
from simulator.simulation import Simulation

from . import flows
from .accounts import KINDS, add_account, poll
from .passing_time import pass_time
from .subjects import SUBJECTS

_VALUES = ("/latest", "/data", "/last-values", "/variables", "/datapoint")


async def restart(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()


def requests(simulation: Simulation) -> dict[str, int]:
    """Count the requests since the last call, by the last fixed segment of each path."""
    counted: Counter[str] = Counter()
    for server in simulation.servers:
        for route, times in server.requests.items():
            segments = [segment for segment in route.split("/") if not segment.startswith("{")]
            counted[segments[-1]] += times
        server.reset_counts()
    # Reports and scenes come in the background, and have tests of their own.
    return {word: times for word, times in counted.items() if word not in {"summary", "rt", "total", "scene"}}


# The simulated fleets: Open API 6 devices of 5 products, 4 of them online; Enterprise API 59 devices of 2 products,
# 53 of them online; SoData 11 devices; one Firstlight query. Each product key, device and query costs one request.
@pytest.mark.parametrize(
    ("kind", "first_start", "restart_at_once", "one_poll", "restart_after_hours"),
    [
        (
            "gizwits_open",
            {"login": 1, "bindings": 1, "datapoint": 5, "latest": 6},
            {"bindings": 1},
            # The spa reports a name that its definition lacks: the client checks once whether that one was shortened.
            {"bindings": 1, "datapoint": 1, "latest": 4},
            {"bindings": 1, "latest": 6},
        ),
        (
            "gizwits_enterprise",
            # One device has not reported within two days: the client looks further back for it, once.
            {"access_token": 2, "search": 2, "datapoint": 2, "data": 60},
            {"search": 2},
            {
                "search": 4,
                "data": 54,
            },  # the client also requests the active devices; one called offline reported a short while ago
            {"search": 2, "data": 59},
        ),
        (
            "sodata",
            {"token": 1, "sites": 1, "customers": 1, "devices": 1, "variables": 11, "last-values": 1},
            {"sites": 1, "customers": 1, "devices": 1},  # the session is still open
            {"last-values": 1},
            {"token": 1, "sites": 1, "customers": 1, "devices": 1, "last-values": 1},
        ),
        # Only an answer shows whether a query is right; its figures are stored.
        ("firstlight", {"aggregate": 1}, {}, {"aggregate": 1}, {"aggregate": 1}),
    ],
)
@pytest.mark.usefixtures("whole_fleets")
async def test_a_start_and_a_poll_make_the_expected_number_of_requests(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    kind: str,
    first_start: dict[str, int],
    restart_at_once: dict[str, int],
    one_poll: dict[str, int],
    restart_after_hours: dict[str, int],
) -> None:
    entry = await add_account(hass, simulation, kind)
    assert requests(simulation) == first_start
    await restart(hass, entry)
    assert requests(simulation) == restart_at_once
    await poll(hass, entry)
    assert requests(simulation) == one_poll
    await hass.config_entries.async_unload(entry.entry_id)
    freezer.tick(7200)
    await hass.config_entries.async_setup(entry.entry_id)
    assert requests(simulation) == restart_after_hours


@pytest.mark.parametrize("kind", KINDS)
async def test_last_readings_are_shown_before_any_device_is_read(
    hass: HomeAssistant, hass_storage: dict[str, Any], simulation: Simulation, kind: str
) -> None:
    subject = SUBJECTS[kind]
    subject.report(simulation, 21)
    entry = await add_account(hass, simulation, kind)
    subject.report(simulation, 22)
    server = subject.server(simulation)
    server.faults = [Fault(matches=lambda request: request.path.endswith(_VALUES), status=502)]
    await restart(hass, entry)
    assert float(subject.state(hass, simulation, entry)) == 21

    server.faults = []
    await poll(hass, entry)
    assert float(subject.state(hass, simulation, entry)) == 22


@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise", "sodata"])
async def test_last_readings_outlast_a_start_without_the_cloud(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    kind: str,
) -> None:
    subject = SUBJECTS[kind]
    subject.report(simulation, 21)
    entry = await add_account(hass, simulation, kind)
    server = subject.server(simulation)
    await hass.config_entries.async_unload(entry.entry_id)
    server.faults = [Fault(drops=True)]
    await hass.config_entries.async_setup(entry.entry_id)
    await pass_time(hass, freezer, 2)
    server.faults = [Fault(matches=lambda request: request.path.endswith(_VALUES), status=502)]
    server.reset_counts()
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert float(subject.state(hass, simulation, entry)) == 21


async def test_a_token_from_a_failed_start_serves_the_next_one(
    hass: HomeAssistant, hass_storage: dict[str, Any], simulation: Simulation
) -> None:
    server = simulation.gizwits_open
    server.faults = [Fault(matches=lambda request: request.path == "/app/bindings", status=502)]
    entry = await add_account(hass, simulation, "gizwits_open")
    server.faults = []
    await hass.config_entries.async_reload(entry.entry_id)
    assert server.requests["POST /app/login"] == 1


async def test_a_device_missing_before_the_restart_is_still_counted(
    hass: HomeAssistant, hass_storage: dict[str, Any], simulation: Simulation
) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    entities = len(hass.states.async_entity_ids())
    del simulation.gizwits_open.devices[SUBJECTS["gizwits_open"].device_id(simulation)]
    await restart(hass, entry)
    await poll(hass, entry)
    assert len(hass.states.async_entity_ids()) == entities
    await poll(hass, entry)
    assert len(hass.states.async_entity_ids()) < entities


@pytest.mark.parametrize(
    ("kind", "login", "logins"),
    [
        ("gizwits_open", "POST /app/login", 1),
        ("gizwits_enterprise", "POST /v1/products/{product_key}/access_token", 1),
    ],
)
async def test_the_login_of_the_form_serves_the_set_up(
    hass: HomeAssistant, simulation: Simulation, kind: str, login: str, logins: int
) -> None:
    result = await flows.add(hass, simulation, kind)
    await hass.async_block_till_done()
    entry = result["result"]
    assert entry.state is ConfigEntryState.LOADED
    assert SUBJECTS[kind].server(simulation).requests[login] == logins
