"""The Node server as a process of its own."""

import http.client
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.driver import node_binary
from tests.support.processes import ROOT, Process, free_port


@contextmanager
def node_server() -> Iterator[int]:
    """Run socket.io 4.8; the port that it listens on."""
    port = free_port()
    directory = Path(tempfile.mkdtemp(prefix="mooring-peer-"))
    command = [node_binary(), str(ROOT / "tests/js/node_server.mjs")]
    process = Process(command, directory, {"PORT": str(port)})
    try:
        process.start(lambda: _answers(port))
        yield port
    finally:
        process.kill()
        shutil.rmtree(directory, ignore_errors=True)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1.0)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
