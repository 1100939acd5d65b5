"""The Python in the documentation runs: see tests/docs/markdown.py for how a block says what it is.

The files of a page make a project: its modules are imported, and its tests run, in a process of
their own. `fastapi_mooring` is the checkout's package here; tests/package has the wheel.
"""

import ast
import importlib
import json
import os
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.docs import as_wheel
from tests.docs.markdown import API, PAGES, Block, blocks, page_name, project, write_project
from tests.support.processes import ROOT
from tests.support.service import process_of

BLOCKS = [block for page in PAGES if page != API for block in blocks(page)]
PYTHON = [block for block in BLOCKS if block.language == "python"]
RUN = [block for block in PYTHON if block.file is None and "no-run" not in block.options]
NOT_RUN = [block for block in PYTHON if "no-run" in block.options]

_PARSERS: dict[str, Callable[[str], object]] = {
    "json": json.loads,
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
}


def _projects() -> dict[str, list[Block]]:
    """The files of each page; one with a `pyproject.toml` needs what that names (test_your_app.py)."""
    found = {page_name(page): project(page) for page in PAGES}
    return {
        name: files
        for name, files in found.items()
        if files and all(block.file != "pyproject.toml" for block in files)
    }


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_every_block_compiles(block: Block) -> None:
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_a_block_has_no_option_that_means_nothing(block: Block) -> None:
    assert block.options <= {"no-run"}


@pytest.mark.parametrize("block", RUN, ids=str)
def test_a_block_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where there is no `.env`
    as_wheel.install()

    exec(compile(block.text, str(block), "exec"), {"__name__": "documentation"})


@pytest.mark.parametrize("block", NOT_RUN, ids=str)
def test_what_a_block_imports_of_the_package_is_there(block: Block) -> None:
    as_wheel.install()
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(as_wheel.WHEEL):
            module = importlib.import_module(node.module or "")
            assert [each.name for each in node.names if not hasattr(module, each.name)] == []


@pytest.mark.parametrize("files", _projects().values(), ids=_projects())
def test_the_files_of_a_page_are_a_project_that_works(files: list[Block], tmp_path: Path) -> None:
    write_project(files, tmp_path)

    _check_project(tmp_path)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("shop/main.py", "import no_such_module"),
        ("tests/test_shop.py", "def test_shop() -> None:\n    assert False"),
    ],
)
def test_a_project_that_does_not_work_is_found(file: str, text: str, tmp_path: Path) -> None:
    write_project([Block(API, 1, "python", frozenset(), file, text)], tmp_path)

    with pytest.raises(AssertionError, match=r"no_such_module|test_shop"):
        _check_project(tmp_path)


@pytest.mark.parametrize("block", [each for each in BLOCKS if each.language in _PARSERS], ids=str)
def test_data_can_be_parsed(block: Block) -> None:
    _PARSERS[block.language](block.text)


def _check_project(folder: Path) -> None:
    """Import all modules of a project and run its tests (tests/docs/page_project.py)."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    process = process_of("tests.docs.page_project", folder, env)
    assert process.run() == 0, process.log()
