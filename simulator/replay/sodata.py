"""What a recording of SoData says about single objects, other pages, last values and history that were not recorded."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, override

from aiohttp import web

from simulator.server import parse_whole_number
from simulator.sodata.actions import ACTIONS
from simulator.sodata.datapoints import Rules, read_history
from simulator.sodata.errors import Refused, refusal
from simulator.sodata.fleet import CorporateAccount, Customer, Site, SoDataDevice, Variable
from simulator.sodata.services import Item, Service
from simulator.sodata.signals import Measured

from .recording import Recording
from .serving import fields
from .times import Shift

_LISTS = ("customers", "sites", "devices")
_FILTERS = ("siteUuid", "customerUuid")
_DEFAULT_TAKE = 50


@dataclass(frozen=True, slots=True)
class _Steady(Measured):
    """The recorded value, as if it had never been another one."""

    text: str

    @override
    def value(self, at_ms: int, phase: float) -> str:
        return self.text


class SoDataKnowledge:
    """Answers from everything that was recorded of an account."""

    def __init__(self, recording: Recording, shift: Shift, clock: Callable[[], float]) -> None:
        """Read the recorded lists and values."""
        self._recording = recording
        self._shift = shift
        self._clock = clock
        self._last_values = {
            entry["deviceUuid"]: entry
            for exchange in recording.answers("/last-values")
            for entry in fields(exchange.json).get("devices", ())
        }
        self._devices = {uuid: self._device(uuid, entry) for uuid, entry in self._last_values.items()}

    def answer(self, request: web.Request, sent: Any) -> Any:
        """Return an answer or the JSON of one; None if the recording says nothing about it."""
        last = request.path.rpartition("/")[2]
        if last == "last-values":
            return self._values_of(request, sent)
        if last == "datapoints" and request.method == "PUT":
            return self._history(request, sent)
        if request.method == "PUT" and last in ACTIONS:
            return web.Response(status=204)
        if request.method != "GET":
            return None
        return self._list(request) if last in _LISTS else self._object(*request.path.rsplit("/", 1))

    def _rows(self, path: str) -> dict[str, Mapping[str, Any]]:
        """Return all recorded rows of a list by their uuids."""
        exchanges = (one for one in self._recording.exchanges if one.is_success and one.path == path)
        rows = (row for exchange in exchanges for row in fields(exchange.json).get("results", ()))
        return {row["uuid"]: row for row in rows if "uuid" in fields(row)}

    def _list(self, request: web.Request) -> Any:
        if not any(one.path == request.path and one.is_success for one in self._recording.exchanges):
            return None
        wanted = {name: request.query[name] for name in _FILTERS if name in request.query}
        rows = [
            row for row in self._rows(request.path).values() if all(row.get(name) == wanted[name] for name in wanted)
        ]
        take = parse_whole_number(request.query.get("take", "")) or _DEFAULT_TAKE
        skip = parse_whole_number(request.query.get("skip", "")) or 0
        return self._shift.moved({"total": len(rows), "results": rows[skip : skip + take], "take": take})

    def _object(self, parent: str, name: str) -> Any:
        if name == "gateway":
            parent, uuid = parent.rsplit("/", 1)
            name = str(self._rows(parent).get(uuid, {}).get("gatewayUuid"))
        rows = self._rows(parent)
        if name == "count" and rows:
            return {"count": len(rows)}
        return self._shift.moved(rows[name]) if name in rows else None

    def _values_of(self, request: web.Request, sent: Any) -> Any:
        wanted = fields(sent).get("deviceUuids") if request.method == "PUT" else [request.path.split("/")[-2]]
        if not isinstance(wanted, list) or not self._last_values.keys() & set(map(str, wanted)):
            return None
        return self._shift.moved({"devices": [self._last_values[uuid] for uuid in wanted if uuid in self._last_values]})

    def _history(self, request: web.Request, sent: Any) -> Any:
        def find(uuid: str) -> SoDataDevice:
            if uuid not in self._devices:
                raise Refused(404, "Device not found")
            return self._devices[uuid]

        try:
            return read_history(sent, find, Rules())
        except Refused as refused:
            return refusal(request, refused)

    def _device(self, uuid: str, entry: Mapping[str, Any]) -> SoDataDevice:
        zones = (row.get("timeZone") for row in self._recorded_rows() if row.get("uuid") == uuid)
        zone = next((zone for zone in zones if zone), "UTC")
        site = Site("", "", zone, 0.0, 0.0, Customer("", CorporateAccount("")))
        device = SoDataDevice("", "", (), site, self._clock)
        device.uuid = uuid
        variables = (_variable(uuid, row, int(self._clock() * 1000)) for row in map(fields, entry.get("values", ())))
        device.variables = {variable.key: variable for variable in variables if variable is not None}
        return device

    def _recorded_rows(self) -> Iterator[Mapping[str, Any]]:
        for exchange in self._recording.answers("/devices"):
            yield from map(fields, fields(exchange.json).get("results", ()))


def _variable(device_uuid: str, row: Mapping[str, Any], installed_ms: int) -> Variable | None:
    index, value = str(row.get("itemIndex")), row.get("value")
    if not index.isdigit() or not isinstance(row.get("serviceId"), str) or value is None:
        return None
    service = Service(row["serviceId"], "", None, row.get("unit"), _Steady(str(value)))
    return Variable(device_uuid, Item(str(row.get("itemType")), int(index), (service,)), service, installed_ms)
