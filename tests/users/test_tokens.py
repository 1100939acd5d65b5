"""Clients without cookies: the session's token in header fields, in answers and requests."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.browsers import JsClients, Transport
from tests.support.http import http_client, problem, set_cookies
from tests.support.service import Service
from tests.users.conftest import PAGE
from tests.users.test_sign_in import name

FIELD = "x-session-token"


@pytest.fixture
async def client(token_product: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a jar."""
    async with http_client(token_product.url, jarless=True) as client:
        yield client


def _token(answer: httpx.Response) -> str:
    assert not set_cookies(answer)
    assert {"Cookie", "X-Session-Token", "Authorization"} <= set(answer.headers["vary"].split(", "))
    assert answer.headers["cache-control"] == "no-store"
    [token] = answer.headers.get_list(FIELD)
    return token


async def _signed_in(client: httpx.AsyncClient, user: str) -> str:
    return _token(await client.post("/login", json={"user": user}, headers={FIELD: ""}))


@pytest.mark.parametrize("way", ["field", "bearer", "BEARER"])
async def test_a_token_is_the_session(client: httpx.AsyncClient, way: str) -> None:
    user = name()
    token = await _signed_in(client, user)
    sent = {FIELD: token} if way == "field" else {"authorization": f"{way} {token}"}

    answer = await client.get("/me", headers=sent)

    assert answer.json() == user
    assert FIELD not in answer.headers


async def test_a_new_token_comes_with_a_rotation_and_an_empty_one_with_the_end(
    client: httpx.AsyncClient,
) -> None:
    token = await _signed_in(client, name())
    rotated = _token(await client.post("/session/rotate", headers={FIELD: token}))
    assert rotated not in (token, "")
    assert problem(await client.get("/me", headers={FIELD: token})) == (409, "session-ended")

    assert _token(await client.post("/logout", headers={FIELD: rotated})) == ""


async def test_cookies_beside_a_token_count_for_nothing(
    client: httpx.AsyncClient, token_product: Service
) -> None:
    async with http_client(token_product.url) as browser:
        await browser.post("/login", json={"user": "bob"})
        cookie = f"session={browser.cookies['session']}"
    user = name()
    token = await _signed_in(client, user)

    for sent, who in ((token, user), ("", None), ("x" * 43 + "." + "y" * 43, None)):
        answer = await client.get("/who", headers={FIELD: sent, "cookie": cookie})
        assert answer.json().get("user") == who
        assert not set_cookies(answer)


async def test_a_bearer_value_of_another_form_is_somebody_else_s(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/login", json={"user": name()}, headers={"authorization": "Bearer eyJhbGciOi.J9.x"}
    )

    assert len(set_cookies(answer)) == 1
    assert FIELD not in answer.headers


async def test_a_request_with_a_token_is_not_judged_by_its_origin(
    client: httpx.AsyncClient,
) -> None:
    user = name()
    token = await _signed_in(client, user)
    elsewhere = {"origin": "https://elsewhere.example", FIELD: token}

    assert (await client.post("/sign-out", headers=elsewhere)).status_code == 200
    cookie = {"origin": "https://elsewhere.example", "cookie": f"session={token}"}
    assert problem(await client.post("/sign-out", headers=cookie)) == (403, "foreign-origin")


async def test_what_nobody_gets_is_kept_from_those_who_are_signed_in(
    client: httpx.AsyncClient,
) -> None:
    for headers in ({}, {FIELD: ""}, {FIELD: "no token"}):
        answer = await client.get("/who", headers=headers)
        assert answer.json() == {}
        varies = {each.strip() for each in answer.headers["vary"].split(",")}
        assert varies >= {"Cookie", "X-Session-Token", "Authorization"}


async def test_pages_may_read_it(client: httpx.AsyncClient) -> None:
    answer = await client.post("/login", json={"user": name()}, headers={"origin": PAGE, FIELD: ""})

    exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
    assert FIELD in exposed


async def test_nothing_of_it_is_on_by_default(ann: httpx.AsyncClient) -> None:
    answer = await ann.post("/login", json={"user": name()}, headers={FIELD: ""})
    assert len(set_cookies(answer)) == 1
    assert FIELD not in answer.headers
    assert "X-Session-Token" not in answer.headers["vary"]


async def test_tokens_are_in_no_log_and_no_metric(
    client: httpx.AsyncClient, token_product: Service
) -> None:
    token = await _signed_in(client, name())
    await client.get("/me", headers={"authorization": f"Bearer {token}"})
    await client.get(f"/socket.io/?EIO=4&transport=polling&token={token}", headers={FIELD: token})

    secret = token.partition(".")[0]
    assert secret not in token_product.log()
    assert secret not in token_product.metrics()


@pytest.mark.parametrize("path", ["/socket.io/?EIO=4&transport=polling"])
async def test_a_handshake_with_a_bad_token_is_refused(
    client: httpx.AsyncClient, path: str
) -> None:
    for bad in ("x", "x" * 43 + "." + "y" * 43):
        answer = await client.get(path, headers={FIELD: bad})
        assert problem(answer) == (401, "invalid-token")
        assert FIELD not in answer.headers
    token = await _signed_in(client, name())
    await client.post("/logout", headers={FIELD: token})
    assert problem(await client.get(path, headers={FIELD: token})) == (409, "session-ended")


async def test_sockets_belong_to_the_token_s_session(
    js: JsClients, client: httpx.AsyncClient, token_product: Service
) -> None:
    user = name()
    token = await _signed_in(client, user)
    browser = await js.browser(token_product.url)

    sockets = [
        await browser.connect(transport, headers={FIELD: token}, jarless=True)
        for transport in Transport
    ]
    assert [await each.emit("whoami") for each in sockets] == [user] * 3
    await client.post("/logout", headers={FIELD: token})
    for each in sockets:
        assert (await each.wait_for("disconnect", within=1.0)).args[0] == "io server disconnect"
