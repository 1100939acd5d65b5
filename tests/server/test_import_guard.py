"""The checkout and the wheel cannot be mixed in one process; others' packages may be called app."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the package under its installed name."""
    (tmp_path / "fastapi_mooring").symlink_to(ROOT / "app")
    return tmp_path


def _python(code: str, *path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=path[-1],  # Python looks there first
        env={"PYTHONPATH": ":".join(map(str, path))},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.mark.parametrize("names", ["app, fastapi_mooring", "fastapi_mooring, app"])
def test_both_copies_in_one_process_are_refused(names: str, folder: Path) -> None:
    ended = _python(f"import {names}", ROOT, folder)

    other, last = names.split(", ")
    assert ended.stderr.splitlines()[-1].startswith(
        f"ImportError: {last} cannot be imported beside {other}: "
    )


def test_a_package_of_somebody_else_may_be_called_app(folder: Path) -> None:
    (folder / "app").mkdir()
    (folder / "app" / "__init__.py").write_text("")
    (folder / "app" / "import_guard.py").write_text("")

    ended = _python("import app.import_guard, fastapi_mooring; print('both')", folder)

    assert ended.stdout == "both\n", ended.stderr
