"""An account whose cloud refuses its credentials, until it is polled again."""

from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from simulator.simulation import Simulation

from .accounts import add_account, make_entry, poll
from .credentials import (
    NEW,
    change_authorization_token,
    change_client_secret,
    change_enterprise_secret,
    change_password,
)
from .flows import shown_in, submit

CHANGES = {
    "gizwits_open": (change_password, {"password": NEW}),
    "gizwits_enterprise": (change_enterprise_secret, {"enterprise_secret": NEW}),
    "sodata": (change_client_secret, {"client_secret": NEW}),
    "firstlight": (change_authorization_token, {"authorization_token": NEW}),
}


@pytest.mark.parametrize("is_running", [True, False])
@pytest.mark.parametrize("kind", CHANGES)
async def test_an_account_continues_after_signing_in_again(
    hass: HomeAssistant, simulation: Simulation, kind: str, is_running: bool
) -> None:
    change, typed = CHANGES[kind]
    if is_running:
        entry = await add_account(hass, simulation, kind)
        change(simulation)
        await poll(hass, entry)
        if kind == "firstlight":
            await poll(hass, entry)  # no code names the token, so the client believes only a refusal that lasts
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
