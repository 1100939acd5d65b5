"""A WebSocket of the app's own that ends with the session that it has used."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from starlette.types import Message, Receive, Send

from ..sessions import EndReason, RequestSession
from ..sessions.watch import SessionWatch

_FINAL = {EndReason.LOGOUT, EndReason.REVOKED}
_POLICY_VIOLATION = 1008
_GOING_AWAY = 1001


class SessionWebSocket:
    """Closes a WebSocket when its session ends: with 1008 where that is final, with 1001 where a client is
    to connect again (RFC 6455, 7.4.1). The app gets a disconnect, as if its client had left.

    Args:
        watch: notifies of the end of sessions.
        request_session: that of the handshake; a session counts from the moment that it is loaded.
    """

    def __init__(
        self, watch: SessionWatch, request_session: RequestSession, receive: Receive, send: Send
    ) -> None:
        self._watch = watch
        self._request_session = request_session
        self._receive = receive
        self._send = send
        self._ended = asyncio.get_running_loop().create_future()
        self._pending: asyncio.Future[Message] | None = None
        self._stop: Callable[[], None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._accepted = self._closed = False

    async def receive(self) -> Message:
        """Return what the client sends, or its end."""
        self._begin()
        if self._stop is None and not self._ended.done():
            return await self._take()
        if self._pending is None:
            self._pending = asyncio.ensure_future(self._receive())
        await asyncio.wait({self._pending, self._ended}, return_when=asyncio.FIRST_COMPLETED)
        await self._watch.checked()
        if not self._ended.done():
            return await self._take()
        await self._until_closed()
        code: int = self._ended.result()
        return {"type": "websocket.disconnect", "code": code, "reason": "session ended"}

    async def send(self, message: Message) -> None:
        """Send what the app sends, unless the session has ended."""
        if self._stop is not None:
            await self._watch.checked()
        if self._ended.done() and self._accepted:
            await self._until_closed()
            raise OSError("the session has ended")  # as a server does when the client has left
        await self._send(message)
        if message["type"] == "websocket.accept":
            self._accepted = True
        if message["type"] == "websocket.close":
            self._closed = True
        self._begin()

    async def over(self) -> None:
        """Watch no longer; return when the client has been notified."""
        await self._until_closed()
        if self._stop is not None:
            self._stop()
        if self._pending is not None:
            self._pending.cancel()

    async def _take(self) -> Message:
        pending, self._pending = self._pending, None
        return await (self._receive() if pending is None else pending)

    def _begin(self) -> None:
        """Watch the session from the moment that it is known."""
        session = self._request_session.session
        if session is None or self._stop is not None or not self._accepted:
            return
        key = session.key
        handle = self._watch.add(key, self._end)
        self._stop = lambda: self._watch.discard(key, handle)

    def _end(self, reason: EndReason) -> None:
        if not self._ended.done():
            self._ended.set_result(_POLICY_VIOLATION if reason in _FINAL else _GOING_AWAY)
            # In a task of its own: the app may not read, and is cut off all the same.
            self._closing = asyncio.ensure_future(self._close())

    async def _until_closed(self) -> None:
        if self._closing is not None:
            await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if not self._closed:
            self._closed = True
            close = {"type": "websocket.close", "code": self._ended.result()}
            with suppress(Exception):  # whatever a server raises: the client has gone
                await self._send({**close, "reason": "session ended"})
