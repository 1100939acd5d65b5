"""Redis commands under way, and the barrier at which writes wait for replicas."""

import asyncio
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from .errors import RedisUnavailableError, reply_error

Argument = bytes | str | int
Reply = asyncio.Future[Any]

_REPLICATION_TIMEOUT_MS = 300
"""A third of what a command may take."""

_READS = {
    *("ASKING", "GET", "HGETALL", "INFO", "MGET", "PING", "PUBSUB", "SENTINEL", "SUBSCRIBE"),
    *("SMEMBERS", "SRANDMEMBER", "XLEN", "XRANGE", "XREAD", "XREVRANGE", "ZRANGE"),
}
"""Commands that write nothing."""

_REPEATABLE = {"GET", "HGETALL", "INFO", "MGET", "PUBSUB", "SMEMBERS", "SRANDMEMBER", "ZRANGE"}
"""Reads that may be sent again on another connection, as nothing follows from which one it is. Those
of streams are not among them: who reads a stream checks for a gap first."""


class Repeatable(str):
    """The name of a command that changes nothing that has to last, and may be sent twice.

    So is a script that reads a session and extends its deadline: no replica needs to have that.
    """

    __slots__ = ()


@dataclass(slots=True)
class Command:
    """A command that was called.

    Attributes:
        arguments: the command's name and arguments.
        reply: the future that the caller awaits.
        deadline: event-loop time after which a reply is of no use.
        barrier: what the reply waits for, if it is a write that replicas must have.
        repeated: it was sent before, on a connection that was lost.
    """

    arguments: tuple[Argument, ...]
    reply: Reply
    deadline: float
    barrier: "ReplicationBarrier | None" = None
    repeated: bool = False

    @property
    def is_write(self) -> bool:
        """Whether it may change what has to last."""
        name = self.arguments[0]
        return name not in _READS and type(name) is not Repeatable

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be sent again, as it was sent once at most and is not a write."""
        name = self.arguments[0]
        return not self.repeated and (name in _REPEATABLE or type(name) is Repeatable)

    def set_reply(self, reply: Any) -> None:
        """Resolve the caller's future with the server's reply, which may be an error."""
        if self.reply.done():  # the caller was cancelled meanwhile
            return
        if isinstance(reply, ResponseError):
            self.reply.set_exception(reply_error(reply))
        else:
            self.reply.set_result(reply)

    def fail(self, reason: str) -> None:
        """Fail the caller's future with RedisUnavailableError."""
        if not self.reply.done():
            self.reply.set_exception(RedisUnavailableError(reason))


def retrieve(reply: Reply) -> None:
    """Retrieve the error of a reply that nobody awaits, so that asyncio does not report it."""
    _ = reply.cancelled() or reply.exception()


class ReplicationBarrier(Command):
    """A WAIT behind a batch: the replies to its writes are delivered when enough replicas have them.

    A write that too few replicas have may be lost by a failover: it is in doubt, as one without a
    reply is. An error reply is delivered without waiting: nothing was written.
    """

    def __init__(self, replicas: int, writes: list[Command]) -> None:
        arguments = ("WAIT", replicas, _REPLICATION_TIMEOUT_MS)
        unused = asyncio.get_running_loop().create_future()
        super().__init__(arguments, unused, writes[0].deadline)
        self.too_few = False
        self._replicas = replicas
        self._held: list[tuple[Command, Any]] = []

    def hold(self, command: Command, reply: Any) -> None:
        """Keep the reply to a write until WAIT has one itself."""
        self._held.append((command, reply))

    def set_reply(self, reply: Any) -> None:
        """Deliver the replies that were held, if enough replicas have the writes; else fail them."""
        self.too_few = not isinstance(reply, int) or reply < self._replicas
        if self.too_few:
            self.fail("too few replicas have the write")
        else:
            for command, held in self._held:
                command.set_reply(held)

    def fail(self, reason: str) -> None:
        """Fail the writes whose replies were held."""
        for command, _ in self._held:
            command.fail(reason)


def with_barrier(batch: list[Command], replicas: int) -> list[Command]:
    """Return the batch with a barrier at its end, if there are writes in it."""
    writes = [command for command in batch if command.is_write]
    if not writes:
        return batch
    barrier = ReplicationBarrier(replicas, writes)
    for command in writes:
        command.barrier = barrier
    return [*batch, barrier]


def split_writes(batch: list[Command]) -> tuple[list[Command], list[Command]]:
    """Return the reads of a batch, and its writes, each in its order.

    An ASKING, which is about the one command behind it, goes where that goes.
    """
    reads: list[Command] = []
    writes: list[Command] = []
    for at, command in enumerate(batch):
        about = (
            batch[at + 1] if command.arguments[0] == "ASKING" and at + 1 < len(batch) else command
        )
        (writes if about.is_write else reads).append(command)
    return reads, writes
