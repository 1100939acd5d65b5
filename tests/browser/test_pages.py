"""The service's own pages: the one at /, and the two that describe it."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.chromium import Profile
from tests.support.nginx import API

pytestmark = pytest.mark.asyncio(loop_scope="session")

OWN = {"localhost:3000"}


async def _index(tabs: Profile) -> Page:
    page = await tabs.open(API)
    await expect(page.get_by_text("by websocket")).to_be_visible()
    return page


async def test_the_page_counts_by_fetch_and_emit_rotates_and_logs_out(tabs: Profile) -> None:
    page, other = await _index(tabs), await _index(tabs)

    await page.get_by_role("button", name="Increment by fetch").click()
    await expect(other.locator("#count")).to_have_text("1")
    await other.get_by_role("button", name="Increment by emit").click()
    await page.get_by_role("button", name="Renew the id").click()
    for each in (page, other):
        await expect(each.get_by_text("disconnected: transport close")).to_be_visible()
        await expect(each.get_by_text("by websocket")).to_be_visible()
        await expect(each.locator("#count")).to_have_text("2")

    await page.get_by_role("button", name="Log out").click()

    for each in (page, other):
        await expect(each.locator("#state")).to_have_text("let go")
    await page.get_by_role("button", name="Connect again").click()
    await expect(page.get_by_text("by websocket")).to_be_visible()
    await expect(page.locator("#count")).to_have_text("0")
    assert tabs.hosts == OWN


async def test_the_http_page_is_complete_and_tries_out_routes_with_the_cookie(
    tabs: Profile,
) -> None:
    page = await tabs.open(f"{API}/docs")

    for path in ("/session", "/incr", "/logout", "/session/rotate", "/healthz", "/readyz"):
        await expect(page.locator(f'[data-path="{path}"]').first).to_be_visible()
    await expect(page.get_by_role("button", name="Authorize")).to_have_count(0)
    assert await _try_out(page, "incr") == "1"
    assert await _try_out(page, "incr") == "2"
    assert "session" in await tabs.cookies()
    await _try_out(page, "logout")
    assert "session" not in await tabs.cookies()
    assert await _try_out(page, "incr") == "1"
    assert tabs.hosts == OWN


async def _try_out(page: Page, operation: str) -> str:
    """Open an operation's box if it is closed, run it, and give the body of the answer."""
    box = page.locator(f"#operations-session-{operation}")
    if "is-open" not in (await box.get_attribute("class") or ""):
        await box.get_by_role("button").first.click()
    path = f"{API}/{operation}"
    async with page.expect_response(path) as answered:
        await box.get_by_role("button", name="Execute").click()
    answer = await answered.value
    assert answer.ok
    shown = box.locator(".live-responses-table")
    await expect(shown.locator(".response-col_status").last).to_have_text(str(answer.status))
    return await answer.text() if answer.status == 200 else ""


async def test_the_events_page_is_complete(tabs: Profile) -> None:
    page = await tabs.open(f"{API}/docs/events")

    for event in ("incr", "current count", "session ended"):
        await expect(page.get_by_text(event, exact=True).filter(visible=True).first).to_be_visible()
    assert tabs.hosts == OWN
