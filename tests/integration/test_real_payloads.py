"""Recorded definitions and answers of the Open API in a real Home Assistant: nothing is lost, nothing raises."""

import copy
import json
import random
import time
from collections.abc import AsyncIterator, Iterator
from math import isclose
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.clouds.gizwits.attributes import Attribute
from custom_components.datapoint_cloud.clouds.gizwits.schema import parse
from custom_components.datapoint_cloud.clouds.model import Datapoint, DataType, Role
from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.fleet.composites import SHOWN
from custom_components.datapoint_cloud.fleet.description import DatapointDescription
from custom_components.datapoint_cloud.fleet.device_state import DeviceState
from custom_components.datapoint_cloud.fleet.naming import Naming
from custom_components.datapoint_cloud.profiles.model import Refinement

from .accounts import poll
from .passing_time import settle

type Json = dict[str, Any]

_ACCOUNT = "app_user"
_NAMING = Naming.load("en")
_LONGEST_STATE = 255


class Recorded:
    """A server that says what was recorded: a device for each definition, each snapshot and each row of bindings."""

    def __init__(self, payloads: Path) -> None:
        self.definitions: dict[str, Json] = {}
        self.rows: dict[str, Json] = {}
        self.latest: dict[str, Json] = {}
        self._add_definitions(payloads)
        self._add_bindings(payloads)
        self._add_snapshots(payloads)

    def _add_definitions(self, payloads: Path) -> None:
        for path, definition in _read(payloads / "products"):
            key = definition["product_key"]
            if key in self.definitions:  # a placeholder
                key = path.stem
            self.definitions[key] = definition
            self._add(f"synthetic {path.stem}", key, {name: _sample(attr) for name, attr in attributes(definition)})

    def _add_bindings(self, payloads: Path) -> None:
        for _, answer in _read(payloads / "bindings"):
            for row in answer["devices"]:
                # Where the vendor's push was is left alone.
                self.rows[row["did"]] = row | {"ws_port": None, "wss_port": None}

    def _add_snapshots(self, payloads: Path) -> None:
        of_push = [(path, frame["data"]) for path, frame in _read(payloads / "websocket")]
        for path, answer in [*_read(payloads / "devdata"), *of_push]:
            values = answer.get("attr") or answer["attrs"]
            self.latest.setdefault(answer["did"], {"did": answer["did"], "updated_at": int(time.time())})
            self.latest[answer["did"]]["attr"] = values
            if (key := self._definition_of(values)) is not None:
                self._add(f"snapshot {path.stem}", key, values)

    def _definition_of(self, values: Json) -> str | None:
        """The definition that names most of what the device reported."""

        def share(key: str) -> float:
            names = {name for name, _ in attributes(self.definitions[key])}
            return len(names & values.keys()) / len(names | values.keys())

        best = max(self.definitions, key=share)
        return best if share(best) > 0.5 else None

    def _add(self, did: str, key: str, values: Json) -> None:
        self.rows[did] = {
            "did": did,
            "product_key": key,
            "product_name": did,
            "dev_alias": "",
            "is_online": True,
            "is_disabled": False,
            "mac": "",
        }
        self.latest[did] = {"did": did, "updated_at": int(time.time()), "attr": values}

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/app/login", self._log_in)
        app.router.add_get("/app/bindings", self._list_bindings)
        app.router.add_get("/app/datapoint", self._describe)
        app.router.add_get("/app/devdata/{did}/latest", self._latest)
        return app

    async def _log_in(self, _: web.Request) -> web.Response:
        return web.json_response({"token": "t", "uid": "user", "expire_at": int(time.time()) + 99_999_999})

    async def _list_bindings(self, request: web.Request) -> web.Response:
        limit, skip = int(request.query["limit"]), int(request.query["skip"])
        return web.json_response({"devices": list(self.rows.values())[skip : skip + limit]})

    async def _describe(self, request: web.Request) -> web.Response:
        definition = self.definitions.get(request.query["product_key"])
        if definition is None:
            return web.json_response({"error_code": 9029, "error_message": "datapoint not found!"}, status=400)
        return web.json_response(definition)

    async def _latest(self, request: web.Request) -> web.Response:
        did = request.match_info["did"]
        return web.json_response(self.latest.get(did, {"did": did, "updated_at": 0, "attr": {}}))


def _read(folder: Path) -> list[tuple[Path, Json]]:
    return [(path, json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.json"))]


def attributes(definition: Json) -> Iterator[tuple[str, Json]]:
    """The attributes of a definition by name."""
    return ((attr["name"], attr) for entity in definition["entities"] for attr in entity["attrs"])


def _sample(attr: Json) -> Any:
    match attr["data_type"]:
        case "bool":
            return 1
        case "enum":
            return attr["enum"][-1]
        case "binary":
            return "0a" * attr["position"]["len"]
    spec = attr["uint_spec"]
    return round((spec["min"] + spec["max"]) // 2 * spec["ratio"] + spec["addition"], 6)


def _platform(datapoint: Datapoint) -> str:
    if datapoint.is_writable and datapoint.role in {Role.ACTION, Role.MAINTENANCE}:
        return "button"
    match datapoint.data_type:
        case DataType.BOOL:
            return "switch" if datapoint.is_writable else "binary_sensor"
        case DataType.ENUM:
            return "select" if datapoint.is_writable else "sensor"
        case DataType.BINARY:
            return "sensor"
    return "number" if datapoint.is_writable else "sensor"


def _refined(description: DatapointDescription, value: Any) -> str | float:
    """Return the state of a value that a profile refines; `test_our_profiles` checks what profiles make of values."""
    shown = description.shown(value)
    if shown is None:
        return "unknown"
    if isinstance(shown, bool):
        return "on" if shown else "off"
    if isinstance(shown, str):
        return "unknown" if description.platform == "select" and shown not in description.options else shown
    return round((shown - 32) / 1.8, 4) if description.unit == "°F" else float(shown)


def _shown(attribute: Attribute, value: Any) -> str | float:
    datapoint, codes = attribute.datapoint, attribute.codes
    match datapoint.data_type:
        case DataType.BOOL if datapoint.role in {Role.ACTION, Role.MAINTENANCE}:
            return "unknown"  # when a button was pressed last
        case DataType.BOOL:
            return "on" if value else "off"
        case DataType.ENUM:
            spelled: tuple[int | str, ...] = codes or datapoint.options
            if value not in spelled:
                return "unknown" if datapoint.is_writable else str(value)
            return list(_NAMING.option_keys(datapoint.options))[spelled.index(value)]
        case DataType.BINARY:
            return str(value).lower()[:_LONGEST_STATE]
    return float(value) if value != attribute.absent else "unknown"


@pytest.fixture(scope="module")
def recorded(real_payloads: Path) -> Recorded:
    return Recorded(real_payloads)


@pytest.fixture
async def entry(
    hass: HomeAssistant,
    recorded: Recorded,
    our_profiles: None,
    all_enabled: None,
    socket_enabled: None,
    hass_storage: Json,
) -> AsyncIterator[MockConfigEntry]:
    server = TestServer(recorded.app())
    await server.start_server()
    entry = MockConfigEntry(
        domain=DOMAIN,
        unique_id=_ACCOUNT,
        data={
            "cloud": "gizwits_open",
            "region": "eu",
            "api_url": str(server.make_url("")),
            "app_id": "app",
            "username": "user",
            "password": "password",
        },
    )
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    yield entry
    await hass.config_entries.async_unload(entry.entry_id)
    await server.close()


def _of_several_datapoints(state: DeviceState) -> Iterator[tuple[str, str]]:
    """Yield the keys and platforms of the entities that show several datapoints of a device."""
    for composite in state.presentation.composites.values():
        if composite.platform in SHOWN:
            yield composite.key, composite.platform.value
    if state.presentation.schedules:
        yield "$schedule", "calendar"
    if state.presentation.clock is not None:
        yield "$clock", "sensor"
        yield "$set_clock", "button"


@pytest.mark.slow
async def test_every_recorded_datapoint_is_one_entity_with_its_value(
    hass: HomeAssistant, recorded: Recorded, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    assert entry.state is ConfigEntryState.LOADED
    entities = {
        entity.unique_id: entity for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    }
    by_platform = {unique_id: entity.domain for unique_id, entity in entities.items()}
    expected: dict[str, str] = {}
    wrong: dict[str, tuple[Any, Any]] = {}
    for did, row in recorded.rows.items():
        expected[f"{_ACCOUNT}_{did}_$connectivity"] = "binary_sensor"
        key = row["product_key"]
        if key not in recorded.definitions:
            continue
        definition = parse(recorded.definitions[key])
        assert definition is not None
        fleet_state = entry.runtime_data.coordinator.fleet[did]
        for name, attribute in definition.attributes.items():
            unique_id = f"{_ACCOUNT}_{did}_{name}"
            description = fleet_state.descriptions[name]
            is_refined = fleet_state.profile.refinement(name) != Refinement()
            expected[unique_id] = _platform(description.datapoint if is_refined else attribute.datapoint)
            if (value := recorded.latest[did]["attr"].get(name)) is None:
                continue
            state = hass.states.get(entities[unique_id].entity_id)
            assert state is not None
            shown = _refined(description, fleet_state.value(name)) if is_refined else _shown(attribute, value)
            # Home Assistant converts °F, and rounds what it has converted.
            if state.state != shown and not (
                isinstance(shown, float)
                and isclose(float(state.state), shown, abs_tol=0.3 if description.unit == "°F" else 0)
            ):
                wrong[unique_id] = (state.state, shown)
        if any(attr["type"] in {"alert", "fault"} for _, attr in attributes(recorded.definitions[key])):
            expected[f"{_ACCOUNT}_{did}_$problem"] = "binary_sensor"
            expected[f"{_ACCOUNT}_{did}_$alarm"] = "event"
        expected |= {f"{_ACCOUNT}_{did}_{key}": platform for key, platform in _of_several_datapoints(fleet_state)}
    assert wrong == {}
    figures = {unique_id for unique_id in by_platform if unique_id.startswith(f"{_ACCOUNT}_$")}
    assert {key: platform for key, platform in by_platform.items() if key not in figures} == expected
    assert len(expected) > 1300
    assert [record.getMessage() for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}] == []


@pytest.mark.slow
async def test_what_no_definition_names_is_kept_all_the_same(
    hass: HomeAssistant, recorded: Recorded, entry: MockConfigEntry
) -> None:
    fleet = entry.runtime_data.coordinator.fleet
    assert set(fleet) == set(recorded.rows)
    undefined = [did for did, row in recorded.rows.items() if row["product_key"] not in recorded.definitions]
    assert any(did in recorded.latest for did in undefined)
    for did in undefined:
        values = recorded.latest.get(did, {"attr": {}})["attr"]
        assert {key: reading.value for key, reading in fleet[did].readings.items()} == values
        assert fleet[did].skipped == set()


_ODD_VALUES = (None, "", "ff", "cft", "stop", -1, 0, 0.5, 1, 3, 99, 255, 65_535, 1e300, True, False, [1, 2], {"a": 1})


@pytest.mark.slow
async def test_whatever_real_products_report_no_entity_fails(
    hass: HomeAssistant,
    recorded: Recorded,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    chance = random.Random(3)
    before = copy.deepcopy(recorded.latest)
    for _ in range(4):
        freezer.tick(61)
        for latest in recorded.latest.values():
            names = [name for name in latest["attr"] if chance.random() < 0.5]
            latest["attr"] = latest["attr"] | {name: chance.choice(_ODD_VALUES) for name in names}
            latest["updated_at"] = int(time.time())
        await poll(hass, entry)
    recorded.latest = before
    failed = {
        record.name: record.getMessage() for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}
    }
    failed.pop("aiohttp.access", None)  # it cannot log in frozen time
    assert failed == {}
