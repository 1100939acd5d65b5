"""P4: no fixation. Ids are the service's own, and a rotation leaves everybody behind but its client."""

import asyncio

import httpx
import pytest

from tests.support.browsers import JsBrowser, JsClients
from tests.support.eventually import eventually
from tests.support.gates import gate_of
from tests.support.http import cookie_header, http_client, problem, set_cookies, the_set_cookie
from tests.support.raw import raw_polling, raw_websocket, refused_websocket
from tests.support.service import Service, service
from tests.support.stores import StoreSettings

TRIALS = 10
UNDER_WAY = 10
ENDED = (409, "session-ended")
HANDSHAKE = "/socket.io/?EIO=4&transport=polling"


async def test_the_id_of_an_expired_session_gets_a_fresh_id_on_both_edges(
    any_store: StoreSettings,
) -> None:
    async with (
        service(session_idle_timeout=0.3, **any_store) as node,
        http_client(node.url) as client,
    ):
        await client.post("/incr")
        old = cookie_header(client)
        async with raw_websocket(node.url, cookie=old) as socket:
            await socket.join()
            await socket.frames_until_closed()  # its time is up

        async with raw_websocket(node.url, cookie=old) as websocket:
            by_websocket = websocket.set_cookies
        async with raw_polling(node.url, cookie=old) as polling:
            assert polling.handshake is not None
            by_polling = set_cookies(polling.handshake)
        answer = await client.post("/incr", headers={"cookie": old})
        assert answer.json() == 1
        fresh = [*by_websocket, *by_polling, *set_cookies(answer)]
        assert len({cookie.pair for cookie in fresh} | {old}) == 4


@pytest.mark.smoke
async def test_a_rotation_gives_a_new_id_that_holds_the_data_and_kills_the_old_at_once(
    http: httpx.AsyncClient, node: Service
) -> None:
    await http.post("/incr")
    old = cookie_header(http)

    answer = await http.post("/session/rotate")

    assert answer.status_code == 204
    assert the_set_cookie(answer).pair != old
    assert problem(await http.get("/session", headers={"cookie": old})) == ENDED
    assert problem(await http.get(HANDSHAKE, headers={"cookie": old})) == ENDED
    assert (await refused_websocket(node.url, cookie=old)).status_code == 409
    assert (await http.post("/incr")).json() == 2


async def test_requests_with_the_old_cookie_that_race_with_a_rotation_set_no_cookie(
    node: Service,
) -> None:
    for trial in range(TRIALS):
        async with http_client(node.url) as client:
            await client.post("/incr")
            old = cookie_header(client)
            async with http_client(node.url, cookie=old) as others:
                posts = [asyncio.create_task(others.post("/incr")) for _ in range(UNDER_WAY)]
                if trial % 2:
                    await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
                rotation = await client.post("/session/rotate")
                answers = await asyncio.gather(*posts)
            the_set_cookie(rotation)
            counted = sum(answer.status_code == 200 for answer in answers)
            assert not any(set_cookies(answer) for answer in answers)
            assert all(a.status_code == 200 or problem(a) == ENDED for a in answers)
            assert (await client.get("/session")).json()["count"] == 1 + counted


async def test_ten_requests_under_way_at_a_rotation_set_no_cookie_and_the_new_one_has_the_data(
    extended: Service,
) -> None:
    async with http_client(extended.url) as client, gate_of(extended) as gate:
        await client.post("/incr")
        acts = ["read", "update"] * (UNDER_WAY // 2)
        held = [asyncio.create_task(client.post(gate.then(act))) for act in acts]
        await gate.reached_by(UNDER_WAY)
        the_set_cookie(await client.post("/session/rotate"))
        await gate.open()

        answers = await asyncio.gather(*held)
        assert not any(set_cookies(answer) for answer in answers)
        assert [answer.status_code for answer in answers] == [200, 409] * (UNDER_WAY // 2)
        assert (await client.get("/data")).json() == {"count": 1}


async def test_of_several_rotations_at_once_one_wins_and_the_session_goes_on_with_its_cookie(
    node: Service,
) -> None:
    for _ in range(TRIALS):
        async with http_client(node.url) as client:
            await client.post("/incr")
            old = cookie_header(client)
        async with http_client(node.url, cookie=old) as client:
            answers = await asyncio.gather(*(client.post("/session/rotate") for _ in range(4)))
        (winner,) = [answer for answer in answers if answer.status_code == 204]
        losers = [answer for answer in answers if answer is not winner]
        assert all(problem(answer) == ENDED and not set_cookies(answer) for answer in losers)
        async with http_client(node.url, cookie=the_set_cookie(winner).pair) as client:
            assert (await client.post("/incr")).json() == 2


async def test_a_rotation_closes_the_transports_and_the_sockets_reconnect_with_the_new_cookie(
    browser: JsBrowser,
) -> None:
    await browser.fetch("POST", "/incr")
    sockets = await browser.connect_on_all()

    await browser.fetch("POST", "/session/rotate")

    for socket in sockets:
        disconnected = await socket.wait_for("disconnect", within=1.0)
        assert disconnected.args[0] == "transport close"
        assert socket.values("session ended") == [{"reason": "rotated"}]
        await socket.wait_for("connect", after=disconnected.index)
    assert [await socket.emit("incr") for socket in sockets] == [2, 3, 4]


async def test_who_planted_the_old_id_is_thrown_out_and_hears_nothing_of_the_new_session(
    js: JsClients, node: Service
) -> None:
    victim = await js.browser(node.url)
    await victim.fetch("POST", "/incr")
    attacker = await js.browser(node.url, cookie=await victim.cookie_header())
    planted = await attacker.connect_on_all()

    await victim.fetch("POST", "/session/rotate")
    assert (await victim.fetch("POST", "/incr")).json() == 2

    for socket in planted:
        await socket.wait_for("disconnect", within=1.0)
        refused = await socket.wait_for(
            "handshake", where=lambda event: event.args[0]["status"] == 409
        )
        assert refused.args[0]["set_cookie"] == []
        assert 2 not in socket.values("current count")


async def test_the_absolute_deadline_survives_a_rotation(any_store: StoreSettings) -> None:
    async with (
        service(session_absolute_timeout=1.5, **any_store) as node,
        http_client(node.url) as client,
    ):
        first: dict[str, str] = (await client.get("/session")).json()
        await client.post("/session/rotate")
        second = (await client.get("/session")).json()
        assert second["created_at"] == first["created_at"]
        assert second["expires_at"] == first["expires_at"]

        async def over() -> bool:
            created: str = (await client.get("/session")).json()["created_at"]
            return created != first["created_at"]

        await eventually(over)
