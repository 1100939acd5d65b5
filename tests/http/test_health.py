"""Is it alive, is it ready: what a balancer asks."""

import httpx

from tests.support.eventually import eventually
from tests.support.http import http_client, problem, set_cookies
from tests.support.servers import StoreServer
from tests.support.service import service
from tests.support.stores import server_settings


async def test_a_healthy_node_is_alive_and_ready_and_opens_no_session(
    http: httpx.AsyncClient,
) -> None:
    for path, status in (("/healthz", "alive"), ("/readyz", "ready")):
        answer = await http.get(path)
        assert answer.status_code == 200
        assert answer.json() == {"status": status}
        assert not set_cookies(answer)


async def test_without_its_store_a_node_is_alive_and_not_ready_until_the_store_is_back(
    own_store_server: StoreServer,
) -> None:
    async with (
        service(**server_settings(own_store_server)) as node,
        http_client(node.url) as client,
    ):
        own_store_server.stop()

        assert (await client.get("/healthz")).status_code == 200
        answer = await client.get("/readyz")
        assert problem(answer) == (503, "store-unavailable")
        assert int(answer.headers["retry-after"]) >= 1

        own_store_server.start()

        async def ready() -> bool:
            return (await client.get("/readyz")).status_code == httpx.codes.OK

        await eventually(ready)
