"""P19: where something is lost, a client that comes back is told: it gets a plain connect, and no gap."""

import time
from collections.abc import AsyncIterator

import pytest

from app import EVERYBODY, EventRouter, SocketDep, to_session
from app.realtime.bodies import Body
from app.realtime.bus.base import START, Offset
from app.realtime.recovery.log import LogLostError
from app.realtime.recovery.position import Position
from app.realtime.recovery.state import Segment, SocketState, write_entry
from app.realtime.recovery.store import MemoryLog, MemoryRecoveryStore
from app.realtime.redis_keys import RedisKeys
from app.realtime.service import RealtimeService
from app.redis_backend import RedisBackendFactory
from tests.realtime.recovering import Nodes, RecoveringClient, recovering
from tests.realtime.test_recovery import away, gone
from tests.support.eventually import eventually
from tests.support.servers import StoreServer

KEYS = RedisKeys()
events = EventRouter(recovery=True)


@events.on("enter")
async def enter(room: str, socket: SocketDep) -> None:
    await socket.join(room)


@events.on("ping me")
async def ping_me() -> str:
    return "pong"


@pytest.fixture
async def nodes(valkey: StoreServer) -> AsyncIterator[Nodes]:
    async with recovering(events, valkey, "a", "b") as made:
        yield made


async def comes_back(nodes: Nodes, me: RecoveringClient, index: int = 1) -> bool:
    """Return whether a client is recovered on a node; if not, it must get nothing."""
    async with nodes.client(index) as client:
        await me.connect(client)
        if not me.recovered:
            await me.nothing()
    return me.recovered


@pytest.mark.parametrize("own", [False, True])
async def test_a_log_that_is_trimmed_past_the_offset(
    nodes: Nodes, valkey: StoreServer, own: bool
) -> None:
    me = RecoveringClient()
    await away(nodes, me, "lobby")
    emitter = nodes.nodes[0 if own else 1].emitter
    for number in range(3):
        await emitter.emit("said", number, to="lobby")
    log = KEYS.log("a") if own else KEYS.stream("a")
    assert valkey.command("XTRIM", log, "MAXLEN", 2)
    assert not await comes_back(nodes, me)


async def test_a_server_that_has_lost_everything(nodes: Nodes, valkey: StoreServer) -> None:
    me = RecoveringClient()
    await away(nodes, me, "lobby")
    await nodes.nodes[1].emitter.emit("said", 1, to="lobby")
    valkey.flush()
    assert not await comes_back(nodes, me)


async def test_connected_clients_are_told_that_messages_were_lost(
    nodes: Nodes, valkey: StoreServer
) -> None:
    me = RecoveringClient()
    async with nodes.client(0) as first:
        await me.connect(first)
        valkey.command("DEL", KEYS.stream("a"))
        # The next message finds no log: whoever reads it knows.
        await nodes.nodes[1].emitter.emit("said", 1, to=EVERYBODY)
        await eventually(lambda: len(nodes.nodes[0].registry) == 0)
    assert not await comes_back(nodes, me, 0)


@pytest.mark.parametrize("logged", [False, True], ids=["nothing logged", "logged before"])
@pytest.mark.parametrize("index", [0, 1], ids=["to its node", "to another"])
async def test_who_connects_after_the_server_has_lost_everything_misses_nothing(
    nodes: Nodes, valkey: StoreServer, index: int, logged: bool
) -> None:
    """Its node notes at once that it lives, and where its log and its numbers go on."""
    emitter = nodes.nodes[1].emitter
    async with nodes.client(0) as first, nodes.client(1) as second:
        for client in (first, second):
            await RecoveringClient().connect(client)
        for node in nodes.nodes if logged else ():
            await node.emitter.emit("said", 0, to=EVERYBODY)
        valkey.flush()
        for node in nodes.nodes:  # the next message finds no log: whoever reads it knows
            await node.emitter.emit("said", 0, to=EVERYBODY, volatile=True)
        await eventually(lambda: not any(len(node.registry) for node in nodes.nodes))
        await eventually(lambda: all(_is_entered(node, valkey) for node in nodes.nodes))
    me = RecoveringClient()
    await away(nodes, me, "lobby")
    await emitter.emit("said", 1, to="lobby")
    async with nodes.client(index) as client:
        await me.connect(client)
        assert me.recovered
        assert await me.take(1) == [1]
        await me.nothing()


def _is_entered(node: RealtimeService, valkey: StoreServer) -> bool:
    """Return whether a node reads on in a stream that has begun anew."""
    place, _ = node.relay.position or (START, 0)
    return bool(valkey.command("XRANGE", KEYS.stream(node.relay.node), str(place), str(place)))


async def test_a_client_that_comes_too_late(valkey: StoreServer) -> None:
    async with recovering(events, valkey, "a", "b", recovery_window=0.3) as nodes:
        me = RecoveringClient()
        key = await away(nodes, me, "lobby")
        assert valkey.command("HLEN", KEYS.recovery(key)) == 1
        await eventually(lambda: valkey.command("EXISTS", KEYS.recovery(key)) == 0)
        assert not await comes_back(nodes, me)


async def test_a_client_of_a_node_that_has_stopped(nodes: Nodes, valkey: StoreServer) -> None:
    """It leaves what its sockets need; what is sent then is kept as well."""
    me = RecoveringClient()
    key = await away(nodes, me, "lobby")
    await nodes.nodes[0].aclose()
    assert valkey.command("EXISTS", KEYS.stream("a")) == 1
    await nodes.nodes[1].emitter.emit("said", 1, to="lobby")
    await nodes.nodes[1].emitter.emit("said", 2, to=to_session(key))
    async with nodes.client(1) as client:
        await me.connect(client)
        assert me.recovered
        assert await me.take(2) == [1, 2]
        await me.nothing()


async def test_a_client_of_a_node_that_has_gone_for_longer_than_the_window(
    nodes: Nodes, valkey: StoreServer
) -> None:
    """Before anybody has come to clear what it has left: messages may have passed it by since."""
    me = RecoveringClient()
    key = await away(nodes, me, "lobby")
    await nodes.nodes[0].aclose()
    assert valkey.command("DEL", KEYS.seen("a")) == 1
    assert not await comes_back(nodes, me, 1)
    assert valkey.command("EXISTS", KEYS.recovery(key)) == 1


async def test_a_node_that_stops_without_such_sockets_leaves_nothing(
    nodes: Nodes, valkey: StoreServer
) -> None:
    await nodes.nodes[0].aclose()
    left = [valkey.command("EXISTS", each("a")) for each in (KEYS.stream, KEYS.log, KEYS.seen)]
    assert left == [0, 0, 0]
    assert valkey.command("SMEMBERS", KEYS.nodes) == {"b"}


async def test_what_a_dead_node_has_left_goes_when_the_window_is_over(
    nodes: Nodes, valkey: StoreServer
) -> None:
    """Its own log goes first: who has read the rest sees then that messages may have passed by."""
    session = "f" * 64
    start = Position("dead", 0, Offset(5, 0), 0)
    state = SocketState("sid", "/", None, [Segment(0, start, None)], {})
    valkey.command("SADD", KEYS.nodes, "dead")
    valkey.command("SADD", KEYS.counted("dead"), session, "room-1")
    for key in (session, "room-1"):
        valkey.command("HSET", KEYS.sockets(key), "dead", 1)
    entry = write_entry(b"token", state).decode()
    valkey.command("HSET", KEYS.recovery(session), "pid", entry)
    for log in (KEYS.stream("dead"), KEYS.log("dead")):
        valkey.command("XADD", log, "*", "o", "dead")
    valkey.command("SET", KEYS.seen("dead"), 1, "PX", 800)
    seen_at = time.monotonic()
    await eventually(lambda: valkey.command("EXISTS", KEYS.log("dead")) == 0)
    assert time.monotonic() > seen_at + 0.7
    await eventually(lambda: "dead" not in valkey.command("SMEMBERS", KEYS.nodes))
    left = [valkey.command("EXISTS", each("dead")) for each in (KEYS.stream, KEYS.counted)]
    assert left == [0, 0]
    assert valkey.command("EXISTS", KEYS.recovery(session), KEYS.sockets("room-1")) == 0


async def test_a_node_that_was_stopped_has_no_say_in_what_its_sockets_are_by_now(
    nodes: Nodes,
) -> None:
    """The client is back elsewhere when the node notices that its connection is lost."""
    me = RecoveringClient()
    async with nodes.client(0) as first:
        await me.connect(first)
        await first.emit("enter", "lobby")
        async with nodes.client(1) as second:
            await me.connect(second)
            assert me.recovered
            await gone(nodes, 0)
            await nodes.nodes[0].emitter.emit("said", 1, to="lobby")
            assert await me.take(1) == [1]
            await me.nothing()
    await gone(nodes, 1)
    assert await comes_back(nodes, me, 0)


async def test_a_client_that_comes_back_to_its_node_before_that_has_noticed(nodes: Nodes) -> None:
    me = RecoveringClient()
    async with nodes.client(0) as first:
        await me.connect(first)
        await first.emit("enter", "lobby")
        await nodes.nodes[1].emitter.emit("said", 1, to="lobby")
        await eventually(lambda: nodes.nodes[0].relay.position is not None)
        async with nodes.client(0) as second:
            await me.connect(second)
            assert me.recovered
            await nodes.nodes[0].emitter.emit("said", 2, to="lobby")
            assert await me.take(2) == [1, 2]
            await me.nothing()
            assert len(nodes.nodes[0].registry.members("/")) == 1


async def test_on_a_cluster_a_node_recovers_its_own_sockets_alone(valkey: StoreServer) -> None:
    """It logs in its process, as no two streams of a Cluster can be looked at in one step."""
    factory = RedisBackendFactory("redis+cluster://127.0.0.1:1", "mooring", 60.0)
    assert isinstance(factory().recovery, MemoryRecoveryStore)
    me = RecoveringClient()
    async with recovering(events, valkey, "a", recovery=MemoryRecoveryStore()) as nodes:
        node = nodes.add("b", recovery=MemoryRecoveryStore())
        node.start()
        await eventually(lambda: node.relay.position is not None)
        await away(nodes, me, "lobby")
        await node.emitter.emit("said", 1, to="lobby")
        await nodes.nodes[0].emitter.emit("said", 2, to="lobby")
        assert nodes.nodes[0].recoveries is not None
        await eventually(lambda: valkey.command("XLEN", KEYS.stream("a")) == 2)
        await nodes.nodes[0].relay.reach(await end_of(valkey, "a"))
        async with nodes.client(0) as second:
            await me.connect(second)
            assert me.recovered
            assert sorted(await me.take(2)) == [1, 2]
            await me.nothing()
        await gone(nodes, 0)
        assert not await comes_back(nodes, me, 1)
        await node.aclose()


async def end_of(server: StoreServer, node: str) -> Offset:
    """The place of the last message for a node."""
    [[at, _fields]] = server.command("XREVRANGE", KEYS.stream(node), "+", "-", "COUNT", 1)
    ms, number = map(int, at.split("-"))
    return Offset(ms, number)


async def test_a_room_whose_join_a_failover_has_lost_again_is_given_back(
    nodes: Nodes, valkey: StoreServer
) -> None:
    """The old master had it, and the node notices by the gap that there is another one."""
    me, (node, other) = RecoveringClient(), nodes.nodes
    async with nodes.client(0) as first:
        await me.connect(first)
        key = KEYS.recovery((await nodes.session(0)).key)
        [pid] = valkey.command("HKEYS", key)
        before = valkey.command("HGET", key, pid)
        await first.emit("enter", "lobby")
        valkey.command("HSET", key, pid, before)
        node.relay.on_loss()
        await eventually(lambda: len(node.registry) == 0)
    async with nodes.client(1) as second:
        await me.connect(second)
        assert me.recovered
        await other.emitter.emit("said", 1, to="lobby")
        assert await me.take(1) == [1]


async def test_the_log_in_memory_is_bounded() -> None:
    log = MemoryLog(max_logged=3, max_bytes=2_700)
    log.node, log.healed = "x", 60.0
    for number in range(1, 6):
        log.append_event(number, EVERYBODY, "/", Body("[]"), None)
    await log.read(Position("x", 2, Offset(0, 0), 0))
    with pytest.raises(LogLostError):
        await log.read(Position("x", 1, Offset(0, 0), 0))
    log.append_event(6, EVERYBODY, "/", Body("x" * 1_500), None)
    found = log.select([("all", "")], Position("x", 2, Offset(0, 0), 0), None)
    assert [each.message.number for each in found] == [5, 6]
