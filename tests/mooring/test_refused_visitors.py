"""P21: a visitor who is refused leaves no session behind and gets no cookie, unless it was written to."""

from asyncio import CancelledError
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.security import HTTPBasic
from starlette.exceptions import WebSocketException

from app import Mooring, SessionDep
from app.backends import Backend
from app.sessions import StoreUnavailableError
from tests.mooring.test_attach import client_of, settings
from tests.support.asgi import websocket
from tests.support.hooked_store import HookedStore
from tests.support.http import set_cookies, the_set_cookie
from tests.support.stores import StoreSettings
from tests.support.stores_in_process import new_store


class RefusedError(Exception):
    """What an app has a handler for."""


async def wants_a_key(_session: SessionDep) -> None:
    raise HTTPException(403)


def an_app() -> FastAPI:  # noqa: C901, PLR0915 - one branch for each route
    """An app that refuses in all the ways there are."""
    app = FastAPI()

    @app.exception_handler(RefusedError)
    async def refuse(_request: Request, _error: Exception) -> Response:
        return JSONResponse("refused", 418)

    @app.get("/raised/{status}")
    async def raised(session: SessionDep, status: int) -> None:
        raise HTTPException(status)

    @app.get("/401")
    async def unauthorized(session: SessionDep) -> None:
        raise HTTPException(401)

    @app.get("/returned/{status}")
    async def returned(session: SessionDep, status: int) -> Response:
        return Response(status_code=status)

    @app.get("/returned")
    async def returned_404(session: SessionDep) -> Response:
        return Response(status_code=404)

    @app.get("/handled")
    async def handled(session: SessionDep) -> None:
        raise RefusedError

    @app.get("/dependency", dependencies=[Depends(wants_a_key)])
    async def dependency() -> None: ...

    @app.get("/basic")
    async def basic(session: SessionDep, _user: Any = Depends(HTTPBasic())) -> None: ...  # noqa: B008 - as older apps have it

    @app.get("/invalid")
    async def invalid(session: SessionDep, number: int) -> None: ...

    @app.get("/read")
    async def read(session: SessionDep) -> None:
        session.get("user")
        raise HTTPException(401)

    @app.get("/broken")
    async def broken(session: SessionDep) -> None:
        raise LookupError("on purpose")

    @app.get("/broken-after-a-write")
    async def broken_after_a_write(session: SessionDep) -> None:
        session["seen"] = True
        raise LookupError("on purpose")

    @app.get("/too-large")
    async def too_large(session: SessionDep) -> None:
        session["text"] = "x" * 100_000

    @app.get("/no-json")
    async def no_json(session: SessionDep) -> None:
        session["text"] = b"x"

    @app.get("/redirect")
    async def redirect(session: SessionDep) -> Response:
        return RedirectResponse("/login")

    @app.get("/not-modified")
    async def not_modified(session: SessionDep) -> Response:
        return Response(status_code=304)

    @app.get("/fine")
    async def fine(session: SessionDep) -> None: ...

    @app.get("/written")
    async def written(session: SessionDep) -> None:
        session["tries"] = 1
        raise HTTPException(401)

    @app.get("/transacted")
    async def transacted(session: SessionDep) -> Response:
        await session.transact(lambda data: data.update(tries=1))
        return Response(status_code=500)

    @app.get("/rotated")
    async def rotated(session: SessionDep) -> Response:
        await session.rotate()
        return Response(status_code=403)

    @app.get("/unavailable")
    async def unavailable(session: SessionDep) -> None:
        raise StoreUnavailableError("of something else")

    @app.websocket("/refused")
    async def refused_socket(session: SessionDep, socket: WebSocket) -> None:
        raise WebSocketException(1008)

    @app.websocket("/closed")
    async def closed_socket(session: SessionDep, socket: WebSocket) -> None:
        await socket.close()

    @app.websocket("/broken")
    async def broken_socket(session: SessionDep, socket: WebSocket) -> None:
        raise LookupError("on purpose")

    @app.websocket("/silent")
    async def silent_socket(session: SessionDep, socket: WebSocket) -> None: ...

    @app.websocket("/cancelled")
    async def cancelled_socket(session: SessionDep, socket: WebSocket) -> None:
        raise CancelledError

    return app


REFUSED = [
    *("/401", "/raised/400", "/raised/404", "/raised/429", "/raised/500", "/raised/503"),
    *("/returned", "/returned/401", "/returned/500", "/handled", "/dependency", "/read"),
    *("/broken", "/broken-after-a-write", "/too-large", "/no-json"),
]
AT_ANY_TIME = ["/basic", "/invalid", "/nowhere"]
"""Refused by FastAPI, before the session is opened or after."""
KEPT = [
    "/redirect",
    "/not-modified",
    "/fine",
    "/returned/204",
    "/written",
    "/transacted",
    "/rotated",
]

Client = Callable[[], httpx.AsyncClient]


@pytest.fixture
async def store(any_store: StoreSettings) -> AsyncIterator[HookedStore]:
    """Each store in turn, empty."""
    store = HookedStore(new_store(any_store))
    yield store
    await store.aclose()


@pytest.fixture(params=["auto", "off"], ids=["fast paths", "no fast paths"])
def visitor(request: pytest.FixtureRequest, store: HookedStore) -> Client:
    """Makes clients of the app, each without a cookie."""
    app = an_app()
    Mooring(app, settings(fast_paths=request.param), backend=Backend(store))
    return lambda: client_of(app, raises=False)


@pytest.mark.parametrize("path", REFUSED + AT_ANY_TIME)
async def test_a_refused_visitor_leaves_nothing_behind(
    visitor: Client, store: HookedStore, path: str
) -> None:
    for _ in range(3):  # the second time fast paths have remembered the route
        async with visitor() as client:
            answer = await client.get(path)
        assert answer.status_code >= 400
        assert set_cookies(answer) == []
    assert await store.live_keys() == []


@pytest.mark.parametrize("path", KEPT)
async def test_what_is_no_refusal_or_was_written_to_stays_and_has_its_cookie(
    visitor: Client, store: HookedStore, path: str
) -> None:
    for _ in range(2):
        async with visitor() as client:
            the_set_cookie(await client.get(path))
    assert len(await store.live_keys()) == 2


@pytest.mark.parametrize("path", REFUSED)
async def test_a_session_that_was_there_before_survives_a_refusal(
    visitor: Client, store: HookedStore, path: str
) -> None:
    async with visitor() as client:
        await client.get("/fine")
        assert set_cookies(await client.get(path)) == []
        assert set_cookies(await client.get("/fine")) == []
    assert await store.live_keys() == store.created


async def test_a_refused_visitor_s_answer_is_private(visitor: Client) -> None:
    async with visitor() as client:
        answer = await client.get("/401")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["vary"] == "Cookie"


async def test_a_session_that_somebody_wrote_to_meanwhile_is_not_deleted(
    visitor: Client, store: HookedStore
) -> None:
    async def write() -> None:
        await store.inner.commit(store.created[0], 1, b'{"job":1}')

    store.before("end", write)
    async with visitor() as client:
        await client.get("/401")
    assert await store.live_keys() == store.created


async def test_a_refusal_is_answered_though_the_session_cannot_be_deleted(
    visitor: Client, store: HookedStore
) -> None:
    async def fail() -> None:
        raise StoreUnavailableError("out of reach")

    store.before("end", fail)
    async with visitor() as client:
        answer = await client.get("/401")
    assert answer.status_code == 401
    assert set_cookies(answer) == []


@pytest.mark.parametrize("path", ["/refused", "/closed", "/broken", "/silent", "/cancelled"])
async def test_a_refused_websocket_leaves_nothing_behind(store: HookedStore, path: str) -> None:
    app = an_app()
    Mooring(app, settings(), backend=Backend(store))

    with suppress(CancelledError):
        answered = await websocket(app, path)
        assert not any(each["type"] == "websocket.accept" for each in answered.messages)

    assert len(store.created) == 1
    assert await store.live_keys() == []
