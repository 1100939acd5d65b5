"""P1: no lost update, whichever edge the writes come from."""

import asyncio

import httpx
import pytest

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.gates import gate_of
from tests.support.http import http_client
from tests.support.service import Service


async def test_two_hundred_parallel_posts_are_answered_1_to_200(http: httpx.AsyncClient) -> None:
    await http.get("/session")

    answers = await asyncio.gather(*(http.post("/incr") for _ in range(200)))

    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json() for answer in answers) == list(range(1, 201))
    assert (await http.get("/session")).json()["count"] == 200


@pytest.mark.smoke
async def test_a_hundred_posts_and_a_hundred_events_of_two_sockets_are_answered_1_to_200(
    browser: JsBrowser, transport: Transport
) -> None:
    await browser.fetch("GET", "/session")
    sockets = [await browser.connect(transport) for _ in range(2)]

    bursts = (socket.burst(*[("incr",)] * 50) for socket in sockets)
    posts = (browser.fetch("POST", "/incr") for _ in range(100))
    acks, answers = await asyncio.gather(asyncio.gather(*bursts), asyncio.gather(*posts))

    counts = [ack for burst in acks for _index, ack in burst]
    counts += [answer.json() for answer in answers]
    assert sorted(counts) == list(range(1, 201))
    assert (await browser.fetch("GET", "/session")).json()["count"] == 200


async def test_parallel_requests_that_write_different_keys_all_keep_theirs(
    extended: Service,
) -> None:
    async with http_client(extended.url) as client, gate_of(extended) as gate:
        await client.get("/session")
        held = [asyncio.create_task(client.post(gate.then("write", str(n)))) for n in range(20)]
        await gate.reached_by(20)
        await client.post("/write/first")
        await gate.open()

        assert {answer.json() for answer in await asyncio.gather(*held)} == {0}
        written = (await client.get("/data")).json()
    assert written.keys() == {"first", *map(str, range(20))}


async def test_events_and_requests_that_write_different_keys_all_keep_theirs(
    js: JsClients, extended: Service
) -> None:
    browser = await js.browser(extended.url)
    await browser.fetch("GET", "/session")
    sockets = await browser.connect_on_all()
    async with gate_of(extended) as gate:
        events = [
            asyncio.create_task(socket.emit("held", gate.name, "write", f"event {n}"))
            for n, socket in enumerate(sockets)
        ]
        requests = [
            asyncio.create_task(browser.fetch("POST", gate.then("write", f"request {n}")))
            for n in range(3)
        ]
        await gate.reached_by(6)
        counted = [(await browser.fetch("POST", "/incr")).json() for _ in range(5)]
        await gate.open()
        await asyncio.gather(*events, *requests)

    written = (await browser.fetch("GET", "/data")).json()
    assert counted == [1, 2, 3, 4, 5]
    assert written.pop("count") == 5
    assert sorted(written) == [f"{edge} {n}" for edge in ("event", "request") for n in range(3)]


async def test_an_increment_waits_for_no_handler_that_is_at_work_on_the_same_session(
    extended: Service,
) -> None:
    async with http_client(extended.url) as client, gate_of(extended) as gate:
        await client.get("/session")
        slow = asyncio.create_task(client.post(gate.then("update", "slow")))
        await gate.reached_by(1)

        assert (await client.post("/incr")).json() == 1

        await gate.open()
        assert (await slow).status_code == 200
        assert (await client.get("/data")).json() == {"count": 1, "slow": True}
