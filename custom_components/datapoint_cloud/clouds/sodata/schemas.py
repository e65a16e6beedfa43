"""Schemas of devices from their lists of variables, kept in the client store for a week ("Variables")."""

import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping
from typing import Any

from .. import coerce
from ..client_store import ClientStore
from ..errors import DeviceGone, Forbidden, RateLimited, Rejected, UnexpectedAnswer, Unreachable
from ..model import Datapoint
from .lists import unpaged
from .variables import DeviceSchema, device_schema, essential, is_identified

ENDPOINT = "/ca/{ca}/devices/{device}/variables"

_LIFE_SECONDS = 7 * 24 * 3600

_DEVICE_SLOT = "variables:"  # by device: which list it has, and since when
_LIST_SLOT = "variable list:"  # by hash: the list, stored once for all devices that share it
_UNITS_SLOT = "units of services"  # those that only last values state, by service

type FetchVariables = Callable[[str], Awaitable[Any]]
"""Fetches the list of variables of a device, decoded."""


class Schemas:
    """The schemas of one account's devices."""

    def __init__(self, fetch: FetchVariables, client_store: ClientStore) -> None:
        """Fetch lists with `fetch`; keep them in `client_store`."""
        self._fetch = fetch
        self._client_store = client_store
        self._by_device: dict[str, DeviceSchema] = {}
        self._by_list: dict[str, DeviceSchema] = {}

    @property
    def by_device(self) -> Mapping[str, DeviceSchema]:
        """The schemas that were read so far; the mapping follows later changes."""
        return self._by_device

    async def read(self, uuid: str) -> DeviceSchema:
        """Return the schema of a device. It is empty if the user may not see the variables."""
        self._by_device[uuid] = schema = await self._read(uuid)
        return schema

    async def _read(self, uuid: str) -> DeviceSchema:
        stored = coerce.fields(self._client_store.get(_DEVICE_SLOT + uuid))
        known = self._of_list(coerce.text(stored.get("list")))
        fetched_at = coerce.number(stored.get("asked_at_seconds"))
        now = time.time()
        if known is not None and fetched_at is not None and 0 <= now - fetched_at < _LIFE_SECONDS:
            return known
        try:
            variables = unpaged(await self._fetch(uuid), ENDPOINT)
        except Forbidden, DeviceGone, Rejected:
            return known or device_schema(())
        except Unreachable, RateLimited, UnexpectedAnswer:
            if known is None:
                raise
            return known
        kept = essential(variables)
        if (schema := device_schema(kept, self._units)).schema.skipped:
            # The list may be damaged, so it is not stored and is fetched again next time.
            if known is None and not any(map(is_identified, variables)):
                raise UnexpectedAnswer(endpoint=ENDPOINT)
            return known or schema
        # Devices of one type have the same list, so hundreds of devices share one stored list.
        list_id = hashlib.sha256(json.dumps(kept).encode()).hexdigest()[:16]
        self._client_store.put(_LIST_SLOT + list_id, kept)
        self._client_store.put(_DEVICE_SLOT + uuid, {"asked_at_seconds": int(now), "list": list_id})
        return self._of_list(list_id) or schema

    def _of_list(self, list_id: str | None) -> DeviceSchema | None:
        """Return the schema of a stored list; None if it is not stored or empty."""
        if list_id is None or not (variables := coerce.records(self._client_store.get(_LIST_SLOT + list_id))):
            return None
        if list_id not in self._by_list:
            self._by_list[list_id] = device_schema(variables, self._units)
        return self._by_list[list_id]

    @property
    def _units(self) -> Mapping[str, str]:
        return coerce.fields(self._client_store.get(_UNITS_SLOT))

    def learn_units(self, datapoints: Iterable[Datapoint]) -> None:
        """Keep the units in which last values describe datapoints, for variables of the same services without one."""
        known = self._units
        units = {one.service: one.unit for one in datapoints if one.service is not None and one.unit is not None}
        if not units.keys() <= known.keys():
            self._client_store.put(_UNITS_SLOT, {**units, **known})
            self._by_list.clear()

    def forget_all_but(self, uuids: Container[str]) -> None:
        """Remove the devices that are no longer listed, and the lists that no other device uses."""
        used: set[str] = set()
        for key in list(self._client_store.content):
            if not key.startswith(_DEVICE_SLOT):
                continue
            if (uuid := key.removeprefix(_DEVICE_SLOT)) in uuids:
                used.add(coerce.text(coerce.fields(self._client_store.get(key)).get("list")) or "")
            else:
                self._client_store.put(key, None)
                self._by_device.pop(uuid, None)
        for key in list(self._client_store.content):
            if key.startswith(_LIST_SLOT) and (list_id := key.removeprefix(_LIST_SLOT)) not in used:
                self._client_store.put(key, None)
                self._by_list.pop(list_id, None)
