"""The user's own profiles: in files, in the options, exported, and checked on the command line."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from homeassistant.core import Context, HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import ServiceValidationError, Unauthorized
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.components.diagnostics import get_diagnostics_for_device
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.datapoint_cloud import check_profile
from custom_components.datapoint_cloud.const import DOMAIN
from simulator.gizwits.behaviours import steady
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.household import device_of
from simulator.gizwits.products import READABLE, WRITABLE, Attribute, Product
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of, state_of
from .flows import TEXTS, check_texts
from .passing_time import settle

_KEY = "fa4ed05e0000000000000000000000c8"
_PRODUCT = Product(
    key=_KEY,
    name="Box",
    attributes=(
        Attribute(name="Tnow", title="Tnow", type=READABLE, data_type="uint16", behaviour=steady(185), maximum=1000),
        Attribute(name="Tset", title="Tset", type=WRITABLE, data_type="uint8", behaviour=steady(20), maximum=100),
        Attribute(name="lid", title="lid", type=READABLE, data_type="bool", behaviour=steady(True)),
        Attribute(name="pump", title="pump", type=WRITABLE, data_type="bool", behaviour=steady(False)),
    ),
)
_PROFILE = (
    f"match: {{products: {_KEY}}}\ndatapoints: {{Tnow: {{name: Room, unit: °C, class: temperature, scale: 0.1}}}}"
)


@pytest.fixture
def box(simulation: Simulation) -> GizwitsDevice:
    server = simulation.gizwits_open
    device = device_of(server.clock, 9, server.uid, _PRODUCT, "Box")
    device.did = "boxOfTheUser0000000001"
    server.devices = {device.did: device}
    server.products = {_KEY: _PRODUCT}
    return device


@pytest.fixture
def folder(hass: HomeAssistant, tmp_path: Path, our_profiles: None) -> Path:
    hass.config.config_dir = str(tmp_path)
    return tmp_path / DOMAIN / "profiles"


@pytest.fixture
async def entry(hass: HomeAssistant, simulation: Simulation, box: GizwitsDevice, folder: Path) -> MockConfigEntry:
    return await add_account(hass, simulation, "gizwits_open")


def _put(folder: Path, text: str, name: str = "box.yaml") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


async def _reload(hass: HomeAssistant) -> Any:
    response = await hass.services.async_call(DOMAIN, "reload_profiles", blocking=True, return_response=True)
    await settle(hass)
    return response


def _room(hass: HomeAssistant, entry: MockConfigEntry) -> tuple[str, str | None, str]:
    state = state_of(hass, "sensor", entry, "boxOfTheUser0000000001", "Tnow")
    return state.state, state.attributes.get("unit_of_measurement"), state.name


# Files


async def test_a_profile_is_used_after_a_reload(hass: HomeAssistant, entry: MockConfigEntry, folder: Path) -> None:
    before = entity_id_of(hass, "sensor", entry, "boxOfTheUser0000000001", "Tnow")
    assert _room(hass, entry) == ("185", None, "Box Tnow")
    _put(folder, _PROFILE)
    assert await _reload(hass) == {"accounts": 1, "errors": {}}
    assert _room(hass, entry) == ("18.5", "°C", "Box Room")
    assert entity_id_of(hass, "sensor", entry, "boxOfTheUser0000000001", "Tnow") == before
    assert await _reload(hass) == {"accounts": 0, "errors": {}}
    (folder / "box.yaml").unlink()
    assert await _reload(hass) == {"accounts": 1, "errors": {}}
    assert _room(hass, entry) == ("185", None, "Box Tnow")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("match: {has: Tnow}\ndatapoints: {Tnow: {scale: -1}}", "datapoints → Tnow → scale"),
        ("match: {has: Tnow}\ndatapoints: {Tnow: {unit: W, class: temperature}}", "the class has no unit W"),
        ("- {match: {has: [a]}, datapoints: {a: {as: sensr}}}", "did you mean 'sensor'?"),
        ("match: [", "box.yaml"),
        ("\0", "box.yaml"),
    ],
)
async def test_a_bad_file_has_an_issue_and_costs_only_itself(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    text: str,
    error: str,
) -> None:
    _put(folder, text)
    _put(folder, _PROFILE, "good.yaml")
    for _ in range(2):
        response = await _reload(hass)
        assert error in response["errors"]["box.yaml"]
    issue = ir.async_get(hass).async_get_issue(DOMAIN, "bad_profile_box.yaml")
    assert issue is not None
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["file_name"] == "box.yaml"
    assert error in issue.translation_placeholders["error"].replace("\\", "")
    assert str(issue.learn_more_url).endswith("/docs/repairs.md#bad_profile")
    assert sum("A profile is not used" in record.getMessage() for record in caplog.records) == 1
    assert _room(hass, entry)[0] == "18.5"
    (folder / "box.yaml").unlink()
    await _reload(hass)
    assert ir.async_get(hass).async_get_issue(DOMAIN, "bad_profile_box.yaml") is None


async def test_a_file_that_is_no_text_has_an_issue(hass: HomeAssistant, entry: MockConfigEntry, folder: Path) -> None:
    _put(folder, "")
    (folder / "box.yaml").write_bytes(b"\xff\xfe")
    assert "box.yaml" in (await _reload(hass))["errors"]


async def test_only_administrators_reload_profiles(
    hass: HomeAssistant, entry: MockConfigEntry, hass_read_only_user: MockUser
) -> None:
    with pytest.raises(Unauthorized):
        await hass.services.async_call(
            DOMAIN, "reload_profiles", blocking=True, context=Context(user_id=hass_read_only_user.id)
        )


async def test_profiles_of_a_device_are_exported(hass: HomeAssistant, entry: MockConfigEntry, folder: Path) -> None:
    device_id = _device_id(hass, entry)

    async def export() -> Any:
        return await hass.services.async_call(
            DOMAIN, "export_profile", {"device_id": device_id}, blocking=True, return_response=True
        )

    with pytest.raises(ServiceValidationError, match="Box has no profile of your own"):
        await export()
    _put(folder, _PROFILE)
    await _reload(hass)
    assert await export() == {"files": {"box.yaml": _PROFILE}}


def _device_id(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, "boxOfTheUser0000000001"), entry.entry_id)
    assert device is not None
    return device.id


# The options

type Step = Callable[..., Awaitable[Any]]


@pytest.fixture
async def step(hass: HomeAssistant, entry: MockConfigEntry) -> Step:
    """Submits a form of the options and returns the next one."""
    form = await hass.config_entries.options.async_init(entry.entry_id)

    async def submit(**user_input: Any) -> Any:
        result = await hass.config_entries.options.async_configure(form["flow_id"], user_input)
        check_texts(result, TEXTS["options"])
        return result

    return submit


def _labels(form: Any, field: str) -> dict[str, str]:
    return {option["value"]: option["label"] for option in form["data_schema"].schema[field].config["options"]}


async def _choose(step: Step, key: str, applies_to: str = "product") -> Any:
    await step(refine=True)
    await step(device="boxOfTheUser0000000001", applies_to=applies_to)
    return await step(datapoint=key)


async def test_a_datapoint_is_changed_in_the_options(
    hass: HomeAssistant, entry: MockConfigEntry, step: Step, folder: Path
) -> None:
    assert (await step(refine=True))["step_id"] == "refine"
    form = await step(device="boxOfTheUser0000000001", applies_to="product")
    assert _labels(form, "datapoint").items() >= {"Tnow": "Tnow (Tnow): 185", "lid": "Lid (lid): on"}.items()
    form = await step(datapoint="Tnow")
    assert form["description_placeholders"]["value"] == "185"
    assert _labels(form, "device_class")["temperature"] == "Temperature"
    form = await step(name="Room", device_class="temperature")
    assert set(_labels(form, "unit")) == {"°C", "°F", "K"}
    assert _labels(form, "scale")["0.1"] == "× 0.1: 18.5"
    form = await step(unit="°C", scale="0.1")
    assert form["description_placeholders"]["file"] == f"datapoint_cloud/profiles/product_{_KEY}.yaml"
    result = await step()
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass)
    assert _room(hass, entry) == ("18.5", "°C", "Box Room")
    assert entry.options["interval"] == 60
    assert "refine" not in entry.options
    assert "scale: 0.1" in (folder / f"product_{_KEY}.yaml").read_text(encoding="utf-8")


async def test_a_change_is_undone(hass: HomeAssistant, entry: MockConfigEntry, step: Step, folder: Path) -> None:
    await _choose(step, "Tset", "device")
    form = await step(device_class="temperature")
    assert form["step_id"] == "refine_unit"
    await step(unit="°C", scale="1")
    assert (await step(another=True))["step_id"] == "refine"
    await step(device="boxOfTheUser0000000001", applies_to="device")
    await step(datapoint="lid")
    await step(name="Lid", device_class="opening")
    assert (await step(another=True))["step_id"] == "refine"
    await step(device="boxOfTheUser0000000001", applies_to="device")
    form = await step(datapoint="Tset")
    assert "reset" in {str(key) for key in form["data_schema"].schema}
    await step(reset=True)
    await step()
    await settle(hass)
    lid = state_of(hass, "binary_sensor", entry, "boxOfTheUser0000000001", "lid")
    assert (lid.name, lid.attributes["device_class"]) == ("Box Lid", "opening")
    assert "device_class" not in state_of(hass, "number", entry, "boxOfTheUser0000000001", "Tset").attributes
    assert "lid" in (folder / "device_boxoftheuser0000000001.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("scale", ["0", "-1", "ten", "nan", "inf", ""])
async def test_a_bad_scale_is_refused(step: Step, scale: str) -> None:
    await _choose(step, "Tnow")
    await step(device_class="none")
    form = await step(scale=scale)
    assert form["errors"] == {"scale": "scale_invalid"}
    assert (await step(scale="0,25", unit="lx"))["step_id"] == "refine_saved"


async def test_a_class_needs_its_unit(step: Step) -> None:
    await _choose(step, "Tnow")
    await step(device_class="temperature")
    assert (await step(scale="1"))["errors"] == {"unit": "unit_unfit"}


async def test_a_file_that_a_form_cannot_read_is_left_alone(
    hass: HomeAssistant, entry: MockConfigEntry, step: Step, folder: Path
) -> None:
    _put(folder, "match: [", f"product_{_KEY}.yaml")
    result = await _choose(step, "Tnow")
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "profile_unreadable")
    assert (folder / f"product_{_KEY}.yaml").read_text(encoding="utf-8") == "match: ["


async def test_a_folder_that_cannot_be_written_is_told(
    hass: HomeAssistant, entry: MockConfigEntry, step: Step, folder: Path
) -> None:
    (folder.parent).write_text("no folder", encoding="utf-8")
    await _choose(step, "lid")
    result = await step(name="Lid")
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "profile_not_written")


async def test_a_file_that_becomes_unreadable_meanwhile_is_left_alone(step: Step, folder: Path) -> None:
    await _choose(step, "Tnow")
    await step(device_class="none")
    _put(folder, "match: [", f"product_{_KEY}.yaml")
    result = await step(scale="1")
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "profile_unreadable")


async def test_a_switch_has_no_class_to_choose(step: Step) -> None:
    form = await _choose(step, "pump")
    assert {str(key) for key in form["data_schema"].schema} == {"name"}
    assert form["description_placeholders"]["value"] == "off"


async def test_a_datapoint_without_a_value_is_shown_so(entry: MockConfigEntry, step: Step) -> None:
    state = entry.runtime_data.coordinator.fleet["boxOfTheUser0000000001"]
    del state.readings["Tnow"]
    form = await _choose(step, "Tnow")
    assert (form["description_placeholders"]["value"], form["description_placeholders"]["raw"]) == ("–", "–")


@pytest.mark.parametrize("passed", range(4))
async def test_a_device_that_is_gone_meanwhile_ends_the_flow(
    hass: HomeAssistant, entry: MockConfigEntry, step: Step, passed: int
) -> None:
    inputs: list[dict[str, Any]] = [
        {"device": "boxOfTheUser0000000001", "applies_to": "product"},
        {"datapoint": "Tnow"},
        {"device_class": "none"},
        {"scale": "1"},
    ]
    await step(refine=True)
    for user_input in inputs[:passed]:
        await step(**user_input)
    entry.runtime_data.coordinator.fleet.clear()
    result = await step(**inputs[passed])
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "device_gone")


# The command line


async def _diagnostics(hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry) -> str:
    assert await async_setup_component(hass, "diagnostics", {})
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, "boxOfTheUser0000000001"), entry.entry_id)
    assert device is not None
    content = await get_diagnostics_for_device(hass, hass_client, entry, device)
    return json.dumps({"home_assistant": {}, "data": content}, default=str)


async def test_a_profile_is_checked_against_diagnostics(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    entry: MockConfigEntry,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    diagnostics, profile = tmp_path / "diagnostics.json", tmp_path / "mine.yaml"
    diagnostics.write_text(await _diagnostics(hass, hass_client, entry))
    profile.write_text(f"{_PROFILE}\nentities: [{{climate: {{current: Tnow, target: Tset, unit: °C}}}}]")
    assert check_profile.main([str(profile), str(diagnostics)]) == 0
    printed = capsys.readouterr().out
    assert f"Box ({_KEY})" in printed
    assert "climate: the device itself: unit, current, target" in printed
    assert "sensor: Room [Tnow]: 18.5 °C (disabled)" in printed

    profile.write_text(f"{_PROFILE}\nentities: [{{climate: {{current: gone, target: lid}}}}]")
    assert check_profile.main([str(profile), str(diagnostics)]) == 1
    printed = capsys.readouterr().out
    assert "! $climate: current: the product has no datapoint gone" in printed
    assert "! $climate: target: lid is no number" in printed

    content = json.loads(diagnostics.read_text())
    content["data"]["device"] |= {"model": "Smart box", "product_name": "智能盒"}
    diagnostics.write_text(json.dumps(content))
    profile.write_text("match: {has: Tnow, named: 智能盒}")
    assert check_profile.main([str(profile), str(diagnostics)]) == 0

    profile.write_text("match: {has: other}")
    assert check_profile.main([str(profile), str(diagnostics)]) == 1
    assert "! none of the profiles is for this product" in capsys.readouterr().out

    profile.write_text("match: {has: Tnow}\nother: 1")
    assert check_profile.main([str(profile), str(diagnostics)]) == 1
    assert "! mine.yaml, profile 1: other: " in capsys.readouterr().out

    profile.write_text("match: [")
    assert check_profile.main([str(profile), str(diagnostics)]) == 1
    assert "mine.yaml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("profile", "complaint"),
    [
        ("datapoints: {gone*: {name: Gone}}", "gone*: the product has no such datapoint"),
        ("datapoints: {Mode: {options: {turbo: Turbo}}}", "Mode: it is never turbo"),
        ("datapoints: {Tset: {scale: 0.5, min: -5}}", "Tset: the definition allows nothing below 0"),
        ("datapoints: {Tset: {scale: 0.5, max: 60}}", "Tset: the definition allows nothing above 50"),
        ("datapoints: {lid: {unit: °C}}", "lid: it is no number, and so has no unit °C"),
        ("datapoints: {pump: {as: number}}", "pump: it is no number"),
        ("datapoints: {lid: {as: switch}}", "lid: it cannot be written, and so is no switch"),
        ("entities: [{button: {name: Go, writes: {nil: 1}}}]", "$button_go: writes: the product has no datapoint nil"),
        ("datapoints: {pump: {as: select}}", "pump: a select needs options"),
        ("entities: [{button: {name: Go, writes: {lid: true}}}]", "$button_go: writes: lid cannot be written"),
        ("records: {'Gone{slot}': {bytes: [a]}}", "Gone{slot}: the product has no such datapoint"),
        ("records: {'Timer{slot}': {bytes: [a]}}", "Timer{slot}: Timer1 has 2 bytes, and not 1"),
    ],
)
def test_a_profile_that_the_definition_contradicts_is_complained_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], profile: str, complaint: str
) -> None:
    assert _check(tmp_path, profile) == 1
    assert f"! {complaint}" in capsys.readouterr().out.splitlines()


def test_the_schedules_of_a_profile_are_named_with_their_slots(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = "{minutes: 720, bits: 8, options: {10: feed, 30: rest}}"
    assert _check(tmp_path, f"records: {{'Timer{{slot}}': {{name: Feeding, grid: {grid}}}}}") == 0
    assert "  schedule: Feeding: 2 slots\n" in capsys.readouterr().out


def _check(tmp_path: Path, profile: str) -> int:
    """Check a profile for the box against its diagnostics, and return the exit code."""
    written, diagnostics = tmp_path / "mine.yaml", tmp_path / "diagnostics.json"
    written.write_text(f"match: {{products: {_KEY}}}\n{profile}")
    datapoints = {
        "Tset": {"type": "number", "minimum": 0, "maximum": 100, "is_writable": True, "value": 20},
        "Mode": {"type": "enum", "options": ["eco", "comfort"], "is_writable": True, "value": "eco"},
        "lid": {"type": "bool", "value": True},
        "pump": {"type": "bool", "is_writable": True, "value": False},
        "Timer1": {"type": "binary", "length": 2, "is_writable": True, "value": "0a1e"},
    }
    diagnostics.write_text(json.dumps({"data": {"device": {"product": _KEY, "datapoints": datapoints}}}))
    return check_profile.main([str(written), str(diagnostics)])
