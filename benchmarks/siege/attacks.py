"""What one hostile client does, kind by kind: each goes on until it is cancelled."""

import asyncio
import itertools
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from benchmarks.siege.wire import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    SEPARATOR,
    TEXT,
    Wire,
    connection,
    frame,
    new_polling,
    new_session,
    request,
    websocket,
)

Attack = Callable[[int, str], Awaitable[None]]
"""Of a port, with a cookie."""

ATTACKS: dict[str, Attack] = {}

_BLOCK_BYTES = 65_536
_SOCKETS = 40
_LARGE = 990_000
_PATIENCE_SECONDS = 0.05
"""After which a client that was sent away comes back; faster, it would be its handshakes that cost."""


def _attack(name: str) -> Callable[[Attack], Attack]:
    def add(attack: Attack) -> Attack:
        ATTACKS[name] = attack
        return attack

    return add


def _block(*pieces: bytes) -> bytes:
    """The pieces again and again, in as much as is written at once."""
    piece = b"".join(pieces)
    return piece * max(1, _BLOCK_BYTES // len(piece))


async def _again_and_again(attack: Callable[[], Awaitable[None]]) -> None:
    """Begin anew whenever the node closes the connection."""
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            await attack()
        await asyncio.sleep(_PATIENCE_SECONDS)


def _flood(name: str, *pieces: bytes, first: bytes = b"", reads: bool = True) -> None:
    """Add an attack that repeats frames on one WebSocket."""
    block = _block(*pieces)

    async def attack(port: int, cookie: str) -> None:
        async def once() -> None:
            async with websocket(port, cookie) as wire:
                if reads:
                    wire.read_on()
                await wire.write(first)
                await wire.flood(block)

        await _again_and_again(once)

    ATTACKS[name] = attack


_flood("empty-pings", frame(b"", PING))
_flood("unread-pings", frame(b"x" * 125, PING), reads=False)
_flood("pongs", frame(b"", PONG))
_flood("empty-fragments", frame(b"", CONTINUATION, fin=False), first=frame(b"42", TEXT, fin=False))
_flood("byte-fragments", frame(b"x", CONTINUATION, fin=False), first=frame(b"4", TEXT, fin=False))
_flood("noops", frame(b"6"))
_flood("engine-pongs", frame(b"3"))
_flood("unasked-acks", frame(b"431[]"))
_flood("joins", frame(b"41"), frame(b"40"))
_flood("incr", frame(b'42["incr"]'))
_flood("incr-acked", frame(b'421["incr"]'), reads=False)
_flood("unknown-events", frame(b'42["nothing"]'))


_FILLING = b",[]" * 49_000 + b",1.5" * 200_000
"""Nearly a megabyte whose objects take as much memory as may be."""


async def _side_by_side(port: int, cookie: str, one: Callable[[Wire], Awaitable[None]]) -> None:
    """Do something on many WebSockets at once."""

    async def once() -> None:
        async with websocket(port, cookie) as wire:
            wire.read_on()
            await one(wire)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_SOCKETS):
            tasks.create_task(_again_and_again(once))


@_attack("large-events")
async def _large_events(port: int, cookie: str) -> None:
    """Twenty increments, which have to be waited for, and behind them what is large."""
    block = frame(b'42["incr"]') * 20 + frame(b'42["incr"' + _FILLING + b"]")
    await _side_by_side(port, cookie, lambda wire: wire.flood(block))


@_attack("slow-frames")
async def _slow_frames(port: int, cookie: str) -> None:
    """Messages of nearly a megabyte that never become whole."""
    unfinished = frame(b'42["incr"' + _FILLING + b"]")[:-10]

    async def one(wire: Wire) -> None:
        await wire.write(unfinished)
        await asyncio.sleep(3600)

    await _side_by_side(port, cookie, one)


@_attack("attachments")
async def _attachments(port: int, cookie: str) -> None:
    """Binary events of nearly a megabyte, with ten small attachments each."""
    places = b",".join(b'{"_placeholder":true,"num":%d}' % number for number in range(10))
    head = b'4510-["incr",' + places + _FILLING + b"]"
    block = frame(head) + frame(b"x", BINARY) * 10
    await _side_by_side(port, cookie, lambda wire: wire.flood(block))


@_attack("awaited-attachments")
async def _awaited_attachments(port: int, cookie: str) -> None:
    """Large attachments, of which the last never comes."""
    places = b",".join(b'{"_placeholder":true,"num":%d}' % number for number in range(10))
    block = frame(b'4510-["incr",' + places + b"]") + frame(b"x" * _LARGE, BINARY) * 9

    async def one(wire: Wire) -> None:
        await wire.write(block)
        await asyncio.sleep(3600)

    await _side_by_side(port, cookie, one)


async def _posts(port: int, cookie: str, packets: list[bytes]) -> None:
    body = SEPARATOR.join(itertools.islice(itertools.cycle(packets), 9_999))
    length = f"Content-Length: {len(body)}"

    async def once() -> None:
        path = await new_polling(port, cookie)
        async with connection(port) as wire:
            joining = request("POST", path, cookie, "Content-Length: 2") + b"40"
            await wire.write(joining)
            while (await wire.read_response()).startswith(b"HTTP/1.1 200"):
                await wire.write(request("POST", path, cookie, length) + body)

    await _again_and_again(once)


@_attack("posted-acks")
async def _posted_acks(port: int, cookie: str) -> None:
    """Thousands of acks that nobody asked for, in each post."""
    await _posts(port, cookie, [b"431[]"])


@_attack("posted-joins")
async def _posted_joins(port: int, cookie: str) -> None:
    """Thousands of connects and disconnects in each post."""
    await _posts(port, cookie, [b"41", b"40"])


@_attack("posted-events")
async def _posted_events(port: int, cookie: str) -> None:
    """Thousands of events in each post, whose acks nobody fetches."""
    await _posts(port, cookie, [b'421["incr"]'])


async def _hold_open(port: int, count: int, head: Callable[[], Awaitable[bytes]]) -> None:
    """Open so many requests, and send no more of them."""

    async def one() -> None:
        async with connection(port) as wire:
            await wire.write(await head())
            while await wire.reader.read(65_536):
                pass

    async with asyncio.TaskGroup() as tasks:
        for _ in range(count):
            tasks.create_task(_again_and_again(one))


@_attack("late-handshakes")
async def _late_handshakes(port: int, cookie: str) -> None:
    """Handshakes with bodies that do not come."""

    async def head() -> bytes:
        return request("GET", "/socket.io/?EIO=4&transport=polling", cookie, "Content-Length: 9")

    await _hold_open(port, 300, head)


@_attack("endless-posts")
async def _endless_posts(port: int, cookie: str) -> None:
    """Posts to the engine that never end."""

    async def head() -> bytes:
        path = await new_polling(port, cookie)
        return request("POST", path, cookie, f"Content-Length: {_LARGE}") + b"4" * (_LARGE - 9)

    await _hold_open(port, _SOCKETS, head)


@_attack("unread-responses")
async def _unread_responses(port: int, cookie: str) -> None:
    """Requests for the largest answer that there is, none of which is read."""
    asked = request("GET", "/socket.io/socket.io.js", cookie) * 100

    async def one() -> None:
        async with connection(port) as wire:
            wire.stop_reading()
            await wire.flood(asked)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(300):
            tasks.create_task(_again_and_again(one))


@_attack("slow-requests")
async def _slow_requests(port: int, cookie: str) -> None:
    """Heads and bodies that come byte by byte."""
    head = request("POST", "/incr", cookie, f"Content-Length: {_LARGE}")

    async def one(begun: bytes) -> None:
        async with connection(port) as wire:
            wire.read_on()
            await wire.write(begun)
            while True:
                await asyncio.sleep(0.5)
                await wire.write(b"x")

    async with asyncio.TaskGroup() as tasks:
        for begun in (head, head[:20]) * 150:
            tasks.create_task(_again_and_again(partial(one, begun)))


@_attack("resets")
async def _resets(port: int, cookie: str) -> None:
    """Connections that are reset amid their first request."""
    linger = struct.pack("ii", 1, 0)

    async def one() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as reset:
            reset.setblocking(False)
            reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            await loop.sock_connect(reset, ("127.0.0.1", port))
            await loop.sock_sendall(reset, request("GET", "/session", cookie))

    async def hundred() -> None:
        await asyncio.gather(*(one() for _ in range(100)))

    await _again_and_again(hundred)


@_attack("garbage")
async def _garbage(port: int, _cookie: str) -> None:
    """What is no HTTP."""

    async def one() -> None:
        async with connection(port) as wire:
            await wire.flood(b"\x16\x03\x01 nothing\r\n" * 1000)

    await _again_and_again(one)


@_attack("empty-lines")
async def _empty_lines(port: int, _cookie: str) -> None:
    """Empty lines in place of a request."""

    async def one() -> None:
        async with connection(port) as wire:
            await wire.flood(b"\r\n" * 10_000)

    await _again_and_again(one)


async def attack(kind: str, port: int) -> None:
    """Attack a node until cancelled, in one session."""
    await ATTACKS[kind](port, await new_session(port))
