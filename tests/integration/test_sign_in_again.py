"""An account whose credentials are refused, until it is polled again."""

from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from simulator.simulation import Simulation

from .accounts import add_account, make_entry, poll
from .flows import shown_in, submit


def _change_password(simulation: Simulation) -> None:
    simulation.gizwits_open.accounts.users[simulation.gizwits_open.uid].password = "new"
    simulation.gizwits_open.revoke_tokens()


def _change_enterprise_secret(simulation: Simulation) -> None:
    simulation.gizwits_enterprise.enterprise_secret = "new"
    simulation.gizwits_enterprise.revoke_tokens()


def _change_client_secret(simulation: Simulation) -> None:
    simulation.keycloak.client_secret = "new"
    simulation.keycloak.revoke_sessions()


def _change_authorization_token(simulation: Simulation) -> None:
    simulation.firstlight.authorization_token = "new"


CHANGES = {
    "gizwits_open": (_change_password, {"password": "new"}),
    "gizwits_enterprise": (_change_enterprise_secret, {"enterprise_secret": "new"}),
    "sodata": (_change_client_secret, {"client_secret": "new"}),
    "firstlight": (_change_authorization_token, {"authorization_token": "new"}),
}


@pytest.mark.parametrize("is_running", [True, False])
@pytest.mark.parametrize("kind", CHANGES)
async def test_an_account_goes_on_after_signing_in_again(
    hass: HomeAssistant, simulation: Simulation, kind: str, is_running: bool
) -> None:
    change, typed = CHANGES[kind]
    if is_running:
        entry = await add_account(hass, simulation, kind)
        change(simulation)
        await poll(hass, entry)
        if kind == "firstlight":
            await poll(hass, entry)  # only a refusal that lasts is believed: nothing says which token it is about
    else:
        entry = make_entry(hass, simulation, kind)
        change(simulation)
        await hass.config_entries.async_setup(entry.entry_id)
        if kind == "firstlight":
            await hass.config_entries.async_reload(entry.entry_id)
        assert entry.state is ConfigEntryState.SETUP_ERROR

    (flow,) = hass.config_entries.flow.async_progress()
    form: Any = await hass.config_entries.flow.async_configure(flow["flow_id"])
    assert form["step_id"] == "reauth_confirm"
    result = await submit(hass.config_entries.flow, form, shown_in(form) | typed)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.coordinator.last_update_success
    assert not hass.config_entries.flow.async_progress()
