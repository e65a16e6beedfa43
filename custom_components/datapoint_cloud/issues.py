"""The issues of an account: problems that the user can repair or should know about, open for as long as they last.

It computes which issues are open and updates the registry; `repairs` holds the flows that fix them.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from . import exceptions
from .clouds.clock import is_due
from .clouds.errors import CloudError, Forbidden
from .const import DOMAIN, OPTION_INTERVAL, REPAIRS_URL
from .coordinator import DatapointCoordinator
from .entries import subentry_of
from .fleet.inventory import LARGE_FLEET
from .plain_text import in_markdown, plain
from .reasons import Repair, row_of
from .texts import message_of

_PERSISTENT_FAILURES = 3  # lists in a row
_TOLERATED_INTERVAL = 1.1  # times the interval that the user chose
_SETTLED_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Issue:
    """An open issue of an account. `data` makes it fixable: the repair flow starts with it."""

    key: str
    """The key of its texts."""
    id: str
    """Its id in the account."""
    placeholders: Mapping[str, str]
    data: dict[str, str | int | float | None] | None = None


@callback
def async_update_issues(coordinator: DatapointCoordinator) -> None:
    """Open the issues that an account has now and close the others."""
    entry = coordinator.config_entry
    found = [*_notices(coordinator), *issues_of_errors(entry, _errors(coordinator))]
    # After set-up the first polls read few devices, so not every problem is known yet. An issue that the user chose to
    # ignore stays open: closed now and opened again later, it would no longer be ignored.
    is_settled = is_due(coordinator.set_up_at, _SETTLED_AFTER, dt_util.utcnow())
    async_set_issues(coordinator.hass, entry, found, keeps_ignored=not is_settled)


@callback
def async_set_issues(
    hass: HomeAssistant, entry: ConfigEntry, issues: Iterable[Issue], *, keeps_ignored: bool = False
) -> None:
    """Open these issues of an account and close its others; with `keeps_ignored`, except those the user ignores."""
    open_ids = {f"{entry.entry_id}_{issue.id}": issue for issue in issues}
    for issue_id, issue in open_ids.items():
        ir.async_create_issue(
            hass,
            DOMAIN,
            issue_id,
            is_fixable=issue.data is not None,
            learn_more_url=f"{REPAIRS_URL}#{issue.key}",
            severity=ir.IssueSeverity.WARNING,
            translation_key=issue.key,
            translation_placeholders=_filled_in({"account": entry.title, **issue.placeholders}),
            data=issue.data,
        )
    for issue_id, registered in _registered(hass, entry):
        if issue_id not in open_ids and not (keeps_ignored and registered.dismissed_version is not None):
            ir.async_delete_issue(hass, DOMAIN, issue_id)


@callback
def async_delete_issues(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Close all issues of an account."""
    async_set_issues(hass, entry, ())


def _registered(hass: HomeAssistant, entry: ConfigEntry) -> list[tuple[str, ir.IssueEntry]]:
    return [
        (issue_id, issue)
        for (domain, issue_id), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and issue_id.startswith(f"{entry.entry_id}_")
    ]


def has_issue(error: CloudError) -> bool:
    """Return whether an error opens an issue of its own."""
    return isinstance(error, Forbidden) and row_of(error).repair is not None


def issues_of_errors(entry: ConfigEntry, errors: Iterable[tuple[str | None, CloudError]]) -> Iterator[Issue]:
    """Yield the issues that errors open, given with the scope that each concerns; the first of several alike counts."""
    seen: set[str] = set()
    for scope, error in errors:
        row = row_of(error)
        issue_scope = None if row.is_of_account else scope
        issue_id = f"{error.reason}_{issue_scope or ''}"
        subentry = entry.subentries.get(subentry_of(entry, issue_scope) or "")
        is_repairable = subentry is not None or row.repair is not Repair.SCOPE_FORM
        if not has_issue(error) or not is_repairable or issue_id in seen:
            continue
        seen.add(issue_id)
        data: dict[str, str | int | float | None] = {"entry_id": entry.entry_id}
        if row.repair is Repair.SCOPE_FORM and subentry is not None:
            data["subentry_id"] = subentry.subentry_id
        yield Issue(
            str(error.reason),
            issue_id,
            {"scope": subentry.title if subentry else entry.title, "subject": error.subject or ""},
            None if row.repair is Repair.OUTSIDE else data,
        )


def _errors(coordinator: DatapointCoordinator) -> Iterator[tuple[str | None, CloudError]]:
    """Yield the errors that clouds answered lately, with the scope that each concerns; None is the whole account.

    Absent and offline devices are left out: their last error is stale.
    """
    inventory, push = coordinator.inventory, coordinator.cloud.push
    yield from inventory.failed_scopes.items()
    # If all scopes fail, the poll ends with the error of the first, which is in the list already.
    if coordinator.problem is not None and coordinator.problem not in inventory.failed_scopes.values():
        yield None, coordinator.problem
    for device_id, state in coordinator.fleet.items():
        if isinstance(inventory.failed_scopes.get(state.device.scope or ""), Forbidden):
            continue  # the error of its product explains more
        if state.failure is not None and device_id not in inventory.absent and state.device.is_online is not False:
            yield state.device.scope, state.failure
    yield from coordinator.refused_control.items()
    if push is not None:
        yield from push.refused.items()


def _notices(coordinator: DatapointCoordinator) -> Iterator[Issue]:
    """Yield the issues that follow from the size of the fleet, the chosen interval and the limits of the cloud."""
    now = dt_util.utcnow()
    if coordinator.pause.is_long(now) and (until := coordinator.pause.until(now)) is not None:
        yield _notice("long_pause", until=dt_util.as_local(until).strftime("%Y-%m-%d %H:%M"))
    if coordinator.inventory.is_too_large:
        yield _notice("fleet_too_large", devices=str(coordinator.inventory.size), most=str(LARGE_FLEET))
    yield from _failing_scopes(coordinator)
    yield from _short_interval(coordinator)


def _notice(key: str, scope_id: str | None = None, **placeholders: str) -> Issue:
    return Issue(key, key if scope_id is None else f"{key}_{scope_id}", placeholders)


def _failing_scopes(coordinator: DatapointCoordinator) -> Iterator[Issue]:
    """Yield an issue for each scope that cannot be read because of an error that opens no issue of its own."""
    inventory = coordinator.inventory
    failing = {
        scope: error
        for scope, error in inventory.failed_scopes.items()
        if inventory.failed_lists[scope] >= _PERSISTENT_FAILURES
    }
    unread: dict[str, CloudError | None] = {}
    for state in coordinator.present():
        scope = state.device.scope
        if scope is None or scope in failing or state.device.is_online is False:
            continue
        if state.failure is None or state.is_available:
            unread[scope] = None  # one device that can be read is enough
        else:
            unread.setdefault(scope, state.failure)
    failing |= {scope: error for scope, error in unread.items() if error is not None}
    for scope, error in failing.items():
        if not has_issue(error):
            cause = message_of(coordinator.hass, exceptions.of_poll(error))
            yield _notice("scope_fails", scope, scope=coordinator.scope_name(scope), cause=cause)


def _short_interval(coordinator: DatapointCoordinator) -> Iterator[Issue]:
    """Yield an issue if the cloud allows too few requests for the interval that the user chose."""
    wished, in_force, budget = coordinator.wished_interval, coordinator.interval_in_force, coordinator.cloud.budget
    is_chosen = OPTION_INTERVAL in coordinator.config_entry.options
    if not is_chosen or budget.limit is None or in_force <= _TOLERATED_INTERVAL * wished:
        return
    devices = sum(state.device.is_online is not False for state in coordinator.fleet.values())
    yield _notice(
        "interval_too_short",
        devices=str(devices),
        wished=_in_words(wished),
        requests=f"{in_force / wished * budget.pace * 3600:.0f}",
        share=f"{budget.limit * budget.share:.0f}",
        possible=_in_words(in_force),
    )


def _in_words(interval: timedelta) -> str:
    """Return an interval in seconds below two minutes, else in minutes."""
    seconds = interval.total_seconds()
    return f"{seconds:.0f} s" if seconds < 120 else f"{math.ceil(seconds / 60)} min"


def _filled_in(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the placeholders of an issue: markdown for the descriptions, plain `…_name` for the titles."""
    names = {f"{key}_name": plain(texts[key]) for key in ("account", "scope") if key in texts}
    return {key: in_markdown(text) for key, text in texts.items()} | names
