"""The site of the documentation in Chromium: nobody is kept out, and nothing comes from elsewhere."""

import re
from collections.abc import AsyncIterator, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Playwright, expect

from tests.browser.chromium import axe_source, chromium, file_name, profile
from tests.support.in_thread import in_thread

pytestmark = pytest.mark.asyncio(loop_scope="session")

URL = "http://localhost:8000/"
LOOKS: dict[str, dict[str, Any]] = {
    "wide": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@pytest.fixture(scope="module")
def port(docs_site: Path) -> Iterator[int]:
    """Where the site is served."""
    files = partial(_Quiet, directory=str(docs_site))
    with in_thread(ThreadingHTTPServer(("127.0.0.1", 0), files)) as port:
        yield port


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser(playwright: Playwright, port: int) -> AsyncIterator[Browser]:
    """A browser that finds the site, and nothing else in the world."""
    async with chromium(playwright, {"localhost:8000": port}) as running:
        yield running


@pytest.mark.parametrize(
    ("look", "path"),
    [
        pytest.param("wide", "", marks=pytest.mark.thorough),
        pytest.param("wide", "docs/guarantees/", marks=pytest.mark.thorough),
        pytest.param("wide", "docs/your-app/", marks=pytest.mark.thorough),
        ("phone", ""),
        pytest.param("phone", "docs/operations/", marks=pytest.mark.thorough),
        pytest.param("phone", "docs/guarantees/", marks=pytest.mark.thorough),
        ("dark", "docs/your-app/"),
    ],
)
async def test_a_page_keeps_nobody_out_and_asks_nobody_else(
    browser: Browser, request: pytest.FixtureRequest, look: str, path: str
) -> None:
    async with profile(browser, file_name(request.node.name), **LOOKS[look]) as tabs:
        page = await tabs.open(URL + path)
        await expect(page.locator("h1").first).to_be_visible()

        assert await _violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert tabs.hosts == {"localhost:8000"}


async def _violations(page: Page) -> list[str]:
    await page.evaluate(axe_source())
    # The theme has a landmark without a name for each section of its navigation and each block of code.
    found = await page.evaluate('axe.run({ rules: { "landmark-unique": { enabled: false } } })')
    assert found["passes"]
    return [
        f"{each['id']}: {[node['html'][:200] for node in each['nodes'][:4]]} ({len(each['nodes'])})"
        for each in found["violations"]
    ]


async def test_a_word_is_found_in_the_browser(
    browser: Browser, request: pytest.FixtureRequest
) -> None:
    async with profile(browser, file_name(request.node.name), **LOOKS["wide"]) as tabs:
        page = await tabs.open(URL)
        await page.get_by_role("textbox", name="Search").fill("tombstone")

        await page.locator(".md-search-result__link", has_text="Write sessions").first.click()

        await expect(page).to_have_url(re.compile("/0002-write-"))
        assert tabs.hosts == {"localhost:8000"}
