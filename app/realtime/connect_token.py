"""Tokens in CONNECT packets: they move a connection to the session that they stand for."""

from collections.abc import Callable
from typing import Any

from ..sessions import EndReason, SessionEndedError, SessionManager
from ..sessions.ids import session_key
from .event_error import EventError
from .registry import SocketRegistry
from .session_sockets import Connection

_TOKEN = "token"  # noqa: S105 - the name of a member


class TokenRotatedError(Exception):
    """The token was replaced just now: the client is to connect again, with the one that it gets."""


class ConnectTokens:
    """Reads `auth: {"token": ...}`, for clients that can send no header fields, as browsers' WebSockets.

    One connection has one session. A token may say which if the handshake had none, and opened one for
    want of it: that one is left, and goes unless somebody has used it. With a cookie, or a token in the
    handshake's header fields, only a token of the same session is accepted.

    Args:
        verify: returns the session id of a token, or None for one that was not issued.
        manager: loads the sessions.
        registry: the connections of this node.
        max_sockets: of one session, that this node accepts.
    """

    def __init__(
        self,
        verify: Callable[[str], str | None],
        manager: SessionManager,
        registry: SocketRegistry,
        max_sockets: int,
    ) -> None:
        self._verify = verify
        self._manager = manager
        self._registry = registry
        self._max_sockets = max_sockets

    async def take(self, connection: Connection, auth: Any) -> Any:
        """Move a connection to the session of a token, and return what is left of `auth` for handlers.

        The caller loads the session afterwards, so that no end of it slips through.

        Raises:
            EventError: the token is refused; the message says why, and not which token.
            TokenRotatedError: it was replaced within the last seconds.
            StoreUnavailableError: there was no reply.
        """
        token = auth.get(_TOKEN) if isinstance(auth, dict) else None
        if token is None or token == "":
            return auth
        session_id = self._verify(token) if isinstance(token, str) else None
        if session_id is None:
            if connection.opened:
                raise _invalid()
            return auth  # its session is known: a token of another form is the application's own
        await self._enter(connection, session_id)
        return {name: value for name, value in auth.items() if name != _TOKEN} or None

    async def _enter(self, connection: Connection, session_id: str) -> None:
        key = session_key(session_id)
        if key == connection.session_sockets.key:
            return
        if not connection.opened or len(connection.members) > 1:
            raise EventError("two-sessions", "This connection has another session: open a new one.")
        await self._check(session_id)
        if len(self._registry.sockets(key)) >= self._max_sockets:
            raise EventError("too-many-sockets", "This session has too many sockets.")
        self._registry.move(connection, key)

    async def _check(self, session_id: str) -> None:
        """Raise for a token whose session does not live; else its use extends the session."""
        try:
            session = await self._manager.load(session_id)
        except SessionEndedError as error:
            if error.reason is EndReason.ROTATED:
                raise TokenRotatedError from error
            raise EventError("session-ended", str(error), reason=error.reason) from error
        if session is None:
            raise _invalid()


def _invalid() -> EventError:
    return EventError("invalid-token", "The token stands for no session.")
