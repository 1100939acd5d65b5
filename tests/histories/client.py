"""What all clients of Socket.IO do: operations by events, being in a room, and noting what they see."""

import asyncio
import time
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from tests.histories.browser import Browser
from tests.histories.history import Connection, Dead, Kind, Operation, Outcome, Received

ACK_SECONDS = 6.0
AGAIN_SECONDS = 0.1


class Ack(NamedTuple):
    """The arguments of an ack, and the connection that it came by."""

    connection: Connection
    arguments: list[Any]


class Client(ABC):
    """One client of a session. It comes back until the session is gone, or it is sent away for good.

    Args:
        number: which one of the session's clients.
        browser: whose cookie it has.
        room: the room that it enters.
    """

    def __init__(self, number: int, browser: Browser, room: str) -> None:
        self.connection: Connection | None = None
        self.stopping = False
        self._number = number
        self._browser = browser
        self._room = room
        self._entered = False

    @property
    def connected(self) -> bool:
        """Whether it is connected now."""
        return self.connection is not None and self.connection.closed is None

    @abstractmethod
    async def run(self) -> None:
        """Be connected, until it is told to stop, is sent away for good, or its session is gone."""

    @abstractmethod
    def cut(self) -> None:
        """Lose the connection."""

    @abstractmethod
    async def emit(self, event: str, *args: Any) -> Ack | None:
        """Send an event; return its ack, or None if none comes."""

    @abstractmethod
    async def close(self) -> None:
        """Go, whatever its state; what is noted stays as it is."""

    async def ask(self, kind: Kind, once: str | None = None) -> Operation | None:
        """Do one operation by an event; None if the client is not connected."""
        connection = self.connection
        if connection is None or connection.closed is not None:
            return None
        each = Operation(kind, connection.node, connection.id, time.monotonic(), once=once)
        self._browser.history.operations.append(each)
        event = "view" if kind is Kind.READ else "incr" if once is None else "incr once"
        ack = await self.emit(event, *([] if once is None else [once]))
        if ack is None:
            return each
        each.returned = time.monotonic()
        each.said = f"an ack {ack.arguments}"
        # A stock client keeps what is emitted while it is away, and sends it when it is back.
        each.node, each.id = ack.connection.node, ack.connection.id
        match ack.arguments:
            case [int(count)]:
                each.outcome, each.count = Outcome.OK, count
            case [int(count), user]:
                each.outcome, each.count, each.user = Outcome.OK, count, user
            case [{"error": {"type": "session-ended"}}]:
                each.outcome, each.dead = Outcome.ENDED, Dead.ENDED
            case [{"error": {"type": "store-unavailable" | "request-under-way"}}]:
                pass
            case _:
                self._browser.history.odd.append(f"a {kind} was acknowledged with {ack.arguments}")
        return each

    async def enter(self) -> None:
        """Enter the room, if it is not in it, as who has recovered is."""
        connection = self.connection
        while connection is not None and connection.closed is None and not self._entered:
            ack = await self.emit("enter", self._room)
            if ack is not None and ack.arguments in ([], [None]):
                self._entered = ack.connection is self.connection
                ack.connection.listening = time.monotonic()
            else:
                await asyncio.sleep(AGAIN_SECONDS)

    def note_connected(self, each: Operation, at: float, *, recovered: bool) -> None:
        """Note that a connect was answered."""
        each.outcome, each.returned = Outcome.OK, at
        self._entered = self._entered and recovered
        self.connection = Connection(self._number, each.node, each.id, at, recovered=recovered)
        self._browser.history.connections.append(self.connection)

    def note_event(self, at: float, event: list[Any]) -> None:
        """Note an event that the server has sent, if it is one of the product's."""
        if self.connection is None:
            return
        name, *arguments = event
        if name == "said":
            self.connection.messages.append(Received(at, arguments[0], arguments[1]))
        elif name == "count":
            self.connection.counts.append(arguments[0])

    def note_closed(self, at: float) -> None:
        """Note that the connection is closed."""
        if self.connection is not None and self.connection.closed is None:
            self.connection.closed = at
