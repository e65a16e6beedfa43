"""What other users share with an app's user ("Open API, Sharing"). The document does not show the rows themselves."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from ... import coerce
from ...budget import Purpose
from .. import wire_values

_SHARING_PATH: Final = "/app/sharing"
_RECEIVED: Final = 1
_PENDING, _ACCEPTED, _CANCELLED = 0, 1, 3  # 2 is refused by the user


@dataclass(frozen=True, slots=True)
class ReceivedShares:
    """Whether an invitation waits for the user's consent, and whether devices were shared with the user before."""

    is_waiting: bool = False
    has_ended: bool = False


async def received_shares(request: Callable[..., Awaitable[Any]]) -> ReceivedShares:
    """Return what was shared with a user who has no devices, so that nothing is shared now. Raises any `CloudError`."""
    params = {"sharing_type": _RECEIVED, "limit": 100, "skip": 0}
    body = coerce.fields(await request("GET", _SHARING_PATH, params=params, purpose=Purpose.POLLING))
    states = {wire_values.count(row.get("status")) for row in coerce.records(body.get("objects"))}
    return ReceivedShares(is_waiting=_PENDING in states, has_ended=bool(states & {_ACCEPTED, _CANCELLED}))
