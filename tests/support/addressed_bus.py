"""A bus within the process that delivers to each node what is addressed to it."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from app.realtime.bus.base import EVERY_NODE, Batch, Entry, Offset, SequencedMessage
from tests.support.faulty_bus import FaultyBus


class AddressedBus(FaultyBus):
    """As FaultyBus, and what is addressed reaches the nodes with sockets for it alone."""

    keeps_log = True

    def __init__(self, *, kept: int = 1000, wait: float = 0.05) -> None:
        super().__init__(kept=kept, wait=wait)
        self.sockets: defaultdict[str, set[str]] = defaultdict(set)
        """The nodes that have sockets under each key."""
        self.opened: set[str] = set()
        """The nodes that get what is addressed to them."""
        self.logs: defaultdict[str, list[bytes]] = defaultdict(list)
        """What each node has published to be in its own log."""
        self.batches: list[int] = []
        """How many messages came together, each time."""
        self.answering = asyncio.Event()
        """Whether it takes messages, and replies: without, it does neither."""
        self.answering.set()
        self._receivers: dict[Offset, set[str]] = {}

    async def publish_all(
        self, node_id: str, messages: Sequence[SequencedMessage]
    ) -> list[SequencedMessage]:
        self.batches.append(len(messages))
        await self.answering.wait()
        failed: list[SequencedMessage] = []
        for message in messages:
            before = self._last()
            failed += await super().publish_all(node_id, [message])
            if self._last() != before:
                self._note(node_id, message)
        return failed

    def _note(self, node_id: str, message: SequencedMessage) -> None:
        if message.to is not None:
            found = self.opened if message.to == EVERY_NODE else self.sockets[message.to]
            self._receivers[self._last()] = set(found)
            if message.joins is not None:
                self.sockets[message.joins] |= found
        if message.logged is True:
            self.logs[node_id].append(message.payload)

    async def open(self, node: str) -> Offset:
        self.opened.add(node)
        end = await self.tail()
        return end._replace(own=end)

    async def read(self, after: Offset) -> Batch:
        batch = await super().read(after)
        return replace(
            batch, entries=[each for each in batch.entries if each.offset not in self._receivers]
        )

    async def read_addressed(self, node: str, after: Offset) -> Batch:
        batch = await super().read(after._replace(own=None))
        found = [self._as_read_by(node, each) for each in batch.entries]
        entries = [each for each in found if each is not None]
        own = next((each.offset for each in reversed(entries) if each.index >= 0), after.own)
        end = batch.offset
        return Batch(entries, end._replace(own=end if batch.gap else own), batch.gap)

    def _as_read_by(self, node: str, entry: Entry) -> Entry | None:
        receivers = self._receivers.get(entry.offset)
        if receivers is None:
            return entry
        return replace(entry, index=0) if node in receivers else None
