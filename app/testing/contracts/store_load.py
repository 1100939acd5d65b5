"""The store contract: load, load_many and load_if_changed."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from ...sessions import (
    EndReason,
    NotModified,
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
    add_one,
    bare,
    committed,
    deadline,
    left,
    live,
    new_key,
)

Verb = Callable[[SessionStore, str], Awaitable[object]]

EXTENDS_NOTHING: dict[str, Verb] = {
    "load without idle": lambda store, key: store.load(key),
    "load_many": lambda store, key: store.load_many([key]),
    "load_if_changed": lambda store, key: store.load_if_changed([key], [0]),
    "load_if_changed of a known version": lambda store, key: store.load_if_changed([key], [1]),
    "commit of a version that is not stored": lambda store, key: store.commit(
        key, 7, OTHER, idle=120
    ),
    "end of a version that is not stored": lambda store, key: store.end(
        key, EndReason.LOGOUT, keep=120, version=7
    ),
    "create": lambda store, key: store.create(key, OTHER, idle=120, absolute=HOUR),
    "commit without idle": lambda store, key: store.commit(key, 1, OTHER),
}
"""Verbs that leave the deadline of a record of version 1; the one that writes comes last."""


class LoadContract(Contract):
    """A read extends a record's deadline if asked to, and changes nothing else."""

    async def test_nothing_is_found_under_a_key_that_was_never_used(
        self, store: SessionStore, key: str
    ) -> None:
        assert await store.load(key) is None
        assert await store.load(key, idle=60) is None
        assert await store.load_many([key]) == [None]

    async def test_nothing_extends_a_record_that_is_not_told_to(
        self, store: SessionStore, key: str, advance_time: AdvanceTime
    ) -> None:
        """A record has its deadline, and not for how long it was once made."""
        made = await store.create(key, DATA, idle=60, absolute=HOUR)
        await advance_time(self.short_lifetime + 2 * self.precision)
        for name, verb in EXTENDS_NOTHING.items():
            with suppress(SessionExistsError):
                await verb(store, key)
            found = live(await store.load(key))
            assert self.same_time(deadline(found), deadline(made)), name

    async def test_load_with_idle_extends_the_record_from_now(
        self, store: SessionStore, key: str
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        extended = live(await store.load(key, idle=120.25))
        assert extended.lease is not None
        assert self.same_time(extended.lease.expires_at, extended.lease.now + 120.25)
        assert self.same_time(deadline(live(await store.load(key))), deadline(extended))

    async def test_load_with_idle_never_shortens_a_life(
        self, store: SessionStore, key: str
    ) -> None:
        made = await store.create(key, DATA, idle=120, absolute=HOUR)
        assert self.same_time(deadline(live(await store.load(key, idle=60))), deadline(made))
        kept = committed(await store.commit(key, 1, OTHER, idle=60))
        assert self.same_time(deadline(kept), deadline(made))
        assert self.same_time(deadline(live(await store.load(key))), deadline(made))

    async def test_load_with_idle_never_goes_past_the_absolute_deadline(
        self, store: SessionStore, key: str
    ) -> None:
        made = await store.create(key, DATA, idle=60, absolute=90)
        assert self.same_time(deadline(live(await store.load(key, idle=120))), made.absolute_at)
        assert self.same_time(deadline(live(await store.load(key))), made.absolute_at)

    async def test_load_with_idle_extends_no_record_with_a_predecessor(
        self, store: SessionStore, key: str
    ) -> None:
        made = await store.create(key, DATA, idle=60, absolute=HOUR, predecessor="p")
        assert self.same_time(deadline(live(await store.load(key, idle=120))), deadline(made))
        kept = committed(await store.commit(key, 1, OTHER, idle=120, predecessor="p"))
        assert self.same_time(deadline(kept), deadline(made))
        assert self.same_time(deadline(live(await store.load(key))), deadline(made))
        extended = committed(await store.commit(key, 2, OTHER, idle=120))
        assert self.same_time(left(extended), 120)
        assert self.same_time(left(live(await store.load(key, idle=180))), 180)

    async def test_load_with_idle_changes_nothing_but_the_deadline(
        self, store: SessionStore, key: str
    ) -> None:
        made = await store.create(key, DATA, idle=60, absolute=HOUR, owner="ada")
        found = live(await store.load(key, idle=120))
        assert bare(found) == bare(made)
        assert (found.created_at, found.absolute_at) == (made.created_at, made.absolute_at)

    async def test_a_read_that_extends_undoes_no_concurrent_commit(
        self, store: SessionStore, key: str
    ) -> None:
        await store.create(key, b'{"count":0}', idle=60, absolute=HOUR)

        async def extend() -> None:
            for _ in range(5):
                await store.load(key, idle=60)

        add = partial(add_one, store, key, idle=60)
        await asyncio.gather(*(each() for _ in range(20) for each in (extend, add)))
        assert bare(live(await store.load(key))) == (b'{"count":20}', 21, None)

    async def test_a_record_that_is_not_extended_ends(
        self, store: SessionStore, key: str, advance_time: AdvanceTime
    ) -> None:
        await store.create(key, DATA, idle=self.short_lifetime, absolute=HOUR)
        await advance_time(2 * self.short_lifetime)
        assert await store.load(key) is None
        assert await store.load(key, idle=60) is None
        assert await store.load_many([key]) == [None]

    async def test_a_record_that_was_extended_outlives_its_first_deadline(
        self, store: SessionStore, key: str, advance_time: AdvanceTime
    ) -> None:
        await store.create(key, DATA, idle=10 * self.short_lifetime, absolute=HOUR)
        await store.load(key, idle=60)
        await advance_time(11 * self.short_lifetime)
        assert 0 < left(live(await store.load(key))) < 60

    async def test_a_record_ends_at_its_absolute_deadline_however_often_it_is_extended(
        self, store: SessionStore, key: str, advance_time: AdvanceTime
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=self.short_lifetime)
        await store.load(key, idle=60)
        await advance_time(2 * self.short_lifetime)
        assert await store.load(key, idle=60) is None

    async def test_load_many_of_no_keys_is_an_empty_list(self, store: SessionStore) -> None:
        assert await store.load_many([]) == []

    async def test_load_many_returns_results_in_the_order_of_the_keys(
        self, store: SessionStore
    ) -> None:
        one, two, ended, unknown = (new_key() for _ in range(4))
        for key in (one, two, ended):
            await store.create(key, b'{"key":"%s"}' % key.encode(), idle=60, absolute=HOUR)
        await store.end(ended, EndReason.ROTATED, keep=60, successor=two)
        found = await store.load_many([two, unknown, ended, one, two])
        assert [found[1], found[2]] == [None, Tombstone(EndReason.ROTATED, two)]
        records = [live(found[index]) for index in (0, 3, 4)]
        assert [record.data for record in records] == [
            b'{"key":"%s"}' % key.encode() for key in (two, one, two)
        ]

    async def test_load_many_returns_whole_records_without_leases(
        self, store: SessionStore, key: str
    ) -> None:
        made = await store.create(key, DATA, idle=60, absolute=HOUR, owner="ada")
        found = live((await store.load_many([key]))[0])
        assert bare(found) == bare(made)
        assert (found.created_at, found.absolute_at) == (made.created_at, made.absolute_at)
        assert found.lease is None

    async def test_load_if_changed_omits_records_of_known_versions(
        self, store: SessionStore
    ) -> None:
        known, newer, older, ended, unknown = keys = [new_key() for _ in range(5)]
        for key in (known, newer, older, ended):
            await store.create(key, DATA, idle=60, absolute=HOUR, predecessor="p")
        written = committed(await store.commit(newer, 1, OTHER, owner="ada", predecessor="q"))
        await store.end(ended, EndReason.ROTATED, keep=60, successor=newer)
        found = await store.load_if_changed(keys, [1, 1, 11, 1, 1])
        assert isinstance(found[0], NotModified)
        assert live(found[1]) == written._replace(lease=None)
        assert live(found[2]).version == 1
        assert found[3:] == [Tombstone(EndReason.ROTATED, newer, predecessor="p"), None]
        again = await store.load_if_changed([newer, older, unknown, newer], [2, 0, 0, 22])
        assert isinstance(again[0], NotModified)
        assert [live(again[1]).version, again[2], live(again[3]).version] == [1, None, 2]

    async def test_load_if_changed_tells_versions_of_the_same_first_digit_apart(
        self, store: SessionStore, key: str
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR)
        for version in range(1, 11):
            await store.commit(key, version, OTHER)
        found = await store.load_if_changed([key, key, key], [1, 11, 111])
        assert [live(found[0]).version, live(found[2]).version] == [11, 11]
        assert isinstance(found[1], NotModified)

    async def test_more_keys_than_one_round_trip_takes_are_read(self, store: SessionStore) -> None:
        keys = [new_key() for _ in range(1200)]
        for number, key in enumerate(keys):
            if number % 3:
                await store.create(key, b'{"n":%d}' % number, idle=60, absolute=HOUR)
        found = await store.load_many(keys)
        assert [record and live(record).data for record in found] == [
            b'{"n":%d}' % number if number % 3 else None for number in range(1200)
        ]
        known = [int(number % 7 < 3) for number in range(1200)]  # no length of a part is a multiple
        assert await store.load_if_changed(keys, known) == [
            NotModified() if record and version else record
            for record, version in zip(found, known, strict=True)
        ]

    async def test_ping_returns_if_the_store_is_available(self, store: SessionStore) -> None:
        await store.ping()

    async def test_a_store_may_be_closed_twice(self, store: SessionStore) -> None:
        await store.aclose()
        await store.aclose()
