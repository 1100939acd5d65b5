"""A store, servers on it, and a load for each: what a figure is measured in."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks.load import Sample, Sockets
from benchmarks.systems import DEFAULT_TIMES, Server, StoreServer, System, Times

Results = dict[str, list[Sample]]
"""The samples of each system, one for each round, by its name."""


@dataclass(frozen=True)
class Scale:
    """How long and how large; times in seconds."""

    name: str
    rounds: int
    seconds: int
    fresh_rounds: int
    """Where each round is long, or needs fresh processes."""
    sockets: int
    reloading: int
    fan_out: int
    settle: float
    """After which a process is quiet, and holds the memory that it is going to hold."""
    idle_timeout: int
    reload_interval: int


FULL = Scale(
    "full",
    rounds=7,
    seconds=1,
    fresh_rounds=3,
    sockets=3000,
    reloading=2000,
    fan_out=1000,
    settle=3.0,
    idle_timeout=30,
    reload_interval=30,
)
QUICK = Scale(
    "quick",
    rounds=3,
    seconds=1,
    fresh_rounds=1,
    sockets=500,
    reloading=500,
    fan_out=200,
    settle=0.5,
    idle_timeout=10,
    reload_interval=3,
)


class World:
    """Entered to start all of it; one server for each system named, and a load for each server."""

    def __init__(self, store: str, systems: Sequence[System], times: Times = DEFAULT_TIMES) -> None:
        self._store = store
        self._systems = systems
        self._times = times
        self._stack = ExitStack()
        self.servers: list[Server] = []
        self.sockets: dict[Server, Sockets] = {}
        self.store: StoreServer | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        directory = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="mooring-bench-"))
        self.directory = Path(directory)
        if self._store == "redis":
            self.store = self._stack.enter_context(StoreServer(self.directory))
        for system in self._systems:
            server = Server(system, self.store, self._times)
            self.servers.append(self._stack.enter_context(server))
            self.sockets[server] = self._stack.enter_context(Sockets())

    def load(self, server: Server) -> list[int]:
        """Give the processes that a server keeps busy on the load's core."""
        return [self.sockets[server].pid, *([self.store.pid] if self.store else [])]

    def in_turn(self, scale: Scale, measure: Callable[[Server, int], Sample]) -> Results:
        """Measure each server in turn, again and again. `measure` is given the seconds."""
        for server in self.servers:
            measure(server, 1)  # compiled, cached and connected, then it counts
        samples: dict[Server, list[Sample]] = {server: [] for server in self.servers}
        for _ in range(scale.rounds):
            for server in self.servers:
                samples[server].append(measure(server, scale.seconds))
        return {server.system.name: each for server, each in samples.items()}
