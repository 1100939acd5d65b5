"""Nobody is kept out: axe-core, keys alone, a phone, dark, less motion."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.chromium import axe_source, file_name, profile
from tests.browser.conftest import Place
from tests.browser.spa import URL, Spa
from tests.support.nginx import API

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark", "reduced_motion": "reduce"},
    "phone": {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True},
}
"""320 pixels are what remains of a usual window at 400% (WCAG 2.2, 1.4.10)."""


@pytest.mark.parametrize(
    ("look", "address"),
    [
        pytest.param("light", URL, id="light-spa"),
        pytest.param("dark", API, id="dark-index"),
        pytest.param("phone", URL, id="phone-spa"),
        pytest.param("phone", API, id="phone-index"),
        pytest.param("light", API, id="light-index", marks=pytest.mark.thorough),
        pytest.param("dark", URL, id="dark-spa", marks=pytest.mark.thorough),
    ],
)
async def test_no_violation_is_found_and_nothing_scrolls_sideways(
    place: Place, request: pytest.FixtureRequest, look: str, address: str
) -> None:
    async with profile(place.browser, file_name(request.node.name), **LOOKS[look]) as tabs:
        page = await tabs.open(address)
        await expect(page.locator("#state")).to_have_text("connected")
        await page.get_by_role("button", name="Increment by fetch").click()
        await expect(page.locator("#count")).to_have_text("1")
        await _check(page)

        await page.get_by_role("button", name="Log out").click()

        await expect(page.locator("#state")).to_have_text("disconnected")
        await _check(page)


async def _check(page: Page) -> None:
    await page.evaluate(axe_source())
    found = await page.evaluate("axe.run()")
    assert found["passes"]
    assert [f"{each['id']}: {each['nodes']}" for each in found["violations"]] == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_the_app_is_used_by_keys_alone(place: Place, request: pytest.FixtureRequest) -> None:
    async with profile(place.browser, file_name(request.node.name)) as tabs:
        tab = await Spa.open(tabs)
        press = tab.page.keyboard.press

        await _tab_to(tab.page, "Increment by fetch")
        await press("Enter")
        await tab.shows(count=1)
        await _tab_to(tab.page, "Increment by emit")
        await press("Space")
        await tab.shows(count=2)
        await _tab_to(tab.page, "Log out")
        await press("Enter")
        await tab.shows(state="disconnected")
        # Its button has gone, and who was on it is on the one that came.
        await press("Enter")
        await tab.is_connected()
        await press("Enter")
        await tab.shows(count=1)


async def _tab_to(page: Page, button: str) -> None:
    wanted = page.get_by_role("button", name=button, exact=True)
    for _ in range(10):
        await page.keyboard.press("Tab")
        if await wanted.evaluate("each => each === document.activeElement"):
            return
    pytest.fail(f"no way by keys to {button!r}")


@pytest.mark.parametrize(("motion", "moves"), [("reduce", 0), ("no-preference", 1)])
async def test_a_new_count_moves_only_for_those_who_like_it(
    place: Place, motion: Any, moves: int
) -> None:
    async with profile(place.browser, f"motion-{motion}", reduced_motion=motion) as tabs:
        tab = await Spa.open(tabs)
        await tab.page.evaluate(
            """() => {
              window.moves = 0;
              const { animate } = Element.prototype;
              Element.prototype.animate = function (...how) { moves += 1; return animate.apply(this, how); };
            }"""
        )

        await tab.click("Increment by emit")

        await tab.shows(count=1)
        assert await tab.page.evaluate("moves") == moves
