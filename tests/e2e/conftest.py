"""A real Home Assistant, the simulated clouds and a real browser, shared by all tests of this folder.

Nothing is mocked here. The test kit's restrictions for tests inside Home Assistant are lifted.
"""

import json
import os
import shutil
import time
import warnings
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest
import pytest_asyncio
import pytest_socket
from aiohttp.test_utils import unused_port
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from develop.client import Client
from develop.home_assistant import HomeAssistant
from simulator.simulation import Simulation

ARTIFACTS = Path(__file__).parent.parent.parent / "test-artifacts"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT_MS = 30_000
FAILED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all tests of this folder on one event loop and in one worker, so that they share one Home Assistant."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.xdist_group("e2e"))


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup() -> None:
    """Allow sockets, which the test kit disables before each test, ahead of the first fixture.

    Home Assistant and its clouds go on between the tests: a connection that comes while sockets are disabled fails the
    next test that checks for them.
    """
    pytest_socket.enable_socket()


@pytest.fixture(autouse=True)
def verify_cleanup() -> None:
    """Replace the test kit's check: browser and servers keep running between tests."""


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A Chromium without a window."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        message = f"NO BROWSER TESTS: none of {', '.join(BROWSERS)} is installed"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        warnings.warn(message, stacklevel=1)
        pytest.skip(message)
    expect.set_options(timeout=TIMEOUT_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def clouds() -> AsyncIterator[Simulation]:
    """All simulated clouds, the same for all tests of this folder."""
    simulation = Simulation()
    await simulation.start()
    yield simulation
    await simulation.stop()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def home_assistant(
    clouds: Simulation, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[HomeAssistant]:
    """A Home Assistant without accounts."""
    folder = tmp_path_factory.mktemp("home")
    home_assistant = HomeAssistant(folder, unused_port())
    with (folder / "output.txt").open("w") as output:
        await home_assistant.start(output)
        yield home_assistant
        await home_assistant.stop()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def client(home_assistant: HomeAssistant) -> AsyncIterator[Client]:
    """The user's client without a browser."""
    async with Client(home_assistant.url) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def page(
    request: pytest.FixtureRequest, browser: Browser, home_assistant: HomeAssistant, client: Client
) -> AsyncIterator[Page]:
    """A page with the user logged in. If the test fails, a screenshot and the log are kept."""
    context = await browser.new_context(viewport={"width": 1400, "height": 3000}, locale="en-US")
    context.set_default_timeout(TIMEOUT_MS)
    await _log_in(context, client)
    page = await context.new_page()
    yield page
    if request.node.stash.get(FAILED, False):
        ARTIFACTS.mkdir(exist_ok=True)
        await page.screenshot(path=ARTIFACTS / f"{request.node.name}.png")
        shutil.copy(home_assistant.folder / "home-assistant.log", ARTIFACTS / f"{request.node.name}.log")
    await context.close()


async def _log_in(context: BrowserContext, client: Client) -> None:
    tokens = client.tokens | {
        "hassUrl": client.url,
        "clientId": f"{client.url}/",
        "expires": (time.time() + client.tokens["expires_in"]) * 1000,
    }
    await context.add_init_script(f"localStorage.hassTokens = JSON.stringify({json.dumps(tokens)})")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Mark tests that failed, so that `page` keeps a screenshot."""
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report
