"""One connection of a user, and all that it was sent."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.support.service import Service

_HANDSHAKE = "/socket.io/?EIO=4&transport=websocket"
_OPEN_TIMEOUT = 15.0
FAILED = (OSError, WebSocketException, TimeoutError, EOFError)


@dataclass
class Connection:
    """A socket of Socket.IO, or a WebSocket route.

    Attributes:
        node: the index of its node.
        is_route: it is a WebSocket route.
        frames: what it was sent, each with its time.
        closed_at: when it was closed, None while it is open.
    """

    node: int
    is_route: bool
    frames: list[tuple[float, str]] = field(default_factory=list)
    closed_at: float | None = None
    _questions: int = 0
    _websocket: ClientConnection | None = None
    _reader: asyncio.Task[None] | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self, service: Service, cookie: str) -> bool:
        """Connect; return False if the node refuses, or does not answer."""
        path = "/ws" if self.is_route else _HANDSHAKE
        try:
            self._websocket = await connect(
                service.url.replace("http", "ws") + path,
                additional_headers={"cookie": cookie},
                ping_interval=None,
                proxy=None,
                open_timeout=_OPEN_TIMEOUT,
                close_timeout=0.1,
            )
            if not self.is_route:
                await self._websocket.send("40")
        except FAILED:
            return False
        self._reader = asyncio.create_task(self._read())
        return True

    async def ready(self, within: float = 10.0) -> None:
        """Return when it is connected, or closed."""
        with suppress(TimeoutError):
            await self._until(
                lambda: (self.is_route and bool(self.frames)) or self.has("40"), within
            )

    def has(self, prefix: str, *, since: float = 0.0) -> bool:
        """Return True if a frame begins so."""
        return any(text.startswith(prefix) for at, text in self.frames if at >= since)

    async def whoami(self, within: float) -> tuple[str | None, float]:
        """Return who is signed in, and since when; nobody if it is closed, or gets no such answer."""
        self._questions += 1
        await self.send(f'42{self._questions}["since"]')
        ack = f"43{self._questions}["
        with suppress(TimeoutError):
            await self._until(lambda: self.has(ack), within)
        answers = [
            json.loads(text[len(ack) - 1 :])[0] for _, text in self.frames if text.startswith(ack)
        ]
        # What is refused (no store, an ended session) is answered with an object.
        if not answers or not isinstance(answers[0], list):
            return None, 0.0
        user, at = answers[0]
        return user, at or 0.0

    async def send(self, frame: str) -> None:
        """Send a frame, if it is open."""
        assert self._websocket is not None
        with suppress(*FAILED):
            await self._websocket.send(frame)

    async def closed(self, within: float) -> bool:
        """Return whether it is closed within so many seconds."""
        with suppress(TimeoutError):
            await self._until(lambda: False, within)
        return self.closed_at is not None

    async def leave(self) -> None:
        """Go, as a client does whose page is closed."""
        await self.close()
        self.closed_at = time.time()
        self._news.set()

    async def close(self) -> None:
        """Close it, whatever its state."""
        if self._reader is not None:
            self._reader.cancel()
        if self._websocket is not None:
            self._websocket.transport.abort()

    async def _until(self, done: Callable[[], bool], within: float) -> None:
        async with asyncio.timeout(max(0.0, within)):
            while self.closed_at is None and not done():
                self._news.clear()
                await self._news.wait()

    async def _read(self) -> None:
        assert self._websocket is not None
        try:
            while True:
                frame = await self._websocket.recv()
                self.frames.append((time.time(), str(frame)))
                self._news.set()
                if frame == "2":
                    await self.send("3")
        except (ConnectionClosed, *FAILED):
            self.closed_at = time.time()
            self._news.set()
