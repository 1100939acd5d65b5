"""A plugin for pytest that runs what it has collected once for each mutant, in a forked process each.

What is imported and collected once is there for all of them. It reads a plan of tests/mutants/generated.py,
and writes what became of each mutant. Tests that need another process than their own are left out: the
mutant would not be there.
"""

import json
import os
import re
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

PLAN = "MUTANTS_PLAN"
MUTANT = "MUTANT_UNDER_TEST"
"""The variable by which mutmut's code knows which of its functions is to be broken."""

_NODES = {"_nodes"}
_SERVERS = {"_servers", "own_store_server"}
_STARTS = {"service", "store_server", "Popen"}
_OF_SERVERS = re.compile(r"redis|valkey|cluster|sentinel|tls", re.IGNORECASE)

_AT_ONCE = 4
_SURVIVED, _KILLED, _BROKE_OFF = 0, 1, 2
_SLOW_SECONDS = 0.7
"""What computes for longer is left out: each mutant that survives would have to wait for it."""
_PATIENCE_SECONDS, _CPU_SECONDS = 20.0, 2.0
"""How long a test may take with a mutant, and compute, beside ten times what it takes without one."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs another process."""
    left = [item for item in items if _is_in_process(item)]
    chosen = set(left)
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = left


def _is_in_process(item: pytest.Item) -> bool:
    assert isinstance(item, pytest.Function)
    fixtures, parameters = set(item.fixturenames), item.name.partition("[")[2]
    if _NODES & fixtures or _STARTS & set(item.function.__code__.co_names):
        return False
    if _SERVERS & fixtures and "memory" not in parameters:
        return False
    return not _OF_SERVERS.search(parameters)


def pytest_runtestloop(session: pytest.Session) -> bool:
    """Run all tests without a mutant; then those that pass, the quickest first, with each."""
    plan = json.loads(Path(os.environ[PLAN]).read_text("utf-8"))
    took, passing = _passing(session.items, Path(plan["passing"]))
    codes = _try(took, plan["names"], _AT_ONCE)
    odd = [name for name, code in codes.items() if code not in {_SURVIVED, _KILLED}]
    codes |= _try(took, odd, 1)
    results = {name: "survived" if code == _SURVIVED else "killed" for name, code in codes.items()}
    failing = [item.nodeid for item in session.items if item.nodeid not in passing]
    written = {"tests": len(took), "failing": failing, "of": results}
    Path(plan["results"]).write_text(json.dumps(written), "utf-8")
    return True


def _try(took: dict[pytest.Item, float], names: Sequence[str], at_once: int) -> dict[str, int]:
    """Return the exit code with each mutant: a signal, negated, is what ends one that takes too long.

    No test has failed then, and a busy machine takes long as well: who ends so is tried again, alone.
    """
    codes: dict[str, int] = {}
    running: dict[int, str] = {}
    for name in names:
        if len(running) >= at_once:
            _take_ended(running, codes)
        running[_fork(took, name)] = name
    while running:
        _take_ended(running, codes)
    return codes


def _passing(items: list[pytest.Item], passing: Path) -> tuple[dict[pytest.Item, float], set[str]]:
    """Return the tests that pass and are not slow, the quickest first, with their seconds; and all that pass.

    They run in another process, so that this one has run none yet.
    """
    passing.unlink(missing_ok=True)
    with _forked() as pid:
        if pid == 0:
            took: dict[str, float | None] = {}
            for item in items:
                began, computed = time.monotonic(), time.process_time()
                if _passes(item):
                    is_slow = time.process_time() - computed > _SLOW_SECONDS
                    took[item.nodeid] = None if is_slow else time.monotonic() - began
            passing.write_text(json.dumps(took), "utf-8")
    os.waitpid(pid, 0)
    took = json.loads(passing.read_text("utf-8"))
    named = ((item, took.get(item.nodeid)) for item in items)
    quick = {item: seconds for item, seconds in named if seconds is not None}
    return dict(sorted(quick.items(), key=lambda each: each[1])), set(took)


def _fork(took: dict[pytest.Item, float], name: str) -> int:
    """Start the tests with a mutant, up to the first that fails, or never ends."""
    with _forked() as pid:
        if pid == 0:
            os.environ[MUTANT] = name
            for item, seconds in took.items():
                # Either ends this process.
                signal.setitimer(signal.ITIMER_REAL, 10 * seconds + _PATIENCE_SECONDS)
                signal.setitimer(signal.ITIMER_PROF, 10 * seconds + _CPU_SECONDS)
                if not _passes(item):
                    os._exit(_KILLED)
            os._exit(_SURVIVED)
    return pid


@contextmanager
def _forked() -> Iterator[int]:
    """A fork, whose child ends with the block, whatever comes of it."""
    pid = os.fork()
    if pid:
        yield pid
        return
    try:
        yield pid
    finally:
        os._exit(_BROKE_OFF)


def _passes(item: pytest.Item) -> bool:
    """Return whether a test passes, at the second try at the latest: a busy machine kills no mutant."""
    return _passes_once(item) or _passes_once(item)


def _passes_once(item: pytest.Item) -> bool:
    return not any(each.failed for each in runtestprotocol(item, log=False, nextitem=None))


def _take_ended(running: dict[int, str], codes: dict[str, int]) -> None:
    """Wait for a mutant that is done, and take its exit code."""
    pid, status = os.wait()
    if pid in running:
        codes[running.pop(pid)] = os.waitstatus_to_exitcode(status)
