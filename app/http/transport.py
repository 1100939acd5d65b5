"""The session transport: one ASGI layer that carries the session over HTTP and Socket.IO handshakes."""

import logging
from functools import partial

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.fields import STARTS, private
from app.http.cookies import SessionCookie
from app.http.problems import Problem, session_problem
from app.limits import Admission
from app.sessions import SCOPE_KEY, Opener, SessionError, Sessions, StoreUnavailableError

logger = logging.getLogger(__name__)

_SERVER_ERROR = 500


class SessionTransport:
    """Gives every request and WebSocket handshake an opener for its session, and finishes it.

    What changed is committed, and the cookie set, before the response starts: a client that has
    its answer can rely on both. If the commit finds the session ended, or the store away, the
    client gets that answer instead. A response with a status of 500 and up commits no plain writes.
    """

    def __init__(
        self, app: ASGIApp, sessions: Sessions, cookie: SessionCookie, admission: Admission
    ) -> None:
        self._app = app
        self._sessions = sessions
        self._cookie = cookie
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        session_id = self._cookie.session_id(scope["headers"])
        opener = Opener(self._sessions, session_id, partial(self._admission.check, scope))
        scope[SCOPE_KEY] = opener
        await _Exchange(self._cookie, opener, scope, send).run(self._app, receive)


class _Exchange:
    """One request and its response."""

    __slots__ = ("_cookie", "_opener", "_replaced", "_scope", "_send", "_started")

    def __init__(self, cookie: SessionCookie, opener: Opener, scope: Scope, send: Send) -> None:
        self._cookie = cookie
        self._opener = opener
        self._scope = scope
        self._send = send
        self._started = False
        self._replaced = False

    async def run(self, app: ASGIApp, receive: Receive) -> None:
        try:
            await app(self._scope, receive, self.send)
        except SessionError as error:
            if self._started:
                raise
            await self._answer(error)
        else:
            await self._save_late_writes()

    async def send(self, message: Message) -> None:
        if self._replaced:  # the rest of a response that the client does not get
            return
        if not self._started and message["type"] in STARTS:
            try:
                await self._commit(message.get("status", 200))
            except SessionError as error:
                self._replaced = True
                await self._answer(error)
                return
            self._started = True
            self._add_headers(message)
        await self._send(message)

    async def _commit(self, status: int) -> None:
        session = self._opener.session
        if session is None or not session.accessed:
            return
        if status >= _SERVER_ERROR:
            session.forget_changes()
        elif session.ended is None:
            await session.save()

    async def _answer(self, error: SessionError) -> None:
        problem = session_problem(error)
        self._started = True
        _log(problem, error)
        # A session that was opened for nobody would be left over; an ended one gets no cookie at all.
        keep = isinstance(error, StoreUnavailableError)
        await problem.answer(self._scope, self._send_with_cookie if keep else self._send)

    async def _send_with_cookie(self, message: Message) -> None:
        if message["type"] in STARTS:
            self._add_headers(message)
        await self._send(message)

    def _add_headers(self, message: Message) -> None:
        if not self._opener.used:
            return
        message["headers"] = private(message.get("headers", ()))
        cookie = self._set_cookie()
        if cookie:
            message["headers"].append((b"set-cookie", cookie.encode("latin-1")))

    def _set_cookie(self) -> str | None:
        opener = self._opener
        if opener.dismissed:
            return self._cookie.clear()
        if opener.new_id is None or opener.session is None:
            return None
        record = opener.session.record
        now = record.lease.now if record.lease else record.created_at
        return self._cookie.set(opener.new_id, record.absolute_at - now)

    async def _save_late_writes(self) -> None:
        """Store what a background task or a streamed body wrote after the response had started."""
        session = self._opener.session
        if session is None or self._replaced:
            return
        try:
            if session.modified:
                await session.save()
        except SessionError as error:
            logger.warning("a write after the response was lost: %s", error)


def _log(problem: Problem, error: SessionError) -> None:
    if problem.status >= _SERVER_ERROR:
        logger.warning("answered %s: %s", problem.status, error)
