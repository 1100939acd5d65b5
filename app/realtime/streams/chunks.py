"""Items of a source on their way into chunks."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson

from ..bodies import Body, write_body
from .log import Chunk

MAX_ITEM_BYTES = 262_144
"""An item that is larger has to be cut by the application: a chunk is sent as one packet."""


class ChunkBuffer:
    """Takes items from a source, and gives them to a writer: all that there are, in one chunk.

    Args:
        event: the name of the event.
        stream: the id of the stream.
        jsonable: returns an item as JSON data; raises for one that does not fit its type.
        size: bytes beyond which the source waits.
    """

    def __init__(
        self, event: str, stream: str, jsonable: Callable[[Any], Any], *, size: int
    ) -> None:
        self.event = event
        self._stream = stream
        self._jsonable = jsonable
        self._size = size
        self._items: list[Any] = []
        self._bytes = 0
        self._end = 0
        self._is_closed = self._is_aborted = False
        self._changed = asyncio.Event()

    @property
    def end(self) -> int:
        """The number of items that the writer has taken."""
        return self._end

    async def put(self, item: Any) -> None:
        """Add an item; wait until there is room for more.

        Raises:
            ValueError: it is larger than MAX_ITEM_BYTES, or no item of the declared type.
            TypeError: it has no form in JSON.
        """
        data = self._jsonable(item)
        weight = _weight(write_body([data]))
        if weight > MAX_ITEM_BYTES:
            raise ValueError(
                f"an item of the stream {self.event!r} takes {weight} bytes, the most is "
                f"{MAX_ITEM_BYTES}: cut it"
            )
        while not self._is_aborted and self._items and self._bytes + weight > self._size:
            await self._wait()
        if self._is_aborted:
            raise RuntimeError("the stream has ended: its source was cancelled, and has gone on")
        self._items.append(data)
        self._bytes += weight
        self._changed.set()

    def close(self) -> None:
        """Note that no item follows."""
        self._is_closed = True
        self._changed.set()

    def abort(self) -> None:
        """Take no more items."""
        self._is_aborted = True
        self._changed.set()

    async def take(self) -> Chunk | None:
        """Wait for items, and return all that there are as a chunk; None if none is to come."""
        while not self._items:
            if self._is_closed:
                return None
            await self._wait()
        items, self._items, self._bytes = self._items, [], 0
        start, self._end = self._end, self._end + len(items)
        self._changed.set()
        return Chunk(start, self._end, self._body(start, items=items))

    def last(self, **said: Any) -> Chunk:
        """Return the chunk that ends the stream: with `done`, or `error`."""
        return Chunk(self._end, self._end, self._body(self._end, **said), last=True)

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _body(self, start: int, **members: Any) -> bytes:
        return body_of(self.event, {"stream": self._stream, "offset": start, **members})


def body_of(event: str, argument: dict[str, Any]) -> bytes:
    """Return the body of a packet as it is kept."""
    return orjson.dumps(write_body([event, argument]).on_the_bus())


def _weight(body: Body) -> int:
    return len(body.text) + sum(map(len, body.attachments))
