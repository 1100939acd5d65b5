"""P12: what a client sends in the same breath as its goodbye is handled, in order, whatever the goodbye."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.eventually import eventually
from tests.support.http import http_client
from tests.support.raw import raw_polling
from tests.support.raw_frames import RawFrames, close_frame, raw_frames, text_frames
from tests.support.service import Service

EVENTS = 25
NOTES = [f'42["note",{number}]' for number in range(EVENTS)]


def by_close_frame(socket: RawFrames, frames: bytes) -> None:
    """As browsers do when a page goes."""
    socket.writer.write(frames + close_frame())


def by_normal_close(socket: RawFrames, frames: bytes) -> None:
    """As clients do that are told to."""
    socket.writer.write(frames + close_frame(1000))


def by_empty_close(socket: RawFrames, frames: bytes) -> None:
    """As `WebSocket.close()` does in browsers."""
    socket.writer.write(frames + close_frame(None))


def by_close_with_a_reason(socket: RawFrames, frames: bytes) -> None:
    """As an application does that has codes of its own."""
    socket.writer.write(frames + close_frame(4_000, "so long"))


def by_frame_of_no_kind(socket: RawFrames, frames: bytes) -> None:
    """By a frame that closes the connection."""
    socket.writer.write(frames + b"\x83\x80\0\0\0\0")


def by_frame_that_is_too_large(socket: RawFrames, frames: bytes) -> None:
    """By the head of one of 16 MB, which is refused before the rest has come."""
    socket.writer.write(frames + b"\x81\xff" + (16 << 20).to_bytes(8, "big") + bytes(4))


def by_fin(socket: RawFrames, frames: bytes) -> None:
    """As a process does that ends."""
    socket.writer.write(frames)
    socket.writer.close()


def by_half_close(socket: RawFrames, frames: bytes) -> None:
    """As a client does that sends no more, and reads on."""
    socket.writer.write(frames)
    socket.writer.write_eof()


def by_disconnect_packet(socket: RawFrames, frames: bytes) -> None:
    """As Socket.IO's clients do first."""
    socket.writer.write(frames + text_frames("41"))


def by_disconnect_packet_and_close(socket: RawFrames, frames: bytes) -> None:
    """As they do when they close at once."""
    socket.writer.write(frames + text_frames("41") + close_frame())


def by_engine_close(socket: RawFrames, frames: bytes) -> None:
    """As Engine.IO knows it."""
    socket.writer.write(frames + text_frames("1"))


def by_mistake(socket: RawFrames, frames: bytes) -> None:
    """By a packet that closes the connection."""
    socket.writer.write(frames + text_frames("x"))


ENDS: list[Callable[[RawFrames, bytes], None]] = [
    by_close_frame,
    by_normal_close,
    by_empty_close,
    by_close_with_a_reason,
    by_frame_of_no_kind,
    by_frame_that_is_too_large,
    by_fin,
    by_half_close,
    by_disconnect_packet,
    by_disconnect_packet_and_close,
    by_engine_close,
    by_mistake,
]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_events_in_one_write_with_the_end_of_a_websocket_are_handled_in_order(
    extended: Service, end: Callable[[RawFrames, bytes], None]
) -> None:
    async with raw_frames(extended.port) as socket:
        await socket.join()
        end(socket, text_frames(*NOTES))
        await _has_notes(extended, socket.set_cookies[0].pair)
        await _is_alone(extended, socket.set_cookies[0].pair)


async def test_events_with_their_connect_and_the_end_in_one_write_are_handled(
    extended: Service,
) -> None:
    async with raw_frames(extended.port) as socket:
        by_close_frame(socket, text_frames("40", *NOTES))
        await _has_notes(extended, socket.set_cookies[0].pair)
    async with raw_polling(extended.url, leave=False) as polling:
        await polling.post("40", *NOTES, "1")
        await _has_notes(extended, f"session={polling.client.cookies['session']}")


@pytest.mark.parametrize("goodbye", ["1", "41", "41\x1e1", "x"])
async def test_events_in_one_post_with_the_end_are_handled_in_order(
    extended: Service, goodbye: str
) -> None:
    async with raw_polling(extended.url, leave=False) as polling:
        await polling.join()
        cookie = f"session={polling.client.cookies['session']}"
        await polling.post(*NOTES, goodbye)
        await _has_notes(extended, cookie)


async def test_events_of_the_last_post_before_the_poll_is_called_off_are_handled(
    extended: Service,
) -> None:
    async with raw_polling(extended.url, leave=False) as polling:
        await polling.join()
        cookie = f"session={polling.client.cookies['session']}"
        assert (await polling.post(*NOTES)).text == "ok"
    await _has_notes(extended, cookie)


async def test_events_behind_a_goodbye_are_not_handled(extended: Service) -> None:
    """Not even where the goodbye has to wait for a handler, and thousands come behind it."""
    async with raw_frames(extended.port) as socket:
        await socket.join()
        late = ['42["note",99]'] * 1_000
        socket.writer.write(text_frames(*NOTES, "41", *late))
        await _has_notes(extended, socket.set_cookies[0].pair)
        await socket.until_closed()
        await _has_notes(extended, socket.set_cookies[0].pair)
    assert extended.log().count("out of order") <= 50


_steps = st.lists(st.sampled_from(["event", "event", "event", "leave and join"]), max_size=30)
_cuts = st.lists(st.floats(0, 1), max_size=3)


def test_no_event_before_any_end_is_lost(node: Service) -> None:
    """Events, goodbyes and new connects in any order, in writes of any size, and any end."""

    @settings(derandomize=True, deadline=None, max_examples=25)
    @given(_steps, _cuts, st.sampled_from(ENDS))
    def runs(steps: list[str], cuts: list[float], end: Callable[[RawFrames, bytes], None]) -> None:
        asyncio.run(_run(node, steps, cuts, end))

    runs()


async def _run(
    node: Service,
    steps: list[str],
    cuts: list[float],
    end: Callable[[RawFrames, bytes], None],
) -> None:
    texts = [each for step in steps for each in _texts(step)]
    frames = text_frames(*texts)
    async with raw_frames(node.port) as socket:
        await socket.join()
        start = 0
        for cut in sorted(int(cut * len(frames)) for cut in cuts):
            socket.writer.write(frames[start:cut])
            await socket.writer.drain()
            start = cut
        end(socket, frames[start:])
        cookie = socket.set_cookies[0].pair
        async with http_client(node.url, cookie=cookie) as client:
            expected = steps.count("event")

            async def counted() -> bool:
                session: dict[str, Any] = (await client.get("/session")).json()
                return (session["count"], session["sockets"]) == (expected, 0)

            await eventually(counted)


def _texts(step: str) -> list[str]:
    return ['42["incr"]'] if step == "event" else ["41", "40"]


async def _has_notes(node: Service, cookie: str) -> None:
    async with http_client(node.url, cookie=cookie) as client:

        async def noted() -> bool:
            data = (await client.get("/data")).json()
            assert data == {"notes": list(range(EVENTS))}
            return True

        await eventually(noted)


async def _is_alone(node: Service, cookie: str) -> None:
    async with http_client(node.url, cookie=cookie) as client:

        async def alone() -> bool:
            sockets: int = (await client.get("/session")).json()["sockets"]
            return sockets == 0

        await eventually(alone)
