"""What the tests of several clients share."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from .sodata_server import SoData


@pytest.fixture
async def sodata(socket_enabled: None) -> AsyncIterator[SoData]:
    """Start a simulated SoData, whose clients do not wait before a second try."""
    async with aiohttp.ClientSession() as session:
        sodata = SoData(session)
        await sodata.start()
        yield sodata
        await sodata.stop()
