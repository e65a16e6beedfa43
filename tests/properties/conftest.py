"""How many inputs are tried: a few, always the same, or with PROPERTIES=long many, different ones each time."""

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings

from custom_components.datapoint_cloud.clouds import http

from .struck_clouds import StruckClouds

_EVERYTHING = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]

settings.register_profile(
    "short",
    max_examples=40,
    derandomize=True,
    database=None,
    deadline=timedelta(seconds=10),
    suppress_health_check=_EVERYTHING,
)
settings.register_profile(
    "long", max_examples=5000, deadline=timedelta(seconds=10), print_blob=True, suppress_health_check=_EVERYTHING
)
settings.load_profile(os.environ.get("PROPERTIES", "short"))


def pytest_configure(config: pytest.Config) -> None:
    # Of hypothesis itself: it registers the source of chance that it has just made.
    config.addinivalue_line("filterwarnings", "ignore:It looks like `register_random`")


@pytest.fixture
def clouds(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[StruckClouds]:
    monkeypatch.setattr(http, "_PAUSE_BEFORE_SECOND_TRY", 0)
    with StruckClouds() as clouds:
        yield clouds
