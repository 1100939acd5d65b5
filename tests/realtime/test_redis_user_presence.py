"""RedisUserPresence: of all nodes one reports, whatever replies are lost, and whoever is taken for dead."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.realtime.redis_user_presence import RedisUserPresence
from app.redis.errors import RedisUnavailableError
from app.redis.url import connect
from app.sessions.ids import user_name
from tests.support.eventually import eventually, stays
from tests.support.servers import StoreServer

SLOW = 10.0
CHECK = 0.1


class LossyClient:
    """A client that loses the replies to some commands, once each."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.lost = 0

    async def execute(self, *arguments: Any) -> Any:
        reply = await self._client.execute(*arguments)
        if self.lost and arguments[0] == "EVAL":
            self.lost -= 1
            raise RedisUnavailableError("lost on purpose")
        return reply


class Node:
    """One node, and what it has reported."""

    def __init__(self, world: "World", name: str, check: float) -> None:
        self.name = name
        self.reported: list[tuple[str, bool]] = []
        self.client = LossyClient(world.client)
        self.presence = RedisUserPresence(
            self.client,  # type: ignore[arg-type] # it does what is used of one
            world.is_alive,
            node=name,
            lifetime=3600,
            check_seconds=check,
        )
        self.presence.start(lambda user, online: self.reported.append((user, online)))

    def come(self, user: str = "ann") -> None:
        """Have sockets of a user."""
        self.presence.set_here(user, here=True)

    def go(self, user: str = "ann") -> None:
        """Have none any more."""
        self.presence.set_here(user, here=False)


class World:
    """Nodes on one server, each alive until it is killed."""

    def __init__(self, server: StoreServer) -> None:
        self.server = server
        self.client: Any = connect(server.url)
        self.dead: set[str] = set()
        self.nodes: list[Node] = []

    async def is_alive(self, node: str) -> bool:
        """Return whether a node is alive."""
        return node not in self.dead

    def add(self, name: str, *, check: float = CHECK) -> Node:
        """Start a node."""
        self.nodes.append(Node(self, name, check))
        return self.nodes[-1]

    async def kill(self, node: Node) -> None:
        """End it as kill -9 does."""
        await node.presence.aclose()
        self.dead.add(node.name)

    def reported(self) -> list[tuple[str, bool]]:
        """Return what all have reported."""
        return [each for node in self.nodes for each in node.reported]

    async def is_written(self, *nodes: Node, user: str = "ann") -> bool:
        """Return whether exactly these nodes are known to have sockets of a user."""
        fields = self.server.command("HKEYS", f"mooring:online:{user_name(user)}")
        return {each for each in fields if each[0] != "-"} == {each.name for each in nodes}


@pytest.fixture
async def world(own_store_server: StoreServer) -> AsyncIterator[World]:
    made = World(own_store_server)
    yield made
    for each in made.nodes:
        await each.presence.aclose()
    await made.client.aclose()


async def test_the_first_and_the_last_of_all_nodes_report(world: World) -> None:
    one, two = world.add("a"), world.add("b")
    one.come()
    await eventually(lambda: one.reported == [("ann", True)], within=SLOW)
    two.come()
    await eventually(lambda: world.is_written(one, two), within=SLOW)
    one.go()
    await eventually(lambda: world.is_written(two), within=SLOW)
    two.go()
    await eventually(lambda: two.reported == [("ann", False)], within=SLOW)

    assert one.reported == [("ann", True)]


async def test_a_reply_that_is_lost_costs_no_word_and_none_is_said_twice(world: World) -> None:
    node = world.add("a")
    node.client.lost = 1
    node.come()
    await eventually(lambda: node.reported == [("ann", True)], within=SLOW)
    node.client.lost = 1
    node.go()
    await eventually(lambda: node.reported == [("ann", True), ("ann", False)], within=SLOW)
    node.come()
    await eventually(lambda: node.reported[2:] == [("ann", True)], within=SLOW)


async def test_what_no_node_has_written_keeps_none_from_reporting_who_a_killed_one_had(
    world: World,
) -> None:
    for name in ("mooring:online-nodes", "mooring:online-at:killed"):
        world.server.command("SADD", name, b"\xff")
    world.add("here")
    killed = world.add("killed")
    killed.come()
    await eventually(lambda: world.reported() == [("ann", True)])

    await world.kill(killed)

    await eventually(lambda: ("ann", False) in world.reported())
    await eventually(lambda: not world.server.command("EXISTS", "mooring:online-at:killed"))


async def test_what_a_killed_node_had_is_reported_within_two_seconds_by_one(world: World) -> None:
    others = [world.add(name, check=0.4) for name in ("b", "d")]
    killed = [world.add(name, check=0.4) for name in ("a", "c")]
    for node in killed:
        for number in range(5):
            node.come(f"user-{node.name}-{number}")
        node.come("both")
        node.come("ann")
    others[0].come()
    await eventually(lambda: len(world.reported()) == 12, within=SLOW)

    at = time.monotonic()
    for node in killed:
        await world.kill(node)

    await eventually(lambda: len(world.reported()) == 12 + 11, within=SLOW)
    assert time.monotonic() - at < 2.0
    gone = [user for user, online in world.reported() if not online]
    assert sorted(set(gone)) == sorted(gone)
    assert "ann" not in gone
    await stays(lambda: len(world.reported()) == 12 + 11, during=0.5)


async def test_who_comes_back_on_another_node_before_the_death_is_found_has_not_gone(
    world: World,
) -> None:
    here, killed = world.add("a"), world.add("b")
    killed.come()
    await eventually(lambda: killed.reported == [("ann", True)], within=SLOW)
    await world.kill(killed)
    here.come()

    await eventually(lambda: world.is_written(here), within=SLOW)
    assert here.reported == []


async def test_a_node_that_was_taken_for_dead_says_its_users_again(world: World) -> None:
    here, mistaken = world.add("a"), world.add("b")
    mistaken.come()
    await eventually(lambda: mistaken.reported == [("ann", True)], within=SLOW)
    world.dead.add("b")
    await eventually(lambda: here.reported[:1] == [("ann", False)], within=SLOW)
    world.dead.clear()

    await eventually(lambda: mistaken.reported[-1:] == [("ann", True)], within=SLOW)
    await eventually(lambda: world.is_written(mistaken), within=SLOW)


async def test_what_the_server_has_lost_is_written_again(world: World) -> None:
    node = world.add("a")
    node.come()
    await eventually(lambda: world.is_written(node), within=SLOW)
    world.server.flush()

    await eventually(lambda: world.is_written(node), within=SLOW)


async def test_an_outage_delays_it(world: World) -> None:
    node = world.add("a")
    world.server.stop()
    node.come()
    node.go()
    node.come()
    await stays(lambda: node.reported == [], during=0.2)
    world.server.start()

    await eventually(lambda: node.reported == [("ann", True)], within=SLOW)
