"""Exception handlers that answer with problem documents (RFC 9457)."""

from collections.abc import Awaitable, Callable
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from ..asgi.errors import RequestRefusedError
from ..asgi.problems import status_type
from ..asgi.scope import ANSWERED
from ..sessions import SessionError
from .kept_response import AnsweredBeforeError, answered_before
from .problems import INTERNAL_ERROR, Problem, answer_to

_WITHOUT_BODY = {204, 205, 304}


def install_session_handler(app: FastAPI) -> None:
    """Answer the errors of sessions with problem documents, unless the app has a handler for them."""
    for kind in (SessionError, RequestRefusedError):
        app.exception_handlers.setdefault(kind, _session_error)
    app.exception_handlers.setdefault(AnsweredBeforeError, answered_before)


def call_error_handler_once(app: FastAPI) -> None:
    """Call the app's handler for unhandled errors only once, where Mooring has called it already.

    Starlette's outermost layer calls it even if a response has started, only to drop what it returns.
    """
    build = app.build_middleware_stack

    def build_middleware_stack() -> ASGIApp:
        handlers = app.exception_handlers
        once = {key: _once(handlers[key]) for key in (500, Exception) if key in handlers}
        app.exception_handlers = {**handlers, **once}
        try:
            return build()
        finally:
            app.exception_handlers = handlers

    app.build_middleware_stack = build_middleware_stack  # type: ignore[method-assign] # a public method


def _once(handler: Any) -> Callable[[Request, Exception], Awaitable[Response]]:
    called = handler.func if isinstance(handler, partial) else handler
    is_async = iscoroutinefunction(called) or iscoroutinefunction(getattr(called, "__call__", None))  # noqa: B004 - its function is asked for

    async def handle(request: Request, error: Exception) -> Response:
        if request.scope.get(ANSWERED) is error:
            return Response(status_code=500)  # which is not sent
        if is_async:
            response: Response = await handler(request, error)
            return response
        return await run_in_threadpool(handler, request, error)

    return handle


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every error of an app with a problem document: invalid requests, HTTPException, 500."""
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


async def _session_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, SessionError | RequestRefusedError)  # noqa: S101 - for the type checker; see above
    problem = answer_to(error, request.scope)
    if problem is INTERNAL_ERROR:
        raise error
    problem.note(reason=str(error))
    return problem.response()


async def _invalid_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - for the type checker; see above
    errors = [{"loc": item["loc"], "msg": item["msg"]} for item in error.errors()]
    detail = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in errors)
    extra: dict[str, Any] = {"errors": jsonable_encoder(errors)}
    problem = Problem(422, "invalid-request", "The request is invalid", detail, extra=extra)
    return problem.response()


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - for the type checker; see above
    headers = dict(error.headers or {})
    if error.status_code in _WITHOUT_BODY:
        return Response(status_code=error.status_code, headers=headers)
    slug, phrase = status_type(error.status_code)
    detail: Any = jsonable_encoder(error.detail)  # an object stays one
    return Problem(error.status_code, slug, phrase, detail, headers).response()


async def _unexpected(_request: Request, _error: Exception) -> Response:
    return INTERNAL_ERROR.response()
