"""Which tests belong to which selection: `fast` for the inner loop, `no_fast_path` in CI's second pass,
`product` for what promises say of any app.

Tests marked `alone` come one after another, in one process, so that the others wait for them once.
"""

import os
import re
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import is_hypothesis_test

from tests.support.processes import ROOT
from tests.support.promises import promised_files

TESTS = ROOT / "tests"

# What these test is decided before a fast path is reached, or behind it: files that nodes are
# deployed with, the package and its documentation, pages, the reading of settings, documents that are
# generated once, session stores and the session core that runs on them, the benchmarks' own arithmetic.
_NO_FAST_PATH = (
    *("benchmarks", "browser", "deploy", "docs", "package", "sessions", "upgrade"),
    *("test_settings.py", "http/test_documents.py"),
)

_SERVERS = ("valkey", "redis")
_BOTH = ("e2e", "sessions", "upgrade")

_FAST_FOLDERS = ("http", "realtime", "server", "sessions", "websockets")
_FAST_FILES = re.compile(r"test_(?!redis_|bus_on_cluster|settings)\w+\.py")
_SLOW_IDS = re.compile(r"valkey|redis|cluster|sentinel|tls|polling|upgraded", re.IGNORECASE)


def mark(items: list[pytest.Item]) -> None:
    """Give each test the markers that follow from where it is and what it runs on."""
    promised = promised_files()
    for item in items:
        if item.path in promised and _is_of_any_app(item):
            item.add_marker("product")
        if _is_without_fast_path(item):
            item.add_marker("no_fast_path")
        if _is_fast(item):
            item.add_marker("fast")
        if item.get_closest_marker("alone"):
            item.add_marker(pytest.mark.xdist_group("alone"))


def of_one_server(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave each test of a node that comes on Valkey and on Redis to one of them, unless it was named.

    What a store may do differently on them is in the stores' own suites, which have both. Which of the two
    it is follows from the test's name, and is the other one without fast paths: CI runs both. EVERY_SERVER=1
    runs all; a product is tested on Valkey alone anyway.
    """
    named = any("::" in each for each in config.args)
    if named or "EVERY_SERVER" in os.environ or config.option.markexpr == "product":
        return
    left_out = [each for each in items if _is_left_to_the_other(each)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [each for each in items if each not in set(left_out)]


def _is_left_to_the_other(item: pytest.Item) -> bool:
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    server: str = parameters.get("store_name", "")
    if server not in _SERVERS or any(item.path.is_relative_to(TESTS / each) for each in _BOTH):
        return False
    name = f"{item.path.name}::{item.name}".replace(server, "")
    turn = crc32(name.encode()) + (os.environ.get("FAST_PATHS") == "off")
    chosen = _SERVERS[turn % len(_SERVERS)]
    return server != chosen


def _is_of_any_app(item: pytest.Item) -> bool:
    """Whether a product should be asked, too. Of the servers that speak Redis' protocol one will do there."""
    assert isinstance(item, pytest.Function)
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return not item.get_closest_marker("example") and "redis" not in parameters.values()


def _is_without_fast_path(item: pytest.Item) -> bool:
    return any(item.path.is_relative_to(TESTS / each) for each in _NO_FAST_PATH)


def _is_fast(item: pytest.Item) -> bool:
    """Whether it takes no store server and no client but the simplest: a test of one unit, mostly.

    In other folders it is marked: `smoke`, one for each promise. `slow` takes a test out, and those of
    Hypothesis are, which try hundreds of examples.
    """
    assert isinstance(item, pytest.Function)
    parameters = item.name.partition("[")[2]
    slow = item.get_closest_marker("slow") or is_hypothesis_test(item.obj)
    if slow or _SLOW_IDS.search(parameters):
        return False
    return item.get_closest_marker("smoke") is not None or _is_fast_file(item.path)


def may_be_fast(path: Path) -> bool:
    """Whether a file may have a fast test, or a folder such a file."""
    if path.is_dir():
        return any(map(may_be_fast, path.rglob("test_*.py")))
    return _is_fast_file(path) or "mark.smoke" in path.read_text(encoding="utf-8")


def _is_fast_file(path: Path) -> bool:
    folder = path.parent
    chosen = folder == TESTS or (folder.parent == TESTS and folder.name in _FAST_FOLDERS)
    return chosen and _FAST_FILES.fullmatch(path.name) is not None
