"""What the user of an account has to mend or should know, gathered from all that knows of it.

It opens no issues and mends nothing.
"""

import math
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from homeassistant.util import dt as dt_util

from . import exceptions
from .clouds.clock import is_due
from .clouds.errors import CloudError, Forbidden
from .const import OPTION_INTERVAL
from .fleet.inventory import LARGE_FLEET
from .repairs import Notice, has_issue

if TYPE_CHECKING:
    from .coordinator import DatapointCoordinator

_OFTEN = 3  # lists in a row
_TOLERATED = 1.1  # times the wished interval
_ALL_ARE_KNOWN_AFTER = timedelta(hours=1)


def are_all_known(coordinator: DatapointCoordinator) -> bool:
    """Whether there was time to meet all there is: the first rounds read few devices, and know no pace."""
    return is_due(coordinator.set_up_at, _ALL_ARE_KNOWN_AFTER, dt_util.utcnow())


def to_mend(coordinator: DatapointCoordinator) -> Iterator[tuple[str | None, CloudError]]:
    """What the clouds complain of, by the scope it concerns; None is the account as a whole.

    A device that nobody asks any more says nothing of its product.
    """
    inventory, push = coordinator.inventory, coordinator.cloud.push
    yield from inventory.failed_scopes.items()
    # Where all scopes fail, the round ends with the failure of the first.
    if coordinator.problem is not None and coordinator.problem not in inventory.failed_scopes.values():
        yield None, coordinator.problem
    for device_id, state in coordinator.fleet.items():
        if isinstance(inventory.failed_scopes.get(state.device.scope or ""), Forbidden):
            continue  # what is refused for its product as a whole says more
        if state.failure is not None and device_id not in inventory.absent and state.device.is_online is not False:
            yield state.device.scope, state.failure
    yield from coordinator.refused_control.items()
    if push is not None:
        yield from push.refused.items()


def to_know(coordinator: DatapointCoordinator) -> Iterator[Notice]:
    """What the size of the fleet, the wished interval and the cloud's limits lead to."""
    inventory, budget = coordinator.inventory, coordinator.cloud.budget
    now = dt_util.utcnow()
    if coordinator.pause.is_long(now) and (until := coordinator.pause.until(now)) is not None:
        yield Notice("long_pause", {"until": dt_util.as_local(until).strftime("%Y-%m-%d %H:%M")})
    if inventory.is_too_large:
        yield Notice("fleet_too_large", {"devices": str(len(inventory.counted)), "most": str(LARGE_FLEET)})
    yield from _failing_scopes(coordinator)
    wished, in_force = coordinator.wished_interval, coordinator.interval_in_force
    is_wished = OPTION_INTERVAL in coordinator.config_entry.options
    if not is_wished or budget.limit is None or in_force <= _TOLERATED * wished:
        return
    devices = sum(state.device.is_online is not False for state in coordinator.fleet.values())
    requests = in_force / wished * budget.pace * 3600
    yield Notice(
        "interval_too_short",
        {
            "devices": str(devices),
            "wished": _in_words(wished),
            "requests": f"{requests:,.0f}",
            "share": f"{budget.limit * budget.share:,.0f}",
            "possible": _in_words(in_force),
        },
    )


def _failing_scopes(coordinator: DatapointCoordinator) -> Iterator[Notice]:
    """The parts of the account that are lost to an error which is no issue by itself."""
    inventory = coordinator.inventory
    failing = {
        scope: error for scope, error in inventory.failed_scopes.items() if inventory.failed_lists[scope] >= _OFTEN
    }
    unread: dict[str, CloudError | None] = {}
    for state in coordinator.present():
        scope = state.device.scope
        if scope is None or scope in failing or state.device.is_online is False:
            continue
        if state.failure is None or state.is_available:
            unread[scope] = None  # one that is read speaks for its scope
        else:
            unread.setdefault(scope, state.failure)
    failing |= {scope: error for scope, error in unread.items() if error is not None}
    for scope, error in failing.items():
        if not has_issue(error):
            placeholders = {"scope": coordinator.scope_name(scope), "cause": str(exceptions.of_poll(error))}
            yield Notice("scope_fails", placeholders, scope)


def _in_words(interval: timedelta) -> str:
    """An interval as the user would say it: seconds below two minutes, else minutes."""
    seconds = interval.total_seconds()
    return f"{seconds:.0f} s" if seconds < 120 else f"{math.ceil(seconds / 60):,} min"
