"""The order of what a node has read of two streams at once: its own, and the common one.

A node that was busy, or stopped, finds the end of a session in the common stream, and in its own what was
sent to the session's user after that; who sends something, and ends the session then, finds both the other
way round. Both streams are on one server (on a Cluster they share a slot), whose clock is in the offsets of
the entries. Within a millisecond own entries are first.
"""

from collections.abc import Iterator
from heapq import merge
from operator import itemgetter

from .base import Offset

Stored = tuple[bytes, list[bytes]]
"""An entry's offset, and alternating names and values: `a`, for whom a copy is; `o`, the node's id; then `n`
and `m` for each message."""

_first = itemgetter(0)


def merged(own: list[Stored], common: list[Stored]) -> Iterator[Stored]:
    """Return the entries of both streams in the order in which they were appended."""
    if not own or not common:
        return iter(own or common)
    by_time = merge(_timed(own), _timed(common), key=_first)
    return (each for _, each in by_time)


def cut(
    own: list[Stored], common: list[Stored], *, more_own: bool, more_common: bool
) -> tuple[list[Stored], list[Stored]]:
    """Return what can be delivered: nothing that may come after an entry that was not read yet.

    Args:
        own: entries of the node's own stream, and some there are.
        common: those of the common one, likewise.
        more_own: whether there may be more of the own one.
        more_common: whether there may be more of the common one.
    """
    last_own, last_common = _ms(own[-1]), _ms(common[-1])
    if more_own and not (more_common and last_common < last_own):
        return own, [each for each in common if _ms(each) < last_own]
    if more_common:
        return [each for each in own if _ms(each) <= last_common], common
    return own, common


def offset_of(entry_id: bytes) -> Offset:
    """Return the place that an entry's id names."""
    ms, number = entry_id.split(b"-")
    return Offset(int(ms), int(number))


def _timed(entries: list[Stored]) -> Iterator[tuple[int, Stored]]:
    return ((_ms(each), each) for each in entries)


def _ms(entry: Stored) -> int:
    return int(entry[0].partition(b"-")[0])
