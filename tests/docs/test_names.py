"""What the documentation names is there: make targets, settings, files, and the tests of promises."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.settings import ServiceSettings
from tests.docs.markdown import API, PAGES, blocks, code_spans, page_name
from tests.docs.names import make_targets, make_variables, setting_names
from tests.support.processes import ROOT

ARCHITECTURE = ROOT / "docs" / "architecture.md"
SETTINGS = ROOT / "docs" / "settings.md"

HISTORY = {ROOT / "CHANGELOG.md"}
"""Pages that name what has been, too."""

ELSEWHERE = {
    "PATH",
    "EVERY_WAY",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD",
    "SERVICE_START",
    "SHOP_DATABASE",
}
"""Variables of the environment that are no settings of the service's."""

_TARGET = re.compile(r"\bmake ([a-z][a-z-]*)")
_SETTING = re.compile(r"\b(?:MOORING_)?([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b|\b([A-Z]{2,})=")
_PATH = re.compile(r"(?:\.ci|app|benchmarks|deploy|docs|examples|scripts|spa|tests)(?:/[\w.-]+)+/?")
_PROMISE = re.compile(r"^\| (P\d+) \|", re.MULTILINE)

pages = pytest.mark.parametrize("page", [page for page in PAGES if page != API], ids=page_name)


def _code(page: Path) -> Iterator[str]:
    """What a page has in backticks, and the blocks that are no programs."""
    yield from code_spans(page)
    yield from (block.text for block in blocks(page) if block.language in ("", "sh", "yaml"))


@pages
def test_every_make_target_is_one(page: Path) -> None:
    named = {name for code in _code(page) for name in _TARGET.findall(code)}

    assert named - make_targets() == set()


@pages
def test_every_setting_is_one(page: Path) -> None:
    named = {a or b for code in _code(page) for a, b in _SETTING.findall(code)}

    assert named - setting_names() - make_variables() - ELSEWHERE == set()


@pages
def test_every_file_is_there(page: Path) -> None:
    if page in HISTORY:
        return
    named = {code for code in code_spans(page) if _PATH.fullmatch(code)}

    # docs/security.md names tests from their folder on; tests/security has a test for that.
    roots = (ROOT, ROOT / "tests")
    assert [each for each in sorted(named) if not any((r / each).exists() for r in roots)] == []


def _rows(page: Path) -> dict[str, str]:
    """The first two cells of each row that is about something in backticks."""
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]*?) \|", page.read_text(), re.MULTILINE))


def test_every_setting_is_documented_with_its_default() -> None:
    rows = {name: cell.replace("`", "") for name, cell in _rows(SETTINGS).items()}
    assert rows.pop("SECRETS_DIR") == "none"

    # What stands behind the colon or semicolon is the example's.
    documented = {name: re.split("[:;] ", cell)[0] for name, cell in rows.items()}

    assert documented == {name: value or "none" for name, value in _defaults().items()}


def _defaults() -> dict[str, str]:
    """The defaults of all settings, as one writes them."""
    return {
        name.upper(): _text(each.default) for name, each in ServiceSettings.model_fields.items()
    }


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case tuple():
            return ",".join(value)
        case SecretStr():
            return value.get_secret_value()
        case _:
            return str(value)


def test_the_map_has_every_module_and_no_other() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "app/*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    modules = {
        each for each in tracked if not each.endswith("__init__.py") and (ROOT / each).exists()
    }
    text = ARCHITECTURE.read_text()
    table = text[text.index("## The modules") : text.index("## A cookie")]

    assert set(re.findall(r"`(app/[\w/]+\.py)`", table)) == modules


def test_each_promise_names_the_tests_that_hold_it() -> None:
    text = ARCHITECTURE.read_text()
    rows = {
        line.split(" | ")[0].strip("| "): line for line in text.splitlines() if _PROMISE.match(line)
    }
    numbers = [int(each.removeprefix("P")) for each in rows]
    assert numbers == sorted(set(numbers) | set(range(1, 17)))

    for promise, row in rows.items():
        named = set(re.findall(r"`(tests/[\w/]+\.py)`", row))
        assert named
        assert named == _tests_of(promise)


def _tests_of(promise: str) -> set[str]:
    """The test files whose docstring begins with the promise, alone or beside another."""
    begins = re.compile(rf'"""(P\d+(, | and |,? ))*{promise}\b')
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("test_*.py")
        if begins.match(path.read_text())
    }
