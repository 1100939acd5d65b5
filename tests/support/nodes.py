"""Two nodes on one server, as behind a balancer."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.js_client import JsClient
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import server_settings

EMITTING_APP = "tests.support.emitting_app"


@dataclass(frozen=True)
class Pair:
    """Two nodes and their server."""

    server: StoreServer
    here: Service
    there: Service

    def __iter__(self) -> Iterator[Service]:
        """Both nodes."""
        return iter((self.here, self.there))

    def terminate(self) -> None:
        """Have both end at the same time; a second signal then ends them at once."""
        for node in self:
            if node.alive:
                node.terminate()

    async def browser(self, js: JsClients) -> JsBrowser:
        """A browser with a session; relative addresses go to the first node."""
        browser = await js.browser(self.here.url)
        await browser.fetch("GET", "/session")
        return browser

    async def connect_everywhere(self, browser: JsBrowser) -> list[JsClient]:
        """Open a socket on each transport to each node."""
        connecting = (
            browser.connect(transport, url=node.url) for node in self for transport in Transport
        )
        return list(await asyncio.gather(*connecting))


@contextmanager
def pair_on(server: StoreServer, *, module: str = "app", **settings: object) -> Iterator[Pair]:
    """Two running nodes on a server; one of them may be killed."""
    options = server_settings(server) | settings
    with ExitStack() as stack:
        here, there = (stack.enter_context(service(module=module, **options)) for _ in range(2))
        pair = Pair(server, here, there)
        yield pair
        pair.terminate()
