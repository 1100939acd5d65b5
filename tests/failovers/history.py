"""What clients were told during one failover, and the anomalies that a checker finds in it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

P6_SECONDS = 1.0


@dataclass
class Counted:
    """One session, which only the history's writers incremented.

    Attributes:
        acknowledged: the counts that were answered, in no order.
        in_doubt: how many writes were refused.
        count: what the session says in the end, None if it has ended.
        reasons: why its sockets were disconnected, if they were.
    """

    acknowledged: list[int] = field(default_factory=list)
    in_doubt: int = 0
    count: int | None = None
    reasons: list[str] = field(default_factory=list)


@dataclass
class Ended:
    """One session that was ended, with a socket on each node.

    Attributes:
        at: when the logout was answered 204, None if it was refused.
        closed: when its sockets were closed; None for one that stays open.
        alive: whether its cookie is served in the end.
    """

    at: float | None = None
    closed: list[float | None] = field(default_factory=list)
    alive: bool = False


@dataclass
class History:
    """One failover.

    Attributes:
        unavailable: from when to when no session was written anywhere, by a monotonic clock.
        odd: answers that nobody was promised.
    """

    counted: list[Counted] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    unavailable: tuple[float, float] = (0.0, 0.0)
    odd: list[str] = field(default_factory=list)

    @property
    def acknowledged(self) -> int:
        """The number of all increments that were answered."""
        return sum(len(each.acknowledged) for each in self.counted)

    @property
    def lost(self) -> int:
        """The number of increments that were answered and are not there, over all sessions."""
        return sum(_lost(each) for each in self.counted)

    @property
    def slowest_end(self) -> float:
        """The longest that a socket outlived its session, in seconds, once there was a master."""
        return max((late for each in self.ended for late in self._delays(each)), default=0.0)

    def anomalies(self) -> Iterator[str]:
        """What should not have been."""
        for each in self.counted:
            yield from _anomalies(each)
        for end in self.ended:
            if end.at is None:
                continue
            if end.alive:
                yield "a session that was ended is alive again"
            if None in end.closed:
                yield "a socket of an ended session stays open"
            yield from (
                f"a socket outlives its session by {late:.1f} s"
                for late in self._delays(end)
                if late > P6_SECONDS
            )
        yield from self.odd

    def _delays(self, end: Ended) -> list[float]:
        if end.at is None:
            return []
        # Where the end fell into the time without a master, or its second did, the new one begins it.
        began, over = self.unavailable
        since = over if began - P6_SECONDS <= end.at <= over else end.at
        return [closed - since for closed in end.closed if closed is not None]


def _anomalies(each: Counted) -> Iterator[str]:
    twice = [count for count, times in Counter(each.acknowledged).items() if times > 1]
    if twice:
        yield f"{len(twice)} counts were answered twice"
    if each.reasons:
        yield f"sockets of a live session were disconnected: {each.reasons}"
    if each.count is None:
        yield "a live session has ended"
        return
    writes = len(each.acknowledged)
    if lost := _lost(each):
        yield f"{lost} acknowledged increments are lost"
    if each.count > writes + each.in_doubt:
        yield f"{each.count - writes - each.in_doubt} increments were done twice"


def _lost(each: Counted) -> int:
    if each.count is None:
        return len(each.acknowledged)
    return max(0, max(len(each.acknowledged), *each.acknowledged, 0) - each.count)
