"""A server that starts again when the code changes, for development."""

import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn
from uvicorn.supervisors import ChangeReload

Target = Callable[[list[socket.socket] | None], None]


def serve_with_reload(target: Target, *, host: str, port: int) -> None:
    """Call `target` in another process, and again whenever a Python file below this folder changes.

    The sockets stay open meanwhile, so that clients wait for the new process.

    Args:
        target: serves on the sockets that it is given until a signal; a function that can be pickled.
        host: address or name to listen at.
        port: 0 is any that is free.
    """
    config = uvicorn.Config(
        "",  # a string has uvicorn reload; it is not imported here
        host=host,
        port=port,
        log_config=None,
        reload=True,
        reload_dirs=[str(Path.cwd())],
    )
    ChangeReload(config, target=target, sockets=[config.bind_socket()]).run()
