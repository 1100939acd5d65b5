"""On which stores and transports `make test` runs a test: a covering choice of them.

A test of a node comes on memory, Valkey and Redis, and some come on each transport, too. What a store may do
differently is in the contract suites, which have each server in turn and all of them in `make proof`, and
what a transport may in tests marked `every_transport`. For any other one of the two servers will do, and
one transport on each store. Which ones follows from its name, and is another one without fast paths: CI runs
both. Each file has each transport.

What carries a promise runs on a product, too, on memory and Valkey, each transport, with fast paths and
without. Of the example's own runs `make test` has those on memory or those on the server, in turn, and
`make proof` the others.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple
from zlib import crc32

from tests.support.browsers import Transport
from tests.support.servers import STORE_SERVERS
from tests.support.stores import STORES


class Way(NamedTuple):
    """What a test runs on; empty where it does not say so."""

    store: str = ""
    transport: str = ""


class Run(NamedTuple):
    """One run of a test in a file: `name` is that of the test, without what it runs on."""

    name: str
    way: Way


_TRANSPORTS = [each.value for each in Transport]


def way_of(parameters: Iterable[object]) -> Way:
    """Return what a test with such parameters runs on; one with two stores at once is left as it is."""
    values = list(parameters)
    stores = [each for each in values if isinstance(each, str) and each in STORES]
    transports = [each.value for each in values if isinstance(each, Transport)]
    return Way(*(each[0] if len(each) == 1 else "" for each in (stores, transports)))


def chosen(file: str, runs: Sequence[Run], *, fast_paths: bool) -> set[Run]:
    """Return which runs of a file's tests say enough."""
    tests: dict[str, list[Way]] = defaultdict(list)
    for name, way in runs:
        tests[name].append(way)
    kept = {
        Run(name, way)
        for name, ways in tests.items()
        for way in _of_one_test(ways, crc32(f"{file}::{name}".encode()), fast_paths=fast_paths)
    }
    return kept | _missing(runs, kept)


def sample(file: str, runs: Sequence[Run], *, fast_paths: bool) -> set[Run]:
    """Return which of the chosen runs of a file's tests will do where `make proof` has the others."""
    stores: dict[str, list[str]] = defaultdict(list)
    for name, way in runs:
        if way.store not in stores[name]:
            stores[name].append(way.store)
    turn = {name: (crc32(f"{name}::{file}".encode()) + fast_paths) for name in stores}
    of = {name: each[turn[name] % len(each)] for name, each in stores.items()}
    kept = {run for run in runs if run.way.store == of[run.name]}
    return kept | _missing(runs, kept)


def _missing(runs: Sequence[Run], kept: set[Run]) -> set[Run]:
    """Return a run on each transport that none of those kept is on."""
    missing = {run.way.transport for run in runs} - {run.way.transport for run in kept}
    return {next(run for run in runs if run.way.transport == each) for each in missing}


def _of_one_test(ways: Sequence[Way], turn: int, *, fast_paths: bool) -> Iterable[Way]:
    stores = dict.fromkeys(way.store for way in ways)
    servers = [each for each in STORE_SERVERS if each in stores]
    left_out = {servers[(turn + fast_paths) % 2]} if len(servers) > 1 else set()
    kept = [each for each in stores if each not in left_out]
    return chain.from_iterable(
        _on_one_store([way for way in ways if way.store == store], turn // 2 + shift)
        for shift, store in enumerate(kept, 0 if fast_paths else len(kept))
    )


def _on_one_store(ways: Sequence[Way], turn: int) -> Sequence[Way]:
    # In Transport's order, so that no two stores begin with different ones.
    ordered = sorted(
        ways, key=lambda way: _TRANSPORTS.index(way.transport) if way.transport else -1
    )
    if len({way.transport for way in ways}) == 1:
        return ordered
    one = ordered[turn % len(ordered)].transport
    return [way for way in ordered if way.transport == one]
