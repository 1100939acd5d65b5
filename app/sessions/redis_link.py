"""One connection to a Redis server; the commands of one event-loop turn leave in one write."""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import InvalidResponse, RedisError, ResponseError

from app.sessions.errors import StoreUnavailableError

logger = logging.getLogger(__name__)

Argument = bytes | str | int
Reply = asyncio.Future[Any]

_REPLICATION_MS = 500
"""Milliseconds that replicas have to get a write before it counts as in doubt."""


class Commands(Protocol):
    """What stores and buses ask of their connection to the server; see RedisLink."""

    def call(self, *arguments: Argument) -> Reply: ...

    def reconnect(self) -> None: ...

    async def lost(self) -> None: ...

    async def aclose(self) -> None: ...


@dataclass(slots=True)
class _Command:
    arguments: tuple[Argument, ...]
    reply: Reply
    deadline: float
    gate: "_Gate | None" = None


class _Gate(_Command):
    """A WAIT behind a batch: holds the batch's replies back until enough replicas have it."""

    def __init__(self, replicas: int, batch: list[_Command]) -> None:
        arguments = ("WAIT", replicas, _REPLICATION_MS)
        nobody = asyncio.get_running_loop().create_future()
        super().__init__(arguments, nobody, batch[0].deadline)
        self.replicas = replicas
        self.held: list[tuple[_Command, Any]] = []


class RedisLink:
    """Sends commands in the order of the calls, and hands each its reply.

    redis-py's connection does the connecting, packing and parsing; what it has no word for is many
    commands under way at once. A command is written once and never again: one whose reply does not
    come within `timeout` seconds fails with StoreUnavailableError, and so do all others under way,
    because replies on one connection have no names. The next command connects anew.

    With `replicas`, replies are given when so many replicas have what was written before them.
    """

    def __init__(
        self,
        new_connection: Callable[[], AbstractConnection],
        *,
        timeout: float,
        replicas: int = 0,
    ) -> None:
        self._new_connection = new_connection
        self._timeout = timeout
        self._replicas = replicas
        self._waiting: list[_Command] = []
        self._sent: deque[_Command] = deque()
        self._connection: AbstractConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._flushing = False
        self._alarm: asyncio.TimerHandle | None = None
        self._up: bool | None = None

    def call(self, *arguments: Argument) -> Reply:
        """Send a command; the future gives its reply, raises its ResponseError, or StoreUnavailableError."""
        loop = asyncio.get_running_loop()
        reply: Reply = loop.create_future()
        self._waiting.append(_Command(arguments, reply, loop.time() + self._timeout))
        if not self._flushing:
            self._flushing = True
            loop.call_soon(self._flush)
        if self._alarm is None:
            self._alarm = loop.call_at(self._waiting[0].deadline, self._check)
        return reply

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

    def _write(self, connection: AbstractConnection, batch: list[_Command]) -> None:
        if self._replicas:
            gate = _Gate(self._replicas, batch)
            for command in batch:
                command.gate = gate
            batch = [*batch, gate]
        packed = connection.pack_commands([command.arguments for command in batch])
        self._sent.extend(batch)
        writer = connection._writer  # noqa: SLF001 - its own send waits for a drain
        if writer is not None:  # else the reader has just seen the end, and fails what is sent
            writer.writelines(packed)

    async def _run(self) -> None:
        """Connect, then read replies until the connection breaks."""
        connection = self._new_connection()
        me = asyncio.current_task()
        try:
            await connection.connect()  # type: ignore[no-untyped-call] # it has no types
            self._connection = connection
            self._tell(up=True)
            self._flush()
            await self._read(connection)
        except (RedisError, OSError) as error:
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
            if isinstance(command, _Gate):
                _open(command, reply)
            elif command.gate:
                command.gate.held.append((command, reply))
            else:
                _answer(command, reply)

    def _check(self) -> None:
        """Give up the connection if its oldest command has waited for too long."""
        self._alarm = None
        oldest = next(iter(self._sent), None) or next(iter(self._waiting), None)
        if oldest is None:
            return
        loop = asyncio.get_running_loop()
        if oldest.deadline > loop.time():
            self._alarm = loop.call_at(oldest.deadline, self._check)
            return
        self._tell(up=False, why=f"no answer within {self._timeout} s")
        self.reconnect()

    def _fail(self, why: str) -> None:
        self._task = self._connection = None
        held = [command for each in self._sent for command, _ in _held(each)]
        commands = [*held, *self._sent, *self._waiting]
        self._sent.clear()
        self._waiting.clear()
        for command in commands:
            if not isinstance(command, _Gate) and not command.reply.done():
                command.reply.set_exception(StoreUnavailableError(f"the store is away: {why}"))

    def _tell(self, *, up: bool, why: str = "") -> None:
        """Log a change of state, once."""
        if up and self._up is False:
            logger.warning("the store is back")
        elif not up and self._up is not False:
            logger.error("the store is away: %s", why)
        self._up = up


def _answer(command: _Command, reply: Any) -> None:
    if command.reply.done():  # whoever asked was cancelled meanwhile
        return
    if isinstance(reply, Exception):
        command.reply.set_exception(reply)
    else:
        command.reply.set_result(reply)


def _open(gate: _Gate, replicas: Any) -> None:
    """Hand out what was held back; a write that too few replicas have may be lost, and is in doubt."""
    enough = isinstance(replicas, int) and replicas >= gate.replicas
    for command, reply in gate.held:
        lost = StoreUnavailableError("the store is away: too few replicas have the write")
        _answer(command, reply if enough else lost)


def _held(command: _Command) -> list[tuple[_Command, Any]]:
    return command.held if isinstance(command, _Gate) else []
