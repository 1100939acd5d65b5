"""The Session handle: a mapping that notices its changes and merges them when it is saved."""

import logging
from collections.abc import MutableMapping
from typing import Any

import pytest

from app.sessions import (
    Session,
    SessionEndedError,
    Sessions,
)
from tests.sessions.handles import again, count_up, stored
from tests.support.hooked_store import HookedStore

DATA: dict[str, Any] = {"name": "ada", "cart": {"items": [1, 2]}, "gone": True}
READS = {"load", "load_many"}


@pytest.fixture
async def session(sessions: Sessions) -> Session:
    """A handle on a session that an earlier request filled with DATA."""
    earlier = await sessions.create()
    await earlier.update(lambda data: data.update(DATA))
    return await again(sessions, earlier)


async def test_a_session_reads_as_the_mapping_that_was_stored(session: Session) -> None:
    assert isinstance(session, MutableMapping)
    assert session == DATA
    assert dict(session) == DATA
    assert (len(session), list(session)) == (3, ["name", "cart", "gone"])
    assert session["cart"]["items"] == [1, 2]
    assert session.get("unknown", "default") == "default"
    assert "unknown" not in session
    with pytest.raises(KeyError):
        session["unknown"]
    with pytest.raises(KeyError):
        del session["unknown"]


async def test_a_new_session_is_empty_and_at_version_one(sessions: Sessions) -> None:
    session = await sessions.create()
    assert (dict(session), session.version, session.ended) == ({}, 1, None)


async def test_plain_writes_are_stored_by_save(sessions: Sessions, session: Session) -> None:
    session["theme"] = "dark"
    session.setdefault("lang", "en")
    del session["gone"]
    assert session.pop("name") == "ada"
    assert session.modified
    assert await stored(sessions, session) == DATA
    await session.save()
    expected = {"cart": DATA["cart"], "theme": "dark", "lang": "en"}
    assert session == await stored(sessions, session) == expected
    assert not session.modified


async def test_changes_deep_inside_are_noticed(sessions: Sessions, session: Session) -> None:
    session["cart"]["items"].append(3)
    assert session.modified
    await session.save()
    assert (await stored(sessions, session))["cart"] == {"items": [1, 2, 3]}


async def test_one_is_not_true_and_not_one_point_zero(sessions: Sessions, session: Session) -> None:
    session["gone"] = 1
    assert session.modified
    await session.save()
    assert repr((await stored(sessions, session))["gone"]) == "1"


async def test_a_write_of_what_is_stored_already_is_no_change(
    store: HookedStore, session: Session
) -> None:
    session["name"] = "ada"
    session["cart"] = {"items": [1, 2]}
    session["new"] = 1
    del session["new"]
    assert not session.modified
    before = len(store.calls)
    await session.save()
    assert store.calls[before:] == []


async def test_reads_never_write(store: HookedStore, sessions: Sessions, session: Session) -> None:
    version = session.version
    before = len(store.calls)
    handle = await again(sessions, session)
    assert handle["cart"]["items"]
    assert dict(handle)
    assert not handle.modified
    await handle.save()
    await handle.reload()
    await handle.update(lambda data: data["name"])
    assert set(store.calls[before:]) <= READS
    assert (await sessions.look(session.key)).version == handle.version == version


async def test_a_handle_knows_whether_anybody_looked_at_it(session: Session) -> None:
    assert not session.accessed
    assert session["name"] == "ada"
    assert session.accessed


async def test_plain_writes_of_parallel_requests_to_different_keys_both_survive(
    sessions: Sessions, elsewhere: Sessions, session: Session
) -> None:
    one, two = await again(sessions, session), await again(elsewhere, session)
    one["one"] = 1
    two["two"] = 2
    del two["gone"]
    await one.save()
    await two.save()
    expected = {"name": "ada", "cart": DATA["cart"], "one": 1, "two": 2}
    assert two == await stored(sessions, session) == expected


async def test_a_deletion_is_merged_with_a_parallel_write_to_another_key(
    sessions: Sessions, elsewhere: Sessions, session: Session
) -> None:
    one, two = await again(sessions, session), await again(elsewhere, session)
    del one["gone"]
    two["name"] = "bob"
    await two.save()
    await one.save()
    assert await stored(sessions, session) == {"name": "bob", "cart": DATA["cart"]}


async def test_a_key_that_two_requests_delete_is_gone_and_no_error(
    sessions: Sessions, elsewhere: Sessions, session: Session
) -> None:
    one, two = await again(sessions, session), await again(elsewhere, session)
    del one["gone"]
    del two["gone"]
    await one.save()
    await two.save()
    assert "gone" not in await stored(sessions, session)


async def test_a_key_that_only_somebody_else_wrote_is_not_written_back(
    sessions: Sessions, session: Session
) -> None:
    late = await again(sessions, session)
    late["mine"] = 1
    await session.update(lambda data: data.update(name="bob"))
    await late.save()
    assert (await stored(sessions, session))["name"] == "bob"
    assert late["name"] == "bob"


async def test_reload_forgets_plain_writes_and_changes_the_handle_in_place(
    sessions: Sessions, session: Session
) -> None:
    other = await again(sessions, session)
    other["name"] = "bob"
    await other.save()
    session["mine"] = 1
    await session.reload()
    assert session == DATA | {"name": "bob"}
    assert session.version == other.version
    assert not session.modified


async def test_refresh_keeps_plain_writes_on_top_of_the_newer_record(
    sessions: Sessions, session: Session
) -> None:
    session["mine"] = 1
    del session["gone"]
    other = await again(sessions, session)
    await other.update(count_up)
    session.refresh(await sessions.look(session.key))
    expected = {"name": "ada", "cart": DATA["cart"], "count": 1, "mine": 1}
    assert session == expected
    assert session.modified
    await session.save()
    assert await stored(sessions, session) == expected


async def test_refresh_with_an_older_record_changes_nothing(session: Session) -> None:
    older = session.record
    await session.update(count_up)
    session.refresh(older)
    assert session["count"] == 1


async def test_forget_changes_leaves_what_is_stored(session: Session) -> None:
    session["mine"] = 1
    session.forget_changes()
    assert session == DATA
    assert not session.modified


async def test_the_id_is_in_no_repr_no_error_and_no_log_line(
    sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    session = await sessions.create()
    late = await again(sessions, session)
    ids, shown = [session.id], [repr(session), str(session)]
    await session.update(count_up)
    await session.rotate()
    ids.append(session.id)
    with pytest.raises(SessionEndedError) as ended:
        await late.update(count_up)
    await session.destroy()
    shown += [repr(session), repr(late), repr(ended.value), str(ended.value)]
    shown += [str(vars(record)) for record in caplog.records]
    assert "opened" in caplog.text
    assert not any(each and each in text for each in ids for text in shown)
