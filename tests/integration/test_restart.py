"""A restart: what was known is there at once, and little is asked for again."""

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
    """What was asked since the last time, by the last word of each path that names no thing."""
    counted: Counter[str] = Counter()
    for server in simulation.servers:
        for route, times in server.requests.items():
            words = [word for word in route.split("/") if not word.startswith("{")]
            counted[words[-1]] += times
        server.reset_counts()
    return dict(counted)


# Of the simulated fleets: Open API 6 devices of 5 products, 4 of them online; Enterprise API 59 devices of 2 products,
# 53 of them online; SoData 11 devices; one Firstlight query. A product key, a device and a query is a request each.
@pytest.mark.parametrize(
    ("kind", "first_start", "restart_at_once", "one_poll", "restart_after_hours"),
    [
        (
            "gizwits_open",
            {"login": 1, "bindings": 1, "datapoint": 5, "latest": 6},
            {"bindings": 1},
            # The spa reports a name that its definition lacks: whether that was a shortened one is asked once more.
            {"bindings": 1, "datapoint": 1, "latest": 4},
            {"bindings": 1, "latest": 6},
        ),
        (
            "gizwits_enterprise",
            # One device never reported within two days: it is looked for further back, once.
            {"access_token": 2, "search": 2, "datapoint": 2, "data": 60},
            {"search": 2},
            {
                "search": 4,
                "data": 54,
            },  # who was active is asked for as well; one spoke a moment ago, although it is called offline
            {"search": 2, "data": 59},
        ),
        (
            "sodata",
            {"token": 1, "sites": 1, "devices": 1, "variables": 11, "last-values": 1},
            {"sites": 1, "devices": 1},  # the session is still open
            {"last-values": 1},
            {"token": 1, "sites": 1, "devices": 1, "last-values": 1},
        ),
        # Nothing but an answer tells whether a query is right; which figures it had is stored.
        ("firstlight", {"aggregate": 1}, {}, {"aggregate": 1}, {"aggregate": 1}),
    ],
)
async def test_the_number_of_requests(
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


@pytest.mark.usefixtures("small_fleets")
@pytest.mark.parametrize("kind", KINDS)
async def test_last_readings_are_there_before_any_is_read(
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


@pytest.mark.usefixtures("small_fleets")
@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise", "sodata"])
async def test_last_readings_outlive_a_start_without_the_cloud(
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


@pytest.mark.usefixtures("small_fleets")
async def test_a_token_that_a_failed_start_got_serves_the_next_one(
    hass: HomeAssistant, hass_storage: dict[str, Any], simulation: Simulation
) -> None:
    server = simulation.gizwits_open
    server.faults = [Fault(matches=lambda request: request.path == "/app/bindings", status=502)]
    entry = await add_account(hass, simulation, "gizwits_open")
    server.faults = []
    await hass.config_entries.async_reload(entry.entry_id)
    assert server.requests["POST /app/login"] == 1


@pytest.mark.usefixtures("small_fleets")
async def test_a_device_that_was_gone_before_the_restart_is_still_counted(
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
