"""Runs all simulated clouds, or a recorded account, until interrupted. Prints the addresses and the credentials."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .replay import Replay
from .replay.recording import NotReadable, Recording
from .simulation import Simulation

_PUSH_EVERY = 60  # seconds


def _accounts(simulation: Simulation) -> dict[str, dict[str, Any]]:
    """Return the values for the config flow's form of each cloud, by the cloud's name."""
    gizwits, enterprise = simulation.gizwits_open, simulation.gizwits_enterprise
    keycloak, sodata, firstlight = simulation.keycloak, simulation.sodata, simulation.firstlight
    return {
        "gizwits_open": {
            "api_url": gizwits.url,
            "app_id": gizwits.app_id,
            "username": gizwits.username,
            "password": gizwits.password,
            "phone_id": gizwits.phone_id,
            "aep_username": gizwits.aep_username,
            "aep_password": gizwits.aep_password,
        },
        "gizwits_enterprise": {
            "api_url": enterprise.url,
            "enterprise_id": enterprise.enterprise_id,
            "enterprise_secret": enterprise.enterprise_secret,
            "snoti_host": simulation.gizwits_snoti.address,
            "products": [
                {
                    "product_key": product.product_key,
                    "product_secret": product.product_secret,
                    "auth_id": product.auth_id,
                    "auth_secret": product.auth_secret,
                }
                for product in enterprise.products.values()
            ],
        },
        "sodata": {
            "api_url": sodata.url,
            "auth_url": keycloak.url,
            "realm": keycloak.realm,
            "client_id": keycloak.client_id,
            "client_secret": keycloak.client_secret,
            "username": keycloak.username,
            "password": keycloak.password,
        },
        "firstlight": {
            "api_url": firstlight.url,
            "authorization_token": firstlight.authorization_token,
            "user_token": firstlight.user_token,
            "usage_queries": [
                dict(zip(("aty", "field"), name.split("/"), strict=True)) for name in firstlight.describe_devices()
            ],
        },
    }


def _replayed(replay: Replay) -> dict[str, Any]:
    """Return the values for the forms of a recorded account."""
    return replay.account | ({"scopes": replay.scopes} if replay.scopes else {})


def _lines(accounts: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield the name of each cloud and, indented, a line for each of its fields."""
    for cloud, fields in accounts.items():
        yield cloud
        for name, value in fields.items():
            for item in value if isinstance(value, list) else [value]:
                yield f"  {name:<20} {'  '.join(map(str, item.values())) if isinstance(item, dict) else item}"


def _clouds(arguments: argparse.Namespace) -> Simulation | Replay:
    """Return the servers to run. Raises `NotReadable`."""
    if arguments.replay is not None:
        return Replay(Recording.load(arguments.replay))
    simulation = Simulation(seed=arguments.seed)
    simulation.gizwits_open.pushes_regularly = True
    simulation.gizwits_snoti.report_every = _PUSH_EVERY
    return simulation


async def _run(arguments: argparse.Namespace, clouds: Simulation | Replay) -> None:
    stopped = asyncio.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_number, stopped.set)
    first = arguments.ports_from
    ports = {name: first + index if first else 0 for index, name in enumerate(clouds.names)}
    await clouds.start(ports, arguments.host)
    accounts = {clouds.cloud: _replayed(clouds)} if isinstance(clouds, Replay) else _accounts(clouds)
    lines = [json.dumps(accounts, ensure_ascii=False)] if arguments.json else _lines(accounts)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()
    await stopped.wait()
    await clouds.stop()


def main() -> None:
    """Parse the command line and run the servers."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--ports-from",
        type=int,
        default=18100,
        help="first of six ports to listen on, or 0 for any free ports (default: %(default)s)",
    )
    parser.add_argument("--replay", type=Path, metavar="FILE", help="serve a recorded account instead")
    parser.add_argument("--seed", type=int, default=1, help="seed of the simulated values (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print addresses and credentials as one line of JSON")
    arguments = parser.parse_args()
    try:
        clouds = _clouds(arguments)
    except NotReadable as error:
        parser.error(str(error))
    asyncio.run(_run(arguments, clouds))


if __name__ == "__main__":
    main()
