"""Several cookies of our name: which session is used, and which cookies are cleared."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sessions import (
    EndReason,
    MemoryStore,
    Policy,
    RequestSession,
    SessionEndedError,
    SessionHandleError,
    SessionManager,
    Tombstone,
)
from app.sessions.ids import new_session_id, session_key
from app.sessions.models import Lease
from app.sessions.selection import DeadKeys, refuse_in_flight
from tests.sessions.handles import rotate_in_doubt
from tests.support.clock import Clock
from tests.support.hooked_store import HookedStore
from tests.support.lossy_store import LossyStore

POLICY = Policy(idle=600, absolute=3600)
HOUR = 3600.0


async def _live(manager: SessionManager, owner: str | None = None) -> str:
    made = new_session_id()
    await manager.store.create(session_key(made), b"{}", idle=600, absolute=HOUR, owner=owner)
    return made


async def _ended(manager: SessionManager, reason: EndReason = EndReason.LOGOUT) -> str:
    made = await _live(manager)
    await manager.ends.end(session_key(made), reason)
    return made


def _request(manager: SessionManager, ids: list[str]) -> RequestSession:
    return RequestSession(manager, ids[0], other_ids=ids[1:])


async def test_one_that_lives_goes_before_the_dead_wherever_it_was_sent(
    sessions: SessionManager,
) -> None:
    live = await _live(sessions)
    dead = [new_session_id(), await _ended(sessions), await _ended(sessions, EndReason.REVOKED)]
    for ids in permutations([live, *dead]):
        request = _request(sessions, list(ids))
        session = await request.get_or_create()
        assert session.id == request.issued_id == live
        assert request.others_cleared


async def test_a_users_goes_before_an_anonymous_one_and_then_the_first_that_was_sent(
    sessions: SessionManager,
) -> None:
    anonymous = [await _live(sessions) for _ in range(2)]
    ada = [await _live(sessions, "ada") for _ in range(2)]
    for ids, expected in (
        (anonymous, anonymous[0]),
        (anonymous[::-1], anonymous[1]),
        ([*anonymous, *ada], ada[0]),
        ([ada[1], *anonymous, ada[0]], ada[1]),
    ):
        request = _request(sessions, ids)
        assert (await request.get_or_create()).id == expected
        # None of them is dead, so all cookies stay as they are.
        assert not request.cookie_changed
        assert not request.others_cleared


async def test_of_two_users_none_is_used_and_all_cookies_are_cleared(
    sessions: SessionManager,
) -> None:
    ids = [await _live(sessions, "ada"), await _live(sessions), await _live(sessions, "bob")]

    request = _request(sessions, ids)

    assert await request.get() is None
    assert (request.accessed, request.cookie_cleared, request.others_cleared) == (True,) * 3
    fresh = await request.get_or_create()
    assert request.issued_id == fresh.id
    assert fresh.id not in ids
    assert request.others_cleared


async def test_if_none_lives_a_request_that_was_perhaps_under_way_is_refused(
    sessions: SessionManager,
) -> None:
    request = _request(sessions, [new_session_id(), await _ended(sessions, EndReason.ROTATED)])

    with pytest.raises(SessionEndedError):
        await request.get_or_create()
    assert not request.cookie_changed
    assert not request.others_cleared


async def test_if_all_are_dead_for_good_they_make_place_for_a_new_one(
    sessions: SessionManager,
) -> None:
    ids = [new_session_id(), await _ended(sessions, EndReason.REVOKED)]

    assert await _request(sessions, ids).get() is None
    request = _request(sessions, ids)
    fresh = await request.get_or_create()

    assert request.issued_id == fresh.id
    assert request.others_cleared


async def test_a_logout_ends_all_that_were_sent(sessions: SessionManager) -> None:
    ids = [await _live(sessions) for _ in range(3)]
    for load in (True, False):
        request = _request(sessions, ids)
        if load:
            await request.get()
        await request.logout()
        assert request.cookie_cleared
        assert request.others_cleared
        for each in ids:
            assert await sessions.find(session_key(each)) == Tombstone(EndReason.LOGOUT)


async def test_an_end_since_the_load_leaves_all_cookies_alone(
    sessions: SessionManager, other_node: SessionManager
) -> None:
    live = await _live(sessions)
    request = _request(sessions, [new_session_id(), live])
    await request.get_or_create()
    elsewhere = await other_node.load(live)
    assert elsewhere is not None
    await elsewhere.rotate()

    await request.confirm_surplus()

    assert not request.others_cleared
    assert request.issued_id is None


async def test_one_cookie_is_looked_up_once_and_four_by_one_load_each(
    store: HookedStore, sessions: SessionManager
) -> None:
    ids = [await _live(sessions) for _ in range(4)]
    for sent in (ids[:1], ids):
        store.calls.clear()
        await _request(sessions, sent).get_or_create()
        assert store.calls == ["load"] * len(sent)


@pytest.mark.parametrize("place", [4, 9, 15])
async def test_one_behind_many_dead_is_found_before_long_by_four_loads_a_request(
    store: HookedStore, sessions: SessionManager, place: int
) -> None:
    live = await _live(sessions)
    ids = [new_session_id() for _ in range(15)]
    ids[1] = await _ended(sessions, EndReason.REVOKED)
    ids.insert(place, live)

    for _ in range(place // 4):
        assert await _request(sessions, ids).get() is None
    request = _request(sessions, ids)
    session = await request.get()

    assert session is not None
    assert session.id == live
    assert request.others_cleared
    assert store.calls.count("load") <= 4 * (place // 4 + 1)


async def test_one_that_has_just_ended_is_no_obstacle_for_longer_than_it_is_waited_for() -> None:
    clock = Clock()
    sessions = SessionManager(MemoryStore(clock=clock), POLICY)
    ids = [await _ended(sessions) for _ in range(5)] + [await _live(sessions)]
    for _ in range(3):
        with pytest.raises(SessionEndedError):
            await _request(sessions, ids).get()
    clock.move(6)
    assert await _request(sessions, ids).get() is None
    found = await _request(sessions, ids).get()
    assert found is not None
    assert found.id == ids[-1]


@pytest.mark.parametrize("place", [0, 1])
async def test_of_several_cookies_one_of_a_rotation_that_nobody_has_completed_is_served(
    place: int,
) -> None:
    clock = Clock()
    store = LossyStore(MemoryStore(clock=clock))
    sessions = SessionManager(store, POLICY)
    session = await sessions.create()
    await session.sign_in("ann")
    await rotate_in_doubt(session, store)
    ids = [await _live(sessions)]
    ids.insert(place, session.id or "")
    clock.move(10)

    found = await _request(sessions, ids).get()

    assert found is not None
    assert (found.id, found.user) == (session.id, "ann")
    assert found.expires_at.timestamp() == clock() + POLICY.idle


async def test_of_several_cookies_one_whose_rotation_came_to_nothing_is_dead() -> None:
    store = LossyStore(MemoryStore())
    sessions = SessionManager(store, POLICY)
    session = await sessions.create()
    old = session.key
    await rotate_in_doubt(session, store)
    await sessions.store.end(old, EndReason.LOGOUT, keep=60)
    live = await _live(sessions)

    request = _request(sessions, [session.id or "", live])
    found = await request.get()

    assert found is not None
    assert found.id == live
    assert request.others_cleared


async def test_one_whose_rotation_cannot_be_completed_yet_is_not_used() -> None:
    """Another has taken the place, whose cookie may be on its way."""
    store = LossyStore(MemoryStore())
    sessions = SessionManager(store, POLICY)
    session = await sessions.create()
    elsewhere = await sessions.load(session.id or "")
    assert elsewhere is not None
    await rotate_in_doubt(session, store)
    await elsewhere.rotate()
    live = await _live(sessions)
    for ids in ([session.id or "", live], [live, session.id or ""]):
        found = await _request(sessions, ids).get()
        assert found is not None
        assert found.id == live


async def test_what_was_chosen_of_several_belongs_to_the_request(
    sessions: SessionManager,
) -> None:
    request = _request(sessions, [await _live(sessions), await _live(sessions)])
    session = await request.get_or_create()
    session["mine"] = 1
    await session.save()
    request.usage.over = True
    with pytest.raises(SessionHandleError):
        session["late"] = 1


@pytest.mark.parametrize(("seconds", "refused"), [(4.9, True), (5.0, False)])
async def test_five_seconds_after_its_end_nothing_is_on_its_way(
    seconds: float, refused: bool
) -> None:
    policy = Policy(idle=600, absolute=3600, tombstone=64)  # floats without a rest
    left = Tombstone(EndReason.LOGOUT, lease=Lease(0.0, 64 - seconds))
    if refused:
        with pytest.raises(SessionEndedError):
            refuse_in_flight(left, policy)
    else:
        refuse_in_flight(left, policy)


def test_no_more_than_a_thousand_dead_keys_are_remembered() -> None:
    dead = DeadKeys()
    for number in range(3_000):
        dead.add(str(number))
    remembered = [number for number in range(3_000) if str(number) in dead]
    assert remembered == list(range(2_000, 3_000))


_KINDS = st.sampled_from(["unknown", "revoked", "old", "anonymous", "ada"])


@settings(max_examples=100, deadline=None)
@given(kinds=st.lists(_KINDS, min_size=2, max_size=4))
async def test_whatever_is_sent_the_best_of_it_is_used_and_nothing_is_left_to_choose_next_time(
    kinds: list[str],
) -> None:
    clock = Clock()
    sessions = SessionManager(MemoryStore(clock=clock), POLICY)
    old = await _ended(sessions)
    clock.move(6)
    ids = []
    for kind in kinds:
        match kind:
            case "unknown":
                ids.append(new_session_id())
            case "revoked":
                ids.append(await _ended(sessions, EndReason.REVOKED))
            case "old":
                ids.append(old)
            case _:
                ids.append(await _live(sessions, None if kind == "anonymous" else kind))

    request = _request(sessions, ids)
    session = await request.get_or_create()

    best = next((kind for kind in ("ada", "anonymous") if kind in kinds), None)
    live = [each for each in kinds if each in ("ada", "anonymous")]
    if best is None:
        assert session.id not in ids
    else:
        assert session.id == ids[kinds.index(best)]
    assert request.others_cleared == (len(live) < 2)
    if request.others_cleared:
        assert request.issued_id == session.id
