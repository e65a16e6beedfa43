"""The Gizwits cloud of organisations: all devices of the products of an enterprise, through the Enterprise API."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Final

from ... import coerce
from ...administration import Administration
from ...budget import Budget, Purpose
from ...client_store import ClientStore
from ...cloud import DeviceSelector, GroupResult, Listing, OnSnapshot, Readings, ignore_snapshot
from ...errors import AuthFailed, CloudError, Forbidden, RateLimited, Reason, Rejected
from ...history import History
from ...model import Account, Device, Role, Schema, Scope, Snapshot, Value
from ...push import Push
from ...read_many import read_round
from ...transport import Transport
from ...turns import Turns
from .. import wire_values
from ..definitions import Definitions
from ..framing import payload_of
from ..missing_grants import MissingGrants
from ..schema import Definition
from ..timings import PushTimings, snoti_timings
from .activity import ActiveDevices
from .device_finder import EnterpriseDeviceFinder
from .device_groups import DeviceGroups
from .device_logs import DeviceLogs
from .device_search import DeviceSearch
from .history import EnterpriseHistory
from .latest_data import LatestData
from .product_access import Product, ProductAccess
from .reports import Reports
from .snoti import SnotiPush
from .snoti_control import MOST_AT_A_TIME
from .snoti_lines import SnotiServer
from .users import Users

__all__ = ["GizwitsEnterpriseCloud", "Product", "SnotiServer"]

_PARALLEL: Final = 4
_UNKNOWN_PAUSE: Final = 60.0  # seconds after a refusal for too many requests
_DEFINITION_PATH: Final = "/datapoint"
_REQUESTS_PER_HOUR: Final = 3600  # "Quota"


class GizwitsEnterpriseCloud:
    """An account of the Enterprise API."""

    kind: ClassVar[str] = "gizwits_enterprise"
    default_interval: ClassVar[timedelta] = timedelta(seconds=60)
    shortest_interval: ClassVar[timedelta] = timedelta(seconds=10)
    listing_interval: ClassVar[timedelta | None] = None

    def __init__(
        self,
        transport: Transport,
        *,
        api_url: str,
        enterprise_id: str,
        enterprise_secret: str,
        products: Sequence[Product],
        client_store: ClientStore,
        snoti: SnotiServer | None = None,
        timings: PushTimings | None = None,
    ) -> None:
        """Act as the enterprise; `api_url` may end with the version of the API or not. `snoti` is its push server."""
        self._enterprise_id = enterprise_id
        self._products = tuple(products)
        self.budget = Budget(client_store, per_hour=_REQUESTS_PER_HOUR)
        self._access = ProductAccess(
            transport,
            api_url=api_url,
            enterprise_id=enterprise_id,
            enterprise_secret=enterprise_secret,
            products=products,
            client_store=client_store,
            budget=self.budget,
            parallel=_PARALLEL,
        )
        self._definitions = Definitions(client_store, self._fetch_definition)
        missing_grants = MissingGrants()
        logs = DeviceLogs(self._access, missing_grants, client_store)
        self._latest = LatestData(logs, client_store)
        self.history: History = EnterpriseHistory(
            self._access, logs, self._definitions, missing_grants, client_store, server=api_url
        )
        self._search = DeviceSearch(self._access, client_store)
        self._groups = DeviceGroups(self._access, self._search)
        self.administration = Administration(
            reports=Reports(self._access, client_store),
            finder=EnterpriseDeviceFinder(
                self._access, [product.product_key for product in products], self._device_of, client_store
            ),
            groups=self._groups,
            users=Users(self._access, client_store),
        )
        self._snoti: SnotiPush | None = None
        if snoti is not None and any(product.is_pushed for product in products):
            self._snoti = SnotiPush(
                snoti,
                products,
                self._definitions,
                client_store,
                timings=timings or snoti_timings(),
                observer=transport.observer,
            )
        self.push: Push | None = self._snoti
        """None also if no product has push credentials."""
        self.devices_a_request = 1
        self.device_selector: DeviceSelector | None = ActiveDevices(
            self.budget, self._active_since, lambda: self.requests_a_listing
        )

    @property
    def scopes(self) -> Sequence[Scope]:
        """The products."""
        names = {product.product_key: self._definitions.known(product.product_key) for product in self._products}
        return [Scope(id=key, name=(known.name if known else None) or key) for key, known in names.items()]

    @property
    def requests_a_listing(self) -> int:
        """The pages of the lists of all products."""
        return sum(map(self._search.pages_of, self._products))

    async def account(self) -> Account:
        """Get a token of any product, which checks the secrets of the product and of the enterprise together.

        No endpoint tells the name of the enterprise.
        """
        failures: list[CloudError] = []
        for product in self._products:
            try:
                await self._access.enter(product.product_key)
                break
            except AuthFailed, RateLimited:
                raise
            except CloudError as error:
                failures.append(error)
        else:
            if failures:
                raise failures[0]
        return Account(id=self._enterprise_id)

    async def groups(self) -> Mapping[str, str]:
        """List the groups of all products ("Enterprise API, Device groups"), which have no names.

        An id consists of the product key, a slash and the id of the group.
        """
        groups: dict[str, str] = {}
        for scope in self.scopes:
            gids = await self._groups.ids(scope.id)
            groups |= {f"{scope.id}/{gid}": f"{scope.name}: {gid}" for gid in gids}
        return groups

    async def devices(self) -> Listing:
        """List the devices of all products ("Enterprise API, Device search"), with their online state."""
        lists = await asyncio.gather(*(self._list(product) for product in self._products))
        devices: dict[str, Device] = {}
        failed: dict[str, CloudError] = {}
        for product, found in zip(self._products, lists, strict=True):
            if isinstance(found, AuthFailed | RateLimited):
                raise found
            if isinstance(found, CloudError):
                failed[product.product_key] = found
            else:
                devices = {device.id: device for device in found} | devices
        is_product_matter = any(isinstance(error, Forbidden) for error in failed.values())
        if len(failed) == len({product.product_key for product in self._products}) and failed and not is_product_matter:
            raise next(iter(failed.values()))
        return Listing(devices=tuple(devices.values()), failed=failed)

    async def _active_since(self, timestamp: datetime) -> Sequence[Device] | None:
        """Search by `liveness_start` ("Enterprise API, Device search"); None if the search fails."""
        since = str(int(timestamp.timestamp()))
        lists = await asyncio.gather(*(self._list(product, liveness_start=since) for product in self._products))
        devices: dict[str, Device] = {}
        for found in lists:
            if isinstance(found, AuthFailed | RateLimited):
                raise found
            if isinstance(found, CloudError):
                return None
            devices = {device.id: device for device in found} | devices
        return tuple(devices.values())

    async def schema(self, device: Device) -> Schema:
        """Return the datapoints of the device's product ("Enterprise API, Datapoint definition")."""
        return await self._definitions.schema(device.schema_id)

    async def readings(self, devices: Sequence[Device], on_snapshot: OnSnapshot = ignore_snapshot) -> Readings:
        """Read the newest report of each device ("Enterprise API, Device history data")."""
        refused: dict[str, Forbidden] = {}

        async def read(device: Device) -> Snapshot:
            if device.schema_id in refused:
                raise refused[device.schema_id].with_traceback(None)
            try:
                return await self._read(device)
            except Forbidden as error:
                # The refusal concerns the product: do not spend quota on its other devices.
                refused[device.schema_id] = error
                raise

        return await read_round(devices, read, on_snapshot, parallel=_PARALLEL)

    async def check(self, device: Device, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Check values against the definition of the device's product."""
        definition = await self._definitions.get(device.schema_id)
        return definition.accepted(definition.attrs(values))

    async def write(self, device: Device, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Send values in one command ("Enterprise API, Remote control"); success is that the cloud passed it on.

        Raises `Rejected` with the datapoint's key, `DeviceOffline`, `DeviceGone` or `Forbidden` (CONTROL_NOT_ENABLED)
        besides what every call raises.
        """
        definition = await self._definitions.get(device.schema_id)
        attrs = definition.attrs(values)
        try:
            if not await self._write_by_push(definition, device.schema_id, {device.id: device.mac}, attrs):
                await self._control(device.schema_id, device.id, {"attrs": attrs})
        except Rejected as error:
            if error.reason is Reason.INVALID_VALUE:
                self._definitions.contradict(device.schema_id)
            raise
        return definition.accepted(attrs)

    async def write_raw(self, device: Device, payload: bytes) -> None:
        """Send a payload, or the payload of a complete frame ("Enterprise API, Remote control")."""
        await self._control(device.schema_id, device.id, {"raw": list(payload_of(payload))})

    async def write_group(self, group_id: str, values: Mapping[str, Value], turns: Turns | None = None) -> GroupResult:
        """Send values to each device of a group of any product ("Enterprise API, Device groups", "Remote control")."""
        turns = turns or Turns()
        product, macs = await self._groups.devices_of(self._products, group_id)
        definition = await self._definitions.get(product.product_key)
        attrs = definition.attrs(values)
        turns.begin(macs, definition.accepted(attrs))
        await self._write_turns_by_push(turns, definition, product.product_key, macs, attrs)
        work = partial(self._write_turns, turns, product.product_key, {"attrs": attrs})
        await asyncio.gather(*(work() for _ in range(_PARALLEL)))
        turns.end()
        return GroupResult(values=turns.values, errors=turns.errors())

    async def _write_turns_by_push(
        self,
        turns: Turns,
        definition: Definition,
        product_key: str,
        macs: Mapping[str, str | None],
        attrs: Mapping[str, Value],
    ) -> None:
        """Send attributes to devices through SNoti as long as it answers; put those back that did not accept them."""
        refused: set[str] = set()
        while dids := turns.take(MOST_AT_A_TIME):
            some = {did: macs[did] for did in dids if did not in refused}
            accepted = await self._write_by_push(definition, product_key, some, attrs) if some else None
            for did in dids:
                if accepted and did in accepted:
                    turns.settle(did, None)
                else:
                    refused.add(did)
                    turns.put_back(did)
            if accepted is None:
                break

    async def _write_turns(self, turns: Turns, product_key: str, body: Mapping[str, Any]) -> None:
        """Send a command by HTTP to one device after the other, at the pace that the cloud bears."""
        while dids := turns.take():
            (did,) = dids
            try:
                await self._control(product_key, did, body, purpose=Purpose.GROUP)
            except RateLimited as limit:
                turns.put_back(did)  # nothing was sent
                if limit.reason is Reason.BUDGET_SPENT or turns.is_any_accepted:
                    await turns.pause(limit.retry_after or _UNKNOWN_PAUSE)
                else:
                    turns.stop(limit)
            except CloudError as error:
                turns.settle(did, error)
                if isinstance(error, AuthFailed | Forbidden):
                    turns.stop(error)  # the others would get the same answer
            else:
                turns.settle(did, None)

    async def _write_by_push(
        self, definition: Definition, product_key: str, macs: Mapping[str, str | None], attrs: Mapping[str, Value]
    ) -> Collection[str] | None:
        """Send attributes through SNoti, which costs no quota; return the ids of the devices that accepted them.

        Returns None if there was no answer. A command to the others is sent by HTTP, which says why it is refused. It
        may be the second one, if only the answer was lost. That does no harm to a value that lasts; one that makes a
        device do something is sent by HTTP at once.
        """
        roles = {definition.by_key[key].role for key in attrs if key in definition.by_key}
        if self._snoti is None or roles & {Role.ACTION, Role.MAINTENANCE}:
            return None
        known = {did: mac for did, mac in macs.items() if mac is not None}
        return await self._snoti.write(product_key, known, definition.with_byte_lists(attrs))

    async def _control(
        self, product_key: str, did: str, body: Mapping[str, Any], *, purpose: Purpose = Purpose.CONTROL
    ) -> None:
        await self._access.request(
            product_key,
            "POST",
            "/devices/{did}/control",
            parts={"did": did},
            json_body=body,
            may_be_empty=True,
            purpose=purpose,
        )

    async def _read(self, device: Device) -> Snapshot:
        if not (await self._definitions.get(device.schema_id)).is_defined:
            raise Forbidden(Reason.NO_DATAPOINTS, endpoint=_DEFINITION_PATH, subject=device.schema_id)
        row = await self._latest.row(device)
        if row is None:
            return Snapshot()
        return await self._definitions.snapshot(device.schema_id, row["attrs"], wire_values.row_timestamp(row))

    async def _list(self, product: Product, **filters: str) -> Sequence[Device] | CloudError:
        try:
            rows = await self._search.rows(product, **filters)
            name = await self._product_name(product.product_key)
        except CloudError as error:
            return _listing_error(error, product)
        return [device for row in rows if (device := _device(row, product, name)) is not None]

    async def _device_of(self, row: Mapping[str, Any], product_key: str) -> Device | None:
        product = next(product for product in self._products if product.product_key == product_key)
        return _device(row, product, await self._product_name(product_key))

    async def _product_name(self, product_key: str) -> str | None:
        try:
            return (await self._definitions.get(product_key)).name
        except AuthFailed, RateLimited:
            raise
        except CloudError:
            return None

    async def _fetch_definition(self, product_key: str) -> Any:
        return await self._access.request(product_key, "GET", _DEFINITION_PATH, purpose=Purpose.POLLING)


def _listing_error(error: CloudError, product: Product) -> CloudError:
    """Convert an error of a listing to one about the product."""
    if error.reason is Reason.FEATURE_NOT_GRANTED:
        reason = Reason.DEVICES_NOT_GRANTED
    elif isinstance(error, Rejected):
        reason = Reason.UNKNOWN_GROUP if error.reason is Reason.UNKNOWN_GROUP else Reason.PRODUCT_REFUSED
    else:
        return error
    return Forbidden(reason, endpoint=error.endpoint, status=error.status, code=error.code, subject=product.product_key)


def _device(row: Mapping[str, Any], product: Product, product_name: str | None) -> Device | None:
    did = coerce.text(row.get("did"))
    if did is None or wire_values.flag(row.get("is_disabled")):
        return None
    mac = coerce.text(row.get("mac"))
    latitude, longitude = coerce.coordinates(row)
    return Device(
        id=did,
        # The list has no names, so use the product's name and the last characters on the label of the device.
        name=f"{product_name} {(mac or did)[-4:]}" if product_name else mac or did,
        schema_id=product.product_key,
        scope=product.product_key,
        is_online=wire_values.flag(row.get("is_online")),
        has_alert=wire_values.flag(row.get("is_alert")),
        has_fault=wire_values.flag(row.get("is_faulty")),
        last_online=wire_values.timestamp(row.get("online_latest")) or wire_values.timestamp(row.get("latest_online")),
        model=product_name,
        model_id=product.product_key,
        mac=wire_values.mac(mac),
        sw_version=coerce.text(row.get("mcu_soft_version")) or coerce.text(row.get("wifi_soft_version")),
        hw_version=coerce.text(row.get("mcu_hard_version")) or coerce.text(row.get("wifi_hard_version")),
        latitude=latitude,
        longitude=longitude,
    )
