"""P11: the service's own origin, behind any proxy that says what it does."""

import time
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Scope

from app import Mooring
from app.http.own_origin import OwnOrigin
from tests.mooring.test_attach import counting, settings
from tests.support.asgi import exchange, http_scope

Headers = list[tuple[str, str]]

PROXY = ("10.0.0.1", 4711)
STRANGER = ("203.0.113.7", 4711)
TRUSTED = ("10.0.0.0/8", "fd00::1")
MAX_FIELD_BYTES = 64 * 1024
SHOP = "https://shop.example"

RECOGNISED: dict[str, tuple[Headers, str]] = {
    "the port of a proxy behind the one that ends TLS": (
        [("host", "shop.example"), ("x-forwarded-port", "80"), ("x-forwarded-proto", "https")],
        "https://shop.example",
    ),
    "the port of a proxy behind the one that ends TLS, in Host": (
        [("host", "shop.example:80"), ("x-forwarded-proto", "https")],
        SHOP,
    ),
    "the port of a proxy behind the one that ends TLS, in X-Forwarded-Host": (
        [
            ("host", "app:3000"),
            ("x-forwarded-host", "shop.example:80"),
            ("x-forwarded-port", "80"),
            ("x-forwarded-proto", "https"),
        ],
        SHOP,
    ),
    "the default port in Host": (
        [("host", "shop.example:443"), ("x-forwarded-proto", "https")],
        SHOP,
    ),
    "X-Forwarded-Host alone": (
        [("host", "app:3000"), ("x-forwarded-host", "shop.example:8080")],
        "http://shop.example:8080",
    ),
    "lists": (
        [
            ("host", "app:3000"),
            ("x-forwarded-host", "shop.example, inner.example"),
            ("x-forwarded-proto", "https,http"),
        ],
        SHOP,
    ),
    "lists over several lines": (
        [
            ("x-forwarded-proto", "https"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "shop.example"),
            ("x-forwarded-host", "inner.example"),
        ],
        SHOP,
    ),
    "X-Forwarded-Port": (
        [("host", "shop.example"), ("x-forwarded-port", "8443"), ("x-forwarded-proto", "https")],
        "https://shop.example:8443",
    ),
    "X-Forwarded-Port, the default one": (
        [("host", "shop.example"), ("x-forwarded-port", "443"), ("x-forwarded-proto", "https")],
        SHOP,
    ),
    "nginx' $host in X-Forwarded-Host": (
        [("host", "shop.example:8080"), ("x-forwarded-host", "shop.example")],
        "http://shop.example:8080",
    ),
    "Forwarded": (
        [("host", "app:3000"), ("forwarded", 'for=1.2.3.4;host="shop.example:443";proto=https')],
        SHOP,
    ),
    "Forwarded, in capitals and with blanks": (
        [("forwarded", 'For="[2001:db8::1]:4711" ; Proto=HTTPS ; Host = shop.example')],
        SHOP,
    ),
    "Forwarded, several": (
        [("forwarded", "for=1.2.3.4, for=10.0.0.2;proto=https;host=shop.example;by=_a, host=b")],
        SHOP,
    ),
    "Forwarded with a comma in quotes": (
        [("forwarded", 'for="a, host=evil.example";host=shop.example;proto=https')],
        SHOP,
    ),
    "in capitals": ([("host", "Shop.Example"), ("x-forwarded-proto", "HTTPS")], SHOP),
    "IPv6": (
        [("host", "app"), ("x-forwarded-host", "[2001:db8::1]"), ("x-forwarded-port", "8080")],
        "http://[2001:db8::1]:8080",
    ),
    "empty values": (
        [("host", "shop.example"), ("x-forwarded-host", ""), ("x-forwarded-proto", " , https")],
        SHOP,
    ),
    "values that are none": (
        [("host", "shop.example"), ("x-forwarded-port", "x"), ("x-forwarded-proto", "gopher")],
        "http://shop.example",
    ),
}


def _scope(headers: Headers, **more: Any) -> Scope:
    scope = {**http_scope("POST", "/count"), "client": PROXY, **more}
    scope["headers"] = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return scope


@pytest.mark.parametrize(("headers", "origin"), RECOGNISED.values(), ids=RECOGNISED)
def test_what_a_trusted_proxy_says_counts(headers: Headers, origin: str) -> None:
    own = OwnOrigin(TRUSTED)
    for scheme, kind in (("http", "http"), ("ws", "websocket")):
        scope = _scope(headers, scheme=scheme, type=kind)
        assert own.is_of(origin, scope)
        for foreign in _near(origin):
            assert not own.is_of(foreign, scope)


@pytest.mark.parametrize("headers", [each for each, _ in RECOGNISED.values()], ids=RECOGNISED)
def test_what_anybody_else_says_does_not(headers: Headers) -> None:
    forged = [each for each in headers if each[0] != "host"]
    scope = _scope([("host", "here.example"), *forged], client=STRANGER)
    own = OwnOrigin(TRUSTED)
    assert own.is_of("http://here.example", scope)
    for origin in (SHOP, "http://shop.example", "https://here.example"):
        assert not own.is_of(origin, scope)


@pytest.mark.parametrize(
    ("client", "forwarded_for"),
    [
        (("203.0.113.9", 0), "203.0.113.9"),
        (("203.0.113.9", 0), "6.6.6.6, 203.0.113.9"),
        (("203.0.113.9", 4711), "203.0.113.9:4711, 10.0.0.2"),
        (("2001:db8::9", 4711), "[2001:db8::9]:4711"),
        (("::ffff:10.0.0.1", 5), ""),
        (("fd00::1", 5), ""),
    ],
)
def test_a_server_that_trusts_the_proxy_has_put_the_forwarded_address_in_its_place(
    client: tuple[str, int], forwarded_for: str
) -> None:
    said = [("host", "app"), ("x-forwarded-host", "shop.example"), ("x-forwarded-proto", "https")]
    scope = _scope([*said, ("x-forwarded-for", forwarded_for)], client=client)
    assert OwnOrigin(TRUSTED).is_of(SHOP, scope)


@pytest.mark.parametrize("text", ["a", "a=", 'a="', '="', "\\", " ", "a ", ",", ":1", "1:"])
def test_no_field_takes_longer_than_it_is_long(text: str) -> None:
    names = ("host", "x-forwarded-for", "forwarded", "x-forwarded-host", "x-forwarded-proto")
    scope = _scope([(name, text * (MAX_FIELD_BYTES // len(text))) for name in names])
    began = time.process_time()
    OwnOrigin(TRUSTED).is_of(SHOP, scope)
    assert time.process_time() - began < 1.0  # a hundredth of it, or else half a minute


@pytest.mark.parametrize("client", [None, ("testclient", 5), ("", 5)])
def test_an_unknown_sender_is_not_trusted(client: tuple[str, int] | None) -> None:
    scope = _scope([("host", "app"), ("x-forwarded-host", "shop.example")], client=client)
    assert not OwnOrigin(("0.0.0.0/0", "::/0")).is_of("http://shop.example", scope)


@pytest.mark.parametrize("origin", ["", "null", "http://", "://", "shop.example", "https://"])
def test_what_is_no_origin_is_not_the_own_one(origin: str) -> None:
    assert not OwnOrigin().is_of(origin, _scope([]))
    assert not OwnOrigin().is_of(origin, _scope([("host", "")]))


def _near(origin: str) -> list[str]:
    scheme, _, host = origin.partition("://")
    other = "http" if scheme == "https" else "https"
    return [
        f"{other}://{host}",
        f"{origin}.evil.example",
        f"{scheme}://evil-{host}",
        f"{scheme}://app:3000",
        f"{scheme}://inner.example",
        f"{scheme}://evil.example",
        f"{scheme}://{host}1" if host[-1].isdigit() else f"{origin}:8081",
    ]


@dataclass(frozen=True)
class Deployment:
    """Where browsers find the service, and what a node receives of it."""

    scheme: str
    name: str
    port: int | None
    headers: Headers
    node_scheme: str

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.name}" + (f":{self.port}" if self.port else "")


hosts = st.sampled_from(
    ["shop.example", "a.b-c.example", "localhost", "192.0.2.7", "[2001:db8::7]"]
)
inner = st.sampled_from(["app:3000", "app", "127.0.0.1:3000", "inner.example"])


@st.composite
def deployments(draw: st.DrawFn) -> Deployment:
    """Draw one of the ways in which proxies say all that there is to say."""
    scheme = draw(st.sampled_from(["http", "https"]))
    name, port = draw(hosts), draw(st.none() | st.integers(1000, 65535))
    default = 443 if scheme == "https" else 80
    shown = port or draw(st.sampled_from([None, default]))
    full = f"{name}:{shown}" if shown else name
    rest = draw(st.sampled_from(["", ", inner.example", ",x, y"]))
    backend = draw(inner)
    by_port = [("x-forwarded-port", f"{port or default}{', 80' if rest else ''}")]
    if scheme == "https" and port is None:
        by_port = draw(st.sampled_from([by_port, [("x-forwarded-port", "80")]]))
    how = draw(st.integers(0, 6))
    proto = [("x-forwarded-proto", f"{scheme}{', http' if rest else ''}")]
    quoted = draw(st.booleans()) or ":" in full
    written = f'host="{full}"' if quoted else f"host={full}"
    ways: list[Headers] = [
        [("host", full), *proto],
        [("host", backend), ("x-forwarded-host", full + rest), *proto],
        [("host", backend), ("x-forwarded-host", name + rest), *by_port, *proto],
        [("host", name), *by_port, *proto],
        [("host", backend), ("forwarded", f"for=_x;{written};proto={scheme}{rest and ', for=_y'}")],
        [("host", full), ("x-forwarded-host", name), *proto],
        [("host", full), *proto, ("forwarded", "for=192.0.2.1")],
    ]
    headers = ways[how] if shown or how != 5 else ways[0]
    return Deployment(scheme, name, port, draw(st.permutations(headers)), "http")


@given(
    deployment=deployments(),
    kind=st.sampled_from([("http", "http"), ("websocket", "ws")]),
    client=st.sampled_from([PROXY, ("198.51.100.1", 0)]),
)
def test_whatever_the_deployment_its_own_origin_is_recognised_and_no_other(
    deployment: Deployment, kind: tuple[str, str], client: tuple[str, int]
) -> None:
    own = OwnOrigin(TRUSTED)
    scope = _scope(deployment.headers, type=kind[0], scheme=kind[1], client=client)

    assert own.is_of(deployment.origin, scope)
    assert not any(own.is_of(each, scope) for each in _near(deployment.origin))


@given(
    scheme=st.sampled_from(["http", "https"]),
    name=hosts,
    port=st.none() | st.integers(1000, 65535),
    written=st.booleans(),
)
def test_without_a_proxy_it_is_what_host_says(
    scheme: str, name: str, port: int | None, written: bool
) -> None:
    default = {"http": 80, "https": 443}[scheme]
    shown = port or (default if written else None)
    scope = _scope([("host", f"{name}:{shown}" if shown else name)], scheme=scheme, client=STRANGER)
    origin = f"{scheme}://{name}" + (f":{port}" if port else "")

    assert OwnOrigin(TRUSTED).is_of(origin, scope)
    assert not any(OwnOrigin(TRUSTED).is_of(each, scope) for each in _near(origin))


MATRIX = {
    "own": (SHOP, {}, True),
    "listed": ("capacitor://localhost", {}, True),
    "listed below a wildcard": ("https://a.example.org", {}, True),
    "listed with its default port": ("https://example.net", {}, True),
    "foreign": ("https://evil.example", {}, False),
    "foreign, from a sandboxed frame": ("null", {}, False),
    "own by another scheme": ("http://shop.example", {}, False),
    "unknown, but the browser says it is the same": (
        "https://unknown.example",
        {"sec-fetch-site": "same-origin"},
        True,
    ),
    "from the same site, not the same origin": (
        "https://evil.shop.example",
        {"sec-fetch-site": "same-site"},
        False,
    ),
    "none, and the browser says where from": ("", {"sec-fetch-site": "cross-site"}, False),
    "none": ("", {}, True),
}


@pytest.mark.parametrize(("origin", "more", "allowed"), MATRIX.values(), ids=MATRIX)
async def test_routes_polling_and_websockets_have_one_and_the_same_list(
    origin: str, more: dict[str, str], allowed: bool
) -> None:
    app = counting(FastAPI())
    listed = ("capacitor://localhost", "https://*.example.org", "https://example.net:443", "null")
    Mooring(app, settings(cors_origins=listed, trusted_proxies=TRUSTED))
    headers = [
        ("host", "shop.example:443"),
        ("x-forwarded-proto", "https"),
        ("cookie", "session=x"),
    ]
    headers += [*more.items(), *([("origin", origin)] if origin else [])]
    handshake = {"path": "/socket.io/", "query_string": b"EIO=4&transport=polling"}

    route = await _status(app, _scope(headers))
    polling = await _status(app, _scope(headers, method="GET", **handshake))
    websocket = await _status(app, _websocket_scope(headers))

    assert {route, polling} == ({200} if allowed else {403})
    assert websocket == ("accepted" if allowed else 403)


def _websocket_scope(headers: Headers) -> Scope:
    scope = _scope(headers, type="websocket", scheme="ws", path="/socket.io/")
    del scope["method"]
    scope["query_string"] = b"EIO=4&transport=websocket"
    return {**scope, "subprotocols": [], "extensions": {"websocket.http.response": {}}}


async def _status(app: FastAPI, scope: Scope) -> int | str:
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": b"", "more_body": False}]
    if scope["type"] == "websocket":
        messages = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]
    done = await exchange(app, scope, messages)  # type: ignore[arg-type] # messages are mappings
    assert done.error is None
    return "accepted" if done.start["type"] == "websocket.accept" else done.status


@pytest.mark.parametrize(
    "name", ["Authorization", "Idempotency-Key", "X-Session-Token", "Content-Type", "X-Shop"]
)
async def test_a_listed_page_may_send_these_headers(name: str) -> None:
    app = counting(FastAPI())
    Mooring(app, settings(cors_origins=(SHOP,), cors_headers=("X-Shop",)))
    asked = [
        ("host", "api.example"),
        ("origin", SHOP),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", name.lower()),
    ]
    for path in ("/count", "/socket.io/"):
        assert await _status(app, _scope(asked, method="OPTIONS", path=path)) == 200


async def test_a_listed_page_may_read_what_answers_say_beside_their_body() -> None:
    app = counting(FastAPI())
    Mooring(app, settings(cors_origins=(SHOP,)))
    scope = _scope([("host", "api.example"), ("origin", SHOP)], path="/count")
    messages: list[Any] = [{"type": "http.request", "body": b"", "more_body": False}]
    done = await exchange(app, scope, messages)

    fields = dict(done.start["headers"])
    exposed = set(fields[b"access-control-expose-headers"].decode().split(", "))
    assert {"Retry-After", "X-Request-ID", "Idempotent-Replayed"} <= exposed
