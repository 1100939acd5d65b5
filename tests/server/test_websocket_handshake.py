"""A handshake on the fast path is one that `websockets` accepts, with the same response."""

import base64

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

from app.server.websocket_handshake import Header, accept_of, switching_protocols
from tests.server.protocols import HEADERS
from tests.support.samples import PROOF, times

steadily = settings(derandomize=not PROOF, deadline=None, max_examples=times(150, of=500))

NAMES = [name for name, _ in HEADERS] + [
    b"sec-websocket-protocol",
    b"sec-websocket-extensions",
    b"content-length",
    b"transfer-encoding",
    b"x-other",
]
VALUES = [
    *(value for _, value in HEADERS),
    *(b"keep-alive, Upgrade", b"keep-alive", b"WebSocket", b"h2c", b"8", b"", b"chunked", b"0"),
    *(base64.b64encode(bytes(size)) for size in (15, 16, 17)),
    *(b"\xff", b"AAAAAAAAAAAAAAAAAAAAAA", b"x" * 9_000),
]
ONE = st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES))


def by_library(headers: list[Header]) -> str | None:
    """The Sec-WebSocket-Accept that `websockets` answers with, if it accepts."""
    fields = Headers()
    for name, value in headers:
        fields[name.decode()] = value.decode("latin-1")
    response = ServerProtocol().accept(Request("/", fields))
    return response.headers["Sec-WebSocket-Accept"] if response.status_code == 101 else None


@pytest.mark.proof
@steadily
@given(st.lists(ONE, max_size=3), st.sets(st.integers(0, len(HEADERS) - 1), max_size=2))
@example([], set())
@example([(b"connection", b"keep-alive, Upgrade")], {1})
@example([(b"sec-websocket-key", b"AAAAAAAAAAAAAAAAAAAAAA")], {3})
def test_a_handshake_that_is_accepted_is_accepted_by_the_library(
    more: list[Header], without: set[int]
) -> None:
    headers = [header for index, header in enumerate(HEADERS) if index not in without] + more
    accept = accept_of(headers)
    assert accept is None or accept.decode() == by_library(headers)


@pytest.mark.parametrize("connection", [b"Upgrade", b"upgrade", b"keep-alive, Upgrade"])
@pytest.mark.parametrize("upgrade", [b"websocket", b"WebSocket"])
def test_what_browsers_node_and_proxies_send_is_on_the_fast_path(
    connection: bytes, upgrade: bytes
) -> None:
    changed = {b"connection": connection, b"upgrade": upgrade}
    headers = [(name, changed.get(name, value)) for name, value in HEADERS]
    assert accept_of(headers) is not None


@pytest.mark.parametrize(
    "more",
    [
        [(b"sec-websocket-protocol", b"chat")],
        [(b"sec-websocket-version", b"13")],
        [(b"content-length", b"5")],
    ],
    ids=["a subprotocol", "a header twice", "a body"],
)
def test_an_unusual_handshake_is_left_to_the_library(more: list[Header]) -> None:
    assert accept_of([*HEADERS, *more]) is None


def test_the_example_of_the_rfc() -> None:
    # RFC 6455, 1.3.
    key = (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==")
    accept = accept_of([header for header in HEADERS if header[0] != key[0]] + [key])
    assert accept == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    answer = switching_protocols(accept, [(b"set-cookie", b"a=b")])
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert answer.endswith(b"\r\nset-cookie: a=b\r\n\r\n")
