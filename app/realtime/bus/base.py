"""The bus port, logs that nodes append to and read from their last offset; and MemoryBus."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from threading import Lock
from typing import NamedTuple

from ...asgi.errors import ServiceUnavailableError

MAXLEN = 10_000
"""Messages that a bus keeps at least; a node that has missed more reloads its sessions instead."""


EVERY_NODE = "nodes"
"""The address of all nodes, in the order of what else is sent to one of them."""

OWN_LOG = "log"
"""The address of no node: the message is logged, and nobody receives it."""


class Offset(NamedTuple):
    """A place in the common log: milliseconds since the epoch, and a number within that millisecond.

    Attributes:
        own: the place in the log of one node, for who reads that as well.
    """

    ms: int
    number: int
    own: "Offset | None" = None

    def __str__(self) -> str:
        return f"{self.ms}-{self.number}"


START = Offset(0, 0)
"""The offset before all messages."""


class BusUnavailableError(ServiceUnavailableError):
    """The bus sent no reply, or an error. A message that was being published may have been appended."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message as it stands in the log.

    Messages that were published together may share an offset; a read returns all of them or none.

    Attributes:
        offset: where it stands.
        node_id: the node that published it.
        sequence: its number among the messages of that node; 0 for one that is not numbered, and
            may be delivered twice.
        payload: what was published.
        index: its number among those that share the offset in the log of one node; -1 in the common log.
    """

    offset: Offset
    node_id: str
    sequence: int
    payload: bytes
    index: int = -1


@dataclass(frozen=True, slots=True)
class Batch:
    """The result of a read.

    Attributes:
        entries: the messages, in order.
        offset: where to read on.
        gap: whether messages before them are lost.
    """

    entries: list[Entry]
    offset: Offset
    gap: bool = False


class SequencedMessage(NamedTuple):
    """A message to publish.

    Attributes:
        sequence: its number among those of its node.
        payload: what readers get.
        to: the key under which nodes publish their sockets (see Presence), or EVERY_NODE. Nodes that have
            nothing under it need not get the message. None: whoever reads the common log.
        joins: the key under which the nodes that get the message may have sockets once they have applied
            it: what is sent to that key behind it reaches them already.
        logged: whether the publisher's own log is to have it, see Bus.keeps_log.
    """

    sequence: int
    payload: bytes
    to: str | None = None
    joins: str | None = None
    logged: bool = False


class Bus(ABC):
    """The port. A bus that cannot be reached raises BusUnavailableError within two seconds or so.

    There is a common log, and there may be one for each node, for what is addressed to it. A bus without
    those delivers every message to every node. It may be used in one event loop after another. To prove an
    adapter of your own, run `BusContract` of the package's `testing` on it.
    """

    last_error: Exception | None = None
    """Why `publish_all` has failed the last time, for who has waited for it."""

    keeps_log: bool = False
    """Whether a node that opens gets a log of what it has published itself and marked as `logged`. A bus
    that has none passes over the mark."""

    stays: bool = False
    """Whether what a node has here is to stay when it closes, for another node to remove."""

    alone = False
    """Whether it is certain that no other node reads, so that publishing is of no use."""

    def join(self, node: str) -> None:
        """Register a node that reads from now on."""
        return

    def leave(self, node: str) -> None:
        """Unregister a node. May be called twice."""
        return

    @abstractmethod
    async def publish(self, node_id: str, sequence: int, payload: bytes) -> None:
        """Append a message. When this returns, every reader will get it, or a gap.

        Raises:
            BusUnavailableError: the message may or may not have been appended.
        """

    async def publish_all(
        self, node_id: str, messages: Sequence[SequencedMessage]
    ) -> list[SequencedMessage]:
        """Append messages in order; return those that failed, some of which may have been appended."""
        failed = []
        for message in messages:
            try:
                await self.publish(node_id, message.sequence, message.payload)
            except BusUnavailableError as error:
                self.last_error = error
                failed.append(message)
        return failed

    @abstractmethod
    async def tail(self) -> Offset:
        """Return the offset of the last message.

        Raises:
            BusUnavailableError: there was no reply.
        """

    @abstractmethod
    async def read(self, after: Offset) -> Batch:
        """Return the messages after an offset; if there are none, wait up to a second or so for one.

        The batch has a gap if the log no longer reaches back to that offset, or never had it.

        Raises:
            BusUnavailableError: there was no reply.
        """

    async def open(self, node: str) -> Offset:
        """Return where a node begins to read; it gets what is addressed to it from now on.

        Raises:
            BusUnavailableError: there was no reply.
        """
        return await self.tail()

    async def read_addressed(self, node: str, after: Offset) -> Batch:
        """Return the messages of the common log, and those that are addressed to a node; see `read`.

        Those of one publisher that are addressed keep their order, whatever they are addressed to. They
        come before those of the common log that were published later, and behind those that were published
        some milliseconds before.

        Raises:
            BusUnavailableError: there was no reply.
        """
        return await self.read(after)

    async def ping(self) -> None:
        """Return if messages can be published and read.

        Raises:
            BusUnavailableError: they cannot; the message says why.
        """
        return

    async def aclose(self) -> None:
        """Close connections. May be called twice."""
        return


class MemoryBus(Bus):
    """A bus within one process, for the memory store.

    Its nodes may be of several event loops, as those of two TestClients are, each in a thread of its own.

    Args:
        maxlen: messages that are kept.
        wait: seconds that a read waits for a message.
    """

    def __init__(self, *, maxlen: int = MAXLEN, wait: float = 1.0) -> None:
        self._entries: deque[Entry] = deque(maxlen=maxlen)
        self._trimmed = START
        self._wait = wait
        self._waiters: set[asyncio.Future[None]] = set()
        self._nodes: set[str] = set()
        self._lock = Lock()
        self.alone = True

    def join(self, node: str) -> None:
        with self._lock:
            self._nodes.add(node)
            self.alone = len(self._nodes) < 2

    def leave(self, node: str) -> None:
        with self._lock:
            self._nodes.discard(node)
            self.alone = len(self._nodes) < 2

    async def publish(self, node_id: str, sequence: int, payload: bytes) -> None:
        with self._lock:
            last = self._last()
            now = max(int(time.time() * 1000), last.ms)
            offset = Offset(now, last.number + 1 if now == last.ms else 0)
            if len(self._entries) == self._entries.maxlen:
                self._trimmed = self._entries[0].offset
            self._entries.append(Entry(offset, node_id, sequence, payload))
            waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            _wake(waiter)

    async def tail(self) -> Offset:
        with self._lock:
            return self._last()

    async def read(self, after: Offset) -> Batch:
        waiter = self._waiter_for(after)
        if waiter is not None:
            await self._wait_for_message(waiter)
        with self._lock:
            newest_first = takewhile(lambda entry: entry.offset > after, reversed(self._entries))
            entries = list(newest_first)[::-1]
            return Batch(entries, self._last(), gap=after < self._trimmed or after > self._last())

    def _waiter_for(self, after: Offset) -> "asyncio.Future[None] | None":
        """Return what the next message wakes; None if there is one already."""
        with self._lock:
            if self._last() > after:
                return None
            # An asyncio.Event would belong to the event loop in which it was first awaited.
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            return waiter

    async def _wait_for_message(self, waiter: "asyncio.Future[None]") -> None:
        try:
            async with asyncio.timeout(self._wait):
                await waiter
        except TimeoutError:
            pass
        finally:
            with self._lock:
                self._waiters.discard(waiter)

    def _last(self) -> Offset:
        return self._entries[-1].offset if self._entries else self._trimmed


def _wake(waiter: "asyncio.Future[None]") -> None:
    loop = waiter.get_loop()
    if loop is asyncio.get_running_loop():
        _set(waiter)
    else:
        with suppress(RuntimeError):  # its event loop is closed
            loop.call_soon_threadsafe(_set, waiter)


def _set(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
