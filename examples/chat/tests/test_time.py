"""What depends on time, in this process, on a clock that the tests move."""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from chat.main import app
from fastapi_mooring.testing import Browser, TestApp

Story = Callable[[TestApp], Coroutine[Any, Any, None]]

_drafts = count(1)


@pytest.fixture
def tell(database: Path) -> Callable[[Story], None]:
    """Return what runs a coroutine function on the app; it needs no plugin of pytest."""

    async def run(story: Story) -> None:
        async with asyncio.timeout(30), TestApp(app) as test:
            await story(test)

    return lambda story: asyncio.run(run(story))


async def signed_in(test: TestApp, name: str) -> Browser:
    browser = test.browser()
    assert (await browser.post("/sign-in", json={"name": name})).status_code == 200
    return browser


def line(text: str) -> tuple[str, dict[str, str]]:
    """Return the arguments of `say`."""
    draft = f"draft-in-time-{next(_drafts)}"
    return draft, {"id": draft, "channel": "general", "text": text}


def test_too_many_messages_at_once_are_refused_and_can_be_said_later(
    tell: Callable[[Story], None],
) -> None:
    async def story(test: TestApp) -> None:
        socket = await (await signed_in(test, "ann")).connect()
        acks = [await socket.call("say", *line("spam")) for _ in range(21)]
        assert ["error" in each for each in acks] == [False] * 20 + [True]
        assert acks[-1]["error"]["type"] == "rate-limited"
        await test.clock.advance(10)
        assert "error" not in await socket.call("say", *line("sorry"))

    tell(story)


def test_who_closes_the_last_page_has_gone_a_second_later(tell: Callable[[Story], None]) -> None:
    async def story(test: TestApp) -> None:
        ann = await (await signed_in(test, "ann")).connect()
        bob = await (await signed_in(test, "bob")).connect()
        here = {"name": "bob", "online": True}
        assert await ann.expect("presence", lambda each: each == here) == here
        bob.cut()
        await test.settle()
        assert ("presence", {"name": "bob", "online": False}) not in ann.received
        await test.clock.advance(1)
        assert await ann.expect("presence") == {"name": "bob", "online": False}

    tell(story)
