"""The tool about the past outages of a device, from the online log that its cloud keeps."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, override

import voluptuous as vol
from homeassistant.core import HomeAssistant
from homeassistant.helpers.llm import LLMContext
from homeassistant.util.json import JsonObjectType

from ..actions.history import GET_ONLINE_LOG
from ..const import DOMAIN
from .devices import DEVICE, async_offline, connection_of, local
from .exposure import View
from .ranges import RANGE, range_of
from .summaries import rounded
from .tool import ASKS_CLOUD, CloudTool, about

_MOST_OUTAGES: Final = 20


class GetOutages(CloudTool):
    """When a device was offline."""

    name = "datapoint_cloud__get_outages"
    title = "Get the outages of a device"
    description = (
        "Tells why and since when a device is offline, or when and why it was offline in the past (last 7 days by "
        "default): each outage with its begin, end and reason, how many there were and how long they took. The clouds "
        "keep a week; some keep no such log, and then only the present state is returned."
    )
    annotations = ASKS_CLOUD
    parameters = vol.Schema({about("device", DEVICE, is_required=True): str, **RANGE})

    @override
    async def answer(
        self, hass: HomeAssistant, data: dict[str, Any], view: View, llm_context: LLMContext
    ) -> JsonObjectType:
        device = view.device(data["device"])
        present: JsonObjectType = {"device": device.label, "connection": connection_of(device.state)}
        if device.state.is_connected is False:
            present["offline"] = async_offline(hass, device)
        if not device.coordinator.cloud.history.capabilities.has_online_log:
            return present | {"note": "The cloud of this device keeps no log of outages."}
        start, end = range_of(data, "last_7_days")
        call = {"device_id": device.registry_id, "start": start.isoformat(), "end": end.isoformat()}
        response: Any = await hass.services.async_call(
            DOMAIN, GET_ONLINE_LOG, call, blocking=True, return_response=True, context=llm_context.context
        )
        log = response["devices"][0]
        outages = list(_outages(log["rows"]))
        if outages and outages[-1][1] is None and "offline" in present:
            begin, _, reason = outages[-1]
            present["offline"] = {"since": local(begin), "reason": reason}
        hours = sum(((until or end) - begin).total_seconds() for begin, until, _ in outages) / 3600
        return {
            **present,
            "start": local(start),
            "end": local(end),
            "outages": [
                {"begin": local(begin), "end": None if until is None else local(until), "reason": reason}
                for begin, until, reason in outages[-_MOST_OUTAGES:]
            ],
            "count": len(outages),
            "hours_offline": rounded(hours),
            "complete": log["complete"],
            **({"note": log["reason"]} if "reason" in log else {}),
        }


def _outages(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[datetime, datetime | None, str | None]]:
    """Yield begin, end (None: it lasts) and reason of each outage in a log, oldest first."""
    begin: datetime | None = None
    reason: str | None = None
    for row in rows:
        at = datetime.fromisoformat(row["at"])
        if row.get("is_outage"):
            if begin is None:
                begin, reason = at, row.get("text") or row["reason"]
        elif begin is not None and "reason" not in row:
            yield begin, at, reason
            begin = None
    if begin is not None:
        yield begin, None, reason
