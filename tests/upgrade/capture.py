"""Write release-0.1.json: what the release left in a store, and the cookies that go with it.

    python -m tests.upgrade.capture

It starts two nodes of the release on a server, has browsers and sockets use them, and writes down
what the server holds while the sockets are connected. It was run once.
"""

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import redis

from tests.support.browsers import JsBrowser, JsClients
from tests.support.driver import Driver
from tests.support.servers import StoreServer, store_server
from tests.support.stores import server_settings
from tests.upgrade import release

FILE = Path(__file__).parent / "release-0.1.json"


async def capture(folder: Path) -> dict[str, Any]:
    """Return the contents of the file."""
    with store_server("redis") as server, Driver() as driver:
        settings = release.on(server_settings(server))
        async with (
            JsClients(driver) as js,
            release.node(folder, **settings) as one,
            release.node(folder, **settings) as two,
        ):
            cookies = await _use(js, one, two)
            return {
                "release": "0.1.0",
                "commit": release.COMMIT,
                "secret": settings["session_secrets"],
                "captured_at": int(time.time() * 1000),
                "cookies": cookies,
                "keys": _keys(server),
            }


async def _use(js: JsClients, one: str, two: str) -> dict[str, str]:
    """Have sessions of every kind; returns their cookies by what became of them."""
    counted = await _counted(js, one, 3)
    connected = await _counted(js, one, 1)
    near, far = await connected.connect(), await connected.connect(url=two)
    assert await near.emit("incr") == 2
    await far.wait_for("current count")

    rotated = await _counted(js, two, 5)
    before = await rotated.cookie_header()
    assert (await rotated.fetch("POST", "/session/rotate")).status == 204
    ended = await _counted(js, two, 7)
    logged_out = await ended.cookie_header()
    assert (await ended.fetch("POST", "/logout")).status == 204
    return {
        "counted": await counted.cookie_header(),
        "connected": await connected.cookie_header(),
        "rotated": await rotated.cookie_header(),
        "before rotation": before,
        "logged out": logged_out,
    }


async def _counted(js: JsClients, url: str, count: int) -> JsBrowser:
    browser = await js.browser(url)
    for _ in range(count):
        assert (await browser.fetch("POST", "/incr")).status == 200
    return browser


def _keys(server: StoreServer) -> list[dict[str, Any]]:
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        # The library makes a dict of an entry, which may have several fields of one name.
        client.set_response_callback("XRANGE", lambda reply, **_options: reply)
        return [_key(client, key) for key in sorted(client.keys("*"))]


def _key(client: Any, key: str) -> dict[str, Any]:
    kind = client.type(key)
    read = {"string": client.get, "hash": client.hgetall}.get(kind)
    if read is None:
        assert kind == "stream", kind
        value = client.execute_command("XRANGE", key, "-", "+")
    else:
        value = read(key)
    return {"key": key, "type": kind, "pttl": client.pttl(key), "value": value}


async def _main() -> None:
    with tempfile.TemporaryDirectory(prefix="mooring-capture-") as name:
        release.unpack(Path(name))
        FILE.write_text(_text(await capture(Path(name))))


def _text(captured: dict[str, Any]) -> str:
    """Write a line for each key of the store."""
    keys = ",\n  ".join(json.dumps(each) for each in captured.pop("keys"))
    head = json.dumps(captured, indent=2).removesuffix("\n}")
    return f'{head},\n  "keys": [\n  {keys}\n  ]\n}}\n'


if __name__ == "__main__":
    asyncio.run(_main())
