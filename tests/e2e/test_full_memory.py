"""A server whose memory is full: what frees memory goes on, and ends reach every node."""

import time

import pytest

from tests.support.browsers import JsClients, Transport
from tests.support.nodes import pair_on
from tests.support.servers import StoreServer

_FILL_BUS = """
for _ = 1, 600 do redis.call('XADD', KEYS[1], '*', 'o', 'x', 'n', 0, 'm', '{}') end
"""


@pytest.mark.parametrize("bus", ["with its usual entries", "with more than a read returns"])
async def test_a_logout_while_memory_is_full_reaches_every_node_within_a_second(
    js: JsClients, own_store_server: StoreServer, bus: str
) -> None:
    with pair_on(own_store_server) as pair:
        browser = await pair.browser(js)
        sockets = [await browser.connect(Transport.WEBSOCKET, url=node.url) for node in pair]
        if bus == "with more than a read returns":
            own_store_server.command("EVAL", _FILL_BUS, 1, "mooring:bus")
        before = own_store_server.command("XLEN", "mooring:bus")
        own_store_server.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
        own_store_server.command("CONFIG", "SET", "maxmemory", 1)

        began = time.monotonic()
        assert (await browser.fetch("POST", "/logout")).status == 204
        ends = [await socket.wait_for("disconnect") for socket in sockets]

        assert {end.args[0] for end in ends} == {"io server disconnect"}
        assert max(end.at for end in ends) - began < 1.0
        assert own_store_server.command("XLEN", "mooring:bus") <= max(before, 500) + 1
        assert (await browser.fetch("GET", "/readyz")).status == 503
        own_store_server.command("CONFIG", "SET", "maxmemory", 0)
        assert (await browser.fetch("GET", "/readyz")).status == 200
