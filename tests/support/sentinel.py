"""Real Redis servers that Sentinels watch: a master, replicas, and who is promoted."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import redis

from tests.support.processes import Process, free_port
from tests.support.servers import BINARIES, StoreServer

SERVICE = "mooring"
SENTINELS = 3
_TROUBLES = {"s_down", "o_down", "disconnected", "failover_in_progress"}
"""Flags of what a Sentinel sees. Another one's `master_down` may be what that said long ago (Valkey)."""


class Sentinel:
    """One Sentinel."""

    def __init__(self, directory: Path, master: StoreServer, binary: str) -> None:
        self.port = free_port()
        directory.mkdir()
        file = directory / "sentinel.conf"
        lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"sentinel monitor {SERVICE} 127.0.0.1 {master.port} 2",
            f"sentinel down-after-milliseconds {SERVICE} 1000",
            f"sentinel failover-timeout {SERVICE} 6000",
        ]
        file.write_text("\n".join(lines))
        self._process = Process([binary, str(file), "--sentinel"], directory)

    def start(self) -> None:
        """Start, and wait until it answers."""
        self._process.start(self._answers)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def pause(self) -> None:
        """Hang it."""
        self._process.pause()

    def resume(self) -> None:
        """Let it go on after a pause."""
        self._process.resume()

    def ensure(self) -> None:
        """Have it run, whether it was paused, killed or neither."""
        if self._process.alive:
            self.resume()
        else:
            self.start()

    def command(self, *words: str) -> Any:
        """Run one command."""
        with redis.Redis(port=self.port, decode_responses=True) as client:
            return client.execute_command(*words)

    def master_port(self) -> int:
        """Where it says that the master is."""
        return int(self.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1])

    def knows(self, replicas: int) -> bool:
        """Whether it has found so many replicas, and all other Sentinels."""
        found = self.command("SENTINEL", "REPLICAS", SERVICE)
        others = self.command("SENTINEL", "SENTINELS", SERVICE)
        return (len(found), len(others)) == (replicas, SENTINELS - 1)

    def sees_well(self, replicas: int) -> bool:
        """Whether it reaches the master, so many replicas, all other Sentinels, and no failover is on."""
        master = self.command("SENTINEL", "MASTER", SERVICE)
        others = self.command("SENTINEL", "SENTINELS", SERVICE)
        found = self.command("SENTINEL", "REPLICAS", SERVICE)
        return len(found) == replicas and not any(
            _TROUBLES & set(each["flags"].split(",")) for each in (master, *others, *found)
        )

    def _answers(self) -> bool:
        try:
            return bool(self.command("PING"))
        except redis.RedisError:
            return False


class Watched:
    """The servers, the first of which is the master at the start, and their Sentinels."""

    def __init__(self, servers: Sequence[StoreServer], sentinels: Sequence[Sentinel]) -> None:
        self.servers = servers
        self.sentinels = sentinels
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in sentinels)
        self.url = f"redis+sentinel://{hosts}/{SERVICE}"

    @property
    def master(self) -> StoreServer:
        """The server that the last Sentinel says is the master."""
        port = self.sentinels[-1].master_port()
        return next(server for server in self.servers if server.port == port)

    @property
    def replicas(self) -> list[StoreServer]:
        """All others."""
        master = self.master
        return [server for server in self.servers if server is not master]


@contextmanager
def watched_servers(*, replicas: int = 2, kind: str = "redis") -> Iterator[Watched]:
    """Running servers; the replicas have caught up, and the Sentinels know all there is to know.

    Args:
        replicas: how many.
        kind: of the servers and the Sentinels, one of STORE_SERVERS.
    """
    binary = BINARIES[kind]()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="mooring-sentinel-")))
        at_once = ["--repl-diskless-sync-delay", "0"]
        master = _started(stack, StoreServer(binary, more=at_once))
        follow = [*at_once, "--replicaof", f"127.0.0.1 {master.port}"]
        others = [_started(stack, StoreServer(binary, more=follow)) for _ in range(replicas)]
        for replica in others:
            _wait(partial(_has_caught_up, replica))
        sentinels = [Sentinel(folder / str(number), master, binary) for number in range(SENTINELS)]
        for sentinel in sentinels:
            stack.callback(sentinel.kill)
            sentinel.start()
        for sentinel in sentinels:
            _wait(partial(sentinel.knows, replicas))
        yield Watched([master, *others], sentinels)


def _started(stack: ExitStack, server: StoreServer) -> StoreServer:
    stack.callback(server.close)
    return server.start()


def _has_caught_up(replica: StoreServer) -> bool:
    return bool(replica.command("ROLE")[3] == "connected")


def _wait(condition: Callable[[], bool], *, within: float = 30.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "the servers and Sentinels did not find each other"
        time.sleep(0.02)
