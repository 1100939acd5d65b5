"""Streams with real clients: each item once, in order, to all sockets, from where each was."""

import asyncio

import pytest

from tests.streams.answers import Stream, counting
from tests.support.browsers import JsClients, Transport
from tests.support.nodes import Pair
from tests.support.service import Service

TRANSPORTS = [Transport.WEBSOCKET, Transport.POLLING]


@pytest.mark.every_transport
@pytest.mark.parametrize("transport", Transport)
async def test_a_stream_is_sent_in_order_and_ended(
    js: JsClients, streaming: Service, transport: Transport
) -> None:
    browser = await js.browser(streaming.url)
    client = await browser.connect(transport)
    stream = Stream(browser)
    assert await stream.count_out(500) is None
    assert await stream.end(client) == {"stream": stream.id, "offset": 500, "done": True}
    assert stream.items(client) == list(range(500))
    assert (await stream.source())["closed"]


async def test_all_sockets_of_a_session_on_both_nodes_get_each_item_once(
    js: JsClients, pair: Pair
) -> None:
    browser = await pair.browser(js)
    clients = await pair.connect_everywhere(browser)
    stranger = await js.connect(pair.there.url)
    stream = Stream(browser)
    await stream.count_out(1000)
    for client in clients:
        assert (await stream.end(client))["done"]
        assert stream.items(client) == list(range(1000))
    assert stranger.values("tokens") == []


async def test_items_arrive_while_the_source_goes_on(js: JsClients, pair: Pair) -> None:
    browser = await pair.browser(js)
    client = await browser.connect(url=pair.there.url)
    stream = Stream(browser)
    await stream.begin()
    for word in ("to", "be", {"or": "not"}):
        await stream.feed(word)
        await stream.got(client, word, within=1.0)
    await stream.feed("end")
    assert (await stream.end(client))["done"]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_reloaded_page_gets_all_of_it_from_the_beginning(
    js: JsClients, pair: Pair, transport: Transport
) -> None:
    browser = await pair.browser(js)
    page = await browser.connect(transport)
    stream = Stream(browser)
    await stream.begin()
    await stream.feed(0, 1, 2)
    await stream.got(page, 2)
    await page.close()
    await stream.feed(3, 4)
    page = await browser.connect(transport, url=pair.there.url)
    await stream.got(page, 4)
    await stream.feed(5, "end")
    await stream.end(page)
    assert stream.items(page) == [0, 1, 2, 3, 4, 5]


async def test_a_second_tab_gets_all_of_it_and_the_first_one_nothing_twice(
    js: JsClients, pair: Pair
) -> None:
    browser = await pair.browser(js)
    first = await browser.connect()
    stream = Stream(browser)
    await stream.begin()
    await stream.feed(0, 1, 2)
    await stream.got(first, 2)
    second = await browser.connect(Transport.POLLING, url=pair.there.url)
    await stream.got(second, 2)
    await stream.feed(3, "end")
    for tab in (first, second):
        await stream.end(tab)
        assert stream.items(tab) == [0, 1, 2, 3]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_client_whose_link_was_cut_goes_on_from_where_it_was(
    js: JsClients, pair: Pair, transport: Transport
) -> None:
    browser = await pair.browser(js)
    client = await browser.connect(transport, url=pair.there.url, options={"resumes": True})
    stream = Stream(browser)
    async with counting(stream, 300, pause=0.005):
        for _ in range(3):
            mark = client.mark
            await client.wait_for("tokens", after=mark)
            await client.cut()
            await client.wait_for("connect", after=mark)
    await stream.end(client)
    assert stream.items(client) == list(range(300))
    assert len(client.named("connect")) == 4


async def test_a_client_that_does_not_say_where_it_was_gets_it_from_the_beginning(
    js: JsClients, pair: Pair
) -> None:
    browser = await pair.browser(js)
    client = await browser.connect()
    stream = Stream(browser)
    await stream.begin()
    await stream.feed(0, 1)
    await stream.got(client, 1)
    mark = client.mark
    await client.cut()
    await client.wait_for("connect", after=mark)
    await stream.feed(2, "end")
    await stream.end(client, after=mark)
    assert stream.items(client, after=mark) == [0, 1, 2]


async def test_an_answer_is_there_for_a_while_after_its_end(js: JsClients, pair: Pair) -> None:
    browser = await pair.browser(js)
    stream = Stream(browser)
    await stream.count_out(10)
    client = await browser.connect(url=pair.there.url, options={"resumes": True})
    assert (await stream.end(client))["done"]
    assert stream.items(client) == list(range(10))
    mark = client.mark
    await client.cut()
    assert (await stream.end(client, after=mark))["offset"] == 10
    assert stream.items(client, after=mark) == []


async def test_two_streams_at_once_do_not_mix(js: JsClients, pair: Pair) -> None:
    browser = await pair.browser(js)
    client = await browser.connect(url=pair.there.url)
    one, two = Stream(browser), Stream(browser, pair.there.url)
    await asyncio.gather(one.count_out(400), two.count_out(300))
    for stream, count in ((one, 400), (two, 300)):
        assert (await stream.end(client))["done"]
        assert stream.items(client) == list(range(count))


async def test_a_stream_to_a_user_reaches_all_sessions_of_that_user(
    js: JsClients, pair: Pair
) -> None:
    user = Stream(await js.browser(pair.here.url)).id
    browsers = [await js.browser(node.url) for node in pair]
    for browser in browsers:
        await browser.fetch("POST", f"/sign-in/{user}")
    clients = [await browser.connect(transport) for browser in browsers for transport in TRANSPORTS]
    stream = Stream(await js.browser(pair.here.url))
    assert await stream.count_out(100, user=user) is None
    for client in clients:
        assert (await stream.end(client))["done"]
        assert stream.items(client) == list(range(100))


async def test_an_empty_stream_has_an_end(js: JsClients, streaming: Service) -> None:
    browser = await js.browser(streaming.url)
    client = await browser.connect()
    stream = Stream(browser)
    await stream.count_out(0)
    assert await stream.end(client) == {"stream": stream.id, "offset": 0, "done": True}


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_ten_megabytes_arrive_complete(
    js: JsClients, pair: Pair, transport: Transport
) -> None:
    browser = await pair.browser(js)
    client = await browser.connect(transport, url=pair.there.url)
    stream = Stream(browser)
    assert await asyncio.wait_for(stream.count_out(10_000, size=1000), 60) is None
    assert (await stream.end(client, within=30))["offset"] == 10_000
    assert [each["number"] for each in stream.items(client)] == list(range(10_000))


async def test_a_session_that_the_request_has_opened_is_streamed_to(
    js: JsClients, streaming: Service
) -> None:
    browser = await js.browser(streaming.url)
    stream = Stream(browser)
    assert await stream.count_out(3) is None
    client = await browser.connect()
    await stream.end(client)
    assert stream.items(client) == [0, 1, 2]
