"""The schemas of an account's devices: it fetches those that are missing, and all of them once a day."""

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from homeassistant.util import dt as dt_util

from ..clouds.clock import is_due
from ..clouds.cloud import Cloud
from ..clouds.errors import AuthFailed, CloudError, RateLimited
from ..clouds.model import Device, Schema

_LOGGER = logging.getLogger(__name__)

_EVERY = timedelta(days=1)


class Schemas:
    """The schemas that the cloud has sent."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._by_id: dict[str, Schema] = {}
        self._all_fetched_at: datetime | None = None

    def of(self, device: Device) -> Schema | None:
        """The schema of a device; None until the cloud has sent it."""
        return self._by_id.get(device.schema_id)

    def forget(self, schema_id: str) -> None:
        """Fetch a schema again the next time."""
        self._by_id.pop(schema_id, None)

    async def async_fetch(self, devices: Iterable[Device]) -> None:
        """Fetch the missing schemas of these devices, and all of them once a day.

        Raises `AuthFailed` and `RateLimited`; any other error of a schema leaves it unknown until the next time.
        """
        now = dt_util.utcnow()
        if self._all_fetched_at is None or is_due(self._all_fetched_at, _EVERY, now):
            self._all_fetched_at = now
            known: set[str] = set()
        else:
            known = set(self._by_id)
        missing = {device.schema_id: device for device in devices if device.schema_id not in known}
        results = await asyncio.gather(*map(self._cloud.schema, missing.values()), return_exceptions=True)
        for schema_id, result in zip(missing, results, strict=True):
            if isinstance(result, Schema):
                self._by_id[schema_id] = result
            elif isinstance(result, AuthFailed | RateLimited) or not isinstance(result, CloudError):
                raise result
            else:
                _LOGGER.debug("The datapoints of a product are unknown for now: %s", result)
