"""Any answer to any request gives a model or a `CloudError`, soon, and what is kept can be stored."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.cloud import Cloud

from .damage import damages, names
from .struck_clouds import Strike, StruckClouds
from .tours import enterprise_cloud, firstlight_cloud, open_cloud, sodata_cloud, tour

_CLOUDS: list[tuple[Callable[[StruckClouds, ClientStore], Cloud], list[str]]] = [
    (open_cloud, ["login", "bindings", "datapoint", "latest", "control", "raw_data", "agg_data", "group"]),
    (
        enterprise_cloud,
        ["access_token", "search", "datapoint", "data", "control", "online", "cmd", "agg_data", "device_groups"],
    ),
    (sodata_cloud, ["token", "ca", "sites", "customers", "devices", "variables", "last-values", "datapoints"]),
    (firstlight_cloud, ["genre"]),
]

_FAILURES = st.sampled_from([201, 204, 302, 400, 401, 403, 404, 408, 418, 429, 500, 502, 503])
_STATUSES = st.none() | st.none() | _FAILURES
_HEADER_NAMES = ["Retry-After", "Date", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"]
_HEADER_VALUES = st.one_of(
    st.sampled_from(["0", "-1", "1", "60", "1e12", "inf", "nan", "9" * 5000, "soon", "", "1790000000", "99999999999"]),
    st.sampled_from(["Wed, 21 Oct 2015 07:28:00 GMT", "Fri, 31 Dec 9999 23:59:59 -9999"]),
    st.just("Mon, 01 Jan 0001 00:00:00 GMT"),
    names.filter(lambda text: text.isascii() and text.isprintable()),
)
_HEADERS = st.dictionaries(st.sampled_from(_HEADER_NAMES), _HEADER_VALUES, max_size=3)


def _strikes(paths: list[str]) -> st.SearchStrategy[Strike]:
    return st.builds(Strike, st.sampled_from(paths), damages, _STATUSES, _HEADERS)


@pytest.mark.parametrize(("make", "paths"), _CLOUDS, ids=[make.__name__ for make, _ in _CLOUDS])
def test_any_answer_is_a_model_or_an_error(
    clouds: StruckClouds, make: Callable[[StruckClouds, ClientStore], Cloud], paths: list[str]
) -> None:
    @given(st.lists(_strikes(paths), max_size=3))
    def check(strikes: list[Strike]) -> None:
        client_store = ClientStore()
        clouds.run(tour(make(clouds, client_store), client_store), *strikes)

    check()
