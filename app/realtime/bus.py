"""The bus: a log that every node appends to and reads on from where it stopped."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

from app.sessions import StoreUnavailableError

KEPT = 10_000
"""Messages that a bus keeps at the least; who has missed more reloads its sessions instead."""


class Position(NamedTuple):
    """A place in the log: milliseconds since the epoch, and a number within them."""

    ms: int
    number: int

    def __str__(self) -> str:
        return f"{self.ms}-{self.number}"


START = Position(0, 0)
"""The place before all messages."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message: where it stands, which node put it there, the how-manieth of that node, its text.

    Messages that were published together may stand in one place; a read gives all of them or none.
    `number` is 0 for a message that its node does not count; such a one may be applied twice.
    """

    position: Position
    origin: str
    number: int
    text: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What a read gives: the entries in order, where to read on, and whether some before them are lost."""

    entries: list[Entry]
    position: Position
    gap: bool = False


Numbered = tuple[int, bytes]
"""A message of a node: the how-manieth it is, and its text."""


class Bus(ABC):
    """The port. A bus that cannot be reached raises StoreUnavailableError."""

    @property
    def alone(self) -> bool:
        """Whether it is certain that no other node listens, so that there is no use in publishing."""
        return False

    def join(self, node: str) -> None:
        """Say that a node listens from now on."""
        return

    def leave(self, node: str) -> None:
        """Say that a node listens no longer. May be called twice."""
        return

    @abstractmethod
    async def publish(self, origin: str, number: int, text: bytes) -> None:
        """Append a message. When this returns, every reader will get it, or learn of a gap."""

    async def publish_all(self, origin: str, messages: Sequence[Numbered]) -> list[Numbered]:
        """Append messages in order; gives those that did not get through, as far as one can know."""
        failed = []
        for message in messages:
            try:
                await self.publish(origin, *message)
            except StoreUnavailableError:
                failed.append(message)
        return failed

    @abstractmethod
    async def tail(self) -> Position:
        """Give the place behind the last message."""

    @abstractmethod
    async def read(self, after: Position) -> Batch:
        """Give the messages after a place; waits a second or so for one if there is none.

        `gap` tells that the log no longer reaches back to that place, or never had it.
        """

    async def aclose(self) -> None:
        """Let go of connections. May be called twice."""
        return


class MemoryBus(Bus):
    """A bus within one process: the twin of RedisBus for the memory store."""

    def __init__(self, *, kept: int = KEPT, wait: float = 1.0) -> None:
        self._entries: deque[Entry] = deque(maxlen=kept)
        self._trimmed = START
        self._wait = wait
        self._news = asyncio.Event()
        self._nodes: set[str] = set()

    @property
    def alone(self) -> bool:
        return len(self._nodes) < 2

    def join(self, node: str) -> None:
        self._nodes.add(node)

    def leave(self, node: str) -> None:
        self._nodes.discard(node)

    async def publish(self, origin: str, number: int, text: bytes) -> None:
        last = self._last()
        now = max(int(time.time() * 1000), last.ms)
        position = Position(now, last.number + 1 if now == last.ms else 0)
        if len(self._entries) == self._entries.maxlen:
            self._trimmed = self._entries[0].position
        self._entries.append(Entry(position, origin, number, text))
        self._news.set()
        self._news = asyncio.Event()

    async def tail(self) -> Position:
        return self._last()

    async def read(self, after: Position) -> Batch:
        if self._last() <= after:
            try:
                async with asyncio.timeout(self._wait):
                    await self._news.wait()
            except TimeoutError:
                pass
        newest_first = takewhile(lambda entry: entry.position > after, reversed(self._entries))
        entries = list(newest_first)[::-1]
        return Batch(entries, self._last(), gap=after < self._trimmed or after > self._last())

    def _last(self) -> Position:
        return self._entries[-1].position if self._entries else self._trimmed
