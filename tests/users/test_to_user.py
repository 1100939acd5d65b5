"""What is sent to a user reaches all of the user's sockets, on every node, and nobody else's."""

from functools import partial

import httpx
import pytest

from tests.support.browsers import JsClients
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.js_client import JsClient
from tests.support.service import Service, service
from tests.support.stores import STORES, StoreSettings
from tests.users.conftest import PRODUCT
from tests.users.test_sign_in import name

SHARED = [each for each in STORES if each != "memory"]


async def _socket(js: JsClients, node: Service, user: str | None) -> JsClient:
    """Return a socket of a session of its own."""
    async with http_client(node.url) as client:
        if user is None:
            await client.get("/session")
        else:
            await client.post("/login", json={"user": user})
        browser = await js.browser(node.url, cookie=f"session={client.cookies['session']}")
    return await browser.connect()


async def _told(client: httpx.AsyncClient, user: str, count: int) -> bool:
    return bool((await client.post(f"/tell/{user}")).json() == count)


async def test_all_sockets_of_a_user_are_told_and_no_other(
    js: JsClients, ann: httpx.AsyncClient, product: Service
) -> None:
    user = name()
    anns = [await _socket(js, product, user) for _ in range(2)]
    others = [await _socket(js, product, each) for each in (name(), None, user.upper())]

    assert (await ann.post(f"/tell/{user}")).json() == 2

    for socket in anns:
        await socket.wait_for("told")
        assert socket.values("told") == ["hello"]
    for socket in others:
        assert await socket.emit("whoami") != user
        assert socket.values("told") == []


async def test_a_room_of_the_application_cannot_be_a_user_s(
    js: JsClients, ann: httpx.AsyncClient, product: Service
) -> None:
    user = name()
    socket = await _socket(js, product, user)
    await ann.post("/tell/another")

    assert await socket.emit("whoami") == user
    assert socket.values("told") == []


async def test_who_signs_in_or_out_is_told_from_then_on_or_no_more(
    js: JsClients, ann: httpx.AsyncClient, product: Service
) -> None:
    user = name()
    browser = await js.browser(product.url)
    socket = await browser.connect()
    assert (await ann.post(f"/tell/{user}")).json() == 0
    mark = socket.mark
    json = {"content-type": "application/json"}
    await browser.fetch("POST", "/login", headers=json, body=f'{{"user": "{user}"}}')
    await socket.wait_for("connect", after=mark)

    await eventually(partial(_told, ann, user, 1))
    await socket.wait_for("told")
    await ann.post(f"/ban/{user}")
    await eventually(partial(_told, ann, user, 0))


async def test_all_sockets_of_a_user_are_disconnected_and_the_session_goes_on(
    js: JsClients, ann: httpx.AsyncClient, product: Service
) -> None:
    user = name()
    socket = await _socket(js, product, user)

    await ann.post(f"/kick/{user}")

    assert (await socket.wait_for("disconnect", within=1.0)).args[0] == "io server disconnect"
    await ann.post("/login", json={"user": user})
    assert len((await ann.get("/devices")).json()) == 2


@pytest.mark.parametrize("store_name", SHARED, indirect=True)
async def test_it_reaches_and_counts_the_sockets_on_other_nodes(
    js: JsClients, ann: httpx.AsyncClient, product: Service, any_store: StoreSettings
) -> None:
    user = name()
    async with js.on(service(app=PRODUCT, **any_store)) as far:
        sockets = [await _socket(js, node, user) for node in (product, far)]

        await eventually(partial(_told, ann, user, 2))

        for socket in sockets:
            await socket.wait_for("told")
