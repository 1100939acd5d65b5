"""Writes after the response has started: stored and logged, or refused with a reason, never lost silently."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI, WebSocket
from fastapi.responses import Response, StreamingResponse
from starlette.background import BackgroundTask

from app import (
    Mooring,
    RotationImpossibleError,
    Session,
    SessionDep,
    SessionError,
    SessionHandleError,
)
from app.backends import Backend
from app.sessions import Record
from tests.mooring.test_attach import client_of, settings
from tests.support.asgi import websocket
from tests.support.eventually import eventually
from tests.support.hooked_store import HookedStore
from tests.support.http import set_cookies
from tests.support.stores import StoreSettings
from tests.support.stores_in_process import new_store

Write = Callable[[Session], Any]

WRITES: dict[str, Write] = {
    "a key": lambda session: session.__setitem__("late", True),
    "nested": lambda session: session["list"].append("late"),
    "a deletion": lambda session: session.pop("list"),
    "update": lambda session: session.update(late=True),
}
EXPECTED: dict[str, dict[str, Any]] = {
    "a key": {"list": [], "late": True},
    "nested": {"list": ["late"]},
    "a deletion": {},
    "update": {"list": [], "late": True},
}


class World:
    """An app with routes that write late, a client of it with a session, and what they raised."""

    def __init__(self, store: HookedStore, fast_paths: str) -> None:
        self.store = store
        self.write: Write = WRITES["a key"]
        self.late: Callable[[Session], Any] = self._write
        self.raised: list[BaseException] = []
        self.handles: list[Session] = []
        self.app = FastAPI()
        Mooring(self.app, settings(fast_paths=fast_paths), backend=Backend(store))
        self.client: httpx.AsyncClient = client_of(self.app, raises=False)
        self._add_routes()

    async def opened(self) -> bool:
        """Whether the client has a session with an empty list now."""
        return (await self.client.post("/open")).is_success

    async def data(self) -> dict[str, Any]:
        """What is stored."""
        (key,) = await self.store.live_keys()
        found = await self.store.inner.load(key)
        assert isinstance(found, Record)
        return dict(Session(None, key, found, None))  # type: ignore[arg-type] # reads alone

    async def _write(self, session: Session) -> None:
        try:
            self.write(session)
        except SessionError as error:
            self.raised.append(error)
            raise

    def _add_routes(self) -> None:  # noqa: C901 - one branch for each route
        app = self.app

        @app.post("/open")
        async def open_session(session: SessionDep) -> None:
            session["list"] = []

        @app.post("/background")
        async def background(session: SessionDep) -> Response:
            self.handles.append(session)
            return Response(background=BackgroundTask(self.late, session))

        @app.post("/background-of-fastapi")
        async def background_of_fastapi(session: SessionDep, tasks: BackgroundTasks) -> None:
            tasks.add_task(self.late, session)

        @app.post("/background-that-fails-later")
        async def fails_later(session: SessionDep, tasks: BackgroundTasks) -> None:
            tasks.add_task(self.late, session)
            tasks.add_task(fail)

        @app.post("/stream")
        async def stream(session: SessionDep) -> Response:
            async def body() -> AsyncIterator[str]:
                yield "first"
                await self.late(session)
                yield "last"

            return StreamingResponse(body())

        @app.post("/stream-that-fails-later")
        async def failing_stream(session: SessionDep) -> Response:
            async def body() -> AsyncIterator[str]:
                yield "first"
                await self.late(session)
                await fail()

            return StreamingResponse(body())

        @app.post("/refused")
        async def refused(session: SessionDep) -> Response:
            return Response(status_code=500, background=BackgroundTask(self.late, session))

        @app.websocket("/socket")
        async def socket(session: SessionDep, connection: WebSocket) -> None:
            await connection.accept()
            await self.late(session)
            async for _ in connection.iter_text():
                pass

        @app.websocket("/socket-that-fails-later")
        async def failing_socket(session: SessionDep, connection: WebSocket) -> None:
            await connection.accept()
            await self.late(session)
            await connection.receive_text()
            await connection.receive_text()

        async def fail() -> None:
            raise LookupError("on purpose")


ROUTES = [
    *("/background", "/background-of-fastapi", "/background-that-fails-later"),
    *("/stream", "/stream-that-fails-later", "/refused"),
]


@pytest.fixture
async def store(any_store: StoreSettings) -> AsyncIterator[HookedStore]:
    """Each store in turn, empty."""
    store = HookedStore(new_store(any_store))
    yield store
    await store.aclose()


@pytest.fixture(params=["auto", "off"], ids=["fast paths", "no fast paths"])
async def world(request: pytest.FixtureRequest, store: HookedStore) -> AsyncIterator[World]:
    """A session with an empty list."""
    world = World(store, request.param)
    async with world.client:
        await eventually(world.opened)  # on a busy machine the first connection may take too long
        yield world


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("path", ROUTES)
async def test_a_late_write_is_stored_and_logged(
    world: World, path: str, write: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.write = WRITES[write]
    with caplog.at_level(logging.INFO):
        await world.client.post(path)

    assert await world.data() == EXPECTED[write]
    assert f"POST {path}: stored a write after the response" in caplog.messages


@pytest.mark.parametrize("path", ["/socket", "/socket-that-fails-later"])
async def test_a_write_after_a_websocket_was_accepted_is_stored(world: World, path: str) -> None:
    cookie = "; ".join(f"{each.name}={each.value}" for each in world.client.cookies.jar)
    await websocket(world.app, path, ["hello"], [("cookie", cookie)])
    assert await world.data() == EXPECTED["a key"]


@pytest.mark.parametrize("path", ROUTES)
async def test_a_late_write_that_cannot_be_stored_is_logged_with_its_reason(
    world: World, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.write = lambda session: session["list"].append({1})
    await world.client.post(path)

    assert await world.data() == {"list": []}
    (line,) = [line for line in caplog.messages if "a write after the response was lost" in line]
    assert line.startswith(f"POST {path}: ")
    assert "list[0]: a set is no JSON value" in line


async def test_a_late_write_to_a_session_that_has_ended_is_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def late(session: Session) -> None:
        session["late"] = True
        (key,) = await world.store.live_keys()
        await session._manager.ends.destroy(key)

    world.late = late
    await world.client.post("/background")
    assert any("was lost: the session has ended (logout)" in line for line in caplog.messages)


@pytest.mark.parametrize("path", ROUTES)
async def test_a_rotation_after_the_response_has_started_is_refused_and_the_cookie_stays_good(
    world: World, path: str
) -> None:
    async def late(session: Session) -> None:
        with pytest.raises(RotationImpossibleError):
            await session.rotate()
        world.raised.append(LookupError())

    world.late = late
    answer = await world.client.post(path)
    assert len(world.raised) == 1
    assert set_cookies(answer) == []
    assert set_cookies(await world.client.post("/open")) == []
    assert len(await world.store.live_keys()) == 1


@pytest.mark.parametrize("write", ["a key", "update"])
async def test_a_late_write_for_a_refused_visitor_is_refused_with_the_reason(
    world: World, write: str
) -> None:
    world.client.cookies.clear()
    world.write = WRITES[write]
    assert set_cookies(await world.client.post("/refused")) == []
    (error,) = world.raised
    assert isinstance(error, SessionHandleError)
    assert str(error).startswith("the response refuses a visitor who has no session")
    assert await world.data() == {"list": []}, "the only one is the other visitor's"


async def test_a_rotation_before_the_response_starts_is_possible_still(world: World) -> None:
    @world.app.post("/rotate")
    async def rotate(session: SessionDep) -> None:
        await session.rotate()

    assert len(set_cookies(await world.client.post("/rotate"))) == 1
    assert await world.data() == {"list": []}


@pytest.mark.parametrize("write", [name for name in WRITES if name != "nested"])
async def test_a_plain_write_after_the_request_is_over_is_refused_with_the_way_out(
    world: World, write: str
) -> None:
    async def nothing(_session: Session) -> None: ...

    world.late = nothing
    await world.client.post("/background")
    (session,) = world.handles
    with pytest.raises(SessionHandleError, match="transact"):
        WRITES[write](session)
    await session.transact(lambda data: data.update(late=True))
    assert await world.data() == {"list": [], "late": True}


async def test_a_task_of_its_own_may_write_while_the_request_goes_on(world: World) -> None:
    tasks: list[asyncio.Task[None]] = []

    async def late(session: Session) -> None:
        async def write() -> None:
            session["late"] = True

        tasks.append(asyncio.create_task(write()))
        await tasks[0]

    world.late = late
    await world.client.post("/background")
    assert await world.data() == EXPECTED["a key"]
