"""Every error code of both Gizwits tables has its text for the user, through an endpoint that can answer it.

Codes of registration, sharing and firmware have no such endpoint, so any one answers them. `test_error_codes` has the
codes of logins, lists and values, which show as issues and forms instead.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.clouds.gizwits import errors
from custom_components.datapoint_cloud.const import DOMAIN
from simulator.gizwits.products import SPA
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of
from .subjects import SUBJECTS

_REFUSED = "The cloud refuses the request"
_FAILED = "The server of the cloud failed"
_NOT_ALLOWED = "This account is not allowed to do this"
_NO_GROUP = "The cloud does not know this group"
_OWN_DEVICE = "The cloud no longer knows the device"

_TEXTS: Mapping[str, Mapping[str, Mapping[str, list[int]]]] = {
    "gizwits_open": {
        "bind": {
            _REFUSED: [9001, 9009, 9010, 9015, 9018, 9019, 9022, 9025, 9027, 9028, 9031, 9032, 9033, 9034, 9037, 9046],
            "The cloud does not know this product": [9002],
            _NOT_ALLOWED: [9003, 9038],
            _FAILED: [9004, 9005, 9006, 9007, 9008, 9020, 9026, 9035, 9077],
            "The number of devices that the vendor allows for this product is reached": [9011, 9012, 9013],
            "The cloud does not know 0000000000aa": [9014, 9016],
            "This product has no datapoints in the developer center": [9029],
            "The cloud does not offer this function": [9039, 9045],
            "The cloud does not know this QR code": [9040],
            "The cloud refuses the time of this system": [9043],
            "The cloud refuses the product secret": [9044],
        },
        "unbind": {
            _OWN_DEVICE: [9017],
            "Only the owner of the device may do this": [9093],
            _REFUSED: [
                *(*range(9080, 9086), *range(9087, 9091), 9092, 9094, 9095, 9096, *range(9098, 9102)),
                *(9030, 9036, 9999),
            ],
        },
        "command": {
            "could not send the command to": [9021, 9024],
            "the vendor has disabled it": [9023],
            "was not contacted: it is offline": [9042],
            "the cloud accepts no more requests until": [9041],  # the last one, because the account pauses after it
        },
        "scene": {"The cloud no longer has the scene Spa evening": [9220, 9221]},
    },
    "gizwits_enterprise": {
        "group": {
            _REFUSED: [5001, 5002, 5006, 5016, 5017, 5020, 5021, 5207, 5501, 5502, 5503, 5701, 5702, 5703, 5901],
            _FAILED: [5003, 5004, 5009, 5011, 5022, 5023, 5407, 5409],
            "The cloud refuses the product secret": [5005],
            _NOT_ALLOWED: [5007, 5008, 5010, 5801],
            "The cloud refuses this network: its public IP address": [5012],
            "The cloud does not know this product": [5015, 5025],
            "The cloud cannot find the organization": [5019],
            _NO_GROUP: [5201, 5202, 5206],
            "The product already has its top group": [5203],
            "The group still has groups or devices": [5204, 5205],
            "The cloud is still moving devices between groups": [5208],
        },
        "report": {
            "The cloud has not prepared this report yet": [5014],
            "The vendor has not enabled this function for the product": [5018, 5024],
            _FAILED: [5406, 5601],
        },
        "command": {
            "no longer has this device": [5301, 5302],
            "no user has bound it": [5303],
            "the vendor has disabled it": [5304],
            "it is offline": [5305],
            "does not accept one of the values": [5401, 5405],
            "its product has no datapoints": [5402],
            "could not send the command to": [5403],
            "remote control is not enabled for its product": [5404],
            "refuses the payload": [5408],
            "the cloud accepts no more requests until": [5013],
        },
    },
}


@dataclass(frozen=True, slots=True)
class _Action:
    domain: str
    name: str
    data: dict[str, Any]
    method: str
    path: str

    def is_for(self, request: web.Request) -> bool:
        """Whether a request is the one that the action is about."""
        return request.method == self.method and self.path in request.path


def _actions(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, kind: str
) -> Iterator[tuple[str, _Action]]:
    account = {"config_entry_id": entry.entry_id}
    number = entity_id_of(hass, "number", entry, SUBJECTS[kind].device_id(simulation), "set_temp")
    yield "command", _Action("number", "set_value", {"entity_id": number, "value": 20}, "POST", "/control")
    if kind == "gizwits_open":
        spa = {"product_key": SPA.key, "product_secret": "a" * 32, "mac": "0000000000aa"}
        yield "bind", _Action(DOMAIN, "bind_device", account | spa, "POST", "/app/bind_mac")
        did = SUBJECTS[kind].device_id(simulation)
        yield "unbind", _Action(DOMAIN, "unbind_devices", account | {"devices": [did]}, "DELETE", "/app/bindings")
        entries = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        (button,) = (one.entity_id for one in entries if one.domain == "button" and "scene" in one.unique_id)
        yield "scene", _Action("button", "press", {"entity_id": button}, "POST", "/app/scene")
        return
    account["product"] = next(iter(simulation.gizwits_enterprise.products))
    yield "group", _Action(DOMAIN, "create_group", account, "POST", "/device_groups")
    report = account | {"report": "device_overview"}
    yield "report", _Action(DOMAIN, "get_report", report, "GET", "/summary")


async def _told(hass: HomeAssistant, action: _Action) -> str:
    """Return what the user reads."""
    try:
        answer = await hass.services.async_call(
            action.domain, action.name, action.data, blocking=True, return_response=action.domain == DOMAIN
        )
    except HomeAssistantError as error:
        return str(error)
    return str((answer or {}).get("reason"))


@pytest.mark.parametrize(
    ("kind", "table"), [("gizwits_open", errors.OPEN_API), ("gizwits_enterprise", errors.ENTERPRISE_API)]
)
async def test_every_code_has_its_text(
    hass: HomeAssistant, simulation: Simulation, kind: str, table: Mapping[int, object]
) -> None:
    expected = {
        code: (name, text) for name, texts in _TEXTS[kind].items() for text, codes in texts.items() for code in codes
    }
    assert expected.keys() == table.keys()
    entry = await add_account(hass, simulation, kind)
    server = SUBJECTS[kind].server(simulation)
    actions = dict(_actions(hass, simulation, entry, kind))
    told = {}
    for code, (name, text) in sorted(expected.items(), key=lambda item: item[0] in {9041, 5013}):
        action = actions[name]
        body = json.dumps({"error_code": code, "error_message": "no", "detail_message": None, "detail": ""})
        server.faults[:] = [Fault(matches=action.is_for, status=400, body=body)]
        found = await _told(hass, action)
        if text not in found or "{" in found or found.endswith(" for"):
            told[code] = found
    assert told == {}
