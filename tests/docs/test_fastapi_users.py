"""docs/fastapi-users.md: its project runs with the real package, in an environment of its own.

Its adapter for SQLAlchemy is not for the version that uv.lock has.
"""

import asyncio
import re
import secrets
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.docs.conftest import Product
from tests.support.browsers import Fetched, JsBrowser, JsClients
from tests.support.processes import ROOT

PAGE = ROOT / "docs" / "fastapi-users.md"
EMAIL, OLD = "ann@notes.example", "correct horse"
NEW_PASSWORD = '{"password": "battery staple"}'
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
SLOW = 10.0  # seconds that a slow machine may take

# In one process: the environment takes longer to make than the tests to run.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("docs/fastapi-users.md")]


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Product:
    """The project, in an environment with what its `pyproject.toml` names."""
    product = Product(PAGE, tmp_path_factory.mktemp("notes"))
    product.prepare()
    product.install("--group", str(product.files / "pyproject.toml:dev"))
    return product


@pytest.fixture
async def url(
    notes: Product, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    """The project, served as the page says."""
    monkeypatch.setenv("ACCOUNTS_SECRET", secrets.token_hex())
    monkeypatch.setenv("DATABASE", f"sqlite+aiosqlite:///{tmp_path}/notes.db")
    serving = notes.served(notes.program("mooring"), "notes.main:app", port=port)
    yield await asyncio.to_thread(serving.__enter__)
    await asyncio.to_thread(serving.__exit__, None, None, None)


@pytest.mark.thorough
def test_its_tests_pass_on_the_wheel(notes: Product) -> None:
    printed = notes.run(notes.program("python"), "-m", "pytest", "-q", "-W", "error")

    assert re.search(r"^(\d+) passed", printed, re.MULTILINE), printed


@pytest.mark.thorough
def test_it_is_strictly_typed(notes: Product) -> None:
    """See test_types.py for the other pages."""
    notes.run(
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--python-executable",
        notes.program("python"),
        ".",
    )


async def _log_in(browser: JsBrowser) -> Fetched:
    body = urlencode({"username": EMAIL, "password": OLD})
    return await browser.fetch("POST", "/login", headers=FORM, body=body)


async def _close_code(websocket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        await websocket.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


async def test_sockets_have_the_user_and_end_with_a_changed_password(
    url: str, js: JsClients
) -> None:
    phone, laptop = await js.browser(url), await js.browser(url)
    await laptop.post_json("/register", {"email": EMAIL, "password": OLD})
    for browser in (phone, laptop):
        assert (await _log_in(browser)).status == 204
    user = (await laptop.fetch("GET", "/me")).json()["id"]
    there, here = [await each.connect() for each in (phone, laptop)]
    assert await there.emit("whoami") == await here.emit("whoami") == user
    cookie = {"cookie": await phone.cookie_header()}
    async with connect(url.replace("http", "ws") + "/ws", additional_headers=cookie) as websocket:
        assert await websocket.recv() == user

        changed = await laptop.fetch("PATCH", "/account/me", headers=JSON, body=NEW_PASSWORD)

        assert changed.status == 200
        assert (await there.wait_for("disconnect", within=SLOW)).args[0] == "io server disconnect"
        assert await asyncio.wait_for(_close_code(websocket), SLOW) == 1008
    assert (await phone.fetch("GET", "/me")).status == 401
    assert (await _log_in(phone)).status == 400
    assert await here.emit("whoami") == user
    assert not here.named("disconnect")
