"""Fixtures: the examples where they are installed, and two nodes of the chat before a Chromium."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.chromium import chromium
from tests.deploy.conftest import ADDRESSES
from tests.docs.conftest import Product, _environ
from tests.support.balancer import balancer
from tests.support.processes import ROOT, Process, free_port
from tests.support.servers import store_server
from tests.support.service import check_log

EXAMPLES = ROOT / "examples"
SOURCES = shutil.ignore_patterns("node_modules", "page", "__pycache__", "*.sqlite3*", ".env")

expect.set_options(timeout=20_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all tests of this folder in one process, which makes the environment and the page once."""
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here:
            item.add_marker(pytest.mark.xdist_group("examples"))
            item.add_marker("no_fast_path")
            item.add_marker("slow")


class Example(Product):
    """A copy of an example, and the environment that `make run` makes for it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.files = folder / name
        self.environment = folder / f"{name}-environment"
        shutil.copytree(EXAMPLES / name, self.files, ignore=SOURCES)


@pytest.fixture(scope="session")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Example:
    """The chat on the wheel, with what its tests need, and its page as it is now."""
    example = Example("chat", tmp_path_factory.mktemp("examples"))
    example.prepare()
    example.install("--group", str(example.files / "pyproject.toml:dev"))
    # scripts/test-needs has put a node into .venv where the machine's own is missing or too old.
    os.environ["PATH"] = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
    page = str(example.files / "chat" / "page")
    web = EXAMPLES / "chat" / "web"
    # Its types are checked by `make check`, which takes longer than to build it.
    vite = ("npm", "exec", "--silent", "--", "vite", "build", "--outDir", page)
    example.run(*vite, "--logLevel", "warn", folder=web)
    return example


@dataclass(frozen=True)
class Deck:
    """Two nodes of the chat behind the balancer, its worker, and a browser that finds them."""

    browser: Browser
    nodes: list[Process]
    store: str
    """The URL of the Valkey."""
    url: str = "http://chat.test:3000"
    """Not localhost, where socket.io-client does not care whether the machine is offline."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def deck(chat: Example, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Deck]:
    """What `docker-compose -f … -f examples/chat/docker-compose.yml up` starts, on this machine."""
    folder = tmp_path_factory.mktemp("deck")
    port = free_port()
    with store_server("valkey") as server:
        settings = {
            "CHAT_DATABASE": str(folder / "chat.sqlite3"),
            "PORT": str(port),
            "REDIS_URL": server.url,
            "SESSION_SECRETS": "a secret of thirty-two characters and more",
            "SESSION_STORE": "redis",
        }
        async with AsyncExitStack() as stack:
            nodes = [_process(chat, folder, settings | {"HOST": host}) for host in ADDRESSES]
            worker = Process(
                [chat.program("python"), "-m", "chat.worker"], chat.files, _environ(settings)
            )
            worker.log_file = folder / "worker.log"
            for each in (*nodes, worker):
                stack.callback(each.kill)
            for node in nodes:
                await asyncio.to_thread(node.start, _says(node, " on http://"))
            await asyncio.to_thread(worker.start, lambda: worker.alive)
            front = await stack.enter_async_context(balancer([*ADDRESSES], port))
            driver = await stack.enter_async_context(async_playwright())
            ports = {"chat.test:3000": urlsplit(front.url).port or 0}
            browser = await stack.enter_async_context(chromium(driver, ports))
            yield Deck(browser, nodes, server.url)
            for each in (*nodes, worker):
                check_log(each.log())


def _process(chat: Example, folder: Path, settings: dict[str, str]) -> Process:
    command = [chat.program("mooring"), "chat.main:app"]
    process = Process(command, chat.files, _environ(settings))
    process.log_file = folder / f"node-{settings['HOST']}.log"
    return process


def _says(process: Process, text: str):  # type: ignore[no-untyped-def]  # a condition for Process.start
    return lambda: text in process.log()


@pytest.fixture(scope="session")
def existing(chat: Example, tmp_path_factory: pytest.TempPathFactory) -> Example:
    """The two apps of examples/existing; the chat's environment has what both need."""
    example = Example("existing", tmp_path_factory.mktemp("existing"))
    example.environment = chat.environment
    return example
