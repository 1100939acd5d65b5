"""Links to a server in a thread of their own: clients that are busy hold up no node."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.proxy import Proxy


class Link:
    """A node's way to a server, which can be cut, slowed down, or made to pass nothing on.

    Args:
        proxy: what it goes through.
        loop: where that runs.
    """

    def __init__(self, proxy: Proxy, loop: asyncio.AbstractEventLoop) -> None:
        self._proxy = proxy
        self._loop = loop

    @property
    def url(self) -> str:
        """Return where Redis clients find it."""
        return self._proxy.url

    def cut(self) -> None:
        """Cut all connections, and let no new one through until `mend`."""
        self._loop.call_soon_threadsafe(self._proxy.cut)

    def hold(self) -> None:
        """Pass nothing on until `mend`."""
        self._loop.call_soon_threadsafe(self._proxy.hold)

    def slow_down(self, latency: float) -> None:
        """Have whatever is sent, either way, take so many seconds until `mend`."""
        self._loop.call_soon_threadsafe(self._proxy.slow_down, latency)

    def mend(self) -> None:
        """Let connections through again, with what was held back, and at once."""
        self._loop.call_soon_threadsafe(self._proxy.mend)


@contextmanager
def links_to(port: int, number: int) -> Iterator[list[Link]]:
    """So many links to a port of this machine."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="links", daemon=True)
    thread.start()

    def run(proxies: list[Proxy], verb: str) -> None:
        for each in proxies:
            asyncio.run_coroutine_threadsafe(getattr(each, verb)(), loop).result()

    proxies = [Proxy(port) for _ in range(number)]
    run(proxies, "start")
    try:
        yield [Link(each, loop) for each in proxies]
    finally:
        run(proxies, "aclose")
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
