"""A node of a TestApp: an event loop in a thread of its own, on which the app runs."""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from fastapi import FastAPI

from ..backends import Backend
from ..mooring import forget_node, start_node
from .clock import StopClock
from .lifespan import Lifespan
from .loop import NodeLoop

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


class NodeKilledError(ConnectionError):
    """The node that was asked has been killed."""


class Node:
    """One node of the service. Tests get it from a TestApp; its methods are for tests, on their event loop.

    Args:
        app: what it serves.
        backend: what it shares with others.
        now: returns seconds of a clock that never goes back.
        turn: is held by the node that runs.
        stop_clock: is held while the node hangs.

    Attributes:
        app: what it serves.
        loop: its event loop.
        alive: it was not killed, nor stopped.
        hung: `hang` was called, and not `resume`.
        on_killed: functions that are called when it is killed, while no node runs.
    """

    def __init__(
        self,
        app: FastAPI,
        backend: Backend,
        now: Callable[[], float],
        turn: threading.Lock,
        stop_clock: StopClock,
    ) -> None:
        self.app = app
        self.loop = NodeLoop(now, turn)
        self.alive = self.hung = False
        self.on_killed: list[Callable[[], None]] = []
        self._backend = backend
        self._turn = turn
        self._stop_clock = stop_clock
        self._lifespan: Lifespan | None = None
        self._under_way: set[Future[Any]] = set()
        self._idle: set[Future[None]] = set()
        """Those of them that wait until it is idle."""
        self._thread = threading.Thread(target=self._run, name="mooring node", daemon=True)

    @property
    def state(self) -> dict[str, Any]:
        """The state of the app's lifespan on this node."""
        return {} if self._lifespan is None else self._lifespan.state

    def hang(self) -> None:
        """Stop running, as a process does at SIGSTOP; what it is sent waits."""
        _check_is_no_node("hang()")
        self._check_alive()
        self.hung = True
        self.loop.turns.hold()
        self._stop_clock.hold()
        for idle in list(self._idle):
            if not idle.done():
                idle.set_result(None)

    def resume(self) -> None:
        """Go on after `hang`."""
        self._check_alive()
        self.hung = False
        self._stop_clock.release()
        self.loop.turns.release()

    def kill(self) -> None:
        """Run no further, as a process does at SIGKILL: its sockets are cut, and it notifies nobody.

        Other nodes notice it at once, where on a Redis server it takes them two seconds.
        """
        _check_is_no_node("kill()")
        self._check_alive()
        self.loop.turns.hold()
        self.alive = False
        with self._turn:
            forget_node(self.app, self.loop)
            for killed in list(self.on_killed):
                killed()
        for each in list(self._under_way):
            if not each.done():
                each.set_exception(NodeKilledError("the node was killed"))

    async def start(self) -> None:
        """Start the app on it; raise what its lifespan raises."""
        self._thread.start()
        self.alive = True
        try:
            await self.call(self._begin())
        except BaseException:
            await self.stop(started=False)
            raise

    async def stop(self, *, started: bool = True) -> None:
        """Stop the app, and the thread. What a killed node was about is cancelled."""
        was_alive, self.alive = self.alive, False
        self.loop.turns.release()
        try:
            if was_alive and started and self._lifespan is not None:
                await self.run(self._lifespan.stop())
        finally:
            await self.run(_cancel_the_rest())
            self.loop.call_soon_threadsafe(self.loop.stop)
            await asyncio.to_thread(self._thread.join)
            self.loop.close()

    async def idle(self) -> None:
        """Return when it has nothing to do but to wait, or when it hangs or is killed."""
        if self.hung or not self.alive:
            return
        idle = self.loop.idle()
        for waiting in (self._idle, self._under_way):
            waiting.add(idle)
            idle.add_done_callback(waiting.discard)
        with suppress(NodeKilledError):
            await asyncio.wrap_future(idle)

    async def call(self, what: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on the node; raise NodeKilledError if it is killed, before or meanwhile."""
        if not self.alive:
            what.close()
            raise NodeKilledError("the node was killed, or is not running")
        return await self.run(what)

    async def run(self, what: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on its event loop."""
        running = asyncio.run_coroutine_threadsafe(what, self.loop)
        # One of its own: a kill answers it, and what runs is cancelled later.
        answer: Future[Result] = Future()
        self._under_way.add(answer)
        answer.add_done_callback(self._under_way.discard)
        running.add_done_callback(partial(_pass_on, to=answer))
        try:
            return await asyncio.wrap_future(answer)
        except asyncio.CancelledError:
            running.cancel()
            raise

    async def _begin(self) -> None:
        start_node(self.app, self._backend)
        self._lifespan = Lifespan(self.app)
        await self._lifespan.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        with self._turn:
            while not self._run_on():
                pass

    def _run_on(self) -> bool:
        """Run the event loop; return whether it was stopped, and not left by a task that ends a process.

        Such a task has its outcome, which the test is given that waits for it.
        """
        try:
            self.loop.run_forever()
        except (KeyboardInterrupt, SystemExit):
            logger.exception("the app has raised what on a port ends the process")
            return False
        return True

    def _check_alive(self) -> None:
        if not self.alive:
            raise NodeKilledError("the node was killed, or is not running")


def _check_is_no_node(what: str) -> None:
    """Raise RuntimeError on the event loop of a node, which would wait for the end of its own turn."""
    try:
        is_on_node = isinstance(asyncio.get_running_loop(), NodeLoop)
    except RuntimeError:
        return  # a thread without one
    if is_on_node:
        raise RuntimeError(f"{what} of a node is for the test, not for what runs on a node")


def _pass_on(running: Future[Result], *, to: Future[Result]) -> None:
    """Answer with the outcome of what has run, unless nobody waits for it any more."""
    with suppress(InvalidStateError):
        if running.cancelled():
            to.cancel()
        elif (error := running.exception()) is not None:
            to.set_exception(error)
        else:
            to.set_result(running.result())


async def _cancel_the_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for each in rest:
        each.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    loop = asyncio.get_running_loop()
    await loop.shutdown_asyncgens()
    with suppress(RuntimeError):
        await loop.shutdown_default_executor()
