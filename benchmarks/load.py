"""The load: wrk for HTTP, a Node process with raw WebSockets for sockets."""

import json
import os
import resource
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any, Self

from benchmarks.processes import LOAD_CORE, SERVER_CORE, core_seconds, cpu_seconds, pinned
from benchmarks.systems import NODE_DIRECTORY, Server
from tests.support.driver import node_binary

Sample = dict[str, float]

CONNECTIONS = 40
_SCRIPT = NODE_DIRECTORY / "wrk.lua"


class LoadError(Exception):
    """The load could not be put on, or something was answered with an error."""


class Sockets:
    """The socket load, entered to start it; `ask` has it do something."""

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(
            pinned(LOAD_CORE, [node_binary(), str(NODE_DIRECTORY / "load.mjs")]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_error: object) -> None:
        self._child.kill()
        self._child.communicate()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    def ask(self, op: str, *, seconds: float = 60.0, **arguments: Any) -> Any:
        """Give the answer to a command of load.mjs; raises LoadError if there is none in time."""
        assert self._child.stdin
        assert self._child.stdout
        timer = Timer(seconds, self._child.kill)
        timer.start()
        try:
            self._child.stdin.write(json.dumps({"op": op, **arguments}) + "\n")
            self._child.stdin.flush()
            line = self._child.stdout.readline()
        finally:
            timer.cancel()
        answer = json.loads(line or f'{{"error": "no answer within {seconds} s"}}')
        if "error" in answer:
            raise LoadError(f"{op}: {answer['error']}")
        return answer["ok"]


@dataclass
class Use:
    """What a stretch of time took."""

    seconds: float = 0.0
    server: float = 0.0
    load: float = 0.0
    core: float = 0.0
    """What everybody used of the server's core."""


@contextmanager
def measured(server: Server, *load: int) -> Iterator[Use]:
    """Note what a server, and those who put the load on it, use meanwhile; all of it in seconds."""
    use = Use()
    start, before, load_before = time.perf_counter(), cpu_seconds(server.pid), _cpu_of(load)
    core = core_seconds(SERVER_CORE)
    yield use
    use.core = core_seconds(SERVER_CORE) - core
    use.seconds = time.perf_counter() - start
    use.server = cpu_seconds(server.pid) - before
    use.load = _cpu_of(load) - load_before


def _cpu_of(pids: Sequence[int]) -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime + sum(map(cpu_seconds, pids))


def request_again_and_again(
    server: Server, route: str, cookies: Path, seconds: int, *load: int
) -> Sample:
    """Put all the requests on a route that it takes; `route` is a method and a path."""
    method, path = route.split()
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s"]
    command += ["-s", str(_SCRIPT), server.url + path, "--", method, str(cookies)]
    with measured(server, *load) as use:
        run = subprocess.run(
            pinned(LOAD_CORE, command), capture_output=True, timeout=seconds + 30, check=False
        )
    if run.returncode:
        raise LoadError(f"wrk: {run.stderr.decode()}")
    result = json.loads(run.stdout.splitlines()[-1])
    if result["failed"]:
        raise LoadError(f"{result['failed']} requests failed at {server.system.title}")
    return sample(result["requests"], use, result)


def sample(count: int, use: Use, waits: dict[str, float]) -> Sample:
    """Put together what a round of `count` requests or events showed."""
    return {
        "rate": count / waits.get("seconds", use.seconds),
        "p50_ms": waits["p50_ms"],
        "p99_ms": waits["p99_ms"],
        "cpu_us": use.server / max(1, count) * 1e6,
        # Near 1 if it was the server that set the pace.
        "busy": use.server / use.seconds,
        "load_busy": use.load / use.seconds,
        # Neighbours, near 0 on a quiet machine.
        "others": max(0.0, use.core - use.server) / use.seconds,
    }


def write_cookies(path: Path, cookies: Sequence[str]) -> Path:
    """Write a file for wrk."""
    path.write_text(os.linesep.join(cookies))
    return path
