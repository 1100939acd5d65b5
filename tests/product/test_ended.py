"""The hook for the end of a session is called once over all nodes on a Redis server."""

from collections import Counter
from collections.abc import Callable

from tests.support.browsers import JsClients
from tests.support.eventually import eventually, stays
from tests.support.nodes import Pair
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import server_settings

APP = "tests.product.ended:app"


def _node(server: StoreServer) -> Service:
    return service(app=APP, session_idle_timeout=1, **server_settings(server))


def _ends(*nodes: Service) -> Counter[str]:
    """How often each end is in the logs."""
    lines = [line for node in nodes for line in node.log().splitlines()]
    return Counter(line.partition("ended: ")[2].split()[0] for line in lines if "ended: " in line)


async def test_a_session_that_expires_with_sockets_on_two_nodes_ends_once(
    js: JsClients, own_store_server: StoreServer
) -> None:
    async with js.on(_node(own_store_server)) as here, js.on(_node(own_store_server)) as there:
        pair = Pair(own_store_server, here, there)
        await _expire_after(js, pair)
        await _expire_after(js, pair, there.kill)
        here.kill()


async def _expire_after(
    js: JsClients, pair: Pair, happens: Callable[[], None] = lambda: None
) -> None:
    before = len(_ends(*pair))
    for _ in range(3):
        browser = await pair.browser(js)
        for node in pair:
            await browser.connect(url=node.url, options={"reconnection": False})
    happens()
    await eventually(lambda: len(_ends(*pair)) == before + 3, within=20.0)
    await stays(lambda: set(_ends(*pair).values()) == {1}, during=0.3)
