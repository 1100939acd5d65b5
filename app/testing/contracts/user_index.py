"""The contract of UserIndex: what a store keeps of the sessions of a user."""

import asyncio

import pytest

from ...sessions import Record, SessionExistsError, SessionStore, TooLateError, UserIndex
from .store_base import DATA, HOUR, AdvanceTime, Contract, new_key


class UserIndexContract(Contract):
    """All that the docstrings of UserIndex promise. Subclass it as StoreContract, with the same fixtures."""

    @pytest.fixture
    def index(self, store: SessionStore) -> UserIndex:
        """Return the store, which has this ability."""
        assert isinstance(store, UserIndex)
        return store

    @pytest.fixture
    def name(self) -> str:
        """Return an unused name."""
        return new_key()

    async def test_a_name_without_entries_has_none(self, index: UserIndex, name: str) -> None:
        assert await index.read_index(name) == []

    async def test_entries_are_read_by_name(self, index: UserIndex, name: str) -> None:
        one, two, other = new_key(), new_key(), new_key()
        for key in (one, two):
            await index.add_to_index(name, key, keep=HOUR)
        await index.add_to_index(new_key(), other, keep=HOUR)

        assert sorted(await index.read_index(name)) == sorted([one, two])

    async def test_an_entry_that_is_added_twice_is_there_once(
        self, index: UserIndex, name: str, key: str
    ) -> None:
        await index.add_to_index(name, key, keep=HOUR)
        await index.add_to_index(name, key, keep=HOUR)

        assert await index.read_index(name) == [key]

    async def test_an_entry_is_removed_alone(self, index: UserIndex, name: str, key: str) -> None:
        other = new_key()
        await index.add_to_index(name, key, keep=HOUR)
        await index.add_to_index(name, other, keep=HOUR)

        await index.remove_from_index(name, key)

        assert await index.read_index(name) == [other]

    async def test_removing_what_is_not_there_does_nothing(
        self, index: UserIndex, name: str, key: str
    ) -> None:
        await index.remove_from_index(name, key)
        await index.add_to_index(name, key, keep=HOUR)
        await index.remove_from_index(name, new_key())

        assert await index.read_index(name) == [key]

    async def test_an_entry_goes_after_its_time(
        self, index: UserIndex, name: str, advance_time: AdvanceTime
    ) -> None:
        before, short, after = (new_key() for _ in range(3))
        await index.add_to_index(name, before, keep=HOUR)
        await index.add_to_index(name, short, keep=self.short_lifetime)
        await advance_time(2 * self.short_lifetime)
        await index.add_to_index(name, after, keep=HOUR)

        assert sorted(await index.read_index(name)) == sorted([before, after])

    async def test_a_name_goes_with_its_last_entry(
        self, index: UserIndex, name: str, key: str, advance_time: AdvanceTime
    ) -> None:
        await index.add_to_index(name, key, keep=self.short_lifetime)
        await advance_time(2 * self.short_lifetime)

        assert await index.read_index(name) == []

    async def test_adding_again_never_shortens_an_entry(
        self, index: UserIndex, name: str, key: str, advance_time: AdvanceTime
    ) -> None:
        await index.add_to_index(name, key, keep=HOUR)
        await index.add_to_index(name, key, keep=self.short_lifetime)
        await advance_time(2 * self.short_lifetime)

        assert await index.read_index(name) == [key]

    async def test_adding_again_makes_an_entry_stay_longer(
        self, index: UserIndex, name: str, key: str, advance_time: AdvanceTime
    ) -> None:
        await index.add_to_index(name, key, keep=self.short_lifetime)
        await index.add_to_index(name, key, keep=HOUR)
        await advance_time(2 * self.short_lifetime)

        assert await index.read_index(name) == [key]

    async def test_a_key_may_be_under_several_names(
        self, index: UserIndex, name: str, key: str
    ) -> None:
        """A session is its user's, and that of a provider's session."""
        other = new_key()
        for each in (name, other):
            await index.add_to_index(each, key, keep=HOUR)
        assert await index.read_index(name) == await index.read_index(other) == [key]

        await index.remove_from_index(name, key)

        assert await index.read_index(name) == []
        assert await index.read_index(other) == [key]

    async def test_what_is_removed_and_added_at_once_takes_no_other_with_it(
        self, index: UserIndex, name: str
    ) -> None:
        old, new = ([new_key() for _ in range(20)] for _ in range(2))
        for key in old:
            await index.add_to_index(name, key, keep=HOUR)
        await asyncio.gather(
            *(index.remove_from_index(name, key) for key in old),
            *(index.add_to_index(name, key, keep=HOUR) for key in new),
        )

        assert sorted(await index.read_index(name)) == sorted(new)

    async def test_entries_added_at_once_are_all_there(self, index: UserIndex, name: str) -> None:
        keys = [new_key() for _ in range(50)]
        await asyncio.gather(*(index.add_to_index(name, key, keep=HOUR) for key in keys))

        assert sorted(await index.read_index(name)) == sorted(keys)

    async def test_adding_returns_the_time_by_the_clock_of_the_store(
        self, index: UserIndex, store: SessionStore, name: str, key: str
    ) -> None:
        before = await _now(store)
        added = await index.add_to_index(name, key, keep=HOUR)
        after = await _now(store)

        assert before - 0.002 <= added <= after + 0.002

    async def test_a_record_is_created_by_its_time_or_never(
        self, store: SessionStore, key: str, advance_time: AdvanceTime
    ) -> None:
        until = await _now(store) + self.short_lifetime
        other = new_key()
        assert isinstance(
            await store.create(key, DATA, idle=HOUR, absolute=HOUR, until=until + HOUR), Record
        )
        await advance_time(2 * self.short_lifetime)

        with pytest.raises(TooLateError):
            await store.create(other, DATA, idle=HOUR, absolute=HOUR, until=until)
        with pytest.raises(SessionExistsError):
            await store.create(key, DATA, idle=HOUR, absolute=HOUR, until=until)
        assert await store.load(other) is None


async def _now(store: SessionStore) -> float:
    """Return the time by the clock of a store."""
    made = await store.create(new_key(), DATA, idle=HOUR, absolute=HOUR)
    assert made.lease is not None
    return made.lease.now
