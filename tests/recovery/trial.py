"""One client: it is on a node, is sent messages, loses its connection, comes back, and has them all."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

from tests.recovery.source import Source, Target, by_node, by_worker
from tests.recovery.world import World
from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.js_client import JsClient
from tests.support.proxy import Proxy

ENDS = ("logout", "ban", "rotate")
_BACK_SECONDS = 30.0
_LAST_SECONDS = 20.0


@dataclass
class Outcome:
    """What some trials came to.

    Attributes:
        trials: how many there were.
        recovered: how many clients got what they had missed.
        told: how many were told that they did not.
        received: messages that clients have received in all.
        ended: trials whose session ended meanwhile.
        violations: what was not to be.
    """

    trials: int = 0
    recovered: int = 0
    told: int = 0
    received: int = 0
    ended: int = 0
    violations: list[str] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        """Add what others came to."""
        self.trials += other.trials
        self.recovered += other.recovered
        self.told += other.told
        self.received += other.received
        self.ended += other.ended
        self.violations += other.violations


class Trial:
    """The life of one client.

    Args:
        world: the nodes.
        js: has the client.
        user: a name that nobody else has.
        rng: decides what is done when.
        end: how its session ends while it is away, None if it does not.
        rest: seconds for which each source of its messages rests at least.
    """

    def __init__(
        self,
        world: World,
        js: JsClients,
        user: str,
        rng: random.Random,
        end: str | None,
        rest: float,
    ) -> None:
        self.user = user
        self.end = end
        self.client: JsClient
        self._world = world
        self._js = js
        self._rng = rng
        self._rest = rest
        self._room = f"room of {user}"
        self._proxy: Proxy
        self._browser: JsBrowser
        self._sources: list[Source] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._back = 0
        self._transport = rng.choice(list(Transport))

    async def prepare(self) -> None:
        """Sign in, connect to the node that will fail, and enter a room; then messages begin to come."""
        world = self._world
        self._proxy = await world.proxy()
        port = self._proxy.port
        self._browser = await self._js.browser(f"http://127.0.0.1:{port}")
        key = (await self._browser.post_json("/login", {"user": self.user})).json()
        self.client = await self._browser.connect(self._transport, within=15.0)
        await self.client.emit("enter", self._room, within=10.0)
        session: Target = ("session", key)
        targets: list[Target] = [session, ("user", self.user), ("room", self._room)]
        for number, client in enumerate(world.clients):
            shuffled = self._rng.sample(targets, len(targets))
            self._sources.append(Source(f"node {number}", by_node(client), shuffled))
        self._sources.append(Source("worker", by_worker(world.worker), targets))
        for source in self._sources:
            pause = self._rng.choice([0.0, 0.02, 0.1])
            self._tasks.append(asyncio.create_task(source.run(self._rest + pause)))

    def redirect(self) -> None:
        """Have new connections go to the node that runs."""
        self._proxy.send_to(self._world.nodes[1].port)

    def cut(self) -> None:
        """Cut the connections, and let no new one through."""
        self._proxy.cut()

    def mend(self) -> None:
        """Let connections through."""
        self._proxy.mend()

    async def end_session(self) -> None:
        """End the session while the client is away."""
        world = self._world
        url = world.nodes[1].url
        cookie = await self._browser.cookie_header()
        match self.end:
            case "logout":
                answer = await world.clients[1].post("/logout", headers={"cookie": cookie})
                assert answer.status_code == httpx.codes.NO_CONTENT, answer.text
            case "ban":
                answer = await world.clients[1].post(f"/ban/{self.user}")
                assert answer.json() == 1
            case "rotate":
                rotated = await self._browser.fetch("POST", f"{url}/session/rotate")
                assert rotated.status == httpx.codes.NO_CONTENT, rotated.body

    async def come_back(self, mark: int) -> bool:
        """Return whether it was recovered, once it is connected again."""
        try:
            event = await self.client.wait_for("connect", after=mark, within=_BACK_SECONDS)
        except AssertionError:
            if self.client.connected and not self.client.named("disconnect", after=mark):
                return True  # its link was open for none of the time in which none could be
            if self.end is None:
                raise
            self._back = self.client.mark
            return False  # a client whose session has ended for good does not try again
        self._back = event.index
        return bool(event.args[1])

    async def finish(self, outcome: Outcome, *, recovered: bool) -> None:
        """Stop sending, wait for the last messages, and check what the client has received."""
        for source in self._sources:
            source.running = False
        await asyncio.gather(*self._tasks)
        outcome.trials += 1
        outcome.recovered += recovered
        outcome.told += not recovered
        if self.end is not None:
            outcome.ended += 1
            if recovered:
                outcome.violations.append(f"{self.user}: recovered after {self.end}")
            said = self.client.named("said", after=self._back)
            if said and self.end != "rotate":
                outcome.violations.append(f"{self.user}: {len(said)} messages after {self.end}")
            return
        if recovered:
            await self._check_all(outcome)
        else:  # what it had before is no longer known
            self._check_order(outcome, self._back)

    async def close(self) -> None:
        """Close its way to the nodes."""
        await self._proxy.aclose()

    async def _check_all(self, outcome: Outcome) -> None:
        for source in self._sources:
            if not await source.send_next():
                continue
            with suppress(AssertionError):
                await self.client.wait_for(
                    "said",
                    where=lambda event, source=source: (  # type: ignore[misc] # of a default
                        event.args[:2] == (source.name, source.taken[-1])
                    ),
                    within=_LAST_SECONDS,
                )
        self._check_order(outcome, 0)
        for source in self._sources:
            got = self._numbers(source.name, 0)
            lost = sorted(set(source.taken) - set(got))
            if lost:
                outcome.violations.append(
                    f"{self.user} ({self._transport.value}): lost {lost[:5]} of {source.name} "
                    f"({source.targets[lost[0] % len(source.targets)][0]}), {len(lost)} in all"
                )

    def _check_order(self, outcome: Outcome, after: int) -> None:
        outcome.received += len(self.client.named("said", after=after))
        for source in self._sources:
            got = self._numbers(source.name, after)
            if len(set(got)) < len(got):
                twice = sorted({each for each in got if got.count(each) > 1})
                outcome.violations.append(f"{self.user}: {twice[:5]} of {source.name} twice")
            elif got != sorted(got):
                outcome.violations.append(f"{self.user}: out of order from {source.name}: {got}")

    def _numbers(self, source: str, after: int) -> list[int]:
        said = self.client.named("said", after=after)
        return [event.args[1] for event in said if event.args[0] == source]
