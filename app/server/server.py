"""uvicorn, draining sockets on the signal itself rather than after every request has ended."""

import asyncio
import ctypes
import gc
import logging
import signal
import socket
import threading
from contextlib import suppress
from types import FrameType
from typing import Any

import uvicorn

from .. import __version__
from .service_app import ServiceApp

logger = logging.getLogger(__name__)

_GC_THRESHOLDS = (10_000, 20, 50)

_M_MMAP_THRESHOLD = -3
_LARGE_BLOCK_BYTES = 128 * 1024

DRAIN_SECONDS = 3.0
"""Time over which sockets are closed at shutdown, so that they do not all reconnect at once."""

GRACE_SECONDS = 3
"""Time that requests under way have after that."""

KEEP_ALIVE_SECONDS = 75
"""Longer than a balancer's, so that no request of it meets a connection that is being closed."""


class Server(uvicorn.Server):
    """Drain on the first SIGTERM, SIGINT or SIGHUP, then stop; on the second stop at once.

    uvicorn runs the lifespan's shutdown only when all requests have ended, and an idle long poll
    ends when its heartbeat is due.

    Args:
        app: what is served, to be drained.
        config: uvicorn's configuration, with the same app.
        description: what is served, in words for the line in the log that says where.
        drain_seconds: time over which sockets are closed.
    """

    def __init__(
        self,
        app: ServiceApp,
        config: uvicorn.Config,
        *,
        description: str = "",
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        super().__init__(config)
        self._app = app
        self._description = description
        self._drain_seconds = drain_seconds
        self._draining: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._signalled = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve, and log where."""
        self._loop = asyncio.get_running_loop()
        self._handle_hangup()
        _tune_garbage_collection()
        _return_large_blocks()
        await super().startup(sockets)
        logger.info("mooring %s on %s%s", __version__, self._address(), self._described())

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal. It is not raised again at the end, so that the exit code says 0."""
        if self._signalled or self._loop is None:
            self._stop_waiting()
            return
        self._signalled = True
        self._loop.call_soon_threadsafe(self._start_draining)

    def _handle_hangup(self) -> None:
        """Handle SIGHUP, which uvicorn does not, unless it is ignored (nohup)."""
        hangup = getattr(signal, "SIGHUP", None)  # Windows has none
        if hangup is None or threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(hangup) == signal.SIG_DFL:
            signal.signal(hangup, self.handle_exit)

    def _stop_waiting(self) -> None:
        """Cancel requests under way, but close connections and the app, as force_exit would not."""
        self.config.timeout_graceful_shutdown = 0
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._cancel_requests)

    def _cancel_requests(self) -> None:
        for task in self.server_state.tasks:
            task.cancel()

    def _start_draining(self) -> None:
        logger.warning("shutting down, closing sockets over %.0f s", self._drain_seconds)
        self._draining = asyncio.create_task(self._drain(), name="drain")

    async def _drain(self) -> None:
        try:
            await self._app.drain(self._drain_seconds)
        except Exception:
            logger.exception("closing sockets failed")
        finally:
            self.should_exit = True

    def _address(self) -> str:
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def _described(self) -> str:
        return f" ({self._description})" if self._description else ""


def _tune_garbage_collection() -> None:
    """Keep what lives as long as the process out of garbage collection, and collect less often.

    With thousands of sockets a full collection takes a tenth of a second and more.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def _return_large_blocks() -> None:
    """Return the memory of large messages to the system at once, where the C library is glibc.

    By default it learns from the first one that is freed to keep the next ones, and never gives them
    back while anything small lies behind them.
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)


def configure(
    app: ServiceApp,
    *,
    host: str,
    port: int,
    trusted_proxies: list[str],
    max_packet_bytes: int,
    fast_paths: bool,
) -> uvicorn.Config:
    """Return uvicorn's configuration.

    Args:
        app: what to serve.
        host: address or name to listen at.
        port: 0 is any that is free.
        trusted_proxies: addresses and networks whose X-Forwarded-* headers are believed.
        max_packet_bytes: longest message of a WebSocket.
        fast_paths: whether connections are served by protocols of ours or by uvicorn's own.
    """
    return uvicorn.Config(
        app,
        interface="asgi3",
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        proxy_headers=True,
        forwarded_allow_ips=trusted_proxies,
        ws_max_size=max_packet_bytes,
        ws_per_message_deflate=False,  # it costs a third of the event rate; Node has it off, too
        ws_ping_interval=None,  # Engine.IO has a heartbeat of its own
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
        **(_fast_protocols() if fast_paths else _plain_protocols()),
    )


def _fast_protocols() -> dict[str, Any]:
    # Imported here, as they need parts of uvicorn, httptools and websockets that may be missing.
    from .http_protocol import http_protocol  # noqa: PLC0415 - only where they are used
    from .websocket_protocol import FastWebSocketProtocol  # noqa: PLC0415 - as above

    return {
        "http": http_protocol(keep_alive_seconds=KEEP_ALIVE_SECONDS),
        "ws": FastWebSocketProtocol,
    }


def _plain_protocols() -> dict[str, Any]:
    return {**_plain_http(), **_plain_websockets()}


def _plain_http() -> dict[str, Any]:
    try:
        from .plain_http_protocol import PlainHttpProtocol  # noqa: PLC0415 - as above
    except ImportError:
        return {}  # uvicorn uses what there is
    return {"http": PlainHttpProtocol}


def _plain_websockets() -> dict[str, Any]:
    try:
        from .plain_websocket_protocol import PlainWebSocketProtocol  # noqa: PLC0415 - likewise
    except ImportError:
        return {}
    return {"ws": PlainWebSocketProtocol}
