"""The OpenAPI document: error answers, and the cookie under the name that it has here."""

from typing import Any

import orjson
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from app.http.body_limit import TOO_LARGE
from app.http.origins import FOREIGN
from app.http.problems import session_problem
from app.limits import TooManyError
from app.problems import MEDIA_TYPE, Problem
from app.sessions import EndReason, SessionEndedError, StoreUnavailableError

Answers = dict[int | str, dict[str, Any]]


class ProblemDocument(BaseModel):
    """An error (RFC 9457). Some types have members of their own: `session-ended` has its `reason`."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(
        description="Stable name of the problem, for programs.", examples=["session-ended"]
    )
    title: str = Field(
        description="The same for every problem of this type.", examples=["The session has ended"]
    )
    status: int = Field(description="The HTTP status.", examples=[409])
    detail: str = Field(description="What happened this time, for people.")


def answer(problem: Problem, description: str) -> Answers:
    """Describe an error answer of a route, with the very problem as its example."""
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    content = {MEDIA_TYPE: {"schema": schema, "example": orjson.loads(problem.body())}}
    described = {"description": f"`{problem.type}`: {description}", "content": content}
    if "retry-after" in problem.headers:
        described["headers"] = {"Retry-After": RETRY_AFTER}
    return {problem.status: described}


RETRY_AFTER = {
    "description": "Seconds after which it makes sense to try again.",
    "schema": {"type": "integer"},
}
SET_COOKIE = {
    "description": "The session's cookie, if its id is new to the browser.",
    "schema": {"type": "string"},
}
CLEAR_COOKIE = {
    "description": "Clears the session's cookie, whether there was one or not.",
    "schema": {"type": "string"},
}

FROM_ELSEWHERE = answer(
    FOREIGN, "the request carries the cookie, and comes from a page whose origin is not listed."
)
ENDED = answer(
    session_problem(SessionEndedError(EndReason.LOGOUT)),
    "the cookie names a session that was ended on purpose. The cookie stays as it is: another "
    "answer may have set a newer one meanwhile.",
)
BODY_TOO_LARGE = answer(TOO_LARGE, "the request has a body over 1 MB; it needs none.")
TOO_MANY = answer(
    session_problem(TooManyError(1.0)),
    "this address has opened too many sessions within a minute (CLIENT_RATE).",
)
_AWAY = session_problem(StoreUnavailableError(""))
UNAVAILABLE = answer(_AWAY, "the session store gives no answer.")
NOT_READY = answer(_AWAY, "the session store gives no answer, or this process is about to stop.")


def describe(app: FastAPI, cookie_name: str) -> None:
    """Complete the generated document: the problem schema, and the cookie's real name."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {})["ProblemDocument"] = (
            ProblemDocument.model_json_schema()
        )
        components["securitySchemes"]["session"]["name"] = cookie_name
        _make_cookies_optional(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to extend it


def _make_cookies_optional(document: dict[str, Any]) -> None:
    """Say that no route refuses who comes without a cookie: `{}` is how OpenAPI writes that."""
    for path in document["paths"].values():
        for operation in path.values():
            if "security" in operation:
                operation["security"] = [{"session": []}, {}]
