"""The session manager on its own: who learns of what, what stands in the index, and for how long."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from app.sessions import (
    EndReason,
    MemoryStore,
    NotModified,
    Policy,
    Record,
    SessionHandleError,
    SessionManager,
    StoreUnavailableError,
    Tombstone,
    UnreadableRecordError,
)
from app.sessions.errors import SessionEndedError, TooLateError
from app.sessions.ids import new_session_id, session_key, user_name
from app.sessions.rotation import Predecessor
from app.sessions.sign_in import SignIn
from app.sessions.usage import Usage
from tests.sessions.handles import again, count_up, stored
from tests.support.clock import Clock
from tests.support.eventually import eventually
from tests.support.hooked_store import HookedStore
from tests.support.lossy_store import Fate, LossyStore

IDLE, ABSOLUTE, UNUSED = 600.0, 3600.0, 60.0
ANN = user_name("ann")


class World:
    """A node on the memory store, whose time can be moved and whose verbs can be held up."""

    def __init__(self, **policy: float) -> None:
        self.clock = Clock()
        self.memory = MemoryStore(clock=self.clock)
        self.store = HookedStore(self.memory)
        policy = {"idle": IDLE, "absolute": ABSOLUTE} | policy
        self.sessions = SessionManager(
            self.store,
            Policy(**policy),  # type: ignore[arg-type] # numbers
            self.memory,
            self.memory,
        )

    async def index(self) -> list[str]:
        """The keys in the index of Ann's sessions."""
        return await self.memory.read_index(ANN)


class Life:
    """Notes what a listener of sessions' lives is told."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, Record]] = []
        self.changed: list[tuple[str, bytes, bytes]] = []
        self.over: list[tuple[str, EndReason, bytes | None]] = []

    def created(self, key: str, record: Record) -> None:
        self.opened.append((key, record))

    def committed(self, key: str, before: bytes, after: bytes) -> None:
        self.changed.append((key, before, after))

    def ended(self, key: str, reason: EndReason, record: Record | None) -> None:
        self.over.append((key, reason, None if record is None else record.data))


class Ends:
    """Notes of which ends listeners are told: of those that are about to be, and of those that are."""

    def __init__(self, sessions: SessionManager) -> None:
        self.before: list[str] = []
        self.after: list[tuple[str, EndReason]] = []
        sessions.add_before_end_listener(self.before.append)
        sessions.add_end_listener(self._note)

    async def _note(self, key: str, reason: EndReason) -> None:
        self.after.append((key, reason))


@pytest.fixture
def world() -> World:
    """One without sessions."""
    return World()


async def test_a_listener_learns_of_what_is_opened_changed_and_ended_with_the_data(
    world: World,
) -> None:
    life = Life()
    world.sessions.add_life_listener(life)
    session = await world.sessions.create()
    opened = session.key
    await session.transact(count_up)
    session["name"] = "ann"
    await session.save()
    await session.transact(lambda data: data["name"])
    await session.rotate()
    await session.destroy()

    assert [(key, record.version) for key, record in life.opened] == [(opened, 1)]
    one, both = b'{"count":1}', b'{"count":1,"name":"ann"}'
    assert life.changed == [(opened, b"{}", one), (opened, one, both)]
    assert life.over == [(opened, EndReason.ROTATED, both), (session.key, EndReason.LOGOUT, both)]


async def test_a_listener_learns_of_a_write_that_takes_effect_once(world: World) -> None:
    life = Life()
    world.sessions.add_life_listener(life)
    session = await world.sessions.create()
    for _ in range(2):
        assert await session.transact(count_up, once="12345678") == 1
    assert life.changed == [(session.key, b"{}", b'{"count":1}')]


async def test_a_session_that_is_not_in_use_is_kept_for_a_short_time_and_is_said_to_live_its_own() -> (
    None
):
    world = World(unused=UNUSED)
    life = Life()
    world.sessions.add_life_listener(life)
    waits, loaded = [await world.sessions.create(in_use=False) for _ in range(2)]
    used = await world.sessions.create()
    for _, record in life.opened:
        assert record.lease is not None
        assert record.lease.seconds == IDLE
    await again(world.sessions, loaded)
    world.clock.move(UNUSED + 1)
    found = [await world.sessions.find(each.key) for each in (waits, used, loaded)]
    assert [each is not None for each in found] == [False, True, True]


async def test_no_session_is_said_to_live_longer_than_it_may() -> None:
    world = World(idle=ABSOLUTE * 2)
    session = await world.sessions.create()
    assert session.expires_at.timestamp() == world.clock() + ABSOLUTE


async def test_a_session_that_was_opened_for_nobody_is_deleted_without_a_trace(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    session = await world.sessions.create()
    assert await world.sessions.discard(session.key)
    assert await world.sessions.find(session.key) == Tombstone(EndReason.REVOKED)
    world.clock.move(0.1)
    assert await world.sessions.find(session.key) is None
    assert await world.sessions.discard(session.key), "it is gone, which is what was asked for"
    assert [each.message for each in caplog.records].count(
        "session discarded, as it was not used"
    ) == 1


async def test_a_session_that_was_written_to_is_not_one_that_was_opened_for_nobody(
    world: World,
) -> None:
    session = await world.sessions.create()
    await session.transact(count_up)
    assert not await world.sessions.discard(session.key)
    assert await stored(world.sessions, session) == {"count": 1}


async def test_what_was_done_is_known_for_a_quarter_of_an_hour(world: World) -> None:
    assert not await world.sessions.is_done("logout 1")
    for _ in range(2):
        await world.sessions.note_done("logout 1")
    world.clock.move(899)
    assert await world.sessions.is_done("logout 1")
    assert not await world.sessions.is_done("logout 2")
    world.clock.move(2)
    assert not await world.sessions.is_done("logout 1")


async def test_what_runs_in_the_background_ends_with_the_manager(world: World) -> None:
    done = asyncio.Event()

    async def finish() -> None:
        done.set()

    async def hang() -> None:
        await asyncio.Event().wait()

    world.sessions.run(finish())
    hanging = world.sessions.run(hang())
    await done.wait()
    await eventually(lambda: world.sessions._tasks == {hanging})
    await world.sessions.aclose()
    assert hanging.cancelled()


async def test_a_store_that_keeps_no_answers_says_what_needs_them(world: World) -> None:
    session = await world.sessions.create()
    with pytest.raises(RuntimeError, match=r"keeps no answers.*once.*AnswerStore"):
        await (
            SessionManager(world.store, world.sessions.policy)
            .attach(session.key, session._record)
            .transact(count_up, once="12345678")
        )
    assert SessionManager(world.memory, world.sessions.policy).answer_store() is world.memory
    assert SessionManager(world.store, world.sessions.policy, answers=world.memory).answers


async def test_writers_of_a_session_share_a_lock_which_is_kept_for_five_hundred_sessions(
    world: World,
) -> None:
    first = world.sessions.write_lock("first")
    known = id(first)
    assert world.sessions.write_lock("first") is first
    del first
    for number in range(499):
        world.sessions.write_lock(str(number))
    assert id(world.sessions.write_lock("first")) == known
    assert len(world.sessions._recent_locks) == 500
    world.sessions.write_lock("one more")
    assert "first" not in world.sessions._recent_locks
    assert len(world.sessions._recent_locks) == 500


async def test_a_lock_that_somebody_holds_is_the_session_s_however_many_others_are_used(
    world: World,
) -> None:
    async with world.sessions.write_lock("held") as held:
        for number in range(600):
            world.sessions.write_lock(str(number))
        assert world.sessions.write_lock("held") is held


async def test_writers_of_one_node_that_follow_each_other_do_not_conflict(world: World) -> None:
    session = await world.sessions.create()
    late = await again(world.sessions, session)
    await session.transact(count_up)
    world.store.calls.clear()
    assert await late.transact(count_up) == 2
    assert world.store.calls == ["commit"]


async def test_a_rotation_moves_what_a_writer_of_this_node_has_stored_just_before(
    world: World,
) -> None:
    session = await world.sessions.create()
    late = await again(world.sessions, session)
    await session.transact(count_up)
    world.store.calls.clear()
    await late.rotate()
    assert world.store.calls == ["create", "end", "commit"], "nothing was found to be older"
    assert late == {"count": 1}


async def test_a_writer_waits_for_none_of_another_session_and_gets_no_data_of_it(
    world: World,
) -> None:
    session, other = await world.sessions.create(), await world.sessions.create()
    await other.transact(lambda data: data.update(name="eve"))
    seen = list[dict[str, object]]()

    def note(data: dict[str, int]) -> None:
        seen.append({**data})
        count_up(data)

    async with asyncio.timeout(5):
        world.store.before("commit", lambda: other.transact(count_up))
        await session.transact(note)
        world.store.before("end", lambda: other.transact(count_up))
        await session.rotate()
    assert seen == [{}]
    assert other["count"] == 2
    assert session == {"count": 1}


async def test_a_read_that_is_told_no_deadline_leaves_the_one_that_is_known(world: World) -> None:
    session = await world.sessions.create()
    await session.reload()
    assert session.expires_at.timestamp() == world.clock() + IDLE


async def test_a_read_or_write_that_is_activity_extends_the_session_and_no_other_does(
    world: World,
) -> None:
    session = await world.sessions.create()
    record = await world.sessions.load_live(session.key)
    active = world.sessions.attach(session.key, record, Usage(extends=True))
    passive = world.sessions.attach(session.key, record)

    async def left() -> float:
        found = await world.sessions.find(session.key)
        assert isinstance(found, Record)
        assert found.lease is not None
        return found.lease.seconds

    world.clock.move(10)
    await passive.transact(count_up)
    assert await left() == IDLE - 10
    await active.transact(count_up)
    assert await left() == IDLE
    world.clock.move(10)
    assert await left() == IDLE - 10
    await world.sessions.find(session.key, extend=True)
    assert await left() == IDLE
    world.clock.move(10)
    await active.transact(count_up, once="12345678")
    assert await left() == IDLE


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("over", r"^the request or event .* is over, .*; use: await session\.transact\(fn\)$"),
        ("refused", r"^the response refuses a visitor .* has to be written before$"),
    ],
)
async def test_a_handle_is_used_for_what_it_was_made_for(world: World, why: str, text: str) -> None:
    usage = Usage()
    opened = await world.sessions.create(usage)
    loaded = await world.sessions.load(opened.id or "", usage)
    attached = world.sessions.attach(opened.key, opened._record, usage)
    assert loaded is not None
    setattr(usage, why, True)
    for session in (opened, loaded, attached):
        with pytest.raises(SessionHandleError, match=text):
            session["late"] = 1


async def test_what_has_not_changed_is_not_read_again(world: World) -> None:
    session = await world.sessions.create()
    found = await world.sessions.find_if_changed([session.key, "a" * 64], [session.version, 0])
    assert found == [NotModified(), None]


async def test_after_a_conflict_that_leaves_nothing_to_change_nothing_more_is_read(
    world: World,
) -> None:
    session = await world.sessions.create()
    other = SessionManager(world.store, world.sessions.policy)
    late = await again(world.sessions, session)
    await (await again(other, session)).transact(count_up)
    world.store.calls.clear()
    await late.transact(lambda data: data.update(count=1))
    assert world.store.calls == ["commit"]


async def test_that_nothing_is_to_be_changed_is_decided_by_the_newest_data(world: World) -> None:
    session = await world.sessions.create()
    await session.transact(lambda data: data.update(name="ann"))
    late, other = await again(world.sessions, session), SessionManager(world.store, Policy(600, 1))
    await (await again(other, session)).transact(lambda data: data.update(name="eve"))
    await late.transact(lambda data: data.update(name="ann"))
    assert await stored(world.sessions, session) == {"name": "ann"}


async def test_a_record_without_a_version_is_one_that_cannot_be_read(world: World) -> None:
    session = await world.sessions.create()
    entry = world.memory._entries[session.key]
    entry.content = session._record._replace(version=0)
    with pytest.raises(UnreadableRecordError, match=session.key[:8]):
        await session.reload()


async def test_a_record_that_cannot_be_read_is_an_error_of_its_session(world: World) -> None:
    session = await world.sessions.create()
    await session.transact(lambda data: data.update(list=[]))
    await world.memory.commit(session.key, 2, b"{cut off")
    with pytest.raises(UnreadableRecordError, match=session.key[:8]):
        await session.reload()
    broken = await again(world.sessions, session)
    for use in (lambda: len(broken), lambda: dict(broken)):
        with pytest.raises(UnreadableRecordError, match=session.key[:8]):
            use()
    with pytest.raises(UnreadableRecordError, match=session.key[:8]):
        await broken.transact(count_up)


# The index of a user's sessions.


async def test_an_entry_outlives_its_session_by_a_minute(world: World) -> None:
    session = await world.sessions.create()
    world.clock.move(100)
    await (await again(world.sessions, session)).sign_in("ann")
    assert len(await world.index()) == 1
    world.clock.move(ABSOLUTE - 100 + 59)
    assert len(await world.index()) == 1
    world.clock.move(2)
    assert await world.index() == []


@pytest.mark.parametrize(
    ("policy", "within"),
    [({"idle": 1000.0}, 840.0), ({"tombstone": 80.0, "rotation": 80.0}, 40.0)],
    ids=["a minute before", "half of a short time"],
)
async def test_a_sign_in_that_was_held_up_fails_before_what_blocks_it_has_gone(
    policy: dict[str, float], within: float
) -> None:
    for seconds in (within - 1, within + 1):
        world = World(**policy)
        session = await world.sessions.create()

        async def stop(world: World = world, seconds: float = seconds) -> None:
            world.clock.move(seconds)

        world.store.before("create", stop)
        if seconds < within:
            await session.sign_in("ann")
            assert await world.index() == [session.key]
        else:
            with pytest.raises(TooLateError):
                await session.sign_in("ann")


async def test_a_rotation_of_a_visitor_may_be_held_up_for_any_time(world: World) -> None:
    session = await world.sessions.create()

    async def stop() -> None:
        world.clock.move(IDLE - 1)

    world.store.before("create", stop)
    await session.rotate()
    assert await world.sessions.find(session.key) is not None


@pytest.mark.parametrize("reason", [EndReason.LOGOUT, EndReason.REVOKED])
async def test_an_end_takes_the_session_out_of_the_index(world: World, reason: EndReason) -> None:
    session, stays = await world.sessions.create(), await world.sessions.create()
    for each in (session, stays):
        await each.sign_in("ann")
    await world.sessions.ends.end(session.key, reason)
    assert await world.index() == [stays.key]


async def test_a_rotation_leaves_the_new_key_alone_in_the_index(world: World) -> None:
    session = await world.sessions.create()
    await session.sign_in("ann")
    await session.rotate()
    assert await world.index() == [session.key]


async def test_an_end_is_no_failure_because_the_index_does_not_answer(world: World) -> None:
    session = await world.sessions.create()
    await session.sign_in("ann")

    async def fail(name: str, key: str) -> None:
        raise StoreUnavailableError(f"no reply for {key} of {name}")

    world.memory.remove_from_index = fail  # type: ignore[method-assign] # an index that is gone
    await session.rotate()
    await session.destroy()
    assert session.destroyed


async def test_beyond_the_most_the_first_to_sign_in_ends_whenever_it_was_opened() -> None:
    world = World(max_per_user=2)
    opened = [await world.sessions.create() for _ in range(4)]
    for session in reversed(opened):
        world.clock.move(1)
        await session.sign_in("ann")
    assert sorted(await world.index()) == sorted(each.key for each in opened[:2])
    ends = [await world.sessions.find(each.key) for each in opened[2:]]
    assert ends == [Tombstone(EndReason.REVOKED)] * 2


@pytest.mark.parametrize("owner", ["ann", None])
async def test_a_session_whose_owner_is_no_sign_in_is_the_oldest(owner: str | None) -> None:
    world = World(max_per_user=1)
    key = "a" * 64
    await world.memory.create(key, b"{}", idle=IDLE, absolute=ABSOLUTE, owner=owner)
    await world.memory.add_to_index(ANN, key, keep=ABSOLUTE)
    session = await world.sessions.create()
    await session.sign_in("ann")
    assert await world.index() == [session.key]


# What listeners learn of ends.


async def test_of_a_rotation_listeners_learn_when_it_is_done(world: World) -> None:
    ends = Ends(world.sessions)
    session = await world.sessions.create()
    old = session.key
    await session.rotate()
    assert ends.before == [old]
    assert ends.after == [(old, EndReason.ROTATED)]


@pytest.mark.parametrize("verb", ["create", "end"])
async def test_of_a_rotation_without_a_reply_others_check_for_themselves_if_it_may_have_happened(
    verb: str,
) -> None:
    store = LossyStore(MemoryStore())
    sessions = SessionManager(store, Policy(IDLE, ABSOLUTE))
    session = await sessions.create()
    old, ends = session.key, Ends(sessions)
    store.fates = [*[Fate.ANSWERED] * (verb == "end"), Fate.NOT_EXECUTED]
    with pytest.raises(StoreUnavailableError):
        await session.rotate()
    assert ends.before == ([old] if verb == "end" else [])
    assert ends.after == []


async def test_whoever_completes_a_rotation_reports_the_end_of_the_old_id() -> None:
    store = LossyStore(MemoryStore())
    sessions = SessionManager(store, Policy(IDLE, ABSOLUTE))
    session = await sessions.create()
    await session.transact(count_up)
    old = session.key
    store.fates = [Fate.ANSWERED, Fate.NOT_EXECUTED]
    with pytest.raises(StoreUnavailableError):
        await session.rotate()
    ends, life = Ends(sessions), Life()
    sessions.add_life_listener(life)

    assert session.id is not None
    assert await sessions.load(session.id) is not None

    assert ends.before == [old]
    assert ends.after == [(old, EndReason.ROTATED)]
    assert life.over == [(old, EndReason.ROTATED, b'{"count":1}')]


async def test_an_end_that_another_has_made_is_reported_with_its_own_reason(world: World) -> None:
    session = await world.sessions.create()
    await world.memory.end(session.key, EndReason.REVOKED, keep=60)
    ends = Ends(world.sessions)
    assert not await world.sessions.ends.end(session.key, EndReason.LOGOUT)
    assert ends.before == [session.key]
    assert ends.after == [(session.key, EndReason.REVOKED)]


async def test_a_revocation_reports_the_end_with_what_was_stored_last(world: World) -> None:
    session = await world.sessions.create()
    await session.transact(count_up)
    ends, life = Ends(world.sessions), Life()
    world.sessions.add_life_listener(life)
    assert await world.sessions.ends.revoke(session.key)
    assert ends.after == [(session.key, EndReason.REVOKED)]
    assert life.over == [(session.key, EndReason.REVOKED, b'{"count":1}')]


async def test_a_rotation_of_a_session_that_another_has_ended_reports_that_end(
    world: World,
) -> None:
    session = await world.sessions.create()
    key, ends = session.key, Ends(world.sessions)
    world.store.before("end", lambda: world.memory.end(key, EndReason.LOGOUT, keep=60))
    with pytest.raises(SessionEndedError):
        await session.rotate()
    assert ends.before == [key]
    assert ends.after == [(key, EndReason.LOGOUT)]


async def test_a_revocation_reports_an_end_that_another_has_made(world: World) -> None:
    session = await world.sessions.create()
    await world.memory.end(session.key, EndReason.LOGOUT, keep=60)
    ends = Ends(world.sessions)
    assert not await world.sessions.ends.revoke(session.key)
    assert ends.after == [(session.key, EndReason.LOGOUT)]


async def test_what_a_session_was_to_replace_cannot_be_read_which_is_its_own_error(
    world: World,
) -> None:
    session_id = new_session_id()
    key = session_key(session_id)
    await world.memory.create(
        key, b"{}", idle=IDLE, absolute=ABSOLUTE, predecessor="written by nobody"
    )
    with pytest.raises(UnreadableRecordError, match=key[:8]):
        await world.sessions.load(session_id)
    for end in (
        partial(world.sessions.ends.end, reason=EndReason.LOGOUT),
        world.sessions.ends.destroy,
        world.sessions.ends.revoke,
    ):
        with pytest.raises(UnreadableRecordError, match=key[:8]):
            await end(key)
    assert isinstance(await world.sessions.find(key), Tombstone)


async def test_the_trace_of_an_end_stays_for_as_long_as_the_policy_says(world: World) -> None:
    makers: list[tuple[float, EndReason, Callable[[], Awaitable[str]]]] = []

    async def ended(reason: EndReason) -> str:
        session = await world.sessions.create()
        await world.sessions.ends.end(session.key, reason)
        return session.key

    async def revoked() -> str:
        session = await world.sessions.create()
        assert await world.sessions.ends.revoke(session.key)
        return session.key

    async def blocked() -> str:
        assert not await world.sessions.ends.revoke("b" * 64)
        return "b" * 64

    async def rotated() -> str:
        session = await world.sessions.create()
        old = session.key
        await session.rotate()
        return old

    makers = [
        (60, EndReason.LOGOUT, lambda: ended(EndReason.LOGOUT)),
        (60, EndReason.REVOKED, lambda: ended(EndReason.REVOKED)),
        (900, EndReason.ROTATED, lambda: ended(EndReason.ROTATED)),
        (900, EndReason.REVOKED, revoked),
        (900, EndReason.REVOKED, blocked),
        (900, EndReason.ROTATED, rotated),
    ]
    for seconds, reason, make in makers:
        key = await make()
        found = await world.sessions.find(key)
        assert isinstance(found, Tombstone)
        assert found.reason is reason
        assert found.lease is not None
        assert found.lease.seconds == seconds


async def test_an_end_that_is_answered_at_once_is_announced_once(world: World) -> None:
    ends = Ends(world.sessions)
    session = await world.sessions.create()
    await world.sessions.ends.revoke(session.key)
    assert ends.before == [session.key]


async def test_a_session_of_a_rotation_that_never_ended_the_old_one_ends_with_it() -> None:
    """In either direction: whichever of the two keys is named."""
    for named in ("old", "new"):
        store = LossyStore(MemoryStore())
        sessions = SessionManager(store, Policy(IDLE, ABSOLUTE))
        session = await sessions.create()
        old = session.key
        store.fates = [Fate.ANSWERED, Fate.NOT_EXECUTED]
        with pytest.raises(StoreUnavailableError):
            await session.rotate()
        ends = Ends(sessions)
        assert await sessions.ends.end(old if named == "old" else session.key, EndReason.REVOKED)
        assert await store.live() == []
        assert (old, EndReason.REVOKED) in ends.after
        assert await sessions.load(session.id or "") is None


async def test_a_user_s_end_ends_what_a_rotation_has_made_of_a_session_up_to_sixteen_steps(
    world: World,
) -> None:
    session = await world.sessions.create()
    first = session.key
    for _ in range(15):
        await session.rotate()
    assert await world.sessions.ends.revoke(first)
    assert await world.sessions.find(session.key) == Tombstone(EndReason.REVOKED)


async def test_a_session_that_is_spared_goes_on_though_what_it_was_before_is_revoked(
    world: World,
) -> None:
    session = await world.sessions.create()
    first = session.key
    await session.rotate()
    assert not await world.sessions.ends.revoke(first, spared=[session.key])
    assert isinstance(await world.sessions.find(session.key), Record)


@pytest.mark.parametrize("way", ["destroy", "revoke"])
async def test_an_end_reaches_what_a_session_has_become_and_what_it_was_both(
    world: World, way: str
) -> None:
    """One that was to replace another, and has been replaced itself before that had ended."""
    before, middle, after = "b" * 64, "c" * 64, "d" * 64
    for key, predecessor in ((before, None), (middle, Predecessor(before, 1, []).write())):
        await world.memory.create(key, b"{}", idle=IDLE, absolute=ABSOLUTE, predecessor=predecessor)
    await world.memory.create(after, b"{}", idle=IDLE, absolute=ABSOLUTE)
    await world.memory.end(middle, EndReason.ROTATED, keep=60, successor=after)
    await (world.sessions.ends.destroy if way == "destroy" else world.sessions.ends.revoke)(middle)
    for key in (before, after):
        assert isinstance(await world.sessions.find(key), Tombstone)


async def test_a_rotation_that_cannot_go_on_is_over_though_its_new_record_stays_for_some_time() -> (
    None
):
    store = LossyStore(MemoryStore())
    session = await SessionManager(store, Policy(IDLE, ABSOLUTE)).create()
    await store.end(session.key, EndReason.LOGOUT, keep=60)
    store.fates = [Fate.ANSWERED, Fate.ANSWERED, Fate.NOT_EXECUTED]
    with pytest.raises(SessionEndedError):
        await session.rotate()
    assert not store.fates
    assert session.ended is EndReason.LOGOUT


async def test_a_revocation_ends_a_session_that_is_opened_just_then(world: World) -> None:
    key = "a" * 64
    world.store.before(
        "create", lambda: world.memory.create(key, b"{}", idle=IDLE, absolute=ABSOLUTE)
    )
    assert await world.sessions.ends.revoke(key)
    assert await world.sessions.find(key) == Tombstone(EndReason.REVOKED)


async def test_a_record_of_which_no_time_is_known_is_signed_in_by_this_node_s() -> None:
    memory = MemoryStore()
    session = await SessionManager(memory, Policy(IDLE, ABSOLUTE), memory).create()
    session._record = session._record._replace(lease=None)
    await session.sign_in("ann")
    assert await memory.read_index(ANN) == [session.key]


async def test_a_rotation_that_finds_its_new_key_blocked_says_that_the_session_was_revoked(
    world: World,
) -> None:
    session = await world.sessions.create()

    async def revoke() -> None:
        [key] = await world.index()
        assert not await world.sessions.ends.revoke(key)

    world.store.before("create", revoke)
    with pytest.raises(SessionEndedError) as ended:
        await session.sign_in("ann")
    assert ended.value.reason is EndReason.REVOKED


async def test_a_sign_in_has_the_time_of_its_entry_and_a_rotation_keeps_it(world: World) -> None:
    session = await world.sessions.create()
    began = world.clock()
    world.clock.move(5)
    await session.sign_in("ann")
    world.clock.move(7)
    await session.rotate()
    assert session.signed_in_at is not None
    assert session.signed_in_at.timestamp() == began + 5


async def test_a_sign_in_is_as_old_as_its_entry_however_long_it_takes(world: World) -> None:
    session = await world.sessions.create()
    began = world.clock()

    async def wait() -> None:
        world.clock.move(5)

    for verb in ("load", "create"):
        world.store.before(verb, wait)
    await session.sign_in("ann")
    assert session.signed_in_at is not None
    assert session.signed_in_at.timestamp() == began


async def test_a_sign_in_keeps_who_it_was(world: World) -> None:
    session = await world.sessions.create()
    await session.sign_in("ann", label="phone")
    record = await world.sessions.load_live(session.key)
    assert record.owner == SignIn("ann", world.clock(), "phone").pack()


async def test_a_sign_in_without_an_index_has_the_time_that_the_store_says_then(
    world: World,
) -> None:
    sessions = SessionManager(world.store, Policy(IDLE, ABSOLUTE))
    session = await sessions.create()
    began = world.clock()
    world.clock.move(5)
    await session.sign_in("ann")
    assert session.signed_in_at is not None
    assert session.signed_in_at.timestamp() == began + 5


async def test_a_sign_in_without_an_index_says_that_the_session_has_ended(world: World) -> None:
    sessions = SessionManager(world.store, Policy(IDLE, ABSOLUTE))
    session = await sessions.create()
    await sessions.ends.revoke(session.key)
    with pytest.raises(SessionEndedError) as ended:
        await session.sign_in("ann")
    assert ended.value.reason is EndReason.REVOKED
