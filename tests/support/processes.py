"""A child process that listens on a port and writes a log."""

import fcntl
import itertools
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Protocol, TextIO

ROOT = Path(__file__).parents[2]

START_TIMEOUT = 60.0
"""Seconds; far more than any of them takes, as a busy machine is no fault of what is tested."""


_PORTS = range(10_081, 32_000)
"""Below those which the system gives to outgoing connections: what is free now stays free.

Above those which browsers, and `fetch` in Node, refuse as "bad ports": the last is 10080 (Fetch, 2.9).
"""

_PARTS = 32


@cache
def _candidates() -> Iterator[int]:
    """Count through the ports of this process, from a random one on.

    Of all test processes on a machine, whoever has started them, each has a part of the range to itself
    while it runs. A server that is killed, and started again, has its port still; and no Sentinel of
    one run finds a server of another one where its replica was.
    """
    mine = _PORTS[_own_part() :: _PARTS]
    start = random.randrange(len(mine))
    return itertools.cycle([*mine[start:], *mine[:start]])


def _own_part() -> int:
    """Return a part that no other process has, and keep it until this one ends; any if there is none."""
    folder = Path(tempfile.gettempdir()) / f"mooring-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for part in range(_PARTS):
        lock = (folder / str(part)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
        else:
            _locks.append(lock)
            return part
    return random.randrange(_PARTS)


_locks: list[TextIO] = []


def free_port() -> int:
    """Return a port that nobody listens on, and that nobody else is given soon."""
    return next(filter(_is_free, _candidates()))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


class Child(Protocol):
    """What is used of a Popen."""

    @property
    def pid(self) -> int:
        """The process id."""

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code; raise subprocess.TimeoutExpired if it takes longer."""

    def terminate(self) -> None:
        """Send SIGTERM."""

    def send_signal(self, sig: int, /) -> None:
        """Send any signal."""


class Process:
    """A command that can be started again and again; its output goes to one log file."""

    def __init__(
        self, command: Sequence[str], directory: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self._command = command
        self._directory = directory
        self._env = env
        self._child: Child | None = None
        self._paused = False
        self._group_killed = False
        self.log_file = directory / "log"

    @property
    def pid(self) -> int:
        """The process id of what runs now."""
        return self._running().pid

    @property
    def alive(self) -> bool:
        """Whether the process runs (a paused one does)."""
        return self.returncode is None and self._child is not None

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; None while it runs, and before."""
        code = None if self._child is None else self._child.poll()
        if code is not None:
            self._kill_group()
        return code

    @property
    def answers(self) -> bool:
        """Whether the process runs and is not paused."""
        return self.alive and not self._paused

    def start(self, ready: Callable[[], bool], *, within: float = START_TIMEOUT) -> None:
        """Start and wait until `ready`; fails with the log if the process ends or is too late."""
        self._paused = False
        self._child = self._launch()
        self._group_killed = False
        deadline = time.monotonic() + within
        while not ready():
            if not self.alive or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"{self._command[0]} did not come up:\n{self.log()}")
            time.sleep(0.01)

    def run(self, *, within: float = START_TIMEOUT) -> int:
        """Start, wait until it ends by itself, and return its exit code; fails if it takes longer."""
        self.start(lambda: True)
        try:
            return self._running().wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it goes on after {within} s:\n{self.log()}") from None
        finally:
            self.kill()

    def stop(self, *, within: float = 12.0) -> int:
        """Ask it to end with SIGTERM and return its exit code; fails if it takes longer."""
        child = self._running()
        child.terminate()
        child.send_signal(signal.SIGCONT)
        try:
            code = child.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still up {within} s after SIGTERM:\n{self.log()}") from None
        self._kill_group()
        return code

    def kill(self) -> None:
        """End it at once, if it runs, and the processes that it has started."""
        if self._child is not None:
            self._kill_group()
            self._child.wait()

    def pause(self) -> None:
        """Hang it: connections stay open, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)
        self._paused = True

    def resume(self) -> None:
        """Let a paused process go on."""
        os.kill(self.pid, signal.SIGCONT)
        self._paused = False

    def signal(self, number: signal.Signals) -> None:
        """Send it any signal."""
        os.kill(self.pid, number)

    @property
    def logged(self) -> int:
        """How many bytes it has written so far."""
        return self.log_file.stat().st_size if self.log_file.exists() else 0

    def log(self, since: int = 0) -> str:
        """What it has written so far, from a byte on."""
        if not self.log_file.exists():
            return ""
        with self.log_file.open("rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")

    def _kill_group(self) -> None:
        """Once for each start: what has ended long ago may have left its number to another group."""
        if self._child is not None and not self._group_killed:
            self._group_killed = True
            with suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)

    def _launch(self) -> Child:
        with self.log_file.open("ab") as log:
            return subprocess.Popen(
                self._command,
                cwd=self._directory,
                env=self._env,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a group of its own, for its children
                preexec_fn=hang_up_by_default,  # noqa: PLW1509 - it takes no lock
            )

    def _running(self) -> Child:
        assert self._child is not None, "never started"
        return self._child


def hang_up_by_default() -> None:
    """Undo what nohup did for the tests: a process inherits that it ignores the signal."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
