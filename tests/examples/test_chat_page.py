"""The chat's page in Chromium: two browsers at once on two nodes; phone and desk, by day and by night."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, WebSocketRoute, expect
from redis import Redis

from tests.browser.chromium import Profile, file_name, profile
from tests.browser.test_accessibility import _check
from tests.examples.conftest import Deck

pytestmark = pytest.mark.asyncio(loop_scope="session")

VIEWS: dict[str, dict[str, Any]] = {
    f"{width}-{scheme}": {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
    for width, height in ((390, 844), (1280, 800))
    for scheme in ("light", "dark")
}
SAMPLE = {"390-dark"}
"""A phone by night; the others are looked at by `make proof`."""

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


class Sailor:
    """Somebody with the page in a browser of its own."""

    def __init__(self, tabs: Profile, page: Page, name: str) -> None:
        self.tabs = tabs
        self.page = page
        self.name = name

    async def sign_in(self) -> None:
        await self.page.get_by_label("Your name").fill(self.name)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.is_online()

    async def is_online(self) -> None:
        await expect(self.page.locator("#state")).to_have_text("online")

    async def say(self, text: str) -> None:
        await self.page.locator("#text").fill(text)
        await self.page.locator("#text").press("Enter")

    async def reads(self, text: str, *, times: int = 1) -> None:
        found = self.page.locator("#messages .message:not(.pending) .text", has_text=text)
        await expect(found).to_have_count(times)

    async def texts(self, word: str) -> list[str]:
        """Return what stands in the channel with a word in it, from above."""
        found = self.page.locator("#messages .message .text", has_text=word)
        return [text.strip() for text in await found.all_text_contents()]

    async def goes_to(self, channel: str) -> None:
        await self.page.locator("nav").get_by_role("link", name=channel).click()
        await expect(self.page.locator("#title")).to_have_text(f"# {channel}")


@pytest_asyncio.fixture(loop_scope="session")
async def sailors(
    deck: Deck, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Sailor, Sailor]]:
    """Two people, signed in, each in a browser of its own."""
    async with AsyncExitStack() as stack:
        found = []
        for first in ("ada", "bo"):
            name = f"{first}-{uuid4().hex[:6]}"
            picture = file_name(f"{request.node.name}-{first}")
            tabs = await stack.enter_async_context(profile(deck.browser, picture))
            found.append(Sailor(tabs, await tabs.open(deck.url), name))
            await found[-1].sign_in()
        yield found[0], found[1]


async def test_two_people_talk_and_see_each_other_type(sailors: tuple[Sailor, Sailor]) -> None:
    ada, bo = sailors
    word, answer = uuid4().hex, uuid4().hex

    await ada.page.locator("#text").press_sequentially(word[:3])
    await expect(bo.page.locator("#typing")).to_have_text(f"{ada.name} is typing …")
    await ada.say(f"{word} <b>bold</b> https://example.org/a?b=c.")
    await bo.reads(f"{word} <b>bold</b>")
    await expect(bo.page.locator("#typing")).to_have_text("")
    link = bo.page.locator("#messages .text", has_text=word).get_by_role("link")
    await expect(link).to_have_attribute("href", "https://example.org/a?b=c")
    await bo.say(answer)

    for each in (ada, bo):
        await each.reads(answer)
        await each.reads(word)
        assert each.tabs.hosts == {"chat.test:3000"}


async def test_a_channel_is_made_joined_and_its_unread_messages_are_counted(
    sailors: tuple[Sailor, Sailor],
) -> None:
    ada, bo = sailors
    channel = f"c-{uuid4().hex[:8]}"
    await ada.page.get_by_role("button", name="New channel").click()
    await ada.page.get_by_label("Name", exact=True).fill(channel)
    await ada.page.get_by_role("button", name="Create").click()
    await bo.goes_to(channel)
    await bo.page.get_by_role("button", name="Join this channel").click()
    await expect(ada.page.locator("#member-list")).to_contain_text(bo.name)
    await ada.say("first")
    await bo.reads("first")
    await bo.goes_to("general")

    await ada.say("second")
    await ada.say("third")

    entry = bo.page.locator("nav").get_by_role("link", name=channel)
    await expect(entry.locator(".badge")).to_have_text("2 unread")
    await bo.page.reload()
    await expect(entry.locator(".badge")).to_have_text("2 unread")
    await entry.click()
    await bo.reads("third")
    await expect(bo.page.locator("#messages .new")).to_have_count(1)
    await expect(entry.locator(".badge")).to_have_count(0)


OFFLINE = ".*(ERR_INTERNET_DISCONNECTED|WebSocket connection).*"


class HeldHistory:
    """Lets no request for the history of a page through before `release`."""

    def __init__(self) -> None:
        self.asked = 0
        self._may_pass = asyncio.Event()

    async def __call__(self, route: Route) -> None:
        self.asked += 1
        await self._may_pass.wait()
        await route.continue_()

    def release(self) -> None:
        self._may_pass.set()


async def _misses(ada: Sailor, bo: Sailor, word: str) -> list[str]:
    """Have one say something while the other is offline, who writes something, too; return all of it."""
    said = [f"{word} before", *(f"{word} meanwhile {number}" for number in range(12))]
    await ada.say(said[0])
    await bo.reads(said[0])
    await bo.tabs.context.set_offline(True)
    await expect(bo.page.locator("#banner")).to_be_visible()
    for each in said[1:]:
        await ada.say(each)
    await ada.reads(said[-1])
    await bo.say(f"{word} from afar")
    await expect(bo.page.locator(".pending")).to_have_count(1)
    bo.tabs.expect_fault(OFFLINE)
    return [*said, f"{word} from afar"]


async def test_what_came_offline_is_there_once_and_in_order_before_the_history_answers(
    sailors: tuple[Sailor, Sailor],
) -> None:
    ada, bo = sailors
    word = uuid4().hex[:8]
    history = HeldHistory()
    said = await _misses(ada, bo, word)
    await bo.page.route("**/messages?*", history)

    await bo.tabs.context.set_offline(False)

    await bo.reads(said[-1])
    assert await bo.texts(word) == said
    await expect(bo.page.locator("#chat")).to_have_attribute("data-recovered", "true")
    history.release()
    await ada.say(f"{word} after")
    for each in (ada, bo):
        await each.reads(f"{word} after")
        assert await each.texts(word) == [*said, f"{word} after"]
    await expect(bo.page.locator(".pending")).to_have_count(0)
    assert history.asked


@pytest.mark.thorough
async def test_what_came_offline_is_in_the_history_where_the_socket_is_not_recovered(
    deck: Deck, sailors: tuple[Sailor, Sailor]
) -> None:
    ada, bo = sailors
    word = uuid4().hex[:8]
    said = await _misses(ada, bo, word)
    with Redis.from_url(deck.store) as store:
        store.delete(*store.keys("mooring:recovery:*"))

    await bo.tabs.context.set_offline(False)

    for each in (ada, bo):
        await each.reads(said[-1])
        assert await each.texts(word) == said
    await expect(bo.page.locator("#chat")).to_have_attribute("data-recovered", "false")


EVENT, ACK = "42", "43"
"""What a frame of Socket.IO begins with."""


class LossyLine:
    """A WebSocket on which the first frame from the server of one kind with some words in it is lost."""

    def __init__(self, kind: str, words: str) -> None:
        self.kind = kind
        self.words = words
        self.lost: list[str] = []

    def __call__(self, page: WebSocketRoute) -> None:
        server = page.connect_to_server()
        server.on_message(lambda frame: self._pass_on(page, frame))

    def _pass_on(self, page: WebSocketRoute, frame: str | bytes) -> None:
        text = str(frame)
        if not self.lost and text.startswith(self.kind) and self.words in text:
            self.lost.append(text)
        else:
            page.send(frame)


@asynccontextmanager
async def on_a_lossy_line(deck: Deck, line: LossyLine) -> AsyncIterator[Sailor]:
    """Somebody whose socket has been upgraded to that line."""
    async with profile(deck.browser, "chat-lossy") as tabs:
        await tabs.context.route_web_socket(re.compile("/socket.io/"), line)
        sailor = Sailor(tabs, await tabs.open(deck.url), f"cy-{uuid4().hex[:6]}")
        await sailor.sign_in()
        await expect(sailor.page.locator("#chat")).to_have_attribute("data-transport", "websocket")
        yield sailor


@pytest.mark.thorough
async def test_a_message_that_was_lost_on_the_way_is_fetched_with_the_next_one(
    deck: Deck, sailors: tuple[Sailor, Sailor]
) -> None:
    ada, _ = sailors
    word = uuid4().hex
    line = LossyLine(EVENT, f"{word} lost")
    async with on_a_lossy_line(deck, line) as cy:
        await ada.say(f"{word} lost")
        await ada.reads(f"{word} lost")
        await ada.say(f"{word} next")

        await cy.reads(f"{word} next")
        await cy.reads(f"{word} lost")
    assert line.lost


@pytest.mark.thorough
async def test_an_ack_that_was_lost_makes_the_client_send_again_and_the_message_is_there_once(
    deck: Deck, sailors: tuple[Sailor, Sailor]
) -> None:
    ada, _ = sailors
    word = uuid4().hex
    line = LossyLine(ACK, f"{word} once")
    async with on_a_lossy_line(deck, line) as cy:
        await cy.say(f"{word} once")
        # The next one waits in the client until the first is acknowledged.
        await cy.say(f"{word} next")

        for each in (ada, cy):
            await each.reads(f"{word} next")
            await each.reads(f"{word} once")
    assert line.lost


LOSE_ANSWERS = """() => {
  const real = window.fetch;
  window.fetch = async (...request) => {
    await real(...request);
    throw new TypeError("the answer was lost");
  };
}"""


async def test_a_file_whose_answer_was_lost_is_there_once(sailors: tuple[Sailor, Sailor]) -> None:
    ada, bo = sailors
    word = uuid4().hex
    await ada.page.evaluate(LOSE_ANSWERS)
    file = {"name": f"{word}.png", "mimeType": "image/png", "buffer": PNG}

    await ada.page.locator("#file").set_input_files(file)  # type: ignore[arg-type]  # a FilePayload

    for each in (ada, bo):
        await expect(each.page.get_by_role("img", name=word)).to_have_count(1)
    await expect(ada.page.locator(".pending")).to_have_count(0)


async def test_a_picture_is_shown_a_page_is_downloaded_and_too_much_is_refused(
    sailors: tuple[Sailor, Sailor],
) -> None:
    ada, bo = sailors
    word = uuid4().hex[:8]
    files = ada.page.locator("#file")
    await files.set_input_files({"name": f"{word}.png", "mimeType": "image/png", "buffer": PNG})
    picture = bo.page.get_by_role("img", name=f"{word}.png")
    await expect(picture).to_be_visible()
    assert await picture.evaluate("each => each.decode().then(() => each.naturalWidth)") == 1

    page = b"<script>document.title = 'run'</script>"
    await files.set_input_files({"name": f"{word}.html", "mimeType": "text/html", "buffer": page})
    async with bo.page.expect_download() as download:
        await bo.page.get_by_role("link", name=f"{word}.html").click()
    assert (await download.value).suggested_filename == f"{word}.html"

    large = {"name": "large.bin", "mimeType": "image/png", "buffer": b"x" * 5_000_001}
    await files.set_input_files(large)  # type: ignore[arg-type]  # a FilePayload
    await expect(ada.page.locator("#toast")).to_contain_text("too large")


async def test_an_admin_kicks_and_bans(deck: Deck, sailors: tuple[Sailor, Sailor]) -> None:
    _, bo = sailors
    async with profile(deck.browser, "chat-captain") as tabs:
        captain = Sailor(tabs, await tabs.open(deck.url), "captain")
        await captain.sign_in()
        await captain.page.get_by_role("button", name=f"Kick {bo.name}").click()
        await expect(bo.page.locator("#toast")).to_have_text("captain has put you out of #general.")
        await bo.page.get_by_role("button", name="Join this channel").click()
        await expect(bo.page.locator("#composer")).to_be_visible()

        await captain.page.get_by_role("button", name=f"Ban {bo.name}").click()

        await expect(bo.page.locator("#welcome-notice")).to_contain_text("signed out, by an admin")
        await bo.page.get_by_label("Your name").fill(bo.name)
        await bo.page.get_by_role("button", name="Sign in").click()
        await expect(bo.page.locator("#welcome-notice")).to_have_text(
            "An admin has banned this name."
        )
        await expect(
            captain.page.locator("#people .banned .name", has_text=bo.name)
        ).to_be_visible()
    bo.tabs.expect_fault("/sign-in: .* status of 403.*")
    bo.tabs.expect_fault("/channels/general/.*: .* status of 401.*")  # what was under way


async def test_one_device_signs_the_other_out(deck: Deck, sailors: tuple[Sailor, Sailor]) -> None:
    ada, _ = sailors
    async with profile(deck.browser, "chat-other-device") as tabs:
        other = Sailor(tabs, await tabs.open(deck.url), ada.name)
        await other.sign_in()
        await ada.page.get_by_role("button", name="Your devices").click()
        await expect(ada.page.locator("#devices li")).to_have_count(2)

        await ada.page.locator("#devices").get_by_role("button", name="Sign out").click()

        await expect(other.page.locator("#welcome-notice")).to_contain_text("from another device")
        await expect(ada.page.locator("#devices li")).to_have_count(1)
        await ada.page.get_by_role("button", name="Done").click()
        await ada.is_online()


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(view, marks=() if view in SAMPLE else pytest.mark.thorough, id=view)
        for view in VIEWS
    ],
)
async def test_nobody_is_kept_out_and_nothing_scrolls_sideways(
    deck: Deck, request: pytest.FixtureRequest, view: str
) -> None:
    async with profile(deck.browser, file_name(request.node.name), **VIEWS[view]) as tabs:
        page = await tabs.open(deck.url)
        await expect(page.get_by_label("Your name")).to_be_visible()
        await _check(page)
        sailor = Sailor(tabs, page, f"{view}-{uuid4().hex[:4]}")
        await sailor.sign_in()
        word = uuid4().hex
        await sailor.say(f"Nothing is as long as this: {word}{'x' * 300}")
        await sailor.reads(word)
        await _check(page)
        if view.startswith("390"):
            await page.get_by_role("button", name="Open the menu").click()
            await expect(page.get_by_role("link", name="general")).to_be_in_viewport(ratio=1)
            await _check(page)
            await page.keyboard.press("Escape")
            await page.get_by_role("button", name="Members", exact=True).click()
            await expect(page.get_by_role("complementary")).to_be_in_viewport()
            await _check(page)
            await page.keyboard.press("Escape")
            await expect(page.get_by_role("complementary")).to_be_hidden()
        else:
            await page.get_by_role("button", name="Your devices").click()
            await expect(page.locator("#devices")).to_contain_text(re.compile("this one"))
            await _check(page)
