"""The store contract: commit."""

import asyncio

import pytest

from ...sessions import Committed, Conflict, EndReason, SessionStore, Tombstone
from .store_base import (
    AWKWARD_DATA,
    AWKWARD_OWNERS,
    DATA,
    HOUR,
    OTHER,
    AdvanceTime,
    Contract,
    add_one,
    bare,
    committed,
    conflict,
    deadline,
    gone,
    live,
    only,
)


class CommitContract(Contract):
    """`commit` writes if the version is still the stored one, and returns the reason if it is not."""

    async def test_commit_replaces_data_and_owner(self, store: SessionStore, key: str) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR, owner="ada")
        written = committed(await store.commit(key, 1, OTHER, owner="bob"))
        assert bare(written) == (OTHER, 2, "bob")
        assert bare(live(await store.load(key))) == (OTHER, 2, "bob")
        assert bare(live((await store.load_many([key]))[0])) == (OTHER, 2, "bob")

    async def test_commit_without_an_owner_removes_the_owner(
        self, store: SessionStore, key: str
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR, owner="ada")
        assert committed(await store.commit(key, 1, DATA)).owner is None
        assert live(await store.load(key)).owner is None

    async def test_the_version_grows_by_one_with_every_commit(
        self, store: SessionStore, key: str
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        for version in range(1, 13):
            written = committed(await store.commit(key, version, DATA))
            assert written.version == version + 1
        assert live(await store.load(key)).version == 13

    async def test_commit_keeps_the_times_of_the_session(
        self, store: SessionStore, key: str
    ) -> None:
        made = await store.create(key, DATA, idle=60, absolute=HOUR)
        written = committed(await store.commit(key, 1, OTHER, idle=120))
        found = live(await store.load(key))
        times = [(each.created_at, each.absolute_at) for each in (made, written, found)]
        assert times == [times[0]] * 3

    async def test_commit_without_idle_leaves_the_deadline(
        self, store: SessionStore, key: str
    ) -> None:
        made = await store.create(key, DATA, idle=60, absolute=HOUR)
        written = committed(await store.commit(key, 1, OTHER))
        assert self.same_time(deadline(written), deadline(made))
        assert self.same_time(deadline(live(await store.load(key))), deadline(made))

    async def test_commit_with_idle_extends_the_record_from_now(
        self, store: SessionStore, key: str
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        written = committed(await store.commit(key, 1, OTHER, idle=120.25))
        assert written.lease is not None
        assert self.same_time(written.lease.expires_at, written.lease.now + 120.25)
        assert self.same_time(deadline(live(await store.load(key))), deadline(written))

    async def test_commit_with_idle_never_goes_past_the_absolute_deadline(
        self, store: SessionStore, key: str
    ) -> None:
        made = await store.create(key, DATA, idle=60, absolute=90)
        written = committed(await store.commit(key, 1, OTHER, idle=120))
        assert self.same_time(deadline(written), made.absolute_at)
        assert self.same_time(deadline(live(await store.load(key))), made.absolute_at)

    async def test_a_stale_commit_writes_nothing_and_returns_the_newer_record(
        self, store: SessionStore, key: str
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        written = committed(await store.commit(key, 1, OTHER, owner="bob"))
        newer = conflict(await store.commit(key, 1, b'{"late":true}', idle=120, owner="eve"))
        found = live(await store.load(key))
        assert bare(newer) == bare(found) == (OTHER, 2, "bob")
        for record in (newer, found):
            assert self.same_time(deadline(record), deadline(written))
            assert record.absolute_at == written.absolute_at

    @pytest.mark.parametrize("version", [0, 2, 11])
    async def test_a_version_that_never_was_is_a_conflict(
        self, store: SessionStore, key: str, version: int
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        assert bare(conflict(await store.commit(key, version, OTHER))) == (DATA, 1, None)
        assert bare(live(await store.load(key))) == (DATA, 1, None)

    async def test_commit_to_a_key_that_was_never_used_is_gone_and_creates_nothing(
        self, store: SessionStore, key: str
    ) -> None:
        for version in (0, 1):
            assert gone(await store.commit(key, version, DATA, idle=60)) is None
        assert await store.load(key) is None

    async def test_commit_after_the_deadline_is_gone(
        self, store: SessionStore, key: str, advance_time: AdvanceTime
    ) -> None:
        await store.create(key, DATA, idle=self.short_lifetime, absolute=HOUR)
        await advance_time(2 * self.short_lifetime)
        assert gone(await store.commit(key, 1, OTHER, idle=60)) is None
        assert await store.load(key) is None

    async def test_commit_to_an_ended_session_is_gone_and_returns_the_tombstone(
        self, store: SessionStore, key: str
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        await store.end(key, EndReason.ROTATED, keep=60, successor="f" * 64)
        expected = Tombstone(EndReason.ROTATED, "f" * 64)
        assert gone(await store.commit(key, 1, OTHER, idle=60)) == expected
        assert await store.load(key) == expected

    @pytest.mark.parametrize("data", AWKWARD_DATA.values(), ids=AWKWARD_DATA)
    async def test_committed_data_come_back_byte_for_byte(
        self, store: SessionStore, key: str, data: bytes
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        written = committed(await store.commit(key, 1, data))
        newer = conflict(await store.commit(key, 1, DATA))
        assert [written.data, newer.data, live(await store.load(key)).data] == [data] * 3

    @pytest.mark.parametrize("owner", AWKWARD_OWNERS)
    async def test_a_committed_owner_comes_back_character_for_character(
        self, store: SessionStore, key: str, owner: str
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        written = committed(await store.commit(key, 1, OTHER, owner=owner))
        newer = conflict(await store.commit(key, 1, DATA))
        found = [written, newer, live(await store.load(key))]
        assert [bare(record) for record in found] == [(OTHER, 2, owner)] * 3

    async def test_of_fifty_concurrent_commits_exactly_one_wins(
        self, store: SessionStore, key: str
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        commits = (store.commit(key, 1, b'{"by":%d}' % n) for n in range(50))
        outcomes = list(await asyncio.gather(*commits))
        winners = only(outcomes, Committed)
        assert len(winners) == 1
        assert len(only(outcomes, Conflict)) == 49
        stored = bare(live(await store.load(key)))
        assert stored == bare(winners[0].record)
        assert {bare(loser.record) for loser in only(outcomes, Conflict)} == {stored}

    async def test_fifty_writers_that_retry_on_conflict_lose_no_write(
        self, store: SessionStore, key: str
    ) -> None:
        await store.create(key, b'{"count":0}', idle=60, absolute=HOUR)

        await asyncio.gather(*(add_one(store, key) for _ in range(50)))
        assert bare(live(await store.load(key))) == (b'{"count":50}', 51, None)
