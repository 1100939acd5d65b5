"""The response to a request that may have a session: what is stored, and set, before it starts."""

import logging
from asyncio import CancelledError
from collections.abc import Awaitable
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.types import Message, Scope, Send

from ...asgi.errors import RequestRefusedError, ServiceUnavailableError
from ...asgi.headers import RESPONSE_STARTS, add_vary, mark_private
from ...asgi.scope import CROSS_ORIGIN
from ...sessions import (
    Attempt,
    RequestSession,
    Session,
    SessionEndedError,
    SessionError,
    StoreUnavailableError,
    Visitor,
)
from ...sessions.ids import short
from ..cookies import SessionCookie
from ..kept_response import KeptResponse, ResponseKeeper
from ..problems import INTERNAL_ERROR, answer_to
from ..tokens import SessionToken

if TYPE_CHECKING:
    from .session import SessionMiddleware

logger = logging.getLogger(__name__)

STARLETTE_S = "session"
"""Under which Starlette's `request.session` finds what it returns."""

_CLIENT_ERROR = 400
_REFUSED = 403
_SERVER_ERROR = 500
_IN_DOUBT = (StoreUnavailableError, ServiceUnavailableError)
_CLOSE = "websocket.close"
"""The refusal of a WebSocket, if it comes before any other message."""
_STARTS = RESPONSE_STARTS | {_CLOSE}

Carrier = SessionCookie | SessionToken


class SessionResponder:
    """One request and its response."""

    __slots__ = (
        *("_carrier", "_middleware", "_replaced", "_scope", "_send", "_started", "request_session"),
    )

    request_session: RequestSession

    def __init__(
        self, middleware: "SessionMiddleware", carrier: Carrier, scope: Scope, send: Send
    ) -> None:
        self._middleware = middleware
        self._carrier = carrier
        self._scope = scope
        self._send = send
        self._started = False
        self._replaced = False

    def check_rate(self) -> None:
        """Return if the client may open a session; raise RateLimitExceededError if not."""
        self._middleware.rate_limiter.check(self._scope)

    def visitor(self) -> Visitor:
        """Return what the request says of its client."""
        return self._middleware.visitor(self._scope)

    def offer(self, session: Session) -> None:
        """Put a session into the scope, unless Starlette's own SessionMiddleware has put one there."""
        new_data = self.request_session.new_data
        if self._scope.get(STARLETTE_S, new_data) is new_data:
            self._scope[STARLETTE_S] = session

    @property
    def must_answer(self) -> bool:
        """Return True if the response to an error has a cookie to carry, or is for another origin."""
        pending = self.request_session.cookie_changed or self._scope.get(CROSS_ORIGIN, False)
        return pending and not self._started and self._scope["type"] == "http"

    async def answer(self, error: SessionError | RequestRefusedError) -> None:
        """Answer what the app raised; raise it again if the response has started."""
        if self._started:
            raise error
        await self._respond(error)

    async def drop(self) -> None:
        """Drop what an app that has failed wrote, unless its response has started."""
        if self._started:
            return
        if self.request_session.session is not None:
            self.request_session.session.discard_changes()
        await self._discard_unused()

    def send(self, message: Message) -> Awaitable[None]:
        if self._replaced or (not self._started and message["type"] in _STARTS):
            return self._start(message)
        return self._send(message)

    async def _start(self, message: Message) -> None:
        request_session = self.request_session
        attempt = request_session.attempt
        is_refused = message["type"] == _CLOSE
        status = _REFUSED if is_refused else message.get("status", 200)
        if self._replaced or (attempt is not None and await self._is_repeated(attempt, status)):
            return  # the rest of a response that the client does not get
        try:
            if request_session.new_data and status < _SERVER_ERROR:
                await request_session.get_or_create()
            session = self._session_to_save(status)
            if session is not None:
                await session.save()
            if status >= _CLIENT_ERROR:
                await self._discard_unused()
            if request_session.surplus:
                await request_session.confirm_surplus()
        except SessionError as error:
            self._replaced = True
            await self._respond(error)
            return
        self._started = request_session.usage.answered = True
        if not is_refused:
            self._add_headers(message)
        await self._send(message)

    async def _is_repeated(self, attempt: Attempt, status: int) -> bool:
        """Send the first response if this request was answered before; else have this one kept."""
        if attempt.answer is None:
            session = self.request_session.session
            if status >= _CLIENT_ERROR and session is not None and session.ended is not None:
                # A rotation has overtaken it: the repeat comes with the new id, and is to be done there.
                await attempt.release()
            self._send = ResponseKeeper(attempt, self._scope, self._send).send
            return False
        self._replaced = True
        self._started = self.request_session.usage.answered = True
        start, body = KeptResponse.decode(attempt.answer).messages()
        await self._send_with_cookie(start)
        await self._send(body)
        return True

    async def _discard_unused(self) -> None:
        """Delete the session if it would be left over for nobody: the visitor was refused."""
        if self.request_session.unused:
            await self.request_session.discard()

    def _session_to_save(self, status: int) -> Session | None:
        error = self.request_session.error
        if error is not None and status >= _SERVER_ERROR:
            raise error  # an app that is mounted in the app made a 500 of it
        session = self.request_session.session
        if session is None or not session.accessed or session.ended is not None:
            return None
        if status >= _SERVER_ERROR:
            session.discard_changes()
            return None
        return session

    async def _respond(self, error: SessionError | RequestRefusedError) -> None:
        problem = answer_to(error, self._scope)
        self._started = self.request_session.usage.answered = True
        if problem is INTERNAL_ERROR:
            logger.warning("%s: answered %s: %s", _name(self._scope), problem.status, error)
        if self.request_session.session is not None:
            self.request_session.session.discard_changes()
        if not isinstance(error, _IN_DOUBT):
            await self._discard_unused()
        if self.request_session.attempt is not None:
            await self.request_session.attempt.release()
        # One that has ended gets no cookie at all; one that was rotated has no other way to its client.
        send = self._send if isinstance(error, SessionEndedError) else self._send_with_cookie
        key = self.request_session.requested_key
        session = None if key is None else short(key)
        await problem.respond(self._scope, send, reason=str(error), session=session)

    async def _send_with_cookie(self, message: Message) -> None:
        if message["type"] in RESPONSE_STARTS:
            self._add_headers(message)
        await self._send(message)

    def _add_headers(self, message: Message) -> None:
        request_session = self.request_session
        fields = message.get("headers", ())
        if request_session.accessed:
            message["headers"] = fields = mark_private(fields)
        elif request_session.asked_for:  # a cache is not to give this to whoever has a session
            message["headers"] = fields = list(fields)
            add_vary(fields, b"Cookie")
        else:
            return
        for each in self._middleware.varies:
            add_vary(fields, each)
        if not request_session.cookie_changed:
            return
        name = self._carrier.response_field
        # Before the cookie is set: a browser that does not distinguish variants keeps what comes last.
        values = self._carrier.clear_others() if request_session.others_cleared else []
        cookie = self._set_cookie()
        if cookie is not None:
            values = [*values, cookie]
        message["headers"] += [(name, each.encode("latin-1")) for each in values]

    def _set_cookie(self) -> str | None:
        request_session = self.request_session
        if request_session.cookie_cleared:
            return self._carrier.clear()
        if request_session.issued_id is None or request_session.session is None:
            return None
        return self._carrier.set(request_session.issued_id, request_session.session.max_age)

    async def finish(self) -> None:
        """Store what was written late; delete a session whose visitor got no response, nor its cookie."""
        session = self.request_session.session
        try:
            if session is not None and session.accessed:
                await self._save_late_writes(session)
            if not self._started:
                await self._discard_unused()
        finally:  # cancelled, perhaps
            if self.request_session.attempt is not None:
                await self.request_session.attempt.release()

    async def _save_late_writes(self, session: Session) -> None:
        """Store what a background task or a streamed body wrote after the response had started."""
        try:
            if session.modified:
                await session.save()
                logger.info("%s: stored a write after the response", _name(self._scope))
        except SessionError as error:
            logger.warning("%s: a write after the response was lost: %s", _name(self._scope), error)
        except CancelledError:
            logger.warning("%s: a write after the response was lost: cancelled", _name(self._scope))
            raise


def _name(scope: Scope) -> str:
    """Return a request's method and path, for a log line."""
    return f"{scope.get('method', 'WebSocket')} {quote(scope['path'])}"
