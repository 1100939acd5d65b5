"""What Mooring runs on one event loop: the session manager, the Socket.IO server, its tasks."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from dataclasses import replace
from threading import RLock

from .asgi.rate_limit import RateLimiter
from .asgi.scope import USERS
from .backends import Backend
from .http.health import Health
from .realtime.emitter import Emitter
from .realtime.events import EventRouter
from .realtime.options import RealtimeOptions
from .realtime.service import RealtimeService
from .realtime.targets import to_session
from .sessions import AnswerStore, Policy, SessionManager, UserIndex
from .sessions.stores.instrumented import InstrumentedAnswers, InstrumentedStore
from .sessions.watch import SessionWatch
from .users.users import Users


class Runtime:
    """The parts that are bound to an event loop.

    Tests run an app on several of them, one after the other: each has a runtime of its own.
    """

    def __init__(
        self,
        backend: Backend,
        policy: Policy,
        options: RealtimeOptions,
        router: EventRouter,
        rate_limiter: RateLimiter,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.rate_limiter = rate_limiter
        index = backend.store if isinstance(backend.store, UserIndex) else None
        answers = (
            InstrumentedAnswers(backend.store) if isinstance(backend.store, AnswerStore) else None
        )
        self.manager = SessionManager(InstrumentedStore(backend.store), policy, index, answers)
        self.realtime = RealtimeService(
            self.manager,
            router,
            replace(
                options,
                counters=backend.counters,
                streams=backend.streams,
                recovery=backend.recovery,
                clock=backend.clock,
                stop_clock=backend.stop_clock,
            ),
            bus=backend.bus,
            presence=backend.presence,
            node_id=backend.node_id,
            user_presence=backend.user_presence,
            carry_streams=backend.carry_streams,
            rate_limiter=rate_limiter,
        )
        self.watch = SessionWatch(self.manager, options.reload_interval)
        self.realtime.on_session_ending = self.watch.check_soon
        self.realtime.on_reload_all = self.watch.check_all
        self.watch.stop = self.realtime.stop
        self.emitter: Emitter = self.realtime.emitter
        self.users = Users(self.manager, lambda key: self.emitter.count(to_session(key)))
        self.realtime.handler_scope[USERS] = self.users
        self.health = Health(self.manager.ping, backend.bus.ping, backend.presence.ping)
        self.realtime.start()

    async def drain(self, seconds: float) -> None:
        """Report as not ready, refuse handshakes, and disconnect all sockets over some time."""
        self.health.draining = True
        await self.realtime.drain(seconds)

    def forget(self) -> None:
        """Release what holds it, when its event loop has closed without `aclose`."""
        self.realtime.leave_metrics()
        self.realtime.relay.leave()

    async def aclose(self) -> None:
        """Stop the tasks and close the store. May be called twice."""
        self.watch.close()
        await self.realtime.aclose()
        await self.manager.aclose()


class Runtimes:
    """One runtime for each event loop that runs, made at its first use."""

    def __init__(self, make: Callable[[], Runtime]) -> None:
        self._make = make
        self._latest: Runtime | None = None
        self._all: list[Runtime] = []
        self._given: list[asyncio.AbstractEventLoop] = []
        self._lock = RLock()  # event loops may run in several threads

    def current(self) -> Runtime:
        """Return the runtime of the running event loop.

        Raises:
            RuntimeError: no event loop runs, or nodes were added and this is none of theirs.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError(
                "a Mooring's emitter and users need a running event loop: use them in coroutines of the app, "
                "and Emitter.connect, SyncEmitter.connect or Users.connect outside of it"
            ) from None
        latest = self._latest
        if latest is not None and latest.loop is loop:
            return latest
        with self._lock:
            self._forget_closed()
            found = next((each for each in self._all if each.loop is loop), None)
            if found is None:
                self._refuse_strangers(loop)
                # Its tasks live as long as the loop, and are no part of the request that came first.
                found = Context().run(self._make)
                self._all.append(found)
            self._latest = found
        return found

    def add(self, runtime: Runtime) -> None:
        """Use a runtime for its event loop, which has none yet; until it is closed others make none.

        What they made would be on another store and another bus, so that all they send reaches nobody.
        """
        with self._lock:
            self._all.append(runtime)
            self._given.append(runtime.loop)

    def forget(self, loop: asyncio.AbstractEventLoop) -> None:
        """Release what holds the runtime of an event loop that has been given up, if it has one."""
        with self._lock:
            given_up = [each for each in self._all if each.loop is loop]
        for each in given_up:
            each.forget()

    async def aclose(self) -> None:
        """Close the runtime of the running event loop, if there is one; another use makes a new one."""
        loop = asyncio.get_running_loop()
        with self._lock:
            closing = [each for each in self._all if each.loop is loop]
            self._all = [each for each in self._all if each.loop is not loop]
            self._latest = None
        for each in closing:
            await each.aclose()

    def _refuse_strangers(self, loop: asyncio.AbstractEventLoop) -> None:
        self._given = [each for each in self._given if not each.is_closed()]
        if self._given and loop not in self._given:
            raise RuntimeError(
                "a TestApp runs this app on nodes of its own: send requests by test.browser(), and run what "
                "uses mooring.emitter or mooring.users by await test.nodes[0].call(coroutine)"
            )

    def _forget_closed(self) -> None:
        for each in self._all:
            if each.loop.is_closed():
                each.forget()
        self._all = [each for each in self._all if not each.loop.is_closed()]
