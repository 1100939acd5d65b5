"""Writes whose reply was lost: each ends in a state that the client can go on from."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from itertools import product
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sessions import (
    EndReason,
    Gone,
    MemoryStore,
    Policy,
    RequestSession,
    Session,
    SessionEndedError,
    SessionManager,
    StoreUnavailableError,
    Tombstone,
    UnreadableRecordError,
)
from app.sessions.ids import session_key, user_name
from tests.sessions.handles import count_up, rotate_in_doubt, stored
from tests.sessions.store_worlds import MemoryWorld
from tests.support.hooked_store import HookedStore
from tests.support.lossy_store import Fate, LossyStore
from tests.support.samples import times
from tests.support.stores import StoreSettings
from tests.support.stores_in_process import new_store

POLICY = Policy(idle=600, absolute=3600)
LOST = [Fate.REPLY_LOST, Fate.NOT_EXECUTED]
LATE = [Fate.LATE, Fate.LATER]
STEPS = ["create", "end", "commit"]
"""The store's verbs in a rotation."""


@pytest.fixture
async def lossy(any_store: StoreSettings) -> AsyncIterator[LossyStore]:
    """Each store in turn, whose replies can be lost."""
    store = LossyStore(new_store(any_store))
    yield store
    await store.aclose()


@pytest.fixture
def sessions(lossy: LossyStore) -> SessionManager:
    """The sessions in it."""
    return SessionManager(lossy, POLICY)


class Jar:
    """One browser: it keeps the cookie that the last response to it set."""

    def __init__(self, sessions: SessionManager) -> None:
        self.cookie: str | None = None
        self.former: set[str] = set()
        """The ids that it had before."""
        self._sessions = sessions

    async def request(self, handle: Callable[[Session], Awaitable[object]]) -> bool:
        """Send a request; return True if it was answered, False if with 503."""
        request = RequestSession(self._sessions, self.cookie)
        try:
            session = await request.get_or_create()
            await handle(session)
            await session.save()
        except StoreUnavailableError:
            return False
        finally:
            if request.issued_id is not None:
                self.former.update([self.cookie] if self.cookie else [])
                self.cookie = request.issued_id
        return True

    async def count(self) -> object:
        """What its session counts; the request must be answered."""
        counts: list[object] = []

        async def read(session: Session) -> None:
            counts.append(session.get("count"))

        assert await self.request(read)
        return counts[0]


async def _nothing(_session: Session) -> None:
    return


async def _count(session: Session) -> None:
    await session.transact(count_up)


async def _rotate(session: Session) -> None:
    await session.rotate()


async def _become_admin(session: Session) -> None:
    session["role"] = "admin"
    await session.rotate()


async def _opened(sessions: SessionManager) -> Jar:
    jar = Jar(sessions)
    assert await jar.request(_count)
    return jar


async def _check_one_lives(lossy: LossyStore, sessions: SessionManager, jar: Jar) -> None:
    """Check that the browser's session, and no other, lives; none of its former ids is served."""
    assert len(await lossy.live()) == 1
    for former in jar.former:
        with pytest.raises(SessionEndedError):
            await sessions.load(former)


@pytest.mark.parametrize(("step", "fate"), list(product(range(3), LOST + LATE)))
async def test_a_rotation_in_doubt_loses_no_session_and_leaves_no_second(
    lossy: LossyStore, sessions: SessionManager, step: int, fate: Fate
) -> None:
    jar = await _opened(sessions)
    first = jar.cookie
    lossy.fates = [Fate.ANSWERED, *[Fate.ANSWERED] * step, fate]  # behind the load
    assert not await jar.request(_rotate)
    assert (jar.cookie == first) == (STEPS[step] == "create")

    assert await jar.count() == 1
    await _check_one_lives(lossy, sessions, jar)
    assert await jar.request(_count)
    assert await jar.request(_rotate)
    assert await jar.count() == 2
    await _check_one_lives(lossy, sessions, jar)


@pytest.mark.parametrize("fate", LOST)
async def test_the_old_id_never_gets_what_was_written_before_the_rotation(
    lossy: LossyStore, sessions: SessionManager, fate: Fate
) -> None:
    for step in range(3):
        jar = await _opened(sessions)
        planted = jar.cookie
        lossy.fates = [Fate.ANSWERED, *[Fate.ANSWERED] * step, fate]
        assert not await jar.request(_become_admin)

        with suppress(SessionEndedError):
            old = await sessions.load(planted or "")
            assert old is not None
            assert "role" not in old

        rights: list[object] = []

        async def read(session: Session, rights: list[object] = rights) -> None:
            rights.append(session.get("role"))

        assert await jar.request(read)
        assert rights == [None if STEPS[step] == "create" else "admin"]


async def test_what_the_old_id_wrote_meanwhile_is_not_lost(
    lossy: LossyStore, sessions: SessionManager
) -> None:
    jar = await _opened(sessions)
    old = await sessions.load(jar.cookie or "")
    assert old is not None
    lossy.fates = [Fate.ANSWERED, Fate.ANSWERED, Fate.NOT_EXECUTED]
    assert not await jar.request(_become_admin)
    old["role"], old["mine"] = "visitor", 1
    assert await old.transact(count_up) == 2

    assert await jar.count() == 2
    current = await sessions.load(jar.cookie or "")
    assert current is not None
    assert current == {"count": 2, "role": "admin", "mine": 1}
    with pytest.raises(SessionEndedError):
        await old.transact(count_up)


@pytest.mark.parametrize("old_deletes", [False, True])
async def test_what_was_deleted_before_a_rotation_does_not_come_back_by_what_the_old_id_wrote(
    lossy: LossyStore, sessions: SessionManager, old_deletes: bool
) -> None:
    jar = await _opened(sessions)
    await jar.request(_fill)
    old = await sessions.load(jar.cookie or "")
    assert old is not None
    lossy.fates = [Fate.ANSWERED, Fate.ANSWERED, Fate.NOT_EXECUTED]
    assert not await jar.request(_drop_and_rotate)
    old["mine"] = 1
    if old_deletes:
        del old["cart"]
    await old.save()

    assert await jar.count() == 1
    current = await sessions.load(jar.cookie or "")
    assert current is not None
    assert current == {"count": 1, "mine": 1}


async def _fill(session: Session) -> None:
    session["cart"] = [1]


async def _drop_and_rotate(session: Session) -> None:
    del session["cart"]
    await session.rotate()


async def test_data_that_became_unreadable_during_a_rotation_are_an_error_of_the_old_session() -> (
    None
):
    store = LossyStore(MemoryStore())
    sessions = SessionManager(store, POLICY)
    session = await sessions.create()
    old = session.key
    session["mine"] = 1
    await rotate_in_doubt(session, store)
    await store.commit(old, 1, b"{cut off")
    assert session.id is not None
    with pytest.raises(UnreadableRecordError, match=old[:8]):
        await sessions.load(session.id)


async def test_a_rotation_is_not_completed_for_one_of_which_a_later_version_says_more() -> None:
    """A tombstone with a successor, and another reason than a rotation."""
    store = LossyStore(MemoryStore())
    sessions = SessionManager(store, POLICY)
    session, other = await sessions.create(), await sessions.create()
    old = session.key
    await rotate_in_doubt(session, store)
    await store.end(old, EndReason.REVOKED, keep=60, successor=other.key)
    assert await sessions.load(session.id or "") is None
    assert await store.live() == [other.key]


async def test_many_first_uses_at_once_complete_a_rotation_once(
    lossy: LossyStore, sessions: SessionManager
) -> None:
    for fate in LOST:
        jar = await _opened(sessions)
        old = await sessions.load(jar.cookie or "")
        assert old is not None
        lossy.fates = [Fate.ANSWERED, Fate.ANSWERED, fate]
        assert not await jar.request(_rotate)
        writes = [_end_of(old.transact(count_up)) for _ in range(5)]
        uses = [jar.request(_count) for _ in range(10)]
        done = await asyncio.gather(*writes, *uses)
        written = done[:5].count(None)
        assert done[5:] == [True] * 10
        assert await jar.count() == 1 + written + 10


async def _end_of(doing: Awaitable[object]) -> EndReason | None:
    try:
        await doing
    except SessionEndedError as error:
        return error.reason
    return None


@pytest.mark.parametrize("fate", LOST)
async def test_in_doubt_a_handle_can_be_read_and_ended_but_not_written_to(
    lossy: LossyStore, sessions: SessionManager, fate: Fate
) -> None:
    session = await sessions.create()
    await session.transact(count_up)
    lossy.fates = [Fate.ANSWERED, fate]
    with pytest.raises(StoreUnavailableError):
        await session.rotate()
    assert session["count"] == 1
    for doing in (session.rotate, session.reload, lambda: session.transact(count_up)):
        with pytest.raises(StoreUnavailableError):
            await doing()
    with pytest.raises(
        StoreUnavailableError, match=r"unavailable: .* rotation was lost.* complete it$"
    ):
        session["count"] = 2
    await session.destroy()
    assert await lossy.live() == []
    assert session.destroyed


@pytest.mark.parametrize("fate", LOST)
async def test_a_rotation_that_is_called_off_leaves_the_handle_with_the_new_id(
    lossy: LossyStore, sessions: SessionManager, fate: Fate
) -> None:
    session = await sessions.create()
    old = session.id
    lossy.fates = [Fate.ANSWERED, fate]

    async def hang(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    lossy.end = hang  # type: ignore[assignment, method-assign] # a store that hangs
    with pytest.raises(asyncio.CancelledError):
        await session.rotate()
    assert session.id != old


LOGOUTS = ["the new id", "the old id"]


@pytest.mark.parametrize(
    ("fate", "by", "double"), list(product(LOST, LOGOUTS, [False, True])), ids=str
)
async def test_a_logout_after_a_rotation_in_doubt_ends_both_ids(
    lossy: LossyStore, sessions: SessionManager, fate: Fate, by: str, double: bool
) -> None:
    jar = await _opened(sessions)
    old = jar.cookie
    lossy.fates = [Fate.ANSWERED, Fate.ANSWERED, fate]
    assert not await jar.request(_rotate)
    used = jar.cookie if by == "the new id" else old
    if double:  # and its own reply is lost, half-way
        lossy.fates = [Fate.ANSWERED, Fate.NOT_EXECUTED]
        with suppress(StoreUnavailableError):
            await RequestSession(sessions, used).logout()
        lossy.fates = []
    await RequestSession(sessions, used).logout()

    assert await lossy.live() == []
    for each in (old, jar.cookie):
        with suppress(SessionEndedError):
            assert await sessions.load(each or "") is None
    assert await lossy.live() == []


@pytest.mark.parametrize("reason", [EndReason.LOGOUT, EndReason.REVOKED, None])
async def test_a_rotation_in_doubt_of_a_session_that_ended_meanwhile_is_not_completed(
    lossy: LossyStore, sessions: SessionManager, reason: EndReason | None
) -> None:
    jar = await _opened(sessions)
    (old,) = await lossy.live()
    lossy.fates = [Fate.ANSWERED, Fate.ANSWERED, Fate.NOT_EXECUTED]
    assert not await jar.request(_rotate)
    if reason is None:
        await lossy.inner.delete(old)
    else:
        await sessions.ends.end(old, reason)
    pending = jar.cookie or ""

    if reason is EndReason.LOGOUT:
        with pytest.raises(SessionEndedError):
            await sessions.load(pending)
    assert await sessions.load(pending) is None
    assert await lossy.live() == []


async def test_of_two_rotations_in_doubt_one_is_completed_and_the_other_is_refused(
    lossy: LossyStore, sessions: SessionManager
) -> None:
    one, other = await _opened(sessions), Jar(sessions)
    other.cookie = one.cookie
    for jar in (one, other):
        lossy.fates = [Fate.ANSWERED, Fate.ANSWERED, Fate.NOT_EXECUTED]
        assert not await jar.request(_rotate)
    assert await other.count() == 1
    for _ in range(2):  # the winner's cookie may be on its way
        with pytest.raises(SessionEndedError) as refused:
            await one.count()
        assert refused.value.reason is EndReason.ROTATED
    assert len(await lossy.live()) == 1


OUTCOMES = [[], *([Fate.ANSWERED] * step + [fate] for step in range(3) for fate in LOST + LATE)]


@pytest.mark.parametrize("last", ["first", "second"])
async def test_two_rotations_of_a_browser_lose_no_session_whatever_comes_of_them(last: str) -> None:
    """On two nodes; the answers come in either order, and the browser keeps the last cookie."""
    for fates, others in product(OUTCOMES, OUTCOMES):
        world = MemoryWorld()
        store = LossyStore(world.store)
        sessions, elsewhere = SessionManager(store, POLICY), SessionManager(store, POLICY)
        jar = await _opened(sessions)
        opened = jar.cookie
        second = Jar(elsewhere)
        second.cookie = opened
        for each, fate in ((jar, fates), (second, others)):
            store.fates = [Fate.ANSWERED, *fate] if fate else []
            with suppress(SessionEndedError):
                await each.request(_rotate)
        store.fates = []
        cookies = [each.cookie for each in (jar, second) if each.cookie != opened]
        if cookies:
            jar.cookie = cookies[0 if last == "first" else -1]
        with suppress(SessionEndedError):  # another id may be on its way for some seconds
            await jar.count()
        world.advance_time(POLICY.in_flight + 1)
        assert await jar.count() == 1, (fates, others)
        assert len(await store.live()) == 1, (fates, others)


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "its reply lost"])
async def test_an_id_whose_place_another_has_taken_leads_to_that_one(lost: bool) -> None:
    world = MemoryWorld()
    store = LossyStore(world.store)
    sessions = SessionManager(store, POLICY)
    late, first = await _opened(sessions), Jar(sessions)
    first.cookie = late.cookie
    for jar in (late, first):
        store.fates = [Fate.ANSWERED, Fate.ANSWERED, Fate.NOT_EXECUTED]
        assert not await jar.request(_rotate)
    assert await first.count() == 1
    world.advance_time(POLICY.in_flight + 1)
    ended: list[tuple[str, EndReason]] = []
    about_to_end: list[str] = []

    async def note(key: str, reason: EndReason) -> None:
        ended.append((key, reason))

    sessions.add_end_listener(note)
    sessions.add_before_end_listener(about_to_end.append)
    life = Mock()
    sessions.add_life_listener(life)

    if lost:  # the reply that it has taken the place: the next try finds it done
        store.fates = [*[Fate.ANSWERED] * 4, Fate.REPLY_LOST]
        assert not await late.request(_nothing)
    assert await late.count() == 1

    taken = session_key(first.cookie or "")
    found = await store.load(taken)
    assert found == Tombstone(EndReason.ROTATED, session_key(late.cookie or ""))
    assert isinstance(found, Tombstone)
    assert found.lease is not None
    assert found.lease.seconds == POLICY.keep(EndReason.ROTATED)
    assert len(await store.live()) == 1
    if lost:
        return
    assert (taken, EndReason.ROTATED) in ended
    assert taken in about_to_end
    over = {key: record.data for key, _, record in (each.args for each in life.ended.mock_calls)}
    assert over[taken] == b'{"count":1}'
    await RequestSession(sessions, first.cookie).logout()
    assert await store.live() == []


async def test_the_place_of_one_that_is_written_to_meanwhile_is_not_taken() -> None:
    world = MemoryWorld()
    store = HookedStore(world.store)
    lossy = LossyStore(store)
    sessions, elsewhere = SessionManager(lossy, POLICY), SessionManager(world.store, POLICY)
    session = await sessions.create()
    winner = await elsewhere.load(session.id or "")
    assert winner is not None
    await rotate_in_doubt(session, lossy)
    await winner.rotate()
    world.advance_time(POLICY.in_flight + 1)

    async def write_before_the_next_end() -> None:
        store.before("end", lambda: winner.transact(count_up))

    store.before("end", write_before_the_next_end)
    with pytest.raises(SessionEndedError):
        await sessions.load(session.id or "")
    assert await stored(elsewhere, winner) == {"count": 1}


@pytest.mark.parametrize("by", ["logout", "rotation"])
async def test_the_place_of_one_that_has_ended_or_moved_on_is_not_taken(by: str) -> None:
    world = MemoryWorld()
    lossy = LossyStore(world.store)
    sessions = SessionManager(lossy, POLICY)
    session = await sessions.create()
    winner = await sessions.load(session.id or "")
    assert winner is not None
    await rotate_in_doubt(session, lossy)
    await winner.rotate()
    await (winner.destroy if by == "logout" else winner.rotate)()
    world.advance_time(POLICY.in_flight + 1)
    with pytest.raises(SessionEndedError) as ended:
        await sessions.load(session.id or "")
    assert ended.value.reason is EndReason.ROTATED
    assert await lossy.live() == ([] if by == "logout" else [winner.key])


async def test_who_has_taken_the_place_of_another_stands_alone_in_the_index() -> None:
    world = MemoryWorld()
    lossy = LossyStore(world.store)
    index = world.store
    assert isinstance(index, MemoryStore)
    sessions, elsewhere = (SessionManager(each, POLICY, index) for each in (lossy, world.store))
    session = await sessions.create()
    await session.sign_in("ann")
    winner = await elsewhere.load(session.id or "")
    assert winner is not None
    await rotate_in_doubt(session, lossy)
    await winner.rotate()
    world.advance_time(POLICY.in_flight + 1)
    assert await sessions.load(session.id or "") is not None
    assert await index.read_index(user_name("ann")) == [session.key]


async def test_a_rotation_in_doubt_never_gets_the_rights_of_one_that_came_first() -> None:
    world = MemoryWorld()
    store = LossyStore(world.store)
    sessions = SessionManager(store, POLICY)
    victim, planter = await _opened(sessions), Jar(sessions)
    planter.cookie = victim.cookie
    store.fates = [Fate.ANSWERED, Fate.ANSWERED, Fate.NOT_EXECUTED]
    assert not await planter.request(_rotate)
    assert await victim.request(_become_admin)
    world.advance_time(POLICY.in_flight + 1)
    with pytest.raises(SessionEndedError):
        await planter.count()
    assert await victim.count() == 1
    assert len(await store.live()) == 1


@pytest.mark.parametrize("fate", LOST)
async def test_a_new_id_waits_for_its_first_use_for_as_long_as_its_session_is_kept(
    fate: Fate,
) -> None:
    world = MemoryWorld()
    store = LossyStore(world.store)
    sessions = SessionManager(store, POLICY)
    jar = await _opened(sessions)
    store.fates = [Fate.ANSWERED, Fate.ANSWERED, fate]
    assert not await jar.request(_rotate)
    world.advance_time(POLICY.idle - 1)
    assert await jar.count() == 1
    world.advance_time(POLICY.idle - 1)
    assert await jar.count() == 1


async def test_cookies_of_the_old_and_the_new_id_together_are_served_with_the_new(
    lossy: LossyStore, sessions: SessionManager
) -> None:
    for fate in LOST:
        jar = await _opened(sessions)
        old = jar.cookie
        lossy.fates = [Fate.ANSWERED, Fate.ANSWERED, fate]
        assert not await jar.request(_become_admin)
        request = RequestSession(sessions, old, other_ids=[jar.cookie or ""])
        found = await request.get()
        assert found is not None
        assert (found.id, dict(found)) == (jar.cookie, {"count": 1, "role": "admin"})


async def test_a_commit_in_doubt_leaves_the_id_and_the_next_one_counts_on(
    lossy: LossyStore, sessions: SessionManager
) -> None:
    for fate, after in zip(LOST, (3, 2), strict=True):
        jar = await _opened(sessions)
        first = jar.cookie
        lossy.fates = [Fate.ANSWERED, fate]
        assert not await jar.request(_count)
        assert jar.cookie == first
        assert await jar.request(_count)
        assert await jar.count() == after


async def test_a_logout_in_doubt_can_be_repeated(
    lossy: LossyStore, sessions: SessionManager
) -> None:
    for fate in LOST:
        jar = await _opened(sessions)
        lossy.fates = [fate]
        request = RequestSession(sessions, jar.cookie)
        with pytest.raises(StoreUnavailableError):
            await request.logout()
        assert not request.cookie_cleared
        again = RequestSession(sessions, jar.cookie)
        await again.logout()
        assert again.cookie_cleared
        assert await lossy.live() == []


ACTS = {"count": _count, "rotate": _rotate, "admin": _become_admin, "read": _nothing}


@pytest.mark.proof
@settings(max_examples=times(100, of=300), deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(list(ACTS)), st.lists(st.sampled_from(list(Fate)), max_size=6)),
        max_size=12,
    )
)
async def test_whatever_replies_are_lost_one_session_lives_and_the_browser_has_it(
    acts: list[tuple[str, list[Fate]]],
) -> None:
    store = LossyStore(MemoryStore())
    sessions = SessionManager(store, POLICY)
    jar = await _opened(sessions)
    least = most = 1
    for act, fates in acts:
        store.fates = list(fates)
        answered = await jar.request(ACTS[act])
        if act == "count":
            least, most = least + answered, most + 1
    store.fates = []
    count = await jar.count()
    assert isinstance(count, int)
    assert least <= count <= most
    await _check_one_lives(store, sessions, jar)


async def test_a_tombstone_of_a_new_id_says_what_it_was_to_replace(
    lossy: LossyStore, sessions: SessionManager
) -> None:
    session = await sessions.create()
    old = session.key
    await rotate_in_doubt(session, lossy)
    assert await sessions.ends.end(session.key, EndReason.REVOKED)
    found = await lossy.inner.load(session.key)
    assert isinstance(found, Tombstone)
    assert found.predecessor is not None
    assert old in found.predecessor
    assert Gone(await _tombstone(lossy, old)).reason is EndReason.REVOKED
    assert await stored_is_gone(sessions, session)


async def _tombstone(lossy: LossyStore, key: str) -> Tombstone | None:
    found = await lossy.inner.load(key)
    return found if isinstance(found, Tombstone) else None


async def stored_is_gone(sessions: SessionManager, session: Session) -> bool:
    return await _end_of(stored(sessions, session)) is EndReason.REVOKED
