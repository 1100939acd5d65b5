"""FastWebSocketProtocol: flow control, incomplete frames, and how a connection ends."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from uvicorn.protocols.utils import ClientDisconnected

from app.asgi.limits import FRAMES_PER_TURN, IDLE_PACKETS, LARGE_MESSAGES
from app.server import paced_websocket_protocol
from tests.server.protocols import MAX_SIZE, Connection, fast_connection, plain_connection
from tests.server.test_websocket_frames import CLOSE, PING, PONG, TEXT, frame
from tests.support.eventually import eventually

ONE, OTHER = frame(TEXT, b"one"), frame(TEXT, b"other")


async def test_it_reads_on_while_the_app_takes_what_comes() -> None:
    connection = await fast_connection()
    for _ in range(3):
        connection.receive([ONE])
        assert await connection.protocol.next() == "one"
    assert not connection.transport.pause_reading.called


async def test_it_reads_no_more_while_two_texts_wait_and_goes_on_when_they_are_taken() -> None:
    connection = await fast_connection()
    connection.receive([ONE])
    assert connection.reads()
    connection.receive([OTHER])
    assert not connection.reads()
    assert await connection.protocol.next() == "one"
    assert not connection.reads()
    assert await connection.protocol.next() == "other"
    assert connection.reads()


async def test_what_comes_before_the_handshake_is_accepted_waits_for_it() -> None:
    connection = await fast_connection(accept=False)
    assert await connection.protocol.receive() == {"type": "websocket.connect"}
    connection.receive([ONE[:4], ONE[4:] + OTHER])
    assert not connection.reads()
    assert connection.events() == []
    await connection.protocol.send({"type": "websocket.accept"})
    assert await connection.protocol.next() == "one"
    assert await connection.protocol.next() == "other"
    assert connection.reads()


async def test_a_frame_in_many_pieces_is_not_copied_for_each() -> None:
    connection = await fast_connection()
    whole = frame(TEXT, b"x" * 200)
    connection.receive([whole[:10]])
    kept = connection.protocol._rest
    connection.receive([whole[10:20], whole[20:30]])
    assert connection.protocol._rest is kept
    connection.receive([whole[30:]])
    assert await connection.protocol.next() == "x" * 200


async def test_a_frame_that_will_be_too_large_is_refused_by_its_head() -> None:
    connection = await fast_connection()
    connection.receive([frame(TEXT, b"x" * (MAX_SIZE + 50))[:20]])
    assert connection.closed
    assert (1009).to_bytes(2, "big") in connection.written()


async def test_nothing_is_sent_after_the_client_has_closed() -> None:
    connection = await fast_connection()
    connection.receive([frame(CLOSE, b"")])
    answered = connection.written()
    assert not connection.protocol.write_plain("late")
    with pytest.raises(ClientDisconnected):
        await connection.protocol.send({"type": "websocket.send", "text": "late"})
    connection.protocol.shutdown()
    assert connection.written() == answered


async def test_nothing_is_written_while_the_client_does_not_read() -> None:
    connection = await fast_connection()
    connection.protocol.pause_writing()
    assert not connection.protocol.write_plain("text")
    connection.protocol.resume_writing()
    assert connection.protocol.write_plain("text")


async def test_a_client_that_is_gone_before_it_is_accepted_is_not_answered() -> None:
    connection = await fast_connection(accept=False)
    connection.protocol.connection_lost(None)
    with pytest.raises(ClientDisconnected):
        await connection.protocol.send({"type": "websocket.accept"})
    assert connection.written() == b""


@pytest.mark.parametrize("unanswered", [fast_connection, plain_connection])
async def test_a_server_that_stops_during_a_handshake_leaves_the_answer_to_the_app(
    unanswered: Callable[..., Awaitable[Connection]],
) -> None:
    connection = await unanswered(accept=False)
    connection.protocol.shutdown()
    assert connection.written() == b""
    start = {"type": "websocket.http.response.start", "status": 503, "headers": []}
    await connection.protocol.send(start)
    await connection.protocol.send({"type": "websocket.http.response.body", "body": b"no"})
    assert connection.written().startswith(b"HTTP/1.1 503 ")
    assert connection.closed


async def test_a_handshake_that_is_being_refused_cannot_be_accepted() -> None:
    connection = await fast_connection(accept=False)
    await connection.protocol.send(
        {"type": "websocket.http.response.start", "status": 403, "headers": []}
    )
    with pytest.raises(RuntimeError):
        await connection.protocol.send({"type": "websocket.accept"})


@pytest.mark.parametrize("status", [403, 503])
async def test_a_handshake_is_refused_as_the_app_says(status: int) -> None:
    connection = await fast_connection(accept=False)
    start = {"type": "websocket.http.response.start", "status": status, "headers": [(b"a", b"b")]}
    await connection.protocol.send(start)
    await connection.protocol.send({"type": "websocket.http.response.body", "body": b"no"})
    answer = connection.written()
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\na: b\r\n" in answer
    assert answer.endswith(b"\r\n\r\nno")
    assert connection.closed


async def test_a_server_that_stops_closes_with_1012() -> None:
    connection = await fast_connection()
    connection.protocol.shutdown()
    assert (1012).to_bytes(2, "big") in connection.written()
    assert connection.closed
    await asyncio.sleep(0)


@pytest.mark.parametrize("made", [fast_connection, plain_connection])
async def test_so_many_frames_are_read_in_a_turn_and_the_rest_when_the_app_has_taken_them(
    made: Callable[[], Awaitable[Connection]],
) -> None:
    connection = await made()
    connection.receive([ONE * (FRAMES_PER_TURN * 2 + 1)])
    assert not connection.reads()
    assert len(connection.events()) == FRAMES_PER_TURN
    taken = 0
    connection.receive([OTHER])
    while taken <= FRAMES_PER_TURN:
        assert (await connection.protocol.receive())["text"] == "one"
        taken += 1
    assert (await connection.protocol.receive())["text"] == "other"
    assert connection.reads()


@pytest.mark.parametrize("made", [fast_connection, plain_connection])
async def test_frames_that_were_not_read_are_handed_on_before_the_end(
    made: Callable[[], Awaitable[Connection]],
) -> None:
    connection = await made()
    connection.receive([ONE * (FRAMES_PER_TURN * 2)])
    connection.protocol.connection_lost(ConnectionResetError())
    events = connection.events()
    assert len(events) == FRAMES_PER_TURN * 2 + 1
    assert events[-1]["type"] == "websocket.disconnect"


@pytest.mark.parametrize("made", [fast_connection, plain_connection])
@pytest.mark.parametrize("kind", [PING, PONG])
async def test_a_flood_of_control_frames_is_closed_with_1008(
    made: Callable[[], Awaitable[Connection]], kind: int
) -> None:
    connection = await made()
    connection.protocol.pause_writing()
    connection.receive([frame(kind, b"x" * 125)] * IDLE_PACKETS)
    assert connection.written() == b""  # no pong, as the client does not read
    connection.receive([frame(kind, b"")])
    assert b"\x03\xf0" in connection.written()
    assert connection.events()[-1]["code"] == 1008


@pytest.mark.parametrize("made", [fast_connection, plain_connection])
async def test_few_large_messages_of_an_address_are_received_at_once(
    made: Callable[[], Awaitable[Connection]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paced_websocket_protocol, "LARGE_MESSAGE_BYTES", 100)
    connections = [await made() for _ in range(LARGE_MESSAGES + 1)]
    large = frame(TEXT, b"x" * 200)
    for connection in connections:
        connection.receive([large[:50]])
    *first, last = connections
    assert all(connection.reads() for connection in first)
    assert not last.reads()

    first[0].receive([large[50:]])
    await first[0].protocol.receive()
    assert not last.reads()
    done = asyncio.create_task(first[0].protocol.receive())  # it has handled the first one
    await eventually(last.reads)
    done.cancel()
    for connection in connections:
        connection.protocol.connection_lost(None)
    assert not paced_websocket_protocol._large._taken
