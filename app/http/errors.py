"""Every error that leaves FastAPI is a problem document."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app.http.problems import INTERNAL_ERROR, MEDIA_TYPE, Problem, session_problem
from app.sessions import SessionError


def install(app: FastAPI) -> None:
    """Answer the errors of an app's routes with problem documents."""
    app.add_exception_handler(SessionError, _session_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


async def _session_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, SessionError)  # noqa: S101 - for the type checker; see install
    problem = session_problem(error)
    if problem is INTERNAL_ERROR:
        raise error
    return _response(problem)


async def _invalid_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - see install
    errors = [{"loc": item["loc"], "msg": item["msg"]} for item in error.errors()]
    detail = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in errors)
    extra: dict[str, Any] = {"errors": jsonable_encoder(errors)}
    return _response(
        Problem(422, "invalid-request", "The request does not fit", detail, extra=extra)
    )


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - see install
    phrase = HTTPStatus(error.status_code).phrase
    headers = dict(error.headers or {})
    slug = phrase.lower().replace(" ", "-")
    return _response(Problem(error.status_code, slug, phrase, str(error.detail), headers))


async def _unexpected(_request: Request, _error: Exception) -> Response:
    return _response(INTERNAL_ERROR)


def _response(problem: Problem) -> Response:
    headers = dict(problem.headers) | {"cache-control": "no-store"}
    return Response(problem.body(), problem.status, headers, media_type=MEDIA_TYPE)
