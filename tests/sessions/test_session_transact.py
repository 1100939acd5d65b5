"""Session.transact: a plain function on the newest data, atomically."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest

from app.sessions import Session, SessionEndedError, SessionManager, StoreUnavailableError
from tests.sessions.handles import again, count_up, stored
from tests.support.hooked_store import HookedStore


@pytest.fixture
async def session(sessions: SessionManager) -> Session:
    """An empty session."""
    return await sessions.create()


async def test_transact_returns_the_result_of_the_function(
    sessions: SessionManager, session: Session
) -> None:
    assert [await session.transact(count_up) for _ in range(3)] == [1, 2, 3]
    assert session == await stored(sessions, session) == {"count": 3}


async def test_transact_calls_the_function_again_on_the_newest_data_after_a_conflict(
    store: HookedStore, other_node: SessionManager, session: Session
) -> None:
    other = await again(other_node, session)
    store.before("commit", lambda: other.transact(count_up))
    seen: list[Any] = []

    def count(data: dict[str, Any]) -> int:
        seen.append(data.get("count"))
        return count_up(data)

    assert await session.transact(count) == 2
    assert seen == [None, 1]
    assert session["count"] == 2


async def test_transact_starts_from_what_this_node_wrote_last_without_a_conflict(
    store: HookedStore, sessions: SessionManager, session: Session
) -> None:
    handles = [await again(sessions, session) for _ in range(50)]
    before = len(store.calls)
    await asyncio.gather(*(handle.transact(count_up) for handle in handles))
    assert store.calls[before:] == ["commit"] * 50


async def test_transact_and_save_keep_the_owner(sessions: SessionManager, session: Session) -> None:
    await sessions.store.commit(session.key, 1, b"{}", owner="ada b")
    await session.transact(count_up)
    session["mine"] = 1
    await session.save()
    assert session._record.owner == "ada b"
    assert (await sessions.load_live(session.key)).owner == "ada b"


async def test_transact_stores_the_plain_writes_made_before_it(
    sessions: SessionManager, session: Session
) -> None:
    session["count"] = 10
    assert await session.transact(count_up) == 11
    assert await stored(sessions, session) == {"count": 11}


async def test_transact_keeps_plain_writes_on_top_of_a_conflicting_one(
    store: HookedStore, other_node: SessionManager, session: Session
) -> None:
    other = await again(other_node, session)
    store.before("commit", lambda: other.transact(lambda data: data.update(theirs=1)))
    session["mine"] = 1
    await session.transact(count_up)
    assert session == {"theirs": 1, "mine": 1, "count": 1}


async def test_a_function_that_raises_stores_nothing(
    store: HookedStore, sessions: SessionManager, session: Session
) -> None:
    def fail(data: dict[str, Any]) -> None:
        data["count"] = 99
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        await session.transact(fail)
    assert session == await stored(sessions, session) == {}
    assert "commit" not in store.calls
    assert await session.transact(count_up) == 1


async def test_an_async_function_is_refused_and_stores_nothing(
    sessions: SessionManager, session: Session
) -> None:
    async def count(data: dict[str, Any]) -> None:
        data["count"] = 99

    with pytest.raises(TypeError, match="plain function"):
        await session.transact(count)  # type: ignore[unused-coroutine] # which is the mistake
    assert await stored(sessions, session) == {}


async def test_a_generator_function_which_would_change_nothing_is_refused(
    session: Session,
) -> None:
    def count(data: dict[str, Any]) -> Iterator[None]:
        data["count"] = 99
        yield

    async def count_async(data: dict[str, Any]) -> AsyncIterator[None]:
        data["count"] = 99
        yield

    for fn in (count, count_async, partial(count)):
        with pytest.raises(TypeError, match="plain function"):
            await session.transact(fn)
    assert dict(session) == {}
    assert [*await session.transact(lambda data: (name for name in data))] == []


async def test_a_transaction_that_changes_nothing_reads_the_newest_data_and_writes_none(
    store: HookedStore, sessions: SessionManager, other_node: SessionManager, session: Session
) -> None:
    other = await again(other_node, session)
    await other.transact(count_up)
    assert await session.transact(lambda data: data.get("count")) == 1
    assert session["count"] == 1
    assert "commit" not in store.calls
    assert (await sessions.load_live(session.key)).version == 2


async def test_a_transaction_that_changes_nothing_finds_out_that_the_session_has_ended(
    other_node: SessionManager, session: Session
) -> None:
    await (await again(other_node, session)).destroy()
    with pytest.raises(SessionEndedError):
        await session.transact(lambda data: data.get("count"))


async def test_an_unavailable_store_leaves_the_session_as_it_was(
    store: HookedStore, session: Session
) -> None:
    async def outage() -> None:
        raise StoreUnavailableError("no answer")

    session["mine"] = 1
    store.before("commit", outage)
    with pytest.raises(StoreUnavailableError):
        await session.transact(count_up)
    assert session == {"mine": 1}
    assert await session.transact(count_up) == 1
    assert session == {"mine": 1, "count": 1}


async def test_two_hundred_parallel_transactions_end_at_two_hundred_and_repeat_no_result(
    sessions: SessionManager, session: Session
) -> None:
    handles = [await again(sessions, session) for _ in range(200)]
    answers = await asyncio.gather(*(handle.transact(count_up) for handle in handles))
    assert sorted(answers) == list(range(1, 201))
    assert await stored(sessions, session) == {"count": 200}


async def test_two_hundred_parallel_transactions_on_two_nodes_lose_none(
    sessions: SessionManager, other_node: SessionManager, session: Session
) -> None:
    nodes = [sessions, other_node] * 100
    handles = [await again(node, session) for node in nodes]
    answers = await asyncio.gather(*(handle.transact(count_up) for handle in handles))
    assert sorted(answers) == list(range(1, 201))
    assert await stored(sessions, session) == {"count": 200}


async def test_parallel_transactions_of_one_handle_lose_none(
    sessions: SessionManager, session: Session
) -> None:
    answers = await asyncio.gather(*(session.transact(count_up) for _ in range(200)))
    assert sorted(answers) == list(range(1, 201))
    assert await stored(sessions, session) == {"count": 200}


async def test_a_plain_write_is_not_stored_again_by_a_parallel_transaction_of_the_same_handle(
    sessions: SessionManager, session: Session
) -> None:
    session["count"] = 10
    answers = await asyncio.gather(*(session.transact(count_up) for _ in range(5)))
    assert answers == [11, 12, 13, 14, 15]
    assert await stored(sessions, session) == {"count": 15}


async def test_a_plain_write_made_while_a_transaction_is_under_way_is_kept(
    store: HookedStore, sessions: SessionManager, session: Session
) -> None:
    async def meanwhile() -> None:
        session["mine"] = 1
        del session["gone"]
        del session["both"]

    session["before"] = 1
    await session.transact(lambda data: data.update(gone=1, both=1))
    store.before("commit", meanwhile)
    await session.transact(lambda data: (count_up(data), data.pop("both")))
    assert session == {"before": 1, "mine": 1, "count": 1}
    await session.save()
    assert await stored(sessions, session) == {"before": 1, "mine": 1, "count": 1}
