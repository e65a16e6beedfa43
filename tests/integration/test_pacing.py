"""When accounts poll their clouds: at the user's interval, within the quota, and never during a pause."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.entity_component import async_update_entity

from custom_components.datapoint_cloud.const import DOMAIN, OPTION_INTERVAL, OPTION_SHARE
from simulator.server import Fault, Server
from simulator.simulation import Simulation

from .accounts import KINDS, add_account, entity_id_of, poll
from .passing_time import pass_time, settle
from .subjects import SUBJECTS, air_conditioner, chiller

_DEFAULT_SECONDS = {"gizwits_open": 60, "gizwits_enterprise": 60, "sodata": 120, "firstlight": 900}


@pytest.mark.parametrize("kind", KINDS)
async def test_accounts_poll_at_the_default_interval_of_their_cloud(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    subject = SUBJECTS[kind]
    entry = await add_account(hass, simulation, kind)
    server = subject.server(simulation)
    seconds = _DEFAULT_SECONDS[kind]
    for value in (21, 22):
        server.reset_counts()
        await pass_time(hass, freezer, seconds - 5)
        assert not server.log
        subject.report(simulation, value)
        await pass_time(hass, freezer, 5)
        assert float(subject.state(hass, simulation, entry)) == value


@pytest.mark.parametrize("kind", KINDS)
async def test_accounts_poll_at_the_interval_of_the_user(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    await add_account(hass, simulation, kind, options={OPTION_INTERVAL: 1200})
    server = SUBJECTS[kind].server(simulation)
    server.reset_counts()
    await pass_time(hass, freezer, 1195)
    assert not server.log
    await pass_time(hass, freezer, 5)
    assert server.log


async def _requests_in_an_hour(hass: HomeAssistant, freezer: FrozenDateTimeFactory, server: Server) -> int:
    server.reset_counts()
    for _ in range(120):
        await pass_time(hass, freezer, 30)
    return sum(server.requests.values())


async def test_the_enterprise_gets_no_more_requests_than_our_share_of_its_quota(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    server = simulation.gizwits_enterprise
    # The test begins far from the hour's end, where an hourly quota looks like one of a minute.
    server.quota_limit, server.quota_reset = 360, int(server.clock()) + 1800
    options = {OPTION_INTERVAL: 10, OPTION_SHARE: 50}
    entry = await add_account(hass, simulation, "gizwits_enterprise", options=options)
    assert 150 <= await _requests_in_an_hour(hass, freezer, server) <= 185
    assert server.quota_remaining > 0
    assert entry.runtime_data.coordinator.interval_in_force > timedelta(seconds=120)
    states = entry.runtime_data.coordinator.fleet.values()
    assert {state.is_available for state in states} == {True}  # each device was read


async def test_an_interval_beyond_the_quota_has_an_issue_until_the_quota_allows_it(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    issue_registry: ir.IssueRegistry,
) -> None:
    server = simulation.gizwits_enterprise
    server.quota_limit, server.quota_reset = 360, int(server.clock()) + 1800
    entry = await add_account(hass, simulation, "gizwits_enterprise", options={OPTION_INTERVAL: 60})
    for _ in range(5):
        await pass_time(hass, freezer, 60)
    issue = issue_registry.async_get_issue(DOMAIN, f"{entry.entry_id}_interval_too_short")
    assert issue is not None
    placeholders = issue.translation_placeholders or {}
    assert (placeholders["devices"], placeholders["wished"], placeholders["share"]) == ("8", "60 s", "252")
    in_force = float(hass.states.get(entity_id_of(hass, "sensor", entry, "$interval")).state)  # type: ignore[union-attr]
    assert in_force > 100
    server.quota_limit = 3600
    server.quota_remaining = 3600
    for _ in range(5):
        await pass_time(hass, freezer, 60)
    assert issue_registry.async_get_issue(DOMAIN, f"{entry.entry_id}_interval_too_short") is None
    assert hass.states.get(entity_id_of(hass, "sensor", entry, "$interval")).state == "60"  # type: ignore[union-attr]


async def test_a_larger_quota_does_not_make_polls_faster_than_the_interval(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise", options={OPTION_INTERVAL: 300})
    await poll(hass, entry)
    assert entry.runtime_data.coordinator.update_interval == timedelta(seconds=300)


def _exhaust(simulation: Simulation) -> Callable[[], None]:
    """Leave the enterprise no request for 25 minutes."""
    server = simulation.gizwits_enterprise
    server.quota_remaining = 0
    server.quota_reset = int(server.clock()) + 1500
    return lambda: None  # it ends without a change


def _throttle(simulation: Simulation) -> Callable[[], None]:
    server = simulation.gizwits_open
    server.faults = [Fault(status=400, body='{"error_code": 9041}', headers={"Retry-After": "1500"})]
    return server.faults.clear


def _limit(simulation: Simulation) -> Callable[[], None]:
    server = simulation.sodata
    server.faults = [Fault(status=429, body="", headers={"Retry-After": "1500"})]
    return server.faults.clear


def _limit_usage(simulation: Simulation) -> Callable[[], None]:
    server = simulation.firstlight
    server.faults = [Fault(status=429, body="", headers={"Retry-After": "1500"})]
    return server.faults.clear


_LIMITS = {"gizwits_open": _throttle, "gizwits_enterprise": _exhaust, "sodata": _limit, "firstlight": _limit_usage}


@pytest.mark.parametrize("kind", KINDS)
async def test_an_account_sends_no_request_before_the_time_that_the_cloud_named(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    subject = SUBJECTS[kind]
    entry = await add_account(hass, simulation, kind)
    server = subject.server(simulation)
    end_limit = _LIMITS[kind](simulation)
    server.reset_counts()
    await poll(hass, entry)
    assert len(server.log) <= 4  # the number of requests that run at once

    server.reset_counts()
    for _ in range(14):
        await pass_time(hass, freezer, 100)
    await async_update_entity(hass, entity_id_of(hass, "sensor", entry, "$devices"))
    await hass.async_block_till_done()
    assert not server.log

    end_limit()
    subject.report(simulation, 23)
    await pass_time(hass, freezer, 102)
    await settle(hass)
    assert float(subject.state(hass, simulation, entry)) == 23

    server.reset_counts()
    subject.report(simulation, 24)
    await pass_time(hass, freezer, _DEFAULT_SECONDS[kind])
    assert float(subject.state(hass, simulation, entry)) == 24


@pytest.mark.parametrize("kind", KINDS)
async def test_a_limit_outlasts_a_restart(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    kind: str,
) -> None:
    subject = SUBJECTS[kind]
    entry = await add_account(hass, simulation, kind)
    end_limit = _LIMITS[kind](simulation)
    await poll(hass, entry)
    server = subject.server(simulation)
    server.reset_counts()
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    assert not entry.runtime_data.coordinator.last_update_success
    for _ in range(14):
        await pass_time(hass, freezer, 100)
    assert not server.log

    end_limit()
    await pass_time(hass, freezer, 102)
    await settle(hass)
    assert entry.runtime_data.coordinator.last_update_success
    assert server.log


async def test_a_limit_met_by_the_first_readings_starts_a_pause(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    server = simulation.gizwits_open
    server.faults = [
        Fault(
            matches=lambda request: request.path.endswith("/latest"),
            status=400,
            body='{"error_code": 9041}',
            headers={"Retry-After": "600"},
        )
    ]
    entry = await add_account(hass, simulation, "gizwits_open")
    assert entry.state is ConfigEntryState.LOADED
    server.reset_counts()
    for _ in range(5):
        await pass_time(hass, freezer, 100)
    assert not server.log
    server.faults = []
    await pass_time(hass, freezer, 102)
    assert float(SUBJECTS["gizwits_open"].state(hass, simulation, entry)) == 24


async def test_a_limit_met_by_a_definition_starts_a_pause(hass: HomeAssistant, simulation: Simulation) -> None:
    server = simulation.gizwits_open
    server.faults = [
        Fault(matches=lambda request: request.path == "/app/datapoint", status=400, body='{"error_code": 9041}')
    ]
    entry = await add_account(hass, simulation, "gizwits_open")
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert server.requests["GET /app/devdata/{did}/latest"] == 0


async def test_sodata_reads_all_devices_at_once_within_a_small_share(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    simulation.sodata.add_devices("METER", 60)
    entry = await add_account(hass, simulation, "sodata", options={OPTION_INTERVAL: 120, OPTION_SHARE: 5})
    coordinator = entry.runtime_data.coordinator
    assert coordinator.interval_in_force == timedelta(seconds=120)
    for _ in range(10):
        simulation.sodata.reset_counts()
        await pass_time(hass, freezer, 120)
        assert sum(simulation.sodata.requests.values()) == 1
        assert len({state.read_at for state in coordinator.fleet.values()}) == 1


async def test_sodata_without_its_bulk_call_gets_no_more_requests_than_the_share(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    simulation.sodata.add_devices("METER", 60)
    simulation.sodata.bulk_body = None
    entry = await add_account(hass, simulation, "sodata", options={OPTION_INTERVAL: 120, OPTION_SHARE: 5})
    assert await _requests_in_an_hour(hass, freezer, simulation.sodata) <= 185
    assert 90 <= await _requests_in_an_hour(hass, freezer, simulation.sodata) <= 185
    coordinator = entry.runtime_data.coordinator
    assert coordinator.interval_in_force > timedelta(seconds=600)
    assert ir.async_get(hass).async_get_issue(DOMAIN, f"{entry.entry_id}_interval_too_short") is not None
    assert None not in {state.read_at for state in coordinator.fleet.values()}


async def test_a_limit_without_a_named_end_costs_one_poll(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    subject = SUBJECTS["sodata"]
    entry = await add_account(hass, simulation, "sodata")
    simulation.sodata.faults = [Fault(status=429, body="")]
    await poll(hass, entry)
    simulation.sodata.faults = []
    subject.report(simulation, 25)
    await pass_time(hass, freezer, 120)
    assert float(subject.state(hass, simulation, entry)) == 25


async def test_a_limit_of_one_account_does_not_stop_another(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    await add_account(hass, simulation, "gizwits_open")
    other = await add_account(hass, simulation, "gizwits_enterprise")
    _throttle(simulation)
    await pass_time(hass, freezer, 60)
    chiller(simulation).set(set_temp=14)
    await pass_time(hass, freezer, 60)
    assert float(SUBJECTS["gizwits_enterprise"].state(hass, simulation, other)) == 14


async def test_offline_devices_are_read_only_rarely(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    device = air_conditioner(simulation)
    device.is_online = False
    entry = await add_account(hass, simulation, "gizwits_open")
    server = simulation.gizwits_open

    def requests() -> int:
        return sum(request.path == f"/app/devdata/{device.did}/latest" for request in server.log)

    await poll(hass, entry)
    assert requests() > 0  # it reported a short while ago
    freezer.tick(1000)
    await poll(hass, entry)
    server.reset_counts()
    for _ in range(10):
        await poll(hass, entry)
    assert requests() == 0
    freezer.tick(900)
    await poll(hass, entry)
    await poll(hass, entry)
    assert requests() == 1


async def test_the_rest_of_a_quota_is_stretched_over_the_rest_of_its_time(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    server = simulation.gizwits_enterprise
    # Another user of the same account has spent nearly all of it.
    server.quota_reset = int(server.clock()) + 1800
    server.quota_remaining = 250
    await poll(hass, entry)
    spent = server.quota_remaining
    for _ in range(29):
        await pass_time(hass, freezer, 60)
    assert spent - server.quota_remaining > 30
    # The rest is reserved for commands.
    assert server.quota_remaining >= 3600 * 0.05 - 2
    assert entry.runtime_data.coordinator.last_update_success


async def test_polls_that_start_a_little_early_do_not_lengthen_a_pause(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    _exhaust(simulation)
    await poll(hass, entry)
    server = simulation.gizwits_enterprise
    freezer.tick(server.quota_reset - server.clock() - 0.5)
    await poll(hass, entry)
    server.reset_counts()
    freezer.tick(0.6)
    await poll(hass, entry)
    assert server.log
