"""What a node that runs tests/support/inspection_app.py still holds of clients that have disconnected."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import httpx

from app.realtime.redis_keys import RedisKeys
from tests.support.eventually import PATIENCE, eventually
from tests.support.http import http_client
from tests.support.servers import StoreServer
from tests.support.service import Service

INSPECTION_APP = "tests.support.inspection_app"
_CONNECTION, _CONNECTIONS = "task PipelinedConnection._run", 4
"""What a node has for each connection to its server, and how many; a store in memory has none."""


@asynccontextmanager
async def nothing_is_left_over(
    node: Service, server: StoreServer | None = None, *, within: float = PATIENCE
) -> AsyncIterator[None]:
    """Fail if there is more in the node than before, and in its store more than sessions.

    Until so many seconds after what happened in the block it may take.
    """
    async with http_client(node.url) as client:
        before = await eventually(lambda: _held_at_rest(client))
        yield
        assert node.alive
        await eventually(lambda: _is_as(before, client), within=within)
    if server is not None:
        await eventually(lambda: _has_sessions_alone(server), within=within)


def _has_sessions_alone(server: StoreServer) -> bool:
    more = set(server.keys()) - {*server.session_keys(), *_of_nodes(server), *_of_users(server)}
    assert not more, f"left in the store: {more}"
    return True


def _of_users(server: StoreServer) -> set[str]:
    """The lists of users' sessions that name none but those that are there (tests/product/signed_in.py)."""
    records = set(server.session_keys())
    return {
        key
        for key in server.command("KEYS", "mooring:user:*")
        if {f"mooring:session:{{{each}}}" for each in server.command("ZRANGE", key, 0, -1)}
        <= records
    }


def _of_nodes(server: StoreServer) -> set[str]:
    """What nodes keep while they run: streams, and that they have namespaces, of which no socket is left."""
    keys = RedisKeys()
    of_nodes = {keys.bus, keys.nodes}
    for node in server.command("SMEMBERS", keys.nodes):
        of_nodes |= {keys.stream(node), keys.carried(node), keys.counted(node)}
        for key in server.command("SMEMBERS", keys.counted(node)):
            count = server.command("HGET", keys.sockets(key), node)
            assert key.startswith("all-"), f"left in the store: {keys.sockets(key)}"
            assert count == "0", f"{count} sockets are left of a namespace"
            of_nodes.add(keys.sockets(key))
    return of_nodes


class Stored(NamedTuple):
    """How many sessions a store holds, and how many tombstones."""

    live: int
    ended: int


async def stored(client: httpx.AsyncClient, server: StoreServer | None) -> Stored:
    """Count what is in a node's store: its server's, or the one in its memory."""
    if server is None:
        living: list[bool] = list((await client.get("/stored")).json().values())
    else:
        values = [server.command("GET", key) for key in server.session_keys()]
        living = [value.startswith("R") for value in values]
    return Stored(sum(living), len(living) - sum(living))


async def _is_as(before: dict[str, int], client: httpx.AsyncClient) -> bool:
    held = await _held(client)
    more = {name: number for name, number in held.items() if number > before.get(name, 0)}
    assert not more, f"left over: {more}, where there was {before}"
    return True


async def _held_at_rest(client: httpx.AsyncClient) -> dict[str, int]:
    """Return what it holds when it has its connections, some of which it opens after it has started."""
    held = await _held(client)
    assert held.get(_CONNECTION, _CONNECTIONS) == _CONNECTIONS, held
    assert "task execute" not in held, held
    return held


async def _held(client: httpx.AsyncClient) -> dict[str, int]:
    held: dict[str, int] = (await client.get("/left")).json()
    return held
