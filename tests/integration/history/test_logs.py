"""The online log, the communication log, and the reason that connectivity shows."""

from datetime import timedelta
from typing import Any

import pytest
from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.datapoint_cloud.clouds.errors import Forbidden, Reason, Unreachable
from custom_components.datapoint_cloud.clouds.history import HistoryCapabilities, LogEntry
from simulator.simulation import Simulation

from ..accounts import add_account, entity_id_of, poll, state_of
from ..passing_time import ChangeTimings, settle
from ..subjects import air_conditioner, chiller
from .fake_history import at, device_id_of, error_of, response_of, set_history

pytestmark = pytest.mark.usefixtures("on_a_tuesday")

_ONLINE = LogEntry(at=at("2026-10-20T06:00:00Z"), kind="dev_online", content={"keep_alive": 125})


@pytest.fixture(autouse=True)
def _log_without_delay(change_timings: ChangeTimings) -> None:
    change_timings(online_log_delay=0)


def _offline(reason: str) -> LogEntry:
    return LogEntry(at=at("2026-10-20T07:00:00Z"), kind="dev_offline", reason=reason, content={"duration": 1391})


async def test_the_online_log_explains_why_a_device_went_offline(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    device_id = device_id_of(hass, entry, device.did)
    log = [_ONLINE, _offline("no_heartbeat"), _offline("Tcp_closed"), _offline("offline_force"), _offline("moonshine")]
    set_history(entry, rows={device.did: log})
    connectivity = entity_id_of(hass, "binary_sensor", entry, device.did, "$connectivity")
    response = await response_of(hass, "get_online_log", device_id=device_id, entity_id=connectivity, range="today")
    (of_device,) = response["devices"]
    assert of_device["device_id"] == device_id
    assert of_device["complete"]
    online, *offline = of_device["rows"]
    assert online == {"at": "2026-10-20T08:00:00+02:00", "kind": "dev_online", "content": {"keep_alive": 125}}
    assert offline[0] == {
        "at": "2026-10-20T09:00:00+02:00",
        "kind": "dev_offline",
        "reason": "no_heartbeat",
        "text": "The device stopped responding because it lost its network or its power",
        "is_outage": True,
        "content": {"duration": 1391},
    }
    assert [(row["reason"], row["text"] is not None, row["is_outage"]) for row in offline[1:]] == [
        ("Tcp_closed", True, True),
        ("offline_force", True, False),
        ("moonshine", False, True),
    ]
    assert offline[2]["text"].endswith("no outage")


async def test_a_failed_log_does_not_affect_the_others(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    enterprise = await add_account(hass, simulation, "gizwits_enterprise")
    here, there = air_conditioner(simulation), chiller(simulation)
    device_ids = [device_id_of(hass, entry, here.did), device_id_of(hass, enterprise, there.did)]
    set_history(entry, rows={here.did: [_ONLINE]})
    set_history(enterprise, raises=Forbidden(Reason.FEATURE_NOT_GRANTED, code=5018))
    response = await response_of(hass, "get_online_log", device_id=device_ids, range="last_24_hours")
    assert [(one["complete"], len(one["rows"])) for one in response["devices"]] == [(True, 1), (False, 0)]
    assert response["devices"][1]["reason"].startswith("The vendor has not enabled this function")
    await error_of(hass, "get_online_log", HomeAssistantError, device_id=device_ids[1], range="last_24_hours")


async def test_the_communication_log_is_for_administrators(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, hass_read_only_user: User
) -> None:
    device = air_conditioner(simulation)
    frame = LogEntry(at=at("2026-10-20T07:00:00.294Z"), kind="app2dev", content={"payload": "0000000303000090"})
    history = set_history(entry, rows={device.did: [frame]})
    data: dict[str, Any] = {"device_id": device_id_of(hass, entry, device.did), "range": "today"}
    with pytest.raises(Unauthorized):
        await response_of(hass, "get_communication_log", Context(user_id=hass_read_only_user.id), **data)
    assert not history.requests
    administrator = MockUser(is_owner=True).add_to_hass(hass)
    response = await response_of(hass, "get_communication_log", Context(user_id=administrator.id), **data)
    assert response["devices"][0]["rows"] == [
        {"at": "2026-10-20T09:00:00.294000+02:00", "kind": "app2dev", "content": {"payload": "0000000303000090"}}
    ]


async def test_connectivity_shows_why_the_device_last_went_offline(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    history = set_history(entry, rows={device.did: [_ONLINE, _offline("Tcp_closed"), _ONLINE]})
    await poll(hass, entry)
    assert not history.requests
    device.is_online = False
    await poll(hass, entry)
    await poll(hass, entry)
    await settle(hass)
    (request,) = history.requests
    assert request["device"] == device.did
    assert request["end"] - request["start"] == timedelta(days=1)
    state = state_of(hass, "binary_sensor", entry, device.did, "$connectivity")
    assert (state.state, state.attributes["last_disconnect_reason"]) == ("off", "tcp_closed")
    history.raises = Unreachable()
    device.is_online = True
    await poll(hass, entry)
    device.is_online = False
    await poll(hass, entry)
    await settle(hass)
    assert len(history.requests) == 2
    state = state_of(hass, "binary_sensor", entry, device.did, "$connectivity")
    assert (state.state, state.attributes["last_disconnect_reason"]) == ("off", "tcp_closed")


async def test_connectivity_shows_no_reason_if_the_cloud_has_no_log(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    history = set_history(entry, capabilities=HistoryCapabilities())
    await poll(hass, entry)
    device.is_online = False
    await poll(hass, entry)
    await settle(hass)
    assert not history.requests
    state = state_of(hass, "binary_sensor", entry, device.did, "$connectivity")
    assert "last_disconnect_reason" not in state.attributes
