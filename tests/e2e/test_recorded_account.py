"""A recorded account in a real Home Assistant, as `scripts/develop --replay` opens it."""

import asyncio
from pathlib import Path

from develop import recorded
from develop.client import Client
from develop.home_assistant import DOMAIN
from simulator.replay import Replay
from simulator.replay.recording import Recording

_RECORDING = Path(__file__).parent.parent / "recordings" / "simulated_gizwits_enterprise.jsonl"


async def test_a_recorded_account_can_be_added_through_the_forms(client: Client) -> None:
    replay = Replay(Recording.load(_RECORDING))
    await replay.start()
    try:
        entry_id = await recorded.add_account(client, replay)
        async with asyncio.timeout(60):
            # The second product makes Home Assistant load the account again.
            while True:
                entries = await client.command("config_entries/get", domain=DOMAIN)
                entry = next(entry for entry in entries if entry["entry_id"] == entry_id)  # other tests add accounts
                if entry["state"] == "loaded":
                    break
                await asyncio.sleep(0.1)
        assert entry["num_subentries"] == 2
        entities = await client.command("config/entity_registry/list")
        assert len([entity for entity in entities if entity["config_entry_id"] == entry_id]) > 50
    finally:
        await client.remove_entries(DOMAIN)
        await replay.stop()
