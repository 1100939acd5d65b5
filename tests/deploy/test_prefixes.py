"""Routes, documents and sockets below a prefix, whoever has put them there."""

from collections.abc import AsyncIterator

import pytest

from tests.support.browsers import JsClients, Transport
from tests.support.http import http_client
from tests.support.prefixed import WAYS, Prefixed, prefixed


@pytest.fixture(params=WAYS)
async def below(request: pytest.FixtureRequest) -> AsyncIterator[Prefixed]:
    """The service below a prefix, in each way."""
    async with prefixed(WAYS[request.param]) as below:
        yield below


async def test_routes_documents_and_sockets_are_all_below_the_prefix(
    js: JsClients, below: Prefixed
) -> None:
    prefix = below.way.prefix
    async with http_client(below.url) as client:
        for path in ("", "docs", "docs/events", "healthz", "socket.io/socket.io.min.js"):
            assert (await client.get(path)).status_code == 200, path
        openapi = (await client.get("openapi.json")).json()
        asyncapi = (await client.get("asyncapi.json")).json()
        outside = await client.get(f"{below.origin}/session")
    # A document names a prefix that the service knows; its page goes by its own address.
    known = prefix if below.way.is_known else ""
    assert [each["url"] for each in openapi.get("servers", [])] == ([known] if known else [])
    assert f"`{known}/socket.io/`" in asyncapi["info"]["description"]
    assert outside.status_code == 404

    browser = await js.browser(below.origin)
    assert (await browser.fetch("POST", f"{prefix}/incr")).json() == 1
    options = {"path": f"{prefix}/socket.io"}
    sockets = [await browser.connect(each, options=options) for each in Transport]
    for number, socket in enumerate(sockets, 2):
        assert await socket.emit("incr") == number
    assert (await browser.fetch("POST", f"{prefix}/incr")).json() == 5
    for socket in sockets:
        await socket.wait_for("current count", where=lambda event: event.args == (5,))

    assert (await browser.fetch("POST", f"{prefix}/logout")).status == 204

    for socket in sockets:
        assert (await socket.wait_for("disconnect")).args[0] == "io server disconnect"
