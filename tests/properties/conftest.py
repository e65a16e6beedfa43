"""Sets how many inputs each test tries: forty, the same ones in every run.

With PROPERTIES=2000 (and `--timeout 0`) each test tries 2000, and other ones in every run.
"""

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings

from .struck_clouds import StruckClouds

_EXAMPLES = int(os.environ.get("PROPERTIES", "0"))

settings.register_profile(
    "properties",
    max_examples=_EXAMPLES or 40,
    derandomize=not _EXAMPLES,
    database=None,
    deadline=timedelta(seconds=30),
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
settings.load_profile("properties")


def pytest_configure(config: pytest.Config) -> None:
    # Hypothesis warns of the random source that it has just registered itself.
    config.addinivalue_line("filterwarnings", "ignore:It looks like `register_random`")


@pytest.fixture
def clouds(socket_enabled: None) -> Iterator[StruckClouds]:
    with StruckClouds() as clouds:
        yield clouds
