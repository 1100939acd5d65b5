"""Tokens in the CONNECT packet: `auth: {"token": ...}`, for clients that can set no header fields."""

import json
from collections.abc import AsyncIterator
from functools import partial

import httpx
import pytest
import socketio

from app.sessions.ids import session_key, short
from tests.clients.python_clients import OPTIONS
from tests.support.browsers import JsClients, Transport
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.issued import note_issued
from tests.support.js_client import JsClient
from tests.support.raw import RawWebSocket, raw_polling, raw_websocket
from tests.support.service import Service, service
from tests.support.stores import STORES, StoreSettings
from tests.users.conftest import PRODUCT
from tests.users.test_sign_in import name
from tests.users.test_tokens import FIELD

SLOW = 10.0
SHARED = [each for each in STORES if each != "memory"]
MADE_UP = "A" * 43 + "." + "A" * 43


@pytest.fixture
async def client(token_product: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a jar."""
    async with http_client(token_product.url, jarless=True) as client:
        yield client


async def _post(client: httpx.AsyncClient, path: str, token: str, **body: object) -> str:
    """Post with a token, and return the token of the answer."""
    answer = await client.post(path, json=body, headers={FIELD: token})
    assert answer.is_success, answer.text
    note_issued(new := answer.headers.get_list(FIELD))
    return str(new[0]) if new else token


async def _signed_in(client: httpx.AsyncClient, user: str) -> str:
    return await _post(client, "/login", "", user=user)


async def _connect(socket: RawWebSocket, token: object, namespace: str = "") -> str:
    await socket.send(f"40{namespace}{json.dumps({'token': token})}")
    return await socket.receive_until("4", within=SLOW)


async def _user(socket: RawWebSocket) -> object:
    await socket.emit("whoami", ack=1)
    answer = json.loads((await socket.receive_until("431", within=SLOW))[3:])
    return answer[0] if answer else None


async def _who(client: httpx.AsyncClient, cookie: str) -> object:
    return (await client.get("/who", headers={"cookie": cookie})).json()


def _is_discarded(node: Service, key: str) -> bool:
    """Whether the node says so: whoever asks with the cookie uses the session."""
    lines = [each for each in node.log().splitlines() if "session discarded" in each]
    return any(short(key) in each for each in lines)


async def _is_gone(client: httpx.AsyncClient, cookie: str) -> bool:
    return await _who(client, cookie) == {}


async def _sockets(client: httpx.AsyncClient, token: str) -> int:
    [device] = (await client.get("/devices", headers={FIELD: token})).json()
    return int(device["sockets"])


def _error(packet: str) -> str:
    assert packet.startswith("44"), packet
    return str(json.loads(packet[packet.index("{") :])["data"]["type"])


@pytest.mark.parametrize("jarless", [False, True], ids=["jar", "no jar"])
async def test_sockets_on_all_transports_belong_to_the_token_s_session(
    js: JsClients, client: httpx.AsyncClient, token_product: Service, jarless: bool
) -> None:
    user = name()
    token = await _signed_in(client, user)

    sockets: list[JsClient] = []
    for transport in Transport:
        browser = await js.browser(token_product.url)
        options = {"auth": {"token": token}}
        socket = await browser.connect(transport, options=options, jarless=jarless, within=SLOW)
        sockets.append(socket)

    assert [await each.emit("whoami") for each in sockets] == [user] * 3
    assert await _sockets(client, token) == 3
    assert (await client.post(f"/tell/{user}")).json() == 3
    for each in sockets:
        await each.wait_for("told", within=SLOW)
    await client.post("/logout", headers={FIELD: token})
    for each in sockets:
        assert (await each.wait_for("disconnect", within=SLOW)).args[0] == "io server disconnect"
        assert each.values("session ended") == [{"reason": "logout"}]


async def test_python_s_client_brings_it_too(
    client: httpx.AsyncClient, token_product: Service, transport: Transport
) -> None:
    user = name()
    token = await _signed_in(client, user)
    async with socketio.AsyncSimpleClient(**OPTIONS) as socket:
        await socket.connect(
            token_product.url, auth={"token": token}, transports=transport.names, wait_timeout=SLOW
        )
        assert await socket.call("whoami", timeout=int(SLOW)) == user

    with pytest.raises(socketio.exceptions.ConnectionError, match="failed to connect"):
        async with socketio.AsyncSimpleClient(**OPTIONS) as socket:
            await socket.connect(
                token_product.url, auth={"token": MADE_UP}, transports=transport.names
            )


async def test_the_session_that_nobody_used_goes(
    client: httpx.AsyncClient, token_product: Service
) -> None:
    token = await _signed_in(client, user := name())
    async with raw_websocket(token_product.url) as socket:
        [opened] = socket.set_cookies
        assert (await _connect(socket, token)).startswith("40")

        key = session_key(opened.value.partition(".")[0])
        await eventually(partial(_is_discarded, token_product, key), within=SLOW)
        assert await _is_gone(client, opened.pair)
        assert await _user(socket) == user
        assert await _sockets(client, token) == 1
    assert key not in (await client.get("/devices", headers={FIELD: token})).text


async def test_one_that_was_used_meanwhile_stays(
    client: httpx.AsyncClient, token_product: Service
) -> None:
    token = await _signed_in(client, name())
    async with raw_websocket(token_product.url) as socket:
        [opened] = socket.set_cookies
        other = name()
        login = await client.post("/login", json={"user": other}, headers={"cookie": opened.pair})
        cookie = login.headers["set-cookie"].partition(";")[0]
        note_issued([cookie])
        assert (await _connect(socket, token)).startswith("40")

    assert (await client.get("/me", headers={"cookie": cookie})).json() == other


@pytest.mark.parametrize("token", ["x", MADE_UP, 7, ["x"], {"a": "b"}, True])
async def test_a_token_that_is_none_is_refused_and_another_may_follow(
    client: httpx.AsyncClient, token_product: Service, token: object
) -> None:
    good = await _signed_in(client, user := name())
    async with raw_websocket(token_product.url) as socket:
        assert _error(await _connect(socket, token)) == "invalid-token"
        assert (await _connect(socket, good)).startswith("40")
        assert await _user(socket) == user


async def test_a_refused_client_is_told_by_connect_error(
    js: JsClients, token_product: Service
) -> None:
    browser = await js.browser(token_product.url)

    socket = await browser.connect(options={"auth": {"token": MADE_UP}}, wait=False)

    error = await socket.wait_for("connect_error", within=SLOW)
    assert error.args[2]["type"] == "invalid-token"
    assert not socket.active


async def test_the_token_of_a_session_that_has_ended_is_refused(
    client: httpx.AsyncClient, token_product: Service
) -> None:
    logged_out = await _signed_in(client, name())
    await _post(client, "/logout", logged_out)
    revoked = await _signed_in(client, user := name())
    await client.post(f"/ban/{user}")

    async with raw_websocket(token_product.url) as socket:
        assert _error(await _connect(socket, logged_out)) == "session-ended"
        assert _error(await _connect(socket, revoked)) == "invalid-token"


async def test_with_one_that_was_rotated_just_now_the_client_tries_again(
    js: JsClients, client: httpx.AsyncClient, token_product: Service, transport: Transport
) -> None:
    old = await _signed_in(client, name())
    await _post(client, "/session/rotate", old)
    browser = await js.browser(token_product.url)

    socket = await browser.connect(transport, options={"auth": {"token": old}}, wait=False)

    await socket.wait_for("reconnect_attempt", within=SLOW)
    assert not socket.named("connect")
    await socket.close()


@pytest.mark.parametrize("user", ["its own", "another"])
async def test_there_is_never_both_a_cookie_and_a_token(
    client: httpx.AsyncClient, token_product: Service, user: str
) -> None:
    token = await _signed_in(client, mine := name())
    async with http_client(token_product.url) as browser:
        await browser.post("/login", json={"user": mine if user == "its own" else name()})
        cookie = f"session={browser.cookies['session']}"

    async with raw_websocket(token_product.url, cookie=cookie) as socket:
        assert _error(await _connect(socket, token)) == "two-sessions"
    async with raw_websocket(token_product.url, headers={FIELD: token}) as socket:
        assert _error(await _connect(socket, cookie.partition("=")[2])) == "two-sessions"
        assert (await _connect(socket, token)).startswith("40")


async def test_beside_a_cookie_a_token_of_another_form_is_the_application_s_own(
    client: httpx.AsyncClient, token_product: Service
) -> None:
    async with http_client(token_product.url) as browser:
        await browser.post("/login", json={"user": (user := name())})
        cookie = f"session={browser.cookies['session']}"

    async with raw_websocket(token_product.url, cookie=cookie) as socket:
        assert (await _connect(socket, "eyJhbGciOi.J9.x")).startswith("40")
        assert await _user(socket) == user


@pytest.mark.parametrize("token", ["", None])
async def test_who_has_no_token_yet_keeps_the_session_of_the_handshake(
    client: httpx.AsyncClient, token_product: Service, token: object
) -> None:
    async with raw_websocket(token_product.url) as socket:
        [opened] = socket.set_cookies
        assert (await _connect(socket, token)).startswith("40")
        assert await _user(socket) is None
        assert await _who(client, opened.pair) != {}


async def test_a_connection_has_one_session_in_all_its_namespaces(
    client: httpx.AsyncClient, token_product: Service
) -> None:
    token, other = [await _signed_in(client, name()) for _ in range(2)]
    async with raw_websocket(token_product.url) as socket:
        assert (await _connect(socket, token)).startswith("40")

        assert _error(await _connect(socket, other, "/members,")) == "two-sessions"
        assert (await _connect(socket, token, "/members,")).startswith("40/members,")
        await socket.send("41/members,")
        assert (await socket.join("/members")).startswith("40/members,")
        assert await _sockets(client, token) == 1

    async with raw_websocket(token_product.url) as socket:
        await socket.join()  # with the session of the handshake, which is used from here on
        assert _error(await _connect(socket, token, "/members,")) == "two-sessions"


async def test_a_namespace_for_members_lets_in_by_a_token(
    client: httpx.AsyncClient, token_product: Service
) -> None:
    token = await _signed_in(client, name())
    async with raw_websocket(token_product.url) as socket:
        assert _error(await socket.join("/members")) == "sign-in-required"
        assert (await _connect(socket, token, "/members,")).startswith("40/members,")


async def test_the_socket_s_id_stays_no_key(
    client: httpx.AsyncClient, token_product: Service
) -> None:
    token = await _signed_in(client, name())
    async with raw_polling(token_product.url, jarless=True, leave=False) as polling:
        assert polling.handshake is not None
        opened = polling.handshake.headers["set-cookie"].partition(";")[0]
        await polling.post("40" + json.dumps({"token": token}))
        await polling.receive_until("40", within=SLOW)

        for sent in ({FIELD: token}, {"cookie": f"session={token}"}):
            answer = await client.post(polling.address, content="3", headers=sent)
            assert answer.status_code == 403
        assert (await polling.post("3")).status_code == 200
        # There is a jar after all: somebody else has used the id.
        await client.post(polling.address, content="3", headers={"cookie": opened})
        assert (await polling.post("3")).status_code == 400


async def test_without_tokens_auth_is_the_application_s_alone(
    ann: httpx.AsyncClient, product: Service
) -> None:
    await ann.post("/login", json={"user": name()})
    async with raw_websocket(product.url) as socket:
        assert (await _connect(socket, ann.cookies["session"])).startswith("40")
        assert await _user(socket) is None


@pytest.mark.parametrize("store_name", SHARED, indirect=True)
async def test_an_end_on_another_node_finds_it(
    js: JsClients, client: httpx.AsyncClient, token_product: Service, any_store: StoreSettings
) -> None:
    token = await _signed_in(client, name())
    async with js.on(service(app=PRODUCT, session_tokens="true", **any_store)) as far:
        browser = await js.browser(far.url)
        socket = await browser.connect(options={"auth": {"token": token}}, within=SLOW)
        await eventually(partial(_has_socket, client, token), within=SLOW)

        await _post(client, "/session/rotate", token)

        assert (await socket.wait_for("disconnect", within=SLOW)).args[0] == "transport close"
        assert socket.values("session ended") == [{"reason": "rotated"}]
        await socket.close()


async def _has_socket(client: httpx.AsyncClient, token: str) -> bool:
    return await _sockets(client, token) == 1
