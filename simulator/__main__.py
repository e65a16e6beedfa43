"""Run all simulated clouds until interrupted: `python -m simulator`. Prints where they listen and how to log in."""

import argparse
import asyncio
import json
import signal
import sys

from .simulation import Simulation


def _accounts(simulation: Simulation) -> dict[str, dict[str, str]]:
    """Give what the form of each cloud asks for, by the cloud's name."""
    gizwits, enterprise = simulation.gizwits_open, simulation.gizwits_enterprise
    keycloak, sodata, firstlight = simulation.keycloak, simulation.sodata, simulation.firstlight
    products = {
        f"product {number}": f"{product.product_key} secret {product.product_secret}"
        for number, product in enumerate(enterprise.products.values(), 1)
    }
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
        }
        | products,
        "sodata": {
            "api_url": sodata.url,
            "auth_url": keycloak.url,
            "realm": keycloak.realm,
            "client_id": keycloak.client_id,
            "client_secret": keycloak.client_secret,
            "username": keycloak.username,
            "password": keycloak.password,
        },
        "firstlight": {"api_url": firstlight.url},
    }


async def _run(arguments: argparse.Namespace) -> None:
    simulation = Simulation(seed=arguments.seed)
    stopped = asyncio.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_number, stopped.set)
    first = arguments.ports_from
    ports = {server.name: first + index if first else 0 for index, server in enumerate(simulation.servers)}
    await simulation.start(ports, arguments.host)
    accounts = _accounts(simulation)
    if arguments.json:
        sys.stdout.write(json.dumps(accounts, ensure_ascii=False) + "\n")
    else:
        for name, fields in accounts.items():
            sys.stdout.write("  ".join((name, *(f"{field}={value}" for field, value in fields.items()))) + "\n")
    sys.stdout.flush()
    await stopped.wait()
    await simulation.stop()


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--ports-from", type=int, default=18100, help="the first of five ports; 0 for any free ones")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead")
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
