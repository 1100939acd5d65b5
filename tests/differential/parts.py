"""Dependencies, handlers and middleware of generated apps; each notes that it was called."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.exceptions import ResponseValidationError
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.dependencies import SessionDep
from app.http import dependencies as own

Note = Callable[[str], None]
Part = Callable[..., Any]


class OutOfStockError(Exception):
    """An error of the product's own."""


class SoldOutError(OutOfStockError):
    """A kind of it, for handlers of its base."""


class ChainedError(Exception):
    """An error whose handler raises an HTTPException."""


def dependencies(note: Note) -> dict[str, Part]:
    """Return new dependencies, by their kind."""
    plain = _plain(note)
    ours: dict[str, Part] = {
        "session": own.session,
        "optional": own.optional_session,
        "lazy": own.request_session,
        "emitter": own.emitter,
    }
    return {**plain, **_difficult(note, plain["count"]), **ours}


def _plain(note: Note) -> dict[str, Part]:
    async def count() -> int:
        note("dep count")
        return 1

    def sync() -> int:
        note("dep sync")
        return 2

    async def refuse(x_key: Annotated[str | None, Header()] = None) -> None:
        note("dep refuse")
        if x_key is None:
            raise HTTPException(401, "no key")

    async def watched(session: SessionDep) -> None:
        note(f"dep session {session.get('count')}")

    return {"count": count, "sync": sync, "refuse": refuse, "watched": watched}


def _difficult(note: Note, count: Part) -> dict[str, Part]:
    async def enter() -> AsyncIterator[int]:
        note("dep enters")
        try:
            yield 4
        finally:
            note("dep exits")

    async def fail() -> None:
        note("dep fails")
        raise SoldOutError("in a dependency")

    async def cached(again: Annotated[int, Depends(count)]) -> int:
        note("dep cached")
        return again

    return {"yield": enter, "fail": fail, "cached": cached}


class FakeSession(dict[str, Any]):
    """What a test of a product might put in a session's place."""

    async def update(self, change: Callable[[dict[str, Any]], int]) -> int:  # type: ignore[override] # a session's
        """Change it as a session is changed."""
        return change(self)


async def fake_session() -> FakeSession:
    """Return a session that is none."""
    return FakeSession(count=41)


async def stranger() -> None:
    """An override that refuses."""
    raise HTTPException(403, "overridden")


_HANDLED: dict[str, Any] = {
    "sold_out": SoldOutError,
    "sold_out_base": OutOfStockError,
    "teapot": 418,
    "not_found": 404,
    "http": StarletteHTTPException,
    "value_error": ValueError,
    "chained": ChainedError,
    "any": Exception,
    "wrong": ResponseValidationError,
}


def add_handler(app: FastAPI, kind: str, note: Note, *, coroutine: bool) -> None:
    """Add an exception handler that notes what it sees."""

    def respond(request: Request, error: Exception) -> Response:
        note(f"handler {kind}: {error!r} {describe(request.scope)} of {type(request).__name__}")
        if kind == "chained":
            raise HTTPException(409, "by a handler")
        return PlainTextResponse(f"handled {kind}", 500 if kind == "any" else 410)

    async def later(request: Request, error: Exception) -> Response:
        await asyncio.sleep(0)
        return respond(request, error)

    app.add_exception_handler(_HANDLED[kind], later if coroutine else respond)


def describe(scope: Scope) -> str:
    """Say what a scope has that Starlette and FastAPI put there."""
    route, fastapi = scope.get("route"), scope.get("fastapi")
    context = (fastapi or {}).get("effective_route_context")
    named = [
        getattr(route, "path", None),
        getattr(context, "path", None),
        type(route).__name__,
        getattr(scope.get("endpoint"), "__name__", type(scope.get("endpoint")).__name__),
        scope.get("path_params"),
        None if fastapi is None else sorted(fastapi),
        type(scope.get("router")).__name__,
        getattr(scope.get("app"), "title", None),
        scope.get("root_path"),
        "starlette.exception_handlers" in scope,
    ]
    return str(named)


class Noting:
    """ASGI middleware that notes each request, and what its scope became."""

    def __init__(self, app: ASGIApp, note: Note, *, stops: bool = False) -> None:
        self._app = app
        self._note = note
        self._stops = stops

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if self._stops and scope["type"] == "http" and scope["method"] == "PUT":
            await PlainTextResponse("stopped", 429)(scope, receive, send)
            return

        async def noted(message: Message) -> None:
            self._note(f"sends {message['type']} {describe(scope)}")
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            if scope["type"] in ("http", "websocket"):
                self._note(f"middleware {describe(scope)}")


def base_middleware(note: Note) -> Callable[..., Any]:
    """Return a BaseHTTPMiddleware."""

    class Base(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: Any) -> Response:
            note("base enters")
            response: Response = await call_next(request)
            response.headers["X-Base"] = "yes"
            note("base exits")
            return response

    return Base
