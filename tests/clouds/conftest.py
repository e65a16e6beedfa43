"""What the tests of several clients share."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from custom_components.datapoint_cloud.clouds import http

from .sodata_server import SoData


@pytest.fixture
async def sodata(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SoData]:
    """Start a simulated SoData, whose clients do not wait before a second try."""
    monkeypatch.setattr(http, "_PAUSE_BEFORE_SECOND_TRY", 0)
    async with aiohttp.ClientSession() as session:
        sodata = SoData(session)
        await sodata.start()
        yield sodata
        await sodata.stop()
