"""A server under Valgrind, whose instructions are counted while it is asked to."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.systems import Server, StoreServer, System, Times

_TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)
_START_SECONDS = 180.0
_STEADY = {"PYTHONHASHSEED": "0", "PING_INTERVAL": "3600", "CONNECT_TIMEOUT": "300"}
"""The same layout of dicts in each run, no heartbeats amid what is counted, and time to connect."""


class CallgrindError(Exception):
    """Valgrind did not do what it was asked for, or wrote what cannot be read."""


def instructions(dump: str) -> int:
    """Return the instructions that a dump of callgrind has counted, over all its threads."""
    found = _TOTAL.search(dump)
    if found is None:
        raise CallgrindError("a dump without a summary")
    return int(found[1])


@dataclass
class Count:
    """What a stretch of work took."""

    instructions: int = 0


class CountedServer(Server):
    """A server in Valgrind, entered to start it; it counts nothing but within `counted`."""

    start_seconds = _START_SECONDS

    def __init__(self, system: System, store: StoreServer | None, tree: Path) -> None:
        self._dumps = 0
        self._counting = False
        patient = tuple("patient" if word == "app" else word for word in system.command)
        super().__init__(
            replace(system, command=patient),
            store,
            Times(reload_interval=3600),
            tree=tree,
            prefix=self._valgrind,
            more=_STEADY,
        )

    @contextmanager
    def counted(self) -> Iterator[Count]:
        """Count the instructions of user mode that it executes meanwhile."""
        if not self._counting:
            raise CallgrindError("`start_counting` comes first, and then a warm-up")
        count = Count()
        self._order("zero")
        yield count
        self._order("dump")
        self._dumps += 1
        count.instructions = instructions(self._dump().read_text())

    def start_counting(self) -> None:
        """Have callgrind translate the code anew, with its counters: slow from here on."""
        self._order("instrumentation on")
        self._counting = True

    def stop_counting(self) -> None:
        """Let it run five times as fast, uncounted."""
        self._order("instrumentation off")
        self._counting = False

    def _valgrind(self, directory: Path) -> list[str]:
        return [
            "valgrind",
            "--tool=callgrind",
            "--instr-atstart=no",
            f"--callgrind-out-file={directory / 'counted'}",
            f"--vgdb-prefix={directory / 'vgdb'}",
        ]

    def _dump(self) -> Path:
        return self.directory / f"counted.{self._dumps}"

    def _order(self, command: str) -> None:
        """Tell Valgrind's gdbserver what to do; its pipe is named after USER and HOST, so both have ours."""
        run = subprocess.run(
            ["vgdb", f"--vgdb-prefix={self.directory / 'vgdb'}", f"--pid={self.pid}", command],
            capture_output=True,
            text=True,
            env=self.env,
            timeout=60,
            check=False,
        )
        if run.returncode:
            raise CallgrindError(f"vgdb {command}: {run.stderr}")
