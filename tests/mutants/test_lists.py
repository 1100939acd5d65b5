"""The lists of mutants say what is there: text that is replaced, tests that exist, reasons."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.mutants import named
from tests.support.processes import ROOT

HERE = Path(__file__).parent
MUTANTS = named.read_all()


def _read(name: str, table: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = tomllib.loads((HERE / name).read_text("utf-8")).get(table, [])
    return found


def _tests_in(source: str) -> set[str]:
    """The names of the tests of a file; those of a contract are wherever it is."""
    return {
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.name)
def test_a_named_mutant_breaks_what_is_there_and_names_a_test(mutant: named.Mutant) -> None:
    assert mutant.path.read_text("utf-8").count(mutant.old) == 1, "its text has changed"
    assert mutant.old != mutant.new
    assert mutant.tests
    contracts = [ROOT / "app/testing/contracts", ROOT / "tests/realtime/streams"]
    for test in mutant.tests:
        file, *inside = test.split("::")
        sources = [ROOT / file]
        if len(inside) > 1:
            sources += [each for folder in contracts for each in folder.glob("*.py")]
        name = inside[-1].partition("[")[0]
        assert any(name in _tests_in(each.read_text("utf-8")) for each in sources), test


def test_named_mutants_are_code_that_lacks_no_name(tmp_path: Path) -> None:
    """One that is none kills itself: any test fails for it."""
    for number, mutant in enumerate(MUTANTS):
        if mutant.path.suffix == ".py":
            broken = mutant.path.read_text("utf-8").replace(mutant.old, mutant.new)
            (tmp_path / f"{number}.py").write_text(broken, "utf-8")
    rules = "--isolated", "--select", "F821,F823", "--target-version", "py311"
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *rules, tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_each_named_mutant_is_there_once() -> None:
    names = [each.name for each in MUTANTS]
    assert sorted(set(names)) == sorted(names)


def test_the_modules_that_are_broken_and_their_tests_are_there() -> None:
    for module in _read("modules.toml", "module"):
        assert (ROOT / module["file"]).is_file()
        for pattern in module["tests"]:
            assert list(ROOT.glob(pattern)), pattern


@pytest.mark.parametrize("listed", _read("equivalents.toml", "equivalent"), ids=str)
def test_what_is_equivalent_is_still_in_the_code_and_has_a_reason(listed: dict[str, str]) -> None:
    files = {each["file"] for each in _read("modules.toml", "module")}
    assert listed["file"] == "*" or listed["file"] in files
    assert len(listed["why"]) > 20
    if listed["file"] != "*":
        code = " ".join((ROOT / listed["file"]).read_text("utf-8").split())
        assert " ".join(listed["was"].rstrip("*").split()) in code, "its line has changed"
