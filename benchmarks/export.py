"""Shows that what the entities of a fleet show arrives elsewhere: `python -m benchmarks.export TARGET …`.

The targets are Home Assistant's own ways out: `recorder URL` (a database), `influxdb PORT`, and
`prometheus PORT OWN_PORT`, where Prometheus scrapes Home Assistant at its own port. The servers run already:
`scripts/test-mariadb` and its siblings start them.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
from homeassistant.components.recorder import history
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import recorder
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry

from . import fleet
from .fleet import Account, Orders
from .home import cloud, home_assistant, set_up
from .report import Goal, Part, run

_DEVICES = 1000
_PRODUCTS = 10
_CHOSEN = 100
_PER_SECOND = 100.0
_SECONDS = 30.0
_LONGEST_WAIT = 30.0

type Arrived = Mapping[str, set[float]]
"""The values that arrived, by entity id."""


async def _set_up_target(hass: HomeAssistant, arguments: argparse.Namespace) -> Callable[[], Awaitable[Arrived]]:
    """Set up the way out, and return what reads what has arrived."""
    match arguments.target:
        case "recorder":
            recorder.async_initialize_recorder(hass)
            await _add(hass, "recorder", {"db_url": arguments.url, "commit_interval": 1})
            began = dt_util.utcnow()
            return lambda: recorder.get_instance(hass).async_add_executor_job(_recorded, hass, began)
        case "influxdb":
            # The integration also looks for settings there.
            await hass.async_add_executor_job(Path(hass.config.path("configuration.yaml")).touch)
            data = {"host": "127.0.0.1", "port": arguments.port, "ssl": False, "verify_ssl": False, "database": "home"}
            await set_up(hass, MockConfigEntry(domain="influxdb", data={"api_version": "1", **data}))
            return lambda: _in_influxdb(arguments.port)
        case _:
            await _add(hass, "http", {"server_port": arguments.own_port, "server_host": ["127.0.0.1"]})
            await _add(hass, "prometheus", {"requires_auth": False})
            await hass.async_start()
            return lambda: _in_prometheus(arguments.port)


async def _add(hass: HomeAssistant, domain: str, config: dict[str, Any]) -> None:
    if not await async_setup_component(hass, domain, {domain: config}):
        raise RuntimeError(f"{domain} could not be set up")


def _recorded(hass: HomeAssistant, began: datetime) -> Arrived:
    ids = [state.entity_id for state in hass.states.async_all("sensor")]
    found = history.get_significant_states(
        hass, began, None, ids, significant_changes_only=False, include_start_time_state=False, no_attributes=True
    )
    return {
        entity_id: {number for state in states if (number := _number(getattr(state, "state", None))) is not None}
        for entity_id, states in found.items()
    }


async def _in_influxdb(port: int) -> Arrived:
    query = {"db": "home", "q": 'SELECT value FROM /.*/ GROUP BY "domain", "entity_id"'}
    arrived: dict[str, set[float]] = {}
    for series in (await _get(f"http://127.0.0.1:{port}/query", query))["results"][0].get("series", []):
        entity_id = "{domain}.{entity_id}".format_map(series["tags"])
        arrived.setdefault(entity_id, set()).update(value for _, value in series["values"])
    return arrived


async def _in_prometheus(port: int) -> Arrived:
    answer = await _get(f"http://127.0.0.1:{port}/api/v1/query", {"query": '{domain="sensor"}[10m]'})
    arrived: dict[str, set[float]] = {}
    for series in answer["data"]["result"]:
        values = {float(value) for _, value in series["values"]}
        arrived.setdefault(series["metric"]["entity"], set()).update(values)
    return arrived


async def _get(url: str, query: Mapping[str, str]) -> Any:
    async with aiohttp.ClientSession() as session, session.get(url, params=query, raise_for_status=True) as response:
        return await response.json()


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


async def _measure(pipe: Any, arguments: argparse.Namespace) -> tuple[int, int, int, float]:
    """Return how many values were shown, how many of them arrived, and how many last values did not, and how late."""
    account: Account = pipe.recv()
    async with home_assistant() as hass:
        read = await _set_up_target(hass, arguments)
        entry = await set_up(hass, fleet.entry(account, fleet="figures"))
        await fleet.choose(hass, entry, account)
        await fleet.until_pushed(entry)
        outcome = await fleet.ask(pipe, Orders(per_second=_PER_SECOND, seconds=_SECONDS))
        registry = er.async_get(hass)
        entities = {
            did: registry.async_get_entity_id("sensor", "datapoint_cloud", f"{account.unique_id}_{did}_power") or ""
            for did in outcome.last
        }
        began = time.monotonic()
        while True:
            arrived = await read()
            without = sum(last not in arrived.get(entities[did], ()) for did, last in outcome.last.items())
            late = time.monotonic() - began
            if not without or late > _LONGEST_WAIT:
                break
            await asyncio.sleep(0.5)
        pushed = {did: {fleet.value_of(n + 1) for n in range(outcome.reports[did])} for did in outcome.last}
        matching = sum(len(values & arrived.get(entities[did], set())) for did, values in pushed.items())
        for loaded in hass.config_entries.async_entries():  # the thread of InfluxDB would outlive Home Assistant
            await hass.config_entries.async_unload(loaded.entry_id)
    return sum(map(len, pushed.values())), matching, without, late


def measure(arguments: argparse.Namespace) -> Part:
    """Push for a while and compare."""
    with cloud(fleet.serve) as pipe:
        pipe.send((_DEVICES, _PRODUCTS, _CHOSEN))
        shown, matching, without, late = asyncio.run(_measure(pipe, arguments))
    # Prometheus asks for the current value now and then; the others get every value.
    is_complete = arguments.target != "prometheus"
    return Part(
        title=f"From a fleet to {arguments.target}",
        columns=("", "values"),
        rows=[("shown", f"{shown:,}"), ("arrived", f"{matching:,}")],
        remarks=(
            f"{_CHOSEN} shown devices, {_SECONDS:.0f} s; the last value arrived {late:.1f} s after the stream",
            f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        ),
        goals=[
            Goal("devices whose last value did not arrive", without, 0),
            *([Goal("values that did not arrive", shown - matching, 0)] if is_complete else []),
        ],
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    targets = parser.add_subparsers(dest="target", required=True)
    targets.add_parser("recorder").add_argument("url")
    targets.add_parser("influxdb").add_argument("port", type=int)
    prometheus = targets.add_parser("prometheus")
    prometheus.add_argument("port", type=int)
    prometheus.add_argument("own_port", type=int)
    return parser.parse_args()


if __name__ == "__main__":
    options = _arguments()
    sys.exit(run(lambda: measure(options)))
