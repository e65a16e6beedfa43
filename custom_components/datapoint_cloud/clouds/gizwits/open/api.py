"""The Gizwits cloud of consumers: one user of one vendor's app, through the Open API."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, Final

from ... import coerce
from ...administration import Administration
from ...budget import Budget, Purpose
from ...client_store import ClientStore
from ...cloud import DeviceSelector, GroupResult, Listing, OnSnapshot, Readings, ignore_snapshot
from ...errors import AuthFailed, CloudError, NotSupported, RateLimited, Reason, Rejected, UnexpectedAnswer
from ...history import History
from ...http import Answer, HttpClient
from ...model import Account, Device, Schema, Scope, Snapshot, Value
from ...paging import Page
from ...push import Push
from ...read_many import read_round
from ...tokens import Token
from ...transport import Transport
from ...turns import Turns
from .. import wire_values
from ..definitions import Definitions
from ..errors import find_open_error
from ..framing import payload_of
from ..paging import DEVICE_PAGES, list_devices, page_size
from ..stored_token import Grant, StoredToken
from ..timings import PushTimings, websocket_timings
from .bindings import Bindings
from .groups import GROUPS_PATH, OpenGroups
from .history import OpenHistory
from .login import KNOWN_APPS, AnonymousLogin, LoginClient, PasswordLogin
from .scenes import Scenes
from .sharing import ReceivedShares, received_shares
from .websocket import WebSocketPush
from .websocket_session import PushAccess

_PARALLEL: Final = 16
_BINDINGS_PATH: Final = "/app/bindings"
_REQUESTS_PER_HOUR: Final = 6000  # undocumented; as many as the vendors' own apps send for a household


class GizwitsOpenCloud:
    """An account of the Open API."""

    kind: ClassVar[str] = "gizwits_open"
    default_interval: ClassVar[timedelta] = timedelta(seconds=60)
    shortest_interval: ClassVar[timedelta] = timedelta(seconds=30)
    listing_interval: ClassVar[timedelta | None] = None

    def __init__(
        self,
        transport: Transport,
        *,
        api_url: str,
        app_id: str,
        login: PasswordLogin | AnonymousLogin,
        client_store: ClientStore,
        timings: PushTimings | None = None,
    ) -> None:
        """Act as the user `login` of the app `app_id` in the region of `api_url`."""
        self._app_id = app_id
        self._user_name = login.username if isinstance(login, PasswordLogin) else "anonymous"
        self.budget = Budget(client_store, per_hour=_REQUESTS_PER_HOUR)
        self.requests_a_listing = 1
        self.devices_a_request = 1
        self.device_selector: DeviceSelector | None = None
        self._http = HttpClient(transport, api_url, self._inspect, parallel=_PARALLEL, budget=self.budget)
        self._login = LoginClient(transport, api_url=api_url, app_id=app_id, login=login, client_store=client_store)
        owner = f"{app_id} {self._user_name}"
        self._token = StoredToken(client_store, "user token", owner=owner, days_ahead=3, request=self._log_in)
        self._refusal: AuthFailed | None = None
        self._definitions = Definitions(client_store, self._fetch_definition)
        self._page_size = page_size(client_store, "bindings page", DEVICE_PAGES)
        request = partial(self._request, purpose=Purpose.HISTORY)
        self.history: History = OpenHistory(request, self._definitions, client_store, server=api_url)
        self._groups = OpenGroups(self._request)
        self.administration = Administration(
            groups=self._groups, bindings=Bindings(self._request), scenes=Scenes(self._request)
        )
        access = PushAccess(
            transport=transport,
            app_id=app_id,
            token=self._token,
            enter=self._enter,
            definitions=self._definitions,
            timings=timings or websocket_timings(),
        )
        self._push = WebSocketPush(access, api_url=api_url)
        self.push: Push | None = self._push

    @property
    def scopes(self) -> Sequence[Scope]:
        """No scopes: a user is a complete account."""
        return ()

    async def account(self) -> Account:
        """Log in if necessary; the app and the user identify the account."""
        await self._enter()
        return Account(id=f"{self._app_id}_{self._token.uid}", name=self._user_name)

    async def groups(self) -> Mapping[str, str]:
        """Return no groups: a household has few devices to choose from."""
        return {}

    async def devices(self) -> Listing:
        """List the devices bound to the user ("Open API, Bound devices"), with their online state."""
        listed = await list_devices(self._bindings, endpoint=_BINDINGS_PATH, required=("product_key",))
        self.requests_a_listing = listed.pages
        rows = listed.rows
        self._push.set_bindings(rows.values())
        return Listing(devices=tuple(device for row in rows.values() if (device := self._device(row))))

    async def received_shares(self) -> ReceivedShares:
        """Return what others have shared with the user, if the user has no devices."""
        return await received_shares(self._request)

    async def schema(self, device: Device) -> Schema:
        """Return the datapoints of the device's product ("Open API, Datapoint definition")."""
        return await self._definitions.schema(device.schema_id)

    async def readings(self, devices: Sequence[Device], on_snapshot: OnSnapshot = ignore_snapshot) -> Readings:
        """Read the last values of each device ("Open API, Device data")."""
        return await read_round(devices, self._read, on_snapshot, parallel=_PARALLEL)

    async def check(self, device: Device, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Check values against the definition of the device's product."""
        definition = await self._definitions.get(device.schema_id)
        return definition.accepted(definition.attrs(values))

    async def write(self, device: Device, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Send values in one command ("Open API, Remote control"); success is that the cloud passed it on.

        Raises `Rejected` with the datapoint's key, `DeviceOffline` or `DeviceGone` besides what every call raises.
        """
        definition = await self._definitions.get(device.schema_id)
        attrs = definition.attrs(values)
        try:
            await self._control(device, {"attrs": attrs})
        except Rejected as error:
            if error.reason is Reason.INVALID_VALUE:
                self._definitions.contradict(device.schema_id)
            raise
        return definition.accepted(attrs)

    async def write_raw(self, device: Device, payload: bytes) -> None:
        """Send a payload, or the payload of a complete frame ("Open API, Remote control")."""
        await self._control(device, {"raw": list(payload_of(payload))})

    async def write_group(self, group_id: str, values: Mapping[str, Value], turns: Turns | None = None) -> GroupResult:
        """Send values to a group of one product in one command ("Open API, Device groups")."""
        product_key = await self._groups.product_of(group_id)
        if product_key is None:
            # The cloud controls groups of one product only, and keeps mixed ones without a product.
            raise NotSupported(subject=group_id)
        definition = await self._definitions.get(product_key)
        attrs = definition.attrs(values)
        endpoint = "/app/group/{id}/control"
        results = await self._request("POST", endpoint, parts={"id": group_id}, json_body={"attrs": attrs})
        if not isinstance(results, list):
            raise UnexpectedAnswer(endpoint=endpoint)
        errors = {
            did: None if wire_values.flag(result.get("result")) else Rejected(endpoint=endpoint, subject=did)
            for result in coerce.records(results)
            if (did := coerce.text(result.get("did"))) is not None
        }
        values = definition.accepted(attrs)
        if turns is not None:
            turns.begin(errors, values)
            for did, error in errors.items():
                turns.settle(did, error)
        return GroupResult(values=values, errors=errors)

    async def _control(self, device: Device, body: Mapping[str, Any]) -> None:
        await self._request("POST", "/app/control/{did}", parts={"did": device.id}, json_body=body, may_be_empty=True)

    async def _read(self, device: Device) -> Snapshot:
        await self._definitions.get(device.schema_id)  # without it we could not read the values
        endpoint = "/app/devdata/{did}/latest"
        body = coerce.fields(await self._get(endpoint, parts={"did": device.id}))
        attrs = body.get("attr")
        if not isinstance(attrs, dict):
            raise UnexpectedAnswer(endpoint=endpoint)
        return await self._definitions.snapshot(device.schema_id, attrs, wire_values.timestamp(body.get("updated_at")))

    async def _bindings(self, skip: int) -> Page:
        body = coerce.fields(
            await self._page_size.fetch(lambda limit: self._get(_BINDINGS_PATH, params={"limit": limit, "skip": skip}))
        )
        rows = body.get("devices")
        if not isinstance(rows, list):
            raise UnexpectedAnswer(endpoint=_BINDINGS_PATH)
        # The document promises no total here, but if the answer states one, the list must have that many rows.
        return Page(rows, wire_values.count(coerce.fields(body.get("meta")).get("total")))

    def _device(self, row: Mapping[str, Any]) -> Device | None:
        did, product_key = coerce.text(row.get("did")), coerce.text(row.get("product_key"))
        if did is None or product_key is None or wire_values.flag(row.get("is_disabled")):
            return None
        mac, product_name = coerce.text(row.get("mac")), coerce.text(row.get("product_name"))
        return Device(
            id=did,
            name=coerce.text(row.get("dev_alias")) or product_name or mac or did,
            schema_id=product_key,
            is_online=wire_values.flag(row.get("is_online")),
            gateway_id=coerce.text(row.get("gw_did")),
            manufacturer=KNOWN_APPS.get(self._app_id),
            model=product_name,
            model_id=product_key,
            mac=wire_values.mac(mac),
            sw_version=coerce.text(row.get("mcu_soft_version")) or coerce.text(row.get("wifi_soft_version")),
            hw_version=coerce.text(row.get("mcu_hard_version")) or coerce.text(row.get("wifi_hard_version")),
        )

    async def _fetch_definition(self, product_key: str) -> Any:
        return await self._get("/app/datapoint", params={"product_key": product_key})

    async def _get(self, template: str, **options: Any) -> Any:
        return await self._request("GET", template, purpose=Purpose.POLLING, **options)

    async def _request(
        self, method: str, template: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> Any:
        async def call(token: str) -> Any:
            all_headers = {**self._headers(token), **(headers or {})}
            return (await self._http.request(method, template, headers=all_headers, **options)).body

        self._raise_refusal()
        try:
            return await self._token.keeper.use(call, self._probe)
        except AuthFailed as refusal:
            self._refusal = refusal
            raise

    async def _probe(self, token: str, endpoint: str) -> None:
        """Try a token that `endpoint` refused at another endpoint."""
        template = _BINDINGS_PATH if endpoint != _BINDINGS_PATH else GROUPS_PATH
        await self._http.request("GET", template, headers=self._headers(token))

    def _headers(self, token: str) -> dict[str, str]:
        return {"X-Gizwits-Application-Id": self._app_id, "X-Gizwits-User-token": token}

    def _inspect(self, answer: Answer) -> CloudError | None:
        """Find the error in an answer; slow down after a refusal for too many requests."""
        error = find_open_error(answer)
        if isinstance(error, RateLimited):
            self.budget.slow_down()
        return error

    async def _enter(self) -> Token:
        self._raise_refusal()
        return await self._token.keeper.get()

    async def _log_in(self) -> Grant:
        self._raise_refusal()
        try:
            return await self._login.log_in()
        except AuthFailed as refusal:
            self._refusal = refusal
            raise

    def _raise_refusal(self) -> None:
        """Raise the refusal of an earlier login: logins are throttled, and only the user can mend the credentials."""
        if self._refusal is not None:
            raise self._refusal.with_traceback(None)
