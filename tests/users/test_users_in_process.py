"""Users on the memory store: what is listed, in which order, and whose session may be ended by whom."""

import asyncio
import math
import sys
from datetime import UTC, timedelta
from typing import Any

import pytest

from app import MemoryStore, Users
from app.sessions import Policy, Session, SessionManager
from app.sessions.ids import user_name
from tests.support.clock import Clock
from tests.support.hooked_store import HookedStore


class Node:
    """A node, its users, and the sockets that its sessions are said to have."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(clock=self.clock)
        self.sessions = SessionManager(self.store, Policy(idle=600, absolute=3600), self.store)
        self.sockets: dict[str, int] = {}
        self.users = Users(self.sessions, self._count)

    async def _count(self, key: str) -> int:
        return self.sockets.get(key, 0)

    async def signed_in(self, user: str, label: str | None = None) -> Session:
        """Return a session of a user."""
        session = await self.sessions.create()
        await session.sign_in(user, label=label)
        return session


@pytest.fixture
def node() -> Node:
    """One without sessions."""
    return Node()


async def test_all_end_but_the_one_that_is_kept(node: Node) -> None:
    kept, *_ = [await node.signed_in("ann") for _ in range(3)]
    stranger = await node.signed_in("eve")

    assert await node.users.end("ann", keep=kept) == 2

    assert [each.key for each in await node.users.sessions("ann")] == [kept.key]
    assert [each.key for each in await node.users.sessions("eve")] == [stranger.key]
    assert await node.store.read_index(user_name("ann")) == [kept.key]
    assert await node.users.end("ann", keep=kept.key) == 0
    assert await node.users.forget("ann") == 1
    assert await node.store.read_index(user_name("ann")) == []


@pytest.mark.parametrize("what", ["view", "id", "other", "empty"])
async def test_what_names_no_session_to_keep_ends_none(node: Node, what: str) -> None:
    """It would end the one that was to be kept with all others."""
    kept = await node.signed_in("ann")
    [view] = await node.users.sessions("ann")
    wrong: dict[str, Any] = {"view": view, "id": kept.id, "other": 7, "empty": ""}

    with pytest.raises((TypeError, ValueError), match="keep= takes a session, or the key of one"):
        await node.users.end("ann", keep=wrong[what])

    assert [each.key for each in await node.users.sessions("ann")] == [kept.key]


async def test_the_one_that_is_kept_goes_on_though_the_index_still_has_what_it_was_before(
    node: Node,
) -> None:
    """An end of the old id ends what came of it by a rotation, too, but for what is kept."""
    kept = await node.signed_in("ann")
    before = kept.key
    await kept.rotate()
    await node.store.add_to_index(user_name("ann"), before, keep=60)  # its removal had no reply

    assert await node.users.end("ann", keep=kept) == 0

    assert [each.key for each in await node.users.sessions("ann")] == [kept.key]
    assert await node.users.end("ann", keep=before) == 0
    assert [each.key for each in await node.users.sessions("ann")] == [kept.key]
    assert await node.users.end("ann") == 1


async def test_a_session_is_ended_by_its_own_user_alone(node: Node) -> None:
    session = await node.signed_in("ann")
    await node.signed_in("eve")

    assert await node.users.end_session("eve", session.key) is False
    assert [each.key for each in await node.users.sessions("ann")] == [session.key]
    assert await node.users.end_session("ann", session.key) is True
    assert await node.users.sessions("ann") == []
    assert await node.users.end_session("ann", session.key) is False


async def test_the_list_has_those_used_last_first(node: Node) -> None:
    sessions = []
    for label in ("first", "second", "third"):
        sessions.append(await node.signed_in("ann", label))
        node.clock.move(10)
    assert sessions[0].id is not None
    assert await node.sessions.load(sessions[0].id) is not None  # as a request uses it
    node.sockets[sessions[1].key] = 3

    found = await node.users.sessions("ann")

    assert [each.label for each in found] == ["first", "third", "second"]
    assert [each.sockets for each in found] == [0, 0, 3]
    signed_in_at = [each.signed_in_at.timestamp() for each in found]
    began = signed_in_at[0]
    assert signed_in_at == [began, began + 20, began + 10]
    assert [each.last_seen_at.timestamp() - began for each in found] == [30, 20, 10]
    assert [each.created_at.timestamp() - began for each in found] == [0, 20, 10]


async def test_one_that_is_to_be_remembered_was_seen_when_it_was_signed_in(node: Node) -> None:
    remembered = await node.sessions.create()
    await remembered.sign_in("ann", label="remembered", absolute=86400)
    node.clock.move(10)
    await node.signed_in("ann", "used since")
    node.clock.move(10)

    found = await node.users.sessions("ann")

    assert [each.label for each in found] == ["used since", "remembered"]
    assert [each.last_seen_at - each.signed_in_at for each in found] == [timedelta(0)] * 2


async def test_an_index_is_not_believed(node: Node) -> None:
    anns, eves = await node.signed_in("ann"), await node.signed_in("eve")
    nobodys = await node.sessions.create()
    for key in (eves.key, nobodys.key, "of no session"):
        await node.store.add_to_index(user_name("ann"), key, keep=60)

    assert [each.key for each in await node.users.sessions("ann")] == [anns.key]
    assert not await node.users.end_session("ann", eves.key)
    assert [each.key for each in await node.users.sessions("eve")] == [eves.key]


async def test_who_has_a_socket_in_any_session_is_online(node: Node) -> None:
    _, other = await node.signed_in("ann"), await node.signed_in("ann")
    assert not await node.users.online("ann")
    node.sockets[other.key] = 1
    assert await node.users.online("ann")
    assert not await node.users.online("eve")


async def test_of_many_users_those_with_a_socket_are_online(node: Node) -> None:
    for user in ("ann", "bob", "eve"):
        _, other = await node.signed_in(user), await node.signed_in(user)
        node.sockets[other.key] = int(user != "eve")
    anns = (await node.users.sessions("ann"))[0].key
    await node.store.add_to_index(user_name("eve"), anns, keep=60)

    assert await node.users.online_among(["ann", "eve", "nobody"]) == {"ann"}
    assert await node.users.online_among({"bob", "eve", "ann"}) == {"ann", "bob"}
    assert await node.users.online_among(["eve"]) == set()
    assert await node.users.online_among([]) == set()
    with pytest.raises(TypeError, match=r"of one user: online\("):
        await node.users.online_among("ann")
    with pytest.raises(ValueError, match="1 to 256 characters"):
        await node.users.online_among(["ann", ""])


async def test_a_logout_of_a_provider_takes_effect_once_and_ends_what_it_names(node: Node) -> None:
    issuer = "https://id.example"
    first, second = await node.sessions.create(), await node.sessions.create()
    for session, sid in ((first, "s"), (second, "t")):
        await session.sign_in("ann", oidc={"iss": issuer, "sub": "7", "sid": sid})

    assert await node.users.end_provider_sessions(issuer, "7", "s", once="1") == 1
    assert await node.users.end_provider_sessions(issuer, "7", once="1") is None
    assert [each.key for each in await node.users.sessions("ann")] == [second.key]
    assert await node.users.end_provider_sessions("https://other.example", "7", once="1") == 0
    assert await node.users.end_provider_sessions(issuer, None, once="2") == 0
    assert await node.users.end_provider_sessions(issuer, "7", once="3") == 1
    assert await node.users.end_provider_sessions(issuer, "7") == 0


async def test_who_signs_in_while_an_end_takes_too_long_ends_too_and_is_counted() -> None:
    memory = MemoryStore()
    store = HookedStore(memory)
    policy = Policy(idle=600, absolute=3600, tombstone=3, rotation=3)
    sessions, elsewhere = (SessionManager(each, policy, memory) for each in (store, memory))
    first, second = await sessions.create(), await elsewhere.create()
    await first.sign_in("ann")

    async def hang() -> None:  # for more than half of the time for which a tombstone stays
        await second.sign_in("ann")
        await asyncio.sleep(1.6)

    store.before("end", hang)
    users = Users(sessions, _no_sockets)
    assert await users.end("ann") == 2
    assert await users.sessions("ann") == []


async def _no_sockets(_key: str) -> int:
    return 0


async def test_times_are_in_utc(node: Node) -> None:
    await node.signed_in("ann")
    (found,) = await node.users.sessions("ann")
    for at in (found.created_at, found.signed_in_at, found.last_seen_at):
        assert at.tzinfo is UTC


def test_a_worker_s_users_have_the_app_s_prefix_and_timeout_or_the_defaults() -> None:
    users = Users.connect("redis://127.0.0.1:1")
    assert (users._store._prefix, users._manager.policy.idle) == ("mooring", 1800)
    users = Users.connect("redis://127.0.0.1:1", prefix="mine", idle_timeout=60)
    assert (users._store._prefix, users._manager.policy.idle) == ("mine", 60)


@pytest.mark.parametrize("seconds", [0, -1, math.nan])
def test_an_idle_timeout_that_is_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="idle_timeout takes seconds"):
        Users.connect("redis://127.0.0.1:1", idle_timeout=seconds)


class WithoutRedis:
    """A finder of modules for which the package of the extra is not there."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "app.users.outside":
            raise ModuleNotFoundError(name="redis")


def test_a_worker_without_the_extra_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "app.users.outside", raising=False)
    monkeypatch.setattr(sys, "meta_path", [WithoutRedis(), *sys.meta_path])
    with pytest.raises(ImportError, match=r"^Users\.connect: redis is not installed.*\[redis\]'$"):
        Users.connect("redis://127.0.0.1:1")
