"""A node beside one of a later version, which knows more reasons, fields and kinds of messages."""

import json

from tests.support.browsers import JsClients
from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.js_client import JsClient
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import server_settings

STREAM = "mooring:bus"


def _send(server: StoreServer, **message: object) -> None:
    """Publish what a node of a later version might."""
    more = ("v", 9, "x", "{}")
    server.command(
        *("XADD", STREAM, "*", "o", "later", *more, "n", 0, "m", json.dumps(message), *more)
    )


async def _counted(js: JsClients, node: Service) -> JsClient:
    """A socket of a browser whose session has counted to one."""
    socket = await (await js.browser(node.url)).connect()
    await socket.emit("incr")
    return socket


async def test_an_end_for_an_unknown_reason_is_an_end(
    js: JsClients, shared_store_server: StoreServer
) -> None:
    async with js.on(service(**server_settings(shared_store_server))) as node:
        socket = await _counted(js, node)
        (name,) = shared_store_server.session_keys()
        key = name.partition("{")[2].strip("}")

        shared_store_server.command("SET", name, "Tbanned - by=admin", "PX", 60_000)
        _send(shared_store_server, kind="ended", key=key, reason="banned", by="admin")

        event = await socket.wait_for("disconnect", within=1.0)
        assert event.args[0] == "io server disconnect"
        assert socket.values("session ended") == [{"reason": "revoked"}]


async def test_messages_of_an_unknown_kind_are_passed_over_with_one_line(
    js: JsClients, shared_store_server: StoreServer
) -> None:
    async with js.on(service(**server_settings(shared_store_server))) as node:
        socket = await _counted(js, node)
        (name,) = shared_store_server.session_keys()
        key = name.partition("{")[2].strip("}")
        for number in range(20):
            _send(shared_store_server, kind="carried poll", to="node", number=number, body={})
        later = {"kind": "tell", "key": key, "version": 99, "event": "current count", "value": 7}
        _send(shared_store_server, **later, namespace="/", offset="1-1", rooms=[])

        await eventually(lambda: socket.values("current count") == [1, 7])
        assert node.log().count("bus messages skipped") == 1


async def test_fields_of_a_record_are_passed_over_and_kept(
    shared_store_server: StoreServer,
) -> None:
    async with (
        service(**server_settings(shared_store_server)) as node,
        http_client(node.url) as client,
    ):
        assert (await client.post("/incr")).json() == 1
        (name,) = shared_store_server.session_keys()
        head, _, data = shared_store_server.command("GET", name).partition(" {")
        later = f"{head} label=Firefox%20on%20Linux since=1764000000000"
        shared_store_server.command("SET", name, f"{later} {{{data}", "KEEPTTL")

        assert (await client.get("/session")).json()["count"] == 1
        assert (await client.post("/incr")).json() == 2

        stored = shared_store_server.command("GET", name)
        assert stored.startswith(later.replace("R2", "R3", 1) + " {")
