"""Adds a recorded account to Home Assistant, through the forms."""

from simulator.replay import Replay

from .client import Client
from .home_assistant import DOMAIN


async def add_account(client: Client, replay: Replay) -> str:
    """Add the account of a replay that has started, with all its products or queries; return the id of its entry.

    Raises Refused if a form shows an error.
    """
    first, *others = replay.scopes or [{}]
    entry_id = await client.fill_in_entry(DOMAIN, replay.cloud, {**replay.account, **first})
    entries = await client.command("config_entries/get", domain=DOMAIN)
    types = next(entry["supported_subentry_types"] for entry in entries if entry["entry_id"] == entry_id)
    for scope in others:
        await client.fill_in_subentry(entry_id, next(iter(types)), scope)
    return entry_id
