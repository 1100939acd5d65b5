"""The page of docs/streams.md, in Chromium: an answer goes on after a reload, and in a second tab."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.chromium import Profile, profile
from tests.browser.conftest import Window
from tests.docs.markdown import project, write_project
from tests.support.processes import ROOT
from tests.support.service import service
from tests.support.stores import memory_settings

pytestmark = pytest.mark.asyncio(loop_scope="session")

URL = "http://localhost:3000"
WORDS = 60
"""A tenth of a second each: a busy machine, too, has reloaded the page and opened another by then."""
QUESTION = " ".join(f"word{number}" for number in range(WORDS))
ANSWER = f"You have asked {QUESTION} "


@pytest_asyncio.fixture(loop_scope="session")
async def tabs(window: Window, tmp_path: Path) -> AsyncIterator[Profile]:
    """A browser in front of the documented app."""
    write_project(project(ROOT / "docs" / "streams.md"), tmp_path)
    settings = {"app": "answers:app", "documented": tmp_path, **memory_settings()}
    async with (
        service(module="tests.support.documented_app", port=window.port, **settings),
        profile(window.browser, "streams") as tabs,
    ):
        yield tabs


async def _answer(page: Page) -> str:
    return await page.locator("main p").text_content() or ""


async def test_an_answer_goes_on_after_a_reload_and_in_a_second_tab(tabs: Profile) -> None:
    page = await tabs.open(URL)
    await page.get_by_label("Question").fill(QUESTION)
    await page.get_by_role("button", name="Ask").click()
    await expect(page.locator("main p")).to_contain_text("word2")
    await page.reload()
    other = await tabs.open(URL)
    for each in (page, other):
        await expect(each.locator("main p")).to_contain_text("word2")
        assert len(await _answer(each)) < len(ANSWER)
    for each in (page, other):
        answer = each.locator("main p")
        await expect(answer).to_contain_text(f"word{WORDS - 1}", timeout=15_000)
        assert await _answer(each) == ANSWER
        assert await answer.count() == 1
