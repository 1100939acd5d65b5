"""The store contract: end and delete, and that an ended session stays ended."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ...sessions import (
    CommitOutcome,
    Committed,
    EndReason,
    Gone,
    LoadResult,
    SessionExistsError,
    SessionStore,
    Tombstone,
)
from .store_base import (
    DATA,
    HOUR,
    OTHER,
    AdvanceTime,
    Contract,
    bare,
    committed,
    conflict,
    deadline,
    gone,
    lease,
    live,
    new_key,
    only,
)

STORED_REASONS = [EndReason.LOGOUT, EndReason.ROTATED, EndReason.REVOKED]

Verb = Callable[[SessionStore, str], Awaitable[object]]

VERBS: dict[str, Verb] = {
    "load": lambda store, key: store.load(key),
    "load, extending": lambda store, key: store.load(key, idle=60),
    "load_many": lambda store, key: store.load_many([key]),
    "commit of the last version": lambda store, key: store.commit(key, 2, DATA, idle=60),
    "commit of a stale version": lambda store, key: store.commit(key, 1, DATA, idle=60),
    "end": lambda store, key: store.end(key, EndReason.ROTATED, keep=60, successor=new_key()),
    "end of a version": lambda store, key: store.end(
        key, EndReason.ROTATED, keep=60, version=2, successor=new_key()
    ),
}


class EndContract(Contract):
    """`end` leaves a tombstone, `delete` leaves nothing, and neither is ever undone."""

    @pytest.mark.parametrize("reason", STORED_REASONS)
    async def test_end_leaves_a_tombstone_with_its_reason(
        self, store: SessionStore, key: str, reason: EndReason
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        assert isinstance(await store.end(key, reason, keep=60), Committed)
        assert await store.load(key) == Tombstone(reason)
        assert await store.load(key, idle=60) == Tombstone(reason)
        assert await store.load_many([key]) == [Tombstone(reason)]

    async def test_a_load_returns_when_a_tombstone_was_read_and_when_it_goes(
        self, store: SessionStore, key: str, advance_time: AdvanceTime
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        await store.end(key, EndReason.LOGOUT, keep=60.25)
        first = lease(await store.load(key))
        await advance_time(self.short_lifetime)
        second = lease(await store.load(key, idle=HOUR))
        assert self.same_time(first.seconds, 60.25)
        assert second.now - first.now >= self.short_lifetime - self.precision
        assert self.same_time(first.expires_at, second.expires_at)

    async def test_end_returns_the_last_record(self, store: SessionStore, key: str) -> None:
        made = await store.create(key, DATA, idle=60, absolute=HOUR)
        await store.commit(key, 1, OTHER, owner="a b")
        last = committed(await store.end(key, EndReason.LOGOUT, keep=60))
        assert bare(last) == (OTHER, 2, "a b")
        assert (last.created_at, last.absolute_at) == (made.created_at, made.absolute_at)
        assert self.same_time(deadline(last), deadline(made))

    async def test_the_tombstone_of_a_record_keeps_its_predecessor(
        self, store: SessionStore, key: str
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR, predecessor='["a b"]')
        last = committed(await store.end(key, EndReason.LOGOUT, keep=60, version=1))
        assert last.predecessor == '["a b"]'
        expected = Tombstone(EndReason.LOGOUT, predecessor='["a b"]')
        assert await store.load(key) == expected
        assert await store.load_many([key]) == [expected]
        assert gone(await store.end(key, EndReason.LOGOUT, keep=60)) == expected

    async def test_end_of_the_version_that_is_stored_ends_it(
        self, store: SessionStore, key: str
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        await store.commit(key, 1, OTHER)
        last = committed(await store.end(key, EndReason.ROTATED, keep=60, version=2))
        assert bare(last) == (OTHER, 2, None)
        assert await store.load(key) == Tombstone(EndReason.ROTATED)

    async def test_end_of_a_stale_version_ends_nothing_and_returns_the_newer_record(
        self, store: SessionStore, key: str
    ) -> None:
        made = await store.create(key, DATA, idle=60, absolute=HOUR)
        await store.commit(key, 1, OTHER, owner="ada")
        newer = conflict(await store.end(key, EndReason.ROTATED, keep=1, version=1))
        found = live(await store.load(key))
        assert bare(newer) == bare(found) == (OTHER, 2, "ada")
        assert self.same_time(deadline(newer), deadline(made))
        assert self.same_time(deadline(found), deadline(made))

    async def test_every_verb_returns_the_successor_of_a_tombstone(
        self, store: SessionStore, key: str
    ) -> None:
        expected = Tombstone(EndReason.ROTATED, new_key())
        await store.create(key, DATA, idle=60, absolute=HOUR)
        await store.end(key, EndReason.ROTATED, keep=60, successor=expected.successor)
        assert await store.load(key) == expected
        assert await store.load_many([key]) == [expected]
        assert gone(await store.commit(key, 1, OTHER)) == expected
        assert gone(await store.end(key, EndReason.LOGOUT, keep=60)) == expected

    async def test_the_first_tombstone_stays(self, store: SessionStore, key: str) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        await store.end(key, EndReason.LOGOUT, keep=60)
        again = await store.end(key, EndReason.REVOKED, keep=60, successor=new_key())
        assert gone(again) == Tombstone(EndReason.LOGOUT)
        versioned = await store.end(key, EndReason.REVOKED, keep=60, version=1)
        assert gone(versioned) == Tombstone(EndReason.LOGOUT)
        assert await store.load(key) == Tombstone(EndReason.LOGOUT)

    async def test_end_of_what_does_not_exist_is_gone_and_leaves_no_tombstone(
        self, store: SessionStore, key: str
    ) -> None:
        assert gone(await store.end(key, EndReason.LOGOUT, keep=60)) is None
        assert gone(await store.end(key, EndReason.LOGOUT, keep=60, version=1)) is None
        assert await store.load(key) is None

    async def test_a_tombstone_outlives_the_deadlines_of_its_record(
        self, store: SessionStore, key: str, advance_time: AdvanceTime
    ) -> None:
        await store.create(
            key, DATA, idle=10 * self.short_lifetime, absolute=10 * self.short_lifetime
        )
        await store.end(key, EndReason.LOGOUT, keep=60)
        await advance_time(11 * self.short_lifetime)
        assert await store.load(key) == Tombstone(EndReason.LOGOUT)

    async def test_a_tombstone_expires_and_nothing_extends_it(
        self, store: SessionStore, key: str, advance_time: AdvanceTime
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        await store.end(key, EndReason.LOGOUT, keep=self.short_lifetime)
        for verb in VERBS.values():
            await verb(store, key)
        await advance_time(2 * self.short_lifetime)
        assert await store.load_many([key]) == await store.load_if_changed([key], [1]) == [None]
        assert gone(await store.commit(key, 1, OTHER, idle=60)) is None
        assert gone(await store.end(key, EndReason.REVOKED, keep=60)) is None
        assert await store.load(key) is None
        assert (await store.create(key, DATA, idle=60, absolute=HOUR)).version == 1

    async def test_delete_removes_a_record_without_a_trace(
        self, store: SessionStore, key: str
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        await store.delete(key)
        assert await store.load(key) is None
        assert gone(await store.commit(key, 1, OTHER, idle=60)) is None
        await store.create(key, OTHER, idle=60, absolute=HOUR)
        assert bare(live(await store.load(key))) == (OTHER, 1, None)

    async def test_delete_removes_a_tombstone(self, store: SessionStore, key: str) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        await store.end(key, EndReason.LOGOUT, keep=60)
        await store.delete(key)
        assert await store.load(key) is None

    async def test_delete_of_what_does_not_exist_does_nothing(
        self, store: SessionStore, key: str
    ) -> None:
        await store.delete(key)
        assert await store.load(key) is None

    @pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
    @pytest.mark.parametrize("ending", ["logout", "time", "delete"])
    async def test_no_verb_revives_an_ended_session(
        self, store: SessionStore, key: str, advance_time: AdvanceTime, ending: str, verb: Verb
    ) -> None:
        idle = self.short_lifetime if ending == "time" else 60
        await store.create(key, DATA, idle=idle, absolute=HOUR)
        await store.commit(key, 1, OTHER, idle=idle)
        left = await self._end(store, key, ending, advance_time)
        await verb(store, key)
        assert await store.load(key) == left

    async def test_create_does_not_revive_a_session_that_was_logged_out(
        self, store: SessionStore, key: str
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        await store.end(key, EndReason.LOGOUT, keep=60)
        with pytest.raises(SessionExistsError):
            await store.create(key, DATA, idle=60, absolute=HOUR)
        assert await store.load(key) == Tombstone(EndReason.LOGOUT)

    async def test_of_two_concurrent_ends_one_wins_and_the_other_returns_its_reason(
        self, store: SessionStore, key: str
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        outcomes = await asyncio.gather(
            store.end(key, EndReason.LOGOUT, keep=60),
            store.end(key, EndReason.REVOKED, keep=60),
        )
        assert len(only(list(outcomes), Committed)) == 1
        (loser,) = only(list(outcomes), Gone)
        assert await store.load(key) == loser.tombstone

    async def test_of_a_concurrent_end_and_commit_of_one_version_one_wins(
        self, store: SessionStore
    ) -> None:
        for trial in range(20):
            key = new_key()
            await store.create(key, DATA, idle=60, absolute=HOUR)
            end = store.end(key, EndReason.ROTATED, keep=60, version=1)
            commit = store.commit(key, 1, OTHER)
            pair = (end, commit) if trial % 2 else (commit, end)
            outcomes: list[CommitOutcome] = list(await asyncio.gather(*pair))
            assert len(only(outcomes, Committed)) == 1

    @pytest.mark.parametrize("ending", ["logout", "delete"])
    async def test_an_end_amid_a_burst_of_reads_and_writes_is_final(
        self, store: SessionStore, key: str, advance_time: AdvanceTime, ending: str
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        burst: list[Awaitable[object]] = []
        for version in range(1, 20):
            burst += [store.load(key, idle=60), store.commit(key, version, OTHER, idle=60)]
        burst.insert(20, self._end(store, key, ending, advance_time))
        left = (await asyncio.gather(*burst))[20]
        assert await store.load(key) == left

    async def _end(
        self, store: SessionStore, key: str, how: str, advance_time: AdvanceTime
    ) -> LoadResult:
        """End a session in one of three ways; return what a load finds of it afterwards."""
        if how == "logout":
            await store.end(key, EndReason.LOGOUT, keep=60)
            return Tombstone(EndReason.LOGOUT)
        if how == "delete":
            await store.delete(key)
        else:
            await advance_time(2 * self.short_lifetime)
        return None
