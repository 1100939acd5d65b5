"""Messages go to the nodes that have sockets for them, and to no other."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from app import EVERYBODY, Emitter, EventRouter, SocketDep, to_session, to_socket
from app.realtime.bus.base import EVERY_NODE, OWN_LOG, SequencedMessage
from app.realtime.bus.redis import WAIT, RedisBus
from app.realtime.redis_keys import RedisKeys
from app.realtime.redis_presence import RedisPresence
from app.realtime.service import RealtimeService
from app.realtime.targets import To
from app.redis.url import TIMEOUT, connect
from tests.realtime.two_nodes import Client, Cluster
from tests.support.eventually import eventually
from tests.support.servers import StoreServer

KEYS = RedisKeys()

events = EventRouter()


@events.on("enter")
async def enter(room: str, socket: SocketDep) -> None:
    await socket.join(room)


@events.on("leave")
async def leave(room: str, socket: SocketDep) -> None:
    await socket.leave(room)


@dataclass
class Nodes(Cluster):
    """Nodes on one Redis server, each with clients of its own."""

    server: StoreServer | None = None

    def add(self, name: str, **options: Any) -> RealtimeService:
        assert self.server is not None
        client, reader, listener = (connect(self.server.url, timeout=WAIT + TIMEOUT) for _ in "123")
        bus = RedisBus(client, reader)
        self.bus = bus  # type: ignore[assignment] # the last one's
        presence = RedisPresence(client, listener, node=name, lifetime=60)
        return super().add(name, presence=presence, **options)


@pytest.fixture
async def nodes(valkey: StoreServer) -> AsyncIterator[Nodes]:
    """Three nodes that read."""
    made = Nodes(events, server=valkey)
    async with AsyncExitStack() as stack:
        for name in ("a", "b", "c"):
            node = made.add(name)
            node.start()
            stack.push_async_callback(node.aclose)
        await eventually(lambda: streams(valkey) == {"a", "b", "c"})
        await eventually(lambda: valkey.command("SCARD", KEYS.nodes) == 3)
        yield made


def streams(server: StoreServer) -> set[str]:
    """The nodes that have a stream."""
    return {str(each).removeprefix(KEYS.streams) for each in server.command("KEYS", "mooring:{*")}


def length(server: StoreServer, node: str) -> int:
    """How much was sent to a node."""
    return int(server.command("XLEN", KEYS.stream(node)))


async def test_a_message_goes_to_the_nodes_that_have_the_room_and_to_no_other(
    nodes: Nodes, valkey: StoreServer
) -> None:
    async with nodes.client(1) as client:
        await client.join()
        await client.emit("enter", "lobby")
        before = {name: length(valkey, name) for name in "abc"}
        common = valkey.command("XLEN", KEYS.bus)
        for number in range(20):
            await nodes.nodes[0].emitter.emit("said", number, to="lobby")
        assert [await client.event() for _ in range(20)] == [["said", n] for n in range(20)]
        assert length(valkey, "b") == before["b"] + 20
        assert length(valkey, "a") == before["a"]
        assert length(valkey, "c") == before["c"]
        assert valkey.command("XLEN", KEYS.bus) == common


async def test_who_has_entered_gets_all_that_follows_from_any_emitter_in_order(
    nodes: Nodes, valkey: StoreServer
) -> None:
    """A room changes from one node to two and back, while two nodes and a worker send to it."""
    running = True

    async def send(name: str, emit: Callable[..., Any]) -> None:
        number = 0
        while running:
            number += 1
            await emit("said", name, number, to="lobby")

    async with (
        nodes.client(0) as first,
        nodes.client(1) as second,
        Emitter.connect(valkey.url) as worker,
    ):
        await first.join()
        await second.join()
        await first.emit("enter", "lobby")
        emitters = {"a": nodes.nodes[0].emitter, "c": nodes.nodes[2].emitter, "worker": worker}
        sending = [asyncio.create_task(send(name, each.emit)) for name, each in emitters.items()]
        got: dict[str, list[int]] = {name: [] for name in emitters}
        for _ in range(5):
            await entered(second, "lobby")
            since = dict.fromkeys(emitters, 0)
            for _ in range(60):
                _said, name, number = await second.event()
                assert since[name] in (0, number - 1), "one is missing, or they are out of order"
                since[name] = number
                got[name].append(number)
            await second.emit("leave", "lobby")
            second.frames.clear()
        running = False
        await asyncio.gather(*sending)
        assert all(each == sorted(set(each)) for each in got.values())
        assert all(got.values())


async def entered(client: Client, room: str) -> None:
    """Enter a room, and forget what came before the ack."""
    await client.post(f'427["enter","{room}"]')
    while not any(frame.startswith("437[") for frame in client.frames):
        client.frames += await client.poll()
    while not client.frames.pop(0).startswith("437["):
        pass


@pytest.mark.parametrize("by", ["node", "worker"])
async def test_what_is_sent_behind_a_join_from_afar_arrives(
    nodes: Nodes, valkey: StoreServer, by: str
) -> None:
    async with nodes.client(1) as client, Emitter.connect(valkey.url) as worker:
        await client.join()
        session = await nodes.session(1)
        emitter = worker if by == "worker" else nodes.nodes[2].emitter
        for room in map(str, range(20)):
            await emitter.join(to_session(session.key), room)
            await emitter.emit("said", room, to=room)
            assert await client.event() == ["said", room]


async def test_a_worker_is_answered_in_one_event_loop_after_another_and_after_it_was_closed(
    nodes: Nodes, valkey: StoreServer
) -> None:
    async with nodes.client(1) as client:
        await client.join()
        socket, worker = to_socket(client.sids["/"]), Emitter.connect(valkey.url)

        async def count(*, close: bool) -> int:
            found = await worker.count(socket)
            if close:
                await worker.aclose()
            return found

        for close in (False, False, True, True):
            assert await asyncio.to_thread(asyncio.run, count(close=close)) == 1
        assert [await count(close=True) for _ in range(2)] == [1, 1]


async def test_messages_to_rooms_sessions_and_everybody_keep_their_order(
    nodes: Nodes,
) -> None:
    async with nodes.client(1) as client:
        await client.join()
        await client.emit("enter", "lobby")
        session = await nodes.session(1)
        emitter = nodes.nodes[0].emitter
        for number in range(0, 60, 3):
            targets: list[To] = ["lobby", EVERYBODY, to_session(session.key)]
            for step, to in enumerate(targets):
                await emitter.emit("said", number + step, to=to, wait=False)
        assert [(await client.event())[1] for _ in range(60)] == list(range(60))


async def test_a_node_that_stops_takes_its_stream_and_its_keys_with_it(
    nodes: Nodes, valkey: StoreServer
) -> None:
    async with nodes.client(2) as client:
        await client.join()
        await client.emit("enter", "lobby")
        await nodes.nodes[2].drain(0.0)
    await nodes.nodes[2].aclose()
    assert streams(valkey) == {"a", "b"}
    assert valkey.command("SMEMBERS", KEYS.nodes) == {"a", "b"}
    left = valkey.command("KEYS", "mooring:sockets:*")
    assert all("c" not in valkey.command("HGETALL", name) for name in left)


@pytest.fixture
async def bus(valkey: StoreServer) -> AsyncIterator[RedisBus]:
    client = connect(valkey.url)
    bus = RedisBus(client, connect(valkey.url, timeout=WAIT + TIMEOUT))
    yield bus
    await bus.aclose()
    await client.aclose()


async def test_a_node_without_a_stream_gets_a_copy_that_others_pass_over(
    bus: RedisBus, valkey: StoreServer
) -> None:
    offset, before = await bus.open("new"), await bus.tail()
    valkey.command("HSET", KEYS.sockets("room-1"), "old", 1, "new", 1)
    message = SequencedMessage(1, b"said", "room-1")
    assert await bus.publish_all("here", [message, message]) == []
    old = (await bus.read(before)).entries
    assert [each.payload for each in old] == [b"said", b"said"]
    found = await bus.read_addressed("new", offset)
    assert [each.payload for each in found.entries] == [b"said", b"said"]
    later = await bus.read_addressed("new", found.offset)
    assert later.entries == []
    assert not later.gap


@pytest.mark.parametrize("found_out", ["by a copy", "by looking"])
async def test_a_node_whose_stream_is_lost_gets_what_is_addressed_to_it_and_a_gap(
    bus: RedisBus, valkey: StoreServer, found_out: str
) -> None:
    offset = await bus.open("new")
    valkey.command("HSET", KEYS.sockets("room-1"), "new", 1)
    if found_out == "by a copy":
        await bus.publish_all("here", [SequencedMessage(1, b"before", "room-1")])
    offset = (await bus.read_addressed("new", offset)).offset  # waits for a second if there is none
    valkey.command("DEL", KEYS.stream("new"))
    assert await bus.publish_all("here", [SequencedMessage(2, b"said", "room-1")]) == []
    batches = [await bus.read_addressed("new", offset)]
    batches.append(await bus.read_addressed("new", batches[0].offset))
    assert [each.payload for batch in batches for each in batch.entries] == [b"said"]
    assert [batch.gap for batch in batches] == (
        [False, True] if found_out == "by a copy" else [True, False]
    )


async def test_the_mark_of_a_node_that_never_came_is_forgotten(
    bus: RedisBus, valkey: StoreServer
) -> None:
    await bus.open("there")
    valkey.command("HSET", KEYS.sockets("room-1"), "+there", 5)
    for number in (1, 2):
        assert await bus.publish_all("here", [SequencedMessage(number, b"", "room-1")]) == []
    assert length(valkey, "there") == 2, "the first of them, behind the entry of its beginning"
    assert valkey.command("EXISTS", KEYS.sockets("room-1")) == 0


async def test_a_mark_expires_with_the_room(bus: RedisBus, valkey: StoreServer) -> None:
    await bus.open("there")
    valkey.command("SADD", KEYS.nodes, "there")
    message = SequencedMessage(1, b"", EVERY_NODE, "room-1")
    assert await bus.publish_all("here", [message]) == []
    assert valkey.command("HKEYS", KEYS.sockets("room-1")) == ["+there"]
    assert 500_000 < valkey.command("PTTL", KEYS.sockets("room-1")) <= 600_000


async def test_messages_for_many_addresses_share_a_command(own_store_server: StoreServer) -> None:
    client, reader = (connect(own_store_server.url, timeout=WAIT + TIMEOUT) for _ in "12")
    bus = RedisBus(client, reader)
    offsets = {node: await bus.open(node) for node in ("even", "odd")}
    for number in range(20):
        node = "odd" if number % 2 else "even"
        own_store_server.command("HSET", KEYS.sockets(f"room-{number}"), node, 1)
    messages = [SequencedMessage(n, b"%d" % n, f"room-{n // 2}") for n in range(40)]
    own_store_server.command("CONFIG", "RESETSTAT")
    assert await bus.publish_all("here", messages) == []
    calls = own_store_server.command("INFO", "commandstats")
    scripts = [
        calls[name]["calls"] for name in ("cmdstat_eval", "cmdstat_evalsha") if name in calls
    ]
    assert sum(scripts) == 2  # sixteen entries and four
    for begin, (node, offset) in zip((0, 2), offsets.items(), strict=True):
        entries = (await bus.read_addressed(node, offset)).entries
        numbers = [n for n in range(40) if n % 4 in (begin, begin + 1)]
        assert [(each.sequence, each.payload) for each in entries] == [
            (n, b"%d" % n) for n in numbers
        ]
    await bus.aclose()
    await client.aclose()


async def test_of_a_command_that_fails_for_one_address_all_is_said_to_have_failed(
    bus: RedisBus, valkey: StoreServer
) -> None:
    offset = await bus.open("there")
    valkey.command("HSET", KEYS.sockets("room-1"), "there", 1)
    valkey.command("SET", KEYS.sockets("room-2"), "no hash")
    messages = [SequencedMessage(n, b"", f"room-{n}") for n in (1, 2)]
    failed = await bus.publish_all("here", messages)
    assert failed == messages
    valkey.command("DEL", KEYS.sockets("room-2"))
    valkey.command("HSET", KEYS.sockets("room-2"), "there", 1)
    assert await bus.publish_all("here", failed) == []
    entries = (await bus.read_addressed("there", offset)).entries
    assert [each.sequence for each in entries][-2:] == [1, 2]


async def test_what_a_server_refuses_for_want_of_memory_is_appended_anyway(
    bus: RedisBus, valkey: StoreServer
) -> None:
    offset = await bus.open("there")
    for room in ("room-0", "room-1"):
        valkey.command("HSET", KEYS.sockets(room), "there", 1)
    valkey.command("CONFIG", "SET", "maxmemory", 1)
    try:
        messages = [SequencedMessage(n, b"said", f"room-{n % 2}") for n in range(1, 4)]
        assert await bus.publish_all("here", messages) == []
    finally:
        valkey.command("CONFIG", "SET", "maxmemory", 0)
    entries = (await bus.read_addressed("there", offset)).entries
    assert [(each.sequence, each.payload) for each in entries] == [(n, b"said") for n in (1, 2, 3)]


async def test_what_is_for_the_node_s_own_log_alone_waits_for_no_memory_and_holds_nothing_up(
    bus: RedisBus, valkey: StoreServer
) -> None:
    bus.keeps_log = True
    await bus.open("here")
    valkey.command("CONFIG", "SET", "maxmemory", 1)
    try:
        message = SequencedMessage(1, b"said", OWN_LOG, logged=True)
        assert await bus.publish_all("here", [message]) == []
    finally:
        valkey.command("CONFIG", "SET", "maxmemory", 0)
    [[_at, fields]] = valkey.command("XREVRANGE", KEYS.log("here"), "+", "-", "COUNT", 1)
    assert fields == {"o": "here", "n": "1", "m": "said"}
    assert length(valkey, "here") == 1
    assert valkey.command("XLEN", KEYS.bus) == 0
