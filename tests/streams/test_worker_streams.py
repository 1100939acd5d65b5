"""A worker sends streams, as a node does."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from app import Emitter, EndReason, EventError, to_session, to_user
from tests.streams.answers import Stream
from tests.support.browsers import JsClients
from tests.support.nodes import Pair
from tests.support.processes import ROOT


async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


async def test_a_worker_streams_to_a_session_and_to_a_user(js: JsClients, pair: Pair) -> None:
    browser = await pair.browser(js)
    user = Stream(browser).id
    await browser.fetch("POST", f"/sign-in/{user}")
    clients = await pair.connect_everywhere(browser)
    key = (await browser.fetch("GET", "/key")).json()
    async with Emitter.connect(pair.server.url) as emitter:
        for to in (to_session(key), to_user(user)):
            stream = Stream(browser)
            assert await emitter.stream("tokens", numbers(1000), to=to, id=stream.id) is None
            for client in clients:
                assert (await stream.end(client))["done"]
                assert stream.items(client) == list(range(1000))


async def test_a_logout_ends_the_stream_of_a_worker(js: JsClients, pair: Pair) -> None:
    browser = await pair.browser(js)
    client = await browser.connect()
    key = (await browser.fetch("GET", "/key")).json()
    stream, closed = Stream(browser), asyncio.Event()

    async def endless() -> AsyncIterator[int]:
        try:
            yield 0
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with Emitter.connect(pair.server.url) as emitter:
        sending = asyncio.create_task(
            emitter.stream("tokens", endless(), to=to_session(key), id=stream.id)
        )
        await stream.got(client, 0)
        await browser.fetch("POST", f"{pair.there.url}/logout")
        assert await asyncio.wait_for(sending, 1.0) == EndReason.LOGOUT
    assert closed.is_set()


async def test_a_refusal_of_the_source_of_a_worker_reaches_readers(
    js: JsClients, pair: Pair
) -> None:
    browser = await pair.browser(js)
    client = await browser.connect()
    key = (await browser.fetch("GET", "/key")).json()

    async def refused(error: Exception) -> AsyncIterator[int]:
        yield 0
        raise error

    expected = [
        (
            EventError("too-long", "it is", limit=1),
            {"type": "too-long", "detail": "it is", "limit": 1},
        ),
        (
            OSError("secret"),
            {"type": "internal-error", "detail": "The error is in the server's log."},
        ),
    ]
    async with Emitter.connect(pair.server.url) as emitter:
        for error, told in expected:
            stream = Stream(browser)
            with pytest.raises(type(error)):
                await emitter.stream("tokens", refused(error), to=to_session(key), id=stream.id)
            assert (await stream.end(client))["error"] == told


WORKER = """
import asyncio, sys
from app import Emitter, to_session

async def endless():
    yield 0
    await asyncio.sleep(3600)

async def main(url, key, name):
    async with Emitter.connect(url) as emitter:
        await emitter.stream("tokens", endless(), to=to_session(key), id=name)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_readers_are_told_when_a_worker_was_killed(js: JsClients, pair: Pair) -> None:
    browser = await pair.browser(js)
    client = await browser.connect()
    key = (await browser.fetch("GET", "/key")).json()
    stream = Stream(browser)
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WORKER, pair.server.url, key, stream.id), cwd=ROOT
    )
    await stream.got(client, 0)
    worker.send_signal(signal.SIGKILL)
    await worker.wait()
    assert (await stream.end(client, within=10.0))["error"]["type"] == "producer-gone"
