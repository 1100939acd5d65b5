"""The service's pages below a prefix: all that they load and ask for is below it, too."""

import pytest
from playwright.async_api import expect

from tests.browser.chromium import Profile, file_name, profile
from tests.browser.conftest import Window
from tests.browser.test_pages import try_out
from tests.support.nginx import API
from tests.support.prefixed import WAYS, prefixed

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGES_IN = [
    "nginx, stripped, not known",
    pytest.param("nginx, kept", marks=pytest.mark.thorough),
    pytest.param("haproxy, stripped, known", marks=pytest.mark.thorough),
    pytest.param("mounted", marks=pytest.mark.thorough),
]
"""More of them make no difference to a page; tests/deploy/test_prefixes.py has them all."""


@pytest.mark.parametrize("way", PAGES_IN)
async def test_pages_work_below_the_prefix(
    window: Window, request: pytest.FixtureRequest, way: str
) -> None:
    async with (
        prefixed(WAYS[way], port=window.port) as below,
        profile(window.browser, file_name(request.node.name)) as tabs,
    ):
        asked: list[str] = []
        tabs.context.on("request", lambda each: asked.append(each.url))
        await _counts(tabs, f"{API}{below.way.prefix}/")
        await _describes(tabs, f"{API}{below.way.prefix}")

        own = f"{API}{below.way.prefix}/"
        assert [url for url in asked if not url.startswith((own, "data:"))] == []


async def _counts(tabs: Profile, url: str) -> None:
    page = await tabs.open(url)
    await expect(page.get_by_text("by websocket")).to_be_visible()
    await page.get_by_role("button", name="Increment by fetch").click()
    await expect(page.locator("#count")).to_have_text("1")
    await page.get_by_role("button", name="Increment by emit").click()
    await expect(page.locator("#count")).to_have_text("2")
    await page.get_by_role("button", name="Renew the id").click()
    await expect(page.get_by_text("disconnected: transport close")).to_be_visible()
    await expect(page.get_by_text("by websocket")).to_be_visible()


async def _describes(tabs: Profile, url: str) -> None:
    page = await tabs.open(f"{url}/docs")
    assert await try_out(page, "incr", url) == "3"
    page = await tabs.open(f"{url}/docs/events")
    await expect(page.get_by_text("current count", exact=True).first).to_be_attached()
    await page.get_by_role("link", name="The HTTP API").click()
    await expect(page.locator('[data-path="/incr"]').first).to_be_visible()
