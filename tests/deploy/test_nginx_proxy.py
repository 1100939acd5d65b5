"""P11: a node behind nginx, as its users write it: what is recognised as its own origin, and by what."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.support.browsers import JsClients, Transport
from tests.support.certificates import self_signed
from tests.support.http import http_client
from tests.support.nginx_proxy import nginx_proxy
from tests.support.raw import raw_websocket
from tests.support.service import Service

HANDSHAKE = "/socket.io/?EIO=4&transport=polling"
SAME = {"sec-fetch-site": "same-origin"}

UPGRADE = """
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
"""
UPGRADE_IF_ASKED = UPGRADE.replace('"upgrade"', "$connection_upgrade")


@dataclass(frozen=True)
class Variant:
    """Lines of a location, and what a node can make of them."""

    lines: str
    own: bool = True
    """Whether they say which origin browsers have, so that the browser need not."""
    websocket: bool = True
    """Whether a WebSocket gets through."""


VARIANTS = {
    "nothing": Variant("", own=False, websocket=False),
    "without Host": Variant(UPGRADE, own=False),
    "$host, which has no port": Variant(f"proxy_set_header Host $host; {UPGRADE}", own=False),
    "$http_host": Variant(f"proxy_set_header Host $http_host; {UPGRADE_IF_ASKED}"),
    "$host:$server_port": Variant(f"proxy_set_header Host $host:$server_port; {UPGRADE}"),
    "X-Forwarded-Host alone": Variant(f"proxy_set_header X-Forwarded-Host $http_host; {UPGRADE}"),
    "$host and all of X-Forwarded": Variant(
        f"""
        proxy_set_header Host $host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $host;
        proxy_set_header X-Forwarded-Port $server_port;
        {UPGRADE_IF_ASKED}
        """
    ),
    "$http_host and $host in X-Forwarded-Host": Variant(
        f"""
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-Host $host;
        proxy_set_header X-Forwarded-Proto $scheme;
        {UPGRADE}
        """
    ),
    "Forwarded": Variant(
        f"""
        proxy_set_header Forwarded "for=$remote_addr;host=\\"$http_host\\";proto=$scheme";
        {UPGRADE}
        """
    ),
    "without the Upgrade lines": Variant("proxy_set_header Host $http_host;", websocket=False),
    "one of the Upgrade lines": Variant(
        "proxy_set_header Host $http_host; proxy_set_header Upgrade $http_upgrade;",
        websocket=False,
    ),
}


@pytest.fixture
def store_name() -> str:
    """One store: proxies have nothing to do with it."""
    return "memory"


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Variant:
    """Each variant in turn."""
    return VARIANTS[request.param]


async def test_the_own_origin_may_use_the_service_and_a_foreign_one_may_not(
    node: Service, variant: Variant
) -> None:
    with nginx_proxy(node.port, variant.lines) as url:
        assert await _statuses(url, {"origin": url}) == {200 if variant.own else 403}
        assert await _statuses(url, {"origin": url, **SAME}) == {200}
        for foreign in ("https://evil.example", url.replace("http", "https"), f"{url}1"):
            assert await _statuses(url, {"origin": foreign}) == {403}

        if variant.websocket:
            assert await _websocket(url, url) == (101 if variant.own else 403)
            assert await _websocket(url, "https://evil.example") == 403


async def test_the_javascript_client_connects(
    js: JsClients, node: Service, variant: Variant
) -> None:
    with nginx_proxy(node.port, variant.lines) as url:
        browser = await js.browser(url)
        headers = {"origin": url, **({} if variant.own else SAME)}
        socket = await browser.connect(
            Transport.UPGRADED if variant.websocket else Transport.POLLING, headers=headers
        )
        assert await socket.emit("incr") == 1
        assert (await browser.fetch("POST", "/incr", headers=headers)).json() == 2
        await socket.wait_for("current count", where=lambda event: event.args == (2,))


@pytest.mark.parametrize(
    ("lines", "own"),
    [
        ("proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;", True),
        ("proxy_set_header Host $host:443; proxy_set_header X-Forwarded-Proto $scheme;", False),
        ("proxy_set_header Host $http_host;", False),
    ],
    ids=["X-Forwarded-Proto", "another port", "nothing of TLS"],
)
async def test_with_tls_it_has_to_say_so(
    node: Service, tmp_path: Path, lines: str, own: bool
) -> None:
    with nginx_proxy(node.port, lines, self_signed(tmp_path)) as url:
        assert await _statuses(url, {"origin": url}) == {200 if own else 403}
        assert await _statuses(url, {"origin": url, **SAME}) == {200}
        assert await _statuses(url, {"origin": "https://evil.example"}) == {403}


async def _statuses(url: str, headers: dict[str, str]) -> set[int]:
    """The statuses of a route and of a polling handshake, with a cookie."""
    async with http_client(url) as client:
        await client.get("/session")
        return {
            (await client.post("/incr", headers=headers)).status_code,
            (await client.get(HANDSHAKE, headers=headers)).status_code,
        }


async def _websocket(url: str, origin: str) -> int:
    try:
        async with raw_websocket(url, origin=origin):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code
