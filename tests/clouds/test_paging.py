"""Tests that lists are read page by page until they are complete, with any length of pages."""

from typing import Any

import pytest

from custom_components.datapoint_cloud.clouds import paging
from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.errors import Rejected, UnexpectedAnswer
from custom_components.datapoint_cloud.clouds.paging import Page, PageSize, read_pages


async def _read(rows: list[Any], *, cut: int, total: int | None = None, full_page: int = 1) -> tuple[list[Any], int]:
    """Read a list from a server that cuts pages; return its rows and the number of requests."""
    requests = 0

    async def fetch(skip: int) -> Page:
        nonlocal requests
        requests += 1
        return Page(rows[skip : skip + cut], total)

    found = [row async for page in read_pages(fetch, endpoint="/x", full_page=full_page) for row in page.rows]
    return found, requests


@pytest.mark.parametrize(
    ("total", "full_page", "requests"), [(5, 1, 3), (None, 1, 4), (None, 2, 3)], ids=["total", "empty", "short"]
)
async def test_a_list_ends_with_its_total_or_with_a_short_page(
    total: int | None, full_page: int, requests: int
) -> None:
    assert await _read([1, 2, 3, 4, 5], cut=2, total=total, full_page=full_page) == ([1, 2, 3, 4, 5], requests)


@pytest.mark.parametrize("total", [0, None])
async def test_an_empty_list_is_complete(total: int | None) -> None:
    assert await _read([], cut=2, total=total) == ([], 1)


async def test_a_list_that_ends_before_its_total_is_unexpected() -> None:
    with pytest.raises(UnexpectedAnswer):
        await _read([1, 2, 3], cut=2, total=4)


async def test_a_server_that_ignores_skip_is_noticed() -> None:
    requests = 0

    async def fetch(skip: int) -> Page:
        nonlocal requests
        requests += 1
        return Page([1, 2], total)

    total: int | None = None
    assert [page.rows async for page in read_pages(fetch, endpoint="/x")] == [[1, 2]]
    assert requests == 2
    total = 5
    with pytest.raises(UnexpectedAnswer) as caught:
        [page async for page in read_pages(fetch, endpoint="/x", subject="y")]
    assert (caught.value.endpoint, caught.value.subject) == ("/x", "y")


async def test_a_list_that_never_ends_is_unexpected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "_MOST_PAGES", 3)
    with pytest.raises(UnexpectedAnswer):
        await _read(list(range(100)), cut=2)


async def test_a_page_shortened_after_a_refusal_stays_short() -> None:
    client_store = ClientStore()
    tried: list[int] = []

    async def request(length: int) -> int:
        tried.append(length)
        if length > 20:
            raise Rejected(code=1)
        return length

    for _ in range(2):
        page_size = PageSize(client_store, "slot", (1000, 100, 20), is_too_long=lambda error: error.code == 1)
        assert await page_size.fetch(request) == 20
    assert tried == [1000, 100, 20, 20]


@pytest.mark.parametrize("kept", [-5, "x", None, [100], 7])
async def test_a_damaged_stored_page_size_is_ignored(kept: Any) -> None:
    async def request(length: int) -> int:
        return length

    page_size = PageSize(ClientStore({"slot": kept}), "slot", (100, 20), is_too_long=lambda _: True)
    assert await page_size.fetch(request) == 100


async def test_a_refusal_for_another_reason_is_raised() -> None:
    async def request(length: int) -> int:
        raise Rejected(code=length)

    page_size = PageSize(ClientStore(), "slot", (100, 20), is_too_long=lambda error: error.code == 20)
    with pytest.raises(Rejected) as caught:
        await page_size.fetch(request)
    assert caught.value.code == 100
