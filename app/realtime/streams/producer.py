"""Sends one source, from its first item to its end."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ...article import kind_of
from ...asgi.errors import ServiceUnavailableError
from ...sessions import EndReason, StoreUnavailableError
from ..bus.base import BusUnavailableError
from ..targets import Target
from .audience import Audience
from .chunks import ChunkBuffer
from .log import Chunk, Progress, State, StreamLog, StreamName

PRODUCER_GONE = {"type": "producer-gone", "detail": "The node that sent the stream has gone."}
CANCELLED = {"type": "cancelled", "detail": "The stream was called off."}


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a source is read, and how long something is waited for.

    Attributes:
        chunk: bytes of items that are sent together.
        window: bytes that may be sent before the slowest reader has read them.
        check: seconds after which it is checked whether the session has ended.
        outage: seconds for which an item is kept while the bus cannot be reached.
        retry: seconds between two attempts.
        poll: seconds between two polls of the slowest reader, at first; each time twice as long,
        poll_most: up to so many.
    """

    chunk: int = 16_384
    window: int = 262_144
    check: float = 0.4
    outage: float = 10.0
    retry: float = 0.2
    poll: float = 0.01
    poll_most: float = 0.16


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a producer works with.

    Attributes:
        log: keeps the stream.
        audience_of: returns what says whether anybody of those that are meant is left.
        notify: notifies nodes that there is more.
        explain: returns what readers are sent of an error of the source's.
        closing: set when this process ends.
        pace: how fast sources are read, and how long something is waited for.
    """

    log: StreamLog
    audience_of: Callable[[Target], Audience]
    notify: Callable[[StreamName], None]
    explain: Callable[[BaseException], dict[str, Any]]
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    pace: Pace = field(default_factory=Pace)


class _EndedError(Exception):
    """The session, or the last one of the user, has ended, or this process is about to."""

    def __init__(self, reason: EndReason) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Producer:
    """Reads a source in the task of its caller, and writes chunks in another one.

    Args:
        around: what it works with.
        name: of the stream.
        buffer: makes chunks of items.
    """

    def __init__(self, around: Surroundings, name: StreamName, buffer: ChunkBuffer) -> None:
        self._around = around
        self._pace = around.pace
        self._log = around.log
        self._audience = around.audience_of(name.to)
        self._name = name
        self._buffer = buffer
        self._under_way: Chunk | None = None

    async def run(self, source: AsyncIterable[Any]) -> EndReason | None:
        """Send all items; return None, or why the session has ended before. Close the source.

        Raises:
            ValueError: there is a stream of that id.
            TypeError: the source is no async iterable.
            ServiceUnavailableError: the stream cannot be kept; readers have been notified, or will be.
        """
        if not isinstance(source, AsyncIterable):
            raise TypeError(f"a stream is of an async iterable, not of {kind_of(source)}")
        items = aiter(source)
        try:
            ended = await self._audience.ended()
            if ended is not None:
                return ended
            if not await self._log.open(self._name, self._buffer.event):
                raise ValueError(f"there is a stream {self._name.id!r} already")
            self._around.notify(self._name)
            failure = await self._send_all(items)
        finally:
            await _close(items, source)
        if failure is None or isinstance(failure, _EndedError):
            return None if failure is None else failure.reason
        raise failure

    async def _send_all(self, items: AsyncIterator[Any]) -> BaseException | None:
        """Return what has ended the stream before its time, when readers have been notified."""
        try:
            async with asyncio.TaskGroup() as group:
                keeper = group.create_task(self._while_it_goes_on(self._keep()))
                writer = group.create_task(self._while_it_goes_on(self._write()))
                failure = await self._read(items)
                self._buffer.close()
                await writer
                keeper.cancel()
                said = {"done": True} if failure is None else self._error(failure)
                await self._append(self._buffer.last(**said))
        except asyncio.CancelledError:
            await self._report({"error": CANCELLED})
            raise
        except BaseExceptionGroup as group:
            [failure, *_] = group.exceptions
            await self._end_for(failure)
        return failure

    async def _read(self, items: AsyncIterator[Any]) -> BaseException | None:
        """Return what the source has raised, so that what it gave before is sent before that is reported."""
        try:
            async for item in items:
                await self._buffer.put(item)
        except Exception as error:  # noqa: BLE001 - it is raised again, when readers are notified
            return error
        return None

    async def _end_for(self, failure: BaseException) -> None:
        if not isinstance(failure, _EndedError):
            await self._report(self._error(failure))
        elif failure.reason == EndReason.SHUTDOWN:
            await self._report({"error": PRODUCER_GONE})
        else:
            with suppress(ServiceUnavailableError):
                await self._log.discard(self._name)

    def _error(self, failure: BaseException) -> dict[str, Any]:
        return {"error": self._around.explain(failure)}

    async def _report(self, said: dict[str, Any]) -> None:
        """Append a last chunk if that can be done; readers find out by themselves if it cannot."""
        with suppress(ServiceUnavailableError):
            for chunk in (self._under_way, self._buffer.last(**said)):
                if chunk is not None:
                    await self._log.append(self._name, chunk)
            self._around.notify(self._name)

    async def _while_it_goes_on(self, task: Coroutine[Any, Any, None]) -> None:
        """Await a task; when it fails, the source may give no more, even if it goes on when cancelled."""
        try:
            await task
        except BaseException:
            self._buffer.abort()
            raise

    async def _write(self) -> None:
        while (chunk := await self._buffer.take()) is not None:
            progress = await self._append(chunk)
            await self._wait_for_readers(progress)

    async def _append(self, chunk: Chunk) -> Progress:
        self._under_way = chunk
        progress = await self._insist(lambda: self._log.append(self._name, chunk))
        self._check(progress, done=chunk.last)
        self._around.notify(self._name)
        return progress

    async def _wait_for_readers(self, progress: Progress) -> None:
        """Return when the slowest reader is near enough, or is waited for no longer."""
        seconds = self._pace.poll
        while progress.ahead > self._pace.window:
            await asyncio.sleep(seconds)
            seconds = min(2 * seconds, self._pace.poll_most)
            progress = await self._insist(lambda: self._log.renew(self._name))
            self._check(progress)

    async def _keep(self) -> None:
        """Renew the lease, and check whether the session has ended."""
        while True:
            await self._pause()
            with suppress(StoreUnavailableError):  # an outage is not a logout
                ended = await self._audience.ended()
                if ended is not None:
                    raise _EndedError(ended)
            with suppress(BusUnavailableError):
                self._check(await self._log.renew(self._name))

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pace.check):
                await self._around.closing.wait()
            raise _EndedError(EndReason.SHUTDOWN)

    async def _insist(self, attempt: Callable[[], Awaitable[Progress]]) -> Progress:
        """Return what an attempt does; repeat it for a while if there is no reply."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._pace.outage
        while True:
            try:
                return await attempt()
            except BusUnavailableError:
                if loop.time() >= until:
                    raise
            await asyncio.sleep(self._pace.retry)

    def _check(self, progress: Progress, *, done: bool = False) -> None:
        if progress.state is State.OPEN or (done and progress.state is State.ENDED):
            return
        raise ServiceUnavailableError(f"the stream {self._name.id!r} is {progress.state}")


async def _close(*sources: Any) -> None:
    """Close an iterator, and what it came from, where they can be closed."""
    for source in sources:
        aclose = getattr(source, "aclose", None)
        if aclose is not None:
            await aclose()
