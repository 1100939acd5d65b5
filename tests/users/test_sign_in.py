"""Sign-in: the id, the data, who it is, from where, and what needs it."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from tests.support.browsers import JsBrowser, JsClients
from tests.support.http import http_client, problem, set_cookies, the_set_cookie
from tests.support.raw import raw_websocket
from tests.support.service import Service

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NAMES = ["ann", "7", "Zoë 😀", "a b/c?d=%20", "x" * 256, "'; DROP TABLE", "-", "null", "{}", "\0"]


def name() -> str:
    """Return a user whom no other test has."""
    return f"ann-{uuid4()}"


@pytest.mark.parametrize("user", NAMES)
async def test_a_user_who_signed_in_is_known_until_the_sign_out(
    ann: httpx.AsyncClient, user: str
) -> None:
    assert problem(await ann.get("/me")) == (401, "sign-in-required")
    await ann.post("/login", json={"user": user})

    assert (await ann.get("/me")).json() == user

    await ann.post("/sign-out")
    assert problem(await ann.get("/me")) == (401, "sign-in-required")


async def test_who_asks_for_a_user_opens_no_session(ann: httpx.AsyncClient) -> None:
    assert not set_cookies(await ann.get("/me"))


async def test_what_nobody_gets_is_kept_from_those_who_are_signed_in(
    ann: httpx.AsyncClient,
) -> None:
    for path in ("/who", "/me", "/devices"):
        assert "Cookie" in (await ann.get(path)).headers["vary"]
    assert "cache-control" not in (await ann.get("/who")).headers


async def test_a_sign_in_moves_the_session_to_a_new_id_and_keeps_its_data(
    ann: httpx.AsyncClient, product: Service
) -> None:
    await ann.post("/login", json={"user": "ann"})
    before = ann.cookies["session"]
    answer = await ann.post("/login", json={"user": "ann"})

    assert the_set_cookie(answer).value != before
    assert (await ann.get("/who")).json()["logins"] == 2
    async with http_client(product.url, cookie=f"session={before}") as thief:
        assert problem(await thief.get("/me")) == (409, "session-ended")


async def test_a_second_sign_in_renews_its_time_and_no_more(ann: httpx.AsyncClient) -> None:
    user = name()
    await ann.post("/login", json={"user": user})
    first = (await ann.get("/who")).json()
    await ann.post("/login", json={"user": user})
    second = (await ann.get("/who")).json()

    assert first["user"] == second["user"] == user
    assert first["signed_in_at"] < second["signed_in_at"]


async def test_a_second_sign_in_keeps_the_label_and_the_lifetime_of_the_first(
    ann: httpx.AsyncClient,
) -> None:
    month = 30 * 24 * 3600
    first = {"user": "ann", "label": "the one in the kitchen", "absolute": month}
    await ann.post("/login", json=first)
    cookie = the_set_cookie(await ann.post("/login", json={"user": "ann"}))

    assert cookie.max_age is not None
    assert month - 5 <= cookie.max_age <= month
    [device] = [each for each in (await ann.get("/devices")).json() if each["current"]]
    assert device["label"] == first["label"]
    expires = datetime.fromisoformat((await ann.get("/session")).json()["expires_at"])
    assert expires - datetime.now(UTC) >= timedelta(seconds=month - 60)

    await ann.post("/login", json={"user": "ann", "label": "another"})
    [device] = [each for each in (await ann.get("/devices")).json() if each["current"]]
    assert device["label"] == "another"


async def test_another_user_has_to_wait_for_the_sign_out(ann: httpx.AsyncClient) -> None:
    await ann.post("/login", json={"user": "ann"})

    answer = await ann.post("/login", json={"user": "bob"})

    assert problem(answer) == (409, "signed-in-already")
    assert (await ann.get("/me")).json() == "ann"
    await ann.post("/sign-out")
    await ann.post("/login", json={"user": "bob"})
    assert (await ann.get("/me")).json() == "bob"


async def test_a_rotation_keeps_the_user(ann: httpx.AsyncClient) -> None:
    user = name()
    await ann.post("/login", json={"user": user})
    before = (await ann.get("/who")).json()
    assert (await ann.post("/session/rotate")).status_code == 204

    assert (await ann.get("/who")).json() == before
    [device] = (await ann.get("/devices")).json()
    assert device["current"]


async def _login(browser: JsBrowser, user: str) -> None:
    json = {"content-type": "application/json"}
    answer = await browser.fetch("POST", "/login", headers=json, body=f'{{"user": "{user}"}}')
    assert answer.status == 200


async def test_events_know_the_user_and_cannot_sign_in(js: JsClients, product: Service) -> None:
    browser = await js.browser(product.url)
    socket = await browser.connect()
    assert await socket.emit("whoami") in (None, ())
    mark = socket.mark

    await _login(browser, "ann")

    assert (await socket.wait_for("disconnect", after=mark)).args[0] == "transport close"
    await socket.wait_for("connect", after=mark)
    assert await socket.emit("whoami") == "ann"
    mark = socket.mark
    await socket.emit("sign out")
    assert (await socket.wait_for("disconnect", after=mark)).args[0] == "io server disconnect"
    assert (await browser.fetch("GET", "/me")).status == 409  # a newer cookie may be under way


async def test_a_namespace_lets_in_who_is_signed_in(js: JsClients, product: Service) -> None:
    browser = await js.browser(product.url)
    members = f"{product.url}/members"
    refused = await browser.connect(url=members, wait=False, options={"reconnection": False})
    error = await refused.wait_for("connect_error")
    assert "sign-in-required" in str(error.args)

    await _login(browser, "ann")

    socket = await browser.connect(url=members)
    assert await socket.emit("whoami") == ["ann", "ann"]
    assert await socket.emit("secret") == "told"


async def test_who_was_refused_may_sign_in_while_the_unused_session_goes(product: Service) -> None:
    async def refused_then_signed_in() -> int:
        async with raw_websocket(product.url) as socket:
            [cookie] = socket.set_cookies
            await socket.send("40/members,")
            await socket.receive_until("44/members,")
        async with http_client(product.url) as client:
            answer = await client.post(
                "/login", json={"user": name()}, headers={"cookie": cookie.pair}
            )
        return answer.status_code

    assert await asyncio.gather(*(refused_then_signed_in() for _ in range(20))) == [200] * 20


async def test_a_lifetime_of_its_own_is_the_cookie_s(ann: httpx.AsyncClient) -> None:
    month = 30 * 24 * 3600
    cookie = the_set_cookie(await ann.post("/login", json={"user": "ann", "absolute": month}))

    assert cookie.max_age is not None
    assert month - 5 <= cookie.max_age <= month
    expires = datetime.fromisoformat((await ann.get("/session")).json()["expires_at"])
    signed_in = datetime.fromisoformat((await ann.get("/who")).json()["signed_in_at"])
    assert expires - signed_in >= timedelta(seconds=month - 5)
