"""Adding a cloud takes a package in clouds/, a file in accounts/, its texts, and nothing else.

The tests take the fifth cloud of `fifth_cloud/` from the menu to unloading, and check that no other module knows a
cloud."""

import ast
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlowContext,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr

import custom_components.datapoint_cloud as integration
from custom_components.datapoint_cloud import accounts
from custom_components.datapoint_cloud.accounts import ACCOUNT_TYPES
from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.diagnostics import async_get_config_entry_diagnostics

from . import flows
from .fifth_cloud.accounts.tidewater import TidewaterAccount
from .fifth_cloud.server import TidewaterServer
from .flows import choose, submit

_FOLDER = Path(integration.__file__).parent
_NAMES = re.compile("gizwits|sodata|firstlight|socomec", re.IGNORECASE)


@pytest.fixture
async def server(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TidewaterServer]:
    """The server of the fifth cloud, which is added to the integration."""
    monkeypatch.setitem(ACCOUNT_TYPES, TidewaterAccount.kind, TidewaterAccount())
    texts = json.loads((Path(__file__).parent / "fifth_cloud" / "texts.json").read_text())
    monkeypatch.setattr(flows, "TEXTS", _merged(flows.TEXTS, texts))
    server = TidewaterServer()
    runner = await server.start()
    yield server
    await runner.cleanup()


def _merged(texts: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    inner = {key: _merged(texts.get(key, {}), value) for key, value in more.items() if isinstance(value, dict)}
    return {**texts, **more, **inner}


def _typed(server: TidewaterServer, **changes: str) -> dict[str, Any]:
    return {"river": "ill", "token": server.token, "advanced": {"api_url": server.url}, **changes}


async def _add(hass: HomeAssistant, server: TidewaterServer) -> ConfigEntry:
    form = await choose(hass, "tidewater")
    result = await submit(hass.config_entries.flow, form, _typed(server))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    entry: ConfigEntry = result["result"]
    return entry


async def test_the_fifth_cloud_works_from_the_menu_to_unloading(hass: HomeAssistant, server: TidewaterServer) -> None:
    entry = await _add(hass, server)
    assert (entry.title, entry.unique_id, entry.state) == ("Gauges of the ill", "a1", ConfigEntryState.LOADED)
    assert entry.data == {"cloud": "tidewater", "river": "ill", "token": server.token, "api_url": server.url}
    level = hass.states.get("sensor.selestat_level")
    assert level is not None
    assert (level.state, level.attributes["unit_of_measurement"]) == ("154.5", "cm")
    assert getattr(hass.states.get("binary_sensor.selestat_flooded"), "state", None) == "off"
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert {device.name for device in devices} == {"Gauges of the ill", "Sélestat", "Colmar"}
    assert {device.manufacturer for device in devices} == {"Tidewater"}
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert getattr(hass.states.get("sensor.selestat_level"), "state", None) == "unavailable"


async def test_its_form_shows_each_error_at_its_field(hass: HomeAssistant, server: TidewaterServer) -> None:
    form = await choose(hass, "tidewater")
    result = await submit(hass.config_entries.flow, form, _typed(server, token="wrong"))
    assert result["errors"] == {"token": "wrong_user_token"}
    result = await submit(hass.config_entries.flow, result, _typed(server, river="rhine"))
    assert result["errors"] == {"river": "no_devices"}
    result = await submit(hass.config_entries.flow, result, _typed(server) | {"advanced": {"api_url": "nowhere"}})
    assert result["errors"] == {"api_url": "invalid_address", "advanced": "invalid_address"}


async def test_it_can_be_signed_in_again_and_changed(hass: HomeAssistant, server: TidewaterServer) -> None:
    entry = await _add(hass, server)
    server.token = "renewed"
    await entry.runtime_data.coordinator.async_refresh()
    await hass.async_block_till_done()
    (progress,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert progress["context"]["source"] == SOURCE_REAUTH
    result = await submit(hass.config_entries.flow, progress, {"token": "renewed"})
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    context: ConfigFlowContext = {"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id}
    form = await hass.config_entries.flow.async_init(DOMAIN, context=context)
    assert form["step_id"] == "reconfigure_tidewater"
    result = await submit(hass.config_entries.flow, form, _typed(server))
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED


async def test_its_diagnostics_hide_private_data(hass: HomeAssistant, server: TidewaterServer) -> None:
    entry = await _add(hass, server)
    diagnostics = await async_get_config_entry_diagnostics(hass, entry)
    assert diagnostics["entry"] == {
        "cloud": "tidewater",
        "river": "ill",
        "token": "**REDACTED**",
        "api_url": "**REDACTED**",
    }


def _names_of_clouds(source: str) -> Iterator[str]:
    """Yield every name of a cloud in the code, without its comments and docstrings."""
    tree = ast.parse(source)
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        for _, value in ast.iter_fields(node):
            if isinstance(value, str) and id(node) not in docstrings and _NAMES.search(value):
                yield value


def _modules_that_know_clouds(*but: str) -> set[str]:
    modules = {module.relative_to(_FOLDER): module.read_text(encoding="utf-8") for module in _FOLDER.rglob("*.py")}
    return {
        str(module)
        for module, source in modules.items()
        if module.parts[0] not in but and any(_names_of_clouds(source))
    }


_BROOK = """
from custom_components.datapoint_cloud.accounts.base import AccountType
from tests.integration.fifth_cloud.accounts.tidewater import TidewaterAccount

class BrookAccount(AccountType):
    kind = "brook"
    menu_position = 25
    maker = "Brook"
    docs_page = "brook.md"
    fields = ()
    open = TidewaterAccount.open
"""


def test_a_file_in_the_folder_is_an_account_type_of_the_menu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "brook" not in accounts.load_account_types()
    (tmp_path / "brook.py").write_text(_BROOK, encoding="utf-8")
    monkeypatch.setattr(accounts, "__path__", [*accounts.__path__, str(tmp_path)])
    kinds = list(accounts.load_account_types())
    assert kinds.index("gizwits_enterprise") < kinds.index("brook") < kinds.index("sodata")


def test_no_other_module_names_a_cloud() -> None:
    assert _modules_that_know_clouds("accounts", "clouds") == set()


def test_a_module_that_names_a_cloud_would_be_found() -> None:
    assert {"accounts/gizwits_open.py", "accounts/sodata.py"} <= _modules_that_know_clouds("clouds")
    assert list(_names_of_clouds('"""Of SoData."""\nif kind == "sodata":  # SoData\n    pass')) == ["sodata"]
    assert list(_names_of_clouds("from .clouds.gizwits.open.api import Cloud")) == ["clouds.gizwits.open.api"]
