"""What becomes of two tabs of the single-page app when their session, or their node, goes."""

import pytest

from tests.browser.chromium import profile
from tests.browser.conftest import NewPlace
from tests.browser.spa import Spa

pytestmark = pytest.mark.asyncio(loop_scope="session")

IDLE = 4


async def test_expired_tabs_say_so_and_come_back_by_themselves_to_one_new_session(
    new_place: NewPlace,
) -> None:
    place = await new_place(session_idle_timeout=IDLE)
    async with profile(place.browser, "expired") as tabs:
        first, second = [await Spa.open(tabs) for _ in range(2)]
        await first.click("Increment by fetch")
        before = (await tabs.cookies())["session"]

        for tab in (first, second):
            await tab.page.get_by_text("The session's time was up.").first.wait_for()
            await tab.page.get_by_text("Disconnected: transport close.").first.wait_for()
            await tab.is_connected()
            await tab.shows(count=0, notice="The last session's time was up. This is a new one.")

        assert (await tabs.cookies())["session"] != before
        await first.click("Increment by fetch")
        await second.shows(count=1, sockets=2)
        await second.click("Increment by emit")
        await first.shows(count=2)
        assert len(place.store.session_keys()) == 1


async def test_tabs_whose_node_is_killed_go_on_with_their_session_on_the_other(
    new_place: NewPlace,
) -> None:
    place = await new_place()
    async with profile(place.browser, "killed") as tabs:
        first, second = [await Spa.open(tabs) for _ in range(2)]
        await first.click("Increment by fetch", times=2)
        await first.logs("POST /incr gave 2.")
        [serving] = [node for node in place.front.nodes if "socket connected" in node.log()]

        serving.kill()

        for tab in (first, second):
            await tab.logs("Connected by", times=2)
            await tab.is_connected()
            await tab.shows(count=2, notice="Connected again after the connection was cut.")
        await first.click("Increment by fetch")
        await second.click("Increment by emit")
        for tab in (first, second):
            await tab.shows(count=4)
        # What was on its way to the node when it went, and what the balancer tried there before it knew.
        tabs.expect_fault(r"/socket.io/: Failed to load resource: .* status of 50[23] \(.*\)")
        tabs.expect_fault(
            r".*: WebSocket connection to 'ws://localhost:3000/socket.io/.*' failed: .*"
        )
