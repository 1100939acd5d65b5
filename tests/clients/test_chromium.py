"""Chromium, by name and by IP address, on each transport; see this folder's docstring."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import product

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from tests.browser.chromium import chromium
from tests.clients.conftest import IDLE
from tests.support.browsers import Transport
from tests.support.eventually import eventually, settled
from tests.support.issued import note_issued
from tests.support.service import Service

# One process makes the browser for both.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("chromium")]

HOSTS = ("localhost", "127.0.0.1")

OPEN = """async ({ transports, counting }) => {
  const { io } = await import("/socket.io/socket.io.esm.min.js");
  const seen = { connects: 0, counts: [], ended: [], disconnects: [], story: [], counted: [] };
  const options = { reconnectionDelay: 50, reconnectionDelayMax: 200, randomizationFactor: 0 };
  const socket = io({ ...options, forceNew: true, transports });
  window.tested = { socket, seen };
  socket.on("connect", () => seen.connects++);
  socket.on("current count", (count) => seen.counts.push(count));
  socket.on("session ended", ({ reason }) => seen.ended.push(reason));
  socket.on("disconnect", (reason) => seen.disconnects.push(reason));
  socket.on("connect", () => seen.story.push("connect"));
  socket.on("session ended", ({ reason }) => seen.story.push(reason));
  socket.on("disconnect", (reason) => seen.story.push(reason));
  const count = async () => seen.counted.push(await socket.timeout(5000).emitWithAck("incr"));
  if (counting) socket.on("connect", count);
}"""
"""With `counting` it increments as soon as it is connected, each time: a session may soon expire."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(_lasting: Service, _forgetful: Service) -> AsyncIterator[Browser]:
    """One browser that finds both nodes."""
    ports = {f"{host}:{node.port}": node.port for host in HOSTS for node in (_lasting, _forgetful)}
    async with async_playwright() as driver, chromium(driver, ports) as browser:
        yield browser


async def test_it_connects_counts_and_is_logged_out(browser: Browser, lasting: Service) -> None:
    async with _pages(browser, lasting) as pages:
        await asyncio.gather(*(_is_logged_out(*each) for each in pages))


@pytest.mark.thorough
async def test_it_expires_and_returns_with_a_new_session(
    browser: Browser, forgetful: Service
) -> None:
    async with _pages(browser, forgetful) as pages:
        await asyncio.gather(*(_expires(*each) for each in pages))


async def _is_logged_out(page: Page, transport: Transport) -> None:
    await page.evaluate(OPEN, {"transports": transport.names, "counting": False})
    assert await _incr(page) == 1
    assert await page.evaluate("fetch('/incr', {method: 'POST'}).then((r) => r.json())") == 2
    await eventually(lambda: _has(page, "counts", [1, 2]))

    await page.evaluate("fetch('/logout', {method: 'POST'}).then((r) => r.status)")

    await eventually(lambda: _has(page, "disconnects", ["io server disconnect"]))
    assert await _has(page, "ended", ["logout"])
    assert await settled(lambda: page.evaluate("tested.seen.connects"), quiet=0.3) == 1


async def _expires(page: Page, transport: Transport) -> None:
    await page.evaluate(OPEN, {"transports": transport.names, "counting": True})

    await eventually(lambda: _begins(page, "counted", [1, 1]), within=IDLE + 8.0)

    # The new session soon expires, too.
    assert await _begins(page, "story", ["connect", "expired", "transport close", "connect"])


async def _incr(page: Page) -> object:
    return await page.evaluate("tested.socket.timeout(5000).emitWithAck('incr')")


async def _begins(page: Page, name: str, values: list[object]) -> bool:
    seen: list[object] = await page.evaluate(f"tested.seen.{name}")
    assert seen[: len(values)] == values, f"{name}: {seen}"
    return True


async def _has(page: Page, name: str, value: object) -> bool:
    seen: object = await page.evaluate(f"tested.seen.{name}")
    assert seen == value, f"{name}: {seen}"
    return True


@asynccontextmanager
async def _pages(browser: Browser, node: Service) -> AsyncIterator[list[tuple[Page, Transport]]]:
    """A page of the node for each host and transport, in a profile of its own."""
    ways = list(product(HOSTS, Transport))
    async with AsyncExitStack() as stack:
        contexts = [
            await stack.enter_async_context(await browser.new_context(bypass_csp=True))
            for _ in ways
        ]
        pages = []
        for context, (host, transport) in zip(contexts, ways, strict=True):
            page = await context.new_page()
            # It opens no session: so the handshake is the browser's first contact.
            await page.goto(f"http://{host}:{node.port}/healthz")
            pages.append((page, transport))
        yield pages
        for context in contexts:
            note_issued(f"{each['name']}={each['value']}" for each in await context.cookies())
