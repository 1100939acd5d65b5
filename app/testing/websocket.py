"""A client of an app's own WebSocket routes."""

from collections.abc import Callable, Sequence

from ..article import kind_of
from .changes import WITHIN, Changes
from .connection import LOST, Connection, Message
from .handshake import ConnectError, Refusal

Headers = Sequence[tuple[bytes, bytes]]

_NORMAL = 1000
_FORBIDDEN = 403
"""What servers answer where an app closes a WebSocket that it has not accepted."""


class ClientWebSocket:
    """A WebSocket of a browser to a route of the app. `Browser.websocket` makes it.

    Attributes:
        received: all messages, in order; those that `receive` has returned too.
        close_code: with which it was closed (RFC 6455, 7.4.1), by whichever side; None while it is open.
        subprotocol: that the app has chosen; None if it has chosen none.
    """

    def __init__(self, keep_cookies: Callable[[Headers], None]) -> None:
        self.received: list[str | bytes] = []
        self.close_code: int | None = None
        self.subprotocol: str | None = None
        self._keep_cookies = keep_cookies
        self._connection: Connection | None = None
        self._accepted = False
        self._error: Exception | None = None
        self._refusal = Refusal()
        self._taken = 0
        self._changes = Changes("a WebSocket", self._state)

    async def open(
        self, opened: Callable[[Callable[[Message], None]], Connection], within: float
    ) -> None:
        """Return when the app has accepted the connection that a function opens; raise what else has come."""
        self._connection = opened(self._handle)
        await self._changes.until(self._has_settled, within, "an answer to its handshake")
        if self._error is not None:
            raise self._error

    def send(self, message: str | bytes) -> None:
        """Send a message: text, or bytes.

        Raises:
            ConnectionError: it is closed.
            TypeError: the message is neither.
        """
        if not isinstance(message, str | bytes):
            raise TypeError(f"a WebSocket sends text or bytes, not {kind_of(message)}")
        if self._connection is None:
            raise ConnectionResetError(f"the WebSocket is closed: {self.close_code}")
        self._connection.send(message)

    async def receive(self, *, within: float = WITHIN) -> str | bytes:
        """Return the next message. Each is returned once, in order.

        Args:
            within: seconds of real time to wait for it.

        Raises:
            ConnectionError: it is closed, and there is none.
            AssertionError: there is none in time.
        """
        return await self._changes.until(self._next, within, "a message")

    async def closed(self, *, within: float = WITHIN) -> int:
        """Return the code with which it was closed, as soon as it is.

        Args:
            within: seconds of real time to wait for it.

        Raises:
            AssertionError: it is not in time.
        """
        return await self._changes.until(lambda: self.close_code, within, "to be closed")

    def close(self, code: int = _NORMAL) -> None:
        """Close it from this side.

        Args:
            code: that the app receives.
        """
        connection = self._connection
        self._note_end(code)
        if connection is not None:
            connection.end(code)

    def cut(self) -> None:
        """Lose the connection, without a close frame."""
        self.close(LOST)

    def _handle(self, message: Message) -> None:
        match message["type"]:
            case "websocket.accept":
                self._keep_cookies(message.get("headers", ()))
                self._accepted, self.subprotocol = True, message.get("subprotocol")
            case "websocket.send":
                text = message.get("text")
                self.received.append(message["bytes"] if text is None else text)
            case "websocket.http.response.start" | "websocket.http.response.body":
                self._keep_cookies(message.get("headers", ()))
                self._error = self._refusal.add(message)
            case "websocket.close":
                self._note_end(message.get("code", _NORMAL))
                if not self._accepted and self._error is None:
                    self._error = self._not_accepted(message.get("reason", ""))
        self._changes.wake()

    def _note_end(self, code: int) -> None:
        if self.close_code is None:
            self.close_code, self._connection = code, None
            self._changes.wake()

    def _not_accepted(self, reason: str) -> Exception:
        if self.close_code == LOST:
            return ConnectionResetError("the connection was lost before it was accepted")
        return ConnectError(f"the handshake got {_FORBIDDEN}", reason, _FORBIDDEN)

    def _has_settled(self) -> bool | None:
        return True if self._accepted or self._error else None

    def _next(self) -> str | bytes | None:
        if self._taken < len(self.received):
            self._taken += 1
            return self.received[self._taken - 1]
        if self.close_code is not None:
            raise ConnectionResetError(f"the WebSocket is closed: {self.close_code}")
        return None

    def _state(self) -> str:
        state = "it is open" if self.close_code is None else f"closed: {self.close_code}"
        return f"{state}, and has received {self.received}"
