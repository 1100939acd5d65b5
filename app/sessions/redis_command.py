"""Commands under way to a Redis server, and the gate at which writes wait for replicas."""

import asyncio
from dataclasses import dataclass
from typing import Any

from app.sessions.errors import StoreUnavailableError

Argument = bytes | str | int
Reply = asyncio.Future[Any]

_REPLICATION_MS = 300
"""Milliseconds that replicas have to get a write; a third of what a command may take."""

_READS = {
    *("ASKING", "GET", "HGETALL", "MGET", "PUBSUB", "SUBSCRIBE"),
    *("XLEN", "XRANGE", "XREAD", "XREVRANGE"),
}
"""Commands that write nothing. PING is not one of them: it asks whether all is well with writes."""


@dataclass(slots=True)
class Command:
    """A command, the future that its caller waits for, and until when an answer is of use."""

    arguments: tuple[Argument, ...]
    reply: Reply
    deadline: float
    gate: "Gate | None" = None

    def answer(self, reply: Any) -> None:
        """Hand out the server's reply, an error or not."""
        if self.reply.done():  # whoever asked was cancelled meanwhile
            return
        if isinstance(reply, Exception):
            self.reply.set_exception(reply)
        else:
            self.reply.set_result(reply)

    def fail(self, why: str) -> None:
        """Tell that there will be no reply."""
        self.answer(StoreUnavailableError(f"the store is away: {why}"))


class Gate(Command):
    """A WAIT behind a batch: holds the replies to its writes back until enough replicas have them.

    A write that too few replicas have may be lost by a failover: it is in doubt, as one without a
    reply is. An error waits for nothing: nothing was written.
    """

    def __init__(self, replicas: int, writes: list[Command]) -> None:
        arguments = ("WAIT", replicas, _REPLICATION_MS)
        nobody = asyncio.get_running_loop().create_future()
        super().__init__(arguments, nobody, writes[0].deadline)
        self.too_few = False
        self._replicas = replicas
        self._held: list[tuple[Command, Any]] = []

    def hold(self, command: Command, reply: Any) -> None:
        """Keep a reply until the gate is answered, or fails."""
        self._held.append((command, reply))

    def answer(self, reply: Any) -> None:
        """Hand out what was kept, if enough replicas have the writes."""
        self.too_few = not isinstance(reply, int) or reply < self._replicas
        if self.too_few:
            self.fail("too few replicas have the write")
        else:
            for command, kept in self._held:
                command.answer(kept)

    def fail(self, why: str) -> None:
        """Fail all whose replies were kept."""
        for command, _ in self._held:
            command.fail(why)


def gated(batch: list[Command], replicas: int) -> list[Command]:
    """Put a gate behind a batch, if there are writes in it."""
    writes = [command for command in batch if command.arguments[0] not in _READS]
    if not writes:
        return batch
    gate = Gate(replicas, writes)
    for command in writes:
        command.gate = gate
    return [*batch, gate]
