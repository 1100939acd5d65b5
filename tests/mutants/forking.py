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
from collections.abc import Iterator
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
_SURVIVED, _KILLED = 0, 1
_PATIENCE_SECONDS = 30.0
"""How long a mutant may take beside five times what all tests take without one."""


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
    began = time.monotonic()
    items = _passing(session.items, Path(plan["passing"]))
    patience = 5 * (time.monotonic() - began) + _PATIENCE_SECONDS
    results = dict.fromkeys(plan["names"], "")
    running: dict[int, tuple[str, float]] = {}
    for name in results:
        while len(running) >= _AT_ONCE:
            _take_ended(running, results, patience)
        running[_fork(items, name)] = name, time.monotonic()
    while running:
        _take_ended(running, results, patience)
    passing = {item.nodeid for item in items}
    failing = [item.nodeid for item in session.items if item.nodeid not in passing]
    written = {"tests": len(items), "failing": failing, "of": results}
    Path(plan["results"]).write_text(json.dumps(written), "utf-8")
    return True


def _passing(items: list[pytest.Item], passing: Path) -> list[pytest.Item]:
    """Return the tests that pass on this code, the quickest first; in a process that has run none yet."""
    with _forked() as pid:
        if pid == 0:
            took = {}
            for item in items:
                began = time.monotonic()
                if _passes(item):
                    took[item.nodeid] = time.monotonic() - began
            passing.write_text(json.dumps(took), "utf-8")
    os.waitpid(pid, 0)
    took = json.loads(passing.read_text("utf-8"))
    return sorted(
        (item for item in items if item.nodeid in took), key=lambda item: took[item.nodeid]
    )


def _fork(items: list[pytest.Item], name: str) -> int:
    """Start the tests with a mutant, up to the first that fails."""
    with _forked() as pid:
        if pid == 0:
            os.environ[MUTANT] = name
            os._exit(_SURVIVED if all(map(_passes, items)) else _KILLED)
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
        os._exit(_KILLED)


def _passes(item: pytest.Item) -> bool:
    """Return whether a test passes, at the second try at the latest: a busy machine kills no mutant."""
    return _passes_once(item) or _passes_once(item)


def _passes_once(item: pytest.Item) -> bool:
    return not any(each.failed for each in runtestprotocol(item, log=False, nextitem=None))


def _take_ended(
    running: dict[int, tuple[str, float]], results: dict[str, str], patience: float
) -> None:
    """Take the result of a mutant that is done, or has taken too long."""
    for pid, (name, began) in list(running.items()):
        ended, status = os.waitpid(pid, os.WNOHANG)
        late = time.monotonic() - began > patience
        if not ended and late:
            os.kill(pid, signal.SIGKILL)
            ended, status = os.waitpid(pid, 0)
        if ended:
            results[name] = "survived" if status == 0 else "too late" if late else "killed"
            del running[pid]
            return
    time.sleep(0.02)
