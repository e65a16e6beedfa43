"""Home Assistant with the integration in it."""

import pytest

from custom_components.datapoint_cloud.clouds import http


@pytest.fixture(autouse=True)
def _integration(enable_custom_integrations: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_PAUSE_BEFORE_SECOND_TRY", 0)
