"""Which tests stay together in one of several processes: those of one mark `xdist_group`.

xdist's own `loadgroup` hands groups on in the ids of tests, which pytest 9.2 no longer lets it change: a test
goes to any process then, and each process makes what a group was to make once. Here those that collect write
the groups into a file, which the one that distributes reads. Tests begin in the order of their collection.
"""

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it has no types

_FILE = "mooring_groups"
"""What the file's path is called in the input of a process that collects."""


class Together(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Distributes groups of tests, and those of no group one by one."""

    def __init__(self, config: pytest.Config, log: Any, file: Path) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False
        self._file = file
        self._groups: dict[str, str] = {}

    def schedule(self) -> None:
        """Distribute what all processes have collected."""
        self._groups = json.loads(self._file.read_text(encoding="utf-8"))
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        return self._groups.get(nodeid, nodeid)


def configure_node(node: Any) -> None:
    """Tell a process where to write the groups."""
    node.workerinput[_FILE] = str(_file(node.config))


def make_scheduler(config: pytest.Config, log: Any) -> Together | None:
    """Return what distributes the tests if it is asked for groups."""
    return Together(config, log, _file(config)) if config.getvalue("dist") == "loadgroup" else None


def write_groups(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Write them, if this process runs tests for another one."""
    given = getattr(config, "workerinput", {}).get(_FILE)
    if given is None:
        return
    groups = {item.nodeid: group for item in items if (group := group_of(item))}
    own = Path(f"{given}.{os.getpid()}")
    own.write_text(json.dumps(groups), encoding="utf-8")
    own.replace(given)


def group_of(item: pytest.Item) -> str:
    """Return the name of a test's group; an empty one if it has none."""
    names = {str(mark.args[0]) for mark in item.iter_markers("xdist_group")}
    return "_".join(sorted(names))


_folder = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def _file(config: pytest.Config) -> Path:
    if _folder not in config.stash:
        config.stash[_folder] = tempfile.TemporaryDirectory(prefix="mooring-groups-")
        config.add_cleanup(config.stash[_folder].cleanup)
    return Path(config.stash[_folder].name) / "groups.json"
