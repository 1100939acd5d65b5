"""A worker finds and ends the sessions of users, and their sockets, without FastAPI."""

import subprocess
import sys

import httpx
import pytest
import redis

from app import Users
from app.realtime.redis_keys import RedisKeys
from app.sessions import Policy, SessionManager
from tests.support.browsers import JsClients
from tests.support.eventually import eventually
from tests.support.http import problem
from tests.support.processes import ROOT
from tests.support.proxy import proxy_to
from tests.support.servers import StoreServer
from tests.support.service import Service
from tests.support.stores import STORES, StoreSettings
from tests.support.stores_in_process import redis_store
from tests.users.test_sign_in import name

SHARED = [each for each in STORES if each != "memory"]


@pytest.mark.parametrize("store_name", SHARED, indirect=True)
async def test_a_worker_ends_a_user_and_the_sockets_of_the_user(
    js: JsClients, ann: httpx.AsyncClient, product: Service, any_store: StoreSettings
) -> None:
    user = name()
    key = (await ann.post("/login", json={"user": user})).json()
    browser = await js.browser(product.url, cookie=f"session={ann.cookies['session']}")
    socket = await browser.connect()

    async with Users.connect(str(any_store["redis_url"])) as users:
        [session] = await users.sessions(user)
        assert session.key == key
        assert await users.end(user) == 1
        assert (await socket.wait_for("disconnect", within=1.0)).args[0] == "io server disconnect"
        assert await users.sessions(user) == []

    assert socket.values("session ended") == [{"reason": "revoked"}]
    assert problem(await ann.get("/me")) == (401, "sign-in-required")


async def test_what_is_not_closed_is_warned_about(valkey: StoreServer) -> None:
    with pytest.raises(ValueError, match="redis://"):
        Users.connect("http://nowhere")  # without a word about what has not come to be
    users = Users.connect(valkey.url)
    assert await users.sessions("ann") == []
    store, relay = users._store, users._relay
    with pytest.warns(ResourceWarning, match=r"unclosed .*ConnectedUsers.*users\.aclose\(\)"):
        del users
    await relay.aclose()
    await store.aclose()


async def test_many_users_are_asked_for_in_the_round_trips_of_one(valkey: StoreServer) -> None:
    node, names, keys = "a node", [name() for _ in range(40)], RedisKeys()
    store = redis_store(valkey.url)
    sessions = SessionManager(store, Policy(idle=600, absolute=3600), store)
    for user in names:
        session = await sessions.create()
        await session.sign_in(user)
        valkey.command("HSET", keys.sockets(session.key), node, names.index(user) % 2)
    await sessions.aclose()

    with redis.Redis.from_url(valkey.url).pubsub() as alive:  # type: ignore[no-untyped-call] # not typed by redis-py
        alive.subscribe(keys.channel(node))
        await eventually(lambda: alive.get_message() is not None)
        async with proxy_to(valkey.port) as proxy, Users.connect(proxy.url) as users:
            assert await users.online(names[1])
            trips = []
            for asked in (names[1:2], names):
                proxy.writes.clear()
                assert await users.online_among(asked) == {*names[1::2]} & {*asked}
                trips.append(len(proxy.writes))
    assert trips[0] == trips[1] <= 4


def test_a_worker_imports_neither_fastapi_nor_a_server() -> None:
    source = (
        "import sys\nfrom app import Users\nUsers.connect('redis://localhost:1/0')\n"
        "print([each for each in ('fastapi', 'starlette', 'uvicorn') if each in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"
