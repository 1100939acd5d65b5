"""Does a session have one id at a time, from its opening to its end, and nothing after it?"""

import math
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from tests.histories.anomaly import Anomaly, Found
from tests.histories.history import ENDS, MOVES, Dead, History, Kind, Operation, Outcome

IN_FLIGHT_SECONDS = 4.5
"""P2 has five, by the store's clock."""

_USES = {Kind.INCREMENT, Kind.READ, Kind.CONNECT, *MOVES}


def check_lives(history: History) -> Iterator[Found]:
    """Yield what is wrong with the ids."""
    for number in range(len(history.users)):
        yield from _check_id(history, number)
    yield from _check_order(history)
    yield from _check_moves(history)


def ended_at(history: History, number: int) -> tuple[float, str]:
    """Return from when on everybody could know that an id is dead, and by what; infinite if nobody could."""
    ends = [(math.inf, "")]
    for each in history.operations:
        over = each.outcome is Outcome.OK
        if (over and each.kind in ENDS and number <= _last_id(history, each)) or (
            over and each.kind in MOVES and each.id == number
        ):
            ends.append((each.returned, f"the {each.kind}"))
        elif (
            each.outcome is Outcome.ENDED and each.id == number and not history.in_failover(each)
        ):  # in a failover it may have seen an end that nobody had acknowledged, and that was lost
            ends.append((each.returned, f"the answer {each.said!r} to a {each.kind}"))
        elif over and each.kind in _USES and each.id > number:
            ends.append((each.returned, f"a {each.kind} under a newer id"))
    return min(ends)


def _last_id(history: History, end: Operation) -> int:
    """Return the newest id that an end is an end of: all that there are, by P2 and P18."""
    return len(history.users) - 1 if end.kind in ENDS else end.id


def _check_id(history: History, number: int) -> Iterator[Found]:
    at, by = ended_at(history, number)
    uses = [each for each in history.operations if each.id == number and each.kind in _USES]
    for each in uses:
        if each.outcome is Outcome.OK and each.invoked > at:
            yield Found(
                Anomaly.SERVED,
                f"a {each.kind} at node {each.node} with id {number}, {each.invoked - at:.3f} s after {by}",
            )
        if each.outcome is Outcome.OK and each.user != history.users[number] and _tells_user(each):
            yield Found(
                Anomaly.USER, f"id {number} of {history.users[number]} was answered {each.user}"
            )
        if each.outcome is Outcome.ENDED and not _may_be_dead(history, each):
            yield Found(Anomaly.GONE, f"{each.said!r} to a {each.kind} at node {each.node}")
    yield from _check_strangers(history, number)


def _tells_user(each: Operation) -> bool:
    return each.kind is Kind.READ


def _may_be_dead(history: History, seen: Operation) -> bool:
    """Return True if something that may end this id had begun before an answer said that it is dead."""
    return history.may_have_expired(seen.returned) or any(
        each.invoked <= seen.returned
        and each.outcome is not Outcome.FAILED
        and (each.kind in ENDS or (each.kind in MOVES and each.id == seen.id and each is not seen))
        for each in history.operations
    )


def _check_strangers(history: History, number: int) -> Iterator[Found]:
    """For five seconds a request with an ended id is refused, as it may have been under way.

    Whether an end was answered makes no difference, nor when a request began: before the end it was the
    session's, and after it there is what is left of that.
    """
    ends = [
        each
        for each in history.operations
        if each.outcome is not Outcome.FAILED
        and (each.kind is Kind.LOGOUT or (each.kind in MOVES and each.id == number))
    ]
    if any(each.kind is Kind.BAN for each in history.operations) or not ends:
        return
    first = min(ends, key=lambda each: each.invoked)
    for each in history.operations:
        if (
            each.id == number
            and each.dead is Dead.STRANGER
            and each.returned < first.invoked + IN_FLIGHT_SECONDS
            and not any(window.ahead for window in history.windows)  # which ends tombstones, too
        ):
            yield Found(
                Anomaly.STRANGER,
                f"a {each.kind} at node {each.node}, {each.returned - first.invoked:.3f} s "
                f"after the {first.kind}",
            )


def _check_order(history: History) -> Iterator[Found]:
    """Counts under a newer id are higher than those under an older one, and are not read under that.

    What is read in a failover may be a write that nobody had acknowledged, and that was lost.
    """
    counted = sorted(
        (each.count, each.kind is Kind.READ, each.id)
        for each in history.operations
        if each.kind in {Kind.INCREMENT, Kind.READ}
        and each.outcome is Outcome.OK
        and each.once is None
        and each.count is not None
        and not (each.kind is Kind.READ and history.in_failover(each))
    )
    written = [(count, number) for count, is_read, number in counted if not is_read]
    for (_, one), (count, other) in pairwise(written):
        if other < one:
            yield Found(
                Anomaly.WENT_BACK, f"{count} under id {other}, after {count - 1} under id {one}"
            )
    written_at: dict[int, int] = {}
    for count, number in written:
        written_at.setdefault(number, count)
    for count, is_read, number in counted:
        newer = [one for other, one in written_at.items() if other > number]
        if is_read and newer and count >= min(newer):
            yield Found(
                Anomaly.WENT_BACK,
                f"{count} was read under id {number}, and {min(newer)} written under a newer one",
            )


def _check_moves(history: History) -> Iterator[Found]:
    """A session moves on from each id once."""
    moves = Counter(
        each.id for each in history.operations if each.kind in MOVES and each.outcome is Outcome.OK
    )
    for number, times in moves.items():
        if times > 1:
            yield Found(Anomaly.SERVED, f"id {number} has moved {times} times")
