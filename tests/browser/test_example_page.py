"""A page as Socket.IO's example with express-session has it: written for Node, it runs here unchanged."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.chromium import Profile
from tests.support.nginx import API

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = Path(__file__).parent / "pages" / "example.html"


async def _open(tabs: Profile) -> Page:
    """The page in a new tab, as if the service had it among its files; all else comes from the service."""
    # A page that comes from nowhere is no local one, and needs the right to open local sockets.
    await tabs.context.grant_permissions(["local-network-access"])
    await tabs.context.route(f"{API}/example.html", lambda route: route.fulfill(path=PAGE))
    page = await tabs.open(f"{API}/example.html")
    await expect(page.locator("#status")).to_have_text("connected")
    return page


async def test_a_page_written_for_the_node_system_counts_and_logs_out(tabs: Profile) -> None:
    page, other = await _open(tabs), await _open(tabs)

    await page.get_by_role("button", name="fetch").click()
    await expect(page.locator("#http-count")).to_have_text("1")
    await expect(page.locator("#socket-count")).to_have_text("1")
    await expect(other.locator("#socket-count")).to_have_text("1")
    await other.get_by_role("button", name="emit").click()
    await expect(other.locator("#socket-count")).to_have_text("acknowledged 2")
    await expect(page.locator("#socket-count")).to_have_text("2")
    await page.get_by_role("button", name="fetch").click()
    await expect(page.locator("#http-count")).to_have_text("3")

    await page.get_by_role("button", name="log out").click()

    for each in (page, other):
        await expect(each.locator("#status")).to_have_text("io server disconnect")
    await page.get_by_role("button", name="fetch").click()
    await expect(page.locator("#http-count")).to_have_text("1")
