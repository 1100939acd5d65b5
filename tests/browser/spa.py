"""A tab with the single-page app in it: what a person sees of it, and may do."""

from typing import Self

from playwright.async_api import Page, expect

from tests.browser.chromium import Profile

URL = "http://localhost:4200"


class Spa:
    """The app in one tab."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @classmethod
    async def open(cls, profile: Profile) -> Self:
        """Open it, and wait until its socket is connected."""
        tab = cls(await profile.open(URL))
        await tab.is_connected()
        return tab

    async def click(self, button: str, *, times: int = 1) -> None:
        """Click a button by its words."""
        for _ in range(times):
            await self.page.get_by_role("button", name=button, exact=True).click()

    async def shows(self, **texts: object) -> None:
        """Wait until elements have these texts, by their ids."""
        for name, text in texts.items():
            await expect(self.page.locator(f"#{name}")).to_have_text(str(text))

    async def is_connected(self) -> None:
        """Wait until its socket is connected, and upgraded."""
        await self.shows(state="connected", transport="websocket")

    async def logs(self, text: str, *, times: int = 1) -> None:
        """Wait until so many lines of its log have a text."""
        await expect(self.page.locator("#log li", has_text=text)).to_have_count(times)
