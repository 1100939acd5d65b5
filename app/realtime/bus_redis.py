"""The bus as a Redis Stream."""

from collections.abc import Iterable, Sequence

from redis.exceptions import ResponseError

from app.realtime.asking import ask
from app.realtime.bus import KEPT, START, Batch, Bus, Entry, Numbered, Position
from app.sessions import StoreUnavailableError
from app.sessions.redis_link import Argument, Commands, Reply

STREAM = "mooring:bus"
WAIT = 1.0
"""Seconds that a read waits for news; the reader's link must wait longer for its answer."""

_BATCH = 500
_TOGETHER = 16
"""Messages that one entry holds at the most. The server keeps so many entries, whatever is in them."""


_Stored = tuple[bytes, list[bytes]]
"""A position, and names and values in turn: `o`, the origin; `n` and `m` for each message."""


class RedisBus(Bus):
    """Appends through `commands`, which it shares, and reads through `reader`, which it owns.

    A read that waits holds up whatever comes after it on its connection, so it has its own. After
    a cut it goes on from the last place it saw; if the entry that stood there is no longer there,
    the stream was trimmed past it, or is another one (a server that came back empty, a replica that
    had not got everything).
    """

    def __init__(self, commands: Commands, reader: Commands, *, kept: int = KEPT) -> None:
        self._commands = commands
        self._reader = reader
        self._kept = kept
        self._most = min(_BATCH, kept)
        self._doubt = True

    async def publish(self, origin: str, number: int, text: bytes) -> None:
        await ask(self._commands, *self._add(origin, [(number, text)]))

    async def publish_all(self, origin: str, messages: Sequence[Numbered]) -> list[Numbered]:
        """Send them all in one write, and many in one entry."""
        packs = [messages[at : at + _TOGETHER] for at in range(0, len(messages), _TOGETHER)]
        replies = [self._commands.call(*self._add(origin, pack)) for pack in packs]
        failed: list[Numbered] = []
        for pack, reply in zip(packs, replies, strict=True):
            if not await _got_through(reply):
                failed += pack
        return failed

    async def tail(self) -> Position:
        last = await ask(self._reader, "XREVRANGE", STREAM, "+", "-", "COUNT", 1)
        return _position(last[0][0]) if last else START

    async def read(self, after: Position) -> Batch:
        """Look for a gap only where there can be one: after a fault, and behind more than one read carries.

        What is trimmed leaves at least `kept` entries, so a read past it is a full one.
        """
        in_doubt = self._doubt or not self._reader.connected
        if in_doubt and not await self._reaches(after):
            return await self._gap()
        self._doubt = True
        stored = await self._read(after)
        if len(stored) == self._most and not await self._reaches(after):
            return await self._gap()
        self._doubt = False
        entries = [entry for each in stored for entry in _entries(*each)]
        return Batch(entries, entries[-1].position if entries else after)

    async def aclose(self) -> None:
        await self._reader.aclose()

    def _add(self, origin: str, messages: Sequence[Numbered]) -> list[Argument]:
        arguments: list[Argument] = ["XADD", STREAM, "MAXLEN", "~", self._kept, "*", "o", origin]
        for number, text in messages:
            arguments += ("n", number, "m", text)
        return arguments

    async def _read(self, after: Position) -> list[_Stored]:
        waiting = int(WAIT * 1000)
        found = await ask(
            self._reader,
            *("XREAD", "COUNT", self._most, "BLOCK", waiting, "STREAMS", STREAM, str(after)),
        )
        return found[0][1] if found else []

    async def _reaches(self, after: Position) -> bool:
        """Tell whether the stream has everything that came after a place."""
        if after == START:
            return bool(await ask(self._reader, "XLEN", STREAM) < self._kept)
        return bool(await ask(self._reader, "XRANGE", STREAM, str(after), str(after)))

    async def _gap(self) -> Batch:
        return Batch([], await self.tail(), gap=True)


async def _got_through(reply: Reply) -> bool:
    try:
        await reply
    except (ResponseError, StoreUnavailableError):
        return False
    return True


def _position(text: bytes) -> Position:
    ms, number = text.split(b"-")
    return Position(int(ms), int(number))


def _entries(position: bytes, fields: list[bytes]) -> Iterable[Entry]:
    """Read the messages of an entry; in place of one without any, one that does not parse."""
    place = _position(position)
    origin, number, text = "", 0, None
    for name, value in zip(fields[::2], fields[1::2], strict=False):
        if name == b"o":
            origin = value.decode(errors="replace")
        elif name == b"n":
            number = int(value) if value.isdigit() else 0
        elif name == b"m":
            text = value
            yield Entry(place, origin, number, text)
    if text is None:
        yield Entry(place, origin, number, b"")
