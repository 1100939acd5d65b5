"""One connection to a Redis server; the commands of one event-loop turn leave in one write."""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import InvalidResponse, ReadOnlyError, RedisError, ResponseError

from app.sessions.redis_command import Argument, Command, Reply, gated

__all__ = ["Argument", "Commands", "RedisLink", "Reply"]

logger = logging.getLogger(__name__)

_NO_MASTER = ("READONLY", "NOREPLICAS")
"""In the midst of an error as well: before version 7, that is how scripts give it. At its beginning,
redis-py makes an exception of the first, and takes the word away."""


_STALL = 0.05
"""Seconds by which an alarm that comes later shows that the event loop was held up."""


class Commands(Protocol):
    """What stores and buses ask of their connection to the server; see RedisLink."""

    @property
    def connected(self) -> bool: ...

    def call(self, *arguments: Argument) -> Reply: ...

    async def lost(self) -> None: ...

    async def aclose(self) -> None: ...


class RedisLink:
    """Sends commands in the order of the calls, and hands each its reply.

    redis-py's connection does the connecting, packing and parsing; what it has no word for is many
    commands under way at once. A command is written once and never again: one whose reply does not
    come within `timeout` seconds fails with StoreUnavailableError, and so do all others under way,
    because replies on one connection have no names. The next command connects anew, as it does after
    a reply which shows that the server is the master no longer.

    With `replicas`, the reply to a write is given when so many replicas have it. Reads do not wait:
    they go on when there are too few replicas.
    """

    def __init__(
        self,
        new_connection: Callable[[], AbstractConnection],
        *,
        timeout: float,
        replicas: int = 0,
    ) -> None:
        self.new_connection = new_connection
        self._timeout = timeout
        self._loop: asyncio.AbstractEventLoop | None = None
        self._replicas = replicas
        self._waiting: list[Command] = []
        self._sent: deque[Command] = deque()
        self._connection: AbstractConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._flushing = False
        self._alarm: asyncio.TimerHandle | None = None
        self._stalled = False
        self._up: bool | None = None

    def call(self, *arguments: Argument) -> Reply:
        """Send a command; the future gives its reply, raises its ResponseError, or StoreUnavailableError."""
        # Below Python 3.12 a system call, in each of which a loaded machine may make us wait.
        loop = self._loop = self._loop or asyncio.get_running_loop()
        reply: Reply = loop.create_future()
        self._waiting.append(Command(arguments, reply, loop.time() + self._timeout))
        if not self._flushing:
            self._flushing = True
            loop.call_soon(self._flush)
        if self._alarm is None:
            self._alarm = loop.call_at(self._waiting[0].deadline, self._check)
        return reply

    @property
    def connected(self) -> bool:
        """Whether there is a connection, or one is being made."""
        return self._task is not None

    async def aclose(self) -> None:
        """Close the connection; what is under way fails."""
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._fail("the connection to the store was closed")

    async def lost(self) -> None:
        """Return when the connection that is there now, if any, is lost."""
        if self._task:
            await asyncio.wait([self._task])

    def reconnect(self) -> None:
        """Drop the connection: the server at its other end is no longer the right one."""
        if self._task:
            self._task.cancel()
        self._fail("the connection to the store was dropped")

    def _flush(self) -> None:
        self._flushing = False
        if self._connection is None:
            if self._task is None:
                self._task = asyncio.create_task(self._run(), name="redis-link")
            return
        batch = [command for command in self._waiting if not command.reply.done()]
        self._waiting.clear()
        if batch:
            self._write(self._connection, batch)

    def _write(self, connection: AbstractConnection, batch: list[Command]) -> None:
        if self._replicas:
            batch = gated(batch, self._replicas)
        packed = b"".join([pack_command(each.arguments) for each in batch])  # type: ignore[arg-type] # its stub means any length
        self._sent.extend(batch)
        writer = connection._writer  # noqa: SLF001 - its own send waits for a drain
        with suppress(
            RuntimeError
        ):  # it is closed: the reader sees the end, and fails what is sent
            if writer is not None:
                writer.write(packed)

    async def _run(self) -> None:
        """Connect, then read replies until the connection breaks."""
        connection = self.new_connection()
        me = asyncio.current_task()
        try:
            await connection.connect()  # type: ignore[no-untyped-call] # it has no types
            self._connection = connection
            self._tell(up=True)
            self._flush()
            await self._read(connection)
        except (
            RedisError,
            OSError,
            RuntimeError,
        ) as error:  # uvloop has the last for a closed handle
            if self._task is me:
                self._tell(up=False, why=str(error))
                self._fail(str(error))
        finally:
            if self._task is me:
                self._task = self._connection = None
            await connection.disconnect(nowait=True)

    async def _read(self, connection: AbstractConnection) -> None:
        while True:
            try:
                reply = await connection.read_response(
                    disable_decoding=True, timeout=math.inf, disconnect_on_error=False
                )
            except ResponseError as error:
                reply = error
            if not self._sent:
                raise InvalidResponse("a reply that nobody asked for")
            command = self._sent.popleft()
            if command.gate and not isinstance(reply, ResponseError):
                command.gate.hold(command, reply)
            else:
                command.answer(reply)
            if self.is_demoted(command, reply):
                self.reconnect()
                return

    def is_demoted(self, _command: Command, reply: Any) -> bool:
        """Tell whether a reply is one of a server that is, or may be, the master no longer."""
        return isinstance(reply, ReadOnlyError) or (
            isinstance(reply, ResponseError) and any(word in str(reply) for word in _NO_MASTER)
        )

    def _check(self) -> None:
        """Give up the connection if its oldest command has waited for too long."""
        self._alarm = None
        oldest = next(iter(self._sent), None) or next(iter(self._waiting), None)
        if oldest is None:
            return
        loop = asyncio.get_running_loop()
        late = loop.time() - oldest.deadline
        if late < 0:
            self._alarm = loop.call_at(oldest.deadline, self._check)
            return
        if late > _STALL and not self._stalled:
            # It was this process that stood still: replies may be waiting to be read.
            self._stalled = True
            self._alarm = loop.call_later(_STALL, self._check)
            return
        self._stalled = False
        self._tell(up=False, why=f"no answer within {self._timeout} s")
        self.reconnect()

    def _fail(self, why: str) -> None:
        self._task = self._connection = None
        commands = [*self._sent, *self._waiting]
        self._sent.clear()
        self._waiting.clear()
        for command in commands:
            command.fail(why)

    def _tell(self, *, up: bool, why: str = "") -> None:
        """Log a change of state, once."""
        if up and self._up is False:
            logger.warning("the store is back")
        elif not up and self._up is not False:
            logger.error("the store is away: %s", why)
        self._up = up
