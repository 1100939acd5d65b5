"""Two browsers of one user: each sees the other among its devices, and one signs the other out."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.chromium import Profile, file_name, profile
from tests.browser.conftest import Place
from tests.browser.spa import URL
from tests.browser.test_accessibility import LOOKS, _check
from tests.support.nginx import API

pytestmark = pytest.mark.asyncio(loop_scope="session")

THE_APP, THE_INDEX = pytest.param(URL, id="spa"), pytest.param(API, id="index")
MORE_OF_THE_INDEX = pytest.param(API, id="index", marks=pytest.mark.thorough)


@pytest_asyncio.fixture(loop_scope="session")
async def two(
    place: Place, request: pytest.FixtureRequest, address: str
) -> AsyncIterator[tuple[Page, Page]]:
    """A page in each of two browsers that share nothing, both signed in as the same user."""
    user = uuid4().hex[:8]
    async with AsyncExitStack() as stack:
        pages = []
        for number in range(2):
            picture = file_name(f"{request.node.name}-{number}")
            tabs = await stack.enter_async_context(profile(place.browser, picture))
            page = await tabs.open(address)
            await _sign_in(tabs, page, user)
            pages.append(page)
        await pages[0].get_by_role("button", name="Refresh the list").click()
        yield pages[0], pages[1]


async def _sign_in(tabs: Profile, page: Page, user: str) -> None:
    # What the page asked before the sign-in may be under way still when the id changes (P2).
    tabs.expect_fault(r"/user: .* status of 409 \(.*\)")
    await expect(page.locator("#state")).to_have_text("connected")
    await page.get_by_label("Name").fill(user)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.locator("#who")).to_have_text(user)
    await expect(page.locator("#devices")).to_contain_text("1 socket (this one)")


@pytest.mark.parametrize("address", [THE_APP, MORE_OF_THE_INDEX])
async def test_one_of_two_browsers_signs_the_other_out(two: tuple[Page, Page]) -> None:
    here, there = two
    await expect(here.locator("#devices li")).to_have_count(2)
    other = here.locator("#devices li").filter(has_not_text="this one")
    await expect(other).to_contain_text("HeadlessChrome on Linux, 1 socket")

    await other.get_by_role("button").click()

    await expect(there.locator("#state")).to_have_text("disconnected")
    await expect(there.locator("#log")).to_contain_text("ended")
    await expect(here.locator("#devices li")).to_have_count(1)
    await expect(here.locator("#state")).to_have_text("connected")


@pytest.mark.thorough
@pytest.mark.parametrize("address", [THE_APP, THE_INDEX])
async def test_all_others_are_signed_out_and_may_begin_anew(two: tuple[Page, Page]) -> None:
    here, there = two

    await there.get_by_role("button", name="Sign out all others").click()

    await expect(here.locator("#state")).to_have_text("disconnected")
    await expect(there.locator("#log")).to_contain_text("1 other device")
    await here.locator("#connect").click()
    await expect(here.locator("#state")).to_have_text("connected")
    await expect(here.get_by_label("Name")).to_be_visible()


@pytest.mark.parametrize("address", [THE_APP, MORE_OF_THE_INDEX])
async def test_signing_this_one_out_is_a_logout(two: tuple[Page, Page]) -> None:
    here, there = two

    this = here.locator("#devices li").filter(has_text="this one")
    await this.get_by_role("button").click()

    await expect(here.locator("#state")).to_have_text("disconnected")
    await there.get_by_role("button", name="Refresh the list").click()
    await expect(there.locator("#devices li")).to_have_count(1)


VIEWS: dict[str, dict[str, Any]] = {
    "narrow": {"viewport": {"width": 390, "height": 844}},
    "wide-dark": LOOKS["dark"] | {"viewport": {"width": 1280, "height": 900}},
}


@pytest.mark.parametrize(
    ("look", "address"),
    [
        pytest.param("narrow", URL, id="narrow-spa", marks=pytest.mark.thorough),
        pytest.param("wide-dark", API, id="wide-dark-index"),
        pytest.param("narrow", API, id="narrow-index", marks=pytest.mark.thorough),
        pytest.param("wide-dark", URL, id="wide-dark-spa", marks=pytest.mark.thorough),
    ],
)
async def test_nobody_is_kept_out_of_the_list(
    place: Place, request: pytest.FixtureRequest, address: str, look: str
) -> None:
    async with profile(place.browser, file_name(request.node.name), **VIEWS[look]) as tabs:
        page = await tabs.open(address)
        await expect(page.locator("#state")).to_have_text("connected")
        await _check(page)
        await _sign_in(tabs, page, uuid4().hex[:8])
        await _check(page)
