"""docs/migrating.md: both apps work, and the page counts the lines between them rightly."""

import asyncio
import difflib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.markdown import blocks, project, write_project
from tests.support.browsers import JsClients, Transport
from tests.support.driver import node_binary
from tests.support.processes import ROOT, Process, free_port

PAGE = ROOT / "docs" / "migrating.md"
APPS = {"before": "main:asgi", "after": "main:app"}

_SERVE = (
    "import sys, uvicorn, tests.docs.as_wheel; "
    "uvicorn.run(sys.argv[1], port=int(sys.argv[2]), app_dir='.', timeout_graceful_shutdown=5)"
)


def test_five_lines_are_new() -> None:
    files = {block.file: block.text for block in blocks(PAGE)}
    before, after = files["before/main.py"], files["after/main.py"]

    lines = difflib.ndiff(before.splitlines(), after.splitlines())

    assert len([line for line in lines if line.startswith("+ ") and line.strip() != "+"]) == 5
    assert "five lines are new" in PAGE.read_text()


# Options of a client of Node that is not a browser.
NODE = [
    "{}",
    '{"withCredentials": true}',
    '{"transports": ["websocket"]}',
    '{"transports": ["polling"]}',
]


@contextmanager
def _served(app: str, folder: Path) -> Iterator[str]:
    """Serve one of the two by uvicorn; gives its URL."""
    write_project(project(PAGE), folder)
    port = free_port()
    command = [sys.executable, "-c", _SERVE, APPS[app], str(port)]
    process = Process(command, folder / app, {"PYTHONPATH": str(ROOT)})
    try:
        process.start(lambda: "Uvicorn running on" in process.log())
        yield f"http://127.0.0.1:{port}"
        process.stop()
        assert "Traceback" not in process.log()
    finally:
        process.kill()


@pytest.fixture(params=APPS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of each of the two."""
    with _served(request.param, tmp_path) as url:
        yield url


@pytest.fixture(scope="module")
def url_after(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the second, which tests share."""
    with _served("after", tmp_path_factory.mktemp("after")) as url:
        yield url


async def test_clients_see_no_difference(js: JsClients, url: str) -> None:
    browser = await js.browser(url)
    assert (await browser.fetch("GET", "/hello")).json() == "hello"
    for transport in Transport:
        socket = await browser.connect(transport)
        assert await socket.emit("greet", "Ada") == "hello, Ada"
        await socket.close()  # uvicorn waits for those that are open


@pytest.mark.xdist_group("docs/migrating.md")  # they share a server
@pytest.mark.parametrize("options", NODE)
async def test_a_client_of_node_is_served_whether_it_keeps_cookies_or_not(
    url_after: str, options: str
) -> None:
    client = Path(__file__).with_name("node_client.mjs")

    process = await asyncio.create_subprocess_exec(
        node_binary(), str(client), url_after, options, stdout=asyncio.subprocess.PIPE
    )
    printed, _errors = await asyncio.wait_for(process.communicate(), 20.0)

    assert printed == b"hello, Ada\n"
