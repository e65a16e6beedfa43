"""The history of an enterprise's devices: a week of reports and logs, a month of aggregates.

It knows the windows that the logs allow; `device_logs` requests the rows.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from ...budget import Purpose
from ...client_store import ClientStore
from ...history import HistoryCapabilities, HistoryResult, LogEntry, Series
from ...model import Device, Reading
from ..aggregation import AGGREGATIONS, BUCKETS_RETENTION, PERIODS, AggregatedHistory, Aggregates
from ..definitions import Definitions
from ..history_windows import TimedRow, by_device, read_windows
from ..log_entries import entries
from ..missing_grants import MissingGrants
from .device_logs import DeviceLogs, Log
from .product_access import ProductAccess

_RETENTION: Final = timedelta(days=7)
_LONGEST: Final = timedelta(days=2)
_AGGREGATES_PATH: Final = "/devices/{did}/agg_data"


class EnterpriseHistory(AggregatedHistory):
    """The history that the Enterprise API keeps."""

    capabilities = HistoryCapabilities(
        readings_retention=_RETENTION,
        buckets_retention=BUCKETS_RETENTION,
        periods=PERIODS,
        aggregations=AGGREGATIONS,
        aggregates_need_grant=True,
        aggregates_numbers_only=True,
        has_online_log=True,
        has_communication_log=True,
    )

    def __init__(
        self,
        access: ProductAccess,
        logs: DeviceLogs,
        definitions: Definitions,
        missing_grants: MissingGrants,
        client_store: ClientStore,
        *,
        server: str,
    ) -> None:
        """Request through `access` and `logs`; `client_store` keeps what is known about the server at `server`."""
        self._access = access
        self._logs = logs
        self._definitions = definitions
        self._missing_grants = missing_grants
        self._aggregates = Aggregates(self._aggregate, definitions, client_store, server=server)

    async def readings(
        self, series: Sequence[Series], start: datetime, end: datetime
    ) -> Mapping[Series, HistoryResult[Reading]]:
        """Read every report of the past seven days ("Enterprise API, Device history data")."""

        async def read(device: Device, keys: Sequence[str]) -> Mapping[str, HistoryResult[Reading]]:
            await self._definitions.get(device.schema_id)  # without it we could not read the values
            log = await self._read_log(device, Log.REPORTS, start, end)
            found: dict[str, list[Reading]] = {key: [] for key in keys}
            for at, row in log.rows:
                attrs = row.get("attrs")
                if not isinstance(attrs, dict):
                    continue
                requested = {key: attrs[key] for key in keys if key in attrs}
                snapshot = await self._definitions.snapshot(device.schema_id, requested, at)
                for key, reading in snapshot.readings.items():
                    found[key].append(reading)
            return {
                key: HistoryResult(rows=tuple(rows), start=log.start, end=log.end, stopped_by=log.stopped_by)
                for key, rows in found.items()
            }

        return await by_device(series, start, read)

    async def online_log(self, device: Device, start: datetime, end: datetime) -> HistoryResult[LogEntry]:
        """Read when the device came online and went offline in the past week ("Enterprise API, Device online history").

        Each two days take one request.
        """
        return entries(await self._read_log(device, Log.PRESENCE, start, end))

    async def communication_log(self, device: Device, start: datetime, end: datetime) -> HistoryResult[LogEntry]:
        """Read the messages of the past seven days ("Enterprise API, Device communication history")."""
        return entries(await self._read_log(device, Log.COMMUNICATION, start, end))

    async def _read_log(self, device: Device, log: Log, start: datetime, end: datetime) -> HistoryResult[TimedRow]:
        pages = partial(self._logs.pages, device, log)
        return await read_windows(start, end, pages, longest=_LONGEST, retention=_RETENTION)

    async def _aggregate(self, device: Device, method: str, params: Mapping[str, str | int]) -> Any:
        return await self._missing_grants.guard(
            "agg_data",
            device.schema_id,
            lambda: self._access.request(
                device.schema_id,
                method,
                _AGGREGATES_PATH,
                parts={"did": device.id},
                params=params,
                purpose=Purpose.HISTORY,
            ),
        )
