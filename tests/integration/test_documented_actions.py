"""Every action of docs/actions.md has an example, and is answered as the document shows."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.util.yaml import parse_yaml
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.actions.administration import ACTIONS
from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.statistics.importer import ImportResult
from simulator.gizwits.aquarium import WAVEMAKER
from simulator.gizwits.devices import LogEntry
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of
from .history.fake_history import device_id_of
from .subjects import air_conditioner, chiller, ups

_ROOT: Final = Path(__file__).parents[2]
_LOAD_RATE: Final = "Global|0|140100"
_ELSEWHERE: Final = {"import_statistics", "record_account", "reload_profiles", "export_profile"}
"""The actions that need a recorder or files. Tests of their own compare their answers."""


def _examples() -> Mapping[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Return the data of the first example of each action with an answer, and the answer."""
    text = (_ROOT / "docs" / "actions.md").read_text(encoding="utf-8")
    blocks = [parse_yaml(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    records = [block for block in blocks if isinstance(block, dict)]
    found: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    for example, shown in pairwise(records):
        if "action" in example and "action" not in shown:
            name = str(example["action"]).removeprefix(f"{DOMAIN}.")
            found.setdefault(name, (dict(example.get("data", {})), shown))
    return found


def test_every_action_has_an_answer_in_the_document() -> None:
    described = parse_yaml((_ROOT / "custom_components" / DOMAIN / "services.yaml").read_text(encoding="utf-8"))
    assert isinstance(described, dict)
    assert sorted(_examples()) == sorted(described.keys() - {action.name for action in ACTIONS})


def test_the_answer_about_an_import_has_its_fields() -> None:
    _, shown = _examples()["import_statistics"]
    (result,) = shown["entities"].values()
    assert list(result) == list(ImportResult(reason="complete").as_dict())


def _shape(answer: Any, depth: int = 0) -> Any:
    """Return the names of the fields of an answer; those of a device's own words and of ids do not matter."""
    if isinstance(answer, list):
        return [_shape(answer[0], depth + 1)] if answer else []
    if not isinstance(answer, dict):
        return None
    if all(re.fullmatch("[0-9a-f]{32}", str(key)) for key in answer):
        return {"id": _shape(next(iter(answer.values()), None), depth + 1)}
    free = {"content", "fields", "slots", "datapoints"}
    return {key: None if key in free else _shape(value, depth + 1) for key, value in answer.items()}


@dataclass(frozen=True, slots=True)
class _Accounts:
    household: MockConfigEntry
    enterprise: MockConfigEntry
    sodata: MockConfigEntry
    firstlight: MockConfigEntry


@pytest.fixture
async def accounts(hass: HomeAssistant, simulation: Simulation) -> _Accounts:
    simulation.gizwits_open.add_wavemaker()
    kinds = ("gizwits_open", "gizwits_enterprise", "sodata", "firstlight")
    return _Accounts(*[await add_account(hass, simulation, kind) for kind in kinds])


async def _run(hass: HomeAssistant, name: str, data: dict[str, Any]) -> dict[str, Any]:
    answer = await hass.services.async_call(DOMAIN, name, data, blocking=True, return_response=True)
    assert isinstance(answer, dict)
    return answer


async def test_the_examples_are_answered_as_the_document_says(
    hass: HomeAssistant, simulation: Simulation, accounts: _Accounts
) -> None:
    device = air_conditioner(simulation)
    of_account = {"config_entry_id": accounts.household.entry_id}
    group = await _run(hass, "create_group", of_account | {"name": "Indoors", "product": device.product.key})
    await _run(hass, "assign_devices", of_account | group | {"members": [device.did]})
    (wavemaker,) = (one for one in simulation.gizwits_open.devices.values() if one.product is WAVEMAKER)
    schedule = {"device_id": device_id_of(hass, accounts.household, wavemaker.did)}
    own = {"device_id": device_id_of(hass, accounts.household, device.did)}
    load = {"entity_id": entity_id_of(hass, "sensor", accounts.sodata, ups(simulation).uuid, _LOAD_RATE)}
    logged = {"device_id": device_id_of(hass, accounts.enterprise, chiller(simulation).did)}
    chiller(simulation)._commands.append(LogEntry(time.time() - 60, "app2dev", b"\x07"))
    there: dict[str, dict[str, Any]] = {  # the examples name what is not there
        "set_datapoints": {"settings": [], **own, "values": {"set_temp": 22}, "wait": False},
        "list_datapoints": own,
        "set_group_datapoints": of_account | group | {"values": {"set_temp": 22}},
        "send_raw": own,
        "get_history": load,
        "get_aggregate": load,
        "get_online_log": own,
        "get_communication_log": logged,
        "get_usage": {"config_entry_id": accounts.firstlight.entry_id},
        "get_schedule": schedule,
        "set_schedule": schedule,
    }
    for name, (data, shown) in _examples().items():
        if name in _ELSEWHERE:
            continue
        wanted = {key: value for key, value in (data | there[name]).items() if value != []}
        answer = await _run(hass, name, wanted)
        assert _shape(answer) == _shape(shown), name
