"""Is a history of increments and reads that of one counter? (Linearizability, Herlihy and Wing 1990.)

An increment is answered with the count, so that answers alone say in which order they took effect: by their
counts, and the reads of a count behind the increment to it. What is left to find out is whether each can have
taken effect between its call and its answer: in that order, each as early as it can. That finds what a search
through all orders finds (tests/histories/test_counting.py compares both), in the time that it takes to sort.

An increment that was not answered took effect at some time after its call, or never: it stands in for a count
that nobody was answered, the one that was called first for the first such count.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tests.histories.anomaly import Anomaly, Found
from tests.histories.history import Kind, Operation, Outcome


def check_counting(operations: Sequence[Operation]) -> Iterator[Found]:
    """Yield what is wrong with the increments and reads of a session."""
    yield from _check_values(operations)
    increments = [each for each in operations if each.kind is Kind.INCREMENT]
    single = [each for each in increments if each.once is None]
    repeated = [each for each in increments if each.once is not None]
    yield from _check_answers(repeated)
    writes = [*filter(_may_count, single), *_as_one(repeated)]
    done = [each for each in writes if each.outcome is Outcome.OK]
    twice = [count for count, times in Counter(each.count for each in done).items() if times > 1]
    if twice:
        yield Found(Anomaly.TWICE, f"{sorted(map(_count, twice))}")
        return
    in_doubt = [each for each in writes if each.outcome is Outcome.UNKNOWN]
    reads = [each for each in operations if each.kind is Kind.READ and each.outcome is Outcome.OK]
    yield from _place(done, in_doubt, reads)


def _check_values(operations: Sequence[Operation]) -> Iterator[Found]:
    """Find answers that no counter gives: it begins with nothing, and an increment leaves more."""
    least = {Kind.INCREMENT: 1, Kind.READ: 0}
    for each in operations:
        if each.outcome is Outcome.OK and _count(each.count) < least.get(each.kind, -1):
            yield Found(Anomaly.INVENTED, f"a {each.kind} was answered {each.count}")
            return


def _check_answers(repeated: Sequence[Operation]) -> Iterator[Found]:
    by_key = defaultdict(set)
    for each in repeated:
        if each.outcome is Outcome.OK:
            by_key[each.once].add(each.count)
    for key, counts in by_key.items():
        if len(counts) > 1:
            yield Found(Anomaly.REPEATED, f"{key} was answered {sorted(map(_count, counts))}")


def _as_one(repeated: Sequence[Operation]) -> Iterator[Operation]:
    """Return the tries of each key as one operation, from its first call to its first answer."""
    by_key = defaultdict(list)
    for each in repeated:
        if _may_count(each):
            by_key[each.once].append(each)
    for tries in by_key.values():
        answered = [each for each in tries if each.outcome is Outcome.OK]
        first = min(answered, key=lambda each: each.returned) if answered else tries[0]
        yield replace(first, invoked=min(each.invoked for each in tries))


def _place(
    done: Sequence[Operation], in_doubt: Sequence[Operation], reads: Sequence[Operation]
) -> Iterator[Found]:
    """Have each take effect as early as it can, in the order of the counts, up to the first that cannot."""
    by_count = {_count(each.count): each for each in done}
    seen = defaultdict(list)
    for each in reads:
        seen[_count(each.count)].append(each)
    waiting = sorted(in_doubt, key=lambda each: each.invoked)
    moment = _Moment()
    for count in range(max([0, *by_count, *seen]) + 1):
        if count > 0 and count not in by_count and not waiting:
            yield Found(Anomaly.INVENTED, f"{count}, of {len(done)} counts that were answered")
            return
        if count in by_count:
            moment.follow(by_count[count], f"the increment to {count}")
        elif count > 0:
            moment.follow(waiting.pop(0), "an increment in doubt")
        late = [
            each for each in (by_count.get(count), *seen[count]) if each and moment.is_over(each)
        ]
        if late:
            yield _late(late[0], moment, [*done, *reads])
            return
        for each in seen[count]:
            moment.follow(each, f"a read of {count}")


@dataclass
class _Moment:
    """The earliest moment at which what has been placed so far can have taken effect.

    Attributes:
        at: the moment.
        by: what came last before it.
    """

    at: float = -math.inf
    by: str = "the beginning"

    def follow(self, each: Operation, what: str) -> None:
        """Have an operation take effect as well."""
        if each.invoked > self.at:
            self.at, self.by = each.invoked, what

    def is_over(self, each: Operation) -> bool:
        """Return True if an operation was answered before."""
        return self.at > each.returned


def _late(each: Operation, moment: _Moment, all_of_them: Sequence[Operation]) -> Found:
    """Say what an operation is that was answered before something that comes before it."""
    early = moment.at - each.returned
    where = f"{each.count} at node {each.node} was answered {early:.3f} s before {moment.by}"
    if each.kind is Kind.READ:
        return Found(Anomaly.STALE, where)
    if moment.by.startswith("the increment"):
        return Found(Anomaly.BACKWARDS, where)
    if moment.by.startswith("an increment in doubt"):
        return Found(Anomaly.INVENTED, where)
    is_there = any(
        other.invoked >= moment.at and _count(other.count) >= _count(each.count)
        for other in all_of_them
    )
    return Found(Anomaly.STALE if is_there else Anomaly.LOST, where)


def _may_count(each: Operation) -> bool:
    return each.outcome in {Outcome.OK, Outcome.UNKNOWN}


def _count(value: int | None) -> int:
    return -1 if value is None else value
