"""socket.io-client in Node, without the cookie jar of the other tests."""

from typing import Any

from tests.clients.base import pair_of
from tests.support.browsers import JsClient, JsClients, Transport


class NodeClient:
    """The client as it comes, or with options."""

    def __init__(self, js: JsClients, **options: Any) -> None:
        self._js = js
        self._options = options
        self._client: JsClient | None = None

    @property
    def client(self) -> JsClient:
        """What the driver reports of it."""
        assert self._client is not None
        return self._client

    @property
    def connects(self) -> int:
        """How often it has connected."""
        return len(self.client.named("connect"))

    @property
    def counts(self) -> list[int]:
        """The values of `current count`."""
        return self.client.values("current count")

    @property
    def ended(self) -> list[str]:
        """The reasons of `session ended`."""
        return [value["reason"] for value in self.client.values("session ended")]

    @property
    def disconnects(self) -> list[str]:
        """The reasons of `disconnect`."""
        return self.client.values("disconnect")

    @property
    def cookies(self) -> list[str]:
        """The cookies that its handshakes were given."""
        handshakes = self.client.values("handshake")
        return [pair_of(each) for handshake in handshakes for each in handshake["set_cookie"]]

    async def open(self, url: str, transport: Transport) -> None:
        """Connect."""
        browser = await self._js.browser(url)
        self._client = await browser.connect(transport, jarless=True, options=self._options)

    async def incr(self) -> Any:
        """Emit `incr`, and return the ack."""
        return await self.client.emit("incr")

    async def close(self) -> None:
        """Disconnect for good."""
        await self.client.close()
