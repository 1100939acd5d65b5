"""The OpenAPI document: error responses of session routes, and the cookie under its real name."""

from typing import Any

import orjson
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from ..asgi.problems import MEDIA_TYPE, Problem
from ..asgi.rate_limit import RateLimitExceededError
from ..sessions import (
    EndReason,
    OnceKeyReusedError,
    RecentSignInRequiredError,
    SessionEndedError,
    SignInRequiredError,
    StoreUnavailableError,
)
from .dependencies import session_scheme
from .idempotency import malformed_key
from .marks import RECENT_SIGN_IN, drop_marks, take_marks
from .middleware.body_limit import BODY_TOO_LARGE as BODY_TOO_LARGE_PROBLEM
from .middleware.cross_origin import FOREIGN_ORIGIN
from .problems import session_problem

Responses = dict[int | str, dict[str, Any]]

_SAFE_METHODS = {"get", "head", "options", "trace"}
_KEY = "Idempotency-Key"
_ALSO_BY_KEY = {
    "409": "`request-under-way` and `outcome-unknown`",
    "429": "`too-many-idempotency-keys`",
}
_PROBLEM_REF = "#/components/schemas/ProblemDocument"


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


def response(problem: Problem, description: str) -> Responses:
    """Return an error response of a route for OpenAPI, with the very problem as its example."""
    content = {
        MEDIA_TYPE: {"schema": {"$ref": _PROBLEM_REF}, "example": orjson.loads(problem.body())}
    }
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

_TOKEN_SCHEME = "sessionToken"  # noqa: S105 - a name
TOKEN_SCHEME = {
    "type": "apiKey",
    "in": "header",
    "name": "X-Session-Token",
    "description": "The same for clients without cookies: the token of the last response that had one, "
    "empty for none yet. `Authorization: Bearer` does as well.",
}
NEW_TOKEN = {
    "description": "In place of Set-Cookie, for a request that has this field: the session's new token, "
    "empty if there is none any more.",
    "schema": {"type": "string"},
}

FOREIGN = response(
    FOREIGN_ORIGIN,
    "the request carries the cookie, and comes from a page whose origin is not listed.",
)
ENDED = response(
    session_problem(SessionEndedError(EndReason.LOGOUT)),
    "the cookie names a session that was ended just now. The cookie stays as it is: another "
    "response may have set a newer one meanwhile.",
)
BODY_TOO_LARGE = response(
    BODY_TOO_LARGE_PROBLEM, "the body has more bytes than MAX_BODY_BYTES allows."
)
TOO_MANY = response(
    session_problem(RateLimitExceededError(1.0)),
    "this address has opened too many sessions within a minute (CLIENT_RATE).",
)
_UNAVAILABLE = session_problem(StoreUnavailableError(""))
UNAVAILABLE = response(_UNAVAILABLE, "the session store did not answer.")
NOT_READY = response(
    _UNAVAILABLE, "the session store did not answer, or this process is about to stop."
)
SIGN_IN_REQUIRED = response(session_problem(SignInRequiredError()), "nobody is signed in.")


KEY_MALFORMED = response(
    session_problem(malformed_key()),
    "or `idempotency-needs-session`: the Idempotency-Key is malformed, or the request has no session.",
)
KEY_REUSED = response(
    session_problem(OnceKeyReusedError()), "the Idempotency-Key was used for another request."
)


def recent_sign_in_required(minutes: float) -> Responses:
    """Return the response of a route that wants a sign-in of the last minutes."""
    return response(
        session_problem(RecentSignInRequiredError(minutes)),
        f"the last sign-in is more than {minutes:g} minutes ago.",
    )


def describe_sessions(
    app: FastAPI, cookie_name: str, *, body_limit: bool, tokens: bool = False
) -> None:
    """Complete the document of an app: how its session routes may answer, what carries a session."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        validates = _is_used(document, "HTTPValidationError")
        for path in document.get("paths", {}).values():
            for method, operation in path.items():
                if isinstance(operation, dict):
                    _describe_sign_in(operation)
                if _opens_session(operation):
                    _describe_operation(operation, method, body_limit=body_limit)
                    if tokens:
                        _describe_token(operation)
        drop_marks(document)
        _complete_components(document, cookie_name, tokens=tokens)
        if validates:
            _drop_unused(document, "HTTPValidationError", "ValidationError")
        return document

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to extend it


def _opens_session(operation: Any) -> bool:
    name = session_scheme.scheme_name
    return isinstance(operation, dict) and operation.get("security") == [{name: []}]


def _describe_sign_in(operation: dict[str, Any]) -> None:
    """Add the refusals of `UserDep` and `recent_sign_in`, unless the route has described them itself."""
    marks = take_marks(operation)
    refusals: Responses = SIGN_IN_REQUIRED if marks else {}
    if RECENT_SIGN_IN in marks:
        refusals = refusals | recent_sign_in_required(marks[RECENT_SIGN_IN] or 0.0)
    _add(operation.setdefault("responses", {}), refusals)


def _add(responses: dict[str, Any], added: Responses) -> None:
    """Add responses; two of our problems with one status become one with two examples."""
    for code, described in added.items():
        status = str(code)
        before = responses.get(status)
        if before is None:
            responses[status] = described
        elif (first := _problem_of(before)) and (second := _problem_of(described)) != first:
            examples = {each["type"]: {"value": each} for each in (first, second) if each}
            content = {"schema": {"$ref": _PROBLEM_REF}, "examples": examples}
            text = f"{before['description']}\n\n{described['description']}"
            responses[status] = described | {"description": text, "content": {MEDIA_TYPE: content}}


def _problem_of(described: dict[str, Any]) -> dict[str, Any] | None:
    """Return the example of a response that is a problem; None for what an app has written itself."""
    example = described.get("content", {}).get(MEDIA_TYPE, {}).get("example")
    return example if isinstance(example, dict) and "type" in example else None


def _describe_token(operation: dict[str, Any]) -> None:
    """Add the header field that carries the session in place of a cookie."""
    operation["security"].insert(1, {_TOKEN_SCHEME: []})
    for status, described in operation["responses"].items():
        if status.startswith("2"):
            described.setdefault("headers", {}).setdefault("X-Session-Token", NEW_TOKEN)


def _describe_operation(operation: dict[str, Any], method: str, *, body_limit: bool) -> None:
    """Add the responses of the session layer, unless the route has described one of them itself."""
    # No request is refused for want of a cookie: `{}` is how OpenAPI writes that.
    operation["security"] = [{session_scheme.scheme_name: []}, {}]
    responses = operation.setdefault("responses", {})
    if "503" in responses:
        return
    added = ENDED | TOO_MANY | UNAVAILABLE
    if method not in _SAFE_METHODS:
        added |= FOREIGN | (BODY_TOO_LARGE if body_limit else {})
    _add(responses, added)
    if _takes_key(operation):
        _describe_key(operation, responses)
    for status, described in responses.items():
        if status.startswith("2"):
            described.setdefault("headers", {}).setdefault("Set-Cookie", SET_COOKIE)


def _takes_key(operation: dict[str, Any]) -> bool:
    return any(each.get("name") == _KEY for each in operation.get("parameters", ()))


def _drop_unused(document: dict[str, Any], *names: str) -> None:
    """Drop schemas of FastAPI's that only the responses spoke of which were replaced."""
    schemas = document.get("components", {}).get("schemas", {})
    for name in names:
        if not _is_used(document, name):
            schemas.pop(name, None)


def _is_used(document: dict[str, Any], name: str) -> bool:
    return f"#/components/schemas/{name}".encode() in orjson.dumps(document)


def _describe_key(operation: dict[str, Any], responses: dict[str, Any]) -> None:
    """Add how a route that takes an Idempotency-Key may answer one."""
    if len(operation["parameters"]) == 1 and "requestBody" not in operation:
        responses.pop("422", None)  # FastAPI's own, which no request can get
    _add(responses, KEY_MALFORMED | KEY_REUSED)
    for code, types in _ALSO_BY_KEY.items():
        also = f" By its Idempotency-Key also {types}."
        responses[code] = {**responses[code], "description": responses[code]["description"] + also}


def _complete_components(document: dict[str, Any], cookie_name: str, *, tokens: bool) -> None:
    schemes = document.get("components", {}).get("securitySchemes", {})
    scheme = schemes.get(session_scheme.scheme_name)
    if scheme is not None:
        scheme["name"] = cookie_name
        if tokens:
            schemes[_TOKEN_SCHEME] = TOKEN_SCHEME
    if _PROBLEM_REF.encode() in orjson.dumps(document["paths"]):
        schema = ProblemDocument.model_json_schema()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["ProblemDocument"] = schema
