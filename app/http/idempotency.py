"""Routes that take effect once for each Idempotency-Key (draft-ietf-httpapi-idempotency-key-header)."""

from hashlib import sha256
from typing import Annotated, Any

from fastapi import Depends, Header
from starlette.datastructures import UploadFile
from starlette.requests import HTTPConnection, Request
from starlette.types import Scope

from ..asgi.headers import fields_of, get_header
from ..asgi.provided import provides
from ..sessions import SCOPE_KEY, Attempt, OnceKeyError, RequestSession, SessionError
from ..sessions.once import REQUESTS, is_key
from .dependencies import find, request_session
from .kept_response import AnsweredBeforeError, KeptResponse

KEY_HEADER = b"idempotency-key"
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}
_DESCRIPTION = (
    "8 to 64 characters, another key for each thing that is to be done. A repeat with the same key and "
    "the same body, within ten minutes, is not done again, and gets the first response."
)


def has_key(scope: Scope) -> bool:
    """Return True if a request asks to take effect once; for layers directly below Mooring's own."""
    return KEY_HEADER in fields_of(scope)


def mark_idempotent(scope: Scope) -> None:
    """Note that the route of a request takes effect once, where the request asks for it."""
    request_session: RequestSession = scope[SCOPE_KEY]
    request_session.usage.idempotent = True


@provides("idempotent")
async def idempotent(
    connection: HTTPConnection,
    _request_session: Annotated[RequestSession, Depends(request_session)],
    _key: Annotated[str | None, Header(alias="Idempotency-Key", description=_DESCRIPTION)] = None,
) -> None:
    """Make an unsafe request with an Idempotency-Key take effect once on the session's data.

        @app.post("/pay", dependencies=[Depends(idempotent)])

    A repeat within ten minutes is answered with the first response, and the route is not called: its
    status, body and those header fields that describe it, but no cookie. A request without the header is
    served as always. What else may happen: 400 for a request without a session, 409 while the first one
    is under way, or if it was interrupted for good, 422 for another body, 429 beyond a thousand keys.

    A response that asks to come again (401, 403, 408, 425, 429, and 5xx) is not kept, nor one of more than 16
    KiB, nor a stream: the repeat calls the route again, whose `transact` calls then return what they
    returned before. Plain writes are made again, and so is whatever else the route does.

    For routes alone; events have `once=True`. The route must not rotate the session, nor sign in.
    """
    scope = connection.scope
    if scope["type"] != "http":
        raise RuntimeError("Depends(idempotent) is for routes: a WebSocket has no response")
    mark_idempotent(scope)
    key = get_header(scope, KEY_HEADER)
    if key is None or scope["method"] in _SAFE_METHODS or not isinstance(connection, Request):
        return
    session_of: RequestSession = find(connection, SCOPE_KEY)
    try:
        await _claim(connection, session_of, _name_of(key))
    except SessionError as error:
        session_of.error = error
        raise


async def _claim(request: Request, session_of: RequestSession, name: str) -> None:
    """Claim a key for this request, or raise what it is answered with instead."""
    session = await session_of.get()
    if session is None or session_of.created:
        raise OnceKeyError(
            "idempotency-needs-session",
            "an Idempotency-Key belongs to a session, and there is none",
        )
    attempt = Attempt(session.manager, session.key, name, await _fingerprint(request))
    answer = await attempt.begin()
    session_of.attempt = attempt
    REQUESTS[answer is not None].inc()
    if answer is not None:
        raise AnsweredBeforeError(KeptResponse.decode(answer))
    session_of.usage.steps = attempt.steps()


def _name_of(key: bytes) -> str:
    """Return the name of a key: a string of structured fields (RFC 9651), or without its quotes."""
    text = key.decode("latin-1").strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if not is_key(text) or not text.isascii() or not text.isprintable():
        raise malformed_key()
    return f"r:{text}"


def malformed_key() -> OnceKeyError:
    """Return the error for what is no key."""
    return OnceKeyError(
        "invalid-idempotency-key", "an Idempotency-Key is 8 to 64 printable characters of ASCII"
    )


async def _fingerprint(request: Request) -> bytes:
    """Return a digest of what makes two requests the same: method, path, query and body."""
    scope = request.scope
    digest = sha256()
    for part in (
        *(scope["method"].encode(), scope["path"].encode("utf-8", "surrogateescape")),
        *(scope["query_string"], await _body_digest(request)),
    ):
        digest.update(b"%d:" % len(part) + part)
    return digest.digest()


async def _body_digest(request: Request) -> bytes:
    try:
        body = await request.body()
    except RuntimeError:  # FastAPI has parsed it as a form
        return await _form_digest(request)
    # Clients make up another boundary each time (RFC 2046, 5.1.1).
    kind, _, boundary = request.headers.get("content-type", "").partition("boundary=")
    if kind.startswith("multipart/") and boundary:
        body = body.replace(boundary.partition(";")[0].strip('" ').encode("latin-1"), b"-")
    return sha256(body).digest()


async def _form_digest(request: Request) -> bytes:
    digest = sha256()
    for name, value in (await request.form()).multi_items():
        parts: list[Any] = [name, value]
        if isinstance(value, UploadFile):
            parts = [name, value.filename, value.content_type, sha256(await value.read()).digest()]
            await value.seek(0)
        digest.update(repr(parts).encode("utf-8", "surrogatepass"))
    return digest.digest()
