"""Mooring(app): it attaches in place, and starts and stops with the app."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import EmitterDep, Mooring, OptionalSessionDep, SessionDep, Settings
from app.realtime.metrics import SESSIONS
from tests.support.http import http_client
from tests.support.in_process import only_environment
from tests.support.servers import StoreServer
from tests.support.service import SECRET

HANDSHAKE = "/socket.io/?EIO=4&transport=polling"


def settings(**more: Any) -> Settings:
    """Settings of which the environment of the test's process has none."""
    with only_environment():
        return Settings(_env_file=None, **{"session_secrets": SECRET, **more})


def counting(app: FastAPI) -> FastAPI:
    """Add a route that counts in the session, and others that look at it."""

    @app.post("/count")
    async def count(session: SessionDep) -> int:
        session["count"] = session.get("count", 0) + 1
        return int(session["count"])

    @app.get("/peek")
    async def peek(session: OptionalSessionDep) -> int | None:
        return None if session is None else int(session.get("count", 0))

    @app.get("/sockets")
    async def sockets(session: SessionDep, emitter: EmitterDep) -> int:
        return await emitter.count(session)

    return app


def client_of(app: FastAPI, *, raises: bool = True) -> httpx.AsyncClient:
    """A client of an app, in process, without its lifespan."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=raises)
    return http_client("http://test", transport=transport)


@asynccontextmanager
async def lifespan_of(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """Run an app's lifespan, as servers do; gives the state that it yields."""
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    outbox: asyncio.Queue[Message] = asyncio.Queue()
    state: dict[str, Any] = {}
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": state}
    task = asyncio.create_task(app(scope, inbox.get, outbox.put))
    await inbox.put({"type": "lifespan.startup"})
    assert (await outbox.get())["type"] == "lifespan.startup.complete"
    yield state
    await inbox.put({"type": "lifespan.shutdown"})
    assert (await outbox.get())["type"] == "lifespan.shutdown.complete"
    await task


async def test_routes_have_the_session_and_the_app_stays_the_object() -> None:
    app = FastAPI()
    assert Mooring(app, settings()).app is app
    counting(app)

    async with client_of(app) as client:
        assert [(await client.post("/count")).json() for _ in range(3)] == [1, 2, 3]


async def test_a_route_may_be_there_before_and_after() -> None:
    app = counting(FastAPI())
    Mooring(app, settings())
    app.get("/later")(lambda: "later")

    async with client_of(app) as client:
        assert (await client.post("/count")).json() == 1
        assert (await client.get("/later")).json() == "later"


async def test_the_optional_session_opens_none() -> None:
    app = counting(FastAPI())
    Mooring(app, settings())

    async with client_of(app) as client:
        answer = await client.get("/peek")
        assert (answer.json(), answer.headers.get("set-cookie")) == (None, None)
        await client.post("/count")
        assert (await client.get("/peek")).json() == 1


async def test_the_apps_own_lifespan_runs_inside_and_its_state_arrives() -> None:
    notes: list[str] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        notes.append("started")
        yield {"database": "open"}
        notes.append("stopped")

    app = counting(FastAPI(lifespan=lifespan))
    Mooring(app, settings())

    async with lifespan_of(app) as state:
        assert state == {"database": "open"}
        async with client_of(app) as client:
            assert (await client.post("/count")).json() == 1
    assert notes == ["started", "stopped"]


async def test_an_app_whose_lifespan_is_replaced_later_starts_at_first_use() -> None:
    @asynccontextmanager
    async def other(_app: FastAPI) -> AsyncIterator[None]:
        yield

    app = counting(FastAPI())
    Mooring(app, settings())
    app.router.lifespan_context = other

    async with lifespan_of(app), client_of(app) as client:
        assert (await client.post("/count")).json() == 1


async def test_an_app_serves_on_after_its_lifespan_has_run_twice() -> None:
    app = counting(FastAPI())
    Mooring(app, settings())

    async with client_of(app) as client:
        for expected in (1, 2):
            async with lifespan_of(app):
                assert (await client.post("/count")).json() == expected


async def test_an_app_that_is_drained_is_not_ready_and_takes_no_sockets() -> None:
    app = counting(FastAPI())
    mooring = Mooring(app, settings())
    app.include_router(mooring.health_router())

    async with lifespan_of(app), client_of(app) as client:
        assert (await client.get("/readyz")).status_code == 200
        await mooring.drain(0)
        for path, status in (("/readyz", 503), (HANDSHAKE, 503), ("/healthz", 200)):
            assert (await client.get(path)).status_code == status


async def test_after_its_lifespan_nothing_of_it_runs_on() -> None:
    app = counting(FastAPI())
    Mooring(app, settings())
    before = asyncio.all_tasks()

    async with lifespan_of(app), client_of(app) as client:
        await client.post("/count")
        assert asyncio.all_tasks() > before

    assert asyncio.all_tasks() == before


def test_one_event_loop_after_another_serves_the_same_memory_store() -> None:
    app = counting(FastAPI())
    Mooring(app, settings())
    cookies = httpx.Cookies()

    async def count() -> int:
        async with client_of(app) as client:
            client.cookies = cookies
            counted: int = (await client.post("/count")).json()
            cookies.update(client.cookies)
            return counted

    assert [asyncio.run(count()) for _ in range(3)] == [1, 2, 3]


def test_one_event_loop_after_another_serves_the_same_redis_store(
    shared_store_server: StoreServer,
) -> None:
    app = counting(FastAPI())
    Mooring(app, settings(session_store="redis", redis_url=shared_store_server.url))
    cookies = httpx.Cookies()

    async def count() -> int:
        async with client_of(app) as client:
            client.cookies = cookies
            counted: int = (await client.post("/count")).json()
            cookies.update(client.cookies)
            return counted

    assert [asyncio.run(count()) for _ in range(3)] == [1, 2, 3]


async def test_a_second_mooring_of_one_app_is_refused() -> None:
    app = FastAPI()
    Mooring(app, settings())

    with pytest.raises(RuntimeError, match="has a Mooring already"):
        Mooring(app, settings())


async def test_an_app_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="a FastAPI app, not a Starlette"):
        Mooring(Starlette(), settings())  # type: ignore[arg-type] # that is the point


async def test_a_mooring_within_another_ones_app_is_warned_about_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inner, outer = counting(FastAPI()), counting(FastAPI())
    Mooring(inner, settings())
    Mooring(outer, settings())
    outer.mount("/part", inner)

    async with client_of(outer) as client:
        for _ in range(2):
            await client.post("/part/count")
    assert len([each for each in caplog.messages if "SESSION_COOKIE_NAME" in each]) == 1


async def test_a_route_without_a_mooring_says_how_to_attach_one() -> None:
    async with client_of(counting(FastAPI())) as client:
        with pytest.raises(RuntimeError, match=r"Mooring\(app\)"):
            await client.post("/count")


async def test_an_app_that_is_mounted_below_another_has_sessions_and_sockets() -> None:
    inner = counting(FastAPI())
    Mooring(inner, settings())
    outer = FastAPI()
    outer.mount("/shop", inner)

    async with client_of(outer) as client:
        assert (await client.post("/shop/count")).json() == 1
        assert (await client.get(f"/shop{HANDSHAKE}")).text.startswith('0{"sid"')
        assert (await client.get(HANDSHAKE)).status_code == 404


async def test_an_app_that_is_mounted_in_one_shares_its_session() -> None:
    inner = counting(FastAPI())
    outer = counting(FastAPI())
    Mooring(outer, settings())
    outer.mount("/part", inner)

    async with client_of(outer) as client:
        assert (await client.post("/count")).json() == 1
        assert (await client.post("/part/count")).json() == 2


async def test_a_session_that_has_ended_is_a_problem_in_a_mounted_app_too() -> None:
    inner = counting(FastAPI())
    outer = counting(FastAPI())
    mooring = Mooring(outer, settings())
    outer.include_router(mooring.session_router())
    outer.mount("/part", inner)

    async with client_of(outer, raises=False) as client:
        await client.post("/count")
        cookie = f"session={client.cookies['session']}"
        await client.post("/logout")
        for path in ("/count", "/part/count"):
            answer = await client.post(path, headers={"cookie": cookie})
            assert (answer.status_code, answer.json()["type"]) == (409, "session-ended"), path


async def test_socket_io_is_served_before_whatever_the_app_mounts_at_the_root() -> None:
    app = FastAPI()
    app.mount("/", FastAPI())
    Mooring(app, settings())

    async with client_of(app) as client:
        assert (await client.get(HANDSHAKE)).text.startswith('0{"sid"')
        assert (await client.get("/socket.io/socket.io.js")).status_code == 200


async def test_a_misspelt_setting_is_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    with only_environment(SESSION_SECRET="x" * 40):
        Mooring(FastAPI(), Settings(_env_file=None))

    assert "SESSION_SECRET is no setting; did you mean SESSION_SECRETS?" in caplog.messages


async def test_the_documentation_takes_the_place_of_fastapis_own() -> None:
    app = FastAPI(title="Shop <&>")
    mooring = Mooring(app, settings())

    async with client_of(app) as client:
        assert "cdn.jsdelivr.net" in (await client.get("/docs")).text
        mooring.docs()
        page = (await client.get("/docs")).text
        assert "://" not in page
        assert "Shop &lt;&amp;>" in page
        assert (await client.get("/docs/events")).status_code == 200
        assert (await client.get("/asyncapi.json")).json()["asyncapi"] == "3.0.0"


async def test_an_error_of_the_app_stays_the_apps_unless_problems_are_installed() -> None:
    def failing() -> FastAPI:
        app = FastAPI()

        @app.get("/fail")
        async def fail(_request: Request) -> None:
            raise LookupError("broken")

        return app

    plain, documented = failing(), failing()
    Mooring(plain, settings())
    Mooring(documented, settings()).install_problem_handlers()

    async with client_of(plain, raises=False) as client:
        answer = await client.get("/fail")
        assert (answer.status_code, answer.text) == (500, "Internal Server Error")
        assert (await client.get("/nowhere")).json() == {"detail": "Not Found"}
    async with client_of(documented, raises=False) as client:
        assert (await client.get("/fail")).json()["type"] == "internal-error"
        assert (await client.get("/nowhere")).json()["type"] == "not-found"


async def test_an_error_after_a_rotation_still_carries_the_new_cookie() -> None:
    app = counting(FastAPI())

    @app.post("/rotate-and-fail")
    async def rotate_and_fail(session: SessionDep) -> None:
        await session.rotate()
        raise LookupError("broken")

    @app.exception_handler(LookupError)
    def teapot(_request: Request, _error: Exception) -> Any:
        raise RuntimeError("the handler is broken as well")

    Mooring(app, settings())
    async with client_of(app, raises=False) as client:
        await client.post("/count")
        before = client.cookies["session"]
        answer = await client.post("/rotate-and-fail")

        assert (answer.status_code, answer.text) == (500, "Internal Server Error")
        assert client.cookies["session"] != before
        assert (await client.post("/count")).json() == 2


def test_event_loops_that_closed_without_a_lifespan_leave_nothing_behind() -> None:
    app = counting(FastAPI())
    Mooring(app, settings())

    async def count() -> int:
        async with client_of(app) as client:
            return int((await client.post("/count")).json())

    def sources() -> int:
        return len(SESSIONS._sources)

    before = sources()
    for _ in range(3):
        assert asyncio.run(count()) == 1
    assert sources() - before == 1  # of the last, until the next is made


def test_code_that_goes_through_the_routes_finds_paths_and_names() -> None:
    app = FastAPI()
    Mooring(app, settings(socket_path="/live"))

    named = [(getattr(each, "name", None), getattr(each, "path", None)) for each in app.routes]
    assert named[0] == ("socket.io", "/live")
    assert all(name and path for name, path in named)


@pytest.mark.parametrize("key", [500, Exception])
@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_a_handler_of_unhandled_errors_is_called_once_whoever_sends_its_response(
    key: Any, kind: str
) -> None:
    app = FastAPI()
    called: list[str] = []
    Mooring(app, settings())

    def handler(request: Request, _error: Exception) -> JSONResponse:
        called.append(request.url.path)
        return JSONResponse("sorry", 500)

    async def async_handler(request: Request, error: Exception) -> JSONResponse:
        return handler(request, error)

    @app.get("/with")
    async def fail_with(session: SessionDep) -> None:
        raise LookupError(session.key)

    @app.get("/without")
    async def fail_without() -> None:
        raise LookupError

    app.add_exception_handler(key, async_handler if kind == "async" else handler)
    async with client_of(app, raises=False) as client:
        for path in ("/without", "/with", "/with"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()) == (500, "sorry")

    assert called == ["/without", "/with", "/with"]


class SessionMiddleware:
    """Stands for Starlette's, which needs a package of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


@pytest.mark.parametrize(("name", "warned"), [("session", True), ("sid", False)])
async def test_a_cookie_that_starlettes_sessions_have_too_is_warned_about(
    caplog: pytest.LogCaptureFixture, name: str, *, warned: bool
) -> None:
    app = FastAPI()
    app.add_middleware(SessionMiddleware)
    Mooring(app, settings(session_cookie_name=name))

    async with client_of(app) as client:
        await client.get("/")

    assert ("set SESSION_COOKIE_NAME" in caplog.text) == warned
