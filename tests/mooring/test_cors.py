"""CORS of Mooring's own, of the app's, or of none; and the same origins for sockets."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI, WebSocket
from starlette.middleware.cors import CORSMiddleware

from app import Mooring
from tests.mooring.test_attach import HANDSHAKE, client_of, counting, settings
from tests.support.asgi import request
from tests.support.asgi import websocket as open_websocket
from tests.support.http import http_client

SHOP = "https://shop.example"
ALLOW = "access-control-allow-origin"


def answers(answer: httpx.Response) -> list[str]:
    """All values of the field that allows an origin."""
    return answer.headers.get_list(ALLOW)


async def test_as_a_library_it_brings_no_cors() -> None:
    app = counting(FastAPI())
    Mooring(app, settings())

    async with client_of(app) as client:
        answer = await client.get("/peek", headers={"origin": SHOP})
        assert answers(answer) == []
        assert answer.headers["vary"] == "Cookie", "the route has asked for a session; no Origin"
        assert (await client.get(HANDSHAKE, headers={"origin": SHOP})).status_code == 403


@pytest.mark.parametrize(
    ("listed", "origin"),
    [
        (SHOP, SHOP),
        ("https://*.shop.example", "https://a.shop.example"),
        ("https://*.shop.example", "https://a.b.shop.example"),
        ("https://*.shop.example", "https://a_1.shop.example"),
        ("app://.", "app://."),
        ("capacitor://localhost", "capacitor://localhost"),
        ("https://shop.example:443", SHOP),
    ],
)
async def test_a_listed_origin_may_use_routes_and_sockets(listed: str, origin: str) -> None:
    app = counting(FastAPI())
    Mooring(app, settings(cors_origins=(listed,)))

    async with client_of(app) as client:
        for path in ("/peek", HANDSHAKE):
            answer = await client.get(path, headers={"origin": origin})
            assert (answer.status_code, answers(answer)) == (200, [origin])


@pytest.mark.parametrize(
    "origin",
    [
        "https://shop.example.evil",
        "https://a.shop.example.evil",
        "https://evilshop.example",
        "http://a.shop.example",
        "null",
    ],
)
async def test_another_origin_may_not(origin: str) -> None:
    app = counting(FastAPI())
    Mooring(app, settings(cors_origins=("https://*.shop.example", SHOP)))

    async with client_of(app) as client:
        await client.post("/count")
        assert (await client.get(HANDSHAKE, headers={"origin": origin})).status_code == 403
        assert (await client.post("/count", headers={"origin": origin})).status_code == 403
        assert answers(await client.get("/peek", headers={"origin": origin})) == []


@pytest.mark.parametrize("order", ["before", "after"])
async def test_the_apps_own_cors_layer_answers_alone_and_its_origins_may_use_sockets(
    order: str,
) -> None:
    app = counting(FastAPI())
    options = {"allow_origins": [SHOP], "allow_credentials": True, "allow_methods": ["*"]}
    if order == "before":
        app.add_middleware(CORSMiddleware, **options)  # type: ignore[arg-type] # a dict of its options
    Mooring(app, settings(cors_origins=("https://elsewhere.example",)))
    if order == "after":
        app.add_middleware(CORSMiddleware, **options)  # type: ignore[arg-type] # a dict of its options

    async with client_of(app) as client:
        for path in ("/peek", HANDSHAKE):
            answer = await client.get(path, headers={"origin": SHOP})
            assert (answer.status_code, answers(answer)) == (200, [SHOP]), path
        assert (await client.post("/count", headers={"origin": SHOP})).status_code == 200


async def test_beside_the_apps_cors_layer_cors_origins_adds_no_fields_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = counting(FastAPI())
    Mooring(app, settings(cors_origins=(SHOP, "https://elsewhere.example")))
    app.add_middleware(CORSMiddleware, allow_origins=[SHOP])

    with caplog.at_level("INFO"):
        async with client_of(app) as client:
            for origin, allowed in ((SHOP, [SHOP]), ("https://elsewhere.example", [])):
                answer = await client.get("/peek", headers={"origin": origin})
                assert (answer.status_code, answers(answer)) == (200, allowed)

    assert "the app has a CORSMiddleware" in caplog.text


async def test_origins_that_the_apps_cors_layer_was_given_by_position_count_too() -> None:
    app = counting(FastAPI())
    Mooring(app, settings())
    app.add_middleware(CORSMiddleware, [SHOP], ["*"], (), allow_credentials=True)

    async with client_of(app) as client:
        for origin, status in ((SHOP, 200), ("https://elsewhere.example", 403)):
            await client.post("/count")
            answer = await client.post("/count", headers={"origin": origin})
            assert answer.status_code == status
            assert (await client.get(HANDSHAKE, headers={"origin": origin})).status_code == status


async def test_a_listed_null_is_for_requests_without_the_cookie() -> None:
    app = counting(FastAPI())
    Mooring(app, settings(cors_origins=("null",)))
    sandboxed = {"origin": "null"}

    async with client_of(app) as client:
        assert (await client.get("/peek", headers=sandboxed)).status_code == 200
        assert (await client.post("/count", headers=sandboxed)).status_code == 200
        for method, path in (("GET", "/peek"), ("POST", "/count")):
            answer = await client.request(method, path, headers=sandboxed)
            assert answer.status_code == 403
        assert (await client.get("/peek")).json() == 1


async def test_a_null_that_is_not_listed_may_cause_safe_requests_and_read_none() -> None:
    app = counting(FastAPI())
    Mooring(app, settings(cors_origins=(SHOP,)))

    async with client_of(app) as client:
        await client.post("/count")
        answer = await client.get("/peek", headers={"origin": "null"})
        assert (answer.status_code, answers(answer)) == (200, [])


@pytest.mark.parametrize("with_cookie", [False, True])
@pytest.mark.parametrize(
    ("method", "is_safe"),
    [
        *((each, True) for each in ("GET", "HEAD", "OPTIONS", "TRACE")),
        *((each, False) for each in ("POST", "PUT", "PATCH", "DELETE", "PURGE")),
    ],
)
async def test_a_foreign_origin_may_do_what_is_safe_or_has_no_cookie(
    method: str, *, is_safe: bool, with_cookie: bool
) -> None:
    app = counting(FastAPI())
    app.add_api_route("/any", lambda: "done", methods=[method])
    Mooring(app, settings())

    async with client_of(app) as client:
        if with_cookie:
            await client.post("/count")
        answer = await client.request(method, "/any", headers={"origin": SHOP})

    assert answer.status_code == (200 if is_safe or not with_cookie else 403)


@pytest.mark.parametrize(
    ("base", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://shop.example:80", "http://shop.example"),
        ("http://shop.example:8080", "http://shop.example:8080"),
    ],
)
async def test_our_own_origin_is_known_with_a_default_port_in_host(base: str, origin: str) -> None:
    app = counting(FastAPI())
    Mooring(app, settings())

    host = {"host": base.partition("://")[2]}
    async with http_client(base, transport=httpx.ASGITransport(app)) as client:
        for _ in range(2):
            answer = await client.post("/count", headers={"origin": origin, **host})
            assert answer.status_code == 200
        other = f"{origin.partition(':')[0]}://shop.example:4443"
        refused = await client.post("/count", headers={"origin": other, **host})
        assert refused.status_code == 403


@pytest.mark.parametrize(
    ("origin", "cookie", "accepted"),
    [(SHOP, True, False), (SHOP, False, True), ("http://test", True, True), ("null", True, False)],
)
async def test_a_websocket_route_is_for_our_own_origin_or_has_no_cookie(
    origin: str, *, cookie: bool, accepted: bool
) -> None:
    app = counting(FastAPI())
    Mooring(app, settings())

    @app.websocket("/ws")
    async def serve(websocket: WebSocket) -> None:
        await websocket.accept()

    headers = [("origin", origin)]
    if cookie:
        first = await request(app, "POST", "/count")
        headers.append(("cookie", first.values("set-cookie")[0].partition(";")[0]))
    start = (await open_websocket(app, "/ws", headers=headers)).start

    assert (start["type"] == "websocket.accept") is accepted
    assert accepted or start["status"] == 403


async def test_a_wildcard_of_the_apps_cors_layer_is_not_for_sessions() -> None:
    app = counting(FastAPI())
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    Mooring(app, settings())

    async with client_of(app) as client:
        await client.post("/count")
        assert (await client.post("/count", headers={"origin": SHOP})).status_code == 403
        assert (await client.get(HANDSHAKE, headers={"origin": SHOP})).status_code == 403


@pytest.mark.parametrize("allowed", [{"allow_origins": [SHOP]}, {"allow_origin_regex": ".*"}])
async def test_origins_that_the_apps_cors_layer_allows_without_credentials_are_not_for_sessions(
    allowed: dict[str, Any],
) -> None:
    app = counting(FastAPI())
    app.add_middleware(CORSMiddleware, allow_methods=["*"], **allowed)
    Mooring(app, settings())

    async with client_of(app) as client:
        await client.post("/count")
        assert (await client.post("/count", headers={"origin": SHOP})).status_code == 403
        assert (await client.get(HANDSHAKE, headers={"origin": SHOP})).status_code == 403
        answer = await client.get("/peek", headers={"origin": SHOP})
        assert (answer.status_code, len(answers(answer))) == (200, 1)


async def test_an_unhandled_error_is_readable_for_a_listed_origin() -> None:
    app = FastAPI()

    @app.get("/fail")
    async def fail() -> None:
        raise LookupError("broken")

    Mooring(app, settings(cors_origins=(SHOP,)))
    async with client_of(app, raises=False) as client:
        answer = await client.get("/fail", headers={"origin": SHOP})

    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answers(answer) == [SHOP]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
async def test_preflights_allow_what_clients_of_sessions_send(method: str) -> None:
    app = counting(FastAPI())
    Mooring(app, settings(cors_origins=(SHOP,), cors_headers=("X-Shop",)))
    wanted = "authorization, content-type, idempotency-key, x-session-token, x-shop"
    asked = {
        "origin": SHOP,
        "access-control-request-method": method,
        "access-control-request-headers": wanted,
    }

    async with client_of(app) as client:
        assert (await client.options("/count", headers=asked)).status_code == 200
        refused = asked | {"access-control-request-headers": "x-other"}
        assert (await client.options("/count", headers=refused)).status_code == 400
