"""Starts the Home Assistant to measure in, and simulated clouds in processes of their own, as real clouds are."""

import multiprocessing
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from multiprocessing.connection import Connection
from unittest.mock import patch

import aiohttp
from homeassistant import loader
from homeassistant.core import HomeAssistant
from homeassistant.helpers import aiohttp_client
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_test_home_assistant

import custom_components  # noqa: F401  # before the test kit puts a package of the same name first on the path

from .quiet import quiet


class _Resolver(aiohttp.ThreadedResolver):
    """Replaces Home Assistant's resolver, which needs its network component. Addresses on loopback need no names."""

    async def real_close(self) -> None:
        await self.close()


@asynccontextmanager
async def home_assistant(folder: str | None = None) -> AsyncIterator[HomeAssistant]:
    """Start Home Assistant with the integration in a folder, or a temporary one, and stop it at the end."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        patch.object(aiohttp_client, "_async_make_resolver", lambda _: _Resolver()),
    ):
        async with async_test_home_assistant(config_dir=folder or temporary) as hass:
            hass.data.pop(loader.DATA_CUSTOM_COMPONENTS, None)
            yield hass
            await hass.async_stop(force=True)


async def set_up(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """Set up an account and wait for its first readings."""
    entry.add_to_hass(hass)
    if not await hass.config_entries.async_setup(entry.entry_id):
        raise RuntimeError(f"the account could not be set up: {entry.reason}")
    await hass.async_block_till_done(wait_background_tasks=False)
    return entry


@contextmanager
def cloud(serve: Callable[[Connection], None]) -> Iterator[Connection]:
    """Run `serve` in a process of its own and yield a pipe to it. `serve` returns when it receives None."""
    pipe, far_end = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve_quietly, args=(serve, far_end))
    process.start()
    try:
        yield pipe
    finally:
        with suppress(OSError):  # it may have ended already
            pipe.send(None)
        process.join()


def _serve_quietly(serve: Callable[[Connection], None], pipe: Connection) -> None:
    with quiet():
        serve(pipe)
