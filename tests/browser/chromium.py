"""Debian's Chromium, driven by Playwright, in front of real services.

Browsers know the addresses of the documentation: the API at http://localhost:3000, the app at
http://localhost:4200. Chromium's resolver leads them to the ports of a test, and every other name to
nowhere, so that a page that asks a foreign host for something cannot be drawn.
"""

import os
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright

from tests.support.issued import note_issued
from tests.support.outcome import has_failed
from tests.support.processes import ROOT

SCREENSHOTS = ROOT / "tests" / "browser" / "screenshots"
_QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]


@asynccontextmanager
async def chromium(
    playwright: Playwright, ports: Mapping[str, int], *options: str
) -> AsyncIterator[Browser]:
    """A running browser; `ports` says where on this machine `localhost:3000` and the like are."""
    found = shutil.which("chromium", path="/usr/bin:/usr/local/bin")
    assert found, "chromium is missing: `make test-needs` installs it"
    rules = [f"MAP {name} 127.0.0.1:{port}" for name, port in ports.items()]
    rules.append("MAP * ~NOTFOUND")
    browser = await playwright.chromium.launch(
        executable_path=found,
        args=[*_QUIET, *options, f"--host-resolver-rules={', '.join(rules)}"],
        chromium_sandbox=os.getuid() != 0,
    )
    yield browser
    await browser.close()


class Profile:
    """One jar of cookies with its tabs. What any of them complains of in its console is kept."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self._faults: list[str] = []
        self._expected: list[str] = []
        self.hosts: set[str] = set()
        context.on("console", self._note_console)
        context.on("weberror", lambda error: self._faults.append(str(error.error)))
        context.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    async def open(self, url: str) -> Page:
        """Open an address in a new tab."""
        page = await self.context.new_page()
        await page.goto(url)
        await self.cookies()
        return page

    async def cookies(self) -> dict[str, str]:
        """Name to value; what is a session's id is noted, to be looked for in logs (P10)."""
        jar = {each["name"]: each["value"] for each in await self.context.cookies()}
        note_issued(f"{name}={value}" for name, value in jar.items())
        return jar

    def expect_fault(self, pattern: str) -> None:
        """Take complaints as expected of which the pattern fits the whole; there may be none."""
        self._expected.append(pattern)

    def check(self) -> None:
        """Fail if there was a complaint that nobody expected."""
        faults = self.faults()
        assert not faults, "\n".join(faults)

    def faults(self) -> list[str]:
        """Return the complaints that nobody expected."""
        expected = re.compile("|".join(f"(?:{each})" for each in self._expected) or "(?!)")
        return [each for each in self._faults if not expected.fullmatch(each)]

    async def picture(self, name: str) -> None:
        """Keep a picture of each tab."""
        SCREENSHOTS.mkdir(exist_ok=True)
        for number, page in enumerate(self.context.pages, 1):
            await page.screenshot(path=SCREENSHOTS / f"{name}-{number}.png")

    async def close(self) -> None:
        """Close all tabs."""
        await self.cookies()
        await self.context.close()

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            where = urlsplit(message.location["url"]).path
            self._faults.append(f"{where}: {message.text}")


@asynccontextmanager
async def profile(browser: Browser, name: str, **options: Any) -> AsyncIterator[Profile]:
    """A new profile. No fault may be left in the end that nobody expected.

    When something has failed, its tabs are pictured under a name.
    """
    new = Profile(await browser.new_context(**options))
    try:
        yield new
    except BaseException:
        await new.picture(name)
        raise
    else:
        if has_failed() or new.faults():
            await new.picture(name)
    finally:
        await new.close()
    new.check()


def file_name(test: str) -> str:
    """Make a file's name of a test's."""
    return re.sub(r"[^\w-]+", "-", test).strip("-")


def axe_source() -> str:
    """axe-core, which finds what keeps people out."""
    path: Path = ROOT / "tests" / "js" / "node_modules" / "axe-core" / "axe.min.js"
    return path.read_text()
