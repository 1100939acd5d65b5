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
        await expect(each.locator("#state")).to_have_text("disconnected")
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
    assert await try_out(page, "incr") == "1"
    assert await try_out(page, "incr") == "2"
    assert "session" in await tabs.cookies()
    await try_out(page, "logout")
    assert "session" not in await tabs.cookies()
    assert await try_out(page, "incr") == "1"
    assert tabs.hosts == OWN


async def try_out(page: Page, operation: str, api: str = API) -> str:
    """Open an operation's box if it is closed, run it, and give the body of the answer."""
    box = page.locator(f"#operations-session-{operation}")
    if "is-open" not in (await box.get_attribute("class") or ""):
        await box.get_by_role("button").first.click()
    async with page.expect_response(f"{api}/{operation}") as answered:
        await box.get_by_role("button", name="Execute").click()
    answer = await answered.value
    assert answer.ok
    shown = box.locator(".live-responses-table")
    await expect(shown.locator(".response-col_status").last).to_have_text(str(answer.status))
    return await answer.text() if answer.status == 200 else ""


@pytest.mark.thorough
async def test_the_http_page_has_no_empty_bar_and_authorizes_for_schemes_other_than_the_cookie(
    tabs: Profile,
) -> None:
    page = await tabs.open(f"{API}/docs")
    await expect(page.locator('[data-path="/incr"]').first).to_be_visible()
    await expect(page.locator(".scheme-container")).to_be_hidden()

    document = await page.evaluate("fetch('openapi.json').then((each) => each.json())")
    document["components"]["securitySchemes"]["token"] = {"type": "http", "scheme": "bearer"}
    await tabs.context.route("**/openapi.json", lambda route: route.fulfill(json=document))
    page = await tabs.open(f"{API}/docs")
    await expect(page.get_by_role("button", name="Authorize").first).to_be_visible()


@pytest.mark.thorough
async def test_the_http_page_follows_the_colors_of_the_system(tabs: Profile) -> None:
    page = await tabs.open(f"{API}/docs")
    background = "getComputedStyle(document.querySelector('.swagger-ui')).backgroundColor"
    light = await page.evaluate(background)

    await page.emulate_media(color_scheme="dark")

    await expect(page.locator("html.dark-mode")).to_have_count(1)
    assert await page.evaluate(background) != light


async def test_code_on_the_events_page_has_no_backticks_around_it(tabs: Profile) -> None:
    page = await tabs.open(f"{API}/docs/events")
    code = page.locator("code", has_text="/socket.io/").first
    await expect(code).to_be_visible()

    assert "`" not in await page.locator("#asyncapi").inner_text()


async def test_a_list_in_a_description_is_one_on_the_events_page(tabs: Profile) -> None:
    page = await tabs.open(f"{API}/docs/events")
    reasons = page.locator("#model-EndReason")

    await expect(reasons.locator("p").first).to_have_text(
        "Why a session has ended, or a socket was disconnected from it."
    )
    await expect(reasons.locator("li")).to_have_count(5)
    await expect(reasons.locator("li code").first).to_have_text("logout")


async def test_the_events_page_says_who_sends_an_event(tabs: Profile) -> None:
    page = await tabs.open(f"{API}/docs/events")

    for event, sender in (("incr", "CLIENT SENDS"), ("current-count", "SERVER SENDS")):
        operation = page.locator("[id*='operation']", has_text=f"Operation ID {event}").first
        await expect(operation).to_contain_text(sender)


async def test_the_events_page_shows_arguments_and_ack_at_one_glance(tabs: Profile) -> None:
    page = await tabs.open(f"{API}/docs/events")
    incr = page.locator("#operation-incr")
    await expect(incr.locator("h4")).to_contain_text("incr()")
    await expect(incr.locator(".ack")).to_have_text("ack: integer | ErrorAck")
    await expect(page.locator("#operation-current-count h4")).to_contain_text("value: integer")


async def test_an_event_can_be_tried_out_on_the_events_page(tabs: Profile) -> None:
    page = await tabs.open(f"{API}/docs/events")
    await page.get_by_role("button", name="Connect").first.click()
    log = page.locator(".log").first
    await expect(log).to_contain_text("connected as")
    incr = page.locator("#operation-incr")
    await incr.get_by_text("Try it out").click()
    await incr.get_by_role("button", name="Emit").click()
    await expect(log).to_contain_text("ack of incr 1")
    await expect(log).to_contain_text("← current count 1")


async def test_the_events_page_is_complete(tabs: Profile) -> None:
    page = await tabs.open(f"{API}/docs/events")

    for event in ("incr", "current count", "session ended"):
        await expect(page.get_by_text(event, exact=True).filter(visible=True).first).to_be_visible()
    assert tabs.hosts == OWN
