"""Which tests belong to which selection: `fast` for the inner loop, `no_fast_path` in CI's second pass,
`product` for what promises say of any app.

Tests marked `alone` come one after another, in one process, so that the others wait for them once.
"""

import os
import re
from collections.abc import Callable
from functools import cache
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import is_hypothesis_test

from tests.support import ways
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

_EACH_WAY = (
    *("sessions/", "upgrade/", "realtime/streams/", "realtime/test_bus", "realtime/test_carry"),
    *("realtime/test_presence", "realtime/test_redis_"),
)
"""The contract suites of stores and of what is kept in Redis: `make proof` has the other server, too."""

_FAST_FOLDERS = ("http", "realtime", "server", "sessions", "websockets")
_FAST_FILES = re.compile(r"test_(?!redis_|bus_on_cluster|settings)\w+\.py")
_SLOW_IDS = re.compile(r"valkey|redis|cluster|sentinel|tls|polling|upgraded", re.IGNORECASE)


def mark(items: list[pytest.Item]) -> None:
    """Give each test the markers that follow from where it is and what it runs on."""
    promised = promised_files()
    for item in items:
        if item.path in promised and _is_of_any_app(item):
            item.add_marker("product")
        if _is_without_fast_path(item.path):
            item.add_marker("no_fast_path")
        if _is_fast(item):
            item.add_marker("fast")
        if item.get_closest_marker("alone"):
            item.add_marker(pytest.mark.xdist_group("alone"))


def sort(items: list[pytest.Item]) -> None:
    """Begin with groups, which take longest in one process, and end with what is to be alone."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    if item.get_closest_marker("alone"):
        return 2
    return 0 if item.get_closest_marker("xdist_group") else 1


def leave_to_proof(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes long or a product has, too, unless it was named or `-m` speaks of it."""
    if not _runs_all(config):
        _mark_what_products_have(items)
        _mark_contracts_on_another_server(items)
    if not _is_named(config) and "thorough" not in config.option.markexpr:
        _keep(config, items, {each for each in items if not each.get_closest_marker("thorough")})


def _is_named(config: pytest.Config) -> bool:
    return any("::" in each for each in config.args)


def _keep(config: pytest.Config, items: list[pytest.Item], kept: set[pytest.Item]) -> None:
    if left_out := [each for each in items if each not in kept]:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [each for each in items if each in kept]


def of_chosen_ways(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what `ways` does not choose, unless a test was named; EVERY_WAY=1 leaves out nothing.

    A product is tested on memory and Valkey anyway, and on each transport.
    """
    if _runs_all(config):
        return
    _keep(config, items, set(chain.from_iterable(map(_chosen, _by_file(items).values()))))


def _runs_all(config: pytest.Config) -> bool:
    return _is_named(config) or "EVERY_WAY" in os.environ or config.option.markexpr == "product"


def _by_file(items: list[pytest.Item]) -> dict[Path, list[pytest.Item]]:
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    return files


def _chosen(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return which tests of a file to run."""
    return items if _is_contract(items) else _picked(items, ways.chosen)


def _picked(items: list[pytest.Item], pick: Callable[..., set[ways.Run]]) -> list[pytest.Item]:
    """Return those tests of a file whose runs `ways.chosen` or `ways.sample` returns."""
    runs = {item: _run_of(item) for item in items}
    picked = pick(_name_of(items), list(runs.values()), fast_paths=_fast_paths())
    return [item for item, run in runs.items() if run in picked]


def _name_of(items: list[pytest.Item]) -> str:
    return str(items[0].path.relative_to(TESTS))


def _fast_paths() -> bool:
    return os.environ.get("FAST_PATHS") != "off"


def _mark_what_products_have(items: list[pytest.Item]) -> None:
    """Mark those as `thorough` that say of the example what others, and a product, say as well."""
    files = promised_files()
    promised = [
        each for each in items if each.path in files and not each.get_closest_marker("example")
    ]
    for of_file in _by_file(promised).values():
        if not _is_contract(of_file):
            slow = [each for each in of_file if not each.get_closest_marker("fast")]
            _leave_all_but(_picked(of_file, ways.sample), slow)


def _mark_contracts_on_another_server(items: list[pytest.Item]) -> None:
    """Mark the runs of contracts as `thorough` that ask of one server what others ask of the other."""
    for of_file in _by_file(items).values():
        if _is_contract(of_file):
            _leave_all_but(_picked(of_file, ways.chosen), of_file)


def _leave_all_but(kept: list[pytest.Item], items: list[pytest.Item]) -> None:
    for item in set(items).difference(kept):
        item.add_marker("thorough")


def _is_contract(of_file: list[pytest.Item]) -> bool:
    return _name_of(of_file).startswith(_EACH_WAY)


def _run_of(item: pytest.Item) -> ways.Run:
    way = ways.way_of(item.callspec.params.values() if hasattr(item, "callspec") else ())
    if item.get_closest_marker("every_transport"):
        way = ways.Way(way.store)
    return ways.Run(_without(item.name, way), way)


def _without(name: str, way: ways.Way) -> str:
    """Return the name of a test without what it runs on."""
    for word in filter(None, way):
        name = re.sub(rf"(?<=[\[-])(Transport\.)?{word}(?=[\]-])", "", name, flags=re.IGNORECASE)
    return name


def _is_of_any_app(item: pytest.Item) -> bool:
    """Whether a product should be asked, too. Of the servers that speak Redis' protocol one will do there."""
    assert isinstance(item, pytest.Function)
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return not item.get_closest_marker("example") and "redis" not in parameters.values()


@cache
def _is_without_fast_path(path: Path) -> bool:
    return any(path.is_relative_to(TESTS / each) for each in _NO_FAST_PATH)


def _is_fast(item: pytest.Item) -> bool:
    """Whether it takes no store server and no client but the simplest: a test of one unit, mostly.

    In other folders it is marked: `smoke`, one for each promise. `slow` takes a test out, and those of
    Hypothesis are, which try hundreds of examples.
    """
    assert isinstance(item, pytest.Function)
    parameters = item.name.partition("[")[2]
    slow = any(map(item.get_closest_marker, ("slow", "thorough"))) or is_hypothesis_test(item.obj)
    if slow or _SLOW_IDS.search(parameters):
        return False
    return item.get_closest_marker("smoke") is not None or _is_fast_file(item.path)


def may_be_fast(path: Path) -> bool:
    """Whether a file may have a fast test, or a folder such a file."""
    if path.is_dir():
        return any(map(may_be_fast, path.rglob("test_*.py")))
    return _is_fast_file(path) or "mark.smoke" in path.read_text(encoding="utf-8")


@cache
def _is_fast_file(path: Path) -> bool:
    folder = path.parent
    chosen = folder == TESTS or (folder.parent == TESTS and folder.name in _FAST_FOLDERS)
    return chosen and _FAST_FILES.fullmatch(path.name) is not None
