"""Home Assistant with the integration in it."""

from collections.abc import Iterator
from unittest.mock import AsyncMock, patch

import pytest

from custom_components.datapoint_cloud.clouds import http


@pytest.fixture(autouse=True)
def _integration(enable_custom_integrations: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_PAUSE_BEFORE_SECOND_TRY", 0)


@pytest.fixture
def setup_entry() -> Iterator[AsyncMock]:
    """No account is set up for real."""
    with (
        patch("custom_components.datapoint_cloud.async_setup_entry", return_value=True) as setup,
        patch("custom_components.datapoint_cloud.async_unload_entry", return_value=True),
    ):
        yield setup
