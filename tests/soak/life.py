"""What a client does: it signs in, connects, talks, and then one of the ends that there are."""

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable

import aiohttp

from tests.soak import absolute_seconds, idle_seconds
from tests.soak.client import Client, RefusedError
from tests.soak.wire import Failures, LostError

TRANSPORTS = ("websocket", "polling", "upgraded", "roaming")
_NEAR = 8.0
_ROOM_OF = 5


class Life:
    """One client, from one end to the next.

    Args:
        connector: of this process.
        urls: of the nodes.
        number: of the client; it names its user.
        pace: seconds between two things that it does, on average.
        done: counts what has happened.
        wrong: counts what should not.
    """

    def __init__(
        self,
        connector: aiohttp.TCPConnector,
        urls: list[str],
        number: int,
        *,
        pace: float,
        done: Counter[str],
        wrong: Counter[str],
    ) -> None:
        self._rng = random.Random(number)
        self._urls = urls
        self._user = f"soak-{number}"
        self._room = f"room-{number // _ROOM_OF}"
        self._pace = pace
        self._done = done
        self._wrong = wrong
        self._connector = connector
        self._client = Client(connector)
        self._transport = TRANSPORTS[number % len(TRANSPORTS)]
        self._signed_in_at = self._used_at = time.monotonic()

    async def live(self) -> None:
        """Live until it is cancelled."""
        await asyncio.sleep(self._rng.random() * 10 * self._pace)
        while True:
            try:
                await self._once()
            except (RefusedError, LostError, *Failures) as error:
                if self._may_have_expired():
                    self._done["expired meanwhile"] += 1
                else:
                    self._wrong[f"{self._transport}: {error!r}"[:200]] += 1
                await self._client.leave(goodbye=False)
                await asyncio.sleep(self._pace)

    async def aclose(self) -> None:
        """Go, and say so."""
        await self._client.aclose()

    async def _once(self) -> None:
        """From a sign-in to the end of the session."""
        client = self._client
        client.forget()
        await client.post(f"{self._url()}/login", json={"user": self._user})
        self._signed_in_at = self._used_at = time.monotonic()
        await self._connect()
        while True:
            end = await self._talk()
            if end is None:
                end = self._rng.choices(list(_ENDS), [weight for _, weight in _ENDS.values()])[0]
                await _ENDS[end][0](self)
            self._done[end] += 1
            if end in ("log out", "expire", "end", "vanish", "expired while it talked"):
                return

    async def _connect(self) -> None:
        nodes = self._rng.sample(self._urls, len(self._urls))
        self._done["connect"] += 1
        if await self._client.connect(self._transport, nodes):
            self._done["recovered"] += 1
        await self._client.call("enter", self._room)

    async def _talk(self) -> str | None:
        """Do this and that; return why the session has ended, if it has."""
        client = self._client
        for _ in range(self._rng.randrange(1, 6)):
            await asyncio.sleep(self._rng.expovariate(1 / self._pace))
            deed = self._rng.choice(_DEEDS)
            try:
                await deed(self)
            except (RefusedError, LostError, *Failures) as error:
                if not client.lost.is_set() and not self._may_have_expired():
                    raise
                if await client.until_lost() != "expired":
                    raise error from None
                return "expired while it talked"
            self._done["deed"] += 1
            if deed not in _WITHOUT_SESSION:
                self._used_at = time.monotonic()
        return None

    async def _incr(self) -> None:
        await self._client.call("incr")

    async def _incr_by_http(self) -> None:
        await self._client.post(f"{self._url()}/incr")

    async def _say(self) -> None:
        await self._client.call("say", self._room, f"from {self._user}")

    async def _buy(self) -> None:
        key = {"Idempotency-Key": uuid.uuid4().hex}
        first, again = [
            await self._client.post(f"{self._url()}/buy", headers=key) for _ in range(2)
        ]
        if first != again:
            raise RefusedError("a repeat got another answer")

    async def _pay(self) -> None:
        key = uuid.uuid4().hex
        first, again = [await self._client.call("pay", key) for _ in range(2)]
        if first != again:
            raise RefusedError("a repeat got another ack")

    async def _tell(self) -> None:
        await self._client.call("tell")

    async def _ask(self) -> None:
        if await self._client.post(f"{self._url()}/ask/{self._client.sid}") != 42:
            raise RefusedError("a question got another answer")

    async def _recover(self) -> None:
        """Lose the connection, and come back to any node."""
        await self._client.leave(goodbye=False)
        await asyncio.sleep(self._rng.random() * 3)
        await self._connect()

    async def _go(self) -> None:
        """Say goodbye, and come back as new."""
        await self._client.leave(goodbye=True)
        await asyncio.sleep(self._rng.random())
        self._client.forget()
        await self._connect()

    async def _log_out(self) -> None:
        await self._client.post(f"{self._url()}/logout", expect=204)
        await self._ends_with("logout")

    async def _rotate(self) -> None:
        await self._client.post(f"{self._url()}/session/rotate", expect=204)
        await self._ends_with("rotated")
        self._client.forget()
        await self._connect()

    async def _expire(self) -> None:
        """Do nothing, until the session is over."""
        await self._ends_with("expired")

    async def _end(self) -> None:
        await self._client.post(f"{self._url()}/end")
        await self._ends_with("revoked")

    async def _vanish(self) -> None:
        """Lose the connection, and never come back."""
        await self._client.leave(goodbye=False)
        await self._client.http.close()
        self._client = Client(self._connector)

    async def _ends_with(self, reason: str) -> None:
        found = await self._client.until_lost(idle_seconds(self._pace))
        if found is None and self._transport in ("polling", "roaming"):
            self._done["ended between two polls"] += (
                1  # the next one has another cookie, and is refused
            )
        elif found not in (reason, "expired"):
            raise RefusedError(f"the session ended with {found} in place of {reason}")

    def _may_have_expired(self) -> bool:
        """Return whether its session is near one of its two deadlines, or past it."""
        idle, old = time.monotonic() - self._used_at, time.monotonic() - self._signed_in_at
        until_idle, until_old = idle_seconds(self._pace), absolute_seconds(self._pace)
        return idle > until_idle - _NEAR or old > until_old - _NEAR

    def _url(self) -> str:
        return self._rng.choice(self._urls)


Deed = Callable[[Life], Awaitable[None]]

_DEEDS: tuple[Deed, ...] = (
    Life._incr,
    Life._incr_by_http,
    Life._say,
    Life._buy,
    Life._pay,
    Life._tell,
    Life._ask,
)
_WITHOUT_SESSION = (Life._say, Life._ask)
"""Their handlers ask for no session, so that it is not used by them."""

_ENDS: dict[str, tuple[Deed, int]] = {
    "recover": (Life._recover, 35),
    "go": (Life._go, 10),
    "log out": (Life._log_out, 15),
    "rotate": (Life._rotate, 15),
    "expire": (Life._expire, 10),
    "end": (Life._end, 5),
    "vanish": (Life._vanish, 10),
}
