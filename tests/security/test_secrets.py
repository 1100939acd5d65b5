"""P10: session ids appear nowhere but in the cookie.

All other tests show it, too: every service of theirs logs all it can, and what it and its store hold
is searched for each id that was issued (tests/support/issued.py).
"""

from collections.abc import Iterable

import pytest

from tests.support.browsers import JsClients, Transport
from tests.support.http import http_client
from tests.support.issued import was_issued
from tests.support.leaking_app import LEAKS
from tests.support.raw import raw_polling, raw_websocket
from tests.support.servers import StoreServer
from tests.support.service import SECRET, Service, service
from tests.support.stores import StoreSettings, server_settings

NEWER = "a-newer-secret-that-is-also-long-enough-for-it"
LEAKING_APP = "tests.support.leaking_app"
LEAKED = "session ids in"


@pytest.mark.parametrize("log_format", ["console", "json"])
async def test_no_session_id_is_in_a_log_a_metric_a_key_or_a_message(
    js: JsClients, shared_store_server: StoreServer, log_format: str
) -> None:
    settings = server_settings(shared_store_server)
    async with service(log_format=log_format, **settings) as node:
        issued = await _everything_once(js, node)
        for value in issued:
            async with http_client(node.url, cookie=f"session={value}") as client:
                await client.get("/session")
        for secret in {part for value in issued for part in value.split(".")}:
            assert secret not in node.log() + node.metrics()
            assert secret not in shared_store_server.everything()
    shared_store_server.check_secrets()


@pytest.mark.example
@pytest.mark.parametrize("leak", LEAKS)
async def test_a_service_that_leaks_is_found_out(
    js: JsClients, valkey: StoreServer, leak: str
) -> None:
    node = service(module=LEAKING_APP, leak=leak, **server_settings(valkey))
    await node.__aenter__()
    await _everything_once(js, node, [Transport.WEBSOCKET])

    try:
        if leak in ("key", "record", "message"):
            node.close()
            with pytest.raises(AssertionError, match=f"{LEAKED} the store"):
                valkey.check_secrets()
        else:
            with pytest.raises(AssertionError, match=LEAKED):
                node.close()
    finally:
        valkey.command("FLUSHALL")


async def test_every_client_of_the_tests_notes_the_ids_that_it_is_given(
    js: JsClients, any_store: StoreSettings
) -> None:
    async with service(**any_store) as node:  # its own: other tests' clients may still reconnect
        await _everything_once(js, node)
        async with raw_websocket(node.url), raw_polling(node.url), http_client(node.url) as http:
            await http.get("/session")
        opened = [line for line in node.log().splitlines() if "session created" in line]
    keys = [line.partition(" session=")[2][:8] for line in opened]
    assert len(keys) >= 6
    assert [key for key in keys if not was_issued(key)] == []


async def _everything_once(
    js: JsClients, node: Service, transports: Iterable[Transport] = Transport
) -> list[str]:
    """Open, use, rotate and end a session by each client and transport; the cookies' values."""
    issued = []
    for transport in transports:
        browser = await js.browser(node.url)
        socket = await browser.connect(transport)
        await socket.emit("incr")
        issued.append((await browser.cookies())["session"])
        await browser.fetch("POST", "/session/rotate")
        issued.append((await browser.cookies())["session"])
        await browser.fetch("POST", "/incr")
        await _connect_as_nobody_does(node, issued[-1])
        await browser.fetch("POST", "/logout")
    return issued


async def _connect_as_nobody_does(node: Service, value: str) -> None:
    """Open a WebSocket by a handshake that the library is to look at, which logs its headers."""
    async with raw_websocket(node.url, cookie=f"session={value}", subprotocols=["chat"]):
        pass


async def test_secrets_rotate_by_list(valkey: StoreServer) -> None:
    settings = server_settings(valkey)
    async with service(**settings) as node, http_client(node.url) as client:
        await client.post("/incr")
        old = "; ".join(f"{each.name}={each.value}" for each in client.cookies.jar)

    both = settings | {"session_secrets": f"{NEWER},{SECRET}"}
    async with service(**both) as node, http_client(node.url, cookie=old) as client:
        assert (await client.post("/incr")).json() == 2

    newer = settings | {"session_secrets": NEWER}
    async with service(**newer) as node, http_client(node.url, cookie=old) as client:
        assert (await client.post("/incr")).json() == 1
