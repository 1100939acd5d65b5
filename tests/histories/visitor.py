"""Somebody who signs in as the user of a session as well, with a session of their own."""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any

from tests.histories.browser import IN_DOUBT, Answer, Browser
from tests.histories.history import Dead, Kind, Operation, Outcome, Visit
from tests.histories.world import World

_OPENED_BEFORE = 0.5
_PAUSE_SECONDS = 0.2
_FINAL_SECONDS = 20.0
_EVERY = 0.02


class Visitor:
    """One of them.

    Args:
        world: the nodes.
        browser: sends the requests, each with the visitor's own cookie.
        user: who signs in.
        rng: decides by which nodes.

    Attributes:
        cookie: of the visitor's session, None before there is one. Of a sign-in in doubt too, if it has come:
            whether there is a session is seen by its first use.
    """

    def __init__(self, world: World, browser: Browser, user: str, rng: random.Random) -> None:
        self.stopping = False
        self._world = world
        self._browser = browser
        self._user = user
        self._rng = rng
        self.cookie: str | None = None
        self._visit: Visit | None = None

    async def run(self, at: float) -> None:
        """Sign in after so many seconds, and read until there is nothing to read, or it is told to stop."""
        await asyncio.sleep(at)
        await self.sign_in()
        while not self.stopping and self._lives:
            await self._read(*self._world.pick(self._rng))
            await asyncio.sleep(self._rng.expovariate(1 / _PAUSE_SECONDS))

    async def sign_in(self) -> bool:
        """Sign in, in a new session or by moving one to a new id; return whether there is one to use."""
        path, cookie = await self._begin()
        node, url = self._world.pick(self._rng)
        each = Operation(Kind.SIGN_IN, node, 0, time.monotonic())
        self._visit = Visit(each)
        self._browser.history.visits.append(self._visit)
        answer = await self._browser.send(url, "POST", path, {"user": self._user}, cookie=cookie)
        self._judge(each, answer)
        if each.outcome is Outcome.ENDED:
            each.outcome = Outcome.FAILED
        elif each.outcome is Outcome.OK or answer.status == 503:
            self.cookie = answer.cookie
        return self.cookie is not None

    async def _begin(self) -> tuple[str, str]:
        """Return where to sign in, and the cookie of a session that was opened for it, if one was."""
        if self._rng.random() < _OPENED_BEFORE:
            _, url = self._world.pick(self._rng)
            answer = await self._browser.send(url, "POST", "/open", {"user": None}, cookie="")
            if answer.status == 200 and answer.cookie:
                return "/sign-in", answer.cookie
        return "/open", ""

    async def look(self) -> None:
        """Read on all nodes, until each has answered."""
        if self.cookie is None:
            return
        for node, url in enumerate(self._world.urls):
            deadline = time.monotonic() + _FINAL_SECONDS
            while (await self._read(node, url)).outcome is Outcome.UNKNOWN:
                if time.monotonic() > deadline:
                    self._browser.history.odd.append(f"node {node} does not serve a visitor")
                    return
                await asyncio.sleep(_EVERY)

    @property
    def _lives(self) -> bool:
        assert self._visit is not None
        uses: Sequence[Operation] = self._visit.uses
        return self.cookie is not None and not any(each.outcome is Outcome.ENDED for each in uses)

    async def _read(self, node: int, url: str) -> Operation:
        assert self._visit is not None
        assert self.cookie is not None
        each = Operation(Kind.READ, node, 0, time.monotonic())
        self._visit.uses.append(each)
        answer = await self._browser.send(url, "GET", "/view", cookie=self.cookie)
        self._judge(each, answer)
        return each

    def _judge(self, each: Operation, answer: Answer) -> None:
        each.said = str(answer)
        if answer.status:
            each.returned = time.monotonic()
        odd = self._browser.history.odd
        if answer.status == 200 and each.kind is Kind.SIGN_IN:
            each.outcome = Outcome.OK
            if answer.body is False:
                each.dead = Dead.STRANGER
            if answer.cookie is None:
                odd.append(f"a sign-in was answered {answer}, without a new id")
        elif answer.status == 200:
            self._judge_view(each, answer.body)
        elif answer.problem == "session-ended":
            each.outcome, each.dead = Outcome.ENDED, Dead.ENDED
        elif answer.status and answer.problem not in IN_DOUBT:
            odd.append(f"a visitor's {each.kind} was answered {answer}")

    def _judge_view(self, each: Operation, body: Any) -> None:
        if body is None:
            each.outcome, each.dead = Outcome.ENDED, Dead.STRANGER
            return
        each.outcome, each.user = Outcome.OK, body[1]
        if each.user != self._user:
            self._browser.history.odd.append(f"{self._user} was answered as {each.user}")
