"""How many inputs are tried: a few, always the same ones.

With PROPERTIES=2000 (and `--timeout 0`) each test tries so many, other ones each time.
"""

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings

from custom_components.datapoint_cloud.clouds import http

from .struck_clouds import StruckClouds

_WISHED = int(os.environ.get("PROPERTIES", "0"))

settings.register_profile(
    "properties",
    max_examples=_WISHED or 40,
    derandomize=not _WISHED,
    database=None,
    deadline=timedelta(seconds=30),
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
settings.load_profile("properties")


def pytest_configure(config: pytest.Config) -> None:
    # Of hypothesis itself: it registers the source of chance that it has just made.
    config.addinivalue_line("filterwarnings", "ignore:It looks like `register_random`")


@pytest.fixture
def clouds(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[StruckClouds]:
    monkeypatch.setattr(http, "_PAUSE_BEFORE_SECOND_TRY", 0)
    with StruckClouds() as clouds:
        yield clouds
