"""A user follows a repair to the form of a product, which keeps all stored fields."""

import json
from typing import Any

from playwright.async_api import Page, expect

from develop.accounts import form_inputs
from develop.client import Client
from develop.home_assistant import DOMAIN, HomeAssistant
from simulator.simulation import Simulation

from .test_in_the_browser import _until

RENEWED = "renewed-in-the-developer-center"


async def test_the_form_of_a_repair_keeps_all_fields_of_a_product(
    page: Page, client: Client, clouds: Simulation, home_assistant: HomeAssistant
) -> None:
    server = clouds.gizwits_enterprise
    product = next(iter(server.products.values()))
    entry_id = await client.add_entry(DOMAIN, *form_inputs(clouds)["gizwits_enterprise"])
    await _until(lambda: bool(_stored_product(home_assistant, entry_id)))
    stored = _stored_product(home_assistant, entry_id)
    assert stored["auth_secret"] == product.auth_secret
    product.product_secret = RENEWED
    server.revoke_tokens()
    await client.post(f"/api/config/config_entries/entry/{entry_id}/reload", {})

    await page.goto(f"{client.url}/config/repairs")
    await page.get_by_text("The product secret of Chiller unit is refused").click()
    await page.get_by_role("button", name="Submit").click()
    secret = page.get_by_role("textbox", name="Product secret")
    await expect(page.get_by_role("textbox", name="Product key")).to_have_value(product.product_key)
    await secret.fill(RENEWED)
    await page.get_by_role("button", name="Advanced").click()
    await expect(page.get_by_role("textbox", name="Push ID")).to_have_value(product.auth_id)
    await page.get_by_role("button", name="Submit").click()
    await expect(page.get_by_text("Reconfiguration was successful")).to_be_visible()

    await _until(lambda: _stored_product(home_assistant, entry_id) == stored | {"product_secret": RENEWED})
    await client.remove_entries(DOMAIN)


def _stored_product(home_assistant: HomeAssistant, entry_id: str) -> dict[str, Any]:
    """Return the stored data of the account's only product, or nothing before the account is stored."""
    content = json.loads((home_assistant.folder / ".storage" / "core.config_entries").read_text())
    entries = [entry for entry in content["data"]["entries"] if entry["entry_id"] == entry_id]
    return dict(entries[0]["subentries"][0]["data"]) if entries else {}
