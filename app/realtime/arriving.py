"""Packets on their way in: what they weigh, and those whose attachments have not all come."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

from ..asgi.limits import ATTACHMENTS, EVENT_CONTAINERS

_LETTERS = 20
"""Bytes that a character of JSON may take as part of an object: `[]` is two, and a list has 56 bytes."""

_EVENT_BYTES = 300
_CONTAINER_BYTES, _ITEM_BYTES = 64, 32

_ITEMS_PER_TURN = 10_000

_announced = re.compile(r"[56](\d{1,15})-").match


def waiting_bytes(text: str) -> int:
    """Return what a small event may take while it waits, decoded, at the worst."""
    return _EVENT_BYTES + _LETTERS * len(text)


def decoded_bytes(text: str) -> int:
    """Estimate what a large packet takes once it is decoded; raise ValueError if it has too many parts."""
    containers = text.count("[") + text.count("{")
    if containers > EVENT_CONTAINERS:
        raise ValueError("too many arrays and objects")
    return len(text) + _CONTAINER_BYTES * containers + _ITEM_BYTES * text.count(",")


def announced(text: str) -> int:
    """Return how many attachments a packet is to have; raise ValueError for too many."""
    found = _announced(text)
    count = int(found[1]) if found else 0
    if count > ATTACHMENTS:
        raise ValueError("too many attachments")
    return count


async def put_in_place(data: list[Any], attachments: list[bytes]) -> None:
    """Put attachments where a packet's data have placeholders for them.

    The library copies all of the data, object by object, which takes ten times as long as to decode them.
    Raise IndexError or TypeError for a placeholder of none.
    """
    waiting: list[Any] = [data]
    visited = 0
    while waiting:
        container = waiting.pop()
        places = container.items() if isinstance(container, dict) else enumerate(container)
        for place, item in places:
            visited += 1
            if visited % _ITEMS_PER_TURN == 0:
                await asyncio.sleep(0)
            if type(item) is dict and item.get("_placeholder") and "num" in item:
                container[place] = attachments[item["num"]]
            elif type(item) in (dict, list):
                waiting.append(item)


class Incomplete:
    """A packet that lacks attachments; it is decoded when it has them all."""

    __slots__ = ("_count", "_timer", "address", "attachments", "text")

    def __init__(self, text: str, count: int, address: str) -> None:
        self.text = text
        self.address = address
        self.attachments: list[bytes] = []
        self._count = count
        self._timer: asyncio.TimerHandle | None = None

    def close_after(self, seconds: float, close: Callable[[], None]) -> None:
        """Call `close` after so many seconds, unless it is complete or dropped by then."""
        self._timer = asyncio.get_running_loop().call_later(seconds, close)

    def add(self, attachment: bytes) -> bool:
        """Add an attachment, and return True if it was the last one."""
        self.attachments.append(attachment)
        return len(self.attachments) == self._count

    def take_parts(self) -> list[Any]:
        """Return the text and the attachments, and keep none of them."""
        parts = [self.text, *self.attachments]
        self.text = ""
        self.attachments.clear()
        return parts

    def stop_clock(self) -> None:
        """Stop the clock, which would keep all of it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
