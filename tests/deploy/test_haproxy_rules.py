"""deploy/haproxy.cfg: what gets through to a node, what does not, and what browsers receive."""

import asyncio
import os
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import httpx
import pytest

from tests.deploy.conftest import Front, nodes_behind_balancer
from tests.support.balancer import CONFIGURATION, Balancer, balancer, haproxy_binary
from tests.support.certificates import self_signed
from tests.support.echo import echo_server
from tests.support.http import http_client, problem
from tests.support.servers import StoreServer

SPOOFED = {
    "x-forwarded-for": "6.6.6.6",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "evil.test",
    "X-Forwarded-Port": "port-443",
    "x-real-ip": "6.6.6.6",
    "forwarded": "for=6.6.6.6;proto=https",
    "x-request-id": "mine",
}

VARIANTS: dict[str, dict[str, str]] = {
    "as it stands": {},
    "behind another balancer": {"LISTEN": ":3000 accept-proxy", "SCHEME": "https", "HSTS": "300"},
    "for a page on another site": {"STICKY": "secure attr SameSite=None attr Partitioned"},
}


@asynccontextmanager
async def _echoing(**environment: str) -> AsyncIterator[Balancer]:
    """The balancer in front of a server that echoes its requests."""
    async with echo_server() as port, balancer(["127.0.0.1"], port, **environment) as front:
        yield front


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_configuration_is_valid(variant: str) -> None:
    checked = subprocess.run(
        [haproxy_binary(), "-c", "-f", str(CONFIGURATION)],
        env={"PATH": os.environ["PATH"]} | VARIANTS[variant],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr


async def test_what_clients_say_of_themselves_does_not_get_through() -> None:
    async with _echoing() as front, http_client(front.url) as client:
        asked = (await client.get("/session", headers=SPOOFED)).text.lower()

    lines = asked.split("\r\n")
    assert [line for line in lines if line.startswith("x-forwarded-")] == [
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-proto: http",
    ]
    for lie in ("6.6.6.6", "evil.test", "port-443", "mine"):
        assert lie not in asked
    assert asked.count("x-request-id:") == 1


async def test_the_stickiness_cookie_is_between_browser_and_balancer_alone() -> None:
    async with _echoing() as front, http_client(front.url) as client:
        first = await client.get("/socket.io/", headers={"cookie": "a=1"})
        [header] = first.headers.get_list("set-cookie")
        second = await client.get("/socket.io/", headers={"cookie": f"{header.split(';')[0]}; a=1"})

    assert header.startswith("node=")
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    assert "private" in first.headers["cache-control"]
    assert "set-cookie" not in second.headers
    assert "node=" not in second.text
    assert "a=1" in second.text


async def test_a_page_on_another_site_can_be_given_a_cookie_that_it_sends() -> None:
    async with (
        _echoing(STICKY="secure attr SameSite=None") as front,
        http_client(front.url) as client,
    ):
        header = (await client.get("/socket.io/")).headers["set-cookie"]

    assert "Secure" in header
    assert "SameSite=None" in header


async def test_a_forged_address_gets_no_second_helping(valkey: StoreServer) -> None:
    async with nodes_behind_balancer(valkey, client_rate=3) as front:
        statuses = [await _new_session(front, f"6.6.6.{number}") for number in range(12)]

    assert 429 in statuses


async def _new_session(front: Front, forged: str) -> int:
    async with http_client(front.url) as client:
        answer = await client.get("/session", headers={"x-forwarded-for": forged})
    return answer.status_code


async def test_a_forged_scheme_makes_no_foreign_page_our_own(front: Front) -> None:
    async with http_client(front.url) as client:
        await client.get("/session")
        forged = {"x-forwarded-proto": "https", "origin": front.url.replace("http", "https")}
        assert problem(await client.post("/incr", headers=forged)) == (403, "foreign-origin")
        assert (await client.post("/incr", headers={"origin": front.url})).json() == 1


async def test_metrics_and_statistics_are_not_public(front: Front) -> None:
    async with http_client(front.url) as client:
        for path in ("/metrics", "/%6detrics", "/metrics/", "/metrics?x=1"):
            assert (await client.get(path)).status_code == 404
        for path in ("/;csv", "/haproxy?stats", "/stats"):
            assert "svname" not in (await client.get(path)).text


async def test_metrics_and_stickiness_follow_the_paths_that_nodes_are_told() -> None:
    paths = {"ROOT_PATH": "/api", "SOCKET_PATH": "/live"}
    async with _echoing(**paths) as front, http_client(front.url) as client:
        for path in ("/metrics", "/api/metrics", "/api/%6detrics", "/api/metrics/"):
            assert (await client.get(path)).status_code == 404
        assert (await client.get("/api/goods/metrics")).status_code == 200
        for path in ("/live/", "/api/live/"):
            sticky = (await client.get(path)).headers["set-cookie"].partition(";")[0]
            client.cookies.clear()
            answer = await client.get(path, headers={"cookie": sticky})
            assert "set-cookie" not in answer.headers, path
        assert "set-cookie" not in (await client.get("/socket.io/")).headers


async def test_headers_that_are_too_large_are_refused() -> None:
    async with _echoing() as front, http_client(front.url) as client:
        assert (await client.get("/", headers={"x-large": "x" * 14_000})).status_code == 200
        assert (await client.get("/", headers={"x-large": "x" * 16_000})).status_code == 400


async def test_a_client_that_is_slow_to_say_what_it_wants_is_cut_and_holds_up_nobody() -> None:
    async with _echoing() as front:
        began = monotonic()
        slow = asyncio.create_task(_drip(front.url))
        async with http_client(front.url) as client:
            while not slow.done():
                assert (await client.get("/")).status_code == 200
                await asyncio.sleep(0.2)

    assert b" 408 " in await slow
    assert monotonic() - began < 14


async def _drip(url: str) -> bytes:
    """Send a header's bytes one by one until the connection is closed; gives what came back."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.1\r\nX-Slow: ")
    received = asyncio.create_task(reader.read())
    while not received.done():
        writer.write(b"x")
        await asyncio.wait([received], timeout=0.3)
    writer.close()
    return await received


async def test_a_body_that_is_too_large_is_refused_by_a_node_in_its_words_or_here(
    front: Front,
) -> None:
    foreign = {"origin": "http://localhost:4200"}
    async with http_client(front.url) as client:
        large = await client.post("/incr", content=b"x" * 1_000_001, headers=foreign)
    assert problem(large) == (413, "body-too-large")
    assert large.headers["access-control-allow-origin"] == foreign["origin"]

    head = b"POST /incr HTTP/1.1\r\nHost: x\r\nContent-Length: 16000001\r\n\r\n"
    assert b" 413 " in await _answer_to(front.url, head)


async def _answer_to(url: str, sent: bytes) -> bytes:
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    line = await asyncio.wait_for(reader.readline(), timeout=10)
    writer.close()
    return line


async def test_transport_security_is_announced_by_option_on_errors_too() -> None:
    async with _echoing(HSTS="300") as front, http_client(front.url) as client:
        for path in ("/", "/metrics"):
            answer = await client.get(path)
            assert answer.headers["strict-transport-security"] == "max-age=300"
    async with _echoing() as front, http_client(front.url) as client:
        assert "strict-transport-security" not in (await client.get("/")).headers


async def test_tls_can_end_here_and_a_node_learns_of_it(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    async with _echoing(bind=f"ssl crt {certificate.both}") as front:
        trusted = ssl.create_default_context(cafile=str(certificate.file))
        async with httpx.AsyncClient(verify=trusted, trust_env=False) as client:
            asked = (await client.get(f"https://{front.address}/")).text

    assert "x-forwarded-proto: https" in asked.lower()
