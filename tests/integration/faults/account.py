"""One account in Home Assistant, which a test disturbs and observes as its owner does."""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.simulation import Simulation
from tests.integration.accounts import make_entry
from tests.integration.subjects import SUBJECTS

from .clock import come_to_rest, pass_time
from .requests import servers

UNAVAILABLE = frozenset({"unavailable", "unknown"})
_LOGGERS = ("custom_components.datapoint_cloud", "homeassistant.config_entries")


@dataclass(frozen=True, slots=True)
class Pace:
    """`step` is a little longer than a poll interval; after `steps_until_stale` steps every reading is stale."""

    step: float
    steps_until_stale: int


_PACES = {
    "gizwits_open": Pace(66, 18),
    "gizwits_enterprise": Pace(66, 18),
    "sodata": Pace(130, 36),
    "firstlight": Pace(905, 4),
}


@dataclass(slots=True)
class Account:
    """`value`: the last report of the device under test. `usual_start`, `usual_step`: requests without a fault."""

    hass: HomeAssistant
    simulation: Simulation
    freezer: FrozenDateTimeFactory
    caplog: pytest.LogCaptureFixture
    cloud: str
    value: int = 10
    usual_start: int = 0
    usual_step: int = 0
    entry: MockConfigEntry = field(init=False)

    def make(self) -> None:
        """Add the account to Home Assistant without setting it up."""
        self.caplog.set_level(logging.INFO)
        self.report()
        self.entry = make_entry(self.hass, self.simulation, self.cloud)
        self.reset_counts()

    async def set_up(self) -> float:
        """Set the account up; return the seconds it took."""
        setting_up = self.hass.async_create_task(self.hass.config_entries.async_setup(self.entry.entry_id))
        return await come_to_rest(self.hass, self.freezer, setting_up)

    async def reload(self) -> float:
        """Reload the account, as a restart does; return the seconds it took."""
        reloading = self.hass.async_create_task(self.hass.config_entries.async_reload(self.entry.entry_id))
        return await come_to_rest(self.hass, self.freezer, reloading)

    async def live_well(self) -> None:
        """Set the account up and let it run for a while without a fault."""
        self.make()
        await self.set_up()
        self.usual_start = self.requests()
        steps = []
        for _ in range(3):
            self.reset_counts()
            await self.step()
            steps.append(self.requests())
        self.usual_step = max(steps)
        assert self.shown() == self.value
        assert not self.lost()
        self.reset_counts()
        self.caplog.clear()

    @property
    def pace(self) -> Pace:
        return _PACES[self.cloud]

    async def step(self, seconds: float | None = None) -> None:
        """Let the next poll happen, or move the time on by `seconds` at once."""
        await pass_time(self.hass, self.freezer, seconds or self.pace.step)

    def report(self) -> None:
        """Let the device under test report another value."""
        self.value += 1
        SUBJECTS[self.cloud].report(self.simulation, self.value)

    def revoke_tokens(self) -> None:
        """Invalidate all tokens."""
        self.simulation.gizwits_open.revoke_tokens()
        self.simulation.gizwits_enterprise.revoke_tokens()
        self.simulation.keycloak.revoke_sessions()

    def reset_counts(self) -> None:
        """Count requests from zero."""
        for server in servers(self.simulation, self.cloud):
            server.reset_counts()

    # What the owner sees

    @property
    def entity_id(self) -> str | None:
        """The entity that shows `value`; None if there is none yet."""
        subject = SUBJECTS[self.cloud]
        unique_id = "_".join([str(self.entry.unique_id), subject.device_id(self.simulation), subject.key])
        return er.async_get(self.hass).async_get_entity_id(subject.platform, DOMAIN, unique_id)

    def shown(self) -> float | str | None:
        """Return the state of the entity under test, as a number if it is one; None if it has no state."""
        state = self.hass.states.get(self.entity_id) if self.entity_id else None
        if state is None:
            return None
        return state.state if state.state in UNAVAILABLE else float(state.state)

    @property
    def device(self) -> dr.DeviceEntry | None:
        """The device under test."""
        device_id = SUBJECTS[self.cloud].device_id(self.simulation)
        return dr.async_get(self.hass).async_get_device_by_identifier((DOMAIN, device_id), self.entry.entry_id)

    def entities(self) -> Iterator[er.RegistryEntry]:
        """Yield the enabled entities of the account."""
        registry = er.async_get(self.hass)
        return (one for one in er.async_entries_for_config_entry(registry, self.entry.entry_id) if not one.disabled_by)

    def entities_of_device(self) -> set[str]:
        """Return the ids of the entities of the device under test."""
        assert self.device is not None
        return {entity.entity_id for entity in self.entities() if entity.device_id == self.device.id}

    def lost(self) -> set[str]:
        """Return the ids of the entities that are unavailable or have no state."""
        states = ((entity.entity_id, self.hass.states.get(entity.entity_id)) for entity in self.entities())
        return {entity_id for entity_id, state in states if state is None or state.state == "unavailable"}

    def inventory(self) -> Counter[str]:
        """Return the names of all devices and the ids of all entities."""
        devices = dr.async_entries_for_config_entry(dr.async_get(self.hass), self.entry.entry_id)
        entities = er.async_entries_for_config_entry(er.async_get(self.hass), self.entry.entry_id)
        return Counter([*(device.name or "" for device in devices), *(entity.entity_id for entity in entities)])

    def issues(self) -> list[str]:
        """Return the ids of the open issues."""
        return [issue.issue_id for issue in ir.async_get(self.hass).issues.values() if issue.domain == DOMAIN]

    def sign_ins(self) -> list[str]:
        """Return the steps of the open flows that ask the user to sign in again."""
        flows = self.hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        return [flow["step_id"] for flow in flows if flow["context"]["source"] == "reauth"]

    def requests(self) -> int:
        """Return the number of requests since the last reset."""
        return sum(server.requests.total() for server in servers(self.simulation, self.cloud))

    def requests_to(self, path: str) -> int:
        """Return the number of requests with this path since the last reset."""
        all_servers = servers(self.simulation, self.cloud)
        return sum(request.path == path for server in all_servers for request in server.log)

    def lines(self, level: int = logging.INFO) -> list[str]:
        """Return the log lines of the integration and of config entries, from `level` up."""
        records = [one for one in self.caplog.records if one.name.startswith(_LOGGERS) and one.levelno >= level]
        return [one.getMessage() for one in records]

    def tracebacks(self) -> list[str]:
        """Return every traceback in the log, except those of the simulated servers."""
        records = [one for one in self.caplog.get_records("call") if one.exc_info and one.exc_info[1] is not None]
        return [f"{one.getMessage()}: {one.exc_info!r}" for one in records if not one.name.startswith("aiohttp.")]
