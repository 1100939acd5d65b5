"""The single-page app on one origin, the API on another, through the balancer on two nodes."""

import asyncio
import re

import pytest
from playwright.async_api import expect

from tests.browser.chromium import Profile
from tests.browser.conftest import Place
from tests.browser.spa import Spa

pytestmark = pytest.mark.asyncio(loop_scope="session")

STICKINESS = "node"
NOTHING = "\N{EN DASH}"


async def _two_tabs(place: Place, tabs: Profile) -> tuple[Spa, Spa]:
    """Two tabs of one session, whose sockets are on different nodes."""
    before = [node.log().count("socket connected") for node in place.front.nodes]
    first = await Spa.open(tabs)
    await tabs.context.clear_cookies(name=STICKINESS)
    second = await Spa.open(tabs)
    after = [node.log().count("socket connected") for node in place.front.nodes]
    assert [now - then for then, now in zip(before, after, strict=True)] == [1, 1]
    return first, second


async def _count_on(tab: Spa) -> None:
    for _ in range(5):
        await tab.click("Increment by fetch")
        await tab.click("Increment by emit")


async def test_increments_from_two_tabs_on_two_nodes_stay_in_step(
    place: Place, tabs: Profile
) -> None:
    first, second = await _two_tabs(place, tabs)
    for tab in (first, second):
        await tab.shows(count=0, sockets=2)

    await first.click("Increment by fetch")
    await second.shows(count=1)
    await second.click("Increment by emit")
    await first.shows(count=2)
    await asyncio.gather(_count_on(first), _count_on(second))

    for tab in (first, second):
        await tab.shows(count=22, sockets=2)


async def test_a_logout_in_one_tab_disconnects_the_other_and_a_click_starts_anew(
    place: Place, tabs: Profile
) -> None:
    first, second = await _two_tabs(place, tabs)
    await first.click("Increment by fetch")

    await first.click("Log out")

    for tab in (first, second):
        await tab.shows(state="disconnected", transport=NOTHING, sockets=NOTHING)
        await tab.shows(notice="Logged out, here or in another tab.")
        await tab.logs("Disconnected: io server disconnect.")
        await expect(tab.page.get_by_role("button", name="Increment by fetch")).to_be_hidden()
    assert "session" not in await tabs.cookies()

    for tab in (first, second):
        await tab.click("Start a new session")
        await tab.is_connected()
    for tab in (first, second):
        await tab.shows(count=0, sockets=2)
    await second.click("Increment by emit")
    await first.shows(count=1)


async def test_a_renewed_id_takes_both_tabs_and_the_count_along(
    place: Place, tabs: Profile
) -> None:
    first, second = await _two_tabs(place, tabs)
    await first.click("Increment by fetch", times=3)
    await second.shows(count=3)
    before = (await tabs.cookies())["session"]

    await first.click("Renew the id")

    for tab in (first, second):
        await tab.logs("The session has a new id.")
        await tab.logs("Disconnected: transport close.")
        await tab.logs("Connected by", times=2)
        await tab.is_connected()
        await tab.shows(notice="Connected with the session's new id. All that was in it is there.")
    assert (await tabs.cookies())["session"] != before
    await second.click("Increment by emit")
    for tab in (first, second):
        await tab.shows(count=4, sockets=2)


async def test_it_says_how_long_the_session_lives_and_a_request_extends_that(
    place: Place, tabs: Profile
) -> None:
    tab = await Spa.open(tabs)
    time_left = tab.page.get_by_role("timer")
    await expect(time_left).to_have_text(re.compile("29:5[0-7]"))

    await tab.click("Increment by fetch")

    await expect(time_left).to_have_text(re.compile("30:00|29:5[89]"))


OPEN_SOCKET = """() => new Promise((resolve) => {
  const socket = new WebSocket("ws://localhost:3000/socket.io/?EIO=4&transport=websocket");
  socket.onopen = () => resolve("opened");
  socket.onerror = () => resolve("refused");
})"""
LOG_OUT = """() => fetch("http://localhost:3000/logout", {
  method: "POST", mode: "no-cors", credentials: "include",
}).then(({ type }) => type)"""


async def test_from_an_origin_that_is_not_listed_nothing_works(tabs: Profile) -> None:
    victim = await Spa.open(tabs)
    await victim.click("Increment by fetch")

    tab = Spa(await tabs.open("http://localhost:4300"))

    await tab.shows(notice="The service cannot be reached.", state="connecting", count=NOTHING)
    assert await tab.page.evaluate(OPEN_SOCKET) == "refused"
    assert await tab.page.evaluate(LOG_OUT) == "opaque"
    await victim.click("Increment by emit")
    await victim.shows(count=2, sockets=1, state="connected")
    tabs.expect_fault(r"/: Access to fetch at 'http://localhost:3000/session' .* CORS policy: .*")
    tabs.expect_fault(r"/session: Failed to load resource: net::ERR_FAILED")
    tabs.expect_fault(r": WebSocket connection to '.*' failed: .* response code: 403")
    tabs.expect_fault(r"/logout: Failed to load resource: .* status of 403 \(Forbidden\)")
