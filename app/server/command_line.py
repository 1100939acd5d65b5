"""The command line: python -m app [module:attribute] [--reload]."""

import argparse
import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from .. import log_config
from ..settings import ServiceSettings, SettingsError
from .app_loader import AppImportError
from .reload import serve_with_reload
from .run import run
from .server import DRAIN_SECONDS, Server

_WRONG_SETTINGS = 2
_APP_FAILED = 1


def main(argv: Sequence[str] | None = None, *, server_class: type[Server] = Server) -> int:
    """Serve until a signal, and return the exit code.

    Args:
        argv: arguments, by default the process's own.
        server_class: replaces the server, for tests that inspect it.
    """
    arguments = _parse(argv)
    _make_current_folder_importable()
    if arguments.reload:
        return _report(partial(_supervise, arguments.app))
    return _report(partial(_serve, arguments.app, None, server_class=server_class))


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="mooring",
        description="Serve an ASGI app that uses Mooring. Settings come from the environment or .env.",
    )
    parser.add_argument(
        "app",
        nargs="?",
        metavar="module:attribute",
        help="a FastAPI object, or a function that returns one; by default APP, else the example",
    )
    parser.add_argument(
        "--reload", action="store_true", help="start again when the code changes, for development"
    )
    return parser.parse_args(argv)


def _make_current_folder_importable() -> None:
    """Do what `python -m` has done already, and an installed script has not."""
    folder = str(Path.cwd())
    if folder not in sys.path and "" not in sys.path:
        sys.path.insert(0, folder)


def _report(serve: Callable[[], None]) -> int:
    """Return the exit code, after printing why it cannot start if it cannot."""
    try:
        serve()
    except SettingsError as error:
        _complain(str(error))
        return _WRONG_SETTINGS
    except AppImportError as error:
        sys.stderr.write(error.traceback())
        _complain(str(error))
        return _APP_FAILED
    return 0


def _complain(message: str) -> None:
    for line in message.splitlines():
        sys.stderr.write(f"mooring cannot start: {line}\n")


def _serve(
    app: str | None,
    sockets: list[socket.socket] | None,
    *,
    drain_seconds: float = DRAIN_SECONDS,
    server_class: type[Server] = Server,
) -> None:
    settings = _settings(app)
    run(settings, sockets=sockets, drain_seconds=drain_seconds, server_class=server_class)


def _supervise(app: str | None) -> None:
    settings = _settings(app)
    log_config.configure(settings.log_level, settings.log_format)
    serve_with_reload(partial(_serve_again, app), host=settings.host, port=settings.port)


def _serve_again(app: str | None, sockets: list[socket.socket] | None) -> None:
    """Serve in a process of the reloader's, with settings that are read anew."""
    code = _report(partial(_serve, app, sockets, drain_seconds=0.0))
    if code:
        sys.exit(code)


def _settings(app: str | None) -> ServiceSettings:
    # docker-compose.yml hands over an empty name where none is set.
    settings = ServiceSettings(app=app) if app else ServiceSettings()
    try:
        socket.getaddrinfo(settings.host, None)
    except OSError as error:  # the server would not say it so well
        raise SettingsError(f"HOST: {settings.host!r}: {error.strerror}") from None
    return settings
