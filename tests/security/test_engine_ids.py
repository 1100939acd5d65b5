"""P14: a socket's id is no key; impossible requests are answered at once."""

from functools import partial

import httpx
import pytest

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.eventually import eventually
from tests.support.http import http_client, problem
from tests.support.js_client import JsClient
from tests.support.raw import raw_polling, raw_websocket, refused_websocket
from tests.support.service import Service

POLLING = "/socket.io/?EIO=4&transport=polling"


@pytest.mark.parametrize("thief", ["another user", "nobody", "a made-up cookie"])
async def test_a_victims_engine_id_is_of_no_use_with_another_cookie(
    http: httpx.AsyncClient, node: Service, thief: str
) -> None:
    await http.get("/session")
    cookie = {
        "another user": "; ".join(f"{each.name}={each.value}" for each in http.cookies.jar),
        "nobody": None,
        "a made-up cookie": "session=" + "A" * 43 + "." + "A" * 43,
    }[thief]
    async with raw_polling(node.url) as victim, http_client(node.url, cookie=cookie) as other:
        await victim.join()

        assert problem(await other.get(victim.address)) == (403, "not-your-socket")
        posted = await other.post(victim.address, content='421["incr"]')
        assert problem(posted) == (403, "not-your-socket")
        query = f"&sid={victim.opened['sid']}"
        refused = await refused_websocket(node.url, cookie=cookie, query=query)
        assert refused.status_code == 403

        await victim.emit("incr", ack=1)
        assert await victim.receive_until("431") == "431[1]"


async def test_a_first_contact_that_raced_heals_by_itself(js: JsClients, node: Service) -> None:
    for _ in range(5):
        browser = await js.browser(node.url)
        socket = await browser.connect(Transport.POLLING, wait=False)
        await browser.fetch("POST", "/incr")  # neither has a cookie yet, and one of the two wins
        await socket.wait_for("connect")

        await socket.send(
            "incr"
        )  # a socket whose cookie lost is turned away with this, and comes back

        await eventually(partial(_are_one, browser, socket), within=10.0)
        await socket.close()


async def _are_one(browser: JsBrowser, socket: JsClient) -> bool:
    """Whether the fetches and the socket of a browser are in one session."""
    fetched = (await browser.fetch("GET", "/session")).json()
    return bool(socket.connected and fetched["sockets"] == 1)


async def test_jsonp_is_refused(http: httpx.AsyncClient) -> None:
    assert problem(await http.get(f"{POLLING}&j=0")) == (400, "jsonp-refused")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/socket.io/"),
        ("GET", "/socket.io/?EIO=3&transport=polling"),
        ("GET", "/socket.io/?EIO=4&transport=carrier-pigeon"),
        ("GET", "/socket.io/?EIO=4&transport=websocket"),
        ("GET", f"{POLLING}&sid=made-up"),
        ("GET", f"{POLLING}&sid=%00%ff"),
        ("POST", POLLING),
        ("POST", f"{POLLING}&sid=made-up"),
        ("DELETE", POLLING),
        ("PUT", f"{POLLING}&sid=made-up"),
    ],
)
async def test_impossible_parameters_are_answered_at_once_and_open_nothing(
    http: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await http.request(method, path, content=b"" if method != "GET" else None)

    assert 400 <= answer.status_code < 500
    assert "set-cookie" not in answer.headers


async def test_engine_answers_are_kept_out_of_caches(node: Service) -> None:
    async with raw_polling(node.url) as polling:
        assert polling.handshake is not None
        for answer in (polling.handshake, await polling.post("40"), await polling.poll()):
            assert answer.headers["cache-control"] == "no-store"
            assert "Cookie" in answer.headers["vary"]


async def test_a_websocket_of_its_own_session_may_upgrade(node: Service) -> None:
    async with raw_polling(node.url) as polling:
        cookie = "; ".join(f"{each.name}={each.value}" for each in polling.client.cookies.jar)
        query = f"&sid={polling.opened['sid']}"
        async with raw_websocket(node.url, cookie=cookie, query=query) as socket:
            await socket.send("2probe")
            assert await socket.receive() == "3probe"
