"""Stores whose time can be moved at will, a server's too."""

import re
import time
from abc import ABC, abstractmethod

import redis

from app.sessions import MemoryStore, SessionStore
from tests.support.clock import Clock
from tests.support.stores_in_process import redis_store

_TIMES = re.compile(rb"([RP]\d+) (\d+) (\d+) ")


class World(ABC):
    """A store, and the time in which it lives."""

    store: SessionStore
    start: float
    offset = 0.0
    """Seconds by which the world's time is ahead of the store's times."""

    @abstractmethod
    def advance_time(self, seconds: float) -> None:
        """Move time on."""


class MemoryWorld(World):
    """The memory store with a clock of its own."""

    def __init__(self) -> None:
        self._clock = Clock()
        self.start = self._clock()
        self.store = MemoryStore(clock=self._clock)

    def advance_time(self, seconds: float) -> None:
        self._clock.move(seconds)


class ServerWorld(World):
    """A server that is emptied first.

    Its clock cannot be moved, so all that it keeps is moved into the past instead: the deadlines of
    the keys, and the times inside the records.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.start = time.time()
        self.store = redis_store(url)
        with redis.Redis.from_url(url) as client:
            client.flushall()

    def advance_time(self, seconds: float) -> None:
        self.offset += seconds
        with redis.Redis.from_url(self._url) as client:
            for name in client.scan_iter():
                left = client.pttl(name) - round(seconds * 1000)
                if left <= 0:
                    client.delete(name)
                else:
                    client.set(name, _earlier(client.get(name), round(seconds * 1000)), px=left)


def _earlier(value: bytes, ms: int) -> bytes:
    """Move the times inside a record, if it is one."""
    return _TIMES.sub(
        lambda times: b"%s %d %d " % (times[1], int(times[2]) - ms, int(times[3]) - ms),
        value,
        count=1,
    )
