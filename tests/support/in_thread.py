"""A server of the standard library in a thread of the test's own process."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import HTTPServer
from threading import Thread

_LOOK_SECONDS = 0.02
"""How often it looks whether it is to end; by default that takes half a second."""


@contextmanager
def in_thread(server: HTTPServer) -> Iterator[int]:
    """Serve meanwhile, and close the server in the end; gives its port."""
    thread = Thread(target=server.serve_forever, args=(_LOOK_SECONDS,), daemon=True)
    with server:
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
