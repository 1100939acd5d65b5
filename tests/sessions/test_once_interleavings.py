"""P20 whatever comes between: repeats on two nodes, rotations, and replies of the store that are lost.

ONCE_TRIALS=1000 for more of them.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import pytest

from app.sessions import (
    RequestSession,
    Session,
    SessionEndedError,
    SessionManager,
    SessionStore,
    StoreUnavailableError,
)
from app.sessions.attempt import Attempt
from app.sessions.errors import OnceUnderWayError
from tests.sessions.conftest import POLICY
from tests.sessions.handles import count_up
from tests.support.answering import LossyAnswers
from tests.support.lossy_store import Fate
from tests.support.stores import StoreSettings
from tests.support.stores_in_process import new_store

TRIALS = int(os.environ.get("ONCE_TRIALS", "30"))
AT_ONCE = 50
KEYS = [f"the key {number}" for number in range(5)]
_LOST = [Fate.REPLY_LOST, Fate.NOT_EXECUTED]
FINGERPRINT = bytes(32)


class ChaoticStore(LossyAnswers):
    """Loses one reply in so many, and takes some turns of the event loop for each call."""

    def __init__(self, inner: SessionStore, random: Random) -> None:
        super().__init__(inner)
        self.random = random
        self.loses = 0.2

    async def aclose(self) -> None:
        """Leave the store open: other trials use it."""

    async def _pass_on(self, call: Callable[[], Awaitable[Any]]) -> Any:
        for _ in range(self.random.randrange(4)):
            await asyncio.sleep(0)
        if self.random.random() < self.loses:
            self.fates = [self.random.choice(_LOST)]
        return await super()._pass_on(call)


class Browser:
    """One session, used on two nodes; it repeats what was not answered."""

    def __init__(self, store: SessionStore, random: Random) -> None:
        self.random = random
        self.stores = [ChaoticStore(store, random) for _ in range(2)]
        self.nodes = [SessionManager(each, POLICY) for each in self.stores]
        self.cookie: str | None = None
        self.answers: dict[str, set[object]] = {key: set() for key in KEYS}

    async def request(self, handle: Callable[[Session], Awaitable[Any]]) -> bool:
        """Send a request to either node; return whether it was answered."""
        request = RequestSession(self.random.choice(self.nodes), self.cookie)
        ended = False
        try:
            await handle(await request.get_or_create())
        except SessionEndedError:
            ended = True
        except (StoreUnavailableError, OnceUnderWayError):
            return False
        finally:
            if request.issued_id is not None and not ended:
                self.cookie = request.issued_id
        return not ended

    async def pay(self, key: str) -> bool:
        """Pay by a transaction with a key."""

        async def handle(session: Session) -> None:
            self.answers[key].add(await session.transact(count_up, once=key))

        return await self.request(handle)

    async def order(self, key: str) -> bool:
        """Pay within a request that takes effect once."""

        async def handle(session: Session) -> None:
            attempt = Attempt(session.manager, session.key, f"r:{key}", FINGERPRINT)
            answer = await attempt.begin()
            if answer is None:
                session._usage.steps = attempt.steps()
                try:
                    answer = b"%d" % await session.transact(count_up)
                    await attempt.keep(answer)
                finally:
                    await attempt.release()
            self.answers[key].add(int(answer))

        return await self.request(handle)

    async def rotate(self) -> bool:
        """Move to a new id."""
        return await self.request(lambda session: session.rotate())

    async def count(self) -> object:
        """What the session counts."""
        counts: list[object] = []

        async def read(session: Session) -> None:
            counts.append(session.get("count"))

        assert await self.request(read)
        return counts[0]

    async def aclose(self) -> None:
        """End what runs in the background."""
        for node in self.nodes:
            await node.aclose()


async def _settle(browser: Browser, act: Callable[[str], Awaitable[bool]], key: str) -> None:
    async with asyncio.timeout(30.0):
        while not await act(key):
            await asyncio.sleep(0.01)


async def _trial(store: SessionStore, seed: int, kind: str) -> None:
    random = Random(seed)
    browser = Browser(store, random)
    act = browser.pay if kind == "transact" else browser.order
    for each in browser.stores:
        each.loses = 0.0
    await browser.rotate()
    for each in browser.stores:
        each.loses = 0.2
    for _ in range(4):
        acts = [act(random.choice(KEYS)) for _ in range(random.randrange(1, 5))]
        # One at a time: of two at once, one of which is in doubt, a browser may keep the wrong cookie.
        acts += [browser.rotate() for _ in range(random.randrange(2))]
        random.shuffle(acts)
        await asyncio.gather(*acts)
    for each in browser.stores:
        each.loses = 0.0
    for key in KEYS:
        await _settle(browser, act, key)
    assert await browser.count() == len(KEYS), f"seed {seed}"
    assert all(len(each) == 1 for each in browser.answers.values()), (seed, browser.answers)
    found = {each for answers in browser.answers.values() for each in answers}
    assert found == {1, 2, 3, 4, 5}, (seed, browser.answers)
    await browser.aclose()


@pytest.mark.parametrize("kind", ["transact", "request"])
async def test_the_count_is_exact_and_each_key_has_one_answer(
    any_store: StoreSettings, kind: str
) -> None:
    store = new_store(any_store)
    for first in range(0, TRIALS, AT_ONCE):
        seeds = range(first, min(first + AT_ONCE, TRIALS))
        await asyncio.gather(*(_trial(store, seed, kind) for seed in seeds))
    await store.aclose()
