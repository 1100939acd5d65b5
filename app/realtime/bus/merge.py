"""The order of what a node has read of two streams at once: its own, and the common one.

A node that was busy, or stopped, finds the end of a session in the common stream, and in its own what was
sent to the session's user after that; who sends something, and ends the session then, finds both the other
way round. Both streams are on one server (on a Cluster they share a slot), whose clock is in the offsets of
the entries. Within a millisecond own entries are first.
"""

from collections.abc import Iterable
from heapq import merge

from .base import Offset

Stored = tuple[bytes, list[bytes]]
"""An entry's offset, and alternating names and values: `a`, for whom a copy is; `o`, the node's id; then `n`
and `m` for each message."""


def merged(own: list[Stored], common: list[Stored]) -> Iterable[tuple[bool, Stored]]:
    """Return the entries of both streams as they were appended, each with whether it is an own one."""
    ours = ((True, each) for each in own)
    if not common:
        return ours
    theirs = ((False, each) for each in common)
    return merge(ours, theirs, key=_time) if own else theirs


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


def _time(entry: tuple[bool, Stored]) -> int:
    return _ms(entry[1])


def _ms(entry: Stored) -> int:
    return int(entry[0].partition(b"-")[0])
