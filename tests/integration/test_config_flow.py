"""How the user adds an account."""

from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, patch

import pytest
import voluptuous as vol
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from custom_components.datapoint_cloud.accounts.fields import Field
from custom_components.datapoint_cloud.clouds.errors import Unreachable
from custom_components.datapoint_cloud.clouds.sodata.mapping import CorporateAccount
from simulator.simulation import Simulation

from .accounts import KINDS
from .flows import STORED, Input, add, choose, shown_in, submit, typed_for, with_changes

pytestmark = pytest.mark.usefixtures("setup_entry")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_submitted_form_becomes_an_entry(
    hass: HomeAssistant, simulation: Simulation, setup_entry: AsyncMock, kind: str
) -> None:
    result = await add(hass, simulation, kind)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"] == STORED[kind](simulation)
    assert (result["version"], result["minor_version"]) == (1, 1)
    assert result["title"]
    assert len(setup_entry.mock_calls) == 1


@pytest.mark.parametrize(
    ("kind", "unique_id"),
    [
        ("gizwits_open", "fa4e00aa11d00000000000000000a991_fa4e00d1000000000000000000000001"),
        ("gizwits_enterprise", "fa4e0e17e5911d000000000000000e01"),
        ("sodata", "0d5f6a3e-7c0b-4b6e-9a51-2f7f3b8f9c11_{corporate_account}"),
        ("firstlight", "{host}_user-0815"),
    ],
)
async def test_the_unique_id_names_the_account(
    hass: HomeAssistant, simulation: Simulation, kind: str, unique_id: str
) -> None:
    result = await add(hass, simulation, kind)
    assert result["result"].unique_id == unique_id.format(
        corporate_account=simulation.sodata.corporate_accounts[0].uuid,
        host=simulation.firstlight.url.removeprefix("http://"),
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_an_account_cannot_be_added_twice(hass: HomeAssistant, simulation: Simulation, kind: str) -> None:
    await add(hass, simulation, kind)
    result = await add(hass, simulation, kind)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"


async def test_the_first_product_is_added_with_the_enterprise(hass: HomeAssistant, simulation: Simulation) -> None:
    product = next(iter(simulation.gizwits_enterprise.products.values()))
    result = await add(
        hass,
        simulation,
        "gizwits_enterprise",
        {"advanced": {"auth_id": "push-id", "auth_secret": "push-secret"}},
    )
    (subentry,) = result["result"].subentries.values()
    assert subentry.subentry_type == "product"
    assert subentry.unique_id == product.product_key
    # The vendor tells the enterprise's id, but not its name. The product is called 冷水机组.
    assert (result["title"], subentry.title) == ("Gizwits Chiller unit", "Chiller unit")
    assert dict(subentry.data) == {
        "product_key": product.product_key,
        "product_secret": product.product_secret,
        "auth_id": "push-id",
        "auth_secret": "push-secret",
    }


@pytest.mark.parametrize("host", ["snoti.example.com:2018", " snoti.example.com ", "[::1]:2017"])
async def test_the_push_host_is_stored_with_the_enterprise(
    hass: HomeAssistant, simulation: Simulation, host: str
) -> None:
    result = await add(hass, simulation, "gizwits_enterprise", {"advanced": {"snoti_host": host}})
    assert result["data"] == STORED["gizwits_enterprise"](simulation) | {"snoti_host": host.strip()}


async def test_the_first_query_is_added_with_the_user(hass: HomeAssistant, simulation: Simulation) -> None:
    result = await add(hass, simulation, "firstlight", {"group_by": "service", "unit": "plays"})
    (subentry,) = result["result"].subentries.values()
    assert subentry.subentry_type == "usage_query"
    assert subentry.unique_id == "content/genre//day/service"
    assert subentry.title == "content genre per day by service"
    assert dict(subentry.data) == {
        "aty": "content",
        "field": "genre",
        "period": "day",
        "group_by": "service",
        "unit": "plays",
        "date_format": "iso",
        "item_id_as_parameter": False,
    }


async def test_a_form_without_its_section_uses_the_defaults(hass: HomeAssistant, simulation: Simulation) -> None:
    form = await choose(hass, "sodata")
    typed = {key: value for key, value in typed_for(simulation, "sodata").items() if key != "advanced"}
    with patch(
        "custom_components.datapoint_cloud.clouds.sodata.api.SoDataCloud.corporate_accounts",
        side_effect=Unreachable(),
    ):
        result = await submit(hass.config_entries.flow, form, typed)
    assert result["errors"] == {"base": "cannot_connect"}
    shown = shown_in(result)
    assert shown["api_url"] == "https://api.iot.socomec.com/api/v1"
    assert shown["auth_url"] == "https://connect.socomec.com"
    assert shown["realm"] == "Socomec"


@pytest.mark.parametrize("kind", KINDS)
async def test_every_form_links_to_its_page_of_the_documentation(hass: HomeAssistant, kind: str) -> None:
    form = await choose(hass, kind)
    folder, _, page = form["description_placeholders"]["docs_url"].rpartition("/docs/")
    assert folder
    assert (Path(__file__).parent.parent.parent / "docs" / page).is_file()


async def test_no_app_is_selected_before_the_user_selects_one(hass: HomeAssistant) -> None:
    # The front end selects the first choice of a required selection that has no default.
    form = await choose(hass, "gizwits_open")
    (app_id,) = (key for key in form["data_schema"].schema if key == "app_id")
    assert isinstance(app_id, vol.Optional)


async def test_the_region_determines_the_address(hass: HomeAssistant, simulation: Simulation) -> None:
    form = await choose(hass, "gizwits_open")
    typed = with_changes(typed_for(simulation, "gizwits_open"), {"region": "us", "advanced": {"api_url": None}})
    typed["advanced"] = {}
    urls: list[str] = []

    async def refuse(self: Any, method: str, url: Any, **_: Any) -> None:
        urls.append(str(url))
        raise OSError

    with patch("aiohttp.ClientSession._request", refuse):
        result = await submit(hass.config_entries.flow, form, typed)
    assert result["errors"] == {"base": "cannot_connect"}
    assert {url.partition("/app")[0] for url in urls} == {"https://usapi.gizwits.com"}


async def test_an_anonymous_user_needs_no_password(hass: HomeAssistant, simulation: Simulation) -> None:
    server = simulation.gizwits_open
    result = await add(
        hass,
        simulation,
        "gizwits_open",
        {"username": None, "password": None, "advanced": {"phone_id": server.phone_id}},
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["result"].unique_id == f"{server.app_id}_{server.phone_uid}"
    assert result["data"].keys() == {"cloud", "region", "api_url", "app_id", "phone_id"}


async def test_blanks_and_other_copied_text_are_removed(hass: HomeAssistant, simulation: Simulation) -> None:
    server = simulation.firstlight
    result = await add(
        hass,
        simulation,
        "firstlight",
        {
            "api_url": f" {server.url}/ ",
            "authorization_token": f"Bearer {server.authorization_token}\n",
            "user_token": f" {server.user_token}",
            "item_id": " ",
        },
    )
    assert result["data"] == STORED["firstlight"](simulation)
    (subentry,) = result["result"].subentries.values()
    assert "item_id" not in subentry.data


async def test_a_choice_may_be_typed_as_the_list_shows_it(hass: HomeAssistant, simulation: Simulation) -> None:
    result = await add(hass, simulation, "firstlight", {"aty": "Content", "period": "Day"})
    (query,) = result["result"].subentries.values()
    assert (query.data["aty"], query.data["period"]) == ("content", "day")
    app = Field(name="app_id", choices={"98754e68": "Bestway"}, is_open=True)
    assert [app.clean(typed) for typed in (" bestway", "98754E68", "Other")] == ["98754e68", "98754e68", "Other"]


async def test_the_form_shows_an_app_by_its_name_before_and_after_it_was_chosen(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    form = await choose(hass, "gizwits_open")
    assert {"value": "Heatzy", "label": "Heatzy"} in form["data_schema"].schema["app_id"].config["options"]
    typed = with_changes(typed_for(simulation, "gizwits_open"), {"app_id": "Heatzy"})
    result = await submit(hass.config_entries.flow, form, typed)
    assert result["errors"] == {"app_id": "unknown_app"}  # the simulated cloud does not know it
    (app_id,) = (key for key in result["data_schema"].schema if key == "app_id")
    assert app_id.description == {"suggested_value": "Heatzy"}
    server = simulation.gizwits_open
    server.app_id = "c70a66ff039d41b4a220e198b0fcc8b3"
    result = await submit(hass.config_entries.flow, result, typed)
    assert result["data"]["app_id"] == server.app_id


async def test_blanks_in_a_password_are_kept(hass: HomeAssistant, simulation: Simulation) -> None:
    simulation.keycloak.password = " a blank "
    result = await add(hass, simulation, "sodata")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"]["password"] == " a blank "


async def test_the_user_chooses_one_of_several_corporate_accounts(hass: HomeAssistant, simulation: Simulation) -> None:
    second = simulation.sodata.add_corporate_account("Second")
    result = await add(hass, simulation, "sodata")
    assert result["step_id"] == "corporate_account"
    assert [option["label"] for option in _options(result)] == ["SoLink", "Second"]
    result = await submit(hass.config_entries.flow, result, {"corporate_account": second.uuid})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "Second"
    assert result["data"]["corporate_account"] == second.uuid
    assert result["result"].unique_id == f"{simulation.keycloak.subject}_{second.uuid}"


async def test_corporate_accounts_of_the_same_name_are_distinguishable(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    accounts = [
        CorporateAccount(uuid=uuid, name=name, user_link=None)
        for uuid, name in (("uuid-1", "SoLink"), ("uuid-2", "SoLink"), ("uuid-3", "Third"))
    ]
    with patch(
        "custom_components.datapoint_cloud.clouds.sodata.api.SoDataCloud.corporate_accounts", return_value=accounts
    ):
        result = await add(hass, simulation, "sodata")
    assert [option["label"] for option in _options(result)] == ["SoLink (uuid-1)", "SoLink (uuid-2)", "Third"]


def _options(form: Any) -> Any:
    return form["data_schema"].schema["corporate_account"].config["options"]


async def test_a_corporate_account_that_is_not_open_leads_back(hass: HomeAssistant, simulation: Simulation) -> None:
    second = simulation.sodata.add_corporate_account("Second")
    form = await add(hass, simulation, "sodata")
    simulation.sodata.lists_forbidden = True
    simulation.sodata.forbidden.add(second.uuid)
    result = await submit(hass.config_entries.flow, form, {"corporate_account": second.uuid})
    assert result["step_id"] == "sodata"
    assert result["errors"] == {"base": "right_missing"}


@pytest.mark.parametrize("kind", KINDS)
async def test_the_form_warns_of_an_address_without_encryption_before_it_sends_anything(
    hass: HomeAssistant, simulation: Simulation, kind: str
) -> None:
    address = "http://cloud.example.com"
    changes: Input = {"api_url": address} if kind == "firstlight" else {"advanced": {"api_url": address}}
    with patch("aiohttp.ClientSession._request", side_effect=OSError) as request:
        result = await add(hass, simulation, kind, changes)
        assert result["step_id"] == "unencrypted"
        assert result["description_placeholders"] == {"addresses": r"http\://cloud.example.com"}
        assert not request.called
        result = await submit(hass.config_entries.flow, result, {"next_step_id": "accept_address"})
        assert request.called
    assert result["step_id"] == kind
    assert result["errors"] == {"base": "cannot_connect"}
    with patch("aiohttp.ClientSession._request", side_effect=OSError):  # and the form does not warn twice
        result = await submit(hass.config_entries.flow, result, with_changes(typed_for(simulation, kind), changes))
    assert result["errors"] == {"base": "cannot_connect"}


@pytest.mark.parametrize("kind", KINDS)
async def test_the_warning_leads_back_to_the_form_with_all_that_was_entered(
    hass: HomeAssistant, simulation: Simulation, kind: str
) -> None:
    address = "http://cloud.example.com"
    typed = typed_for(simulation, kind)
    changes: Input = {"api_url": address} if kind == "firstlight" else {"advanced": {"api_url": address}}
    with patch("aiohttp.ClientSession._request", side_effect=OSError) as request:
        warning = await add(hass, simulation, kind, changes)
        form = await submit(hass.config_entries.flow, warning, {"next_step_id": "change_address"})
        assert not request.called
    assert (form["step_id"], form["errors"]) == (kind, {})
    entered = {**typed, **typed.get("advanced", {}), "api_url": address}
    entered.pop("advanced", None)
    assert entered.items() <= shown_in(form).items()
    result = await submit(hass.config_entries.flow, form, typed)
    assert result["type"] is not FlowResultType.FORM or result["step_id"] != "unencrypted"
    assert result.get("errors") is None


async def test_an_encrypted_or_local_address_needs_no_warning(hass: HomeAssistant, simulation: Simulation) -> None:
    for address in ("https://cloud.example.com", "http://localhost:9", "http://[::1]:9", "http://127.0.0.2:9"):
        with patch("aiohttp.ClientSession._request", side_effect=OSError):
            result = await add(hass, simulation, "firstlight", {"api_url": address})
        assert result["errors"] == {"base": "cannot_connect"}, address
