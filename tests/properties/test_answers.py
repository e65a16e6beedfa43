"""Whatever a server answers, a client soon returns a model or raises `CloudError`, and stores only JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from tests.clouds.make_cloud import MAKERS

from .damage import damages, names
from .struck_clouds import Strike, StruckClouds
from .tours import tour

_PATHS = {
    "gizwits_open": ["login", "bindings", "datapoint", "latest", "control", "raw_data", "agg_data", "group"],
    "gizwits_enterprise": [
        *("access_token", "search", "datapoint", "data", "control", "online", "cmd", "agg_data", "device_groups"),
    ],
    "sodata": ["token", "ca", "sites", "customers", "devices", "variables", "last-values", "datapoints"],
    "firstlight": ["genre"],
}

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


@pytest.mark.parametrize("kind", _PATHS)
def test_any_answer_becomes_a_model_or_a_cloud_error(clouds: StruckClouds, kind: str) -> None:
    @given(st.lists(_strikes(_PATHS[kind]), max_size=3))
    def check(strikes: list[Strike]) -> None:
        client_store = ClientStore()
        cloud = MAKERS[kind](clouds.session, clouds.simulation, client_store)
        clouds.run(tour(cloud, client_store), *strikes)

    check()
