"""A connection on the short way: it reads no faster than the app, keeps what is unfinished, and ends once."""

import asyncio

import pytest
from uvicorn.protocols.utils import ClientDisconnected

from tests.websockets.both import MAX_SIZE, short_way
from tests.websockets.test_frames import CLOSE, TEXT, frame

ONE, OTHER = frame(TEXT, b"one"), frame(TEXT, b"other")


async def test_it_reads_on_while_the_app_takes_what_comes() -> None:
    connection = await short_way()
    for _ in range(3):
        connection.receive([ONE])
        assert await connection.protocol.next() == "one"
    assert not connection.transport.pause_reading.called


async def test_it_reads_no_more_while_two_texts_wait_and_goes_on_when_they_are_taken() -> None:
    connection = await short_way()
    connection.receive([ONE])
    assert connection.reads()
    connection.receive([OTHER])
    assert not connection.reads()
    assert await connection.protocol.next() == "one"
    assert not connection.reads()
    assert await connection.protocol.next() == "other"
    assert connection.reads()


async def test_what_comes_before_the_handshake_is_accepted_waits_for_it() -> None:
    connection = await short_way(accept=False)
    assert await connection.protocol.receive() == {"type": "websocket.connect"}
    connection.receive([ONE[:4], ONE[4:] + OTHER])
    assert not connection.reads()
    assert connection.events() == []
    await connection.protocol.send({"type": "websocket.accept"})
    assert await connection.protocol.next() == "one"
    assert await connection.protocol.next() == "other"
    assert connection.reads()


async def test_a_frame_in_many_pieces_is_not_copied_for_each() -> None:
    connection = await short_way()
    whole = frame(TEXT, b"x" * 200)
    connection.receive([whole[:10]])
    kept = connection.protocol._incomplete
    connection.receive([whole[10:20], whole[20:30]])
    assert connection.protocol._incomplete is kept
    connection.receive([whole[30:]])
    assert await connection.protocol.next() == "x" * 200


async def test_a_frame_that_will_be_too_large_is_refused_by_its_head() -> None:
    connection = await short_way()
    connection.receive([frame(TEXT, b"x" * (MAX_SIZE + 50))[:20]])
    assert connection.closed
    assert (1009).to_bytes(2, "big") in connection.written()


async def test_nothing_is_sent_to_a_client_that_has_left() -> None:
    connection = await short_way()
    connection.receive([frame(CLOSE, b"")])
    answered = connection.written()
    assert not connection.protocol.write_plain("late")
    with pytest.raises(ClientDisconnected):
        await connection.protocol.send({"type": "websocket.send", "text": "late"})
    connection.protocol.shutdown()
    assert connection.written() == answered


async def test_nothing_is_written_while_the_client_does_not_read() -> None:
    connection = await short_way()
    connection.protocol.pause_writing()
    assert not connection.protocol.write_plain("text")
    connection.protocol.resume_writing()
    assert connection.protocol.write_plain("text")


async def test_a_client_that_is_gone_before_it_is_accepted_is_not_answered() -> None:
    connection = await short_way(accept=False)
    connection.protocol.connection_lost(None)
    with pytest.raises(ClientDisconnected):
        await connection.protocol.send({"type": "websocket.accept"})
    assert connection.written() == b""


async def test_a_server_that_stops_during_a_handshake_refuses_it() -> None:
    connection = await short_way(accept=False)
    connection.protocol.shutdown()
    assert connection.written().startswith(b"HTTP/1.1 500 ")
    assert connection.closed
    with pytest.raises(ClientDisconnected):
        await connection.protocol.send({"type": "websocket.accept"})


async def test_a_handshake_that_is_being_refused_cannot_be_accepted() -> None:
    connection = await short_way(accept=False)
    await connection.protocol.send(
        {"type": "websocket.http.response.start", "status": 403, "headers": []}
    )
    with pytest.raises(RuntimeError):
        await connection.protocol.send({"type": "websocket.accept"})


@pytest.mark.parametrize("status", [403, 503])
async def test_a_handshake_is_refused_as_the_app_says(status: int) -> None:
    connection = await short_way(accept=False)
    start = {"type": "websocket.http.response.start", "status": status, "headers": [(b"a", b"b")]}
    await connection.protocol.send(start)
    await connection.protocol.send({"type": "websocket.http.response.body", "body": b"no"})
    answer = connection.written()
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\na: b\r\n" in answer
    assert answer.endswith(b"\r\n\r\nno")
    assert connection.closed


async def test_a_server_that_stops_says_so() -> None:
    connection = await short_way()
    connection.protocol.shutdown()
    assert (1012).to_bytes(2, "big") in connection.written()
    assert connection.closed
    await asyncio.sleep(0)
