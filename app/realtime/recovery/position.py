"""Places in what a node has delivered, as clients have them: the offset that an event ends with."""

import re
from typing import NamedTuple, Self

from ..bus.base import Offset

_OFFSET = re.compile(
    r"(.{1,100})\.([0-9]{1,18})\.([0-9]{1,18})-([0-9]{1,18})\.([0-9]{1,9})", re.DOTALL
)


class Position(NamedTuple):
    """What a node has delivered so far: of its own messages, and of those that others sent to it.

    Both are delivered in order, but one's own at once: no single number could say how far both are.

    Attributes:
        node: the node.
        own: the number of its last own message.
        stream: where the last message stands in the log of what is addressed to it.
        nth: its number among those that stand there.
    """

    node: str
    own: int
    stream: Offset
    nth: int

    def __str__(self) -> str:
        return f"{self.node}.{self.own}.{self.stream.ms}-{self.stream.number}.{self.nth}"

    @classmethod
    def parse(cls, text: object) -> Self | None:
        """Return the position of an offset, None for what is none."""
        found = _OFFSET.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            return None
        node, own, ms, number, index = found.groups()
        return cls(node, int(own), Offset(int(ms), int(number)), int(index))

    @property
    def received(self) -> tuple[Offset, int]:
        """The place of the last message of another node."""
        return self.stream, self.nth

    def or_later(self, other: "Position") -> "Position":
        """Return what is delivered when both this position and another one are reached."""
        stream, nth = max(self.received, other.received)
        return Position(self.node, max(self.own, other.own), stream, nth)

    def reaches(self, other: "Position") -> bool:
        """Return True if all that was delivered at another position of the same node was so at this one."""
        return self.node == other.node and self.own >= other.own and self.received >= other.received
