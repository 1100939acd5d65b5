"""The clients of one session, and what they do: a plan that its seed decides."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence

import aiohttp

from tests.histories.browser import Browser
from tests.histories.client import Client
from tests.histories.history import (
    ENDS,
    MOVES,
    History,
    Kind,
    Message,
    Operation,
    Outcome,
    Window,
)
from tests.histories.socket_checks import knows
from tests.histories.socket_client import SocketClient
from tests.histories.stock_client import StockClient
from tests.histories.visitor import Visitor
from tests.histories.world import RELOAD_SECONDS, World
from tests.support.browsers import Transport
from tests.support.eventually import eventually

STOCK = 2
"""Clients in JavaScript of each session; there is one on a bare WebSocket besides."""

VISITORS = 4
"""Who sign in as the user of a session that is to be banned, each with another session."""

_TURNS = 50
_RACE_SECONDS = 0.05
_PAUSE_SECONDS = 0.18
_TRIES = 4
_FINAL_SECONDS = 20.0
_EVERY = 0.02


class Clients:
    """All clients of one session.

    Args:
        world: the nodes.
        http: sends their requests.
        name: what nobody else is called.
        rng: decides what they do, and when.
        within: seconds that an end has to reach their sockets.
    """

    def __init__(
        self,
        world: World,
        http: aiohttp.ClientSession,
        name: str,
        rng: random.Random,
        within: float,
    ) -> None:
        self.history = History()
        self.browser = Browser(http, self.history)
        self._world = world
        self._name = name
        self._rng = rng
        self._within = within
        self._stopping = False
        self._end = rng.choice([None, Kind.LOGOUT, Kind.BAN])
        self._user = name if self._end is Kind.BAN or rng.random() < 0.3 else None
        self._numbers: dict[str, int] = {}
        self.sockets = [
            self._bare_client(0),
            *(self._stock_client(each + 1) for each in range(STOCK)),
        ]
        number = VISITORS if self._end is Kind.BAN else 0
        self._visitors = [self._visitor() for _ in range(number)]
        self._tasks: list[asyncio.Task[None]] = []
        self._lives: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Open the session, and connect."""
        early = self._user if self._rng.random() < 0.5 else None
        _, url = self._pick()
        await eventually(lambda: self.browser.open(url, early), within=_FINAL_SECONDS)
        self._lives = [asyncio.create_task(each.run()) for each in self.sockets]
        await self._until(lambda: all(each.connected for each in self.sockets), _FINAL_SECONDS)

    def start(self, seconds: float) -> None:
        """Begin: the session's ends and moves fall into so many seconds."""
        plan = self._plan(seconds)
        acts: list[Callable[[], Awaitable[Operation | None]]] = [
            self._increment,
            self._read,
            self._by_socket,
        ]
        self._tasks = [
            *(asyncio.create_task(self._repeat(act, self._own_rng())) for act in acts),
            asyncio.create_task(self._increment_once(self._own_rng())),
            asyncio.create_task(self._speak(self._own_rng())),
            asyncio.create_task(self._live(plan)),
            *(
                asyncio.create_task(each.run(at))
                for each, at in zip(self._visitors, self._visits(plan, seconds), strict=True)
            ),
        ]

    def cut(self, rng: random.Random) -> None:
        """Lose connections of some clients."""
        for each in self.sockets:
            if rng.random() < 0.7:
                each.cut()

    async def finish(self, windows: Sequence[Window]) -> None:
        """Stop when all can be reached again, and look what is true now."""
        self._stopping = True
        for each in self._visitors:
            each.stopping = True
        await asyncio.gather(*self._tasks)
        self.history.windows.extend(windows)
        if self._ended is None and self._end is not None and not self.browser.lost:
            await self._finish_end()
        if self._ended is not None and self._ended.kind is Kind.BAN:
            await self._visit_after_the_ban()
        await asyncio.gather(*(each.look() for each in self._visitors))
        if self._is_over:
            await self._look_at_the_dead()
        else:
            await self._look_at_the_living()
        self.history.finished = time.monotonic()

    async def close(self) -> None:
        """Stop, also amid what a failed round leaves undone, and close all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for each in self.sockets:
            await each.close()
        await asyncio.gather(*self._lives)

    @property
    def cookies(self) -> list[str]:
        """All that were given out for new ids."""
        theirs = [each.cookie for each in self._visitors if each.cookie is not None]
        return [*self.browser.cookies, *theirs]

    @property
    def _ended(self) -> Operation | None:
        ends = [each for each in self.history.operations if each.kind in ENDS]
        return next((each for each in ends if each.outcome is Outcome.OK), None)

    @property
    def _is_over(self) -> bool:
        return self._ended is not None or self.browser.lost

    def _own_rng(self) -> random.Random:
        return random.Random(self._rng.random())

    def _bare_client(self, number: int) -> Client:
        return SocketClient(number, self.browser, self._room, self._pick, self._own_rng())

    def _stock_client(self, number: int) -> Client:
        rng, nodes = self._own_rng(), range(len(self._world.nodes))
        return StockClient(
            number,
            self.browser,
            self._room,
            driver=self._world.driver,
            transport=rng.choice(list(Transport)),
            urls=self._world.urls,
            turns=[rng.choice(nodes) for _ in range(_TURNS)],
        )

    def _visitor(self) -> Visitor:
        return Visitor(self._world, self.browser, self._name, self._own_rng())

    @property
    def _room(self) -> str:
        return f"room of {self._name}"

    def _pick(self) -> tuple[int, str]:
        return self._world.pick(self._rng)

    def _plan(self, seconds: float) -> list[tuple[float, Kind]]:
        """Return when the session moves and ends."""
        acts = [Kind.ROTATE] * self._rng.choice([0, 0, 1, 2])
        if self._user is not None and self.history.users == [None]:
            acts.insert(self._rng.randint(0, len(acts)), Kind.SIGN_IN)
        if self._end is not None:
            acts.append(self._end)
        times = sorted(self._rng.random() * seconds for _ in acts)
        return list(zip(times, acts, strict=True))

    def _visits(self, plan: Sequence[tuple[float, Kind]], seconds: float) -> list[float]:
        """Return when the visitors sign in: around the ban, if there is one, and at any time."""
        bans = [at for at, kind in plan if kind is Kind.BAN]
        return [
            max(0.0, bans[0] + self._rng.gauss(0.0, _RACE_SECONDS))
            if bans and number % 2 == 0
            else self._rng.random() * seconds
            for number in range(len(self._visitors))
        ]

    async def _live(self, plan: Sequence[tuple[float, Kind]]) -> None:
        """Move and end the session as planned."""
        began = time.monotonic()
        for at, kind in plan:
            await asyncio.sleep(max(0.0, began + at - time.monotonic()))
            if self._stopping or self.browser.lost:
                return
            if kind in MOVES:
                await self._move(kind)
            elif kind is not Kind.BAN or self.history.users[-1] is not None:
                await self._ask(kind)

    async def _move(self, kind: Kind) -> None:
        self.browser.moving = True
        each = await self._ask(kind)
        self.browser.moving = False
        # In doubt and without an answer: whether the id lives is found out by the next who uses it.
        if each.outcome is Outcome.ENDED:
            self.browser.lost = True

    async def _ask(self, kind: Kind, **more: object) -> Operation:
        node, url = self._pick()
        user = self._name if kind in {Kind.SIGN_IN, Kind.BAN} else None
        return await self.browser.ask(kind, node, url, user=user, **more)  # type: ignore[arg-type] # of keywords

    async def _repeat(
        self, act: Callable[[], Awaitable[Operation | None]], rng: random.Random
    ) -> None:
        """Do one thing again and again, a few times more when it is over."""
        in_vain = 0
        while not self._stopping and in_vain < _TRIES:
            each = await act()
            in_vain += each is not None and each.outcome is Outcome.ENDED
            await asyncio.sleep(rng.expovariate(1 / _PAUSE_SECONDS))

    async def _increment(self) -> Operation:
        return await self._ask(Kind.INCREMENT)

    async def _read(self) -> Operation:
        return await self._ask(Kind.READ)

    async def _by_socket(self) -> Operation | None:
        socket = self._rng.choice(self.sockets)
        kind = self._rng.choice([Kind.INCREMENT, Kind.INCREMENT, Kind.READ])
        return await socket.ask(kind)

    async def _increment_once(self, rng: random.Random) -> None:
        """Increment by a key, whose answer is lost now and then, until there is one; and then once more."""
        number = 0
        while not self._stopping and not self._is_over:
            number += 1
            once = f"key-{number:08}"
            by_socket = rng.choice([None, *self.sockets])
            for _ in range(_TRIES):
                each = await self._try_once(once, by_socket, rng)
                if each is not None and (each.outcome is Outcome.ENDED or rng.random() < 0.2):
                    break
                if each is not None and each.outcome is Outcome.OK and rng.random() < 0.7:
                    break
                await asyncio.sleep(rng.random() * _PAUSE_SECONDS)
            await asyncio.sleep(rng.expovariate(1 / (2 * _PAUSE_SECONDS)))

    async def _try_once(
        self, once: str, by_socket: Client | None, rng: random.Random
    ) -> Operation | None:
        if by_socket is not None:
            return await by_socket.ask(Kind.INCREMENT, f"{once} by socket")
        patience = rng.random() * 0.01 if rng.random() < 0.25 else 6.0
        return await self._ask(Kind.INCREMENT, once=once, patience=patience)

    async def _speak(self, rng: random.Random) -> None:
        """Send messages to the room, by any node."""
        while not self._stopping:
            await self._say()
            await asyncio.sleep(rng.expovariate(1 / _PAUSE_SECONDS))

    async def _say(self) -> Message:
        node, url = self._pick()
        source = f"node {node}"
        self._numbers[source] = number = self._numbers.get(source, 0) + 1
        each = Message(source, number, time.monotonic())
        self.history.messages.append(each)
        body = {"room": self._room, "source": source, "number": number}
        answer = await self.browser.send(url, "POST", "/send", body, cookie="")
        if answer.status == 200:
            each.taken = time.monotonic()
        return each

    async def _finish_end(self) -> None:
        """Ask for the end until it is answered."""
        kind = self._end
        if kind is Kind.BAN and self.history.users[-1] is None:
            kind = Kind.LOGOUT
        assert kind is not None
        deadline = time.monotonic() + _FINAL_SECONDS
        while self._ended is None and time.monotonic() < deadline:
            await self._ask(kind)
            await asyncio.sleep(_EVERY)
        if self._ended is None:
            self.history.odd.append(f"the {kind} was never answered")

    async def _visit_after_the_ban(self) -> None:
        last = self._visitor()
        self._visitors.append(last)
        if not await last.sign_in():
            self.history.odd.append("who was banned cannot sign in afterwards")

    async def _look_at_the_dead(self) -> None:
        """Use all ids, on all nodes, and wait for the sockets to be closed."""
        for number in range(len(self.browser.cookies)):
            for node, url in enumerate(self._world.urls):
                kind = self._rng.choice([Kind.READ, Kind.INCREMENT])
                await self.browser.ask(kind, node, url, number=number)
        if self._ended is not None:
            await self._until(self._all_closed, self._within)
        elif self.history.may_have_expired(time.monotonic()):
            # Nobody tells the nodes: they look each second, and their timers were set before the jump.
            closed = await self._until(self._all_closed, self._within + RELOAD_SECONDS)
            if not closed:
                self.history.odd.append("a socket outlives its session, which has expired")

    def _all_closed(self) -> bool:
        return not any(each.connected for each in self.sockets)

    async def _look_at_the_living(self) -> None:
        """Read the count on all nodes, use the older ids, and wait for what the sockets are sent."""
        for node, url in enumerate(self._world.urls):
            await self._read_for_sure(node, url)
        for number in range(self.browser.id):
            await self._ask(self._rng.choice([Kind.READ, Kind.INCREMENT]), number=number)
        if self.browser.lost:
            return
        back = await self._until(
            lambda: all(each.connected for each in self.sockets), _FINAL_SECONDS
        )
        if not back:
            self.history.odd.append("a client does not come back")
        last = [await self._say() for _ in range(len(self._world.urls))]
        await self._until(lambda: self._have(last), _FINAL_SECONDS / 2)
        count = max(
            (each.count or 0 for each in self.history.operations if each.outcome is Outcome.OK),
            default=0,
        )
        await self._until(lambda: self._know(count), _FINAL_SECONDS / 2)
        self.count = count

    count: int | None = None
    """What it was in the end, of a session that lives."""

    async def _read_for_sure(self, node: int, url: str) -> None:
        deadline = time.monotonic() + _FINAL_SECONDS
        while time.monotonic() < deadline:
            each = await self.browser.ask(Kind.READ, node, url)
            if each.outcome in {Outcome.OK, Outcome.ENDED}:
                return
            await asyncio.sleep(_EVERY)
        self.history.odd.append(f"node {node} does not serve it in the end")

    def _have(self, messages: Sequence[Message]) -> bool:
        wanted = {(each.source, each.number) for each in messages if each.taken is not None}
        return all(
            wanted <= {(each.source, each.number) for each in socket.connection.messages}
            for socket in self.sockets
            if socket.connection is not None
        )

    def _know(self, count: int) -> bool:
        return all(
            socket.connection is None or knows(self.history, socket.connection, count)
            for socket in self.sockets
        )

    @staticmethod
    async def _until(done: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_EVERY)
        return True
