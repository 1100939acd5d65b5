"""P20: transact(once=) takes effect once, and its repeats get the first answer."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.sessions import (
    AnswerStore,
    MemoryStore,
    Policy,
    Session,
    SessionDataError,
    SessionEndedError,
    SessionManager,
    SessionStore,
    StoreUnavailableError,
    TooManyOnceKeysError,
    attempt,
)
from app.sessions.attempt import Attempt
from app.sessions.once import MAX_ANSWER_BYTES, Name, Steps
from tests.sessions.conftest import POLICY
from tests.sessions.handles import again, count_up, stored
from tests.sessions.store_worlds import MemoryWorld
from tests.support.answering import HookedAnswers, LossyAnswers, answers_of
from tests.support.clock import Clock
from tests.support.hooked_store import HookedStore
from tests.support.lossy_store import Fate
from tests.support.stores import StoreSettings
from tests.support.stores_in_process import new_store

KEY, OTHER_KEY = "a key of a payment", "another key"
FINGERPRINT = bytes(32)


@pytest.fixture
async def store(any_store: StoreSettings) -> AsyncIterator[HookedAnswers]:
    """Each store in turn, empty."""
    store = HookedAnswers(new_store(any_store))
    yield store
    await store.aclose()


@pytest.fixture
async def session(sessions: SessionManager) -> Session:
    """An empty session."""
    return await sessions.create()


async def test_a_repeat_gets_the_first_answer_and_changes_nothing(
    store: HookedStore, sessions: SessionManager, other_node: SessionManager, session: Session
) -> None:
    assert await session.transact(count_up, once=KEY) == 1
    await session.transact(count_up)
    for node in (sessions, other_node):
        repeated = await again(node, session)
        before = len(store.calls)
        assert await repeated.transact(count_up, once=KEY) == 1
        assert store.calls[before:] == (["commit_once"] if node is sessions else [])
        assert repeated.version == 3
    assert await stored(sessions, session) == {"count": 2}
    assert await session.transact(count_up, once=OTHER_KEY) == 3


@pytest.mark.parametrize("answer", [None, 0, "", [], {"at": [1, 2.5, None]}, "Zoë 😀"])
async def test_the_answer_is_any_json_value(session: Session, answer: Any) -> None:
    for _ in range(2):
        assert await session.transact(lambda _: answer, once=KEY) == answer


async def test_a_repeat_for_which_there_is_nothing_left_to_do_gets_the_first_answer(
    sessions: SessionManager, session: Session
) -> None:
    session["credit"] = 5

    def pay(data: dict[str, int]) -> int:
        if data["credit"] < 5:
            raise LookupError("no credit")
        data["credit"] -= 5
        return data["credit"]

    assert await session.transact(pay, once=KEY) == 0
    assert await (await again(sessions, session)).transact(pay, once=KEY) == 0
    with pytest.raises(LookupError):
        await session.transact(pay, once=OTHER_KEY)


async def test_what_raises_leaves_no_answer(sessions: SessionManager, session: Session) -> None:
    def fail(data: dict[str, int]) -> int:
        count_up(data)
        raise LookupError

    with pytest.raises(LookupError):
        await session.transact(fail, once=KEY)
    assert await session.transact(count_up, once=KEY) == 1
    assert await stored(sessions, session) == {"count": 1}


async def test_an_answer_is_kept_although_nothing_changed(
    sessions: SessionManager, session: Session
) -> None:
    assert await session.transact(lambda data: data.get("count", 0), once=KEY) == 0
    await session.transact(count_up)
    repeated = await again(sessions, session)
    assert await repeated.transact(lambda data: data.get("count", 0), once=KEY) == 0


async def test_many_at_once_on_two_nodes_take_effect_once(
    sessions: SessionManager, other_node: SessionManager, session: Session
) -> None:
    handles = [await again(node, session) for node in (sessions, other_node) * 10]
    answers = await asyncio.gather(*(each.transact(count_up, once=KEY) for each in handles))
    assert answers == [1] * 20
    assert await stored(sessions, session) == {"count": 1}


async def test_plain_writes_before_a_repeat_are_stored(
    sessions: SessionManager, session: Session
) -> None:
    await session.transact(count_up, once=KEY)
    repeated = await again(sessions, session)
    repeated["mine"] = 1
    await repeated.transact(count_up, once=KEY)
    await repeated.save()
    assert await stored(sessions, session) == {"count": 1, "mine": 1}


async def test_a_conflict_before_the_first_is_no_repeat(
    store: HookedStore, sessions: SessionManager, other_node: SessionManager, session: Session
) -> None:
    other = await again(other_node, session)
    store.before("commit_once", lambda: other.transact(count_up))
    assert await session.transact(count_up, once=KEY) == 2
    assert session["count"] == 2


async def test_a_repeat_is_as_old_as_its_first_for_what_is_published(
    sessions: SessionManager, session: Session
) -> None:
    await session.transact(count_up, once=KEY)
    first = session.state_version
    await session.transact(count_up)
    repeated = await again(sessions, session)
    assert repeated.state_version == repeated.version == 3
    await repeated.transact(count_up, once=KEY)
    assert (repeated.state_version, repeated.version) == (first, 3)
    await repeated.transact(count_up)
    assert repeated.state_version == repeated.version == 4
    await repeated.rotate()
    await repeated.transact(count_up, once=KEY)
    assert repeated.state_version == 0, "versions of the old id mean nothing for the new one"


async def test_the_transactions_of_a_request_are_named_by_their_ordinals(
    sessions: SessionManager, session: Session
) -> None:
    for _ in range(2):
        handle = await again(sessions, session)
        handle._usage.steps = Steps("request")
        assert [await handle.transact(count_up) for _ in range(3)] == [1, 2, 3]
        assert await handle.transact(count_up, once=KEY) == 4
    assert await stored(sessions, session) == {"count": 4}


@pytest.mark.parametrize("key", ["", "1234567", "x" * 65, "surrogate \ud800"])
async def test_what_is_no_key_is_refused(session: Session, key: str) -> None:
    with pytest.raises(ValueError, match="8 to 64"):
        await session.transact(count_up, once=key)


async def test_a_key_is_a_string(session: Session) -> None:
    with pytest.raises(TypeError, match="string"):
        await session.transact(count_up, once=12345678)  # type: ignore[arg-type] # what is tested


@pytest.mark.parametrize(
    ("answer", "says"), [((1, 2), "answer: a tuple"), ("x" * MAX_ANSWER_BYTES, "8205 bytes")]
)
async def test_an_answer_that_cannot_be_kept_is_refused_and_nothing_is_stored(
    sessions: SessionManager, session: Session, answer: Any, says: str
) -> None:
    def change(data: dict[str, int]) -> Any:
        count_up(data)
        return answer

    with pytest.raises(SessionDataError, match=says):
        await session.transact(change, once=KEY)
    assert await stored(sessions, session) == {}


async def test_a_store_that_keeps_no_answers_is_named(any_store: StoreSettings) -> None:
    store = HookedStore(new_store(any_store))
    session = await SessionManager(store, POLICY).create()
    with pytest.raises(RuntimeError, match="keeps no answers"):
        await session.transact(count_up, once=KEY)
    await store.aclose()


async def test_beyond_a_thousand_keys_a_new_one_is_refused_and_no_old_one_forgotten(
    store: HookedAnswers, sessions: SessionManager, session: Session
) -> None:
    assert await session.transact(count_up, once=KEY) == 1
    keeper = answers_of(store.inner)
    names = [f"t:key {number:08}" for number in range(1000 - 1)]
    found = await asyncio.gather(*(keeper.swap_answer(session.key, name, b"1") for name in names))
    assert set(found) == {None}, "there was no room for so many"
    with pytest.raises(TooManyOnceKeysError) as refused:
        await session.transact(count_up, once=OTHER_KEY)
    assert 0 < (refused.value.retry_after or 0) <= 600
    assert await session.transact(count_up, once=KEY) == 1
    assert await session.transact(count_up) == 2


async def test_an_answer_is_kept_for_ten_minutes() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    session = await SessionManager(store, Policy(idle=3600, absolute=3600)).create()
    assert await session.transact(count_up, once=KEY) == 1
    clock.move(599)
    assert await session.transact(count_up, once=KEY) == 1
    clock.move(2)
    assert await session.transact(count_up, once=KEY) == 2


async def test_answers_follow_a_rotation(
    store: HookedAnswers, sessions: SessionManager, session: Session
) -> None:
    assert await session.transact(count_up, once=KEY) == 1
    for _ in range(2):
        before = len(store.calls)
        await session.rotate()
        assert store.calls[before:] == STEPS
        assert await session.transact(count_up, once=KEY) == 1
    assert await stored(sessions, session) == {"count": 1}


@pytest.mark.parametrize("verb", ["create", "end", "copy_answers"])
async def test_what_takes_effect_during_a_rotation_follows_it_or_fails(
    store: HookedAnswers,
    sessions: SessionManager,
    other_node: SessionManager,
    session: Session,
    verb: str,
) -> None:
    """The compare-and-set on the predecessor's version finds a commit that comes between."""
    other = await again(other_node, session)

    async def pay() -> None:
        try:
            await other.transact(count_up, once=KEY)
        except SessionEndedError:
            assert verb == "copy_answers"

    store.before(verb, pay)
    await session.rotate()
    assert await session.transact(count_up, once=KEY) == 1
    assert await stored(sessions, session) == {"count": 1}


STEPS = ["create", "end", "copy_answers", "commit"]


@pytest.mark.parametrize("fate", [Fate.REPLY_LOST, Fate.NOT_EXECUTED])
@pytest.mark.parametrize("step", range(len(STEPS)), ids=STEPS)
async def test_answers_follow_a_rotation_whose_reply_was_lost(
    any_store: StoreSettings, step: int, fate: Fate
) -> None:
    store = LossyAnswers(new_store(any_store))
    sessions = SessionManager(store, POLICY)
    session = await sessions.create()
    await session.transact(count_up, once=KEY)
    store.fates = [*[Fate.ANSWERED] * step, fate]
    with pytest.raises(StoreUnavailableError):
        await session.rotate()
    assert not store.fates
    after = await again(sessions, session)
    assert await after.transact(count_up, once=KEY) == 1
    assert await stored(sessions, after) == {"count": 1}
    await store.aclose()


@pytest.mark.parametrize("step", range(len(STEPS)), ids=STEPS)
async def test_a_key_that_is_released_amid_a_rotation_is_free_under_the_new_id(
    any_store: StoreSettings, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However late the new id comes to use: the rotation is completed then, with what it copies."""
    monkeypatch.setattr(attempt, "_LATE_SECONDS", 0.0)
    store = LossyAnswers(new_store(any_store))
    sessions = SessionManager(store, POLICY)
    session = await sessions.create()
    first = Attempt(sessions, session.key, KEY, FINGERPRINT)
    assert await first.begin() is None
    store.fates = [*[Fate.ANSWERED] * step, Fate.REPLY_LOST]
    with pytest.raises(StoreUnavailableError):
        await session.rotate()

    await first.release()
    await asyncio.gather(*sessions._tasks)

    after = await again(sessions, session)
    assert await Attempt(sessions, after.key, KEY, FINGERPRINT).begin() is None
    await store.aclose()


async def test_answers_follow_a_rotation_that_takes_the_place_of_another() -> None:
    """The one that won has a newer answer; its cookie was replaced by that of the other."""
    world = MemoryWorld()
    store = LossyAnswers(world.store)
    one, other = SessionManager(store, POLICY), SessionManager(store, POLICY)
    opened = await one.create()
    loser = await again(other, opened)
    store.fates = [Fate.ANSWERED, Fate.NOT_EXECUTED]
    with pytest.raises(StoreUnavailableError):
        await loser.rotate()
    winner = await again(one, opened)
    first = Attempt(one, winner.key, KEY, FINGERPRINT)
    assert await first.begin() is None
    await winner.rotate()
    assert await first.keep(b"done")
    await winner.transact(lambda _data: "nothing changed", once=OTHER_KEY)
    world.advance_time(POLICY.in_flight + 1)

    after = await again(other, loser)

    assert await Attempt(other, after.key, KEY, FINGERPRINT).begin() == b"done"
    assert await after.transact(lambda _data: "done again", once=OTHER_KEY) == "nothing changed"
    assert len(await store.live()) == 1


@pytest.mark.parametrize("fate", [Fate.REPLY_LOST, Fate.NOT_EXECUTED])
async def test_a_transaction_in_doubt_can_be_repeated(any_store: StoreSettings, fate: Fate) -> None:
    store = LossyAnswers(new_store(any_store))
    sessions = SessionManager(store, POLICY)
    session = await sessions.create()
    store.fates = [fate]
    with pytest.raises(StoreUnavailableError):
        await session.transact(count_up, once=KEY)
    assert await session.transact(count_up, once=KEY) == 1
    assert await stored(sessions, session) == {"count": 1}
    await store.aclose()


async def test_answers_go_with_the_session(
    store: HookedAnswers, sessions: SessionManager, session: Session
) -> None:
    await session.transact(count_up, once=KEY)
    other = await again(sessions, session)
    await session.destroy()
    with pytest.raises(SessionEndedError):
        await other.transact(count_up, once=KEY)
    keeper = answers_of(store.inner)
    assert await keeper.read_answer(session.key, Name.of_key(KEY).text) is None


def test_the_stores_keep_answers(any_store: StoreSettings) -> None:
    store: SessionStore = new_store(any_store)
    assert isinstance(store, AnswerStore)
