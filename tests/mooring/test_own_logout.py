"""A logout route of the app's own: P2's exemption holds for it as it does for POST /logout."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request

from app import Backend, Mooring
from app.sessions.stores.base import SessionStore
from tests.mooring.test_attach import client_of, counting, settings
from tests.support.http import cookie_header, problem, set_cookies, the_set_cookie
from tests.support.stores import StoreSettings
from tests.support.stores_in_process import new_store


@pytest.fixture
async def store(any_store: StoreSettings) -> AsyncIterator[SessionStore]:
    """Each store in turn, empty."""
    store = new_store(any_store)
    yield store
    await store.aclose()


@pytest.fixture(params=["auto", "off"], ids=["fast paths", "no fast paths"])
async def client(
    request: pytest.FixtureRequest, store: SessionStore
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an app that says goodbye in its own way."""
    app = counting(FastAPI())
    mooring = Mooring(app, settings(fast_paths=request.param), backend=Backend(store))
    app.include_router(mooring.session_router())

    @app.post("/goodbye")
    async def goodbye(request: Request) -> str:
        await mooring.logout(request)
        return "goodbye"

    async with client_of(app) as client:
        yield client


async def _says_goodbye(client: httpx.AsyncClient, cookie: str | None) -> None:
    answer = await client.post("/goodbye", headers={"cookie": cookie} if cookie else {})
    assert (answer.status_code, answer.json()) == (200, "goodbye")
    assert the_set_cookie(answer).clears


async def test_it_ends_the_session_and_clears_the_cookie(client: httpx.AsyncClient) -> None:
    await client.post("/count")
    cookie = cookie_header(client)
    for _ in range(2):  # once more, as a late second click
        await _says_goodbye(client, cookie)
    assert problem(await client.get("/peek", headers={"cookie": cookie})) == (409, "session-ended")


async def test_it_needs_no_session(client: httpx.AsyncClient) -> None:
    await _says_goodbye(client, None)
    await _says_goodbye(client, "session=made-up")


async def test_with_a_rotated_id_it_ends_the_successor(client: httpx.AsyncClient) -> None:
    await client.post("/count")
    old = cookie_header(client)
    await client.post("/session/rotate")
    new = cookie_header(client)
    assert new != old
    client.cookies.clear()

    await _says_goodbye(client, old)

    answer = await client.get("/peek", headers={"cookie": new})
    assert problem(answer) == (409, "session-ended")
    assert answer.json()["reason"] == "logout"
    assert not set_cookies(answer)
