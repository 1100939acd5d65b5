"""What FastAPI says of a route holds, with fast paths and without: each row came from a field report."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

import orjson
import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Request, Response, WebSocket
from fastapi.responses import PlainTextResponse

from app import Mooring, SessionDep, Settings
from app.example.main import create_app
from tests.support.asgi import Exchange, request, websocket

SECRETS = ("a secret of these tests, long enough for all",)

Mode = Literal["on", "off"]
Attach = Callable[..., Mooring]
Ask = Callable[..., Awaitable[Exchange]]


@pytest.fixture(params=["on", "off"])
def fast_paths(request: pytest.FixtureRequest) -> Mode:
    """Both ways, which are the same."""
    mode: Mode = request.param
    return mode


@pytest.fixture
def attach(fast_paths: Mode) -> Attach:
    """`attach(app)`: a Mooring on an app."""
    settings = Settings(fast_paths=fast_paths, session_store="memory", session_secrets=SECRETS)
    return lambda app: Mooring(app, settings)


async def twice(app: FastAPI, method: str, path: str, **headers: str) -> Exchange:
    """Send a request two times, so that the second may be served by memory; both answers agree."""
    fields = [(name.replace("_", "-"), value) for name, value in headers.items()]
    first = await request(app, method, path, fields)
    second = await request(app, method, path, fields)
    assert (first.status, first.body) == (second.status, second.body)
    return second


@pytest.fixture
def example(fast_paths: Mode) -> FastAPI:
    """The example."""
    settings = Settings(
        fast_paths=fast_paths,
        session_store="memory",
        session_secrets=SECRETS,
    )
    return create_app(settings)


async def require_key(x_key: Annotated[str | None, Header()] = None) -> None:
    """A dependency that refuses requests without a key."""
    if x_key is None:
        raise HTTPException(401)


def counting() -> APIRouter:
    """A router with a session."""
    router = APIRouter()

    @router.post("/incr")
    async def incr(session: SessionDep) -> int:
        session["count"] = session.get("count", 0) + 1
        count: int = session["count"]
        return count

    return router


async def test_a_dependency_of_the_app_guards_every_route(attach: Attach) -> None:
    app = FastAPI(dependencies=[Depends(require_key)])
    mooring = attach(app)
    app.include_router(mooring.session_router())
    app.include_router(counting())
    for method, path in (("GET", "/session"), ("POST", "/incr")):
        assert (await twice(app, method, path)).status == 401
        assert (await request(app, method, path, [("x-key", "1")])).status == 200
        assert (await twice(app, method, path)).status == 401


async def test_a_prefix_and_dependencies_of_an_inclusion_hold(attach: Attach) -> None:
    app = FastAPI()
    mooring = attach(app)
    app.include_router(mooring.session_router(), prefix="/api", dependencies=[Depends(require_key)])
    assert (await twice(app, "GET", "/session")).status == 404
    assert (await twice(app, "GET", "/api/session")).status == 401
    assert (await request(app, "GET", "/api/session", [("x-key", "1")])).status == 200


async def test_a_router_that_is_left_out_answers_nothing(attach: Attach) -> None:
    app = FastAPI()
    attach(app)
    for method, path in (("GET", "/session"), ("POST", "/incr"), ("POST", "/logout")):
        assert (await twice(app, method, path)).status == 404


async def test_a_route_that_comes_first_wins(attach: Attach) -> None:
    app = FastAPI()
    mooring = attach(app)

    @app.post("/logout")
    async def logout() -> str:
        return "my own"

    app.include_router(mooring.session_router())
    assert (await twice(app, "POST", "/logout")).body == b'"my own"'


async def test_a_route_that_is_put_in_front_later_wins(attach: Attach) -> None:
    app = FastAPI()
    mooring = attach(app)
    app.include_router(mooring.session_router())
    assert (await twice(app, "POST", "/logout")).status == 204

    async def logout() -> str:
        return "my own"

    app.add_api_route("/logout", logout, methods=["POST"])
    app.router.routes.insert(1, app.router.routes.pop())
    assert (await twice(app, "POST", "/logout")).body == b'"my own"'


async def test_a_plain_write_of_a_route_without_content_is_stored(attach: Attach) -> None:
    app = FastAPI()
    attach(app)

    @app.post("/write", status_code=204)
    async def write(session: SessionDep) -> None:
        session["count"] = session.get("count", 0) + 1

    @app.get("/read")
    async def read(session: SessionDep) -> Any:
        return session.get("count")

    first = await request(app, "POST", "/write")
    assert (first.status, first.body) == (204, b"")
    pair = first.values("set-cookie")[0].partition(";")[0]
    second = await twice(app, "POST", "/write", cookie=pair)
    assert (second.status, second.body) == (204, b"")
    assert (await twice(app, "GET", "/read", cookie=pair)).body == b"3"


class OutOfStockError(Exception):
    """An error of a product."""


@pytest.mark.parametrize("coroutine", [False, True])
async def test_exception_handlers_of_either_kind_answer(attach: Attach, *, coroutine: bool) -> None:
    app = FastAPI()
    attach(app)

    @app.get("/buy")
    async def buy(session: SessionDep) -> int:
        session["asked"] = True
        raise OutOfStockError

    def handle(request: Request, _error: Exception) -> Response:
        return PlainTextResponse(
            f"none left at {request.url.path} for {request['route'].name}", 409
        )

    async def handle_later(request: Request, error: Exception) -> Response:
        return handle(request, error)

    app.add_exception_handler(OutOfStockError, handle_later if coroutine else handle)
    answer = await twice(app, "GET", "/buy")
    assert (answer.status, answer.body) == (409, b"none left at /buy for buy")


async def test_a_handler_of_a_status_answers_what_another_handler_raises(attach: Attach) -> None:
    app = FastAPI()
    attach(app)

    @app.get("/buy")
    async def buy() -> int:
        raise OutOfStockError

    @app.exception_handler(OutOfStockError)
    async def refuse(_request: Request, _error: Exception) -> Response:
        raise HTTPException(418)

    @app.exception_handler(418)
    def teapot(_request: Request, _error: Exception) -> Response:
        return PlainTextResponse("short and stout", 418)

    answer = await twice(app, "GET", "/buy")
    assert (answer.status, answer.body) == (418, b"short and stout")


async def test_a_websocket_route_has_the_session_and_sends_its_cookie(attach: Attach) -> None:
    app = FastAPI()
    attach(app)

    @app.websocket("/ws")
    async def serve(websocket: WebSocket, session: SessionDep) -> None:
        session["count"] = session.get("count", 0) + 1
        await websocket.accept()
        await websocket.send_text(str(session["count"]))

    first = await websocket(app, "/ws")
    assert first.start["type"] == "websocket.accept"
    cookie = first.values("set-cookie")[0].partition(";")[0]
    second = await websocket(app, "/ws", headers=[("cookie", cookie)])
    assert second.messages[1]["text"] == "2"
    assert not second.values("set-cookie")


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/session", "/docs"])
async def test_head_answers_as_get_and_opens_no_session(path: str, example: FastAPI) -> None:
    head = await twice(example, "HEAD", path)
    assert head.status == 200
    assert not head.values("set-cookie")
    get = await request(example, "GET", path)
    assert get.status == 200
    assert get.body  # what an app sends as the body of HEAD, servers drop
    assert head.values("content-type") == get.values("content-type")
    assert head.values("content-length") in ([], get.values("content-length"))


@pytest.mark.parametrize(
    "path", ["/session", "/devices", "/healthz", "/readyz", "/metrics", "/docs"]
)
async def test_head_of_what_an_app_includes_answers_as_get_and_opens_no_session(
    attach: Attach, path: str
) -> None:
    app = FastAPI()
    mooring = attach(app)
    mooring.docs()
    for router in (
        *(mooring.session_router(), mooring.devices_router()),
        *(mooring.health_router(), mooring.metrics_router()),
    ):
        app.include_router(router)
    head = await request(app, "HEAD", path)
    assert not head.values("set-cookie")
    get = await request(app, "GET", path)
    assert (head.status, bool(get.body)) == (get.status, True)
    assert head.values("content-type") == get.values("content-type")


async def test_an_object_as_detail_stays_one_in_a_problem_document(attach: Attach) -> None:
    app = FastAPI()
    attach(app).install_problem_handlers()

    @app.get("/tea")
    async def tea() -> int:
        raise HTTPException(418, {"code": "out-of-tea"})

    answer = await twice(app, "GET", "/tea")
    problem = orjson.loads(answer.body)
    assert answer.values("content-type") == ["application/problem+json"]
    assert (answer.status, problem["detail"]) == (418, {"code": "out-of-tea"})
    assert problem["type"] == "im-a-teapot"


async def test_a_content_security_policy_of_a_route_stays_alone(example: FastAPI) -> None:
    @example.get("/own")
    async def own() -> Response:
        return PlainTextResponse("own", headers={"Content-Security-Policy": "default-src https:"})

    answer = await twice(example, "GET", "/own")
    assert answer.values("content-security-policy") == ["default-src https:"]
