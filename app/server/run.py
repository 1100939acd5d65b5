"""The service from its settings to its end."""

import os
import socket
from importlib.util import find_spec

from .. import log_config
from ..fast_paths import FastPaths, decide
from ..settings import ServiceSettings, SettingsError
from .app_loader import load_app
from .server import DRAIN_SECONDS, Server, configure
from .service_app import FindWebSocket, ServiceApp

_PACKAGE = __name__.rpartition(".server.")[0]
_EXAMPLE = f"{_PACKAGE}.example"


def run(
    settings: ServiceSettings,
    *,
    sockets: list[socket.socket] | None = None,
    drain_seconds: float = DRAIN_SECONDS,
    server_class: type[Server] = Server,
) -> None:
    """Serve until a signal.

    Args:
        settings: of the process.
        sockets: to listen on instead of host and port.
        drain_seconds: time over which sockets are closed at the end.
        server_class: replaces the server, for tests that inspect it.

    Raises:
        SettingsError: a setting cannot be used.
        AppImportError: the app's own code failed before it served.
    """
    log_config.configure(settings.log_level, settings.log_format)
    _allow_long_handshakes()
    fast_paths = decide(settings.fast_paths)
    name = settings.app or _example()
    app = ServiceApp(
        load_app(name),
        root_path=settings.root_path,
        find_websocket=_find_websocket(fast=fast_paths.enabled),
    )
    config = configure(
        app,
        host=settings.host,
        port=settings.port,
        trusted_proxies=list(settings.trusted_proxies),
        max_packet_bytes=settings.max_packet_bytes,
        fast_paths=fast_paths.enabled,
    )
    description = _describe(name, settings.session_store, fast_paths)
    server_class(app, config, description=description, drain_seconds=drain_seconds).run(sockets)


def _example() -> str:
    """Return what is served if nothing else is named. Nothing else refers to it: it can be deleted."""
    if find_spec(_EXAMPLE) is None:
        raise SettingsError(
            f"APP: missing; name your app: python -m {_PACKAGE} package.module:attribute"
        )
    return f"{_EXAMPLE}.main:create_app"


def _allow_long_handshakes() -> None:
    """Allow headers of WebSocket handshakes as long as those of other requests; the default is 8 KiB.

    A browser may hold a dozen cookies of 4 KiB for one site. This is the documented way:
    https://websockets.readthedocs.io/en/stable/reference/variables.html
    """
    os.environ.setdefault("WEBSOCKETS_MAX_LINE_LENGTH", "65536")
    os.environ.setdefault("WEBSOCKETS_MAX_NUM_HEADERS", "256")


def _find_websocket(*, fast: bool) -> FindWebSocket | None:
    """Return what finds the connection of a WebSocket; None without the package `websockets`."""
    if fast:
        from .direct_websocket import direct_websocket  # noqa: PLC0415 - it needs the fast protocols

        return direct_websocket
    try:
        from .plain_websocket import plain_websocket  # noqa: PLC0415 - it needs `websockets`
    except ImportError:
        return None
    return plain_websocket


def _describe(name: str, store: str, fast_paths: FastPaths) -> str:
    return f"{name}, {store} store, {fast_paths}"
