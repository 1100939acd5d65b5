"""A child process that listens on a port and writes a log."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """A command that can be started again and again; its output goes to one log file."""

    def __init__(
        self, command: Sequence[str], directory: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self._command = command
        self._directory = directory
        self._env = env
        self._child: subprocess.Popen[bytes] | None = None
        self._paused = False
        self.log_file = directory / "log"

    @property
    def pid(self) -> int:
        """The process id of what runs now."""
        return self._running().pid

    @property
    def alive(self) -> bool:
        """Whether the process runs (a paused one does)."""
        return self._child is not None and self._child.poll() is None

    @property
    def answers(self) -> bool:
        """Whether the process runs and is not paused."""
        return self.alive and not self._paused

    def start(self, ready: Callable[[], bool], *, within: float) -> None:
        """Start and wait until `ready`; fails with the log if the process ends or is too late."""
        self._paused = False
        with self.log_file.open("ab") as log:
            self._child = subprocess.Popen(
                self._command, cwd=self._directory, env=self._env, stdout=log, stderr=log
            )
        deadline = time.monotonic() + within
        while not ready():
            if not self.alive or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"{self._command[0]} did not come up:\n{self.log()}")
            time.sleep(0.01)

    def stop(self, *, within: float = 12.0) -> int:
        """Ask it to end with SIGTERM and return its exit code; fails if it takes longer."""
        child = self._running()
        child.terminate()
        child.send_signal(signal.SIGCONT)
        try:
            return child.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still up {within} s after SIGTERM:\n{self.log()}") from None

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self._child is not None:
            self._child.kill()
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

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._child is not None, "never started"
        return self._child
