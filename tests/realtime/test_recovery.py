"""P19: a client that comes back gets what it missed, once and in order, or is told that it does not."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from fastapi import Depends
from pydantic import BaseModel, ConfigDict

from app import (
    EVERYBODY,
    Emitter,
    EventError,
    EventRouter,
    SocketDep,
    to_session,
    to_socket,
)
from tests.realtime.recovering import Nodes, RecoveringClient, recovering
from tests.support.eventually import eventually
from tests.support.servers import StoreServer

events = EventRouter(recovery=True)
plain = EventRouter("/plain")
rights: dict[str, Any] = {}


class Auth(BaseModel):
    model_config = ConfigDict(extra="forbid")
    color: str = "red"


def may_connect() -> None:
    if rights.get("refused"):
        raise EventError("refused", "Not any more.")


@events.on_connect
async def connect(
    socket: SocketDep, auth: Auth, _may: Annotated[None, Depends(may_connect)]
) -> None:
    rights["recovered"] = socket.recovered
    rights["rooms"] = sorted(socket.rooms)
    rights["color"] = auth.color
    for room in rights.get("joins", ()):
        await socket.join(room)
    for room in rights.get("leaves", ()):
        await socket.leave(room)
    if "says" in rights:
        await socket.emit("said", rights["says"])


@events.on("enter")
async def enter(room: str, socket: SocketDep) -> None:
    await socket.join(room)


@events.on("exit")
async def leave(room: str, socket: SocketDep) -> None:
    await socket.leave(room)


@events.on("rooms")
async def rooms(socket: SocketDep) -> list[str]:
    return sorted(socket.rooms)


@events.on("drop me")
async def drop_me(socket: SocketDep) -> None:
    await socket.disconnect()


@events.on("ping me")
async def ping_me() -> str:
    return "pong"


@plain.on("ping me")
async def ping_plain() -> str:
    return "pong"


stated = EventRouter("/stated", recovery=True)
stated.sends("state", dict[str, int], state=lambda data: {"count": data.get("count", 0)})
stated.sends("mood", str)
stated.sends("since", datetime)
stated.on("ping me")(ping_me)
router = EventRouter()
for each in (events, plain, stated):
    router.include_router(each)


@pytest.fixture(autouse=True)
def _no_rights() -> None:
    rights.clear()


@pytest.fixture
async def nodes(store_name: str, request: pytest.FixtureRequest) -> AsyncIterator[Nodes]:
    """A node on memory, or three on a server."""
    if store_name == "memory":
        async with recovering(router, None, "a") as made:
            yield made
        return
    server = request.getfixturevalue("valkey" if store_name == "valkey" else "redis_server")
    async with recovering(router, server, "a", "b", "c") as made:
        yield made


@pytest.fixture
async def three(valkey: StoreServer) -> AsyncIterator[Nodes]:
    async with recovering(router, valkey, "a", "b", "c") as made:
        yield made


def there(nodes: Nodes) -> int:
    """Where a client comes back: to another node, if there is one."""
    return len(nodes.nodes) // 2


async def gone(nodes: Nodes, index: int) -> None:
    """Close all connections of a node, as a lost link does."""
    node = nodes.nodes[index]
    for transport in list(node.sender.engine.sockets.values()):
        await transport.close(comes_back=True)
    await eventually(lambda: len(node.registry) == 0)


async def away(nodes: Nodes, me: RecoveringClient, *entered: str) -> str:
    """Connect to the first node, enter rooms, and lose the connection; return the session's key."""
    async with nodes.client(0) as first:
        await me.connect(first)
        for room in entered:
            await first.emit("enter", room)
        key = (await nodes.session(0)).key
    await gone(nodes, 0)
    return key


async def test_a_client_gets_all_that_it_was_sent_meanwhile_once_and_in_order(
    nodes: Nodes,
) -> None:
    me = RecoveringClient()
    key = await away(nodes, me, "lobby")
    sid = me.sid
    assert sid
    emitters = [each.emitter for each in nodes.nodes]
    number = 0
    for emitter in emitters:
        for to in ("lobby", to_session(key), EVERYBODY, to_socket(sid)):
            number += 1
            await emitter.emit("said", number, to=to)
        await emitter.emit("said", -1, to="elsewhere")
        await emitter.emit("said", -1, to="lobby", skip_sid=sid)
        await emitter.emit("said", -1, to="lobby", volatile=True)
    async with nodes.client(there(nodes)) as second:
        await me.connect(second)
        assert me.recovered
        assert me.sid == sid
        got = await me.take(number)
        assert sorted(got) == list(range(1, number + 1))
        for each in range(0, number, 4):
            of_one = [found for found in got if each < found <= each + 4]
            assert of_one == sorted(of_one), "what one node has sent is in order"
        assert await second.emit("rooms") == ["lobby"]
        await emitters[-1].emit("said", number + 1, to="lobby")
        await emitters[0].emit("said", number + 2, to="lobby")
        assert set(await me.take(2)) == {number + 1, number + 2}
        await me.nothing()


async def test_what_was_received_is_not_sent_again_wherever_the_client_was(nodes: Nodes) -> None:
    """It moves on ten times, and is sent something before, between and after."""
    me = RecoveringClient()
    await away(nodes, me, "lobby")
    sent = 0
    for turn in range(1, 11):
        for each in nodes.nodes[: 1 + turn % 3]:
            sent += 1
            await each.emitter.emit("said", sent, to="lobby")
        index = turn % len(nodes.nodes)
        async with nodes.client(index) as client:
            await me.connect(client)
            assert me.recovered, turn
            await me.take(sent - len(me.events))
            if turn % 2:
                sent += 1
                await nodes.nodes[0].emitter.emit("said", sent, to="lobby")
                await me.take(1)
            await me.nothing()
        await gone(nodes, index)
    assert sorted(each[1] for each in me.events) == list(range(1, sent + 1))


async def test_a_replay_that_is_lost_on_its_way_is_replayed_again(nodes: Nodes) -> None:
    """The client does not get a thing, or gets half of it, and comes back with what it has."""
    me = RecoveringClient()
    await away(nodes, me, "lobby")
    for number in range(1, 7):
        await nodes.nodes[-1].emitter.emit("said", number, to="lobby")
    for turn in range(3):
        index = turn % len(nodes.nodes)
        async with nodes.client(index) as client:
            await me.connect(client)
            assert me.recovered
            await me.take(1)
        await gone(nodes, index)
        await nodes.nodes[0].emitter.emit("said", 7 + turn, to="lobby")
    async with nodes.client(0) as last:
        await me.connect(last)
        assert me.recovered
        await me.take(6)
        await me.nothing()
    assert [each[1] for each in me.events] == list(range(1, 10))


async def test_a_client_that_never_received_anything_gets_all(nodes: Nodes) -> None:
    me = RecoveringClient()
    key = await away(nodes, me)
    await nodes.nodes[0].emitter.emit("said", 1, to=to_session(key))
    assert me.offset is None
    async with nodes.client(there(nodes)) as second:
        await me.connect(second)
        assert me.recovered
    await gone(nodes, there(nodes))
    await nodes.nodes[0].emitter.emit("said", 2, to=to_session(key))
    async with nodes.client(0) as third:
        await me.connect(third)
        assert me.recovered
        assert await me.take(2) == [1, 2]
        await me.nothing()


async def test_of_a_room_only_what_came_after_it_was_entered_is_replayed(nodes: Nodes) -> None:
    me = RecoveringClient()
    async with nodes.client(0) as other, nodes.client(0) as first:
        await other.join()
        await other.emit("enter", "lobby")
        await me.connect(first)
        await nodes.nodes[-1].emitter.emit("said", 0, to="lobby")
        await nodes.nodes[0].emitter.emit("said", 0, to="lobby")
        assert [await other.event() for _ in "12"]
        await first.emit("enter", "lobby")
    await gone(nodes, 0)
    await nodes.nodes[-1].emitter.emit("said", 1, to="lobby")
    async with nodes.client(there(nodes)) as second:
        await me.connect(second)
        assert me.recovered
        assert await me.take(1) == [1]
        await me.nothing()


@pytest.mark.parametrize("by", [0, -1])
async def test_who_was_taken_out_of_a_room_meanwhile_is_out_of_it(nodes: Nodes, by: int) -> None:
    me = RecoveringClient()
    key = await away(nodes, me, "lobby", "kitchen")
    emitter = nodes.nodes[by].emitter
    await emitter.emit("said", 1, to="kitchen")
    await emitter.emit("said", -1, to="lobby")
    await emitter.leave(to_session(key), "lobby")
    await emitter.emit("said", -1, to="lobby")
    async with nodes.client(there(nodes)) as second:
        await me.connect(second)
        assert me.recovered
        assert await me.take(1) == [1]
        assert await second.emit("rooms") == ["kitchen"]
        await emitter.emit("said", -1, to="lobby")
        await me.nothing()


@pytest.mark.parametrize("by", [0, -1])
async def test_who_was_let_into_a_room_meanwhile_is_in_it(nodes: Nodes, by: int) -> None:
    me = RecoveringClient()
    key = await away(nodes, me)
    emitter = nodes.nodes[by].emitter
    await emitter.emit("said", -1, to="lobby")
    await emitter.join(to_session(key), "lobby")
    for number, each in enumerate(nodes.nodes, 1):
        await each.emitter.emit("said", number, to="lobby")
    async with nodes.client(there(nodes)) as second:
        await me.connect(second)
        assert me.recovered
        # Those of different nodes have no order.
        assert sorted(await me.take(len(nodes.nodes))) == list(range(1, len(nodes.nodes) + 1))
        assert await second.emit("rooms") == ["lobby"]
        await nodes.nodes[0].emitter.emit("said", 9, to="lobby")
        assert await me.take(1) == [9]


async def test_connect_handlers_come_first_with_the_rights_of_now(nodes: Nodes) -> None:
    me = RecoveringClient()
    await away(nodes, me, "lobby", "kitchen")
    assert rights["recovered"] is False
    rights.update(joins=["hall"], leaves=["kitchen"], says=2)
    await nodes.nodes[0].emitter.emit("said", 1, to="lobby")
    await nodes.nodes[0].emitter.emit("said", -1, to="kitchen")
    async with nodes.client(there(nodes)) as second:
        await me.connect(second, color="blue")
        assert me.recovered
        assert (rights["recovered"], rights["color"]) == (True, "blue")
        assert rights["rooms"] == [], "they are given back afterwards"
        assert await me.take(2) == [1, 2], "what was missed comes first"
        assert await second.emit("rooms") == ["hall", "lobby"]
        await nodes.nodes[-1].emitter.emit("said", 3, to="hall")
        assert await me.take(1) == [3]


async def test_who_is_refused_gets_nothing_and_cannot_come_back(nodes: Nodes) -> None:
    me = RecoveringClient()
    await away(nodes, me, "lobby")
    await nodes.nodes[0].emitter.emit("said", 1, to="lobby")
    rights["refused"] = True
    async with nodes.client(there(nodes)) as second:
        answer = await me.connect(second)
        assert "Not any more." in answer
        assert second.frames == []
    rights.clear()
    async with nodes.client(0) as third:
        await me.connect(third)
        assert not me.recovered
        await me.nothing()


async def test_another_session_does_not_get_a_client_s_messages(nodes: Nodes) -> None:
    me = RecoveringClient()
    await away(nodes, me, "lobby")
    await nodes.nodes[0].emitter.emit("said", 1, to="lobby")
    nodes.session_id = None
    async with nodes.client(there(nodes)) as second:
        await me.connect(second)
        assert not me.recovered
        await me.nothing()


async def test_who_was_in_one_namespace_comes_back_in_no_other(nodes: Nodes) -> None:
    """A client may send any `pid` of its own: it gets neither the rooms of the other one, nor its id."""
    me = RecoveringClient()
    await away(nodes, me, "lobby")
    before, me.namespace = me.sid, "/stated"
    async with nodes.client(there(nodes)) as client:
        assert '"pid"' in await me.connect(client)
        assert not me.recovered
        assert me.sid != before
        await nodes.nodes[0].emitter.emit("said", 1, to="lobby", namespace="/stated")
        await me.nothing()


@pytest.mark.parametrize("offset", ["a.99.5-0.0", "nonsense", "", "x" * 500, "z.0.0-0.0", None, 7])
@pytest.mark.parametrize("pid", ["own", "other", 5, "", None])
async def test_a_client_may_send_anything(nodes: Nodes, offset: object, pid: object) -> None:
    me = RecoveringClient()
    await away(nodes, me, "lobby")
    await nodes.nodes[0].emitter.emit("said", 1, to="lobby")
    async with nodes.client(there(nodes)) as second:
        sent = {"pid": me.pid if pid == "own" else pid, "offset": offset}
        answer = await second.join("/", sent)
        assert '"pid"' in answer
        recovered = f'"{me.pid}"' in answer
        assert recovered == (pid == "own" and offset is None)


async def test_a_client_that_says_good_bye_does_not_come_back(nodes: Nodes) -> None:
    me = RecoveringClient()
    async with nodes.client(0) as first:
        await me.connect(first)
        await first.post("41")
        await eventually(lambda: nodes.nodes[0].registry.connected_in("/") == 0)
        assert nodes.nodes[0].recoveries is not None
        assert len(nodes.nodes[0].recoveries) == 0
    async with nodes.client(there(nodes)) as second:
        await me.connect(second)
        assert not me.recovered


async def test_a_client_that_closes_its_connection_may_come_back(nodes: Nodes) -> None:
    """The JavaScript client does so when a poll has failed: its good-bye may arrive all the same."""
    me = RecoveringClient()
    async with nodes.client(0) as first:
        await me.connect(first)
        await first.emit("enter", "lobby")
        await first.post("1")
        await eventually(lambda: len(nodes.nodes[0].registry) == 0)
    await nodes.nodes[0].emitter.emit("said", 1, to="lobby")
    async with nodes.client(there(nodes)) as second:
        await me.connect(second)
        assert me.recovered
        assert await me.take(1) == [1]


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_a_client_that_the_server_has_disconnected_does_not_come_back(
    nodes: Nodes, when: str
) -> None:
    me = RecoveringClient()
    async with nodes.client(0) as first:
        await me.connect(first)
        key = (await nodes.session(0)).key
        if when == "before":
            await first.post('42["drop me"]')
            await first.next(lambda frame: frame == "41")
    await gone(nodes, 0)
    if when == "meanwhile":
        await nodes.nodes[-1].emitter.disconnect(to_session(key))
    async with nodes.client(there(nodes)) as second:
        await me.connect(second)
        assert not me.recovered


async def test_a_namespace_without_recovery_has_neither_private_ids_nor_offsets(
    nodes: Nodes,
) -> None:
    async with nodes.client(0) as client:
        assert "pid" not in await client.join("/plain")
        await nodes.nodes[0].emitter.emit("said", "hello", to=EVERYBODY, namespace="/plain")
        await nodes.nodes[-1].emitter.emit("said", "hello", to=EVERYBODY, namespace="/plain")
        assert [await client.event() for _ in "12"] == [["said", "hello"]] * 2


async def test_what_asks_for_an_ack_and_state_have_no_offset(nodes: Nodes) -> None:
    async with nodes.client(0) as client:
        assert "pid" in await client.join()
        assert "pid" in await client.join("/stated")
        emitter = nodes.nodes[0].emitter
        session = await nodes.session(0)
        await emitter.publish("state", {"count": 3}, session=session)
        assert await client.event() == ["state", {"count": 3}]
        calling = asyncio.create_task(emitter.call("asked", 1, to=to_socket(client.sids["/"])))
        asked = await client.next(lambda frame: frame.startswith("42"))
        assert asked.endswith('["asked",1]')
        await client.post(f'43{asked[2:].partition("[")[0]}["yes"]')
        assert await calling == "yes"
        await emitter.emit("said", b"\x00", "text", to=EVERYBODY)
        said = await client.next(lambda frame: frame.startswith("45"))
        assert said.startswith('451-["said",{"_placeholder":true,"num":0},"text","a.')
        await emitter.emit("said", 1, to=EVERYBODY, volatile=True)
        assert len(await client.event()) == 3, "so a string in it is not taken for the offset"


async def test_a_state_that_is_a_string_is_refused(nodes: Nodes) -> None:
    """Clients would take it for an offset."""
    async with nodes.client(0) as client:
        await client.join("/stated")
        session = await nodes.session(0)
        for event, value in (("mood", "sunny"), ("since", datetime.now(UTC))):
            with pytest.raises(TypeError, match="is a string"):
                await nodes.nodes[0].emitter.publish(event, value, session=session)


async def test_of_a_state_the_newest_value_is_sent_alone(nodes: Nodes) -> None:
    me = RecoveringClient("/stated")
    async with nodes.client(0) as first:
        await me.connect(first)
        session = await nodes.session(0)
    await gone(nodes, 0)
    for count in (1, 2, 3):
        session["count"] = count
        await session.save()
        await nodes.nodes[-1].emitter.publish("state", {"count": count}, session=session)
    await nodes.nodes[0].emitter.emit("said", 1, to=EVERYBODY, namespace="/stated")
    async with nodes.client(there(nodes)) as second:
        await me.connect(second)
        assert me.recovered
        assert await me.take(2) == [1, {"count": 3}]
        await me.nothing()


async def test_bytes_are_still_bytes(nodes: Nodes) -> None:
    me = RecoveringClient()
    await away(nodes, me, "lobby")
    await nodes.nodes[-1].emitter.emit("raw", b"\x00\xff", to="lobby")
    async with nodes.client(there(nodes)) as second:
        await me.connect(second)
        assert me.recovered
        text = await second.next(lambda frame: frame.startswith("45"))
        assert text.startswith('451-["raw",{"_placeholder":true,"num":0},"')
        assert await second.next(lambda frame: frame.startswith("b")) == "bAP8="


async def test_more_than_is_kept_for_one_client_is_not_replayed(nodes: Nodes) -> None:
    me = RecoveringClient()
    await away(nodes, me, "lobby")
    emitter = nodes.nodes[0].emitter
    for _ in range(3):
        await emitter.emit("said", "x" * 400_000, to="lobby")
    async with nodes.client(there(nodes)) as second:
        await me.connect(second)
        assert not me.recovered
        await me.nothing()


async def test_a_worker_s_messages_are_replayed_as_well(three: Nodes, valkey: StoreServer) -> None:
    me = RecoveringClient()
    key = await away(three, me, "lobby")
    async with Emitter.connect(valkey.url) as worker:
        await worker.emit("said", 1, to="lobby")
        await worker.emit("said", 2, to=to_session(key))
        await worker.join(to_session(key), "hall")
        await worker.emit("said", 3, to="hall")
        async with three.client(1) as second:
            await me.connect(second)
            assert me.recovered
            await worker.emit("said", 4, to="hall")
            assert await me.take(4) == [1, 2, 3, 4]
