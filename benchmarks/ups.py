"""A SoData account of 69 UPS with 141 variables each, whose last values change only on request.

It uses the simulated servers, but prepares the last values as bytes, so that the server costs no time.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from typing import Any

from aiohttp import web
from pytest_homeassistant_custom_component.common import MockConfigEntry

from simulator.simulation import Simulation

DEVICES = 69
VARIABLES = 141
DATAPOINTS = DEVICES * VARIABLES

type _Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def serve(pipe: Connection) -> None:
    """Run the servers: send the entry's data, change values at `/change/{percent}`, stop when anything is received."""
    asyncio.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    simulation = Simulation()
    server = simulation.sodata
    server.devices = {device.uuid: device for device in server.add_devices("UPS", DEVICES)}
    values = _Values(simulation)
    server.app.middlewares.append(values.answer)
    server.app.router.add_post("/change/{percent}", values.change)
    await simulation.start()
    keycloak = simulation.keycloak
    data = {
        "cloud": "sodata",
        "username": keycloak.username,
        "password": keycloak.password,
        "client_id": keycloak.client_id,
        "client_secret": keycloak.client_secret,
        "api_url": f"{server.url}/api/v1",
        "auth_url": keycloak.url,
        "realm": keycloak.realm,
        "corporate_account": server.corporate_accounts[0].uuid,
    }
    pipe.send(data)
    await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
    await simulation.stop()


class _Values:
    """The last values of all devices, as JSON."""

    def __init__(self, simulation: Simulation) -> None:
        self._random = random.Random(1)
        self._number = 0
        self._seconds = 0
        self._devices: list[dict[str, Any]] = [
            {
                "deviceUuid": device.uuid,
                "values": [
                    {
                        "serviceId": variable.service.id,
                        "itemType": variable.item.type,
                        "itemIndex": str(variable.item.index),
                        "deviceUuid": device.uuid,
                        "value": "0" if variable.service.type == "Alarm" else "18",
                        "date": _date(0),
                        "title": variable.service.title,
                        "unit": variable.service.unit,
                        "deviceName": device.name,
                        "itemName": variable.item.name,
                        "serviceGroup": variable.service.group,
                        "serviceType": variable.service.type,
                    }
                    for variable in device.variables.values()
                ],
            }
            for device in simulation.sodata.devices.values()
        ]
        self._write()

    def _write(self) -> None:
        self._text = json.dumps({"devices": self._devices}, separators=(",", ":")).encode()

    async def change(self, request: web.Request) -> web.Response:
        """Change this percentage of the values, and return the answer to the following polls."""
        rows = [row for device in self._devices for row in device["values"]]
        self._seconds += 1
        for row in self._random.sample(rows, round(len(rows) * float(request.match_info["percent"]) / 100)):
            self._number += 1
            is_alarm = row["serviceType"] == "Alarm"
            row["value"] = "01"[row["value"] == "0"] if is_alarm else f"{100 + self._number % 100}"
            row["date"] = _date(self._seconds)
        self._write()
        return web.Response(body=self._text)

    @web.middleware
    async def answer(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if request.method == "PUT" and request.path.endswith("/last-values"):
            await request.read()
            return web.Response(body=self._text, content_type="application/json")
        return await handler(request)


def _date(seconds: int) -> str:
    return f"2022-07-28T{11 + seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.000Z"


def entry(data: dict[str, str]) -> MockConfigEntry:
    """Return the config entry for the data that `serve` sent."""
    return MockConfigEntry(
        domain="datapoint_cloud", title="SoData", unique_id=f"user_{data['corporate_account']}", data=data
    )
