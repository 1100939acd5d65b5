"""Clients whose requests go to several nodes in turn, as behind a balancer that knows no stickiness."""

import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import httpx

from tests.support.http import http_client
from tests.support.raw import RawPolling

Choose = Callable[[httpx.Request], str]
"""Returns the URL of the node that a request goes to."""


class ChoosingTransport(httpx.AsyncBaseTransport):
    """Sends each request to the node that is chosen for it; the names in it stay as they are."""

    def __init__(self, choose: Choose) -> None:
        self._choose = choose
        self._inner = httpx.AsyncHTTPTransport(
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        node = httpx.URL(self._choose(request))
        request.url = request.url.copy_with(host=node.host, port=node.port)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def in_turn(urls: Sequence[str]) -> Choose:
    """Return what chooses each node in turn."""
    turns = itertools.cycle(urls)
    return lambda _: next(turns)


@asynccontextmanager
async def polling_over(
    choose: Choose,
    url: str,
    *,
    cookie: str | None = None,
    jarless: bool = False,
    leave: bool = True,
) -> AsyncIterator[RawPolling]:
    """An Engine.IO polling connection whose requests go where they are sent; opened.

    Args:
        choose: which node gets a request.
        url: what the requests say, for the jar.
        cookie: sent as it stands, past the jar.
        jarless: it keeps no cookies.
        leave: it says good-bye in the end.
    """
    options = {"transport": ChoosingTransport(choose), "timeout": 60.0}
    async with http_client(url, cookie=cookie, jarless=jarless, **options) as client:
        polling = RawPolling(client)
        await polling.open()
        yield polling
        if leave and polling.opened:
            await polling.post("1")
