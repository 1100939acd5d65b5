"""The port of what is kept of sockets that may come back, and how a process keeps it for itself."""

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from ..bodies import Body
from ..bus.base import START, Offset
from ..targets import Target
from .log import (
    Loggable,
    Logged,
    LogLostError,
    MessageIndex,
    NodeLog,
    NumberedEvent,
    TargetKey,
)
from .position import Position

MAX_LOGGED = 10_000
MAX_LOGGED_BYTES = 16_000_000
_ENTRY_BYTES = 400
"""Of what is kept of a message beside its text."""

_Entry = tuple[Any, ...]
"""When it was added, its number, its bytes; then a message, or what an event is made of."""


class RecoveryStore(ABC):
    """Keeps what sockets are, by the key of their session and their private id, and what nodes have sent.

    Each entry begins with the token of the connection that wrote it: only who knows it can write it anew.
    """

    logs_received = True
    """Whether messages of other nodes are to be given to `append`, too."""

    @abstractmethod
    async def load(self, key: str, pid: str) -> bytes | None:
        """Return the entry of a socket, None if there is none.

        Raises:
            BusUnavailableError: there was no reply.
        """

    @abstractmethod
    async def save(self, key: str, pid: str, entry: bytes, over: bytes | None) -> bool:
        """Write the entry of a socket; return False if the one that is there does not begin with `over`.

        Raises:
            BusUnavailableError: there was no reply.
        """

    @abstractmethod
    async def remove(self, key: str, pid: str, over: bytes) -> bool:
        """Remove the entry of a socket; return False if there is none that begins with `over`.

        Raises:
            BusUnavailableError: there was no reply.
        """

    @abstractmethod
    async def is_kept(self, node: str) -> bool:
        """Return whether a node is running, or was within the window.

        Raises:
            BusUnavailableError: there was no reply.
        """

    @abstractmethod
    def log(self, node: str) -> NodeLog:
        """Return the log of a node."""

    @abstractmethod
    async def snapshot(self, theirs: str, ours: str) -> tuple[Position, Position]:
        """Return the ends of the logs of two nodes at one moment.

        What both were sent is on this side of both ends, or beyond both.

        Raises:
            LogLostError: one of them is not there.
            BusUnavailableError: there was no reply.
        """

    def append(self, number: int, message: Loggable) -> None:
        """Log a message of the node whose store it is, if the bus does not."""
        return

    def append_event(
        self, number: int, to: Target, namespace: str, body: Body, skip: str | None
    ) -> None:
        """Log an event likewise."""
        return

    def start(self, node: str, window: float, healed: float) -> None:
        """Start to keep what a node needs; needs a running event loop.

        Args:
            node: the node.
            window: seconds for which disconnected sockets are kept.
            healed: seconds after which a message has been received, if the client has not come back since.
        """
        return

    def renew(self) -> None:
        """Keep anew, and at once, what the node needs: the server may have lost it."""
        return

    async def aclose(self, *, stays: bool) -> None:
        """Stop; with `stays` what the node needs is kept for the window. May be called twice."""
        return


class MemoryRecoveryStore(RecoveryStore):
    """Keeps it in the process. What is delivered by a node is logged by it, wherever it comes from.

    Args:
        clock: returns seconds of a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._entries: dict[tuple[str, str], bytes] = {}
        self._log = MemoryLog(clock)
        self._node = ""
        self.append_event = self._log.append_event  # type: ignore[method-assign] # a call less for each

    async def load(self, key: str, pid: str) -> bytes | None:
        return self._entries.get((key, pid))

    async def save(self, key: str, pid: str, entry: bytes, over: bytes | None) -> bool:
        if over is not None and not self._entries.get((key, pid), b"").startswith(over):
            return False
        self._entries[key, pid] = entry
        return True

    async def remove(self, key: str, pid: str, over: bytes) -> bool:
        found = self._entries.get((key, pid))
        if found is None or not found.startswith(over):
            return False
        del self._entries[key, pid]
        return True

    async def is_kept(self, node: str) -> bool:
        return node == self._node

    async def snapshot(self, theirs: str, ours: str) -> tuple[Position, Position]:
        end = Position(ours, self._log.last, START, 0)
        return end, end

    def log(self, node: str) -> NodeLog:
        return self._log

    def append(self, number: int, message: Loggable) -> None:
        self._log.append(number, message)

    def start(self, node: str, window: float, healed: float) -> None:
        self._node = node
        self._entries.clear()
        self._log.begin(node, healed)


class MemoryLog(NodeLog):
    """The last messages that the node of this process has delivered, all of them numbered.

    Args:
        clock: returns seconds of a clock that never goes back.
        max_logged: messages that are kept.
        max_bytes: of their text.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        max_logged: int = MAX_LOGGED,
        max_bytes: int = MAX_LOGGED_BYTES,
    ) -> None:
        self._clock = clock
        self.node = ""
        self.healed = 0.0
        self._max_logged = max_logged
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: deque[_Entry] = deque()

    def begin(self, node: str, healed: float) -> None:
        """Begin as the log of a node that starts, which numbers its messages anew."""
        self.node = node
        self.healed = healed
        self._entries.clear()
        self._bytes = 0

    def append(self, number: int, message: Loggable) -> None:
        """Add a message."""
        self._add((self._clock(), number, _ENTRY_BYTES, message), _ENTRY_BYTES)

    def append_event(
        self, number: int, to: Target, namespace: str, body: Body, skip: str | None
    ) -> None:
        """Add an event; what a message is made of takes less time, and room, than one."""
        text, attachments = body
        size = len(text) + _ENTRY_BYTES
        if attachments:
            size += sum(map(len, attachments))
        self._add((self._clock(), number, size, to, namespace, text, attachments, skip), size)

    def _add(self, entry: _Entry, size: int) -> None:
        self._entries.append(entry)
        self._bytes += size
        while self._bytes > self._max_bytes or len(self._entries) > self._max_logged:
            self._bytes -= self._entries.popleft()[2]

    @property
    def last(self) -> int:
        """The number of the last message."""
        return int(self._entries[-1][1]) if self._entries else 0

    async def read(self, start: Position) -> None:
        if start.node != self.node or start.own > self.last:
            raise LogLostError
        oldest_at, oldest = (
            self._entries[0][:2] if self._entries else (self._clock(), self.last + 1)
        )
        if start.own + 1 < oldest and oldest_at > self._clock() - self.healed:
            raise LogLostError

    def select(
        self, targets: Iterable[TargetKey], start: Position, end: Position | None
    ) -> list[Logged]:
        index = MessageIndex()
        for _at, number, _size, *sent in reversed(self._entries):
            if number <= start.own:
                break
            message = sent[0] if len(sent) == 1 else _event(number, *sent)
            identity = (self.node, True, number)
            index.add(Logged(Offset(number, 0), 0, True, (identity,), message))
        return index.select(targets, start, end)

    async def check(self) -> None:
        return


def _event(
    number: int,
    to: Target,
    namespace: str,
    text: str,
    attachments: tuple[bytes, ...],
    skip: str | None,
) -> NumberedEvent:
    return NumberedEvent.model_construct(
        space=to.space,
        name=to.name,
        namespace=namespace,
        body=Body(text, attachments).on_the_bus(),
        skip=skip,
        number=number,
    )
