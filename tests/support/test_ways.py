"""What a run of all tests leaves out: nothing that another test, or the run without fast paths, has not."""

from itertools import product

import pytest

from tests.support.browsers import Transport
from tests.support.stores import STORES
from tests.support.ways import Run, Way, chosen, sample, way_of

TRANSPORTS = [each.value for each in Transport]
NAMES = [f"test_{number}" for number in range(20)]
EVERY = [
    Run(name, Way(store, transport))
    for name in NAMES
    for store, transport in product(STORES, TRANSPORTS)
]


def _of(name: str, runs: set[Run]) -> set[Way]:
    return {way for each, way in runs if each == name}


@pytest.mark.parametrize("fast_paths", [True, False])
def test_a_test_has_memory_and_one_server_and_on_each_another_transport(fast_paths: bool) -> None:
    runs = chosen("test_file.py", EVERY, fast_paths=fast_paths)

    for name in NAMES:
        one, other = sorted(_of(name, runs))
        assert {one.store, other.store} in ({"memory", "valkey"}, {"memory", "redis"})
        assert one.transport != other.transport


def test_without_fast_paths_it_has_the_other_server_and_the_transport_that_was_left_out() -> None:
    with_them, without = (chosen("test_file.py", EVERY, fast_paths=each) for each in (True, False))

    for name in NAMES:
        both = _of(name, with_them) | _of(name, without)
        assert {way.store for way in both} == set(STORES)
        assert {way.transport for way in both} == set(TRANSPORTS)


def test_both_servers_and_all_transports_are_used_alike() -> None:
    ways = [run.way for run in chosen("test_file.py", EVERY, fast_paths=True)]

    for used in ("valkey", "redis", *TRANSPORTS):
        assert sum(used in way for way in ways) >= len(NAMES) / 4


@pytest.mark.parametrize("fast_paths", [True, False])
@pytest.mark.parametrize("stores", [[""], ["memory"], ["valkey", "redis"], STORES])
def test_a_file_of_one_test_has_each_transport(stores: list[str], fast_paths: bool) -> None:
    runs = [Run("test_it", Way(*each)) for each in product(stores, TRANSPORTS)]

    found = chosen("test_file.py", runs, fast_paths=fast_paths)

    assert {run.way.transport for run in found} == set(TRANSPORTS)


def test_a_sample_has_one_store_of_each_test_and_the_other_without_fast_paths() -> None:
    with_them, without = (
        sample(
            "test_file.py", sorted(chosen("test_file.py", EVERY, fast_paths=each)), fast_paths=each
        )
        for each in (True, False)
    )

    for name in NAMES:
        [one], [other] = ({way.store for way in _of(name, runs)} for runs in (with_them, without))
        assert (one == "memory") is not (other == "memory")
    for runs in (with_them, without):
        assert {run.way.transport for run in runs} == set(TRANSPORTS)
        assert len([run for run in runs if run.way.store == "memory"]) >= len(NAMES) / 4


def test_a_sample_of_a_file_of_one_test_has_each_transport() -> None:
    runs = [Run("test_it", Way(*each)) for each in product(["memory", "redis"], TRANSPORTS)]

    found = sample("test_file.py", runs, fast_paths=True)

    assert {run.way.transport for run in found} == set(TRANSPORTS)


def test_a_test_of_no_store_and_no_transport_stays() -> None:
    runs = [Run("test_it", Way()), Run("test_that", Way("redis")), Run("test_so", Way("memory"))]

    assert chosen("test_file.py", runs, fast_paths=True) == set(runs)


def test_a_test_of_two_stores_at_once_has_a_reason_for_each() -> None:
    assert way_of(["valkey", "redis", Transport.POLLING]) == Way("", "polling")
    assert way_of(["a", 3, "memory"]) == Way("memory", "")
