"""Chromium with the cookie of a session that has ended: pages and sockets come through it by themselves."""

import pytest
from playwright.async_api import Cookie, Page, expect

from app.sessions import EndReason
from app.sessions.ids import session_key
from tests.browser.chromium import Profile
from tests.browser.conftest import Place
from tests.browser.spa import URL, Spa
from tests.support.http import http_client
from tests.support.nginx import API
from tests.support.stores_in_process import redis_store

pytestmark = pytest.mark.asyncio(loop_scope="session")

REFUSED = r"/.*: Failed to load resource: .* status of 409 \(.*\)"
WEBSOCKET_CUT = r".*: WebSocket connection to 'ws://localhost:3000/socket.io/.*' failed: .*"


async def _index(tabs: Profile) -> Page:
    page = await tabs.open(API)
    await expect(page.get_by_text("by websocket")).to_be_visible()
    await page.get_by_role("button", name="Increment by fetch").click()
    await expect(page.locator("#count")).to_have_text("1")
    return page


async def _cookie(tabs: Profile) -> Cookie:
    """The session's cookie; the balancer has one of its own."""
    await tabs.cookies()
    [cookie] = [each for each in await tabs.context.cookies() if each["name"] == "session"]
    return cookie


async def _rotation_is_lost(tabs: Profile, place: Place) -> None:
    """Rotate past the browser, whose cookie stays the old one."""
    tabs.expect_fault(REFUSED)
    tabs.expect_fault(WEBSOCKET_CUT)
    old = (await _cookie(tabs))["value"]
    async with http_client(place.front.url, cookie=f"session={old}") as client:
        assert (await client.post("/session/rotate")).status_code == 204


async def test_an_open_page_comes_back_with_a_session_of_its_own(
    tabs: Profile, place: Place
) -> None:
    page = await _index(tabs)
    await _rotation_is_lost(tabs, place)

    await expect(page.get_by_text("disconnected: transport close")).to_be_visible()
    await expect(page.locator("#state")).to_have_text("connected")
    await expect(page.locator("#count")).to_have_text("0")
    await page.get_by_role("button", name="Increment by emit").click()
    await expect(page.locator("#count")).to_have_text("1")


async def test_a_page_that_is_loaded_meanwhile_is_there_a_little_later(
    tabs: Profile, place: Place
) -> None:
    page = await _index(tabs)
    await _rotation_is_lost(tabs, place)

    answer = await page.reload()

    assert answer is not None
    assert answer.status == 409
    await expect(page.locator("#state")).to_have_text("connected")
    await expect(page.locator("#count")).to_have_text("0")


@pytest.mark.thorough
async def test_the_single_page_app_comes_back_open_or_loaded_meanwhile(
    tabs: Profile, place: Place
) -> None:
    tab = await Spa.open(tabs)
    await tab.click("Increment by fetch")
    await _rotation_is_lost(tabs, place)
    other = await tabs.context.new_page()
    await other.goto(URL)

    for each in (tab, Spa(other)):
        await each.shows(count=0)
        await each.is_connected()
    await tab.click("Increment by emit")
    await Spa(other).shows(count=1, sockets=2)


async def test_after_a_revocation_all_is_there_at_once(tabs: Profile, place: Place) -> None:
    page = await _index(tabs)
    cookie = await _cookie(tabs)
    store = redis_store(place.store.url)
    key = session_key(cookie["value"].partition(".")[0])
    await store.end(key, EndReason.REVOKED, keep=60)
    await store.aclose()

    answer = await page.reload()

    assert answer is not None
    assert answer.status == 200
    await expect(page.locator("#state")).to_have_text("connected")
    await expect(page.locator("#count")).to_have_text("0")
    assert (await _cookie(tabs))["value"] != cookie["value"]
