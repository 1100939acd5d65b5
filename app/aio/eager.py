"""Coroutines that are run to their first wait at once, of which most have none.

A task for each takes as long as some of them, and begins a turn of the event loop later. asyncio has eager
tasks from Python 3.12 on, and each is still a task of its own. Here one that is not used up is used again: a
coroutine that waits for nothing leaves no trace in it.

Tasks are entered and left as asyncio documents for event loops of others:
https://docs.python.org/3/library/asyncio-extending.html
"""

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Coroutine, Generator
from contextvars import Context
from typing import Any

Work = Coroutine[Any, Any, None]


class EagerRunner:
    """Runs coroutines of one event loop, each within a task, as `asyncio.current_task` has it.

    Those that wait for nothing share a task one after another; one that waits goes on in the task in
    which it began: whoever has asked for it meanwhile (`asyncio.timeout`, anyio) has the right one.
    """

    __slots__ = ("_spare",)

    def __init__(self) -> None:
        self._spare: tuple[_Spare, asyncio.Task[None]] | None = None

    def run(
        self, loop: asyncio.AbstractEventLoop, work: Work, variables: Context
    ) -> "asyncio.Task[None] | None":
        """Run a coroutine until it waits; return the task that goes on with it, None if it is done.

        Args:
            loop: the one that runs.
            work: the coroutine.
            variables: the context that it runs in; nothing else does so meanwhile.

        Raises:
            Exception: whatever it has raised before it waited.
        """
        both, self._spare = self._spare, None
        if both is None or both[1].done():
            both = _make_spare(loop)
        spare, task = both
        around = asyncio.current_task(loop)
        if around is not None:
            _leave_task(loop, around)
        _enter_task(loop, task)
        try:
            awaited = variables.run(work.send, None)
        except BaseException as end:
            if not task.cancelling():  # else it has cancelled itself
                self._spare = both
            if isinstance(end, StopIteration):
                return None
            raise
        else:
            spare.take_over(work, variables, awaited)
            return task
        finally:
            _leave_task(loop, task)
            if around is not None:
                _enter_task(loop, around)

    def close(self) -> None:
        """End the task that waits for work. May be called twice."""
        if self._spare is not None:
            self._spare[1].cancel()
            self._spare = None


def _make_spare(loop: asyncio.AbstractEventLoop) -> "tuple[_Spare, asyncio.Task[None]]":
    spare = _Spare(loop)
    return spare, loop.create_task(spare, name="event", context=Context())


class _Spare(Work):
    """A task's coroutine: idle, until it takes over one that waits; from then on it is that one."""

    __slots__ = ("_awaited", "_idle", "_variables", "_work")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._idle: asyncio.Future[None] | None = loop.create_future()
        self._work: Work | None = None
        self._variables: Context | None = None
        self._awaited: Any = None

    def take_over(self, work: Work, variables: Context, awaited: Any) -> None:
        """Go on with a coroutine that waits for a future, or for the next turn of the event loop."""
        self._work, self._variables, self._awaited = work, variables, awaited
        idle, self._idle = self._idle, None
        if idle is not None and not idle.done():
            idle.set_result(None)

    def send(self, value: Any) -> Any:
        """Go on; return what is to be waited for."""
        if self._idle is not None:
            return _waited_for(self._idle)
        awaited, self._awaited = self._awaited, None
        if awaited is not None:
            return awaited
        return self._run("send", value)

    def throw(self, kind: Any, value: Any = None, _traceback: Any = None) -> Any:
        """Go on with an error, as of a task that is cancelled."""
        error = kind if value is None else value
        if self._work is None:
            raise error
        awaited, self._awaited = self._awaited, None
        if awaited is not None:
            awaited.cancel()
        return self._run("throw", error)

    def close(self) -> None:
        """Close the coroutine, if there is one."""
        if self._work is not None:
            self._work.close()

    def __await__(self) -> Generator[Any, None, None]:
        """Raise TypeError: a task alone runs it."""
        raise TypeError("this is run by a task")

    def _run(self, how: str, value: Any) -> Any:
        assert self._variables is not None  # noqa: S101 - for the type checker; see take_over
        return self._variables.run(getattr(self._work, how), value)


def _waited_for(future: "asyncio.Future[None]") -> Any:
    """Return what a coroutine yields that awaits a future."""
    return next(future.__await__())
