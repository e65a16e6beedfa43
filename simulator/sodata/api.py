"""The SoData API, version 1: the methods that read and the actions on devices, with paging and rights.

Keycloak checks the tokens. What the document leaves open is an attribute of the server.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Literal

from aiohttp import web
from aiohttp.typedefs import Handler

from simulator.server import Server, parse_whole_number

from .actions import ACTIONS
from .datapoints import Rules, read_history
from .errors import Refused, refusal
from .fleet import CorporateAccount, Customer, Site, SoDataDevice, Value, Variable, install, install_small
from .keycloak import KeycloakServer
from .pages import PageRules
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
        """Make a server with one corporate account. `clock` returns epoch seconds."""
        super().__init__("sodata")
        self.keycloak = keycloak
        self.clock = clock
        account = CorporateAccount("SoLink")
        self.corporate_accounts = [account]
        self.customers, self.sites, devices = install(account, clock)
        self.devices = {device.uuid: device for device in devices}
        self._numbers = itertools.count(100)
        self.forbidden: set[str] = set()
        """The uuids of accounts, customers, sites and devices for which the user has no rights."""
        self.forbidden_actions: set[str] = set()
        """The actions on devices for which the user has no right, such as `push-profile`."""
        self.lists_forbidden = False
        """Whether lists contain objects without rights. Otherwise they leave them out."""
        self.page_rules = PageRules()
        """The rules of lists."""
        self.bulk_body: Literal["deviceUuids", "devices", "list"] | None = "deviceUuids"
        """The only body that `PUT last-values` accepts; None: the method does not exist."""
        self.most_devices_in_bulk: int | None = None
        """How many devices `PUT last-values` accepts. More are refused with 400."""
        self.failing_devices: dict[str, int] = {}
        """HTTP statuses by uuid: last values of such a device fail, also together with those of others."""
        self.alarm_values: tuple[Value, Value] = ("0", "1")
        """The values of an inactive and an active alarm."""
        self.variables_have_units = True
        """Whether the list of variables states units. Last values always do."""
        self.history_rules = Rules()
        """The rules of `PUT datapoints`."""
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
        for action in ACTIONS:
            self.app.router.add_put(f"{_ACCOUNT}/devices/{{uuid}}/{action}", partial(self._run_action, action))
        self.app.router.add_put(f"{_ACCOUNT}/last-values", self._read_many_last_values)
        self.app.router.add_put(f"{_ACCOUNT}/datapoints", self._read_datapoints)

    def add_corporate_account(self, name: str) -> CorporateAccount:
        """Add a corporate account with one site, a gateway and a meter."""
        account = CorporateAccount(name)
        self.corporate_accounts.append(account)
        customers, sites, devices = install_small(account, self.clock)
        self.customers += customers
        self.sites += sites
        self.devices |= {device.uuid: device for device in devices}
        return account

    def add_devices(self, kind: Literal["UPS", "METER", "GATEWAY"], count: int) -> list[SoDataDevice]:
        """Add devices to the first site, behind its gateway unless they are gateways themselves."""
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
        """Return the state of each device by uuid: name, is_silent, is_forbidden, and values by their keys."""
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
        """Change a device by some of the fields of `describe_devices`.

        Raises KeyError for an unknown device or variable, ValueError for an unknown field.
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
        page = self._page(request, self._visible(self.corporate_accounts), show_account)
        del page["take"]
        return web.json_response({"isMaster": False} | page)

    async def _list_customers(self, request: web.Request) -> web.Response:
        return web.json_response(self._page(request, self._visible(self._customers(request)), self._show_customer))

    async def _list_sites(self, request: web.Request) -> web.Response:
        customer = request.query.get("customerUuid")
        sites = [site for site in self._sites(request) if customer in (None, site.customer.uuid)]
        return web.json_response(self._page(request, self._visible(sites), self._show_site))

    async def _count_sites(self, request: web.Request) -> web.Response:
        return web.json_response({"count": len(self._visible(self._sites(request)))})

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
                self._visible(devices),
                lambda device: show_device(device, with_contact=with_contact, with_address=with_address),
            )
        )

    async def _list_variables(self, request: web.Request) -> web.Response:
        device = self._device(request)
        withheld: Json = {} if self.variables_have_units else {"unit": None}
        results = [show_variable(device, variable) | withheld for variable in device.variables.values()]
        return web.json_response({"results": results, "total": len(results)})

    # single objects

    async def _get_customer(self, request: web.Request) -> web.Response:
        return web.json_response(self._show_customer(self._find(request, self._customers(request))))

    async def _get_site(self, request: web.Request) -> web.Response:
        return web.json_response(self._show_site(self._find(request, self._sites(request))))

    async def _get_device(self, request: web.Request) -> web.Response:
        return web.json_response(show_device(self._device(request)))

    async def _get_gateway(self, request: web.Request) -> web.Response:
        gateway = self._device(request).gateway
        if gateway is None:
            raise Refused(404, "The device has no gateway")
        return web.json_response(show_device(gateway))

    async def _get_variable(self, request: web.Request) -> web.Response:
        device = self._device(request)
        for variable in device.variables.values():
            if variable.uuid == request.match_info["variable"]:
                return web.json_response(show_variable(device, variable))
        raise Refused(404, "Variable not found")

    # actions

    async def _run_action(self, action: str, request: web.Request) -> web.Response:
        device = self._device(request)
        if action in self.forbidden_actions:
            raise Refused(403)
        ACTIONS[action](device)
        return web.Response(status=204)

    # values

    async def _get_last_values(self, request: web.Request) -> web.Response:
        device = self._device(request)
        if device.uuid in self.failing_devices:
            raise Refused(self.failing_devices[device.uuid])
        return web.json_response({"devices": [self._show_last_values(device)]})

    async def _read_many_last_values(self, request: web.Request) -> web.Response:
        devices = {device.uuid: device for device in self._visible(self._devices(request))}
        if self.bulk_body is None:
            raise Refused(404, "No such method")
        body = await _read_json(request)
        if self.bulk_body == "list":
            uuids = body
        else:
            uuids = body.get(self.bulk_body) if isinstance(body, dict) and len(body) == 1 else None
        if not isinstance(uuids, list) or not all(isinstance(uuid, str) for uuid in uuids):
            raise Refused(400, "Malformed request")
        if self.most_devices_in_bulk is not None and len(uuids) > self.most_devices_in_bulk:
            raise Refused(400, "Too many devices")
        if failing := next((uuid for uuid in uuids if uuid in self.failing_devices), None):
            raise Refused(self.failing_devices[failing])
        # the vendor promises no order, so clients must go by the uuid
        requested = [device for uuid, device in reversed(devices.items()) if uuid in uuids]
        return web.json_response({"devices": [self._show_last_values(device) for device in requested]})

    async def _read_datapoints(self, request: web.Request) -> web.Response:
        devices = {device.uuid: device for device in self._devices(request)}

        def find(uuid: str) -> SoDataDevice:
            if uuid not in devices:
                raise Refused(404, "Device not found")
            if uuid in self.forbidden:
                raise Refused(403)
            return devices[uuid]

        return web.json_response(read_history(await _read_json(request), find, self.history_rules))

    def _show_last_values(self, device: SoDataDevice) -> Json:
        rows = [
            show_last_value(device, variable, at_ms, self._alarm_value(variable, value))
            for variable, at_ms, value in device.last_samples()
        ]
        return {"deviceUuid": device.uuid, "values": rows}

    def _alarm_value(self, variable: Variable, value: Value) -> Value:
        if variable.service.type == "Alarm" and value in ("0", "1"):
            return self.alarm_values[value == "1"]
        return value

    # shared by all methods

    def _show_customer(self, customer: Customer) -> Json:
        return show_customer(customer, sum(site.customer is customer for site in self.sites))

    def _show_site(self, site: Site) -> Json:
        return show_site(site, sum(device.site is site for device in self.devices.values()))

    def _account(self, request: web.Request) -> CorporateAccount:
        return self._find(request, self.corporate_accounts, "ca")

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
        return self._find(request, self._devices(request))

    def _find[T: (CorporateAccount, Customer, Site, SoDataDevice)](
        self, request: web.Request, objects: Iterable[T], parameter: str = "uuid"
    ) -> T:
        uuid = request.match_info[parameter]
        for each in objects:
            if each.uuid == uuid:
                if uuid in self.forbidden:
                    raise Refused(403)
                return each
        raise Refused(404, "Not found")

    def _visible[T: (CorporateAccount, Customer, Site, SoDataDevice)](self, objects: Sequence[T]) -> list[T]:
        return [each for each in objects if self.lists_forbidden or each.uuid not in self.forbidden]

    def _page[T](self, request: web.Request, objects: Sequence[T], show: Callable[[T], Json]) -> Json:
        take = _whole_number(request, "take", _DEFAULT_TAKE, least=1)
        return self.page_rules.page(objects, show, take=take, skip=_whole_number(request, "skip", 0, least=0))

    @web.middleware
    async def _check_token(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if request.path.startswith("/api/") and not (scheme == "Bearer" and self.keycloak.accepts(token)):
            return web.Response(status=401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        try:
            return await handler(request)
        except Refused as refused:
            return refusal(request, refused)


def _whole_number(request: web.Request, name: str, default: int, *, least: int) -> int:
    number = parse_whole_number(request.query.get(name, str(default)))
    if number is None or number < least:
        raise Refused(400, f"{name} is invalid")
    return number


async def _read_json(request: web.Request) -> Any:
    if request.content_type != "application/json":
        raise Refused(415, "Unsupported Media Type")
    try:
        return await request.json()
    except ValueError:
        raise Refused(400, "Malformed JSON") from None
