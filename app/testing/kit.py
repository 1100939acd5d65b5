"""TestApp: an app on one node or several, in the test's own process."""

import asyncio
import threading
from functools import partial
from typing import Any, Self

from fastapi import FastAPI

from ..article import kind_of
from ..backends import Backend, new_node_id
from ..mooring import Mooring, mooring_of
from ..realtime.bus.base import MemoryBus
from ..realtime.counters import MemoryCounters
from ..realtime.recovery.store import MemoryRecoveryStore
from ..realtime.streams.memory import MemoryStreamLog
from ..sessions import MemoryStore, SessionStore
from .browser import Browser
from .clock import FakeClock, StopClock
from .node import Node
from .presence import Presences, SharedPresence, SharedUserPresence

_ROUNDS = 1000
_REST_SECONDS = 60.0
"""Of real time, after which a node that always has something to do is distinguished from one that is slow."""


class TestApp:
    """Runs an app that has a Mooring, without a port, on nodes that share a store and a bus in memory.

        async with TestApp(app) as test:
            ann = test.browser()
            await ann.post("/login", json={"name": "ann"})
            socket = await ann.connect()
            assert await socket.call("incr") == 1

    The app is used as it is, with its settings, its lifespan (on each node) and its overrides; but not with
    its store: each TestApp begins with nothing. Each node has an event loop and a thread of its own, of
    which one runs at a time. It needs httpx, and a test that runs on asyncio.

    Args:
        app: the FastAPI app.
        nodes: how many nodes to start.
        clock: by which sessions, timers and heartbeats go; a new one if None is given.
        store: to keep the sessions in, for all nodes; a MemoryStore on the clock if None is given.
        base_url: of the browsers. By `https` cookies that are Secure are sent, too.
        raise_app_exceptions: whether a request raises what the app has let through, as httpx does it.

    Attributes:
        app: the FastAPI app.
        clock: the clock.
        nodes: those that were started, in order; killed ones are among them.

    Raises:
        TypeError: the app is no FastAPI app, or the number of nodes is no number.
        ValueError: it has no Mooring, or there is to be no node.
    """

    __test__ = False  # it is no test of pytest's

    def __init__(
        self,
        app: FastAPI,
        *,
        nodes: int = 1,
        clock: FakeClock | None = None,
        store: SessionStore | None = None,
        base_url: str = "https://testserver",
        raise_app_exceptions: bool = True,
    ) -> None:
        _check_app(app)
        _check_number(nodes)
        self.app = app
        self.clock = FakeClock() if clock is None else clock
        self.nodes: list[Node] = []
        self._socket_path = mooring_of(app).settings.socket_path
        self._number = nodes
        self._base_url = base_url
        self._raises = raise_app_exceptions
        self._turn = threading.Lock()
        self._presences = Presences(self.clock.monotonic)
        self._backend = Backend(
            MemoryStore(clock=self.clock.time) if store is None else store,
            MemoryBus(),
            counters=MemoryCounters(self.clock.monotonic),
            streams=MemoryStreamLog(clock=self.clock.monotonic),
            clock=self.clock.running,
        )
        self._browsers: list[Browser] = []
        self._failures: list[BaseException] = []
        self._was_started = self._runs = False

    async def __aenter__(self) -> Self:
        """Start the nodes; raise what the app's lifespan raises."""
        if self._was_started:
            raise RuntimeError(
                "this TestApp has been started: the one of make_test_app runs already, without "
                "async with, and what has been stopped is not started again"
            )
        self._was_started = True
        try:
            for _ in range(self._number):
                await self._start_node()
        except BaseException:
            await self._stop()
            raise
        self.clock.on_advance(self._settle_in_time)
        self._runs = True
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close the browsers, and stop the nodes; raise what a function has that a socket answers with."""
        self._runs = False
        self.clock.off_advance(self._settle_in_time)
        for node in self.nodes:
            if node.hung and node.alive:
                node.resume()
        try:
            for browser in self._browsers:
                await browser.aclose()
            await self.settle()
        finally:
            await self._stop()
        if self._failures and asyncio.CancelledError not in error:
            raise self._failures[0]

    async def add_node(self) -> Node:
        """Start one more node, and return it. Its number is its place in `nodes`.

        Raises:
            RuntimeError: the TestApp does not run.
        """
        if not self._runs:
            raise RuntimeError("the TestApp does not run: write async with TestApp(app) as test")
        return await self._start_node()

    async def _start_node(self) -> Node:
        stop_clock = StopClock(self.clock)
        backend = self._new_backend(stop_clock)
        node = Node(self.app, backend, self.clock.monotonic, self._turn, stop_clock)
        await node.start()
        node.on_killed.append(partial(self._presences.forget, backend.node_id))
        self.nodes.append(node)
        await self.settle()
        return node

    def browser(self, *, node: int = 0, **options: Any) -> Browser:
        """Return a browser with no cookies; it is closed with the TestApp.

        Args:
            node: the number of the node that it talks to.
            **options: as httpx.AsyncClient takes them: `headers`, `follow_redirects` and others.
        """
        browser = Browser(
            self.nodes,
            node,
            socket_path=self._socket_path,
            raise_app_exceptions=self._raises,
            failures=self._failures,
            now=self.clock.monotonic,
            **{"base_url": self._base_url} | options,
        )
        self._browsers.append(browser)
        return browser

    async def settle(self) -> None:
        """Return when all nodes that run have done what they have to do, and wait for something.

        What they sent is received then. For what waits in other threads, as a handler that is no coroutine
        function does, it does not wait.

        Raises:
            AssertionError: they do not come to rest.
            RuntimeError: it is awaited on one of them, which would wait for itself.
        """
        if any(node.loop is asyncio.get_running_loop() for node in self.nodes):
            raise RuntimeError(
                "settle(), and advance() of the clock, are for the test, not for what runs on a node"
            )
        await asyncio.sleep(0)  # for what the test has begun just now: its requests are handed in
        try:
            async with asyncio.timeout(_REST_SECONDS):
                for _ in range(_ROUNDS):
                    before = self._handed_in()
                    for node in self._running():
                        await node.idle()
                    if self._handed_in() == before:
                        return
        except TimeoutError:
            pass
        raise AssertionError("the nodes do not come to rest: something runs on and on")

    async def _settle_in_time(self) -> None:
        """Settle; have clients give up nodes whose heartbeats have not come."""
        await self.settle()
        if [each for each in self._browsers if each.check_heartbeats()]:
            await self.settle()

    def _handed_in(self) -> int:
        return sum(node.loop.handed_in for node in self._running())

    def _running(self) -> list[Node]:
        return [node for node in self.nodes if node.alive and not node.hung]

    def _new_backend(self, stop_clock: StopClock) -> Backend:
        name, shared = new_node_id(), self._backend
        return Backend(
            shared.store,
            shared.bus,
            SharedPresence(self._presences, name),
            shared.counters,
            name,
            SharedUserPresence(self._presences, name),
            MemoryRecoveryStore(self.clock.monotonic),
            shared.streams,
            clock=shared.clock,
            stop_clock=stop_clock.time,
        )

    async def _stop(self) -> None:
        errors = []
        for node in sorted(self.nodes, key=lambda node: not node.alive):
            try:
                await node.stop()
            except BaseException as error:  # noqa: BLE001 - the other nodes stop, too; it is raised below
                errors.append(error)
        if errors:
            raise errors[0]


def _check_app(app: object) -> None:
    if isinstance(app, Mooring):
        raise TypeError("TestApp takes the FastAPI app, as TestApp(mooring.app), not a Mooring")
    if not isinstance(app, FastAPI):
        raise TypeError(f"TestApp takes the FastAPI app, not {kind_of(app)}")


def _check_number(nodes: object) -> None:
    if not isinstance(nodes, int):
        raise TypeError(f"nodes= takes how many to start, as in nodes=2, not {kind_of(nodes)}")
    if nodes < 1:
        raise ValueError(f"nodes={nodes} starts none: a TestApp has one, or more")
