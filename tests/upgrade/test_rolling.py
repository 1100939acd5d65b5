"""A node of 0.1 and one of this version on one server, as a rolling upgrade has them."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.support.browsers import JsBrowser, JsClients
from tests.support.eventually import eventually
from tests.support.js_client import JsClient
from tests.support.servers import StoreServer
from tests.support.service import service
from tests.support.stores import server_settings
from tests.upgrade import release

WAYS = ["old to new", "new to old"]


@dataclass(frozen=True)
class Pair:
    """The two nodes; `here` and `there` are both orders of them in turn."""

    here: str
    there: str


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release with its packages."""
    folder: Path = tmp_path_factory.mktemp("release")
    release.unpack(folder)
    return folder


@pytest.fixture(params=WAYS)
async def pair(
    request: pytest.FixtureRequest, unpacked: Path, valkey: StoreServer
) -> AsyncIterator[Pair]:
    """A node of each version."""
    store = server_settings(valkey)
    async with release.node(unpacked, **release.on(store)) as old, service(**store) as new:
        urls = (old, new.url) if request.param == "old to new" else (new.url, old)
        yield Pair(*urls)


async def _sockets(browser: JsBrowser, pair: Pair) -> tuple[JsClient, JsClient]:
    """A socket of the browser's session on each node."""
    return await browser.connect(url=pair.here), await browser.connect(url=pair.there)


async def test_both_count_one_session_and_publish_to_each_other_s_sockets(
    js: JsClients, pair: Pair
) -> None:
    browser = await js.browser(pair.here)
    assert (await browser.fetch("POST", "/incr")).json() == 1
    near, far = await _sockets(browser, pair)

    assert await near.emit("incr") == 2
    assert await far.emit("incr") == 3
    assert (await browser.fetch("POST", f"{pair.there}/incr")).json() == 4
    assert (await browser.fetch("POST", f"{pair.here}/incr")).json() == 5

    for socket in (near, far):
        await socket.wait_for("current count", where=lambda event: event.args == (5,))
        counts = socket.values("current count")
        assert counts == sorted(counts)
    for url in (pair.here, pair.there):
        await eventually(partial(_has_sockets, browser, url, 2))


async def _has_sockets(browser: JsBrowser, url: str, count: int) -> bool:
    return bool((await browser.fetch("GET", f"{url}/session")).json()["sockets"] == count)


async def test_a_logout_on_one_disconnects_the_other_s_socket(js: JsClients, pair: Pair) -> None:
    browser = await js.browser(pair.here)
    near, far = await _sockets(browser, pair)

    began = time.monotonic()
    assert (await browser.fetch("POST", "/logout")).status == 204

    for socket in (near, far):
        gone = await socket.wait_for("disconnect")
        assert gone.args[0] == "io server disconnect"
        assert gone.at - began < 1.0
        assert socket.values("session ended") == [{"reason": "logout"}]


async def test_a_rotation_on_one_makes_the_other_s_socket_come_back(
    js: JsClients, pair: Pair
) -> None:
    browser = await js.browser(pair.here)
    assert (await browser.fetch("POST", "/incr")).json() == 1
    _near, far = await _sockets(browser, pair)
    mark = far.mark

    assert (await browser.fetch("POST", "/session/rotate")).status == 204

    gone = await far.wait_for("disconnect", after=mark)
    assert gone.args[0] == "transport close"
    await far.wait_for("connect", after=mark)
    assert await far.emit("incr") == 2
