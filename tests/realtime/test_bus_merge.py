"""What a node reads of two streams comes in the order in which it was appended, in reads of any size."""

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.realtime.bus.merge import Stored, cut, merged, offset_of

Appended = list[tuple[int, bool]]
"""Milliseconds, and whether it is for the node's own stream; in the order of the appends."""


def _appended(steps: list[tuple[int, bool]]) -> Appended:
    ms, appended = 1, []
    for step, is_own in steps:
        ms += step
        appended.append((ms, is_own))
    return appended


appended = st.lists(st.tuples(st.sampled_from([0, 0, 1, 50]), st.booleans()), max_size=60).map(
    _appended
)


def _stream(entries: Appended, *, is_own: bool) -> list[Stored]:
    return [
        (b"%d-%d" % (ms, number), [b"own" if own else b"common"])
        for number, (ms, own) in enumerate(entries)
        if own == is_own
    ]


def _reads(own: list[Stored], common: list[Stored], size: int) -> Iterator[list[Stored]]:
    """Read on and on, as the bus does: so many entries of each stream at a time."""
    while own or common:
        some_own, some_common = own[:size], common[:size]
        if some_own and some_common:
            some_own, some_common = cut(
                some_own,
                some_common,
                more_own=len(some_own) == size,
                more_common=len(some_common) == size,
            )
        assert some_own or some_common, "a read that gets nowhere"
        read = list(merged(some_own, some_common))
        assert all(is_own == (each[1] == [b"own"]) for is_own, each in read)
        yield [each for _, each in read]
        own, common = own[len(some_own) :], common[len(some_common) :]


@given(appended, st.integers(1, 10))
def test_everything_comes_once_and_in_order_but_for_what_one_millisecond_has(
    entries: Appended, size: int
) -> None:
    own, common = _stream(entries, is_own=True), _stream(entries, is_own=False)
    read = [each for batch in _reads(own, common, size) for each in batch]

    assert all(b"%d-%d" % offset_of(each[0])[:2] == each[0] for each in read)
    assert [each for each in read if each[1] == [b"own"]] == own
    assert [each for each in read if each[1] == [b"common"]] == common
    times = [offset_of(each[0]).ms for each in read]
    assert times == sorted(times)
    for one, next_one in pairwise(read):
        if offset_of(one[0]).ms == offset_of(next_one[0]).ms:
            assert (one[1], next_one[1]) != ([b"common"], [b"own"]), "own entries are first"
