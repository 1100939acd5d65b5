"""A bus within the process that can be away, refuse messages, and lose the answers to them."""

from app.realtime.bus import Batch, MemoryBus, Position
from app.sessions import StoreUnavailableError


class ShakyBus(MemoryBus):
    """As MemoryBus, but for what the attributes say."""

    def __init__(self, *, kept: int = 1000) -> None:
        super().__init__(kept=kept, wait=0.05)
        self.away = False
        """Neither publishes nor reads."""
        self.refused: set[int] = set()
        """Numbers of messages that are not taken, once."""
        self.unanswered: set[int] = set()
        """Numbers of messages that are taken, once, while the publisher is told that the bus is away."""
        self.stumble: Exception | None = None
        """What the next read raises."""
        self.tries = 0
        """How often anything was published, or tried to be."""

    async def publish(self, origin: str, number: int, text: bytes) -> None:
        self.tries += 1
        if self.away or number in self.refused:
            self.refused.discard(number)
            raise StoreUnavailableError("no")
        await super().publish(origin, number, text)
        if number in self.unanswered:
            self.unanswered.discard(number)
            raise StoreUnavailableError("yes, but nobody hears it")

    async def read(self, after: Position) -> Batch:
        stumble, self.stumble = self.stumble, None
        if stumble is not None:
            raise stumble
        batch = await super().read(after)
        if self.away:
            raise StoreUnavailableError("no")
        return batch
