"""People in an app in this process."""

from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any

from fastapi_mooring.testing import Browser, TestApp

Story = Callable[[TestApp], Coroutine[Any, Any, None]]

_drafts = count(1)


async def signed_in(test: TestApp, name: str) -> Browser:
    """Return a browser in which somebody has signed in."""
    browser = test.browser()
    assert (await browser.post("/sign-in", json={"name": name})).status_code == 200
    return browser


def line(text: str) -> tuple[str, dict[str, str]]:
    """Return the arguments of `say`."""
    draft = f"draft-in-time-{next(_drafts)}"
    return draft, {"id": draft, "channel": "general", "text": text}
