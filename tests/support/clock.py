"""Clocks: one that moves when it is told to, and a server's own, which can only be waited for."""

from tests.support.eventually import eventually
from tests.support.servers import StoreServer


class Clock:
    """Seconds since the epoch, for whoever takes a clock as an argument."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now

    def __call__(self) -> float:
        return self._now

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds

    async def advance(self, seconds: float) -> None:
        """Let time pass, for those who can wait for it."""
        self.move(seconds)


class ServerClock:
    """The clock of a Valkey or Redis server."""

    def __init__(self, server: StoreServer) -> None:
        self._server = server

    def __call__(self) -> float:
        seconds, microseconds = self._server.command("TIME")
        return int(seconds) + int(microseconds) / 1e6

    async def advance(self, seconds: float) -> None:
        """Return when that much time has passed on the server."""
        target = self() + seconds
        await eventually(lambda: self() >= target, within=seconds + 5)
