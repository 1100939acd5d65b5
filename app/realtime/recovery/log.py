"""What a node has delivered to its sockets, for disconnected ones."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from ..bodies import Body
from ..bus.base import Offset
from ..bus.messages import DisconnectMessage, EventMessage, MembershipMessage
from .position import Position


class LogLostError(Exception):
    """A log no longer has, or never had, all that came after a position."""


class NumberedEvent(EventMessage):
    """An event with its number among what its node has sent, and is to keep for sockets of its own."""

    number: int | None = None

    @property
    def content(self) -> Body:
        """Its name and arguments."""
        return Body.from_the_bus(self.body)


class NumberedMembership(MembershipMessage):
    """The same for a change of rooms."""

    number: int | None = None


class NumberedDisconnect(DisconnectMessage):
    """The same for a disconnect."""

    number: int | None = None


Loggable = NumberedEvent | NumberedMembership | NumberedDisconnect

_KINDS: dict[str, TypeAdapter[Any]] = {
    "event": TypeAdapter(NumberedEvent),
    "membership": TypeAdapter(NumberedMembership),
    "disconnect": TypeAdapter(NumberedDisconnect),
}


Identity = tuple[str, bool, int]
"""A node, and its number of a message: among the numbered ones if True, else among all that it published."""

TargetKey = tuple[str, str]
"""The space and the name of a target."""


class Logged(NamedTuple):
    """A message in a log.

    Attributes:
        at: where it stands; messages of a log are sorted by it.
        nth: its number among those that stand there.
        own: it is one of the node whose log it is.
        identities: what it may be known by elsewhere.
        message: what was sent.
    """

    at: Offset
    nth: int
    own: bool
    identities: tuple[Identity, ...]
    message: Loggable

    def follows(self, position: Position) -> bool:
        """Return True if it was not delivered yet at a position."""
        if self.own:
            return (self.message.number or 0) > position.own
        return (self.at, self.nth) > position.received

    def after(self, position: Position) -> Position:
        """Return the position when it had been delivered as well."""
        if self.own:
            return position._replace(own=self.message.number or 0)
        return position._replace(stream=self.at, nth=self.nth)


def read_message(payload: bytes) -> Loggable | None:
    """Return the message of a payload if it matters to a socket that comes back."""
    kind = payload.partition(b'"kind":"')[2].partition(b'"')[0].decode(errors="replace")
    adapter = _KINDS.get(kind)
    if adapter is None:
        return None
    try:
        message: Loggable = adapter.validate_json(payload)
    except ValidationError:
        return None  # nodes pass over it as well
    return None if isinstance(message, NumberedEvent) and message.volatile else message


class MessageIndex:
    """Messages of one log, found by whom they are for."""

    def __init__(self) -> None:
        self._by_target: dict[TargetKey, list[Logged]] = {}

    def add(self, logged: Logged) -> None:
        """Add a message."""
        message = logged.message
        self._by_target.setdefault((message.space, message.name), []).append(logged)

    def select(
        self, targets: Iterable[TargetKey], start: Position, end: Position | None
    ) -> list[Logged]:
        """Return the messages for targets between two positions, in order."""
        found = [
            each
            for target in targets
            for each in self._by_target.get(target, ())
            if each.follows(start) and (end is None or not each.follows(end))
        ]
        found.sort(key=lambda each: (each.at, each.nth))
        return found


class NodeLog(ABC):
    """The log of one node, as another one reads it."""

    @abstractmethod
    async def read(self, start: Position) -> None:
        """Read all that came after a position, and is not read yet.

        Raises:
            LogLostError: it is not all there.
            BusUnavailableError: there was no reply.
        """

    @abstractmethod
    def select(
        self, targets: Iterable[TargetKey], start: Position, end: Position | None
    ) -> list[Logged]:
        """Return what was read of the messages for targets between two positions, in order."""

    def had(self, identity: Identity, position: Position) -> bool:
        """Return True if a message was delivered at a position already, as far as it was read.

        Where one node recovers its own sockets alone, nothing that is sent later was.
        """
        return False

    @abstractmethod
    async def check(self) -> None:
        """Raise LogLostError if the node may have missed something, as it is being forgotten."""
