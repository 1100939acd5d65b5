"""One pipelined connection to a Redis server: the commands of one event-loop turn leave in one write."""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from typing import Any

from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import (
    InvalidResponse,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from .commands import (
    Argument,
    Command,
    ReplicationBarrier,
    Reply,
    retrieve,
    split_writes,
    with_barrier,
)
from .connecting import abort, connect_patiently
from .errors import reply_text
from .refused import RefusedCommands
from .replies import accept_replies
from .scripts import SentScripts
from .stall_grace import StallGrace

logger = logging.getLogger(__name__)

_RECONNECT_SECONDS = 1.0
"""How often a connection is made anew because its master has too few replicas."""

_KEEP_ALIVE_SECONDS = 1.0
"""After this time without a command one is sent: proxies and NAT forget connections that are silent."""


class PipelinedConnection:
    """Sends commands in the order of the calls, and delivers each reply to its caller.

    redis-py's connection connects, packs and parses; it has no notion of many commands under way. A
    command whose reply does not come within `timeout` seconds fails with RedisUnavailableError, and so
    do all others under way, because replies on one connection have no names. The next command connects
    anew. After a stop of this process replies have a little longer (see StallGrace). Where the connection
    is lost before that, or its server is no longer the master, writes that were sent fail, as they may have
    happened: none is ever sent twice. What was not sent yet, or is only read, follows on the next
    connection. An idle connection is kept alive.

    Args:
        new_connection: makes a connection of redis-py's, not yet connected.
        timeout: seconds that a command may take, connecting included.
        replicas: replicas that must have a write before its reply is delivered. Reads do not wait:
            they succeed when there are too few replicas. One that is called behind writes that are held, as
            another WAIT is under way, overtakes them: who is to read what he writes awaits the write.
        name: what log lines call the server.
    """

    def __init__(
        self,
        new_connection: Callable[[], AbstractConnection],
        *,
        timeout: float,
        replicas: int = 0,
        name: str = "redis",
    ) -> None:
        self.new_connection = new_connection
        self._timeout = timeout
        self._replicas = replicas
        self._name = name
        self._refused = RefusedCommands(name)
        self._keeper: asyncio.TimerHandle | None = None
        self._reconnected_at = -math.inf
        self._available: bool | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[Command] = []
        self._sent: deque[Command] = deque()
        self._barrier: Command | None = None
        """The WAIT under way, if any: it blocks the connection, so that no other write is sent behind it."""
        self._scripts = SentScripts()
        self._connection: AbstractConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._flushing = False
        self._alarm: asyncio.Handle | None = None
        self._alarm_at = 0.0
        """When it is due. The handle cannot be asked: uvloop's for what is due already does not say."""
        self._grace = StallGrace(timeout)

    def execute(self, *arguments: Argument) -> Reply:
        """Send a command and return the future of its reply; see RedisClient."""
        loop = self._loop
        # Below Python 3.12 get_running_loop() makes a system call, which a loaded machine may delay.
        if loop is None or loop.is_closed():
            loop = self._use_running_loop()
        reply: Reply = loop.create_future()
        self._waiting.append(Command(arguments, reply, loop.time() + self._timeout))
        if not self._flushing:
            self._flushing = True
            loop.call_soon(self._flush)
        if self._alarm is None:
            self._set_alarm(self._waiting[0].deadline, loop)
        return reply

    @property
    def is_cluster(self) -> bool:
        """False."""
        return False

    @property
    def connected(self) -> bool:
        """Whether there is a connection, or one is being made."""
        return self._task is not None and not self._task.get_loop().is_closed()

    @property
    def is_open(self) -> bool:
        """Whether there is a connection on which a command would be sent at once."""
        return self._connection is not None and self.connected

    @property
    def is_unused(self) -> bool:
        """Whether there is no connection, and no command that one would be made for."""
        return not self.connected and not self._waiting

    async def aclose(self) -> None:
        """Close the connection; commands under way fail. May be called twice."""
        if self._loop is not None and self._loop.is_closed():
            self._drop_closed_loop()
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None
        if self._keeper:
            self._keeper.cancel()
            self._keeper = None
        task = self._task
        # First, so that what others send meanwhile goes to a connection of its own.
        self._fail("the connection was closed")
        if task:
            task.cancel()
            await asyncio.wait([task])

    async def lost(self) -> None:
        """Return when the current connection, if any, is lost."""
        if self._task and self.connected:
            await asyncio.wait([self._task])

    def reconnect(self) -> None:
        """Drop the connection: its server is no longer the right one."""
        if self._task:
            self._task.cancel()
        self._restart("the connection was dropped")

    async def connect(self) -> AbstractConnection:
        """Return an open connection. Subclasses choose the server."""
        return await connect_patiently(self.new_connection)

    def required_replicas(self) -> int:
        """Return how many replicas must have a write. Subclasses may add more."""
        return self._replicas

    def check_master(self) -> None:
        """Check whether there is another master, as replicas have left this one. Subclasses do so."""
        return

    def _use_running_loop(self) -> asyncio.AbstractEventLoop:
        """Bind to the running event loop, and drop what belongs to a closed one."""
        if self._loop is not None:
            self._drop_closed_loop()
        self._loop = asyncio.get_running_loop()
        return self._loop

    def _drop_closed_loop(self) -> None:
        """Forget the connection and the commands of a closed event loop: nothing of it can be awaited."""
        self._waiting.clear()
        self._sent.clear()
        self._connection = self._task = self._alarm = self._keeper = self._barrier = None
        self._flushing = False
        self._grace.reset()

    def _flush(self) -> None:
        self._flushing = False
        if self._connection is None:
            if self._task is None and self._waiting:
                # It may live for days, and is no part of the request that came first.
                self._task = asyncio.create_task(
                    self._run(), name="redis connection", context=Context()
                )
            return
        batch = [command for command in self._waiting if not command.reply.done()]
        self._waiting.clear()
        if self._barrier is not None:
            # A read has to wait for the one WAIT before it, and not for those of all writes before it.
            batch, self._waiting = split_writes(batch)
        if batch:
            self._write(self._connection, batch)

    def _write(self, connection: AbstractConnection, batch: list[Command]) -> None:
        if self._replicas:
            batch = with_barrier(batch, self.required_replicas())
            if type(batch[-1]) is ReplicationBarrier:
                self._barrier = batch[-1]
        words = [
            self._scripts.shortened(each.arguments)
            if each.arguments[0] == "EVAL"
            else each.arguments
            for each in batch
        ]
        packed = b"".join(map(pack_command, words))  # type: ignore[arg-type] # its stub means any length
        self._sent.extend(batch)
        writer = connection._writer  # noqa: SLF001 - its own send waits for a drain
        # A closed writer raises: the reader sees the end of the connection, and fails what was sent.
        with suppress(RuntimeError):
            if writer is not None:
                writer.write(packed)

    async def _run(self) -> None:
        """Connect, then read replies until the connection breaks."""
        connection = None
        current = asyncio.current_task()
        try:
            connection = await self.connect()
            self._check_not_cancelled(current)
            self._connection = connection
            # Of this connection alone: a reader that is late finds no command of the next one.
            sent = self._sent = deque()
            self._scripts = SentScripts()
            self._log_state(available=True)
            self._keep_alive()
            self._flush()
            await self._read(connection, sent)
        except asyncio.CancelledError:
            if self._task is current:
                self._end_with_loop()
            raise
        except (RedisError, OSError, RuntimeError) as error:
            # uvloop raises RuntimeError for a handle that is closed.
            if self._task is current:
                self._lose(str(error))
        finally:
            if self._task is current:
                self._task = self._connection = None
            if connection is not None:
                await abort(connection)

    def _check_not_cancelled(self, current: asyncio.Task[None] | None) -> None:
        """Raise CancelledError if the connection's task is not wanted any more, or was cancelled.

        asyncio.wait_for, by which the library sends, may swallow that (before Python 3.12).
        """
        if current is None or self._task is not current or current.cancelling():
            raise asyncio.CancelledError

    def _end_with_loop(self) -> None:
        """Fail what is under way: asyncio.run has cancelled all tasks, as it does in the end.

        What was called since is sent on another connection: some tasks clean up.
        """
        late: list[Command] = []
        if self._flushing:
            late = [command for command in self._waiting if not command.reply.done()]
            self._waiting.clear()
        self._fail("the connection was cancelled")
        self._waiting = late

    def _lose(self, reason: str) -> None:
        """Handle that the connection broke, or that none could be made."""
        self._log_state(available=False, reason=reason)
        if self._connection is None:
            self._fail(reason)
        else:
            self._restart(reason)

    def _keep_alive(self) -> None:
        """Send something now and then while nothing else is sent."""
        if self._keeper is not None:
            self._keeper.cancel()
        self._keeper = None
        if self._connection is None:
            return
        if not self._sent and not self._waiting:
            self.execute("PING").add_done_callback(retrieve)
        loop = asyncio.get_running_loop()
        self._keeper = loop.call_later(_KEEP_ALIVE_SECONDS, self._keep_alive)

    async def _read(self, connection: AbstractConnection, sent: deque[Command]) -> None:
        """Accept replies until the connection is lost, or another one has taken its place."""

        def accept(reply: Any) -> bool:
            is_current = self._connection is connection
            if is_current:
                self._accept(reply, sent)
            return is_current

        await accept_replies(connection, accept)

    def _accept(self, reply: Any, sent: deque[Command]) -> None:
        """Deliver a reply to the command that it belongs to."""
        if not sent:
            raise InvalidResponse("the server sent a reply to no command")
        command = sent.popleft()
        if command is self._barrier:
            self._barrier = None
            if self._waiting:
                self._flush_soon()
        if isinstance(reply, ResponseError):
            self._handle_refusal(command, reply)
            return
        if self._refused:
            self._refused.accept(command.arguments)
        if command.barrier:
            command.barrier.hold(command, reply)
            return
        command.set_reply(reply)
        if type(command) is ReplicationBarrier and command.too_few:
            self.check_master()

    def _send_again(self, command: Command) -> None:
        """Send a command again that was not executed."""
        command.barrier = None
        self._waiting.append(command)
        self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _handle_refusal(self, command: Command, reply: ResponseError) -> None:
        """Log what the server refuses, and leave it if it is the master no longer.

        A script that it does not know is sent again, with its text.

        The codes are searched for anywhere: before version 7, scripts wrap the error of the command
        that failed. Where it begins the error, redis-py strips READONLY.
        """
        if isinstance(reply, NoScriptError) and self._scripts.forget(command.arguments):
            self._send_again(command)
            return
        command.set_reply(reply)
        self._refused.refuse(command.arguments, reply_text(reply))
        if isinstance(reply, ReadOnlyError) or "READONLY" in str(reply):
            self.reconnect()
        elif "NOREPLICAS" in str(reply):
            self._reconnect_sometimes()

    def _reconnect_sometimes(self) -> None:
        """Reconnect, but let reads go on: behind the name there may be a new master by now."""
        now = asyncio.get_running_loop().time()
        if now - self._reconnected_at >= _RECONNECT_SECONDS:
            self._reconnected_at = now
            self.reconnect()

    def _set_alarm(self, at: float, loop: asyncio.AbstractEventLoop) -> None:
        self._alarm_at = at
        self._alarm = loop.call_at(at, self._check_deadline, context=Context())  # likewise

    def _check_deadline(self) -> None:
        """Drop the connection if its oldest command has no reply in time."""
        self._alarm = None
        oldest = next(iter(self._sent), None) or next(iter(self._waiting), None)
        loop = asyncio.get_running_loop()
        now = loop.time()
        if oldest is None or now < oldest.deadline:
            self._grace.reset()
            if oldest is not None:
                self._set_alarm(oldest.deadline, loop)
            return
        if grace := self._grace.take(now - self._alarm_at):
            self._set_alarm(now + grace, loop)
            return
        self._grace.reset()
        reason = f"no reply within {self._timeout} s"
        self._log_state(available=False, reason=reason)
        if self._task:
            self._task.cancel()
        self._fail(reason)

    def _fail(self, reason: str) -> None:
        self._task = self._connection = self._barrier = None
        commands = [*self._sent, *self._waiting]
        self._sent.clear()
        self._waiting.clear()
        for command in commands:
            command.fail(reason)

    def _restart(self, reason: str) -> None:
        """Fail the writes that were sent, which are in doubt; send the rest on another connection."""
        again = [command for command in self._sent if command.is_repeatable]
        waiting, self._waiting = self._waiting, []
        self._sent = deque(command for command in self._sent if not command.is_repeatable)
        self._fail(reason)
        for command in again:
            command.repeated = True
        self._waiting = again + waiting
        if self._waiting:
            self._flush_soon()

    def _log_state(self, *, available: bool, reason: str = "") -> None:
        """Log a change of state, once."""
        if available and self._available is False:
            logger.warning("%s connection restored", self._name)
        elif not available and self._available is not False:
            logger.error("%s connection lost: %s", self._name, reason)
        self._available = available
