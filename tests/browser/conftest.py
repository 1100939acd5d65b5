"""Fixtures: Chromium in front of two nodes behind the balancer, and the app on another origin."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright, async_playwright, expect

from tests.browser.chromium import Profile, chromium, file_name, profile
from tests.browser.site import build
from tests.deploy.conftest import Front, nodes_behind_balancer
from tests.support.nginx import nginx
from tests.support.processes import free_port
from tests.support.servers import StoreServer, store_server

expect.set_options(timeout=20_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep all tests of this folder in one process: they share the app's build and the browser."""
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here:
            item.add_marker(pytest.mark.xdist_group("browser"))


@dataclass(frozen=True)
class Place:
    """Two nodes on one server behind the balancer, and a browser that finds it at localhost:3000."""

    store: StoreServer
    front: Front
    browser: Browser


@dataclass(frozen=True)
class Window:
    """A browser that finds at localhost:3000 what a test has put on a port."""

    browser: Browser
    port: int


class NewPlace(Protocol):
    """Makes the place of a test's own; the settings are those of its nodes."""

    async def __call__(self, **settings: object) -> Place: ...


@pytest.fixture(scope="session")
def spa_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The app as it is now, built and served."""
    folder: Path = tmp_path_factory.mktemp("spa")
    build(folder)
    with nginx(folder) as port:
        yield port


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    """What drives the browsers."""
    async with async_playwright() as driver:
        yield driver


@asynccontextmanager
async def _new_place(window: Window, **settings: object) -> AsyncIterator[Place]:
    with store_server("valkey") as store:
        async with nodes_behind_balancer(store, listen=window.port, **settings) as front:
            yield Place(store, front, window.browser)


@asynccontextmanager
async def _new_window(playwright: Playwright, spa_port: int) -> AsyncIterator[Window]:
    port = free_port()
    ports = {"localhost:3000": port, "localhost:4200": spa_port, "localhost:4300": spa_port}
    async with chromium(playwright, ports) as browser:
        yield Window(browser, port)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def window(playwright: Playwright, spa_port: int) -> AsyncIterator[Window]:
    """A browser for what tests put on its port, one after another."""
    async with _new_window(playwright, spa_port) as window:
        yield window


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _place(playwright: Playwright, spa_port: int) -> AsyncIterator[Place]:
    async with _new_window(playwright, spa_port) as window, _new_place(window) as place:
        yield place


@pytest_asyncio.fixture(loop_scope="session")
async def new_place(window: Window) -> AsyncIterator[NewPlace]:
    """A place that a test may harm."""
    async with AsyncExitStack() as stack:

        async def new(**settings: object) -> Place:
            return await stack.enter_async_context(_new_place(window, **settings))

        yield new


@pytest_asyncio.fixture(loop_scope="session")
async def place(_place: Place) -> AsyncIterator[Place]:
    """A place that all tests share; a traceback in a node's log fails the test that caused it."""
    first, second = _place.front.nodes
    with first.watched(), second.watched():
        yield _place


@pytest_asyncio.fixture(loop_scope="session")
async def tabs(place: Place, request: pytest.FixtureRequest) -> AsyncIterator[Profile]:
    """A new profile in the browser that all tests share."""
    async with profile(place.browser, file_name(request.node.name)) as new:
        yield new
