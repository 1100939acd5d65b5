"""P11: one list of origins for everything."""

import httpx
import pytest

from tests.conftest import EXTENDED_APP
from tests.support.http import PROBLEM, cookie_header, http_client, problem
from tests.support.raw import raw_websocket, refused_websocket
from tests.support.servers import StoreServer
from tests.support.service import Service, service
from tests.support.stores import server_settings

LISTED = "http://localhost:4200"
HANDSHAKE = "/socket.io/?EIO=4&transport=polling"

FOREIGN = {
    "evil": "http://evil.test",
    "null": "null",
    "suffix": "http://localhost:4200.evil.test",
    "prefix": "http://evil-localhost:4200",
    "another port": "http://localhost:4201",
    "another scheme": "https://localhost:4200",
    "in capitals": "HTTP://LOCALHOST:4200",
    "with a user": "http://localhost:4200@evil.test",
    "with a path": "http://localhost:4200/",
}


@pytest.fixture(params=FOREIGN)
def foreign(request: pytest.FixtureRequest) -> str:
    """Each origin that is not in the list."""
    return FOREIGN[request.param]


async def test_a_listed_origin_may_do_everything(http: httpx.AsyncClient, node: Service) -> None:
    for method, path in (("GET", "/session"), ("POST", "/incr"), ("GET", HANDSHAKE)):
        answer = await http.request(method, path, headers={"origin": LISTED})
        assert answer.status_code == 200
        _allows(answer)
    async with raw_websocket(node.url, origin=LISTED) as socket:
        assert (await socket.join()).startswith("40")


async def test_our_own_origin_needs_no_listing(http: httpx.AsyncClient, node: Service) -> None:
    for method, path in (("POST", "/incr"), ("GET", HANDSHAKE)):
        answer = await http.request(method, path, headers={"origin": node.url})
        assert answer.status_code == 200
    async with raw_websocket(node.url, origin=node.url) as socket:
        assert (await socket.join()).startswith("40")


async def test_a_foreign_origin_gets_no_permission_to_read(
    http: httpx.AsyncClient, foreign: str
) -> None:
    answer = await http.get("/session", headers={"origin": foreign})

    assert "access-control-allow-origin" not in answer.headers
    assert "Origin" in answer.headers["vary"]


async def test_a_foreign_origin_gets_no_preflight(http: httpx.AsyncClient, foreign: str) -> None:
    asked = {"origin": foreign, "access-control-request-method": "POST"}
    for path in ("/incr", HANDSHAKE):
        answer = await http.options(path, headers=asked)
        assert answer.status_code == 400
        assert "access-control-allow-origin" not in answer.headers


async def test_a_listed_origin_gets_its_preflight(http: httpx.AsyncClient) -> None:
    asked = {"origin": LISTED, "access-control-request-method": "POST"}
    for path in ("/incr", "/logout", HANDSHAKE):
        answer = await http.options(path, headers=asked)
        assert answer.status_code == 200
        _allows(answer)


@pytest.mark.parametrize("content", [None, b"x"], ids=["no body", "text/plain"])
async def test_an_unsafe_request_with_the_cookie_from_a_foreign_origin_does_not_run(
    http: httpx.AsyncClient, foreign: str, content: bytes | None
) -> None:
    await http.post("/incr")
    for path in ("/incr", "/logout", "/session/rotate"):
        answer = await http.post(path, headers={"origin": foreign}, content=content)
        assert problem(answer) == (403, "foreign-origin")

    assert (await http.get("/session")).json()["count"] == 1


async def test_a_cross_site_request_without_an_origin_does_not_run(http: httpx.AsyncClient) -> None:
    await http.post("/incr")

    answer = await http.post("/logout", headers={"sec-fetch-site": "cross-site"})

    assert problem(answer) == (403, "foreign-origin")
    assert (await http.get("/session")).json()["count"] == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_safe_method_changes_nothing(http: httpx.AsyncClient, method: str) -> None:
    await http.post("/incr")
    for path in ("/incr", "/logout", "/session/rotate"):
        assert (await http.request(method, path)).status_code == 405

    assert (await http.get("/session")).json()["count"] == 1


async def test_a_foreign_origin_gets_no_socket_on_any_channel(
    http: httpx.AsyncClient, node: Service, foreign: str
) -> None:
    await http.get("/session")
    cookie = cookie_header(http)
    sid = (await http.get(HANDSHAKE)).text.split('"')[3]
    origin = {"origin": foreign}

    for method in ("GET", "POST"):
        answer = await http.request(method, f"{HANDSHAKE}&sid={sid}", headers=origin)
        assert problem(answer) == (403, "foreign-origin")
    assert problem(await http.get(HANDSHAKE, headers=origin)) == (403, "foreign-origin")
    for query in ("", f"&sid={sid}"):
        refused = await refused_websocket(node.url, origin=foreign, cookie=cookie, query=query)
        assert refused.status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/no/such", 404), ("DELETE", "/incr", 405), ("GET", HANDSHAKE + "&j=0", 400)],
)
async def test_errors_too_have_exactly_one_permission(
    http: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await http.request(method, path, headers={"origin": LISTED})

    assert answer.status_code == status
    _allows(answer)


async def test_errors_of_every_kind_may_be_read_by_a_listed_page(
    own_store_server: StoreServer,
) -> None:
    settings = server_settings(own_store_server)
    broken = service(module=EXTENDED_APP, traceback_ok=True, session_max_bytes=1000, **settings)
    async with broken as node, http_client(node.url) as client:
        client.headers["origin"] = LISTED
        await client.get("/session")
        old = cookie_header(client)
        await client.post("/session/rotate")
        answers = [
            await client.get("/session", headers={"cookie": old}),
            await client.post("/incr", content=b"x" * 2_000_000),
            await client.post("/write/key?length=2000"),
            await client.post("/write/key?length=long"),
            await client.post("/write-and-fail/key"),
        ]
        own_store_server.kill()
        answers += [await client.get(path) for path in ("/session", HANDSHAKE)]

    assert [answer.status_code for answer in answers] == [409, 413, 413, 422, 500, 503, 503]
    for answer in answers:
        assert answer.headers["content-type"] == PROBLEM
        _allows(answer)


def _allows(answer: httpx.Response) -> None:
    assert answer.headers.get_list("access-control-allow-origin") == [LISTED]
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "Origin" in answer.headers["vary"]
