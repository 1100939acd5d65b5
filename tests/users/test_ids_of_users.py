"""P10 for users: their ids are in no room, key, log, metric or frame, and are not kept of the forgotten."""

import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

from tests.conftest import Servers
from tests.support.eventually import eventually
from tests.support.http import cookie_header, http_client
from tests.support.issued import PEOPLE
from tests.support.raw import raw_polling, raw_websocket
from tests.support.servers import STORE_SERVERS, StoreServer
from tests.support.service import Service, service
from tests.support.stores import StoreSettings
from tests.users.test_sign_in import name

PRODUCT = "tests.users.presence_product:app"
LABEL = "the label of somebody"
SLOW = 10.0


class Seen:
    """All that a client was sent, but for what the product itself says of users."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def note(self, answer: httpx.Response) -> None:
        """Note an answer, headers and body."""
        await answer.aread()
        self.texts.append(f"{answer.headers.raw!r} {answer.text}")


@pytest.fixture
def server(store_name: str, _servers: Servers) -> StoreServer | None:
    """The server of the node's store, if it has one."""
    return None if store_name == "memory" else _servers(store_name, of_nodes=True)


@pytest.fixture
async def nodes(
    server: StoreServer | None, any_store: StoreSettings, tmp_path: Path
) -> AsyncIterator[tuple[Service, Service]]:
    """Two nodes of the product with hooks for users, whose logs are searched for ids when they end.

    The memory store has but one.
    """
    settings = {"app": PRODUCT, "told": tmp_path / "told", **any_store}
    async with service(**settings) as one:
        if server is None:
            yield one, one
        else:
            async with service(**settings) as other:
                yield one, other


async def test_clients_see_none(nodes: tuple[Service, Service], server: StoreServer | None) -> None:
    user, other = (f"{name()}@{PEOPLE}" for _ in range(2))
    seen = Seen()
    node, elsewhere = nodes
    async with http_client(node.url) as client:
        client.event_hooks["response"].append(seen.note)
        await _sign_in(client, user)
        cookie = cookie_header(client)
        async with (
            raw_websocket(elsewhere.url, cookie=cookie) as socket,
            raw_polling(node.url, cookie=cookie, leave=False) as poller,
        ):
            await socket.join()
            seen.texts.append(await socket.join("/members"))
            await poller.join()
            refused = await client.post("/login", json={"user": other})
            assert refused.json()["type"] == "signed-in-already"
            for path in ("/devices", "/session/rotate", "/openapi.json", "/asyncapi.json"):
                await client.get(path)
            await client.delete("/devices/none")
            assert (await client.post(f"/tell/{user}")).json() == 2
            await client.post(f"/kick/{user}")
            seen.texts += [await socket.receive_until(each, SLOW) for each in ("42", "41", "41")]
            seen.texts.append(await socket.join())
            _keys_have_none(server)
            assert (await client.post(f"/ban/{user}")).json() == 1
            seen.texts += await socket.frames_until_closed(SLOW)
        await client.get("/who")
    for word in ("told", "revoked"):
        assert any(word in each for each in seen.texts), word
    assert [each for each in seen.texts if PEOPLE in each] == []


def _keys_have_none(server: StoreServer | None) -> None:
    if server is None:
        return
    keys = server.command("KEYS", "*")
    assert any("user" in each for each in keys)
    assert [each for each in keys if PEOPLE in each] == []
    streams = [each for each in keys if server.command("TYPE", each) == "stream"]
    entries = json.dumps([server.command("XRANGE", each, "-", "+") for each in streams])
    assert "told" in entries
    assert PEOPLE not in entries


async def _sign_in(client: httpx.AsyncClient, user: str) -> None:
    answer = await client.post("/login", json={"user": user, "label": LABEL})
    assert answer.status_code == httpx.codes.OK


@pytest.mark.parametrize("store_name", STORE_SERVERS, indirect=True)
async def test_nothing_is_left_of_who_is_forgotten(
    nodes: tuple[Service, Service], server: StoreServer | None
) -> None:
    assert server is not None
    user = f"{name()}@{PEOPLE}"
    node, elsewhere = nodes
    async with http_client(node.url) as client, http_client(elsewhere.url) as second:
        for each in (client, second):
            await _sign_in(each, user)
        await second.post("/session/rotate")
        async with raw_websocket(node.url, cookie=cookie_header(client)) as socket:
            await socket.join()
            await client.post(f"/tell/{user}")
            stored = unquote(server.everything())
            assert PEOPLE in stored
            assert LABEL in stored
            assert (await client.delete("/account")).json() == 2

            await eventually(partial(_has_forgotten, server), within=10.0)


def _has_forgotten(server: StoreServer) -> bool:
    """Whether all is gone but what says for a minute who has told of the user's going."""
    left = unquote(server.everything())
    told = server.command("KEYS", "mooring:online:*")
    ids = sum(server.command("HGETALL", each)["-user"].count(PEOPLE) for each in told)
    assert all(server.command("TTL", each) > 0 for each in told)
    return LABEL not in left and left.count(PEOPLE) == ids
