"""Tools about whole accounts: counts of devices, the budget of requests, and the usage that a query counts."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, override

import voluptuous as vol
from homeassistant.core import HomeAssistant
from homeassistant.helpers.llm import LLMContext
from homeassistant.helpers.typing import StateType
from homeassistant.util.json import JsonObjectType, JsonValueType

from ..actions.history import GET_USAGE, UNGROUPED
from ..const import DOMAIN
from ..coordinator import DatapointCoordinator
from ..datapoint_names import normalized, similar
from ..figures import account_figures, place_figures, scope_figures
from .devices import local
from .exposure import Unanswerable, View
from .ranges import RANGE, range_of
from .tool import ASKS_CLOUD, CloudTool, about

_MOST_PLACES: Final = 20
_MOST_ROWS: Final = 20
_ACCOUNT: Final = "Name of the account; all accounts if left out."


class GetFleetFigures(CloudTool):
    """How many devices there are."""

    name = "datapoint_cloud__get_fleet_figures"
    title = "Get the figures of a fleet"
    description = (
        "Counts the devices of each cloud account: how many there are, online, faulty, alerting or with an alarm, "
        "also by product, customer and site, and the users and new devices where the vendor reports them. It also "
        "tells how many requests to the cloud are left this hour (`requests_left`), how often devices are read "
        "(`interval_in_force`, in seconds) and the time of the oldest reading. It counts all devices of an account, "
        "also those that are not exposed."
    )
    parameters = vol.Schema({about("account", _ACCOUNT): str})

    @override
    async def answer(
        self, hass: HomeAssistant, data: dict[str, Any], view: View, llm_context: LLMContext
    ) -> JsonObjectType:
        return {"accounts": [_figures(account) for account in _accounts(view.accounts, data.get("account"))]}


class GetUsage(CloudTool):
    """How much was used."""

    name = "datapoint_cloud__get_usage"
    title = "Get usage"
    description = (
        "Returns what a usage query of an account counts (for example plays per genre) in a range: the total and the "
        "largest groups. Only for accounts with usage queries; for the consumption of a device, use get_history."
    )
    annotations = ASKS_CLOUD
    parameters = vol.Schema(
        {
            about("query", "Name of the usage query. Needed only if there are several."): str,
            about("account", _ACCOUNT): str,
            **RANGE,
            about("group_by", "Another grouping than that of the query; none for the total."): vol.In(
                [UNGROUPED, "service", "genre", "network"]
            ),
        }
    )

    @override
    async def answer(
        self, hass: HomeAssistant, data: dict[str, Any], view: View, llm_context: LLMContext
    ) -> JsonObjectType:
        account, query = _query(view, data)
        start, end = range_of(data, "yesterday")
        call: dict[str, Any] = {
            "config_entry_id": account.config_entry.entry_id,
            "query": query,
            "start": start.isoformat(),
            "end": end.isoformat(),
        }
        if "group_by" in data:
            call["group_by"] = data["group_by"]
        response: Any = await hass.services.async_call(
            DOMAIN, GET_USAGE, call, blocking=True, return_response=True, context=llm_context.context
        )
        counted = _by_label(response["rows"])
        largest = sorted(counted, key=lambda label: -counted[label])[:_MOST_ROWS]
        return {
            "query": account.scope_name(query),
            "unit": response["unit"],
            "start": local(start),
            "end": local(end),
            "total": sum(counted.values()),
            "groups": [{"name": label, "value": counted[label]} for label in largest if label],
            **({} if len(counted) <= _MOST_ROWS else {"all_groups": len(counted)}),
            "complete": response["complete"],
            **({"note": response["reason"]} if "reason" in response else {}),
        }


def _accounts(accounts: Iterable[DatapointCoordinator], name: str | None) -> list[DatapointCoordinator]:
    found = list(accounts)
    if name is None:
        return found
    named = [account for account in found if normalized(name) in _names(account)]
    if not named:
        names = [account.name for account in found]
        raise Unanswerable(f"No account with exposed devices is called {name}.", similar(name, names) or names)
    return named


def _names(account: DatapointCoordinator) -> set[str]:
    return {normalized(account.name), normalized(account.config_entry.title)}


def _query(view: View, data: Mapping[str, Any]) -> tuple[DatapointCoordinator, str]:
    """Return the query that a question means, and its account. Raises `Unanswerable` with the queries there are."""
    queries = [
        (account, scope.id, {scope.id, scope.name, account.scope_name(scope.id)})
        for account in _accounts(view.accounts, data.get("account"))
        if account.cloud.history.capabilities.has_usage
        for scope in account.cloud.scopes
    ]
    wanted = data.get("query")
    found = [
        (account, scope_id)
        for account, scope_id, names in queries
        if wanted is None or normalized(wanted) in map(normalized, names)
    ]
    if len(found) == 1:
        return found[0]
    labels = [account.scope_name(scope_id) for account, scope_id, _ in queries]
    if not labels:
        raise Unanswerable("No account with exposed entities counts usage.")
    raise Unanswerable("Say which usage query is meant.", similar(wanted or "", labels) or labels)


def _by_label(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Add up the values of each group over the periods; the total of all has an empty name."""
    counted: dict[str, float] = {}
    for row in rows:
        label = row["label"] or ""
        counted[label] = counted.get(label, 0) + row["value"]
    return counted


def _figures(account: DatapointCoordinator) -> JsonObjectType:
    scopes: list[JsonValueType] = [
        {"name": account.scope_name(scope.id), **_plain(scope_figures(account, scope.id))}
        for scope in account.cloud.scopes
        if scope.id not in account.fleet
    ]
    places: list[JsonValueType] = [
        {"kind": str(place.kind), "name": place.name, **_plain(place_figures(account, place))}
        for place in account.inventory.places.values()
    ]
    return {
        "account": account.name,
        **_plain(account_figures(account)),
        **({"products": scopes} if scopes else {}),
        **({"places": places[:_MOST_PLACES], "all_places": len(places)} if places else {}),
    }


def _plain(figures: Mapping[str, StateType | datetime]) -> JsonObjectType:
    return {name: local(value) if isinstance(value, datetime) else value for name, value in figures.items()}
