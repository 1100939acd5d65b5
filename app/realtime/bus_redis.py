"""The bus as a Redis Stream."""

from typing import Any

from redis.exceptions import ResponseError

from app.realtime.bus import KEPT, Batch, Bus, Entry, Position
from app.sessions import StoreUnavailableError
from app.sessions.redis_link import Argument, Commands

STREAM = "mooring:bus"
WAIT = 1.0
"""Seconds that a read waits for news; the reader's link must wait longer for its answer."""

_BATCH = 500


class RedisBus(Bus):
    """Appends through `commands`, which it shares, and reads through `reader`, which it owns.

    A read that waits holds up whatever comes after it on its connection, so it has its own. After
    a cut it goes on from the last place it saw; a stream that was trimmed past that place, or that
    is another one (a server that came back empty, a replica that had not got everything), shows by
    its first and last entry.
    """

    def __init__(self, commands: Commands, reader: Commands, *, kept: int = KEPT) -> None:
        self._commands = commands
        self._reader = reader
        self._kept = kept
        self._check = True

    async def publish(self, origin: str, number: int, text: bytes) -> None:
        await _call(
            self._commands,
            *("XADD", STREAM, "MAXLEN", "~", self._kept, "*", "o", origin, "n", number, "m", text),
        )

    async def tail(self) -> Position:
        last = await _call(self._reader, "XREVRANGE", STREAM, "+", "-", "COUNT", 1)
        return _position(last[0][0]) if last else Position(0, 0)

    async def read(self, after: Position) -> Batch:
        if self._check and await self._is_broken(after):
            self._check = False
            return Batch([], await self.tail(), gap=True)
        self._check = True
        waiting = int(WAIT * 1000)
        found = await _call(
            self._reader,
            *("XREAD", "COUNT", _BATCH, "BLOCK", waiting, "STREAMS", STREAM, str(after)),
        )
        entries = [_entry(*item) for item in found[0][1]] if found else []
        # Only after a fault, or when there is more than one read can carry, may some have been lost.
        self._check = len(entries) == _BATCH
        return Batch(entries, entries[-1].position if entries else after)

    async def aclose(self) -> None:
        await self._reader.aclose()

    async def _is_broken(self, after: Position) -> bool:
        """Tell whether the stream does not reach from `after` on without a hole."""
        if after == Position(0, 0):
            return False
        first = await _call(self._reader, "XRANGE", STREAM, "-", "+", "COUNT", 1)
        return not first or _position(first[0][0]) > after or await self.tail() < after


async def _call(commands: Commands, *arguments: Argument) -> Any:
    try:
        return await commands.call(*arguments)
    except ResponseError as error:
        raise StoreUnavailableError(f"the bus answered: {error}") from error


def _position(text: bytes) -> Position:
    ms, number = text.split(b"-")
    return Position(int(ms), int(number))


def _entry(position: bytes, fields: list[bytes]) -> Entry:
    """Read an entry. Fields that are not there make a message that does not parse, and is skipped."""
    named = dict(zip(fields[::2], fields[1::2], strict=False))
    number = named.get(b"n", b"0")
    return Entry(
        _position(position),
        named.get(b"o", b"").decode(errors="replace"),
        int(number) if number.isdigit() else 0,
        named.get(b"m", b""),
    )
