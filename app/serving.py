"""uvicorn, with sockets let go on the signal itself rather than after every request has ended."""

import asyncio
import gc
import logging
from types import FrameType
from typing import Protocol

import uvicorn
from starlette.types import Receive, Scope, Send

from app.connection import connections
from app.realtime.edge import MAX_PACKET
from app.websockets.protocol import LightProtocol

logger = logging.getLogger(__name__)

_GC_THRESHOLDS = (10_000, 20, 50)

DRAIN = 3.0
"""Seconds over which sockets are let go at shutdown, so that they do not all reconnect at once."""

_GRACE = 3
"""Seconds that requests under way have after that."""


_KEEP_ALIVE = 75
"""Seconds; longer than a balancer's, so that no request of it meets a connection that we are closing."""


class Drainable(Protocol):
    """An ASGI app that can send its sockets elsewhere."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    async def drain(self, seconds: float) -> None: ...


class Server(uvicorn.Server):
    """Drains on the first SIGTERM or SIGINT, then stops; on the second it stops at once.

    uvicorn runs the lifespan's shutdown only when all requests have ended, and an idle long poll
    ends when its heartbeat is due.
    """

    def __init__(self, app: Drainable, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._app = app
        self._draining: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._signalled = False

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override] # narrower than it needs
        """Start to serve; remembers the loop that signals are to wake."""
        self._loop = asyncio.get_running_loop()
        _spare_the_collector()
        await super().startup(sockets)  # type: ignore[arg-type] # handed on as it came

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal. It is not raised again at the end, so that the exit code says 0."""
        if self._signalled or self._loop is None:
            self._give_up_waiting()
            return
        self._signalled = True
        self._loop.call_soon_threadsafe(self._begin)

    def _give_up_waiting(self) -> None:
        """Cancel what is under way, but close what is open: force_exit would not."""
        self.config.timeout_graceful_shutdown = 0
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._cancel_requests)

    def _cancel_requests(self) -> None:
        for task in self.server_state.tasks:
            task.cancel()

    def _begin(self) -> None:
        logger.warning("shutting down: sockets are let go over %.0f s", DRAIN)
        self._draining = asyncio.create_task(self._drain(), name="drain")

    async def _drain(self) -> None:
        try:
            await self._app.drain(DRAIN)
        except Exception:
            logger.exception("not all sockets were let go")
        finally:
            self.should_exit = True


def _spare_the_collector() -> None:
    """Keep what lives as long as the process out of garbage collection, and collect less often.

    With thousands of sockets a full collection takes a tenth of a second and more.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def configure(app: Drainable, *, host: str, port: int, proxies: list[str]) -> uvicorn.Config:
    """Give uvicorn's configuration; `proxies` are those whose X-Forwarded-* headers are believed."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        proxy_headers=True,
        forwarded_allow_ips=proxies,
        http=connections(keep_alive=_KEEP_ALIVE),
        ws=LightProtocol,
        ws_max_size=MAX_PACKET,
        ws_per_message_deflate=False,  # it costs a third of the event rate; Node has it off, too
        ws_ping_interval=None,  # Engine.IO has a heartbeat of its own
        timeout_graceful_shutdown=_GRACE,
        server_header=False,
    )
