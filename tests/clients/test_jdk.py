"""A client that writes its cookies as the JDK's HttpClient does, by RFC 2965; see this folder's docstring."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol

import pytest
from websockets.exceptions import ConnectionClosed

from tests.clients.conftest import IDLE
from tests.support.browsers import Transport
from tests.support.eventually import PATIENCE
from tests.support.http import http_client, the_set_cookie
from tests.support.raw import RawPolling, raw_polling, raw_websocket
from tests.support.service import Service


class Connection(Protocol):
    """A raw connection, on whichever transport."""

    async def join(self) -> str:
        """Connect to the namespace."""

    async def emit(self, event: str, *args: object, ack: int | None = None) -> object:
        """Send an event."""

    async def receive_until(self, prefix: str, within: float = PATIENCE) -> str:
        """Return the next packet that starts so."""


@asynccontextmanager
async def _connection(
    url: str, cookie: str, transport: Transport
) -> AsyncIterator[tuple[Connection, list[str]]]:
    """Open a connection with a cookie; with it, which cookies its handshake was given."""
    async with AsyncExitStack() as stack:
        if transport is Transport.WEBSOCKET:
            socket = await stack.enter_async_context(raw_websocket(url, cookie=cookie))
            yield socket, socket.headers("set-cookie")
            return
        polling = await stack.enter_async_context(
            raw_polling(url, cookie=cookie, jarless=True, leave=False)
        )
        assert polling.handshake is not None
        given = polling.handshake.headers.get_list("set-cookie")
        if transport is Transport.POLLING:
            yield polling, given
            return
        query = f"&sid={polling.opened['sid']}"
        upgraded = await stack.enter_async_context(raw_websocket(url, cookie=cookie, query=query))
        await upgraded.send("2probe")
        assert await upgraded.receive() == "3probe"
        await upgraded.send("5")
        yield upgraded, given


def _as_jdk_writes(value: str) -> str:
    return f'$Version="1"; session="{value}"; $Path="/"'


async def _new_session(url: str) -> str:
    async with http_client(url) as client:
        return _as_jdk_writes(the_set_cookie(await client.get("/session")).value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_it_connects_counts_and_is_logged_out(
    lasting: Service, host: str, transport: Transport
) -> None:
    url = f"http://{host}:{lasting.port}"
    cookie = await _new_session(url)
    async with _connection(url, cookie, transport) as (connection, given):
        assert given == []
        assert (await connection.join()).startswith("40")
        await connection.emit("incr", ack=1)
        assert await connection.receive_until("431") == "431[1]"

        async with http_client(url, cookie=cookie, jarless=True) as elsewhere:
            assert (await elsewhere.post("/incr")).json() == 2
            assert await connection.receive_until("42") == '42["current count",2]'
            assert (await elsewhere.post("/logout")).status_code == 204

        assert "logout" in await connection.receive_until("42")
        assert await connection.receive_until("41") == "41"
        await _is_closed(connection)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_it_expires_and_gets_a_new_session_when_it_returns(
    forgetful: Service, host: str, transport: Transport
) -> None:
    url = f"http://{host}:{forgetful.port}"
    cookie = await _new_session(url)
    async with _connection(url, cookie, transport) as (connection, given):
        assert given == []
        await connection.join()
        assert "expired" in await connection.receive_until("42", within=IDLE + 2.0)
        await _is_closed(connection)

    async with _connection(url, cookie, transport) as (connection, given):
        assert len(given) == 1
        assert (await connection.join()).startswith("40")
        await connection.emit("incr", ack=1)
        assert await connection.receive_until("431") == "431[1]"


async def _is_closed(connection: Connection) -> None:
    """Read on to the end: a WebSocket is closed, a poll gets a CLOSE packet."""
    try:
        await connection.receive_until("1")
    except ConnectionClosed:
        return
    assert isinstance(connection, RawPolling), "a WebSocket that was sent a CLOSE packet"
