"""Browsers: each has one cookie jar for its fetches and its Socket.IO clients (JavaScript 4.8.4).

async with JsClients(driver) as js:
    browser = await js.browser(node.url)
    client = await browser.connect(Transport.UPGRADED)
    assert await client.emit("incr") == 1
    assert (await browser.fetch("POST", "/incr")).json() == 2
    await client.wait_for("current count", where=lambda event: event.args == (2,))
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Self
from urllib.parse import urljoin

from tests.support.driver import Driver, DriverError
from tests.support.eventually import PATIENCE
from tests.support.http import SetCookie, parse_set_cookie
from tests.support.issued import note_issued
from tests.support.js_client import JsClient
from tests.support.service import Service

__all__ = ["DriverError", "Fetched", "JsBrowser", "JsClient", "JsClients", "Transport"]


class Transport(Enum):
    """The three ways in which a client is connected."""

    WEBSOCKET = "websocket"
    POLLING = "polling"
    UPGRADED = "upgraded"
    """Polling first, then WebSocket: what a browser does by default."""

    @property
    def names(self) -> list[str]:
        """The client's `transports` option."""
        return ["polling", "websocket"] if self is Transport.UPGRADED else [self.value]


@dataclass(frozen=True)
class Fetched:
    """What a browser's fetch got."""

    status: int
    headers: list[tuple[str, str]]
    body: str

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """The first header of that name, in any case."""
        return next((value for key, value in self.headers if key == name.lower()), None)

    @property
    def set_cookies(self) -> list[SetCookie]:
        """Every Set-Cookie, in order."""
        return [parse_set_cookie(value) for key, value in self.headers if key == "set-cookie"]


class JsBrowser:
    """One browser profile. `url` is where relative addresses and sockets go by default."""

    def __init__(self, driver: Driver, number: int, url: str) -> None:
        self._driver = driver
        self._number = number
        self.url = url

    async def connect(
        self,
        transport: Transport = Transport.WEBSOCKET,
        *,
        url: str | None = None,
        headers: dict[str, str] | None = None,
        options: dict[str, Any] | None = None,
        jarless: bool = False,
        wait: bool = True,
        within: float = PATIENCE,
    ) -> JsClient:
        """Open a socket. With `wait`, return when it is connected, and upgraded where it upgrades.

        `options` are the JavaScript client's (`reconnection`, `auth`, `query` ...), and `resumes`: it says
        where it is in streams when it connects. Cookies go by
        the jar: `set_cookie` before, no `headers["cookie"]`. A `jarless` one is the client as it comes in
        Node: it keeps no cookie, or with the option `withCredentials` those of one connection.
        """
        assert "cookie" not in {name.lower() for name in headers or {}}, "use set_cookie"
        client = JsClient(self._driver)
        await self._driver.command(
            "connect",
            client=client.number,
            browser=self._number,
            url=url or self.url,
            transports=transport.names,
            headers=headers or {},
            options=options or {},
            jarless=jarless,
        )
        if wait:
            await client.wait_until_connected(within)
            if transport is Transport.UPGRADED:
                await client.wait_for("upgrade", within=within)
        return client

    async def connect_on_all(self) -> list[JsClient]:
        """Open a socket on each transport, all in this browser's session."""
        return [await self.connect(transport) for transport in Transport]

    async def fetch(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        body: str | None = None,
    ) -> Fetched:
        """Request a path, or a whole URL, with the jar's cookies; redirects are not followed."""
        got = await self._driver.command(
            "fetch",
            browser=self._number,
            method=method,
            url=urljoin(self.url, path),
            headers=headers or {},
            body=body,
        )
        headers_got = [(name, value) for name, value in got["headers"]]
        note_issued(value for name, value in headers_got if name == "set-cookie")
        return Fetched(got["status"], headers_got, got["body"])

    async def post_json(self, path: str, value: Any) -> Fetched:
        """Post a value as JSON."""
        headers = {"content-type": "application/json"}
        return await self.fetch("POST", path, headers=headers, body=json.dumps(value))

    async def cookies(self) -> dict[str, str]:
        """Name to value of the cookies in the jar."""
        jar: dict[str, str] = await self._driver.command("cookies", browser=self._number)
        return jar

    async def cookie_header(self) -> str:
        """What the jar sends, for use with another client."""
        return "; ".join(f"{name}={value}" for name, value in (await self.cookies()).items())

    async def set_cookie(self, header: str) -> None:
        """Put a cookie into the jar, written as in Set-Cookie; `name=value` is enough."""
        await self._driver.command("set-cookie", browser=self._number, header=header)

    async def clear_cookies(self) -> None:
        """Empty the jar; what is connected stays connected."""
        await self._driver.command("clear-cookies", browser=self._number)


class JsClients:
    """All browsers of a test; an async context manager that closes them, and fails if one stays open."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    @property
    def driver(self) -> Driver:
        """What runs them."""
        return self._driver

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        still_open = await self._driver.command("release")
        self._driver.ignore_all()
        assert still_open == 0, f"{still_open} requests or connections of this test stay open"

    async def browser(self, url: str, *, cookie: str | None = None) -> JsBrowser:
        """Return a new browser profile whose jar is empty or holds one `name=value`."""
        browser = JsBrowser(self._driver, self._driver.next_id(), url)
        await self._driver.command("browser", browser=browser._number)
        if cookie is not None:
            await browser.set_cookie(cookie)
        return browser

    async def name(self, name: str, addresses: Sequence[str]) -> None:
        """Give a name several addresses; each new connection goes to the next of them."""
        await self._driver.command("name", name=name, addresses=list(addresses))

    @asynccontextmanager
    async def on(self, node: Service) -> AsyncIterator[Service]:
        """Run a node, and close all clients before it stops: else it waits for them."""
        async with node:
            yield node
            await self._driver.command("close-all")

    async def connect(
        self, url: str, transport: Transport = Transport.WEBSOCKET, **how: Any
    ) -> JsClient:
        """Open a socket in a browser of its own; the arguments are those of JsBrowser.connect."""
        return await (await self.browser(url)).connect(transport, **how)
