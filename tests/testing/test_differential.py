"""The kit's client sees what the JavaScript client sees of a served node: the same events, in order."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from app.testing import Browser, ClientSocket, ConnectError, TestApp
from tests.support.browsers import JsBrowser, JsClient, JsClients
from tests.support.service import Service, service
from tests.support.stores import memory_settings
from tests.testing.product import product

Story = Callable[["Visitor"], Awaitable[None]]

MIRRORED: list[list[Any]] = [
    *([], [None], [[]]),
    [1, 2.5, -0.0, 1e21, 2**53],
    ["\u2028 \0 ß 😀", {"a": {"": []}}],
]

_TOLD = {"connect", "disconnect", "connect_error"}


class Visitor(ABC):
    """A browser with one socket; `trace` is all that it has seen, acks among it."""

    def __init__(self) -> None:
        self.trace: list[Any] = []

    async def call(self, event: str, *args: Any) -> None:
        """Emit, and note the ack."""
        answer = await self.ack(event, *args)
        await self.note()
        self.trace.append(("ack", answer))

    @abstractmethod
    async def post(self, path: str) -> Any:
        """Send a request, and return its answer. It and what the socket sees meanwhile have no order."""

    @abstractmethod
    async def connect(self, namespace: str = "/", auth: Any = None) -> None:
        """Connect, or try to."""

    @abstractmethod
    async def ack(self, event: str, *args: Any) -> Any:
        """Emit; return the ack."""

    @abstractmethod
    async def sees(self, event: str) -> None:
        """Wait for something, once."""

    @abstractmethod
    async def cut(self) -> None:
        """Lose the connection."""

    @abstractmethod
    async def leave(self) -> None:
        """Say goodbye."""

    async def hears_why(self, name: str) -> None:
        """Note for which reasons the app says that the sockets of a user have left, when one has."""
        reasons: list[str] = []
        while not reasons:
            reasons = await self.post(f"/reasons/{name}")
        await self.note()
        self.trace.append(("reasons", *reasons))

    @abstractmethod
    async def reconnect(self) -> None:
        """Come back."""

    @abstractmethod
    async def note(self) -> None:
        """Bring the trace up to date."""


class JsVisitor(Visitor):
    """By the JavaScript client, and a server on a port."""

    def __init__(self, browser: JsBrowser) -> None:
        super().__init__()
        self._browser = browser
        self._client: JsClient | None = None
        self._mark = self._noted = 0

    @property
    def client(self) -> JsClient:
        assert self._client is not None
        return self._client

    async def post(self, path: str) -> Any:
        answer = await self._browser.fetch("POST", path)
        assert answer.status < 300
        return answer.json() if answer.body else None

    async def connect(self, namespace: str = "/", auth: Any = None) -> None:
        self._mark = self._noted = 0
        self._client = await self._browser.connect(
            url=self._browser.url + namespace,
            options={"reconnection": False} | ({} if auth is None else {"auth": auth}),
            wait=False,
        )
        await self._settled()

    async def _settled(self) -> None:
        mark = self._mark
        await self.client._wait(
            lambda: (
                self.client.named("connect", after=mark)
                or self.client.named("connect_error", after=mark)
            ),
            "",
            5,
        )
        await self.note()

    async def ack(self, event: str, *args: Any) -> Any:
        answer = await self.client.emit(event, *args)
        return None if answer == () else answer

    async def sees(self, event: str) -> None:
        found = await self.client.wait_for(event, after=self._mark)
        self._mark = found.index + 1

    async def cut(self) -> None:
        await self.client.cut()
        await self.sees("disconnect")

    async def leave(self) -> None:
        await self.client.close()
        await self.sees("disconnect")

    async def reconnect(self) -> None:
        self._mark = self.client.mark
        await self.client.reconnect()
        await self._settled()

    async def note(self) -> None:
        if self._client is None:
            return
        for each in self.client.events[self._noted :]:
            if each.kind == "server":
                self.trace.append((each.name, *each.args))
            elif each.name == "connect":
                self.trace.append(("connect", bool(each.args[1])))
            elif each.name == "connect_error":
                self.trace.append(("connect_error", each.args[0], each.args[2]))
            elif each.name in _TOLD:
                self.trace.append((each.name, each.args[0]))
        self._noted = self.client.mark


class KitVisitor(Visitor):
    """By the kit."""

    def __init__(self, browser: Browser) -> None:
        super().__init__()
        self._browser = browser
        self._socket: ClientSocket | None = None
        self._noted = 0
        self._told: str | None = None

    @property
    def socket(self) -> ClientSocket:
        assert self._socket is not None
        return self._socket

    async def post(self, path: str) -> Any:
        answer = await self._browser.post(path)
        assert answer.is_success
        return answer.json() if answer.content else None

    async def connect(self, namespace: str = "/", auth: Any = None) -> None:
        try:
            self._socket = await self._browser.connect(namespace, auth=auth)
        except ConnectError as error:
            self.trace.append(("connect_error", str(error), error.data))
        else:
            self.trace.append(("connect", self._socket.recovered))
            await self.note()

    async def ack(self, event: str, *args: Any) -> Any:
        return await self.socket.call(event, *args)

    async def sees(self, event: str) -> None:
        if event == "disconnect":
            await self.socket.disconnected()
        else:
            await self.socket.expect(event)

    async def cut(self) -> None:
        self.socket.cut()
        await self.sees("disconnect")
        await self.note()

    async def leave(self) -> None:
        self.socket.disconnect()
        await self.sees("disconnect")
        await self.note()

    async def reconnect(self) -> None:
        await self.socket.reconnect()
        self._told = None
        self.trace.append(("connect", self.socket.recovered))
        await self.note()

    async def note(self) -> None:
        if self._socket is None:
            return
        self.trace.extend(self.socket.received[self._noted :])
        self._noted = len(self.socket.received)
        if self.socket.reason != self._told:
            self._told = self.socket.reason
            self.trace.append(("disconnect", self._told))


@pytest.fixture(scope="module")
def served() -> Iterator[Service]:
    """A node of the app, on a port."""
    with service(app="tests.testing.served:app", **memory_settings()) as node:
        yield node


@pytest.fixture
async def visitors(served: Service, js: JsClients) -> AsyncIterator[list[Visitor]]:
    """One visitor of each kind."""
    async with TestApp(product()) as test:
        yield [JsVisitor(await js.browser(served.url)), KitVisitor(test.browser())]


async def talks(visitor: Visitor) -> None:
    await visitor.connect()
    await visitor.sees("welcome")
    await visitor.call("say", "deck", "not yet")
    await visitor.call("join", "deck")
    for line in ("one", "two"):
        await visitor.call("say", "deck", line)
        await visitor.sees("said")
    await visitor.call("whoami")
    await visitor.call("no such event")
    await visitor.call("say", 1, 2)


async def logs_out(visitor: Visitor) -> None:
    await visitor.post("/login/ann")
    await visitor.connect()
    await visitor.call("whoami")
    await visitor.post("/logout")
    await visitor.sees("session ended")
    await visitor.sees("disconnect")


async def rotates(visitor: Visitor) -> None:
    await visitor.post("/incr")
    await visitor.connect()
    await visitor.post("/login/ann")
    await visitor.sees("disconnect")
    await visitor.note()
    await visitor.reconnect()
    await visitor.call("incr")


async def _misses_something(visitor: Visitor) -> None:
    await visitor.post("/login/ann")
    await visitor.connect("/kept")
    await visitor.post("/say/ann/one")
    await visitor.sees("said")
    await visitor.cut()
    await visitor.post("/say/ann/two")


async def comes_back(visitor: Visitor) -> None:
    await _misses_something(visitor)
    await visitor.reconnect()
    await visitor.sees("said")
    await visitor.call("incr")


async def is_refused(visitor: Visitor) -> None:
    await visitor.connect("/nowhere")


async def is_refused_by_the_app(visitor: Visitor) -> None:
    for auth in (None, {"word": "hello"}, {"word": 7}, {"word": "ahoy"}):
        await visitor.connect("/strict", auth)
    await visitor.call("repeat", 3)
    await visitor.call("repeat", "many")
    await visitor.call("repeat")


async def is_mirrored(visitor: Visitor) -> None:
    await visitor.connect()
    for values in MIRRORED:
        await visitor.call("mirror", *values)


async def leaves_in_many_ways(visitor: Visitor) -> None:
    await visitor.post("/login/bea")
    await visitor.connect("/kept")
    await visitor.cut()
    await visitor.hears_why("bea")
    await visitor.reconnect()
    await visitor.leave()
    await visitor.hears_why("bea")
    await visitor.reconnect()
    await visitor.post("/login/bea")
    await visitor.sees("disconnect")
    await visitor.hears_why("bea")
    await visitor.reconnect()
    await visitor.post("/logout")
    await visitor.sees("disconnect")
    await visitor.hears_why("bea")


async def comes_back_without_having_heard_anything(visitor: Visitor) -> None:
    await visitor.post("/login/ann")
    await visitor.connect("/kept")
    await visitor.cut()
    await visitor.post("/say/ann/one")
    await visitor.reconnect()
    await visitor.call("incr")


async def comes_back_signed_in_anew(visitor: Visitor) -> None:
    await _misses_something(visitor)
    await visitor.post("/login/ann")
    await visitor.reconnect()
    await visitor.call("incr")


async def comes_back_when_all_is_over(visitor: Visitor) -> None:
    await _misses_something(visitor)
    await visitor.post("/logout")
    await visitor.reconnect()
    await visitor.call("incr")


@pytest.mark.parametrize(
    ("story", "length"),
    [
        (talks, 11),
        (logs_out, 5),
        (rotates, 7),
        (comes_back, 6),
        (is_refused, 1),
        (is_refused_by_the_app, 9),
        (is_mirrored, 7),
        (leaves_in_many_ways, 13),
        (comes_back_without_having_heard_anything, 5),
        (comes_back_signed_in_anew, 5),
        (comes_back_when_all_is_over, 5),
    ],
    ids=lambda each: getattr(each, "__name__", "").replace("_", " "),
)
async def test_both_clients_see_the_same(
    story: Story, length: int, visitors: list[Visitor]
) -> None:
    for each in visitors:
        await story(each)
        await each.note()
    theirs, ours = [[_comparable(step) for step in each.trace] for each in visitors]
    assert ours == theirs
    assert len(ours) >= length


def _comparable(step: Any) -> Any:
    """Leave out what is different each time: the offset that ends an event of a namespace with recovery."""
    name, *args = step
    return (name, args[0], "an offset") if name == "said" and len(args) == 2 else step
