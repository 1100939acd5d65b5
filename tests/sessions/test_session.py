"""Session: a mapping that detects its changes, and merges them when it is saved."""

import logging
from collections.abc import MutableMapping
from typing import Any

import pytest

from app.sessions import (
    Session,
    SessionEndedError,
    SessionManager,
)
from tests.sessions.handles import again, count_up, stored
from tests.support.hooked_store import HookedStore

DATA: dict[str, Any] = {"name": "ada", "cart": {"items": [1, 2]}, "gone": True}
READS = {"load", "load_many"}


@pytest.fixture
async def session(sessions: SessionManager) -> Session:
    """A handle on a session that an earlier request filled with DATA."""
    earlier = await sessions.create()
    await earlier.transact(lambda data: data.update(DATA))
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


async def test_a_new_session_is_empty_and_at_version_one(sessions: SessionManager) -> None:
    session = await sessions.create()
    assert (dict(session), session.version, session.ended) == ({}, 1, None)


async def test_plain_writes_are_stored_by_save(sessions: SessionManager, session: Session) -> None:
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


async def test_nested_changes_are_detected(sessions: SessionManager, session: Session) -> None:
    session["cart"]["items"].append(3)
    assert session.modified
    await session.save()
    assert (await stored(sessions, session))["cart"] == {"items": [1, 2, 3]}


async def test_one_is_not_true_and_not_one_point_zero(
    sessions: SessionManager, session: Session
) -> None:
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


async def test_reads_never_write(
    store: HookedStore, sessions: SessionManager, session: Session
) -> None:
    version = session.version
    before = len(store.calls)
    handle = await again(sessions, session)
    assert handle["cart"]["items"]
    assert dict(handle)
    assert not handle.modified
    await handle.save()
    await handle.reload()
    await handle.transact(lambda data: data["name"])
    assert set(store.calls[before:]) <= READS
    assert (await sessions.load_live(session.key)).version == handle.version == version


async def test_accessed_is_true_after_the_data_were_read(session: Session) -> None:
    assert not session.accessed
    assert session["name"] == "ada"
    assert session.accessed


async def test_plain_writes_of_parallel_requests_to_different_keys_both_survive(
    sessions: SessionManager, other_node: SessionManager, session: Session
) -> None:
    one, two = await again(sessions, session), await again(other_node, session)
    one["one"] = 1
    two["two"] = 2
    del two["gone"]
    await one.save()
    await two.save()
    expected = {"name": "ada", "cart": DATA["cart"], "one": 1, "two": 2}
    assert two == await stored(sessions, session) == expected


async def test_a_deletion_is_merged_with_a_parallel_write_to_another_key(
    sessions: SessionManager, other_node: SessionManager, session: Session
) -> None:
    one, two = await again(sessions, session), await again(other_node, session)
    del one["gone"]
    two["name"] = "bob"
    await two.save()
    await one.save()
    assert await stored(sessions, session) == {"name": "bob", "cart": DATA["cart"]}


async def test_a_key_that_two_requests_delete_is_gone_and_no_error(
    sessions: SessionManager, other_node: SessionManager, session: Session
) -> None:
    one, two = await again(sessions, session), await again(other_node, session)
    del one["gone"]
    del two["gone"]
    await one.save()
    await two.save()
    assert "gone" not in await stored(sessions, session)


async def test_a_key_that_only_another_request_wrote_is_not_overwritten(
    sessions: SessionManager, session: Session
) -> None:
    late = await again(sessions, session)
    late["mine"] = 1
    await session.transact(lambda data: data.update(name="bob"))
    await late.save()
    assert (await stored(sessions, session))["name"] == "bob"
    assert late["name"] == "bob"


async def test_reload_drops_plain_writes_and_loads_the_newest_data(
    sessions: SessionManager, session: Session
) -> None:
    other = await again(sessions, session)
    other["name"] = "bob"
    await other.save()
    session["mine"] = 1
    await session.reload()
    assert session == DATA | {"name": "bob"}
    assert session.version == other.version
    assert not session.modified


async def test_discard_changes_restores_what_is_stored(session: Session) -> None:
    session["mine"] = 1
    session.discard_changes()
    assert session == DATA
    assert not session.modified


async def test_a_session_is_shown_by_the_start_of_its_key_and_its_version(session: Session) -> None:
    assert repr(session) == f"<Session {session.key[:8]} version 2>"


async def test_the_id_is_in_no_repr_no_error_and_no_log_line(
    sessions: SessionManager, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    session = await sessions.create()
    late = await again(sessions, session)
    ids, shown = [session.id], [repr(session), str(session)]
    await session.transact(count_up)
    await session.rotate()
    ids.append(session.id)
    with pytest.raises(SessionEndedError) as ended:
        await late.transact(count_up)
    await session.destroy()
    shown += [repr(session), repr(late), repr(ended.value), str(ended.value)]
    shown += [str(vars(record)) for record in caplog.records]
    assert "session created" in caplog.text
    assert not any(each and each in text for each in ids for text in shown)
