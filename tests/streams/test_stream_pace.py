"""How far a source is read ahead of those who read the stream, and for whom it waits."""

import asyncio
import json
import time
from functools import partial

from tests.streams.answers import Stream, counting
from tests.support.browsers import JsClients
from tests.support.eventually import eventually
from tests.support.nodes import Pair
from tests.support.service import Service

ITEM = 1000
LARGE = 4000
"""Of which a part of a stream holds four."""
AHEAD = 262_144 + 3 * 16_384
"""The window, and what is in the hands of source, writer and log."""
UNSENT = 65_536 + 2 * 16_384
KEPT = (4 << 20) + 16_384
BUFFERS = 12_000_000
"""What the kernel may hold of one connection on this machine (tcp_wmem and tcp_rmem)."""


async def pulled(stream: Stream) -> int:
    """Return how many items the source has given."""
    return int((await stream.source())["pulled"])


async def stands_still(stream: Stream) -> int:
    """Return how many items the source has given, once it has given no more for a while."""

    async def still() -> int:
        before = await pulled(stream)
        await asyncio.sleep(0.3)
        return before if before and await pulled(stream) == before else 0

    return await eventually(still, within=8.0)


async def test_a_source_that_nobody_reads_waits_for_a_reader_and_then_goes_on(
    js: JsClients, pair: Pair
) -> None:
    browser = await pair.browser(js)
    stream = Stream(browser)
    began = time.monotonic()
    async with counting(stream, 2000, size=ITEM):
        given = await stands_still(stream)
        assert 0 < given * ITEM < AHEAD
        client = await browser.connect(url=pair.there.url)
        await stream.end(client)
        assert time.monotonic() - began < 9.0
    assert [each["number"] for each in stream.items(client)] == list(range(2000))


async def test_without_any_reader_a_source_is_read_to_its_end_after_a_while(
    js: JsClients, pair: Pair
) -> None:
    browser = await pair.browser(js)
    stream = Stream(browser)
    began = time.monotonic()
    assert await stream.count_out(2500, size=LARGE) is None
    assert 9.0 < time.monotonic() - began < 40.0  # a busy machine reads ten megabytes slowly
    client = await browser.connect()
    assert (await stream.end(client))["done"]
    missed, *rest = stream.parts(client)
    first = rest[0]["offset"]
    assert missed == {"stream": stream.id, "offset": 0, "missed": first}
    assert (2500 - first) * LARGE < KEPT
    items = [item["number"] for each in rest for item in each.get("items", [])]
    assert items == list(range(first, 2500))


async def test_a_reader_that_reads_nothing_holds_the_source_up_for_ten_seconds(
    js: JsClients, pair: Pair
) -> None:
    browser = await pair.browser(js)
    quick = await browser.connect()
    stuck = await browser.connect(url=pair.there.url)
    await stuck.pause()
    stream = Stream(browser)
    async with counting(stream, 5000, size=LARGE):
        given = await stands_still(stream)
        assert given * LARGE < AHEAD + BUFFERS
        began = time.monotonic()
        last = await stream.end(quick, within=40.0)
        assert last["done"]
        assert time.monotonic() - began > 5.0
    await stuck.resume()
    assert [each["number"] for each in stream.items(quick)] == list(range(5000))
    assert (await stream.end(stuck))["done"]
    [missed] = [each for each in stream.parts(stuck) if "missed" in each]
    parts = [each for each in stream.parts(stuck) if "items" in each]
    numbers = [item["number"] for each in parts for item in each["items"]]
    assert numbers == [
        *range(missed["offset"]),
        *range(missed["offset"] + missed["missed"], 5000),
    ]


async def test_a_client_that_does_not_poll_holds_the_source_up_for_ten_seconds(
    js: JsClients, streaming: Service
) -> None:
    browser = await js.browser(streaming.url)
    path = "/socket.io/?EIO=4&transport=polling"
    opened = (await browser.fetch("GET", path)).body
    path += f"&sid={json.loads(opened[1:])['sid']}"
    await browser.fetch("POST", path, body="40")
    assert (await browser.fetch("GET", path)).body.startswith("40")
    stream = Stream(browser)
    async with counting(stream, 2500, size=LARGE):
        given = await stands_still(stream)
        assert given * LARGE < AHEAD + UNSENT
        assert await eventually(partial(has_ended, stream), within=40.0)
    first = (await browser.fetch("GET", path)).body
    await browser.fetch("POST", path, body="1")
    assert len(first) < UNSENT * 1.2
    assert '"items":[{"number":0,' in first


async def has_ended(stream: Stream) -> bool:
    """Return whether the source was read to its end."""
    return bool((await stream.source())["outcome"])


async def test_a_slow_reader_is_waited_for_and_loses_nothing(js: JsClients, pair: Pair) -> None:
    browser = await pair.browser(js)
    slow = await browser.connect(url=pair.there.url)
    stream = Stream(browser)
    async with counting(stream, 5000, size=LARGE):
        for _ in range(4):
            await slow.pause()
            await stands_still(stream)
            await slow.resume()
            await asyncio.sleep(0.02)
        await stream.end(slow, within=40.0)
    assert [each["number"] for each in stream.items(slow)] == list(range(5000))
