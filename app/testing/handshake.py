"""An answer to the handshake of a WebSocket that is no WebSocket."""

import json
from typing import Any

from .connection import Message


class ConnectError(Exception):
    """The client was not let in.

    Attributes:
        status: of the refused handshake; None if the namespace refused.
        data: what the namespace said, as `err.data` of the JavaScript client; else the body of the answer.
    """

    def __init__(self, message: str, data: Any = None, status: int | None = None) -> None:
        super().__init__(message)
        self.data = data
        self.status = status


class Refusal:
    """Such an answer, as it comes."""

    def __init__(self) -> None:
        self._status: int | None = None
        self._body = b""

    def add(self, message: Message) -> ConnectError | None:
        """Note a part of it; return the error when there is no more."""
        if message["type"] == "websocket.http.response.start":
            self._status = message["status"]
            return None
        self._body += message.get("body", b"")
        return None if message.get("more_body", False) else self._error()

    def _error(self) -> ConnectError:
        try:
            body = json.loads(self._body)
        except ValueError:
            body = self._body.decode(errors="replace")
        return ConnectError(f"the handshake got {self._status}", body, self._status)
