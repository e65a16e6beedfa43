"""The SoData API of one corporate account: devices, their variables, their last values, their history, their actions.

It owns the requests and their tokens. What the answers mean is in `mapping`.
"""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from .. import coerce
from ..administration import Administration
from ..budget import Budget, Purpose
from ..client_store import ClientStore
from ..cloud import Listing, OnSnapshot, Readings, ReadOnlyCloud, ignore_snapshot
from ..errors import (
    AuthFailed,
    CloudError,
    DeviceGone,
    Forbidden,
    NotSupported,
    Reason,
    Rejected,
    TokenRefused,
    UnexpectedAnswer,
)
from ..history import History
from ..http import Answer, HttpClient
from ..model import Account, Device, Schema, Scope
from ..push import Push
from ..transport import Transport
from . import datapoints, mapping, schemas
from .auth import KeycloakLogin
from .device_actions import SoDataDeviceActions
from .device_finder import SoDataDeviceFinder
from .history import SoDataHistory
from .last_values import PARALLEL, LastValuesReader
from .lists import DEVICES, Lists
from .mapping import CorporateAccount, Site
from .schemas import Schemas

DEFAULT_API_URL = "https://api.iot.socomec.com/api/v1"
DEFAULT_AUTH_URL = "https://connect.socomec.com"
DEFAULT_REALM = "Socomec"

_REQUESTS_PER_HOUR = 3600
"""Our own limit, since the document names none ("Errors and limits"). Reading all devices at once needs far less."""

_ACCOUNTS = "/ca"
_SITES = "/ca/{ca}/sites"
_DEVICE = "/ca/{ca}/devices/{device}"

_ERRORS: Mapping[int, tuple[type[CloudError], Reason | None]] = {
    401: (TokenRefused, Reason.TOKEN_REFUSED),
    403: (Forbidden, Reason.RIGHT_MISSING),
    404: (NotSupported, None),
}
"""The error for each HTTP status ("Errors and limits"); any other 4xx is our own fault. Bodies are not documented."""


class SoDataCloud(ReadOnlyCloud):
    """One corporate account as one user sees it.

    Values cannot be written. The actions on devices change the installation itself, not the state of a device.
    """

    kind: ClassVar[str] = "sodata"
    default_interval: ClassVar[timedelta] = timedelta(minutes=2)
    shortest_interval: ClassVar[timedelta] = timedelta(minutes=1)
    listing_interval: ClassVar[timedelta | None] = timedelta(hours=1)
    push: Push | None = None
    scopes: Sequence[Scope] = ()

    def __init__(
        self,
        transport: Transport,
        *,
        api_url: str,
        login: KeycloakLogin,
        corporate_account: str | None,
        client_store: ClientStore,
    ) -> None:
        """Read `corporate_account` (a uuid), or the user's first one if it is None.

        `api_url` may lack `/api/v1`. All accounts of one user may share a `login`.
        """
        api_url = api_url.rstrip("/")
        self.budget = Budget(client_store, per_hour=_REQUESTS_PER_HOUR)
        self.requests_a_listing = 1
        self.history: History = SoDataHistory(self._send_datapoints)
        self._http = HttpClient(
            transport,
            api_url if re.search(r"/api/v\d+$", api_url) else f"{api_url}/api/v1",
            _find_error,
            parallel=PARALLEL,
            budget=self.budget,
        )
        self._login = login
        self._corporate_account = corporate_account
        self._lists = Lists(self._get, client_store)
        self._schemas = Schemas(self._fetch_variables, client_store)
        self._last_values = LastValuesReader(self._send_last_values, client_store, self._schemas.by_device)
        self.administration = Administration(
            finder=SoDataDeviceFinder(self._lists),
            device_actions=SoDataDeviceActions(self._put, self._read_device),
        )
        self._sites: Mapping[str, Site] = {}
        self._listed: Collection[str] | None = None  # uuids; None before the first list

    # The account

    async def account(self) -> Account:
        """Log in and return the account. Raises `Forbidden` (NO_CORPORATE_ACCOUNT) if the user has none."""
        chosen = await self._chosen_account()
        self._corporate_account = chosen.uuid
        user = self._login.subject or chosen.user_link
        user_id = user or hashlib.sha256(self._login.username.encode()).hexdigest()[:16]
        return Account(id=f"{user_id}_{chosen.uuid}", name=chosen.name, has_lasting_id=user is not None)

    async def corporate_accounts(self) -> tuple[CorporateAccount, ...]:
        """List the corporate accounts of the user ("Corporate accounts")."""
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
        pages_before = self._lists.pages
        self._sites = await self._lists.sites()
        found = {str(record["uuid"]): record for record in await self._lists.all(DEVICES)}
        self._listed = found.keys()
        self.requests_a_listing = self._lists.pages - pages_before
        self._last_values.update_devices(found)
        self._schemas.forget_all_but(found)
        self._lists.forget_sites(but={coerce.text(record.get("siteUuid")) for record in found.values()})
        return Listing(devices=tuple(mapping.device(record, self._sites, found) for record in found.values()))

    async def _read_device(self, uuid: str) -> Device:
        if self._listed is None:
            await self.devices()
        answer = await self._request("GET", _DEVICE, device=uuid)
        record = coerce.fields(answer.body)
        if coerce.text(record.get("uuid")) != uuid:
            raise answer.error(UnexpectedAnswer)
        return mapping.device(record, self._sites, self._listed or ())

    # Schemas and last values

    async def schema(self, device: Device) -> Schema:
        """Describe the datapoints of a device ("Variables"). Empty if the user may not see its variables."""
        return (await self._schemas.read(device.id)).schema

    @property
    def devices_a_request(self) -> int:
        """How many devices one request for last values reads."""
        return self._last_values.devices_a_request

    async def readings(self, devices: Sequence[Device], on_snapshot: OnSnapshot = ignore_snapshot) -> Readings:
        """Read the last values ("Last values"), of all devices at once if the server can do that."""
        try:
            await self._login.ensure()
        except AuthFailed:
            raise
        except CloudError as error:
            # A failed login is not the failure of any device.
            return Readings(snapshots={}, stopped_by=error)
        readings = await self._last_values.read(devices, on_snapshot)
        self._schemas.learn_units(one for snapshot in readings.snapshots.values() for one in snapshot.described)
        return readings

    # Requests

    async def _get(self, template: str, **options: Any) -> Any:
        return (await self._request("GET", template, **options)).body

    async def _put(self, template: str, uuid: str) -> None:
        await self._request("PUT", template, device=uuid, purpose=Purpose.CONTROL, may_be_empty=True)

    async def _fetch_variables(self, uuid: str) -> Any:
        return await self._get(schemas.ENDPOINT, device=uuid)

    async def _send_datapoints(self, body: Any) -> Any:
        answer = await self._request("PUT", datapoints.ENDPOINT, json_body=body, purpose=Purpose.HISTORY)
        return answer.body

    async def _send_last_values(
        self, method: str, template: str, *, device: str | None = None, json_body: Any = None
    ) -> Answer:
        return await self._request(method, template, device=device, json_body=json_body, is_read_later=True)

    async def _request(
        self,
        method: str,
        template: str,
        *,
        device: str | None = None,
        purpose: Purpose = Purpose.POLLING,
        **options: Any,
    ) -> Answer:
        parts = {} if template == _ACCOUNTS else {"ca": await self._ca()}
        if device is not None:
            parts["device"] = device

        async def call(token: str) -> Answer:
            return await self._http.request(
                method, template, parts=parts, headers=_bearer(token), purpose=purpose, **options
            )

        async def probe(token: str, endpoint: str) -> None:
            # The smallest request for a list that every account has.
            await self._http.request(
                "GET",
                _SITES if endpoint == DEVICES else DEVICES,
                parts={"ca": await self._ca()},
                params={"take": 1, "skip": 0},
                headers=_bearer(token),
                purpose=Purpose.POLLING,
            )

        return await self._login.use(call, None if self._corporate_account is None else probe)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _find_error(answer: Answer) -> CloudError | None:
    if not 400 <= answer.status < 500 or answer.status in {408, 429}:
        return None
    if answer.status == 404 and "{device}" in answer.endpoint:
        return answer.error(DeviceGone, Reason.NOT_FOUND)
    return answer.error(*_ERRORS.get(answer.status, (Rejected, Reason.INVALID_REQUEST)))
