"""RedisStore behind Sentinels: who is asked for the master, and what happens when it changes."""

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from app import RedisStore
from app.redis.master_watch import MasterWatch, View
from app.redis.url import connect
from app.sessions import StoreUnavailableError
from app.testing.contracts.store_base import DATA, HOUR, OTHER, committed, live, new_key
from tests.support.eventually import eventually
from tests.support.sentinel import SERVICE, Watched, watched_servers

SOON = 1.5
"""Seconds: the store's own second, and what a busy machine adds."""


@pytest.fixture
def watched() -> Iterator[Watched]:
    """A master, a replica and three Sentinels, for this test alone."""
    with watched_servers(replicas=1) as watched:
        yield watched


@pytest.fixture
def watched_twice() -> Iterator[Watched]:
    """A master, two replicas and three Sentinels, for this test alone."""
    with watched_servers(replicas=2) as watched:
        yield watched


@pytest.fixture
async def store(watched: Watched) -> AsyncIterator[RedisStore]:
    """A store that was configured with the Sentinels alone."""
    store = RedisStore(connect(watched.url))
    yield store
    await store.aclose()


async def test_sentinels_that_hang_or_are_gone_are_passed_over_while_one_answers(
    watched: Watched, store: RedisStore
) -> None:
    hung, gone, last = watched.sentinels
    hung.pause()
    gone.kill()
    began = time.monotonic()
    await store.create(new_key(), DATA, idle=60, absolute=HOUR)
    assert time.monotonic() - began < SOON

    last.pause()
    await store.create(
        new_key(), DATA, idle=60, absolute=HOUR
    )  # an open connection needs no Sentinel
    stranger = RedisStore(connect(watched.url))
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError):
        await stranger.ping()
    assert time.monotonic() - began < SOON
    await stranger.aclose()


async def test_a_master_that_hangs_is_left_for_the_one_that_is_promoted(
    watched: Watched, store: RedisStore
) -> None:
    old, key = watched.master, new_key()
    await store.create(key, DATA, idle=60, absolute=HOUR)
    old.pause()
    await eventually(lambda: _is_written(store, key), within=20.0)
    old.resume()

    # The Sentinel that has led the failover says so first.
    await eventually(lambda: watched.master is not old, within=10.0)
    assert live(await store.load(key)).data == OTHER


async def _is_written(store: RedisStore, key: str) -> bool:
    try:
        outcome = await store.commit(key, 1, OTHER)
    except StoreUnavailableError:
        return False
    return committed(outcome).version == 2


async def test_a_master_that_lost_its_replicas_to_another_is_left_before_it_is_told(
    watched_twice: Watched,
) -> None:
    old = watched_twice.master
    store = RedisStore(connect(f"{watched_twice.url}?wait_replicas=1"))
    await _create(store)

    watched_twice.sentinels[0].command("SENTINEL", "FAILOVER", SERVICE)
    await eventually(lambda: watched_twice.master is not old, within=20.0)
    new = watched_twice.master
    before = len(new.session_keys())
    while len(new.session_keys()) == before:
        await _create(store)

    assert old.command("ROLE")[0] == "master"
    await store.aclose()


async def _create(store: RedisStore) -> bool:
    try:
        await store.create(new_key(), DATA, idle=60, absolute=HOUR)
    except StoreUnavailableError:
        return False
    return True


def test_what_is_noted_of_replicas_goes_with_them() -> None:
    """Where addresses change with each restart, they would add up."""
    watch, replica = MasterWatch([], SERVICE), ("10.0.0.2", 6379)
    with_it = View(("10.0.0.1", 6379), 1, True, frozenset({replica}), frozenset({replica}), 5.0)
    for at in (5.0, 6.0):
        watch._note_parted(0, replace(with_it, seen_at=at))
    assert watch._parted_since == {(0, replica): 5.0}
    watch._note_parted(1, with_it)
    watch._note_parted(0, replace(with_it, candidates=frozenset(), parted=frozenset()))
    assert watch._parted_since == {(1, replica): 5.0}
