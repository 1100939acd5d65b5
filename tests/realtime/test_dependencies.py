"""Dependencies of handlers: as FastAPI solves them in a route, on the fast path and by FastAPI itself."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Annotated, Any
from unittest.mock import Mock

import httpx
import pytest
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request, Security
from fastapi.security import APIKeyHeader, SecurityScopes
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from app import EmitterDep, OptionalSessionDep, SessionDep, SocketDep
from app.realtime.context import Context, Resources
from app.realtime.emitter import Emitter
from app.realtime.events import EventRouter
from app.realtime.handshake import Handshake
from app.realtime.session_sockets import Connection, Member, SessionSockets
from app.realtime.socket import Socket
from app.sessions import Session

WAYS = pytest.mark.parametrize("fast", [True, False], ids=["fast", "fastapi"])
Overrides = dict[Callable[..., Any], Callable[..., Any]]


def new_context(*, fast: bool = True, overrides: Overrides | None = None) -> Context:
    """An event of a socket whose handshake had a header, a cookie and a query."""
    connection = Connection("engine", SessionSockets("key"))
    connection.handshake = Handshake(
        {
            "type": "websocket",
            "headers": [(b"x-token", b"secret"), (b"cookie", b"theme=dark")],
            "query_string": b"page=3",
            "client": ("192.0.2.1", 5),
            "path": "/socket.io/",
            "scheme": "ws",
            "state": {"gates": 2},
        }
    )
    resources = Resources(Mock(spec=Emitter), lambda: overrides or {}, fast)
    return Context(Member(connection, "/", "a sid"), Mock(spec=Session), resources)


async def call(router: EventRouter, *arguments: Any, **how: Any) -> Any:
    """Handle the event `event`."""
    event = router.get("event")
    assert event is not None
    return await event(new_context(**how), arguments)


async def get(app: FastAPI) -> Any:
    """Return the answer of an app's route."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://plain.test") as client:
        return (await client.get("/")).json()


@WAYS
async def test_sub_dependencies_share_one_value_an_event(fast: bool) -> None:
    calls: list[str] = []

    async def base() -> int:
        calls.append("base")
        return len(calls)

    def plain(base: Annotated[int, Depends(base)]) -> int:
        calls.append("plain")
        return base * 10

    async def top(
        base: Annotated[int, Depends(base)],
        plain: Annotated[int, Depends(plain)],
        fresh: Annotated[int, Depends(base, use_cache=False)],
    ) -> list[int]:
        return [base, plain, fresh]

    router = EventRouter()

    @router.on("event")
    async def handler(
        number: int, top: Annotated[list[int], Depends(top)], base: int = Depends(base)
    ) -> list[int]:
        return [number, *top, base]

    assert await call(router, 7, fast=fast) == [7, 1, 10, 3, 1]
    assert calls == ["base", "plain", "base"]
    assert await call(router, 7, fast=fast) == [7, 4, 40, 6, 4]


@WAYS
async def test_mooring_s_own_mean_the_same_in_dependencies(fast: bool) -> None:
    async def all_of_them(
        session: SessionDep,
        optional: OptionalSessionDep,
        emitter: EmitterDep,
        socket: SocketDep,
    ) -> list[Any]:
        return [session, optional, emitter, socket]

    router = EventRouter()
    given_: list[Any] = []

    @router.on("event")
    async def handler(
        below: Annotated[list[Any], Depends(all_of_them)],
        session: SessionDep,
        emitter: EmitterDep,
        socket: SocketDep,
    ) -> None:
        given_.extend([below, session, emitter, socket])

    await call(router, fast=fast)
    below, session, emitter, socket = given_
    assert below == [session, session, emitter, socket]
    assert isinstance(socket, Socket)
    assert (socket.sid, socket.namespace, socket.session) == ("a sid", "/", session)
    assert (socket.user, socket.recovered) == (session.user, False)


@WAYS
async def test_what_yields_is_left_before_the_ack_unless_it_says_otherwise(fast: bool) -> None:
    order: list[str] = []

    async def sooner() -> AsyncIterator[int]:
        yield 1
        order.append("sooner")

    def plain(sooner: Annotated[int, Depends(sooner)]) -> Iterator[int]:
        yield sooner + 1
        order.append("plain")

    async def later() -> AsyncIterator[int]:
        yield 3
        order.append("later")

    router = EventRouter()

    @router.on("event")
    async def handler(
        plain: Annotated[int, Depends(plain)],
        later: Annotated[int, Depends(later, scope="request")],
    ) -> int:
        order.append("handler")
        return plain + later

    async def reply(answer: Any) -> None:
        order.append(f"ack {answer}")

    event = router.get("event")
    assert event is not None
    await event(new_context(fast=fast), (), reply)
    assert order == ["handler", "plain", "sooner", "ack 5", "later"]


@WAYS
async def test_what_outlives_the_ack_keeps_what_it_depends_on(fast: bool) -> None:
    order: list[str] = []

    async def below() -> AsyncIterator[None]:
        yield
        order.append("below")

    async def later(_below: Annotated[None, Depends(below)]) -> AsyncIterator[None]:
        yield
        order.append("later")

    router = EventRouter()

    @router.on("event")
    async def handler(_later: Annotated[None, Depends(later, scope="request")]) -> None: ...

    async def reply(_answer: Any) -> None:
        order.append("ack")

    event = router.get("event")
    assert event is not None
    await event(new_context(fast=fast), (), reply)
    assert order == ["ack", "later", "below"]


@WAYS
async def test_a_commit_that_fails_is_no_success(fast: bool) -> None:
    async def db() -> AsyncIterator[int]:
        yield 1
        raise RuntimeError("the commit failed")

    router = EventRouter()

    @router.on("event")
    async def handler(_db: Annotated[int, Depends(db)]) -> str:
        return "done"

    with pytest.raises(RuntimeError, match="the commit failed"):
        await call(router, fast=fast)


@WAYS
async def test_a_dependency_sees_what_the_handler_raises(fast: bool) -> None:
    seen: list[Exception] = []

    async def db() -> AsyncIterator[int]:
        try:
            yield 1
        except ValueError as error:
            seen.append(error)
            raise

    router = EventRouter()

    @router.on("event")
    async def handler(_db: Annotated[int, Depends(db)]) -> str:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await call(router, fast=fast)
    assert len(seen) == 1


SCOPES = pytest.mark.parametrize("scope", ["function", "request"])


@WAYS
@SCOPES
@pytest.mark.parametrize("wrapped", [True, False], ids=["within a middleware", "alone"])
async def test_what_swallows_the_error_of_a_handler_is_told_of_as_in_a_route(
    fast: bool, scope: Any, wrapped: bool
) -> None:
    async def swallows() -> AsyncIterator[int]:
        with suppress(ValueError):
            yield 1

    router = EventRouter()

    async def around(call_next: Any, _socket: Any, event: Any) -> Any:
        return await call_next(event)

    if wrapped:
        router.middleware(around)

    @router.on("event")
    async def handler(_value: Annotated[int, Depends(swallows, scope=scope)]) -> str:
        raise ValueError("no")

    with pytest.raises(RuntimeError, match="has not raised it again"):
        await call(router, fast=fast)


@WAYS
@SCOPES
@pytest.mark.parametrize("wrapped", [True, False], ids=["within a middleware", "alone"])
async def test_no_ack_says_that_all_is_well_where_the_error_of_the_save_was_swallowed(
    fast: bool, scope: Any, wrapped: bool
) -> None:
    async def swallows() -> AsyncIterator[int]:
        with suppress(ValueError):
            yield 1

    router = EventRouter()

    async def around(call_next: Any, _socket: Any, event: Any) -> Any:
        return await call_next(event)

    if wrapped:
        router.middleware(around)

    @router.on("event")
    async def handler(_value: Annotated[int, Depends(swallows, scope=scope)]) -> str:
        return "done"

    async def reply(_answer: Any) -> None:
        raise ValueError("not saved")

    event = router.get("event")
    assert event is not None
    with pytest.raises((RuntimeError, ValueError)):
        await event(new_context(fast=fast), (), reply)


@WAYS
async def test_overrides_of_the_app_count(fast: bool) -> None:
    async def real() -> str:
        return "real"

    async def above(value: Annotated[str, Depends(real)]) -> str:
        return f"above {value}"

    order: list[str] = []

    async def fake() -> AsyncIterator[str]:
        yield "fake"
        order.append("left")

    router = EventRouter()

    @router.on("event")
    async def handler(value: Annotated[str, Depends(above)]) -> str:
        order.append("handled")
        return value

    assert await call(router, fast=fast) == "above real"
    assert await call(router, fast=fast, overrides={real: fake}) == "above fake"
    assert order[-2:] == ["handled", "left"]
    assert await call(router, fast=fast, overrides={above: lambda: "all fake"}) == "all fake"
    assert await call(router, fast=fast) == "above real"


@WAYS
async def test_the_handshake_can_be_read(fast: bool) -> None:
    async def shared(
        connection: HTTPConnection,
        x_token: Annotated[str, Header()],
        page: Annotated[int, Query()],
    ) -> list[Any]:
        host = connection.client.host if connection.client else None
        return [x_token, page, connection.cookies, host, connection.state.gates]

    async def of_websocket(websocket: WebSocket) -> str:
        return websocket.headers["x-token"]

    router = EventRouter()

    @router.on("event")
    async def handler(
        shared: Annotated[list[Any], Depends(shared)],
        other: Annotated[str, Depends(of_websocket)],
        connection: HTTPConnection,
    ) -> list[Any]:
        return [*shared, other, connection.url.path]

    assert router.keeps_handshake
    assert await call(router, fast=fast) == [
        *("secret", 3, {"theme": "dark"}, "192.0.2.1", 2),
        *("secret", "/socket.io/"),
    ]


@WAYS
async def test_security_scopes_are_fastapi_s(fast: bool) -> None:
    scheme = APIKeyHeader(name="x-token")

    async def user(scopes: SecurityScopes, token: Annotated[str, Security(scheme)]) -> list[str]:
        return [token, *scopes.scopes]

    router = EventRouter()

    @router.on("event")
    async def handler(user: Annotated[list[str], Security(user, scopes=["chat"])]) -> list[str]:
        return user

    assert await call(router, fast=fast) == ["secret", "chat"]


def test_no_handshake_is_kept_for_those_who_read_none() -> None:
    async def shared(session: SessionDep, socket: SocketDep) -> None: ...

    router = EventRouter(dependencies=[Depends(shared)])

    @router.on("event")
    async def handler(_shared: Annotated[None, Depends(shared)]) -> None: ...

    assert not router.keeps_handshake


def test_what_an_event_has_not_is_refused_at_import() -> None:
    async def of_request(request: Request) -> None: ...

    async def of_body(body: dict[str, int]) -> None: ...

    router = EventRouter()
    refusals: list[tuple[Any, str]] = [
        (of_request, "takes a Request"),
        (of_body, "takes a body"),
    ]
    for dependency, message in refusals:

        async def handler(value: Annotated[None, Depends(dependency)]) -> None: ...

        line = handler.__code__.co_firstlineno
        with pytest.raises(TypeError, match=rf"handler: .*{message}.*line {line}\)"):
            router.on("event")(handler)
        with pytest.raises(TypeError, match=message):
            EventRouter(dependencies=[Depends(dependency)])
    wrong: Any = [of_request]
    with pytest.raises(TypeError, match="takes Depends"):
        EventRouter(dependencies=wrong)


async def test_a_socket_is_for_events_alone() -> None:
    app = FastAPI()

    @app.get("/")
    async def route(socket: SocketDep) -> None: ...

    with pytest.raises(RuntimeError, match="SocketDep is for events"):
        await get(app)


async def test_what_a_dependency_raises_comes_out() -> None:
    async def nobody() -> None:
        raise HTTPException(403, "nobody")

    router = EventRouter(dependencies=[Depends(nobody)])

    @router.on("event")
    async def handler() -> None: ...

    with pytest.raises(HTTPException):
        await call(router)


Tree = tuple[int, tuple[tuple[int, bool], ...]]
"""A kind of dependency, and of which earlier ones it depends, with or without a cache."""

trees = st.lists(
    st.tuples(st.integers(0, 3), st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=3)),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=60)
@given(trees)
def test_whatever_depends_on_whatever_is_called_as_in_a_route(tree: list[Any]) -> None:
    """The same handler is a route of FastAPI, and an event on both paths."""
    calls: list[str] = []
    handler = _handler(tree, calls)
    app = FastAPI()
    app.get("/")(handler)
    expected = asyncio.run(get(app))
    expected_calls = _without_ends(calls)

    router = EventRouter()
    router.on("event")(handler)
    for fast in (True, False):
        calls.clear()
        assert asyncio.run(call(router, fast=fast)) == expected
        assert _without_ends(calls) == expected_calls


def _handler(tree: list[Any], calls: list[str]) -> Callable[..., Any]:
    made: list[Callable[..., Any]] = []
    for number, (kind, below) in enumerate(tree):
        edges = [(made[index % number], cached) for index, cached in below] if number else []
        made.append(_dependency(number, kind, edges, calls))
    last = [(each, True) for each in made[-2:]]

    async def handler(**values: int) -> list[int]:
        calls.append("handler")
        return sorted(values.values())

    return _with_signature(handler, last)


def _dependency(
    number: int, kind: int, edges: list[tuple[Callable[..., Any], bool]], calls: list[str]
) -> Callable[..., Any]:
    def value(values: dict[str, int]) -> int:
        calls.append(f"{number}")
        return number + sum(values.values())

    async def coroutine(**values: int) -> int:
        return value(values)

    def plain(**values: int) -> int:
        return value(values)

    async def yields(**values: int) -> AsyncIterator[int]:
        yield value(values)
        calls.append(f"end {number}")

    def plainly_yields(**values: int) -> Iterator[int]:
        yield value(values)
        calls.append(f"end {number}")

    return _with_signature((coroutine, plain, yields, plainly_yields)[kind], edges)


def _with_signature(
    function: Callable[..., Any], edges: list[tuple[Callable[..., Any], bool]]
) -> Callable[..., Any]:
    parameters = [
        inspect.Parameter(
            f"p{index}",
            inspect.Parameter.KEYWORD_ONLY,
            annotation=Annotated[int, Depends(each, use_cache=cached)],
        )
        for index, (each, cached) in enumerate(edges)
    ]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # as inspect reads it
    function.__annotations__ = {each.name: each.annotation for each in parameters}
    return function


def _without_ends(calls: list[str]) -> list[str]:
    return [each for each in calls if not each.startswith("end")]
