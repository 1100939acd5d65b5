"""A product of one page on the installed wheel, under every server, with and without extras."""

from pathlib import Path

import pytest

from tests.package.conftest import Environments
from tests.package.served import served
from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.servers import StoreServer
from tests.support.service import SECRET

OTHERS = [
    (server, kind)
    for server in ("granian", "hypercorn", "uvicorn")
    for kind in ("lowest", "newest", "core")
    if (server, kind) != ("uvicorn", "core")
]
OURS = [("module", "lowest"), ("module", "newest"), ("module", "server"), ("script", "newest")]


@pytest.mark.parametrize(("server", "kind"), [*OTHERS, ("uvicorn", "server"), *OURS])
async def test_product_works(
    environments: Environments, js: JsClients, tmp_path: Path, server: str, kind: str
) -> None:
    with served(environments[kind], server, tmp_path) as url:
        for transport in (Transport.WEBSOCKET, Transport.POLLING):
            await check_product(await js.browser(url), transport)


@pytest.mark.parametrize("kind", ["lowest", "newest"])
async def test_product_works_on_redis(
    environments: Environments,
    js: JsClients,
    tmp_path: Path,
    redis_server: StoreServer,
    kind: str,
) -> None:
    settings = {"SESSION_STORE": "redis", "REDIS_URL": redis_server.url, "SESSION_SECRETS": SECRET}
    with served(environments[kind], "hypercorn", tmp_path, **settings) as url:
        await check_product(await js.browser(url), Transport.WEBSOCKET)
    assert redis_server.session_keys()


async def check_product(browser: JsBrowser, transport: Transport) -> None:
    """Count by HTTP and by a socket in one session, log out, and see the socket disconnected."""
    assert (await browser.fetch("GET", "/")).status == 200
    client = await browser.connect(transport)
    assert client.transport == transport.value
    assert (await browser.fetch("POST", "/incr")).body == "1"
    assert await client.emit("incr") == 2
    await client.wait_for("current count", where=lambda event: event.args == (2,))
    assert (await browser.fetch("POST", "/logout")).status == 204
    disconnected = await client.wait_for("disconnect")
    assert disconnected.args[0] == "io server disconnect"
    assert (await browser.fetch("POST", "/incr")).body == "1"
