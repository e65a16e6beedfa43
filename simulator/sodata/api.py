"""The SoData API, version 1: its methods that only read, its paging, its rights.

It asks Keycloak whether a token is good and knows nothing else of it. What the document leaves open is a switch.
"""

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal

from aiohttp import web
from aiohttp.typedefs import Handler

from simulator.server import Server

from .datapoints import BadRequest, Rules, read_history
from .fleet import CorporateAccount, Customer, Site, SoDataDevice, Value, Variable, install, install_small
from .keycloak import KeycloakServer
from .services import GATEWAY, METER, UPS
from .shapes import (
    Json,
    show_account,
    show_customer,
    show_device,
    show_last_value,
    show_site,
    show_variable,
)

_ACCOUNT = "/api/v1/ca/{ca}"
_DEFAULT_TAKE = 50
_KINDS = {"UPS": UPS, "METER": METER, "GATEWAY": GATEWAY}


class SoDataServer(Server):
    """The SoData API, whose bearer tokens come from `keycloak`."""

    def __init__(self, keycloak: KeycloakServer, clock: Callable[[], float]) -> None:
        """Make an API that reads the time from `clock` (seconds since 1970), with one corporate account."""
        super().__init__("sodata")
        self.keycloak = keycloak
        self.clock = clock
        account = CorporateAccount("SoLink")
        self.corporate_accounts = [account]
        self.customers, self.sites, devices = install(account, clock)
        self.devices = {device.uuid: device for device in devices}
        self._numbers = itertools.count(100)
        self.forbidden: set[str] = set()
        """Uuids of accounts, customers, sites and devices that the user has no right to see."""
        self.lists_forbidden = False
        """Whether lists show what the user may not open; they are silently shorter otherwise."""
        self.largest_page: int | None = None
        """How many rows a page has at most, whatever `take` says."""
        self.largest_take: int | None = None
        """How many rows a page may be asked for; more is refused with 400."""
        self.page_overlap = 0
        """How many rows of the page before a later page repeats, as when the list changes while it is read."""
        self.has_total = True
        """Whether pages carry `total`."""
        self.bulk_body: Literal["deviceUuids", "devices", "list"] | None = "deviceUuids"
        """The only body that `PUT last-values` takes; None: there is no such method."""
        self.failing_devices: dict[str, int] = {}
        """Statuses by uuid: what is answered where the device is asked for, alone or among others."""
        self.alarm_values: tuple[Value, Value] = ("0", "1")
        """How a quiet and an active alarm are written."""
        self.history_rules = Rules()
        """What `PUT datapoints` answers at once, and how."""
        self.app.middlewares.append(self._check_token)
        self.app.router.add_get("/api/v1/ca", self._list_accounts)
        self.app.router.add_get(f"{_ACCOUNT}/customers", self._list_customers)
        self.app.router.add_get(f"{_ACCOUNT}/customers/{{uuid}}", self._get_customer)
        self.app.router.add_get(f"{_ACCOUNT}/sites", self._list_sites)
        self.app.router.add_get(f"{_ACCOUNT}/sites/count", self._count_sites)
        self.app.router.add_get(f"{_ACCOUNT}/sites/{{uuid}}", self._get_site)
        self.app.router.add_get(f"{_ACCOUNT}/devices", self._list_devices)
        self.app.router.add_get(f"{_ACCOUNT}/devices/{{uuid}}", self._get_device)
        self.app.router.add_get(f"{_ACCOUNT}/devices/{{uuid}}/gateway", self._get_gateway)
        self.app.router.add_get(f"{_ACCOUNT}/devices/{{uuid}}/variables", self._list_variables)
        self.app.router.add_get(f"{_ACCOUNT}/devices/{{uuid}}/variables/{{variable}}", self._get_variable)
        self.app.router.add_get(f"{_ACCOUNT}/devices/{{uuid}}/last-values", self._get_last_values)
        self.app.router.add_put(f"{_ACCOUNT}/last-values", self._read_many_last_values)
        self.app.router.add_put(f"{_ACCOUNT}/datapoints", self._read_datapoints)

    def add_corporate_account(self, name: str) -> CorporateAccount:
        """Give the user another account with one site, a gateway and a meter."""
        account = CorporateAccount(name)
        self.corporate_accounts.append(account)
        customers, sites, devices = install_small(account, self.clock)
        self.customers += customers
        self.sites += sites
        self.devices |= {device.uuid: device for device in devices}
        return account

    def add_devices(self, kind: Literal["UPS", "METER", "GATEWAY"], count: int) -> list[SoDataDevice]:
        """Install more devices at the first site, behind its gateway unless they are gateways themselves."""
        site = self.sites[0]
        gateway = next((device for device in self.devices.values() if device.kind == "GATEWAY"), None)
        added = [
            SoDataDevice(
                f"{kind.capitalize()} {number}",
                kind,
                _KINDS[kind],
                site,
                self.clock,
                number=number,
                gateway=None if kind == "GATEWAY" else gateway,
            )
            for number in itertools.islice(self._numbers, count)
        ]
        self.devices |= {device.uuid: device for device in added}
        return added

    def describe_devices(self) -> dict[str, Any]:
        """Tell, by uuid, what `set_device` may change: name, is_silent, is_forbidden, and values by their keys."""
        return {
            uuid: {
                "name": device.name,
                "is_silent": device.is_silent,
                "is_forbidden": uuid in self.forbidden,
                "values": {variable.key: value for variable, _, value in device.last_samples()},
            }
            for uuid, device in self.devices.items()
        }

    def set_device(self, uuid: str, changes: dict[str, Any]) -> None:
        """Change a device, in the shape of `describe_devices`.

        Raises KeyError for a device or variable that is not there, ValueError for anything else that cannot change.
        """
        device = self.devices[uuid]
        unknown = changes.keys() - {"name", "is_silent", "is_forbidden", "values"}
        if unknown:
            raise ValueError(f"a SoData device has no {', '.join(sorted(unknown))}")
        device.name = changes.get("name", device.name)
        if "is_silent" in changes:
            device.is_silent = bool(changes["is_silent"])
        if "is_forbidden" in changes:
            (self.forbidden.add if changes["is_forbidden"] else self.forbidden.discard)(uuid)
        for key, value in changes.get("values", {}).items():
            if key not in device.variables:
                raise KeyError(key)
            item_type, item_index, service_id = key.split("|")
            device.set(item_type, item_index, service_id, value)

    # lists

    async def _list_accounts(self, request: web.Request) -> web.Response:
        page = self._page(request, self._seen(self.corporate_accounts), show_account)
        del page["take"]
        return web.json_response({"isMaster": False} | page)

    async def _list_customers(self, request: web.Request) -> web.Response:
        return web.json_response(self._page(request, self._seen(self._customers(request)), self._show_customer))

    async def _list_sites(self, request: web.Request) -> web.Response:
        customer = request.query.get("customerUuid")
        sites = [site for site in self._sites(request) if customer in (None, site.customer.uuid)]
        return web.json_response(self._page(request, self._seen(sites), self._show_site))

    async def _count_sites(self, request: web.Request) -> web.Response:
        return web.json_response({"count": len(self._seen(self._sites(request)))})

    async def _list_devices(self, request: web.Request) -> web.Response:
        site, customer = request.query.get("siteUuid"), request.query.get("customerUuid")
        devices = [
            device
            for device in self._devices(request)
            if site in (None, device.site.uuid) and customer in (None, device.site.customer.uuid)
        ]
        with_contact, with_address = (request.query.get(name) == "true" for name in ("withContact", "withAddress"))
        return web.json_response(
            self._page(
                request,
                self._seen(devices),
                lambda device: show_device(device, with_contact=with_contact, with_address=with_address),
            )
        )

    async def _list_variables(self, request: web.Request) -> web.Response:
        device = self._device(request)
        results = [show_variable(device, variable) for variable in device.variables.values()]
        return web.json_response({"results": results, "total": len(results)})

    # single objects

    async def _get_customer(self, request: web.Request) -> web.Response:
        return web.json_response(self._show_customer(self._pick(request, self._customers(request))))

    async def _get_site(self, request: web.Request) -> web.Response:
        return web.json_response(self._show_site(self._pick(request, self._sites(request))))

    async def _get_device(self, request: web.Request) -> web.Response:
        return web.json_response(show_device(self._device(request)))

    async def _get_gateway(self, request: web.Request) -> web.Response:
        gateway = self._device(request).gateway
        if gateway is None:
            raise _refuse(request, 404, "The device has no gateway")
        return web.json_response(show_device(gateway))

    async def _get_variable(self, request: web.Request) -> web.Response:
        device = self._device(request)
        for variable in device.variables.values():
            if variable.uuid == request.match_info["variable"]:
                return web.json_response(show_variable(device, variable))
        raise _refuse(request, 404, "Variable not found")

    # values

    async def _get_last_values(self, request: web.Request) -> web.Response:
        device = self._device(request)
        if device.uuid in self.failing_devices:
            raise _refuse(request, self.failing_devices[device.uuid])
        return web.json_response({"devices": [self._show_last_values(device)]})

    async def _read_many_last_values(self, request: web.Request) -> web.Response:
        devices = {device.uuid: device for device in self._seen(self._devices(request))}
        if self.bulk_body is None:
            raise _refuse(request, 404, "No such method")
        body = await _read_json(request)
        if self.bulk_body == "list":
            uuids = body
        else:
            uuids = body.get(self.bulk_body) if isinstance(body, dict) and len(body) == 1 else None
        if not isinstance(uuids, list) or not all(isinstance(uuid, str) for uuid in uuids):
            raise _refuse(request, 400, "Malformed request")
        if spoiler := next((uuid for uuid in uuids if uuid in self.failing_devices), None):
            raise _refuse(request, self.failing_devices[spoiler])
        # no order is promised: answers belong to their uuid, not to a position
        asked = [device for uuid, device in reversed(devices.items()) if uuid in uuids]
        return web.json_response({"devices": [self._show_last_values(device) for device in asked]})

    async def _read_datapoints(self, request: web.Request) -> web.Response:
        devices = {device.uuid: device for device in self._devices(request)}

        def find(uuid: str) -> SoDataDevice:
            if uuid not in devices:
                raise _refuse(request, 404, "Device not found")
            if uuid in self.forbidden:
                raise _refuse(request, 403)
            return devices[uuid]

        try:
            return web.json_response(read_history(await _read_json(request), find, self.history_rules))
        except BadRequest as reason:
            return web.json_response(_refusal(request, reason.status, str(reason)), status=reason.status)

    def _show_last_values(self, device: SoDataDevice) -> Json:
        rows = [
            show_last_value(device, variable, at_ms, self._word(variable, value))
            for variable, at_ms, value in device.last_samples()
        ]
        return {"deviceUuid": device.uuid, "values": rows}

    def _word(self, variable: Variable, value: Value) -> Value:
        if variable.service.type == "Alarm" and value in ("0", "1"):
            return self.alarm_values[value == "1"]
        return value

    # what all methods share

    def _show_customer(self, customer: Customer) -> Json:
        return show_customer(customer, sum(site.customer is customer for site in self.sites))

    def _show_site(self, site: Site) -> Json:
        return show_site(site, sum(device.site is site for device in self.devices.values()))

    def _account(self, request: web.Request) -> CorporateAccount:
        return self._pick(request, self.corporate_accounts, "ca")

    def _customers(self, request: web.Request) -> list[Customer]:
        account = self._account(request)
        return [customer for customer in self.customers if customer.account is account]

    def _sites(self, request: web.Request) -> list[Site]:
        account = self._account(request)
        return [site for site in self.sites if site.customer.account is account]

    def _devices(self, request: web.Request) -> list[SoDataDevice]:
        account = self._account(request)
        return [device for device in self.devices.values() if device.site.customer.account is account]

    def _device(self, request: web.Request) -> SoDataDevice:
        return self._pick(request, self._devices(request))

    def _pick[T: (CorporateAccount, Customer, Site, SoDataDevice)](
        self, request: web.Request, things: Iterable[T], parameter: str = "uuid"
    ) -> T:
        uuid = request.match_info[parameter]
        for thing in things:
            if thing.uuid == uuid:
                if uuid in self.forbidden:
                    raise _refuse(request, 403)
                return thing
        raise _refuse(request, 404, "Not found")

    def _seen[T: (CorporateAccount, Customer, Site, SoDataDevice)](self, things: Sequence[T]) -> list[T]:
        return [thing for thing in things if self.lists_forbidden or thing.uuid not in self.forbidden]

    def _page[T](self, request: web.Request, things: Sequence[T], show: Callable[[T], Json]) -> Json:
        take = _read_number(request, "take", _DEFAULT_TAKE, least=1)
        if self.largest_take is not None and take > self.largest_take:
            raise _refuse(request, 400, "take is too large")
        skip = _read_number(request, "skip", 0, least=0)
        length = take if self.largest_page is None else min(take, self.largest_page)
        begin = max(0, skip - self.page_overlap)
        page = {"results": [show(thing) for thing in things[begin : begin + length]], "take": take}
        return page | {"total": len(things)} if self.has_total else page

    @web.middleware
    async def _check_token(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if request.path.startswith("/api/") and not (scheme == "Bearer" and self.keycloak.accepts(token)):
            return web.Response(status=401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        return await handler(request)


def _read_number(request: web.Request, name: str, default: int, *, least: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isdecimal() or int(text) < least:
        raise _refuse(request, 400, f"{name} is invalid")
    return int(text)


async def _read_json(request: web.Request) -> Any:
    if request.content_type != "application/json":
        raise _refuse(request, 415, "Unsupported Media Type")
    try:
        return await request.json()
    except json.JSONDecodeError, UnicodeDecodeError:
        raise _refuse(request, 400, "Malformed JSON") from None


_REFUSALS: Mapping[int, type[web.HTTPClientError]] = {
    400: web.HTTPBadRequest,
    403: web.HTTPForbidden,
    404: web.HTTPNotFound,
    415: web.HTTPUnsupportedMediaType,
}


def _refuse(request: web.Request, status: int, message: str | None = None) -> web.HTTPClientError:
    """Return a refusal; the document shows no error body, so it is a plausible one, or none without a message."""
    if message is None:
        return _REFUSALS[status](text="")
    return _REFUSALS[status](text=json.dumps(_refusal(request, status, message)), content_type="application/json")


def _refusal(request: web.Request, status: int, message: str) -> Json:
    return {"status": status, "error": HTTPStatus(status).phrase, "message": message, "path": request.path}
