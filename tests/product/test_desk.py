"""Everything of an app's own works as without Mooring, and its sessions and sockets beside it."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.support.browsers import JsBrowser, JsClients, Transport
from tests.support.http import PROBLEM, http_client
from tests.support.service import Service

ADA = {"X-Staff": "ada"}


@pytest.fixture
async def ada(desk: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a member of the staff."""
    async with http_client(desk.url) as client:
        client.headers.update(ADA)
        yield client


@pytest.fixture
async def browser(js: JsClients, desk: Service) -> JsBrowser:
    """A browser with a session at the desk."""
    browser = await js.browser(desk.url)
    assert (await browser.fetch("GET", "/", headers=ADA)).status == 200
    return browser


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("POST", "/logout"), ("POST", "/tickets/"), ("GET", "/tickets/0")],
)
async def test_dependency_of_the_app_guards_every_route(
    desk: Service, method: str, path: str
) -> None:
    async with http_client(desk.url) as stranger:
        refused = await stranger.request(method, path)
    assert refused.status_code == 401
    assert refused.json() == {"detail": "name a member of the staff in X-Staff"}
    assert "set-cookie" not in refused.headers


async def test_its_own_home_page_has_the_lifespans_state_and_the_session(
    ada: httpx.AsyncClient,
) -> None:
    first, second = await ada.get("/"), await ada.get("/")
    assert first.json() == {"tickets": ["printer"], "visits": 1}
    assert second.json() == {"tickets": ["printer"], "visits": 2}
    assert "set-cookie" in first.headers
    assert "set-cookie" not in second.headers


@pytest.mark.parametrize("path", ["/", "/tickets/7", "/files/hours.txt"])
async def test_middleware_from_before_and_after_sees_each_response(
    ada: httpx.AsyncClient, path: str
) -> None:
    headers = (await ada.get(path)).headers
    assert headers["x-before"] == headers["x-after"] == "yes"
    assert headers["x-timing"] == "GET"


async def test_what_a_dependency_left_is_seen_by_the_inner_middleware(
    ada: httpx.AsyncClient,
) -> None:
    assert (await ada.get("/tickets/7")).headers["x-audit"] == "ada"
    assert (await ada.get("/files/hours.txt")).headers["x-audit"] == "nobody"


async def test_its_handlers_answer_its_errors(ada: httpx.AsyncClient) -> None:
    missing = await ada.get("/tickets/7")
    assert (missing.status_code, missing.json()) == (404, {"desk": "no such ticket"})
    closed = await ada.post("/tickets/3/notes")
    assert (closed.status_code, closed.text) == (409, "ticket 3 is closed, ada")


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/tickets/first", 422)])
async def test_errors_of_fastapi_stay_fastapis(
    ada: httpx.AsyncClient, path: str, status: int
) -> None:
    answer = await ada.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.json().keys() == {"detail"}


async def test_routes_that_use_no_session_set_no_cookie(ada: httpx.AsyncClient) -> None:
    hours = await ada.get("/files/hours.txt")
    assert hours.text == "The desk opens at nine.\n"
    assert "set-cookie" not in hours.headers
    assert "cache-control" not in hours.headers
    assert (await ada.get("/tickets/0")).status_code == 404
    assert not ada.cookies


async def test_route_behind_a_prefix_keeps_what_it_is_sent(ada: httpx.AsyncClient) -> None:
    assert (await ada.post("/tickets/", json={"title": "screen"})).json() == 1
    assert (await ada.post("/tickets/", json={"title": "mouse"})).json() == 2
    assert (await ada.get("/tickets/1")).json() == {"title": "mouse", "notes": []}
    assert (await ada.post("/tickets/", json={})).status_code == 422


async def test_mounted_app_has_the_session_of_the_app_around_it(ada: httpx.AsyncClient) -> None:
    await ada.get("/")
    assert (await ada.get("/annex/visits")).json() == 1


async def test_websocket_route_has_the_session(desk: Service, browser: JsBrowser) -> None:
    headers = {"Cookie": await browser.cookie_header(), **ADA}
    url = f"{desk.url}/live".replace("http", "ws", 1)
    async with connect(url, additional_headers=headers) as socket:
        assert json.loads(await socket.recv())["visits"] == 1


@pytest.mark.parametrize("transport", [Transport.WEBSOCKET, Transport.POLLING])
async def test_socket_has_the_session_and_receives_what_routes_publish(
    browser: JsBrowser, transport: Transport
) -> None:
    client = await browser.connect(transport)
    assert await client.emit("visits") == 1
    opened = await browser.fetch(
        "POST",
        "/tickets/",
        headers=ADA | {"content-type": "application/json"},
        body='{"title": "lamp"}',
    )
    assert opened.body == "1"
    assert (await client.wait_for("open tickets")).args == (1,)


async def test_event_takes_a_model_and_acknowledges_with_one(browser: JsBrowser) -> None:
    client = await browser.connect(Transport.WEBSOCKET)
    noted = await client.emit("note", "call back", {"title": "lamp"})
    assert noted == {"title": "lamp", "notes": ["call back"]}
    wrong = await client.emit("note", "call back", {"name": "lamp"})
    assert wrong["error"]["type"] == "invalid-payload"


async def test_its_own_logout_ends_the_session_and_its_sockets(
    browser: JsBrowser,
) -> None:
    clients = await browser.connect_on_all()
    left = await browser.fetch("POST", "/logout", headers=ADA)
    assert (left.status, left.body) == (200, '{"desk":"good night"}')
    for client in clients:
        assert (await client.wait_for("disconnect")).args[0] == "io server disconnect"
    again = await browser.fetch("GET", "/", headers=ADA)
    assert json.loads(again.body)["visits"] == 1


async def test_origin_rules_hold_for_the_desk_too(ada: httpx.AsyncClient) -> None:
    await ada.get("/")
    refused = await ada.post("/logout", headers={"Origin": "https://evil.example"})
    assert refused.status_code == 403
    assert refused.headers["content-type"] == PROBLEM
    assert (await ada.get("/")).json()["visits"] == 2
