"""Clients in JavaScript behind a proxy, which lose their link and come back."""

from typing import Any

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.js_client import JsClient
from tests.support.proxy import Proxy


async def connected(
    js: JsClients, proxy: Proxy, transport: Transport = Transport.WEBSOCKET, **options: Any
) -> tuple[JsBrowser, JsClient]:
    """A browser whose user is signed in, and its socket, which is in a room."""
    browser = await js.browser(f"http://127.0.0.1:{proxy.port}")
    await browser.post_json("/login", {"user": "ann"})
    client = await browser.connect(transport, options=options)
    assert (await client.wait_for("connect")).args[1] is False
    await client.emit("enter", "lobby")
    return browser, client


async def lose(client: JsClient, proxy: Proxy) -> int:
    """Cut the link of a client; return the mark behind which it comes back."""
    mark = client.mark
    proxy.cut()
    await client.wait_for("disconnect", after=mark, within=10.0)
    return mark


async def say(browser: JsBrowser, url: str, room: str, number: int) -> None:
    """Have a node send a message to a room."""
    message = {"space": "room", "name": room, "source": "test", "number": number}
    assert (await browser.post_json(f"{url}/send", message)).status == 200
