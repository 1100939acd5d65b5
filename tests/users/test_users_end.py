"""P18: users end everywhere, whatever races with it. Each race is named by what must not happen."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from functools import partial
from random import Random

import pytest

from app import EndReason, SessionStore, Users
from app.aio.in_batches import in_batches
from app.sessions import (
    Policy,
    Record,
    Session,
    SessionEndedError,
    SessionError,
    SessionManager,
    TooLateError,
    UserIndex,
)
from app.sessions.ids import user_name
from tests.support.eventually import eventually
from tests.support.hooked_store import HookedStore
from tests.support.stores import StoreSettings
from tests.support.stores_in_process import new_store
from tests.users.test_sign_in import name

POLICY = Policy(idle=600, absolute=3600)
TRIALS = 50
MANY = 2000
SHORT = 0.4


class Node:
    """One node: its sessions, and users on them."""

    def __init__(self, store: SessionStore, *, max_per_user: int = 0) -> None:
        self.store = store
        self.limit(Policy(idle=600, absolute=3600, max_per_user=max_per_user))

    def limit(self, policy: Policy) -> None:
        """Have other limits from now on."""
        inner = self.store.inner if isinstance(self.store, HookedStore) else self.store
        assert isinstance(inner, UserIndex)
        self.sessions = SessionManager(self.store, policy, inner)
        self.users = Users(self.sessions, _no_sockets)

    async def signed_in(self, user: str) -> Session:
        """Return a session that was signed in here."""
        session = await self.sessions.create()
        await session.sign_in(user)
        return session

    async def live(self, session: Session) -> bool:
        """Return whether somebody is signed in to a session, by its key of now.

        Where a sign-in failed the session goes on without a user.
        """
        found = await self.sessions.find(session.key)
        return isinstance(found, Record) and found.owner is not None


class KilledError(Exception):
    """Stands for the end of a node in the midst."""


async def _kill() -> None:
    raise KilledError


async def _no_sockets(_key: str) -> int:
    return 0


async def _failed(call: Awaitable[object]) -> bool:
    try:
        await call
    except SessionError:
        return True
    return False


@pytest.fixture
async def nodes(any_store: StoreSettings) -> AsyncIterator[tuple[Node, Node]]:
    """Two nodes on each store in turn; what the first asks of its store can be held up."""
    one = HookedStore(new_store(any_store))
    other = new_store(any_store) if "redis_url" in any_store else one.inner
    yield Node(one), Node(other)
    await one.aclose()
    if other is not one.inner:
        await other.aclose()


async def test_all_sessions_end_but_the_one_that_is_kept(nodes: tuple[Node, Node]) -> None:
    node, other = nodes
    user = name()
    sessions = [await each.signed_in(user) for each in (node, other, node, other)]
    stranger = await node.signed_in(name())

    assert await node.users.end(user, keep=sessions[0]) == 3

    assert [await node.live(each) for each in sessions] == [True, False, False, False]
    assert await node.live(stranger)
    assert [each.key for each in await other.users.sessions(user)] == [sessions[0].key]
    for ended in sessions[1:]:
        with pytest.raises(SessionEndedError) as caught:
            await ended.transact(lambda data: data.update(late=True))
        assert caught.value.reason is EndReason.REVOKED


@pytest.mark.parametrize("verb", ["read_index", "create", "end", "commit"])
async def test_the_session_that_is_kept_lives_on_if_it_moves_to_another_id_meanwhile(
    nodes: tuple[Node, Node], verb: str
) -> None:
    """The end comes before the rotation, or in the midst of it before one of its verbs."""
    node, other = nodes
    assert isinstance(node.store, HookedStore)
    user = name()
    kept, ended = await node.signed_in(user), await other.signed_in(user)
    key = kept.key
    if verb == "read_index":
        await kept.rotate()
        assert await other.users.end(user, keep=key) == 1
    else:
        node.store.before(verb, partial(other.users.end, user, keep=key))
        with suppress(
            SessionEndedError
        ):  # but the old id lives, where it came before the new record
            await kept.rotate()

    assert not await other.live(ended)
    [left] = await other.users.sessions(user)
    assert left.key == (key if verb == "create" else kept.key)


async def test_an_entry_that_was_left_of_its_former_id_does_not_end_the_session_that_is_kept(
    nodes: tuple[Node, Node],
) -> None:
    node, other = nodes
    user = name()
    kept = await node.signed_in(user)
    former = kept.key
    await kept.rotate()
    assert node.sessions.index is not None
    await node.sessions.index.add_to_index(user_name(user), former, keep=600)

    assert await other.users.end(user, keep=kept) == 0

    assert await other.live(kept)


async def test_what_a_killed_node_left_of_a_rotation_does_not_end_the_session_that_is_kept(
    nodes: tuple[Node, Node],
) -> None:
    node, other = nodes
    assert isinstance(node.store, HookedStore)
    user = name()
    kept = await node.signed_in(user)
    key = kept.key
    node.store.before("end", _kill)
    with pytest.raises(KilledError):
        await kept.rotate()

    await other.users.end(user, keep=key)

    assert [each.key for each in await other.users.sessions(user)] == [key]


async def test_thousands_of_sessions_of_one_user_are_listed_and_end_some_at_a_time(
    nodes: tuple[Node, Node],
) -> None:
    """As of a script that signs in anew for each request."""
    node, other = nodes
    assert isinstance(node.store, HookedStore)
    user = name()
    async for _ in in_batches(node.signed_in, [user] * MANY):
        pass

    assert len(await node.users.sessions(user)) == MANY
    assert not await node.users.online(user)
    assert await node.users.end(user) == MANY
    assert node.store.most_at_once < MANY
    assert await other.users.sessions(user) == []


async def test_a_user_who_is_forgotten_leaves_no_entry(nodes: tuple[Node, Node]) -> None:
    node, _ = nodes
    user = name()
    for _ in range(3):
        await node.signed_in(user)

    assert await node.users.forget(user) == 3

    assert node.sessions.index is not None
    assert await node.sessions.index.read_index(user_name(user)) == []
    assert await node.users.sessions(user) == []


async def test_a_sign_in_that_began_before_an_end_does_not_outlive_it(
    nodes: tuple[Node, Node],
) -> None:
    """Whichever verb of the sign-in the end comes before, on the other node."""
    node, other = nodes
    assert isinstance(node.store, HookedStore)
    for verb in ("create", "end", "commit"):
        user = name()
        session = await node.sessions.create()
        node.store.before(verb, partial(other.users.end, user))

        assert await _failed(session.sign_in(user)), verb

        assert await other.users.sessions(user) == [], verb


async def test_a_sign_in_of_a_node_that_was_stopped_for_longer_than_a_tombstone_stays_fails(
    nodes: tuple[Node, Node],
) -> None:
    node, other = nodes
    assert isinstance(node.store, HookedStore)
    for each in nodes:
        each.limit(Policy(idle=600, absolute=3600, tombstone=SHORT, rotation=SHORT))
    user = name()
    session = await node.sessions.create()

    async def sleep() -> None:
        assert other.sessions.index is not None
        [key] = await other.sessions.index.read_index(user_name(user))
        await other.users.end(user)
        await eventually(partial(_is_gone, other, key), within=10.0)

    node.store.before("create", sleep)
    with pytest.raises(TooLateError):
        await session.sign_in(user)

    assert not await node.live(session)
    assert await other.users.sessions(user) == []


async def test_an_end_of_a_node_that_was_stopped_for_longer_than_a_tombstone_stays_checks_again(
    nodes: tuple[Node, Node],
) -> None:
    node, other = nodes
    assert isinstance(node.store, HookedStore)
    for each in nodes:
        each.limit(Policy(idle=600, absolute=3600, tombstone=SHORT, rotation=SHORT))
    user = name()
    session = await other.signed_in(user)
    key = session.key

    async def sleep() -> None:
        await session.rotate()
        await eventually(partial(_is_gone, other, key), within=10.0)

    node.store.before("end", sleep)
    assert await node.users.end(user) == 1

    assert not await other.live(session)


async def _is_gone(node: Node, key: str) -> bool:
    return await node.sessions.find(key) is None


async def test_no_session_outlives_an_end_that_races_with_sign_ins_and_rotations(
    nodes: tuple[Node, Node],
) -> None:
    random = Random(7)
    for _ in range(TRIALS):
        user = name()
        before = [await each.signed_in(user) for each in nodes]
        signing_in = [await each.sessions.create() for each in nodes]
        acts = [
            *(each.rotate() for each in before),
            *(each.sign_in(user) for each in signing_in),
        ]
        random.shuffle(acts)
        tasks = [asyncio.ensure_future(_failed(each)) for each in acts]
        await asyncio.sleep(0)
        for _ in range(random.randrange(8)):
            await asyncio.sleep(0)
        await nodes[1].users.end(user)
        await asyncio.gather(*tasks)
        # Who is alive now signed in after the end had read the index, which has them all.
        listed = {each.key for each in await nodes[0].users.sessions(user)}
        everybody = (*before, *signing_in)
        assert {each.key for each in everybody if await nodes[0].live(each)} <= listed
        await nodes[1].users.end(user)
        assert [await nodes[0].live(each) for each in everybody] == [False] * 4


async def test_a_rotation_that_races_with_an_end_does_not_undo_it(
    nodes: tuple[Node, Node],
) -> None:
    for turns in range(TRIALS):
        user = name()
        session = await nodes[0].signed_in(user)
        rotation = asyncio.ensure_future(_failed(session.rotate()))
        for _ in range(turns % 9):
            await asyncio.sleep(0)
        await nodes[1].users.end(user)
        await rotation

        assert not await nodes[1].live(session)
        assert await nodes[1].users.sessions(user) == []


async def test_who_signed_in_after_an_end_is_not_touched_by_it(nodes: tuple[Node, Node]) -> None:
    node, other = nodes
    user = name()
    await node.signed_in(user)
    await other.users.end(user)

    session = await node.signed_in(user)

    assert [each.key for each in await other.users.sessions(user)] == [session.key]


@pytest.mark.parametrize("most", [1, 3])
async def test_beyond_the_most_the_oldest_session_ends(any_store: StoreSettings, most: int) -> None:
    store = new_store(any_store)
    node = Node(store, max_per_user=most)
    user = name()
    sessions = [await node.signed_in(user) for _ in range(5)]

    assert [await node.live(each) for each in sessions] == [False] * (5 - most) + [True] * most
    await store.aclose()


@pytest.mark.parametrize("most", [1, 2])
async def test_of_sign_ins_at_once_the_newest_stay_and_no_two_end_each_other(
    nodes: tuple[Node, Node], most: int
) -> None:
    random = Random(most)
    for each in nodes:
        each.limit(Policy(idle=600, absolute=3600, max_per_user=most))
    for _ in range(TRIALS):
        user = name()
        sessions = [await each.sessions.create() for each in (*nodes, *nodes)]
        tasks = []
        for session in sessions:
            tasks.append(asyncio.ensure_future(_failed(session.sign_in(user))))
            for _ in range(random.randrange(12)):
                await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        found = await nodes[1].users.sessions(user)
        assert len(found) == most
        newest = sorted((each.signed_in_at for each in found), reverse=True)
        at = [each.signed_in_at for each in sessions if each.signed_in_at is not None]
        assert newest == sorted(at, reverse=True)[:most]


async def test_the_oldest_does_not_escape_by_a_rotation(nodes: tuple[Node, Node]) -> None:
    node, other = nodes
    assert isinstance(node.store, HookedStore)
    user = name()
    oldest = await other.signed_in(user)
    node.limit(Policy(idle=600, absolute=3600, max_per_user=1))
    newest = await node.sessions.create()

    async def rotate() -> None:
        node.store.before("end", oldest.rotate)  # type: ignore[attr-defined] # a HookedStore

    node.store.before("load_many", rotate)
    await newest.sign_in(user)

    assert [each.key for each in await other.users.sessions(user)] == [newest.key]
    assert not await other.live(oldest)


@pytest.mark.parametrize("verb", ["end", "commit"])
@pytest.mark.parametrize("first", [True, False], ids=["sign-in", "rotation"])
async def test_of_a_rotation_of_a_node_that_was_killed_the_list_has_one_session(
    nodes: tuple[Node, Node], verb: str, first: bool
) -> None:
    node, other = nodes
    assert isinstance(node.store, HookedStore)
    user = name()
    session = await (node.sessions.create() if first else node.signed_in(user))
    before = session.key

    node.store.before(verb, _kill)
    with pytest.raises(KilledError):
        await (session.sign_in(user) if first else session.rotate())

    found = [each.key for each in await other.users.sessions(user)]
    if verb == "end":  # the old id lives on, and the new one cannot be used
        assert found == ([] if first else [before])
    else:
        assert len(found) == 1
        assert before not in found
    assert await other.users.end(user) == 1
    assert await other.users.sessions(user) == []


async def test_a_store_without_an_index_says_so(any_store: StoreSettings) -> None:
    store = new_store(any_store)
    sessions = SessionManager(store, POLICY)
    session = await sessions.create()
    await session.sign_in("ann")

    assert session.user == "ann"
    with pytest.raises(TypeError, match="cannot find the sessions of a user"):
        await Users(sessions, _no_sockets).sessions("ann")
    await store.aclose()


async def test_a_sign_in_has_the_time_of_its_entry_so_that_an_end_says_who_was_before(
    nodes: tuple[Node, Node],
) -> None:
    node, other = nodes
    assert isinstance(node.store, HookedStore)
    user = name()
    session = await node.sessions.create()
    await other.users.end(user)
    await other.signed_in(user)
    node.store.before("create", partial(other.users.end, name()))

    await session.sign_in(user)

    found = await other.users.sessions(user)
    early, late = sorted(found, key=lambda each: each.signed_in_at)
    assert (late.key, late.signed_in_at) == (session.key, session.signed_in_at)
    assert early.signed_in_at < late.signed_in_at


@pytest.mark.parametrize("verb", ["end", "commit"])
async def test_what_is_open_of_a_session_learns_of_its_end_whoever_won(
    nodes: tuple[Node, Node], verb: str
) -> None:
    node, other = nodes
    assert isinstance(node.store, HookedStore)
    user = name()
    session = await node.signed_in(user)
    key = session.key
    learned: dict[Node, set[str]] = {node: set(), other: set()}
    for each in nodes:
        each.sessions.add_before_end_listener(learned[each].add)
        each.sessions.add_end_listener(partial(_note, learned[each]))

    node.store.before(verb, partial(other.users.end, user))
    assert await _failed(session.rotate())

    assert key in learned[node]
    assert key in learned[other]
    assert not isinstance(await node.sessions.find(key), Record)


async def _note(keys: set[str], key: str, _reason: EndReason) -> None:
    keys.add(key)
