"""P11: a node behind deploy/haproxy.cfg: browsers of the service's own origin may use it, others may not."""

import pytest

from tests.support.balancer import balancer
from tests.support.http import http_client
from tests.support.service import Service

HANDSHAKE = "/socket.io/?EIO=4&transport=polling"

DEPLOYMENTS: dict[str, tuple[dict[str, str], str, str]] = {
    "by itself": ({}, "shop.example:8080", "http://shop.example:8080"),
    "by itself, at the default port": ({}, "shop.example", "http://shop.example"),
    "TLS before it": ({"SCHEME": "https"}, "shop.example", "https://shop.example"),
    "TLS before it, and the port is written out": (
        {"SCHEME": "https"},
        "shop.example:443",
        "https://shop.example",
    ),
}


@pytest.fixture
def store_name() -> str:
    """One store: balancers have nothing to do with it."""
    return "memory"


@pytest.mark.parametrize(("environment", "host", "own"), DEPLOYMENTS.values(), ids=DEPLOYMENTS)
async def test_the_own_origin_is_recognised_and_what_clients_say_of_it_is_not(
    node: Service, environment: dict[str, str], host: str, own: str
) -> None:
    forged = {"x-forwarded-host": "evil.example", "forwarded": "host=evil.example;proto=http"}
    async with (
        balancer(["127.0.0.1"], node.port, **environment) as front,
        http_client(front.url) as client,
    ):
        await client.get("/session", headers={"host": host})
        for more in ({}, forged):
            headers = {"host": host, **more}
            for origin, status in ((own, 200), ("http://evil.example", 403), (f"{own}1", 403)):
                sent = headers | {"origin": origin}
                assert (await client.post("/incr", headers=sent)).status_code == status
                assert (await client.get(HANDSHAKE, headers=sent)).status_code == status
