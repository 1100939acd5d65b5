"""A bus within the process that can be unavailable, refuse messages, and lose replies."""

import asyncio

from app.realtime.bus.base import Batch, BusUnavailableError, MemoryBus, Offset


class FaultyBus(MemoryBus):
    """As MemoryBus, with the faults that its attributes say."""

    def __init__(self, *, kept: int = 1000, wait: float = 0.05) -> None:
        super().__init__(maxlen=kept, wait=wait)
        self.down = False
        """Whether publishing and reading fail."""
        self.full = False
        """Whether hello messages are refused, as all are by a server that makes room for ends alone."""
        self.refused: set[int] = set()
        """Sequence numbers of messages that are refused, once."""
        self.unanswered: set[int] = set()
        """Sequence numbers of messages that are appended, once, while the publisher gets an error."""
        self.next_read_error: Exception | None = None
        """What the next read raises."""
        self.reads: list[float] = []
        """When reads began, by the clock of the event loop."""
        self.tries = 0
        """How often publishing was tried."""

    async def publish(self, node_id: str, sequence: int, payload: bytes) -> None:
        self.tries += 1
        if self.down or sequence in self.refused or (self.full and sequence == 0):
            self.refused.discard(sequence)
            raise BusUnavailableError("no")
        await super().publish(node_id, sequence, payload)
        if sequence in self.unanswered:
            self.unanswered.discard(sequence)
            raise BusUnavailableError("the reply was lost")

    async def read(self, after: Offset) -> Batch:
        self.reads.append(asyncio.get_running_loop().time())
        error, self.next_read_error = self.next_read_error, None
        if error is not None:
            raise error
        batch = await super().read(after)
        if self.down:
            raise BusUnavailableError("no")
        return batch

    def hellos(self, node: str) -> int:
        """Count the hello messages of a node that are kept."""
        return sum(each.node_id == node and each.sequence == 0 for each in self._entries)
