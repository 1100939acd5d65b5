"""The fast path: which routes are remembered, and when they are forgotten.

That they are answered as FastAPI answers them, tests/differential shows.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.routing import Host, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from app import EmitterDep, Mooring, OptionalSessionDep, SessionDep, Settings, idempotent
from app.http.dependencies import RequestSessionDep, session
from app.http.fast_routes import FastRoutes
from tests.support.asgi import Exchange, request

_BY_FASTAPI = "fastapi_middleware_astack"
"""What FastAPI leaves in the scope of a request that it served."""


def _attach(app: FastAPI) -> Mooring:
    settings = Settings(
        fast_paths="on",
        session_store="memory",
        session_secrets=("a secret of these tests, long enough for all",),
    )
    return Mooring(app, settings)


@pytest.fixture
def app() -> FastAPI:
    """An app with a Mooring."""
    app = FastAPI()
    _attach(app)
    return app


async def asked_fastapi(app: ASGIApp, path: str = "/x", method: str = "GET") -> bool:
    """Send a request; return whether FastAPI served it."""
    return _BY_FASTAPI in (await request(app, method, path)).scope


async def is_remembered(app: ASGIApp, path: str = "/x", method: str = "GET") -> bool:
    """Send a request that FastAPI decides; return whether the next is served without it."""
    assert await asked_fastapi(app, path, method)
    return not await asked_fastapi(app, path, method)


async def _number() -> int:
    return 1


async def _with_session(session: SessionDep) -> int:
    return len(session)


async def _with_all(
    session: OptionalSessionDep, emitter: EmitterDep, request_session: RequestSessionDep
) -> str:
    return "all of them"


async def _nothing() -> None:
    return


async def _own_response() -> Response:
    return JSONResponse([1])


@pytest.mark.parametrize(
    ("endpoint", "options"),
    [
        (_number, {}),
        (_number, {"status_code": 201}),
        (_number, {"response_class": JSONResponse}),
        (_with_session, {}),
        (_with_all, {"dependencies": [Depends(session)]}),
        (_nothing, {"status_code": 204}),
        (_own_response, {}),
    ],
)
async def test_a_route_that_takes_only_moorings_dependencies_is_remembered(
    endpoint: Callable[..., Any], options: dict[str, Any], app: FastAPI
) -> None:
    app.add_api_route("/x", endpoint, **options)
    first = await request(app, "GET", "/x")
    second = await request(app, "GET", "/x")
    assert (_BY_FASTAPI in first.scope, _BY_FASTAPI in second.scope) == (True, False)
    assert (first.status, first.body) == (second.status, second.body)


async def test_a_route_of_included_routers_is_remembered(app: FastAPI) -> None:
    inner, outer = APIRouter(prefix="/in"), APIRouter()
    inner.add_api_route("/x", _with_session)
    outer.include_router(inner, prefix="/out")
    app.include_router(outer, dependencies=[Depends(session)])
    assert await is_remembered(app, "/out/in/x")


def _sync() -> int:
    return 1


async def _query(number: int = 3) -> int:
    return number


async def _request(request: Request) -> str:
    return request.method


async def _response(response: Response) -> int:
    response.status_code = 203
    return 1


async def _tasks(tasks: BackgroundTasks) -> int:
    return len(tasks.tasks)


async def _other(number: Annotated[int, Depends(_number)]) -> int:
    return number


async def _stream() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("endpoint", "options"),
    [
        (_sync, {}),
        (_query, {}),
        (_request, {}),
        (_response, {}),
        (_tasks, {}),
        (_other, {}),
        (_stream, {}),
        (_number, {"dependencies": [Depends(_number)]}),
        (_number, {"dependencies": [Depends(session, max_concurrency=1)]}),
        (_number, {"max_body_size": 100}),
    ],
)
async def test_a_route_that_takes_anything_else_is_fastapis(
    endpoint: Callable[..., Any], options: dict[str, Any], app: FastAPI
) -> None:
    app.router.add_api_route("/x", endpoint, **options)
    assert not await is_remembered(app)


async def test_a_route_whose_session_depends_on_something_else_is_fastapis(app: FastAPI) -> None:
    app.add_api_route("/x", _with_session)
    route: Any = app.router.routes[-1]
    guarded: Any = APIRoute("/other", _number, dependencies=[Depends(_refuse)])
    route.dependant.dependencies[0].dependencies.append(guarded.dependant.dependencies[0])
    for _ in range(3):
        assert (await request(app, "GET", "/x")).status == 401
    route.dependant.dependencies[0].dependencies[-1].call = _number
    assert not await is_remembered(app)


async def test_an_idempotent_route_is_remembered_but_for_requests_with_a_key(app: FastAPI) -> None:
    app.add_api_route("/x", _with_session, methods=["POST"], dependencies=[Depends(idempotent)])
    assert await is_remembered(app, method="POST")
    keyed = await request(app, "POST", "/x", [("idempotency-key", "a key of this test")])
    assert keyed.status == 400
    assert _BY_FASTAPI in keyed.scope
    assert not await asked_fastapi(app, method="POST")


async def test_a_path_with_parameters_is_fastapis(app: FastAPI) -> None:
    app.add_api_route("/{name}", _number)
    assert not await is_remembered(app, "/x")


async def test_a_route_whose_app_was_replaced_is_fastapis(app: FastAPI) -> None:
    app.add_api_route("/x", _number)
    route: Any = app.router.routes[-1]
    served = route.app

    async def traced(scope: Scope, receive: Receive, send: Send) -> None:
        await served(scope, receive, send)

    route.app = traced
    assert not await is_remembered(app)


class OwnRoute(APIRoute):
    """A class of routes that is not FastAPI's."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as FastAPI does."""
        return super().matches(scope)


async def test_a_route_behind_one_that_may_match_by_anything_is_fastapis() -> None:
    for passed in (Host("other", FastAPI()), OwnRoute("/other", _number)):
        app = FastAPI()
        _attach(app)
        app.router.routes.append(passed)
        app.add_api_route("/x", _number)
        assert not await is_remembered(app)


async def test_a_route_of_an_app_that_is_mounted_at_the_root_is_that_apps(app: FastAPI) -> None:
    inner = FastAPI(title="inner")
    inner.add_api_route("/x", _number)
    app.mount("", inner)
    assert not await is_remembered(app)


async def test_an_app_with_middleware_below_moorings_is_fastapis() -> None:
    class Below:
        def __init__(self, app: ASGIApp) -> None:
            self._app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self._app(scope, receive, send)

    app = FastAPI()
    app.add_middleware(Below)
    _attach(app)
    app.add_api_route("/x", _number)
    assert not await is_remembered(app)


async def test_an_app_that_is_traced_or_debugged_is_fastapis(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    debugged = FastAPI(debug=True)
    _attach(debugged)
    debugged.add_api_route("/x", _number)
    assert not await is_remembered(debugged)
    traced = FastAPI()
    _attach(traced)
    traced.add_api_route("/x", _number)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    assert not await is_remembered(traced)


async def test_overrides_are_asked_for_each_time(app: FastAPI) -> None:
    app.add_api_route("/x", _with_session)
    assert await is_remembered(app)
    app.dependency_overrides[session] = lambda: [1, 2, 3]
    answer = await request(app, "GET", "/x")
    assert answer.body == b"3"
    app.dependency_overrides.clear()
    assert (await request(app, "GET", "/x")).body == b"0"


async def _refuse() -> None:
    raise HTTPException(401)


def _in_front(app: FastAPI, _router: APIRouter) -> None:
    app.router.routes.insert(0, APIRoute("/x", _own_response))


def _equal_but_guarded(app: FastAPI, _router: APIRouter) -> None:
    guarded = APIRouter()
    guarded.add_api_route("/x", _number, dependencies=[Depends(_refuse)])
    app.router.routes[-1] = guarded.routes[0]


def _gone(app: FastAPI, _router: APIRouter) -> None:
    del app.router.routes[-1]


def _in_an_earlier_router(_app: FastAPI, router: APIRouter) -> None:
    router.add_api_route("/x", _own_response)


def _in_place(app: FastAPI, _router: APIRouter) -> None:
    app.router.routes = [APIRoute("/x", _own_response), *app.router.routes]


def _dependency(app: FastAPI, _router: APIRouter) -> None:
    route: Any = app.router.routes[-1]
    guarded: Any = APIRoute("/other", _number, dependencies=[Depends(_refuse)])
    route.dependant.dependencies.append(guarded.dependant.dependencies[0])


def _endpoint(app: FastAPI, _router: APIRouter) -> None:
    route: Any = app.router.routes[-1]
    route.dependant.call = _own_response


@pytest.mark.parametrize(
    ("change", "status", "body"),
    [
        (_in_front, 200, b"[1]"),
        (_equal_but_guarded, 401, b'{"detail":"Unauthorized"}'),
        (_gone, 404, b'{"detail":"Not Found"}'),
        (_in_an_earlier_router, 200, b"[1]"),
        (_in_place, 200, b"[1]"),
        (_dependency, 401, b'{"detail":"Unauthorized"}'),
        (_endpoint, 200, b"[1]"),
    ],
)
async def test_a_change_of_the_routes_is_noticed(
    change: Callable[[FastAPI, APIRouter], None], status: int, body: bytes, app: FastAPI
) -> None:
    router = APIRouter()
    app.include_router(router)
    app.add_api_route("/x", _number)
    assert await is_remembered(app)
    change(app, router)
    answer = await request(app, "GET", "/x")
    assert (answer.status, answer.body) == (status, body)


async def test_a_router_that_fastapi_reads_again_is_asked_again(app: FastAPI) -> None:
    router = APIRouter()
    router.add_api_route("/x", _number)
    app.include_router(router)
    assert await is_remembered(app)
    router.routes.insert(0, APIRoute("/x", _own_response))  # FastAPI does not notice that
    assert (await request(app, "GET", "/x")).body == b"1"
    assert not await asked_fastapi(app)
    router.add_api_route("/y", _number)  # but this
    router.routes.pop()
    assert (await request(app, "GET", "/x")).body == b"[1]"


async def test_a_change_that_a_request_makes_itself_is_noticed(app: FastAPI) -> None:
    async def put_another_in_front() -> int:
        app.router.routes.insert(0, APIRoute("/x", _own_response))
        return 1

    app.add_api_route("/x", put_another_in_front)
    assert (await request(app, "GET", "/x")).body == b"1"
    assert (await request(app, "GET", "/x")).body == b"[1]"


async def test_an_app_whose_router_has_middleware_is_fastapis(app: FastAPI) -> None:
    app.add_api_route("/x", _number)
    inner = app.router.middleware_stack
    seen: list[str] = []

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["path"])
        await inner(scope, receive, send)

    app.router.middleware_stack = outer
    for count in (1, 2, 3):
        assert (await request(app, "GET", "/x")).body == b"1"
        assert len(seen) == count


async def test_what_no_longer_holds_is_forgotten_and_the_new_remembered(app: FastAPI) -> None:
    app.add_api_route("/x", _number)
    assert await is_remembered(app)
    app.add_api_route("/y", _number)
    assert await is_remembered(app)


async def test_what_another_app_of_fastapi_has_begun_is_fastapis(app: FastAPI) -> None:
    app.add_api_route("/x", _number)
    assert await is_remembered(app)
    for begun, by_fastapi in ({"router": APIRouter()}, True), ({}, False):
        answer = await request(app, "GET", "/x", fastapi=begun)
        assert (answer.status, answer.body) == (200, b"1")
        assert (_BY_FASTAPI in answer.scope) is by_fastapi


async def test_other_methods_of_a_remembered_path_are_fastapis(app: FastAPI) -> None:
    app.add_api_route("/x", _number)
    assert await is_remembered(app)
    answer = await request(app, "HEAD", "/x")
    assert (answer.status, answer.values("allow")) == (405, ["GET"])
    assert (await request(app, "GET", "/x\n")).status == 200  # FastAPI's pattern ends before it
    assert await asked_fastapi(app, "/x\n")


async def test_below_a_root_path_the_same_is_remembered(app: FastAPI) -> None:
    app.add_api_route("/x", _number)
    assert await is_remembered(app)
    answer = await request(app, "GET", "/below/x", root_path="/below")
    assert (_BY_FASTAPI in answer.scope, answer.body) == (False, b"1")


async def test_what_clients_make_up_is_not_kept(app: FastAPI) -> None:
    app.add_api_route("/x", _number)
    app.add_api_route("/named/{name}", _number)
    assert await is_remembered(app)
    layer = _layer(app)
    for number in range(50):
        for path in (f"/{number}", f"/named/{number}", f"/x/{number}"):
            await request(app, "GET", path)
            await request(app, f"M{number}", path)
    assert list(layer._plans) == [("GET", "/x")]
    assert len(layer._refused) <= 1


def _layer(app: FastAPI) -> FastRoutes:
    def layers(each: Any) -> Iterator[Any]:
        while each is not None:
            yield each
            each = next(
                (vars(each)[name] for name in ("_layers", "app", "_app") if name in vars(each)),
                None,
            )

    return next(each for each in layers(app.middleware_stack) if isinstance(each, FastRoutes))


async def test_middleware_sees_the_scope_that_fastapi_would_have_made(app: FastAPI) -> None:
    router = APIRouter()
    router.add_api_route("/x", _number)
    app.include_router(router, prefix="/p")
    first, second = await request(app, "GET", "/p/x"), await request(app, "GET", "/p/x")
    stacks = {name for name in first.scope if name.endswith("_astack")}
    assert first.scope.keys() - second.scope.keys() == stacks
    for name in ("route", "endpoint", "path_params", "router", "app", "fastapi"):
        assert second.scope[name] == first.scope[name]
    assert second.scope["path_params"] is not first.scope["path_params"]


async def test_an_error_behind_a_started_response_reaches_the_server_as_fastapis(
    app: FastAPI,
) -> None:
    fails = False

    class Late(Response):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await super().__call__(scope, receive, send)
            if fails:
                raise HTTPException(404)

    @app.get("/x")
    async def late() -> Response:
        return Late(b"sent")

    def seen(answer: Exchange) -> tuple[list[str], str, str]:
        error = answer.error
        assert error is not None
        return [each["type"] for each in answer.messages], repr(error), repr(error.__cause__)

    fails = True
    by_fastapi = await request(app, "GET", "/x")
    fails = False
    assert await is_remembered(app)
    fails = True
    by_memory = await request(app, "GET", "/x")
    assert seen(by_memory) == seen(by_fastapi)
    assert seen(by_memory)[0] == ["http.response.start", "http.response.body"]
