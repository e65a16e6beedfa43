"""Our texts show names and addresses from outside exactly as they are."""

import json
from pathlib import Path
from typing import Any

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

import custom_components.datapoint_cloud as integration
from custom_components.datapoint_cloud import exceptions
from custom_components.datapoint_cloud.clouds.errors import Rejected
from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.plain_text import in_markdown, plain
from simulator.simulation import Simulation

from .accounts import add_account, make_entry, poll
from .flows import add, choose, submit, typed_for
from .test_options_flow import options_of

NAME = "[**Renew** here](https://evil.example)\n# <img src=x> www.evil.example a@evil.example \u202e" + "x" * 1000
SHOWN = "[**Renew** here](https://evil.example) # <img src=x> www.evil.example a@evil.example " + "x" * 14 + "…"
ESCAPED = (
    r"\[\*\*Renew\*\* here\](https\://evil.example) \# \<img src=x\> www\.evil.example a\@evil.example "
    + "x" * 14
    + "…"
)


@pytest.mark.parametrize(
    ("text", "shown", "escaped"),
    [
        (NAME, SHOWN, ESCAPED),
        ("冷水机组 2", "冷水机组 2", "冷水机组 2"),
        ("Load_1 (left), 5 % - no. 3", "Load_1 (left), 5 % - no. 3", "Load_1 (left), 5 % - no. 3"),
        ("_all_ `code` ~~gone~~", "_all_ `code` ~~gone~~", r"\_all\_ \`code\` \~\~gone\~\~"),
        ("- a list\r\n- of two", "- a list - of two", r"\- a list - of two"),
        ("\x00half\ud83c \u2028 \u200b", "half", "half"),
        ("👩\u200d🔧", "👩\u200d🔧", "👩\u200d🔧"),
        ("user@example.com", "user@example.com", r"user\@example.com"),
        ("WWW.evil.example ftp://evil", "WWW.evil.example ftp://evil", r"WWW\.evil.example ftp\://evil"),
        ("a\\", "a\\", r"a\\"),
    ],
)
def test_text_is_one_short_line_without_markup(text: str, shown: str, escaped: str) -> None:
    assert plain(text) == shown
    assert in_markdown(text) == escaped


async def test_an_issue_shows_names_as_they_are(hass: HomeAssistant, simulation: Simulation) -> None:
    product = next(iter(simulation.gizwits_enterprise.products.values()))
    entry = make_entry(hass, simulation, "gizwits_enterprise")
    hass.config_entries.async_update_entry(entry, title=NAME)
    for subentry in entry.subentries.values():
        hass.config_entries.async_update_subentry(entry, subentry, title=NAME)
    await hass.config_entries.async_setup(entry.entry_id)
    product.product_secret = "renewed"
    simulation.gizwits_enterprise.revoke_tokens()
    await poll(hass, entry)
    (issue,) = [issue for (domain, _), issue in ir.async_get(hass).issues.items() if domain == DOMAIN]
    filled = issue.translation_placeholders or {}
    assert (filled["scope"], filled["account"]) == (ESCAPED, ESCAPED)
    assert (filled["scope_name"], filled["account_name"]) == (SHOWN, SHOWN)


def test_titles_keep_names_as_they_are_and_descriptions_escape_them() -> None:
    folder = Path(integration.__file__).parent
    issues = json.loads((folder / "translations" / "en.json").read_text())["issues"]
    for issue in issues.values():
        for texts in (issue, *issue.get("fix_flow", {}).get("step", {}).values()):
            assert not {"{scope}", "{account}"} & set(texts["title"].replace("}", "} ").replace("{", " {").split())
            assert "_name}" not in texts.get("description", "")


async def test_forms_show_names_as_they_are(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    hass.config_entries.async_update_entry(entry, title=NAME)
    for source in ("reauth", "reconfigure"):
        form: Any = await hass.config_entries.flow.async_init(
            DOMAIN, context={"source": source, "entry_id": entry.entry_id}, data=dict(entry.data)
        )
        assert form["description_placeholders"]["name"] == ESCAPED


@pytest.mark.usefixtures("setup_entry")
async def test_the_address_in_a_warning_is_no_link(hass: HomeAssistant, simulation: Simulation) -> None:
    typed = typed_for(simulation, "gizwits_open") | {"advanced": {"api_url": "http://192.0.2.1/[a](b)"}}
    result = await submit(hass.config_entries.flow, await choose(hass, "gizwits_open"), typed)
    assert result["step_id"] == "unencrypted"
    assert result["description_placeholders"]["addresses"] == r"http\://192.0.2.1/\[a\](b)"


async def test_the_names_of_remaining_secrets_are_shown_as_they_are(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    entry = (await add(hass, simulation, "gizwits_enterprise"))["result"]
    (subentry,) = entry.subentries.values()
    hass.config_entries.async_update_subentry(entry, subentry, title=NAME)
    next(iter(simulation.gizwits_enterprise.products.values())).product_secret = "renewed"
    form: Any = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": "reauth", "entry_id": entry.entry_id}, data=dict(entry.data)
    )
    result = await submit(hass.config_entries.flow, form, {})
    assert result["description_placeholders"] == {"scopes": ESCAPED}
    await hass.async_block_till_done()


def test_the_error_of_an_action_is_one_line_of_bounded_length() -> None:
    error = exceptions.of_action(Rejected(code="1" * 9999, subject=NAME), NAME)
    for text in (error.translation_placeholders or {}).values():
        assert len(text) <= 300
        assert "\n" not in text


@pytest.mark.usefixtures("setup_entry")
async def test_titles_are_one_line_of_bounded_length(hass: HomeAssistant, simulation: Simulation) -> None:
    account = simulation.sodata.corporate_accounts[0]
    account.name = NAME.replace("\u202e", "")
    entry = (await add(hass, simulation, "sodata"))["result"]
    assert entry.title == SHOWN


async def test_the_choices_of_the_options_are_short_lines(hass: HomeAssistant, simulation: Simulation) -> None:
    device = next(iter(simulation.gizwits_open.devices.values()))
    device.alias = NAME
    entry = await add_account(hass, simulation, "gizwits_open")
    form: Any = await hass.config_entries.options.async_init(entry.entry_id)
    assert SHOWN in options_of(form, "devices").values()
