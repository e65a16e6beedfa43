"""Tidewater: water gauges that can only be read."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from custom_components.datapoint_cloud.clouds import coerce
from custom_components.datapoint_cloud.clouds.budget import Budget, Purpose
from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.cloud import (
    Listing,
    OnSnapshot,
    Readings,
    ReadOnlyCloud,
    ignore_snapshot,
)
from custom_components.datapoint_cloud.clouds.errors import AuthFailed, CloudError, Reason
from custom_components.datapoint_cloud.clouds.history import History, NoHistory
from custom_components.datapoint_cloud.clouds.http import Answer, HttpClient
from custom_components.datapoint_cloud.clouds.model import (
    Account,
    Datapoint,
    DataType,
    Device,
    Reading,
    Schema,
    Scope,
    Snapshot,
)
from custom_components.datapoint_cloud.clouds.push import Push
from custom_components.datapoint_cloud.clouds.read_many import read_round
from custom_components.datapoint_cloud.clouds.transport import Transport

_SCHEMAS = {
    "gauge": Schema(
        datapoints=(
            Datapoint(key="level", name="Level", data_type=DataType.NUMBER, unit="cm"),
            Datapoint(key="flooded", name="Flooded", data_type=DataType.BOOL),
        )
    )
}


def _judge(answer: Answer) -> CloudError | None:
    return answer.error(AuthFailed, Reason.WRONG_USER_TOKEN) if answer.status == 401 else None


class TidewaterCloud(ReadOnlyCloud):
    """The gauges of one token."""

    kind: ClassVar[str] = "tidewater"
    default_interval: ClassVar[timedelta] = timedelta(minutes=1)
    shortest_interval: ClassVar[timedelta] = timedelta(seconds=30)
    listing_interval: ClassVar[timedelta | None] = timedelta(hours=1)
    scopes: Sequence[Scope] = ()
    requests_a_listing = 1
    push: Push | None = None

    def __init__(
        self, transport: Transport, *, api_url: str, token: str, river: str, client_store: ClientStore
    ) -> None:
        self.budget = Budget(client_store, per_hour=None)
        self.history: History = NoHistory()
        self._http = HttpClient(transport, api_url, _judge)
        self._token = token
        self._river = river

    async def account(self) -> Account:
        body = (await self._get("/account")).body
        return Account(id=str(coerce.fields(body)["id"]), name=f"Gauges of the {self._river}")

    async def devices(self) -> Listing:
        gauges = coerce.records((await self._get("/rivers/{river}/gauges", river=self._river)).body)
        return Listing(
            devices=tuple(
                Device(id=gauge["id"], name=gauge["name"], schema_id="gauge", is_online=True) for gauge in gauges
            )
        )

    async def schema(self, device: Device) -> Schema:
        return _SCHEMAS[device.schema_id]

    async def readings(self, devices: Sequence[Device], on_snapshot: OnSnapshot = ignore_snapshot) -> Readings:
        return await read_round(devices, self._read, on_snapshot, parallel=2)

    async def _read(self, device: Device) -> Snapshot:
        values = coerce.fields((await self._get("/gauges/{id}", id=device.id)).body)
        now = datetime.now(UTC)
        return Snapshot(readings={key: Reading(value, now) for key, value in values.items()}, reported_at=now)

    async def _get(self, template: str, **parts: str) -> Answer:
        headers = {"Authorization": f"Bearer {self._token}"}
        return await self._http.request("GET", template, parts=parts, headers=headers, purpose=Purpose.POLLING)
