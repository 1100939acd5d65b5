"""What is read from callgrind's dumps, and what is made of it."""

from pathlib import Path

import pytest

from benchmarks.callgrind import CallgrindError, instructions
from benchmarks.instructions import Counts, Tree, table
from benchmarks.operations import OPERATIONS, PAIRS

_DUMP = """\
# callgrind format
version: 1
pid: 17
part: 2

desc: Trigger: Client Request
events: Ir
summary: 53790012

fn=(1) main
16 400
totals: 53790012
"""


def test_a_dump_says_how_many_instructions_it_has_counted() -> None:
    assert instructions(_DUMP) == 53_790_012


def test_a_dump_that_was_cut_off_is_no_zero() -> None:
    with pytest.raises(CallgrindError):
        instructions(_DUMP.partition("summary")[0])


def test_the_table_has_the_median_and_the_furthest_window() -> None:
    counts = {"post": [500_000.0, 505_000.0, 520_000.0]}

    lines = table([Tree("here", Path(), {"memory": counts})]).splitlines()

    [line] = [line for line in lines if line.startswith("POST /incr ")]
    assert line.split() == ["POST", "/incr", "memory", "505.0", "±", "3.0%"]


def test_two_trees_are_compared() -> None:
    before, after = ({"memory": {"post": [count]}} for count in (400_000.0, 500_000.0))

    lines = table([Tree("main", Path(), before), Tree("here", Path(), after)]).splitlines()

    [line] = [line for line in lines if line.startswith("POST /incr ")]
    assert line.endswith("+25.0%")


def test_a_tree_that_cannot_do_it_has_a_dash() -> None:
    before: dict[str, Counts] = {"memory": {}}
    after: dict[str, Counts] = {"memory": {"post": [500_000.0]}}

    lines = table([Tree("main", Path(), before), Tree("here", Path(), after)]).splitlines()

    [line] = [line for line in lines if line.startswith("POST /incr ")]
    assert line.split()[3] == "-"
    assert not line.endswith("%") or "±" in line


def test_what_something_costs_is_the_difference_to_the_same_without_it() -> None:
    counts = {"plain-event": [200_000.0], "dependencies": [230_000.0]}

    text = table([Tree("here", Path(), {"redis": counts})])

    assert "+30.0 (+15.0%)" in text


def test_operations_have_names_of_their_own_and_pairs_name_them() -> None:
    names = [operation.name for operation in OPERATIONS]

    assert len(set(names)) == len(names)
    assert {name for pair in PAIRS for name in pair} <= set(names)
