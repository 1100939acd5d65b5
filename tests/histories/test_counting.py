"""The checker of counts finds what a search through all orders finds, and nothing in what is right."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.histories.anomaly import Anomaly
from tests.histories.counting import check_counting
from tests.histories.history import Kind, Operation, Outcome
from tests.support.samples import times

INCREMENT, READ = Kind.INCREMENT, Kind.READ


def increment(invoked: float, returned: float, count: int, once: str | None = None) -> Operation:
    return Operation(INCREMENT, 0, 0, invoked, returned, Outcome.OK, count, once=once)


def doubt(invoked: float, once: str | None = None) -> Operation:
    return Operation(INCREMENT, 0, 0, invoked, once=once)


def read(invoked: float, returned: float, count: int) -> Operation:
    return Operation(READ, 0, 0, invoked, returned, Outcome.OK, count)


WRONG = {
    "two increments from one count": (
        Anomaly.TWICE,
        [increment(0, 2, 1), increment(1, 3, 1)],
    ),
    "an increment that nobody can see afterwards": (
        Anomaly.LOST,
        [increment(0, 1, 1), increment(2, 3, 2), read(4, 5, 1)],
    ),
    "a store that has lost all": (Anomaly.LOST, [increment(0, 1, 1), read(2, 3, 0)]),
    "a read of an old replica": (
        Anomaly.STALE,
        [increment(0, 1, 1), read(2, 3, 0), read(4, 5, 1)],
    ),
    "a read that goes back": (
        Anomaly.STALE,
        [increment(0, 9, 1), read(1, 2, 1), read(3, 4, 0), read(10, 11, 1)],
    ),
    "an increment that counts from an old count": (
        Anomaly.BACKWARDS,
        [increment(0, 1, 2), increment(2, 3, 1)],
    ),
    "a count without an increment": (Anomaly.INVENTED, [increment(0, 1, 2)]),
    "an increment that was answered nothing": (Anomaly.INVENTED, [increment(0, 1, 0)]),
    "an increment that was answered less than nothing": (Anomaly.INVENTED, [increment(0, 1, -1)]),
    "a read of less than nothing": (Anomaly.INVENTED, [read(0, 1, -1)]),
    "an increment that was answered no count": (
        Anomaly.INVENTED,
        [replace(increment(0, 1, 1), count=None)],
    ),
    "an increment that took effect twice": (
        Anomaly.INVENTED,
        [increment(0, 1, 1), read(2, 3, 2)],
    ),
    "an increment in doubt that took effect twice": (
        Anomaly.INVENTED,
        [doubt(0), increment(1, 2, 3)],
    ),
    "an effect before its cause": (Anomaly.INVENTED, [increment(0, 1, 2), doubt(3)]),
    "a repeat that counts again": (
        Anomaly.REPEATED,
        [increment(0, 1, 1, "a"), increment(2, 3, 2, "a")],
    ),
    "a repeat without an answer that counts again": (
        Anomaly.INVENTED,
        [doubt(0, "a"), doubt(1, "a"), increment(2, 3, 3)],
    ),
}

RIGHT = {
    "nothing": [],
    "a read while it is incremented, either way": [
        increment(0, 9, 1),
        read(1, 2, 0),
        read(1, 2, 1),
    ],
    "a doubt that took effect late": [doubt(0), increment(1, 2, 1), read(3, 4, 1), read(5, 6, 2)],
    "a doubt that never took effect": [doubt(0), increment(1, 2, 1), read(3, 4, 1)],
    "a repeat that was answered the first count": [
        doubt(0, "a"),
        increment(1, 2, 2),
        increment(3, 4, 1, "a"),
        increment(5, 6, 1, "a"),
    ],
}


@pytest.mark.parametrize("name", WRONG)
def test_a_history_that_is_wrong_by_construction_is_found(name: str) -> None:
    anomaly, operations = WRONG[name]
    assert {each.anomaly for each in check_counting(operations)} == {anomaly}


@pytest.mark.parametrize("name", RIGHT)
def test_a_history_that_is_right_is_let_pass(name: str) -> None:
    assert list(check_counting(RIGHT[name])) == []


@st.composite
def histories(draw: st.DrawFn) -> list[Operation]:
    """A few operations at random, most of which no counter answers so."""
    made = []
    for _ in range(draw(st.integers(1, 6))):
        begin = draw(st.integers(0, 8))
        end = begin + draw(st.integers(1, 6))
        match draw(st.sampled_from(["increment", "increment", "read", "doubt"])):
            case "increment":
                made.append(increment(begin, end, draw(st.integers(1, 4))))
            case "read":
                made.append(read(begin, end, draw(st.integers(0, 4))))
            case _:
                made.append(doubt(begin))
    return made


def linearizable(operations: Sequence[Operation], count: int = 0) -> bool:
    """Search through all orders (Wing and Gong), without any thought of what a count tells."""
    if all(each.outcome is Outcome.UNKNOWN for each in operations):
        return True
    for number, each in enumerate(operations):
        rest = [*operations[:number], *operations[number + 1 :]]
        if any(other.returned < each.invoked for other in rest):
            continue
        after = count + 1 if each.kind is INCREMENT else count
        fits = each.outcome is Outcome.UNKNOWN or each.count == after
        if fits and linearizable(rest, after):
            return True
    return False


@pytest.mark.proof
@settings(max_examples=times(150, of=400), deadline=None)
@given(histories())
def test_it_finds_what_a_search_through_all_orders_finds(operations: list[Operation]) -> None:
    assert (list(check_counting(operations)) == []) == linearizable(operations)


@settings(deadline=None)
@given(st.integers(), st.integers(1, 60))
def test_what_a_true_counter_answers_is_let_pass_and_a_loss_is_not(seed: int, size: int) -> None:
    made = a_true_history(random.Random(seed), size)
    assert list(check_counting(made)) == []
    top = max((each.count or 0 for each in made if each.outcome is Outcome.OK), default=0)
    if top:
        end = max(each.returned for each in made if each.outcome is Outcome.OK) + 1
        made.append(read(end, end + 1, top - 1))
        found = {each.anomaly for each in check_counting(made)}
        assert found & {Anomaly.LOST, Anomaly.STALE}


def a_true_history(rng: random.Random, size: int) -> list[Operation]:
    """What clients of a counter see: each operation takes effect at one moment between call and answer."""
    count, made = 0, []
    keys: dict[str, int] = {}
    for moment in sorted(rng.random() * 10 for _ in range(size)):
        begin, end = moment - rng.random(), moment + rng.random()
        match rng.choice(["increment", "read", "doubt", "lost", "once"]):
            case "increment":
                count += 1
                made.append(increment(begin, end, count))
            case "read":
                made.append(read(begin, end, count))
            case "doubt":
                count += 1
                made.append(doubt(begin))
            case "lost":
                made.append(doubt(begin))
            case _:
                key = rng.choice("abc")
                if key not in keys:
                    count += 1
                    keys[key] = count
                made.append(increment(begin, end, keys[key], key))
    rng.shuffle(made)
    return made
