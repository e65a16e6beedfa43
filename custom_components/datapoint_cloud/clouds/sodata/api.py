"""The SoData API of one corporate account, read only: devices, their variables, their last values.

It owns who is asked and with what token, and what is remembered of the variables. What the answers mean is the
mapping's business.
"""

import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import aiohttp

from .. import coerce
from ..budget import Budget, Purpose
from ..client_store import ClientStore
from ..cloud import Listing, OnSnapshot, Readings, ReadOnlyCloud, ignore_snapshot
from ..errors import (
    AuthFailed,
    CloudError,
    DeviceGone,
    Forbidden,
    NotSupported,
    RateLimited,
    Reason,
    Rejected,
    TokenRefused,
    UnexpectedAnswer,
    Unreachable,
)
from ..history import History
from ..http import Answer, HttpClient
from ..model import Account, Device, Schema, Scope
from ..push import Push
from . import mapping
from .auth import KeycloakLogin
from .datapoints import ENDPOINT as DATAPOINTS
from .history import SoDataHistory
from .last_readings import PARALLEL, LastReadings
from .lists import Lists, unpaged
from .mapping import CorporateAccount, Description

DEFAULT_API_URL = "https://api.iot.socomec.com/api/v1"
DEFAULT_AUTH_URL = "https://connect.socomec.com"
DEFAULT_REALM = "Socomec"

_REQUESTS_PER_HOUR = 3600
"""Our own bound: the document names none ("Errors and limits"). Reading all devices at once needs far less."""

_ACCOUNTS = "/ca"
_SITES = "/ca/{ca}/sites"
_DEVICES = "/ca/{ca}/devices"
_VARIABLES = "/ca/{ca}/devices/{device}/variables"

_SCHEMA_LIFE_SECONDS = 7 * 24 * 3600

_SCHEMA = "variables:"
_VARIABLE_LIST = "variable list:"

_ERRORS: Mapping[int, tuple[type[CloudError], Reason | None]] = {
    401: (TokenRefused, Reason.TOKEN_REFUSED),
    403: (Forbidden, Reason.RIGHT_MISSING),
    404: (NotSupported, None),
}
"""What the API's HTTP statuses mean ("Errors and limits"), other 4xx being our own fault. Bodies are not documented."""


class SoDataCloud(ReadOnlyCloud):
    """A user's view of one corporate account. What the API could change is the installation itself."""

    kind: ClassVar[str] = "sodata"
    default_interval: ClassVar[timedelta] = timedelta(minutes=2)
    shortest_interval: ClassVar[timedelta] = timedelta(minutes=1)
    listing_interval: ClassVar[timedelta | None] = timedelta(hours=1)
    push: Push | None = None
    scopes: Sequence[Scope] = ()

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        api_url: str,
        login: KeycloakLogin,
        corporate_account: str | None,
        client_store: ClientStore,
    ) -> None:
        """See `corporate_account` (its uuid), or the user's first one if that is None. `api_url` may lack `/api/v1`.

        `login` may be shared by all accounts of one user.
        """
        api_url = api_url.rstrip("/")
        self.budget = Budget(client_store, per_hour=_REQUESTS_PER_HOUR)
        self.requests_a_listing = 1
        self.history: History = SoDataHistory(self._read_datapoints)
        self._http = HttpClient(
            session,
            api_url if re.search(r"/api/v\d+$", api_url) else f"{api_url}/api/v1",
            _judge,
            parallel=PARALLEL,
            budget=self.budget,
        )
        self._login = login
        self._lists = Lists(self._get, client_store)
        self._corporate_account = corporate_account
        self._client_store = client_store
        self._descriptions: dict[str, Description] = {}  # by device
        self._described: dict[str, Description] = {}  # by what the memory calls the list of variables
        self._last_readings = LastReadings(self._read_last_values, client_store, self._descriptions)

    # The account

    async def account(self) -> Account:
        """Sign in and say whose account it is. Raises `Forbidden` if the user has none."""
        chosen = await self._chosen_account()
        self._corporate_account = chosen.uuid
        user = self._login.subject or chosen.user_link
        known_by = user or hashlib.sha256(self._login.username.encode()).hexdigest()[:16]
        return Account(id=f"{known_by}_{chosen.uuid}", name=chosen.name, has_lasting_id=user is not None)

    async def corporate_accounts(self) -> tuple[CorporateAccount, ...]:
        """The corporate accounts the user belongs to ("Corporate accounts")."""
        found = [mapping.corporate_account(record) for record in await self._lists.all(_ACCOUNTS)]
        return tuple(account for account in found if account is not None)

    async def _chosen_account(self) -> CorporateAccount:
        for account in await self.corporate_accounts():
            if self._corporate_account in {None, account.uuid}:
                return account
        raise Forbidden(Reason.NO_CORPORATE_ACCOUNT, endpoint=_ACCOUNTS, subject=self._corporate_account)

    async def _ca(self) -> str:
        if self._corporate_account is None:
            self._corporate_account = (await self._chosen_account()).uuid
        return self._corporate_account

    # Devices

    async def devices(self) -> Listing:
        """List all devices of the corporate account with the names of their sites ("Devices", "Sites")."""
        pages = self._lists.pages
        sites = await self._lists.sites()
        found = {str(record["uuid"]): record for record in await self._lists.all(_DEVICES)}
        self.requests_a_listing = self._lists.pages - pages
        self._last_readings.take_list(found)
        self._forget_all_but(found)
        return Listing(devices=tuple(mapping.device(record, sites, found) for record in found.values()))

    # Schemas

    async def schema(self, device: Device) -> Schema:
        """Describe the datapoints of a device ("Variables"). Empty where the user may not see its variables."""
        self._descriptions[device.id] = described = await self._describe(device.id)
        return described.schema

    async def _describe(self, uuid: str) -> Description:
        remembered = coerce.fields(self._client_store.get(_SCHEMA + uuid))
        known = self._described_by(coerce.text(remembered.get("list")))
        asked_at = coerce.number(remembered.get("asked_at_seconds"))
        now = time.time()
        if known is not None and asked_at is not None and 0 <= now - asked_at < _SCHEMA_LIFE_SECONDS:
            return known
        try:
            variables = unpaged(await self._get(_VARIABLES, device=uuid), _VARIABLES)
        except Forbidden, DeviceGone, Rejected:
            return known or mapping.description(())
        except Unreachable, RateLimited, UnexpectedAnswer:
            if known is None:
                raise
            return known
        read = mapping.essential(variables)
        if (described := mapping.description(read)).schema.skipped:
            # Damaged, perhaps, and then not to be believed for long.
            if known is None and not any(map(mapping.is_identified, variables)):
                raise UnexpectedAnswer(endpoint=_VARIABLES)
            return known or described
        # Devices of one type say the same: what hundreds share is kept once.
        list_id = hashlib.sha256(json.dumps(read).encode()).hexdigest()[:16]
        self._client_store.put(_VARIABLE_LIST + list_id, read)
        self._client_store.put(_SCHEMA + uuid, {"asked_at_seconds": int(now), "list": list_id})
        return self._described_by(list_id) or mapping.description(())

    def _described_by(self, list_id: str | None) -> Description | None:
        """What a remembered list of variables says; None where it is not remembered, or empty."""
        if list_id is None or not (variables := coerce.records(self._client_store.get(_VARIABLE_LIST + list_id))):
            return None
        if list_id not in self._described:
            self._described[list_id] = mapping.description(variables)
        return self._described[list_id]

    def _forget_all_but(self, uuids: Mapping[str, Any]) -> None:
        kept: set[str] = set()
        for uuid in uuids:
            remembered = coerce.fields(self._client_store.get(_SCHEMA + uuid))
            kept |= {_SCHEMA + uuid, _VARIABLE_LIST + (coerce.text(remembered.get("list")) or "")}
        for key in set(self._client_store.content) - kept:
            if key.startswith((_SCHEMA, _VARIABLE_LIST)):
                self._client_store.put(key, None)
                self._descriptions.pop(key.removeprefix(_SCHEMA), None)
                self._described.pop(key.removeprefix(_VARIABLE_LIST), None)

    # Last values

    @property
    def devices_a_request(self) -> int:
        """How many devices a request for last values reads: many, where the server does that."""
        return self._last_readings.devices_a_request

    async def readings(self, devices: Sequence[Device], on_snapshot: OnSnapshot = ignore_snapshot) -> Readings:
        """Read the last values ("Last values"): of all devices at once where the server is known to do that."""
        try:
            await self._login.ensure()
        except AuthFailed:
            raise
        except CloudError as error:  # no fault of any device
            return Readings(snapshots={}, stopped_by=error)
        return await self._last_readings.read(devices, on_snapshot)

    async def _read_last_values(
        self, method: str, template: str, *, device: str | None = None, json_body: Any = None
    ) -> Answer:
        return await self._answer(
            method, template, device=device, json_body=json_body, purpose=Purpose.POLLING, is_read_later=True
        )

    # Requests

    async def _read_datapoints(self, body: Any) -> Any:
        return await self._ask("PUT", DATAPOINTS, json_body=body, purpose=Purpose.HISTORY)

    async def _get(self, template: str, *, params: Mapping[str, int] | None = None, device: str | None = None) -> Any:
        return await self._ask("GET", template, params=params, device=device)

    async def _ask(
        self,
        method: str,
        template: str,
        *,
        params: Mapping[str, int] | None = None,
        json_body: Any = None,
        device: str | None = None,
        purpose: Purpose = Purpose.POLLING,
    ) -> Any:
        answer = await self._answer(
            method, template, params=params, json_body=json_body, device=device, purpose=purpose
        )
        return answer.body

    async def _answer(self, method: str, template: str, *, device: str | None = None, **options: Any) -> Answer:
        ca = None if template == _ACCOUNTS else await self._ca()
        parts = {} if ca is None else {"ca": ca}
        if device is not None:
            parts["device"] = device

        async def call(token: str) -> Answer:
            return await self._http.request(method, template, parts=parts, headers=_bearer(token), **options)

        async def probe(token: str, endpoint: str) -> None:
            # As little as possible, of a list that every account has.
            await self._http.request(
                "GET",
                _SITES if endpoint == _DEVICES else _DEVICES,
                parts={"ca": await self._ca()},
                params={"take": 1, "skip": 0},
                headers=_bearer(token),
                purpose=Purpose.POLLING,
            )

        return await self._login.use(call, None if self._corporate_account is None else probe)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _judge(answer: Answer) -> CloudError | None:
    if not 400 <= answer.status < 500 or answer.status in {408, 429}:
        return None
    if answer.status == 404 and "{device}" in answer.endpoint:
        return answer.error(DeviceGone, Reason.NOT_FOUND)
    return answer.error(*_ERRORS.get(answer.status, (Rejected, Reason.INVALID_REQUEST)))
