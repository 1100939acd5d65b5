"""The contract of AnswerStore: what a store keeps of what takes effect once."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from ...sessions import EndReason, SessionStore
from ...sessions.stores.answers import LIMITS, Answer, AnswerLimits, AnswerStore, NoRoom, Once
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
    live,
    new_key,
    tombstone,
)

ANSWER = b"\x00\r\n first \xff answer"
SHORT = 0.1
"""Seconds that a test waits."""
OUTLIVED = AnswerLimits(keep=SHORT)
"""To whom what was stored before the wait does not exist."""


class AnswerStoreContract(Contract):
    """All that the docstrings of AnswerStore promise. Subclass it as StoreContract, with its fixtures."""

    @pytest.fixture
    def answers(self, store: SessionStore) -> AnswerStore:
        """Return the store, which has this ability."""
        assert isinstance(store, AnswerStore)
        return store

    @pytest_asyncio.fixture
    async def record(self, store: SessionStore, key: str) -> str:
        """Return the key of a session that lives, at version 1."""
        await store.create(key, DATA, idle=60, absolute=HOUR, owner="ada")
        return key

    async def test_an_answer_is_stored_with_the_commit(
        self, store: SessionStore, answers: AnswerStore, record: str
    ) -> None:
        written = committed(
            _outcome(await answers.commit_once(record, 1, OTHER, Once("pay", ANSWER), owner="bob"))
        )
        assert bare(written) == bare(live(await store.load(record))) == (OTHER, 2, "bob")
        assert _bare(await answers.read_answer(record, "pay")) == (ANSWER, 2)
        assert await answers.read_answer(record, "other") is None
        assert await answers.read_answer(new_key(), "pay") is None

    async def test_a_commit_whose_answer_is_kept_returns_it_and_writes_nothing(
        self, store: SessionStore, answers: AnswerStore, record: str
    ) -> None:
        await answers.commit_once(record, 1, OTHER, Once("pay", ANSWER))
        for version in (1, 2, 7):
            again = await answers.commit_once(record, version, DATA, Once("pay", b"second"))
            assert _bare(again) == (ANSWER, 2)
        assert bare(live(await store.load(record))) == (OTHER, 2, None)

    async def test_a_commit_that_conflicts_stores_no_answer(
        self, store: SessionStore, answers: AnswerStore, record: str
    ) -> None:
        await store.commit(record, 1, OTHER)
        newer = conflict(_outcome(await answers.commit_once(record, 1, DATA, Once("pay", ANSWER))))
        assert bare(newer) == (OTHER, 2, None)
        assert await answers.read_answer(record, "pay") is None

    async def test_a_commit_to_what_has_ended_is_gone_and_stores_no_answer(
        self, store: SessionStore, answers: AnswerStore, record: str
    ) -> None:
        await store.end(record, EndReason.LOGOUT, keep=60)
        found = gone(_outcome(await answers.commit_once(record, 1, OTHER, Once("pay", ANSWER))))
        assert found is not None
        assert found.reason is EndReason.LOGOUT
        never = new_key()
        assert gone(_outcome(await answers.commit_once(never, 1, OTHER, Once("pay", b"")))) is None
        for key in (record, never):
            assert await answers.read_answer(key, "pay") is None

    async def test_a_commit_with_an_answer_extends_as_any_other(
        self, store: SessionStore, answers: AnswerStore, record: str
    ) -> None:
        outcome = await answers.commit_once(record, 1, OTHER, Once("pay", ANSWER), idle=120)
        written = committed(_outcome(outcome))
        assert written.lease is not None
        assert self.same_time(deadline(written), written.lease.now + 120)
        assert self.same_time(deadline(live(await store.load(record))), deadline(written))

    async def test_a_commit_with_an_answer_takes_the_predecessor_away_as_any_other(
        self, store: SessionStore, answers: AnswerStore, key: str
    ) -> None:
        await store.create(key, DATA, idle=60, absolute=HOUR, predecessor="opaque")
        outcome = await answers.commit_once(key, 1, OTHER, Once("pay", ANSWER))
        assert committed(_outcome(outcome)).predecessor is None
        assert live(await store.load(key)).predecessor is None

    async def test_of_fifty_commits_of_one_name_one_writes_and_all_have_its_answer(
        self, store: SessionStore, answers: AnswerStore, record: str
    ) -> None:
        async def commit(number: int) -> bytes:
            version = 1
            while True:
                once = Once("pay", b"%d" % number)
                outcome = await answers.commit_once(record, version, b'{"by":%d}' % number, once)
                if isinstance(outcome, Answer):
                    return outcome.value
                assert not isinstance(outcome, NoRoom)
                version = outcome.record.version if hasattr(outcome, "record") else version

        found = set(await asyncio.gather(*map(commit, range(50))))
        stored = live(await store.load(record))
        assert stored.version == 2
        assert found == {stored.data[6:-1]}

    async def test_a_value_is_swapped_for_the_expected_one_alone(
        self, store: SessionStore, answers: AnswerStore, record: str
    ) -> None:
        assert await answers.swap_answer(record, "pay", b"begun") is None
        assert _bare(await answers.swap_answer(record, "pay", b"also begun")) == (b"begun", 0)
        wrong = await answers.swap_answer(record, "pay", b"done", expected=b"other")
        assert _bare(wrong) == (b"begun", 0)
        assert await answers.swap_answer(record, "pay", ANSWER, expected=b"begun") is None
        assert _bare(await answers.read_answer(record, "pay")) == (ANSWER, 0)
        assert bare(live(await store.load(record))) == (DATA, 1, "ada")

    async def test_the_expected_value_alone_is_removed(
        self, answers: AnswerStore, record: str
    ) -> None:
        assert await answers.swap_answer(record, "pay", None, expected=b"begun") is None
        await answers.swap_answer(record, "pay", b"begun")
        kept = await answers.swap_answer(record, "pay", None, expected=b"other")
        assert _bare(kept) == (b"begun", 0)
        assert await answers.swap_answer(record, "pay", None, expected=b"begun") is None
        assert await answers.read_answer(record, "pay") is None

    async def test_nothing_is_swapped_beside_what_has_ended(
        self, store: SessionStore, answers: AnswerStore, record: str
    ) -> None:
        successor = new_key()
        await store.end(record, EndReason.ROTATED, keep=60, successor=successor)
        found = await answers.swap_answer(record, "pay", b"begun")
        assert gone(_outcome(found)) == tombstone(await store.load(record))
        assert gone(_outcome(await answers.swap_answer(new_key(), "pay", b"begun"))) is None

    async def test_what_is_removed_from_what_was_rotated_is_not_copied(
        self, store: SessionStore, answers: AnswerStore, record: str
    ) -> None:
        for name in ("pay", "order"):
            await answers.swap_answer(record, name, b"begun")
        successor = new_key()
        await store.create(successor, DATA, idle=60, absolute=HOUR, predecessor="opaque")
        await store.end(record, EndReason.ROTATED, keep=60, successor=successor)
        for name, expected in (("pay", b"begun"), ("order", b"other"), ("none", b"begun")):
            found = await answers.swap_answer(record, name, None, expected=expected)
            assert gone(_outcome(found)) == tombstone(await store.load(record))

        await answers.copy_answers(record, successor)

        assert await answers.read_answer(successor, "pay") is None
        assert _bare(await answers.read_answer(successor, "order")) == (b"begun", 0)

    async def test_what_was_rotated_keeps_its_answers_for_the_successor_whatever_is_swapped(
        self, store: SessionStore, answers: AnswerStore, record: str
    ) -> None:
        await answers.swap_answer(record, "pay", b"begun")
        successor = new_key()
        await store.create(successor, DATA, idle=60, absolute=HOUR, predecessor="opaque")
        await store.end(record, EndReason.ROTATED, keep=60, successor=successor)
        for expected in (None, b"begun"):
            found = await answers.swap_answer(record, "pay", ANSWER, expected=expected)
            assert gone(_outcome(found)) == tombstone(await store.load(record))

        await answers.copy_answers(record, successor)

        assert _bare(await answers.read_answer(successor, "pay")) == (b"begun", 0)

    async def test_of_fifty_swaps_for_nothing_one_wins(
        self, answers: AnswerStore, record: str
    ) -> None:
        values = [b"%d" % number for number in range(50)]
        outcomes = await asyncio.gather(
            *(answers.swap_answer(record, "pay", value) for value in values)
        )
        assert outcomes.count(None) == 1
        kept = await answers.read_answer(record, "pay")
        assert kept is not None
        assert kept.value == values[outcomes.index(None)]

    async def test_of_fifty_swaps_for_one_value_one_wins(
        self, answers: AnswerStore, record: str
    ) -> None:
        await answers.swap_answer(record, "pay", b"begun")
        values = [b"%d" % number for number in range(50)]
        outcomes = await asyncio.gather(
            *(answers.swap_answer(record, "pay", value, expected=b"begun") for value in values)
        )
        assert outcomes.count(None) == 1
        assert _bare(await answers.read_answer(record, "pay")) == (
            values[outcomes.index(None)],
            0,
        )

    async def test_no_value_but_the_expected_one_is_removed_whatever_comes_between(
        self, answers: AnswerStore, record: str
    ) -> None:
        for trial in range(20):
            name = f"pay {trial}"
            await answers.swap_answer(record, name, b"begun")
            remove = answers.swap_answer(record, name, None, expected=b"begun")
            swap = answers.swap_answer(record, name, ANSWER, expected=b"begun")
            await asyncio.gather(*((remove, swap) if trial % 2 else (swap, remove)))
            assert _bare(await answers.read_answer(record, name)) == (ANSWER, 0)

    async def test_a_value_is_as_old_as_its_swap(
        self, store: SessionStore, answers: AnswerStore, record: str, advance_time: AdvanceTime
    ) -> None:
        await answers.swap_answer(record, "pay", b"begun")
        await advance_time(SHORT)
        before = live(await store.load(record))
        await answers.swap_answer(record, "pay", ANSWER, expected=b"begun")
        kept = await answers.read_answer(record, "pay")
        after = live(await store.load(record))
        assert kept is not None
        assert before.lease is not None
        assert after.lease is not None
        assert kept.age <= after.lease.now - before.lease.now + self.precision

    async def test_an_answer_has_its_age_and_then_does_not_exist(
        self, store: SessionStore, answers: AnswerStore, record: str, advance_time: AdvanceTime
    ) -> None:
        await answers.commit_once(record, 1, OTHER, Once("pay", ANSWER))
        await answers.swap_answer(record, "order", b"begun")
        await advance_time(SHORT)
        kept = await answers.read_answer(record, "pay")
        assert kept is not None
        assert SHORT - self.precision <= kept.age < LIMITS.keep
        assert await answers.read_answer(record, "pay", limits=OUTLIVED) is None
        assert await answers.swap_answer(record, "order", ANSWER, limits=OUTLIVED) is None
        assert _bare(await answers.read_answer(record, "order")) == (ANSWER, 0)
        once = Once("pay", b"second")
        committed(_outcome(await answers.commit_once(record, 2, DATA, once, limits=OUTLIVED)))
        assert bare(live(await store.load(record))) == (DATA, 3, None)

    async def test_beyond_their_number_a_new_answer_is_refused_until_one_expires(
        self, store: SessionStore, answers: AnswerStore, record: str, advance_time: AdvanceTime
    ) -> None:
        two = AnswerLimits(number=2)
        for version, name in enumerate(("one", "two"), 1):
            once = Once(name, name.encode())
            committed(_outcome(await answers.commit_once(record, version, DATA, once, limits=two)))
        for refused in (
            await answers.commit_once(record, 3, OTHER, Once("three", b""), limits=two),
            await answers.swap_answer(record, "three", b"", limits=two),
        ):
            assert isinstance(refused, NoRoom)
            assert 0 < refused.retry_after <= two.keep + self.precision
        assert bare(live(await store.load(record))) == (DATA, 3, None)
        for name in ("one", "two"):
            again = await answers.commit_once(record, 3, OTHER, Once(name, b""), limits=two)
            assert isinstance(again, Answer)
        await advance_time(SHORT)
        late = await answers.swap_answer(record, "three", b"", limits=two)
        assert isinstance(late, NoRoom)
        assert late.retry_after <= two.keep - SHORT + self.precision
        expired = OUTLIVED._replace(number=2)
        assert await answers.swap_answer(record, "three", b"begun", limits=expired) is None
        assert await answers.swap_answer(record, "four", b"begun", limits=two) is None
        assert isinstance(await answers.swap_answer(record, "five", b"", limits=two), NoRoom)

    async def test_steps_do_not_count_but_their_bytes_do(
        self, answers: AnswerStore, record: str
    ) -> None:
        limits = AnswerLimits(number=1, max_bytes=20)
        await answers.swap_answer(record, "one", b"12345", limits=limits)
        for version in (1, 2, 3):
            once = Once(f"one#{version}", b"12345", step=True)
            committed(
                _outcome(await answers.commit_once(record, version, DATA, once, limits=limits))
            )
        more = Once("one#4", b"1", step=True)
        assert isinstance(await answers.commit_once(record, 4, DATA, more, limits=limits), NoRoom)
        grown = await answers.swap_answer(
            record, "one", b"123456", expected=b"12345", limits=limits
        )
        assert isinstance(grown, NoRoom)
        same = await answers.swap_answer(record, "one", b"54321", expected=b"12345", limits=limits)
        assert same is None

    async def test_what_is_removed_makes_room(self, answers: AnswerStore, record: str) -> None:
        limits = AnswerLimits(number=1)
        for _ in range(3):
            assert await answers.swap_answer(record, "one", b"begun", limits=limits) is None
            gone_ = await answers.swap_answer(record, "one", None, expected=b"begun", limits=limits)
            assert gone_ is None

    async def test_answers_are_copied_to_a_successor_with_their_ages(
        self, store: SessionStore, answers: AnswerStore, record: str, advance_time: AdvanceTime
    ) -> None:
        await answers.commit_once(record, 1, OTHER, Once("pay", ANSWER))
        await answers.swap_answer(record, "request", b"begun")
        await advance_time(SHORT)
        successor = new_key()
        await store.create(successor, OTHER, idle=60, absolute=HOUR, predecessor="opaque")
        await answers.swap_answer(successor, "request", b"newer")
        await store.end(record, EndReason.ROTATED, keep=60, successor=successor)

        for _ in range(2):
            await answers.copy_answers(record, successor)

        copied = await answers.read_answer(successor, "pay")
        assert _bare(copied) == (ANSWER, 0)
        assert copied is not None
        assert copied.age >= SHORT - self.precision
        assert _bare(await answers.read_answer(successor, "request")) == (
            b"newer",
            0,
        )
        again = await answers.commit_once(successor, 1, DATA, Once("pay", b"second"))
        assert _bare(again) == (ANSWER, 0)

    async def test_a_step_is_copied_as_one(
        self, store: SessionStore, answers: AnswerStore, record: str
    ) -> None:
        await answers.commit_once(record, 1, OTHER, Once("pay#1", ANSWER, step=True))
        successor = new_key()
        await store.create(successor, OTHER, idle=60, absolute=HOUR, predecessor="opaque")
        await store.end(record, EndReason.ROTATED, keep=60, successor=successor)
        await answers.copy_answers(record, successor)
        one = AnswerLimits(number=1)
        assert await answers.swap_answer(successor, "order", b"begun", limits=one) is None
        assert isinstance(await answers.swap_answer(successor, "more", b"", limits=one), NoRoom)

    async def test_to_copy_nothing_or_to_what_has_ended_does_nothing(
        self, store: SessionStore, answers: AnswerStore, record: str
    ) -> None:
        successor = new_key()
        await answers.copy_answers(new_key(), record)
        await answers.swap_answer(record, "pay", b"begun")
        await answers.copy_answers(record, successor)
        await store.create(successor, OTHER, idle=60, absolute=HOUR)
        assert await answers.read_answer(successor, "pay") is None

    async def test_a_successor_that_waits_no_more_is_given_no_answers(
        self, store: SessionStore, answers: AnswerStore, record: str
    ) -> None:
        """Another node has copied them, and what was removed since has to stay removed."""
        await answers.swap_answer(record, "pay", b"begun")
        successor = new_key()
        await store.create(successor, OTHER, idle=60, absolute=HOUR, predecessor="opaque")
        await store.end(record, EndReason.ROTATED, keep=60, successor=successor)
        committed(await store.commit(successor, 1, OTHER))
        await answers.copy_answers(record, successor)
        assert await answers.read_answer(successor, "pay") is None

    @pytest.mark.parametrize("reason", [EndReason.LOGOUT, EndReason.REVOKED, None])
    async def test_answers_go_with_the_end_of_the_session(
        self, store: SessionStore, answers: AnswerStore, record: str, reason: EndReason | None
    ) -> None:
        await answers.swap_answer(record, "pay", b"begun")
        if reason is None:
            await store.delete(record)
        else:
            await store.end(record, reason, keep=60)
        assert await answers.read_answer(record, "pay") is None

    async def test_answers_are_no_data_of_the_session(
        self, store: SessionStore, answers: AnswerStore, record: str
    ) -> None:
        before = live(await store.load(record))
        await answers.swap_answer(record, "pay", b"begun")
        after = live(await store.load(record))
        assert bare(after) == bare(before)
        assert self.same_time(deadline(after), deadline(before))

    @pytest.mark.parametrize("name", ["", "#n", "=", "a b\r\n", "Zoë", "x" * 200])
    async def test_names_are_opaque(self, answers: AnswerStore, record: str, name: str) -> None:
        assert await answers.swap_answer(record, name, ANSWER) is None
        assert _bare(await answers.read_answer(record, name)) == (ANSWER, 0)


def _bare(found: object) -> tuple[bytes, int]:
    assert isinstance(found, Answer), f"not an answer: {found}"
    return found.value, found.version


def _outcome(found: Any) -> Any:
    """Return an outcome, for what checks its kind."""
    return found
