"""A client of Home Assistant that does without a browser: it logs in, walks through flows and sends commands.

It uses only Home Assistant's public REST and WebSocket interfaces.
"""

import asyncio
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp

USER = "developer"
PASSWORD = "developer"
START_SECONDS = 180


class Refused(Exception):
    """Home Assistant refused a request, or a flow took an unexpected turn."""


class Client:
    """A client with the first user of a Home Assistant, who is created at the first log-in."""

    def __init__(self, url: str) -> None:
        """Make a client of the Home Assistant at `url` that has not logged in yet."""
        self.url = url
        self.tokens: dict[str, Any] = {}
        """The response to the log-in: `access_token`, `refresh_token`, `expires_in` (seconds), `token_type`."""
        self._client_id = f"{url}/"
        self._session = aiohttp.ClientSession(base_url=url)
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._last_id = 0

    async def __aenter__(self) -> Self:
        """Log in, create the user if there is none, and wait until Home Assistant is running."""
        try:
            await self._log_in()
            await self._wait_until_running()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._socket is not None:
            await self._socket.close()
        await self._session.close()

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Post JSON and return the JSON of the response. Raises Refused."""
        return await self._request("POST", path, body)

    async def command(self, kind: str, **arguments: Any) -> Any:
        """Send one command over the WebSocket and return its result. Raises Refused."""
        socket = self._socket = self._socket or await self._connect()
        self._last_id += 1
        await socket.send_json({"id": self._last_id, "type": kind, **arguments})
        while (answer := await socket.receive_json())["id"] != self._last_id:
            pass
        if not answer["success"]:
            raise Refused(f"{kind}: {answer['error']}")
        return answer["result"]

    async def add_entry(self, handler: str, *inputs: Mapping[str, Any]) -> str:
        """Walk through the config flow of an integration with one input for each menu and form.

        Returns the id of the new entry. Raises Refused if a form shows errors, or the flow does not end with an entry.
        """
        step = await self._walk("/api/config/config_entries/flow", handler, inputs)
        entry_id: str = step["result"]["entry_id"]
        return entry_id

    async def fill_in_entry(self, handler: str, kind: str, values: Mapping[str, Any]) -> str:
        """Walk through the config flow of an integration: choose `kind` in its menu, and fill in its forms by field.

        Returns the id of the new entry. Raises Refused as `add_entry` does.
        """
        step = await self._fill_in("/api/config/config_entries/flow", handler, kind, values)
        entry_id: str = step["result"]["entry_id"]
        return entry_id

    async def fill_in_subentry(self, entry_id: str, subentry_type: str, values: Mapping[str, Any]) -> None:
        """Add a subentry to an entry, and fill in its form by field. Raises Refused."""
        await self._fill_in("/api/config/config_entries/subentries/flow", [entry_id, subentry_type], "", values)

    async def set_options(self, entry_id: str, options: Mapping[str, Any]) -> None:
        """Fill in the options of an entry. Raises Refused."""
        await self._walk("/api/config/config_entries/options/flow", entry_id, [options])

    async def remove_entries(self, domain: str) -> None:
        """Remove all entries of an integration. Raises Refused."""
        for entry in await self.command("config_entries/get", domain=domain):
            await self._request("DELETE", f"/api/config/config_entries/entry/{entry['entry_id']}")

    async def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}"} if self.tokens else {}
        async with self._session.request(method, path, json=body, headers=headers) as answer:
            if not answer.ok:
                raise Refused(f"{path}: HTTP {answer.status} {await answer.text()}")
            return await answer.json()

    async def _walk(self, path: str, handler: str, inputs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        step: dict[str, Any] = await self.post(path, {"handler": handler})
        for user_input in inputs:
            if step["type"] not in ("form", "menu"):
                break
            step = await self.post(f"{path}/{step['flow_id']}", user_input)
            if step.get("errors"):
                raise Refused(f"the form {step['step_id']} shows {step['errors']}")
        if step["type"] != "create_entry":
            raise Refused(f"the flow ended with {step['type']} {step.get('step_id') or step.get('reason')}")
        return step

    async def _fill_in(
        self, path: str, handler: str | list[str], kind: str, values: Mapping[str, Any]
    ) -> dict[str, Any]:
        step: dict[str, Any] = await self.post(path, {"handler": handler})
        while step["type"] in ("form", "menu"):
            is_menu = step["type"] == "menu"
            user_input = {"next_step_id": kind} if is_menu else _filled_in(step["data_schema"], values)
            before, step = step, await self.post(f"{path}/{step['flow_id']}", user_input)
            if step.get("errors") and step["errors"] == before.get("errors"):
                # The first time, an error may be a warning that the same input overrides.
                raise Refused(f"the form {step['step_id']} shows {step['errors']}")
        if step["type"] != "create_entry":
            raise Refused(f"the flow ended with {step['type']} {step.get('reason')}")
        return step

    async def _log_in(self) -> None:
        async with self._session.get("/api/onboarding") as answer:
            steps = await answer.json() if answer.ok else []
        if any(step["step"] == "user" and not step["done"] for step in steps):
            await self.post(
                "/api/onboarding/users",
                {
                    "client_id": self._client_id,
                    "name": "Developer",
                    "username": USER,
                    "password": PASSWORD,
                    "language": "en",
                },
            )
        flow = await self.post(
            "/auth/login_flow",
            {"client_id": self._client_id, "handler": ["homeassistant", None], "redirect_uri": self._client_id},
        )
        done = await self.post(
            f"/auth/login_flow/{flow['flow_id']}",
            {"client_id": self._client_id, "username": USER, "password": PASSWORD},
        )
        if done["type"] != "create_entry":
            raise Refused(f"log in: {done.get('errors')}")
        grant = {"grant_type": "authorization_code", "code": done["result"], "client_id": self._client_id}
        async with self._session.post("/auth/token", data=grant) as answer:
            self.tokens = await answer.json()

    async def _wait_until_running(self) -> None:
        async with asyncio.timeout(START_SECONDS):
            while True:
                if (await self.command("get_config"))["state"] == "RUNNING":
                    return
                await asyncio.sleep(0.2)

    async def _connect(self) -> aiohttp.ClientWebSocketResponse:
        socket = await self._session.ws_connect("/api/websocket", max_msg_size=0)
        await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": self.tokens["access_token"]})
        if (await socket.receive_json())["type"] != "auth_ok":
            raise Refused("the WebSocket did not accept the log-in")
        return socket


def _filled_in(schema: Iterable[Mapping[str, Any]], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that belong into a form, those of a section under its name."""
    filled: dict[str, Any] = {}
    for field in schema:
        if field.get("type") == "expandable":
            filled[field["name"]] = _filled_in(field["schema"], values)
        elif field["name"] in values:
            filled[field["name"]] = values[field["name"]]
    return filled
