"""The action that records an account: what it stores, for whom, and that a replay of it is the account again."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.datapoint_cloud import recording_storage
from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.diagnostics import async_get_config_entry_diagnostics
from simulator.replay import Replay
from simulator.replay.recording import Recording
from simulator.server import Fault
from simulator.simulation import Simulation
from tests.recording.recorded import private_texts

from .accounts import KINDS, add_account, make_entry
from .passing_time import settle
from .replays import add_entry, summary


@pytest.fixture(autouse=True)
def _own_folder(hass: HomeAssistant, tmp_path: Path) -> None:
    hass.config.config_dir = str(tmp_path)
    (tmp_path / ".storage").mkdir()


async def _record(hass: HomeAssistant, entry: MockConfigEntry, **more: Any) -> Any:
    return await hass.services.async_call(
        DOMAIN,
        "record_account",
        {"config_entry_id": entry.entry_id, "minutes": 0},
        blocking=True,
        return_response=True,
        **more,
    )


@pytest.mark.usefixtures("fixed_time", "all_enabled")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_recording_is_stored_without_anything_private_and_can_be_replayed(
    hass: HomeAssistant, simulation: Simulation, tmp_path: Path, kind: str
) -> None:
    await hass.config.async_set_time_zone("UTC")
    entry = await add_entry(hass, simulation, kind)
    shown = summary(hass, entry)
    response = await _record(hass, entry)
    path = Path(response["file"])
    assert path.parent == tmp_path / ".storage"
    mode = (await asyncio.to_thread(path.stat)).st_mode & 0o777
    assert (mode, response["complete"]) == (0o600, True)
    text = await asyncio.to_thread(path.read_text, encoding="utf-8")
    assert response["recorded"] == len(text.splitlines()) - 1
    private = {one for one in private_texts(simulation, kind) if len(one) > 4}
    assert [one for one in private if one in text or one.encode().hex() in text] == []
    diagnostics = await async_get_config_entry_diagnostics(hass, entry)
    assert diagnostics["recording"] == text.splitlines()
    downloaded = tmp_path / "diagnostics.json"
    await asyncio.to_thread(downloaded.write_text, json.dumps({"data": diagnostics}, default=str))
    await hass.config_entries.async_remove(entry.entry_id)
    assert recording_storage.read(path) is None
    await _compare_with_replay(hass, downloaded, kind, shown)


async def _compare_with_replay(hass: HomeAssistant, path: Path, kind: str, shown: dict[str, Any]) -> None:
    """The replay shows as many entities of each kind, with the same states."""
    recording = await asyncio.to_thread(Recording.load, path)
    replay = Replay(recording, clock=lambda: recording.started_at)
    await replay.start()
    entry = await add_entry(hass, replay, kind)
    found = summary(hass, entry)

    def essence(entities: dict[str, Any]) -> list[tuple[str, ...]]:
        return sorted((one["platform"], str(one["name"]), str(one["state"])) for one in entities.values())

    assert len(essence(found)) == len(essence(shown))
    # The names of scenes are private, and so are positions and serial numbers.
    differ = set(essence(shown)) ^ set(essence(found))
    assert [
        one for one in differ if one[0] not in {"device_tracker", "button"} and "serial" not in one[1].lower()
    ] == []
    await hass.config_entries.async_unload(entry.entry_id)
    await replay.stop()


async def test_only_administrators_may_record(
    hass: HomeAssistant, simulation: Simulation, hass_read_only_user: MockUser, hass_admin_user: User
) -> None:
    entry = await add_account(hass, simulation, "firstlight")
    with pytest.raises(Unauthorized):
        await _record(hass, entry, context=Context(user_id=hass_read_only_user.id))
    assert recording_storage.read(recording_storage.path_of(hass, entry.entry_id)) is None
    assert (await _record(hass, entry, context=Context(user_id=hass_admin_user.id)))["recorded"] > 0


async def test_a_refused_login_is_recorded_and_explained(hass: HomeAssistant, simulation: Simulation) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    entry = make_entry(hass, simulation, "gizwits_open", password="wrong")
    with pytest.raises(HomeAssistantError, match="The cloud refuses the credentials of the account"):
        await _record(hass, entry)
    lines = recording_storage.read(recording_storage.path_of(hass, entry.entry_id))
    assert lines is not None
    assert json.loads(lines[1])["answer"]["json"]["error_code"] == 9020
    assert "wrong" not in "".join(lines)


async def test_the_account_itself_is_left_alone(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "sodata")
    cloud = entry.runtime_data.coordinator.cloud
    before = (dict(entry.data), simulation.keycloak.grants.copy())
    await _record(hass, entry)
    assert entry.runtime_data.coordinator.cloud is cloud
    assert dict(entry.data) == before[0]
    assert simulation.keycloak.grants[len(before[1]) :] == ["password"]  # a login of its own
    await entry.runtime_data.coordinator.async_refresh()
    assert entry.runtime_data.coordinator.last_update_success


async def test_one_recording_at_a_time_and_none_after_unloading(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "firstlight")
    gate = asyncio.Event()
    simulation.firstlight.faults.append(Fault(gate=gate))
    first = asyncio.create_task(_record(hass, entry))
    await asyncio.sleep(0.05)
    with pytest.raises(ServiceValidationError, match="is being recorded already"):
        await _record(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(ServiceValidationError, match="was not kept"):
        await first
    gate.set()
    await settle(hass)
    assert recording_storage.read(recording_storage.path_of(hass, entry.entry_id)) is None


async def test_an_unknown_account_cannot_be_recorded(hass: HomeAssistant, simulation: Simulation) -> None:
    await add_account(hass, simulation, "firstlight")
    with pytest.raises(ServiceValidationError):
        await hass.services.async_call(DOMAIN, "record_account", {"config_entry_id": "none"}, blocking=True)
