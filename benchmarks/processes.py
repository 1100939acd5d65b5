"""Processes on a core of their own, and what they have used of it."""

import os
import re
import resource
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from tests.support.processes import Process

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_KEPT = ("HOME", "LANG", "PATH", "TMPDIR")
_CORES = sorted(os.sched_getaffinity(0))

LOAD_CORE, SERVER_CORE = _CORES[0], _CORES[-1]
"""The same one where the machine has no second; the figures then mean little."""


def settle_here() -> None:
    """Move this process, and so what it starts from now on, to the load's core; allow many sockets."""
    os.sched_setaffinity(0, {LOAD_CORE})
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def pinned(core: int, command: Sequence[str]) -> list[str]:
    """Have a command run on one core, and end when we do, even if we are killed."""
    return ["setpriv", "--pdeathsig", "KILL", "taskset", "--cpu-list", str(core), *command]


def cpu_seconds(pid: int) -> float:
    """What all threads of a process have used so far, in user and kernel mode."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS


def core_seconds(core: int) -> float:
    """What everybody has used of a core so far, and what the host has taken of it."""
    line = re.search(rf"^cpu{core} (.*)$", Path("/proc/stat").read_text(), re.MULTILINE)
    assert line
    user, nice, system, _idle, _iowait, *rest = map(int, line[1].split()[:8])
    return (user + nice + system + sum(rest)) / _TICKS


def memory_bytes(pid: int) -> int:
    """What a process holds of the machine's memory (RSS)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def _stat(pid: int) -> list[str]:
    # After the name in parentheses, which may hold anything (proc(5)).
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def no_prefix(_directory: Path) -> list[str]:
    """Run a command as it is."""
    return []


class Pinned:
    """A child process on one core, entered to start it; it is ended in any case.

    `prefix` makes the command that runs it from the directory that it has for itself.
    """

    start_seconds = 60.0

    def __init__(
        self,
        core: int,
        command: Sequence[str],
        env: dict[str, str],
        *,
        prefix: Callable[[Path], list[str]] = no_prefix,
    ) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="mooring-bench-"))
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        whole = pinned(core, [*prefix(self.directory), *command])
        self.env = kept | env
        self._process = Process(whole, self.directory, self.env)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ready(self) -> bool:
        """Tell whether it can be used."""
        raise NotImplementedError

    def log(self) -> str:
        """What it has written."""
        return self._process.log()

    def restart(self) -> None:
        """Have it end in an orderly way, and start it again at the same place."""
        self._process.stop()
        self._process.start(self.ready, within=self.start_seconds)

    def __enter__(self) -> Self:
        try:
            self._process.start(self.ready, within=self.start_seconds)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        shutil.rmtree(self.directory, ignore_errors=True)
