"""Session.update: a plain function on the newest data, atomically."""

import asyncio
from typing import Any

import pytest

from app.sessions import Session, SessionEndedError, Sessions, StoreUnavailableError
from tests.sessions.handles import again, count_up, stored
from tests.support.hooked_store import HookedStore


@pytest.fixture
async def session(sessions: Sessions) -> Session:
    """An empty session."""
    return await sessions.create()


async def test_update_gives_the_result_of_the_function(
    sessions: Sessions, session: Session
) -> None:
    assert [await session.update(count_up) for _ in range(3)] == [1, 2, 3]
    assert session == await stored(sessions, session) == {"count": 3}


async def test_update_runs_again_on_the_newest_data_after_a_conflict(
    store: HookedStore, elsewhere: Sessions, session: Session
) -> None:
    other = await again(elsewhere, session)
    store.before("commit", lambda: other.update(count_up))
    seen: list[Any] = []

    def count(data: dict[str, Any]) -> int:
        seen.append(data.get("count"))
        return count_up(data)

    assert await session.update(count) == 2
    assert seen == [None, 1]
    assert session["count"] == 2


async def test_update_starts_on_what_this_node_wrote_last_without_a_conflict(
    store: HookedStore, sessions: Sessions, session: Session
) -> None:
    handles = [await again(sessions, session) for _ in range(50)]
    before = len(store.calls)
    await asyncio.gather(*(handle.update(count_up) for handle in handles))
    assert store.calls[before:] == ["commit"] * 50


async def test_update_and_save_keep_the_owner(sessions: Sessions, session: Session) -> None:
    await sessions.store.commit(session.key, 1, b"{}", owner="ada b")
    await session.update(count_up)
    session["mine"] = 1
    await session.save()
    assert session.record.owner == "ada b"
    assert (await sessions.look(session.key)).owner == "ada b"


async def test_update_stores_the_plain_writes_made_before_it(
    sessions: Sessions, session: Session
) -> None:
    session["count"] = 10
    assert await session.update(count_up) == 11
    assert await stored(sessions, session) == {"count": 11}


async def test_update_keeps_plain_writes_on_top_of_a_conflicting_one(
    store: HookedStore, elsewhere: Sessions, session: Session
) -> None:
    other = await again(elsewhere, session)
    store.before("commit", lambda: other.update(lambda data: data.update(theirs=1)))
    session["mine"] = 1
    await session.update(count_up)
    assert session == {"theirs": 1, "mine": 1, "count": 1}


async def test_a_function_that_raises_stores_nothing(
    store: HookedStore, sessions: Sessions, session: Session
) -> None:
    def fail(data: dict[str, Any]) -> None:
        data["count"] = 99
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        await session.update(fail)
    assert session == await stored(sessions, session) == {}
    assert "commit" not in store.calls
    assert await session.update(count_up) == 1


async def test_an_async_function_is_refused_and_stores_nothing(
    sessions: Sessions, session: Session
) -> None:
    async def count(data: dict[str, Any]) -> None:
        data["count"] = 99

    with pytest.raises(TypeError, match="plain function"):
        await session.update(count)  # type: ignore[unused-coroutine] # which is the mistake    assert await stored(sessions, session) == {}


async def test_an_update_that_changes_nothing_sees_the_newest_data_and_writes_none(
    store: HookedStore, sessions: Sessions, elsewhere: Sessions, session: Session
) -> None:
    other = await again(elsewhere, session)
    await other.update(count_up)
    assert await session.update(lambda data: data.get("count")) == 1
    assert session["count"] == 1
    assert "commit" not in store.calls
    assert (await sessions.look(session.key)).version == 2


async def test_an_update_that_changes_nothing_finds_out_that_the_session_has_ended(
    elsewhere: Sessions, session: Session
) -> None:
    await (await again(elsewhere, session)).destroy()
    with pytest.raises(SessionEndedError):
        await session.update(lambda data: data.get("count"))


async def test_a_store_that_gives_no_answer_leaves_the_handle_as_it_was(
    store: HookedStore, session: Session
) -> None:
    async def outage() -> None:
        raise StoreUnavailableError("no answer")

    session["mine"] = 1
    store.before("commit", outage)
    with pytest.raises(StoreUnavailableError):
        await session.update(count_up)
    assert session == {"mine": 1}
    assert await session.update(count_up) == 1
    assert session == {"mine": 1, "count": 1}


async def test_two_hundred_parallel_updates_end_at_two_hundred_and_repeat_no_answer(
    sessions: Sessions, session: Session
) -> None:
    handles = [await again(sessions, session) for _ in range(200)]
    answers = await asyncio.gather(*(handle.update(count_up) for handle in handles))
    assert sorted(answers) == list(range(1, 201))
    assert await stored(sessions, session) == {"count": 200}


async def test_two_hundred_parallel_updates_on_two_nodes_lose_none(
    sessions: Sessions, elsewhere: Sessions, session: Session
) -> None:
    nodes = [sessions, elsewhere] * 100
    handles = [await again(node, session) for node in nodes]
    answers = await asyncio.gather(*(handle.update(count_up) for handle in handles))
    assert sorted(answers) == list(range(1, 201))
    assert await stored(sessions, session) == {"count": 200}


async def test_parallel_updates_of_one_handle_lose_none(
    sessions: Sessions, session: Session
) -> None:
    answers = await asyncio.gather(*(session.update(count_up) for _ in range(200)))
    assert sorted(answers) == list(range(1, 201))
    assert await stored(sessions, session) == {"count": 200}


async def test_a_plain_write_is_not_stored_again_by_a_parallel_update_of_the_same_handle(
    sessions: Sessions, session: Session
) -> None:
    session["count"] = 10
    answers = await asyncio.gather(*(session.update(count_up) for _ in range(5)))
    assert answers == [11, 12, 13, 14, 15]
    assert await stored(sessions, session) == {"count": 15}


async def test_a_plain_write_made_while_an_update_is_under_way_is_kept(
    store: HookedStore, sessions: Sessions, session: Session
) -> None:
    async def meanwhile() -> None:
        session["mine"] = 1

    session["before"] = 1
    store.before("commit", meanwhile)
    await session.update(count_up)
    assert session == {"before": 1, "mine": 1, "count": 1}
    await session.save()
    assert await stored(sessions, session) == {"before": 1, "mine": 1, "count": 1}
