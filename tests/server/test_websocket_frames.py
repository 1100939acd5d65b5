"""Whatever a client sends, the fast path for frames does what uvicorn and `websockets` do."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.server.websocket_frames import read_alone
from tests.server.protocols import MAX_SIZE, Connection, fast_connection, library_connection
from tests.support.samples import PROOF, times

steadily = settings(derandomize=not PROOF, deadline=None, max_examples=times(100, of=300))

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
FIN, MASKED = 0x80, 0x80


def frame(
    opcode: int,
    payload: bytes,
    *,
    fin: bool = True,
    masked: bool = True,
    bits: int = 0,
    wide: int = 0,
) -> bytes:
    """A client's frame, of any kind; `wide` has its length written in 2 or 8 bytes where 1 would do."""
    length = len(payload)
    wide = wide or (0 if length < 126 else 2 if length < 65_536 else 8)
    marker = {0: length, 2: 126, 8: 127}[wide]
    head = bytes(((FIN if fin else 0) | bits | opcode, (MASKED if masked else 0) | marker))
    head += length.to_bytes(wide, "big") if wide else b""
    if not masked:
        return head + payload
    mask = b"\x01\x9f\x00\xf0"
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


TEXTS = st.text(max_size=150).map(str.encode)
PLAIN = st.builds(frame, st.just(TEXT), TEXTS)
CLOSES = st.builds(
    frame,
    st.just(CLOSE),
    st.sampled_from([b"", b"\x03\xe8", b"\x03\xe9", b"\x03\xe8bye", b"\x0f\xa0"]),
)
PARTS = st.builds(
    frame,
    st.sampled_from([TEXT, BINARY, CONTINUATION]),
    TEXTS | st.binary(max_size=150),
    fin=st.booleans(),
)
CONTROL = st.builds(frame, st.sampled_from([PING, PONG]), st.binary(max_size=125))
ODD = st.builds(
    frame,
    st.integers(0, 15),
    st.binary(max_size=MAX_SIZE + 50),
    fin=st.booleans(),
    masked=st.booleans(),
    bits=st.sampled_from([0, 0, 0x10, 0x40]),
    wide=st.sampled_from([0, 0, 2, 8]),
)
SENT = st.lists(PLAIN | PLAIN | PLAIN | PARTS | CONTROL | CLOSES | ODD, min_size=1, max_size=8)
CUTS = st.lists(st.integers(0, 600), max_size=6)


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    """A stream as it may arrive."""
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    return [stream[start:end] for start, end in pairwise(edges)]


@pytest.mark.proof
@steadily
@given(SENT, CUTS)
@example([frame(TEXT, b"\xff")], [])
@example([frame(TEXT, b"half", fin=False), frame(TEXT, b"another")], [])
@example([frame(BINARY, b"half", fin=False), frame(TEXT, b"text"), frame(TEXT, b"more")], [])
@example([frame(TEXT, b"x" * (MAX_SIZE + 1))], [20])
@example([frame(TEXT, b"x" * MAX_SIZE), frame(TEXT, b"y" * 126)], [3, 5])
@example([frame(CLOSE, b"\x03\xe8"), frame(TEXT, b"too late")], [])
@example([frame(PING, b"?"), frame(CLOSE, b"")], [])
@example([frame(TEXT, b"short", wide=8), frame(TEXT, b"short", wide=2)], [4])
def test_both_receive_and_send_the_same(sent: list[bytes], cuts: list[int]) -> None:
    async def compare() -> None:
        library, fast = await library_connection(), await fast_connection()
        library.receive(sent)  # of one piece it would drop the good frames if a later one is bad
        fast.receive(pieces(b"".join(sent), cuts))
        assert fast.events() == library.events()
        assert fast.written() == library.written()
        assert fast.closed == library.closed

    asyncio.run(compare())


@pytest.mark.proof
@steadily
@given(SENT, CUTS)
@example([frame(TEXT, b"x" * 125), frame(TEXT, b"y" * 126), frame(TEXT, b"z" * 127)], [])
@example([frame(TEXT, b"short") + frame(TEXT, b"x" * 122), frame(TEXT, b"more")], [])
@example([frame(TEXT, b"\xff"), frame(TEXT, b"too late")], [])
@example([frame(PING, b"?"), frame(TEXT, b"taken")], [])
@example([frame(BINARY, b"half", fin=False), frame(TEXT, b"text")], [])
@example([frame(TEXT, b"short", wide=2), frame(TEXT, b"", masked=False)], [])
def test_what_is_taken_at_once_is_what_would_have_been_received(
    sent: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(sent)
    for arriving in (sent, pieces(stream, cuts)):
        asyncio.run(_compare_taken(sent, arriving))


async def _compare_taken(sent: list[bytes], arriving: list[bytes]) -> None:
    """Compare what the library receives with what is offered, half of which is declined, and received."""
    library, fast = await library_connection(), await fast_connection()
    library.receive(sent)
    received: list[dict[str, Any]] = []

    def take(text: str) -> bool:
        if len(text) % 2:
            received.append({"type": "websocket.receive", "text": text})
        return bool(len(text) % 2)

    async def receive() -> None:
        while True:
            received.append(await fast.protocol.receive())

    receiving = asyncio.create_task(receive())
    fast.protocol.take = take
    for piece in arriving:
        fast.receive([piece])
        for _ in range(3):  # until it has received that, and waits again
            await asyncio.sleep(0)
    async with asyncio.timeout(10):
        while not fast.protocol.queue.empty() or fast.protocol._scheduled:
            await asyncio.sleep(0)
    receiving.cancel()
    assert received == library.events()
    assert fast.written() == library.written()
    assert fast.closed == library.closed


def test_a_short_frame_with_something_behind_it_is_not_alone() -> None:
    short, mask = frame(TEXT, b"short"), b"\x9f\x00\xf0\x01"
    for length in range(1, 300):
        assert read_alone(short + bytes(ord("a") ^ mask[nth % 4] for nth in range(length))) is None
    assert read_alone(short) == "short"


@pytest.mark.proof
@steadily
@given(SENT, CUTS)
def test_both_wait_alike_for_the_client_s_close(sent: list[bytes], cuts: list[int]) -> None:
    async def compare() -> None:
        library, fast = await library_connection(), await fast_connection()
        for connection, rest in ((library, sent), (fast, pieces(b"".join(sent), cuts))):
            connection.receive([frame(TEXT, b"half a message")[:7]])
            await connection.protocol.send({"type": "websocket.close"})
            connection.receive([frame(TEXT, b"half a message")[7:], *rest])
            give_up(connection)
        assert fast.events() == library.events()
        assert fast.written() == library.written()
        assert fast.closed == library.closed

    asyncio.run(compare())


def give_up(connection: Connection) -> None:
    """Stop waiting for the client's close."""
    if connection.protocol.close_timer is not None:
        connection.protocol.close_timer.cancel()


@pytest.mark.proof
@steadily
@given(st.lists(st.text(max_size=200), max_size=5))
def test_both_write_the_same(texts: list[str]) -> None:
    async def compare() -> None:
        library, fast = await library_connection(), await fast_connection()
        for text in [*texts, "x" * 125, "x" * 126, "x" * 65_535, "x" * 65_536]:
            await library.protocol.send({"type": "websocket.send", "text": text})
            if not fast.protocol.write_plain(text):
                await fast.protocol.send({"type": "websocket.send", "text": text})
        assert fast.written() == library.written()

    asyncio.run(compare())
