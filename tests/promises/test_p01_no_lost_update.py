"""P1: no lost update."""

import asyncio
from functools import partial

import httpx

from tests.support.browsers import JsBrowser, Transport
from tests.support.eventually import eventually
from tests.support.js_client import JsClient


async def test_two_hundred_parallel_posts_count_to_two_hundred(http: httpx.AsyncClient) -> None:
    await http.get("/session")

    answers = await asyncio.gather(*(http.post("/incr") for _ in range(200)))

    assert sorted(answer.json() for answer in answers) == list(range(1, 201))
    assert (await http.get("/session")).json()["count"] == 200


async def test_a_hundred_posts_and_a_hundred_events_of_two_sockets_lose_none(
    browser: JsBrowser, transport: Transport
) -> None:
    await browser.fetch("GET", "/session")
    sockets = [await browser.connect(transport) for _ in range(2)]
    bursts = [socket.burst(*[("incr",)] * 50) for socket in sockets]
    posts = [browser.fetch("POST", "/incr") for _ in range(100)]

    acks, fetched = await asyncio.gather(asyncio.gather(*bursts), asyncio.gather(*posts))

    counts = [ack for burst in acks for _index, ack in burst]
    counts += [response.json() for response in fetched]
    assert sorted(counts) == list(range(1, 201))


async def test_what_sockets_heard_last_is_the_stored_count_after_a_burst(
    browser: JsBrowser, transport: Transport
) -> None:
    await browser.fetch("GET", "/session")
    sockets = [await browser.connect(transport) for _ in range(3)]

    bursts = [socket.burst(*[("incr",)] * 30) for socket in sockets]
    await asyncio.gather(*bursts, *(browser.fetch("POST", "/incr") for _ in range(30)))

    assert (await browser.fetch("GET", "/session")).json()["count"] == 120
    for socket in sockets:
        await eventually(partial(_heard_last, socket, 120))
        heard = socket.values("current count")
        assert heard == sorted(heard), "an older count was heard after a newer one"


def _heard_last(socket: JsClient, count: int) -> bool:
    return socket.values("current count")[-1:] == [count]
