"""The store contract: create."""

import asyncio
import time

import pytest

from ...sessions import EndReason, Record, SessionExistsError, SessionStore
from .store_base import (
    AWKWARD_DATA,
    AWKWARD_OWNERS,
    DATA,
    HOUR,
    OTHER,
    AdvanceTime,
    Contract,
    bare,
    committed,
    deadline,
    left,
    live,
    tombstone,
)


class CreateContract(Contract):
    """`create` makes records, and no other verb does."""

    async def test_a_new_record_is_what_was_given_at_version_one(
        self, store: SessionStore, key: str
    ) -> None:
        made = await store.create(key, DATA, idle=60, absolute=HOUR)
        assert bare(made) == (DATA, 1, None)
        assert bare(live(await store.load(key))) == (DATA, 1, None)

    async def test_a_new_record_ends_idle_seconds_from_now(
        self, store: SessionStore, key: str
    ) -> None:
        made = await store.create(key, DATA, idle=60.25, absolute=HOUR)
        assert made.lease is not None
        assert self.same_time(made.lease.expires_at, made.lease.now + 60.25)
        assert self.same_time(deadline(live(await store.load(key))), deadline(made))

    async def test_the_absolute_deadline_counts_from_the_creation(
        self, store: SessionStore, key: str
    ) -> None:
        made = await store.create(key, DATA, idle=60, absolute=HOUR + 0.25)
        assert made.lease is not None
        assert self.same_time(made.created_at, made.lease.now)
        assert self.same_time(made.absolute_at, made.created_at + HOUR + 0.25)

    async def test_idle_is_capped_by_the_absolute_deadline_from_the_start(
        self, store: SessionStore, key: str
    ) -> None:
        made = await store.create(key, DATA, idle=HOUR, absolute=60)
        assert self.same_time(deadline(made), made.absolute_at)
        assert self.same_time(left(live(await store.load(key))), 60)

    async def test_a_record_that_continues_an_older_session_keeps_its_absolute_deadline(
        self, store: SessionStore, key: str
    ) -> None:
        began = await self._now(store, key) - 1000
        await store.delete(key)
        made = await store.create(key, DATA, idle=HOUR, absolute=1100, created_at=began)
        assert self.same_time(made.created_at, began)
        assert self.same_time(made.absolute_at, began + 1100)
        assert self.same_time(deadline(made), began + 1100)
        found = live(await store.load(key, idle=HOUR))
        assert (found.created_at, found.absolute_at) == (made.created_at, made.absolute_at)
        assert self.same_time(deadline(found), began + 1100)

    async def test_a_record_that_continues_a_session_past_its_end_does_not_exist(
        self, store: SessionStore, key: str
    ) -> None:
        began = await self._now(store, key) - 1000
        await store.delete(key)
        await store.create(key, DATA, idle=HOUR, absolute=999, created_at=began)
        assert await store.load(key) is None

    @pytest.mark.parametrize("predecessor", AWKWARD_OWNERS)
    async def test_a_predecessor_comes_back_character_for_character_until_a_commit_without_it(
        self, store: SessionStore, key: str, predecessor: str
    ) -> None:
        made = await store.create(
            key, DATA, idle=60, absolute=HOUR, owner="ada", predecessor=predecessor
        )
        kept = committed(await store.commit(key, 1, OTHER, owner="bob", predecessor=predecessor))
        found = [made, kept, live(await store.load(key)), live((await store.load_many([key]))[0])]
        assert [each.predecessor for each in found] == [predecessor] * 4
        assert [bare(each) for each in found] == [(DATA, 1, "ada"), *[(OTHER, 2, "bob")] * 3]
        last = committed(await store.commit(key, 2, DATA, owner="bob"))
        assert last.predecessor is live(await store.load(key)).predecessor is None

    async def test_create_refuses_the_key_of_a_record_and_changes_nothing(
        self, store: SessionStore, key: str
    ) -> None:
        made = await store.create(key, DATA, idle=60, absolute=HOUR, owner="ada")
        with pytest.raises(SessionExistsError):
            await store.create(key, OTHER, idle=HOUR, absolute=HOUR)
        found = live(await store.load(key))
        assert bare(found) == (DATA, 1, "ada")
        assert self.same_time(deadline(found), deadline(made))

    async def test_create_refuses_the_key_of_a_tombstone_and_changes_nothing(
        self, store: SessionStore, key: str
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        await store.end(key, EndReason.REVOKED, keep=60)
        with pytest.raises(SessionExistsError):
            await store.create(key, OTHER, idle=60, absolute=HOUR)
        assert tombstone(await store.load(key)).reason is EndReason.REVOKED

    async def test_create_accepts_the_key_of_a_record_that_has_expired(
        self, store: SessionStore, key: str, advance_time: AdvanceTime
    ) -> None:
        await store.create(key, DATA, idle=self.short_lifetime, absolute=HOUR, owner="ada")
        await advance_time(2 * self.short_lifetime)
        await store.create(key, OTHER, idle=60, absolute=HOUR)
        assert bare(live(await store.load(key))) == (OTHER, 1, None)

    async def test_of_fifty_concurrent_creates_of_one_key_one_succeeds(
        self, store: SessionStore, key: str
    ) -> None:
        creates = (store.create(key, b'{"by":%d}' % n, idle=60, absolute=HOUR) for n in range(50))
        outcomes = await asyncio.gather(*creates, return_exceptions=True)
        made = [outcome for outcome in outcomes if isinstance(outcome, Record)]
        refused = [outcome for outcome in outcomes if isinstance(outcome, SessionExistsError)]
        assert (len(made), len(refused)) == (1, 49)
        assert bare(live(await store.load(key))) == bare(made[0])

    @pytest.mark.parametrize("data", AWKWARD_DATA.values(), ids=AWKWARD_DATA)
    async def test_data_come_back_byte_for_byte(
        self, store: SessionStore, key: str, data: bytes
    ) -> None:
        made = await store.create(key, data, idle=60, absolute=HOUR)
        found = [made, live(await store.load(key)), *await store.load_many([key])]
        assert [live(each).data for each in found] == [data] * 3

    @pytest.mark.parametrize("owner", AWKWARD_OWNERS)
    async def test_an_owner_comes_back_character_for_character(
        self, store: SessionStore, key: str, owner: str
    ) -> None:
        made = await store.create(key, DATA, idle=60, absolute=HOUR, owner=owner)
        found = [made, live(await store.load(key)), *await store.load_many([key])]
        assert [bare(live(each)) for each in found] == [(DATA, 1, owner)] * 3

    async def _now(self, store: SessionStore, key: str) -> float:
        """Return the time by the store's clock, which need not be this machine's."""
        made = await store.create(key, DATA, idle=60, absolute=HOUR)
        return made.lease.now if made.lease else time.time()
