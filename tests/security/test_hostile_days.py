"""What one hostile or broken client does, each time that it was found to harm somebody."""

import asyncio
from urllib.parse import urlsplit

import pytest

from tests.support.http import http_client
from tests.support.raw import raw_polling
from tests.support.service import Service

AT_ONCE = 10.0
"""Far less than the time between two heartbeats, after which any poll is answered."""


@pytest.mark.parametrize("path", ["/session", "/healthz"])
async def test_a_half_closed_connection_is_answered(node: Service, path: str) -> None:
    url = urlsplit(node.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode())
    writer.write_eof()
    assert (await asyncio.wait_for(reader.read(), AT_ONCE)).startswith(b"HTTP/1.1 200 ")
    writer.close()


@pytest.mark.parametrize("path", ["/session/", "/docs/", "/healthz/", "/incr/", "/logout/"])
async def test_no_redirect_leads_to_the_host_that_a_client_names(node: Service, path: str) -> None:
    async with http_client(node.url) as client:
        for method in ("GET", "POST"):
            answer = await client.request(method, path, headers={"host": "evil.example"})
            assert "evil.example" not in str(answer.headers) + answer.text


async def test_five_polls_at_once_are_all_answered_and_none_hangs_after_a_logout(
    node: Service,
) -> None:
    async with raw_polling(node.url, leave=False) as socket:
        await socket.join()
        polls = [asyncio.create_task(socket.client.get(socket.address)) for _ in range(5)]
        assert (await socket.client.post("/logout")).status_code == 204
        answers = await asyncio.wait_for(asyncio.gather(*polls), AT_ONCE)
        assert {each.status_code for each in answers} <= {200, 400}
        assert (await socket.client.get(socket.address)).status_code == 400
