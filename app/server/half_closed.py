"""uvicorn's response to a client that has closed its side of the connection."""

from collections.abc import Awaitable
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_DISCONNECT = {"type": "http.disconnect"}


class HalfClosableResponse(RequestResponseCycle):
    """One request and its response, which is sent also when the client sends no more.

    The app is given the whole body, and then an `http.disconnect`, as the client may have left. It need
    not answer then; what it answers all the same is sent.
    """

    _has_all = _is_half_closed = _notified = False

    def half_close(self) -> None:
        """Note that the client sends no more, and notify the app if it waits for that."""
        self._is_half_closed = True
        if self._has_all:
            self.message_event.set()

    async def run_asgi(self, app: Any) -> None:
        """Run the app, and close the connection if it has not answered a client that may have left."""
        await super().run_asgi(app)
        if self._notified and not self.response_complete:
            self.transport.close()

    async def receive(self) -> Any:
        """Return the next ASGI message."""
        had_all = self._has_all
        if had_all and self._is_half_closed:
            return self._disconnect()
        message = await super().receive()
        if had_all and message["type"] == "http.request":
            return self._disconnect()
        self._has_all = not message.get("more_body", False)
        return message

    def send(self, message: Any) -> Awaitable[None]:  # type: ignore[override] # it returns a coroutine all the same
        """Send one ASGI message."""
        return self._send_after_all(message) if self._notified else super().send(message)

    def _disconnect(self) -> dict[str, str]:
        # The library then takes it for no fault not to answer.
        self._notified = self.disconnected = True
        return _DISCONNECT

    async def _send_after_all(self, message: Any) -> None:
        self.disconnected = self.transport.is_closing()
        try:
            await super().send(message)
        finally:
            self.disconnected = True
