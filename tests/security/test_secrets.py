"""P10: session ids appear nowhere but in the cookie."""

import pytest

from tests.support.browsers import JsClients, Transport
from tests.support.http import http_client
from tests.support.servers import StoreServer
from tests.support.service import SECRET, service
from tests.support.stores import server_settings

NEWER = "a-newer-secret-that-is-also-long-enough-for-it"


@pytest.mark.parametrize("log_format", ["console", "json"])
async def test_no_session_id_is_in_a_log_a_metric_a_key_or_a_message(
    js: JsClients, shared_store_server: StoreServer, log_format: str
) -> None:
    settings = server_settings(shared_store_server)
    issued = []
    async with service(log_level="debug", log_format=log_format, **settings) as node:
        for transport in Transport:
            browser = await js.browser(node.url)
            await browser.fetch("POST", "/incr")
            issued.append((await browser.cookies())["session"])
            socket = await browser.connect(transport)
            await socket.emit("incr")
            await browser.fetch("POST", "/session/rotate")
            issued.append((await browser.cookies())["session"])
            await browser.fetch("POST", "/logout")
            for value in issued:
                async with http_client(node.url, cookie=f"session={value}") as client:
                    await client.get("/session")
        async with http_client(node.url) as client:
            seen = node.log() + (await client.get("/metrics")).text
        for key in shared_store_server.keys():  # noqa: SIM118 - it is no dict
            seen += key
        seen += repr(shared_store_server.command("XRANGE", "mooring:bus", "-", "+"))
    for value in issued:
        session_id, _, signature = value.partition(".")
        assert session_id not in seen
        assert signature not in seen


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


async def test_control_characters_forge_no_log_line(js: JsClients) -> None:
    async with service(log_level="debug") as node, http_client(node.url) as client:
        await client.get("/no%0d%0asuch%1b[31m", headers={"user-agent": "a\tb"})
        await client.get("/session", headers={"x-request-id": "a b\tforged"})
        socket = await (await js.browser(node.url)).connect()
        await socket.emit("forged\n2026-01-01 [error] line")
        lines = node.log().splitlines()

    assert not [line for line in lines if line.startswith(("2026-01-01", "such"))]
