"""Which messages have been received, by their nodes and sequence numbers."""

from collections import deque

from .base import Entry

_MAX_REORDERING = 1000
"""How many later messages its node may have sent before a message, that was refused at first, arrives."""
_MAX_PUBLISHERS = 300


class Received:
    """What a node has received of all others."""

    def __init__(self) -> None:
        self._of: dict[str, ReceivedSequences] = {}

    def is_duplicate(self, entry: Entry) -> bool:
        """Return True for a message that its node published again, as it got no reply the first time."""
        if entry.sequence == 0:
            return False
        received = self._of.get(entry.node_id)
        if received is None:
            while len(self._of) >= _MAX_PUBLISHERS:
                del self._of[next(iter(self._of))]
            received = self._of[entry.node_id] = ReceivedSequences()
        return not received.add(entry.sequence)


class ReceivedSequences:
    """The last sequence numbers received from a node.

    Most of the numbers between them are of messages for other nodes. A message that the server refused,
    while it accepted later ones, arrives out of order.
    """

    def __init__(self) -> None:
        self._last = 0
        self._order: deque[int] = deque()
        self._received: set[int] = set()

    def add(self, sequence: int) -> bool:
        """Add a number; return False if it was received before, or comes too late to know."""
        if sequence in self._received or sequence <= self._last - _MAX_REORDERING:
            return False
        self._last = max(self._last, sequence)
        self._received.add(sequence)
        self._order.append(sequence)
        while self._order[0] <= self._last - _MAX_REORDERING:
            self._received.discard(self._order.popleft())
        return True
