"""docs/security.md leaves out no requirement, and every test that it names is there."""

import re
from collections.abc import Iterator

import pytest

from tests.support.processes import ROOT

DOCUMENT = (ROOT / "docs" / "security.md").read_text()
SECTIONS = {
    "3.1": 1,
    "3.2": 3,
    "3.3": 5,
    "3.4": 8,
    "3.5": 8,
    "3.6": 1,
    "3.7": 5,
    "4.4": 4,
    "7.1": 3,
    "7.2": 4,
    "7.3": 2,
    "7.4": 5,
    "7.5": 3,
    "7.6": 2,
}
"""How many requirements each section of ASVS 5.0 has."""
PROMISES = ["P4", "P10", "P11", "P13", "P14", "P15"]
NAMED = re.compile(r"`([\w/]+\.py)(?:::(\w+))?`")
ELSEWHERE = re.compile(r"\b(operator|application|does not apply): \w")


def _rows() -> Iterator[tuple[str, str]]:
    """The first and the last cell of each row of each table."""
    for line in DOCUMENT.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and not line.startswith("|-") and cells[-1] != "shown by":
            yield cells[0], cells[-1]


@pytest.mark.parametrize(("what", "shown"), list(_rows()), ids=lambda text: str(text)[:30])
def test_a_row_is_shown_by_tests_that_exist_or_says_whose_it_is(what: str, shown: str) -> None:
    named = NAMED.findall(shown)

    assert named or ELSEWHERE.search(shown), what
    for file, test in named:
        source = (ROOT / "tests" / file).read_text()
        assert re.search(rf"^\s*(async )?def {test}\(", source, re.MULTILINE) if test else source


def test_no_requirement_and_no_promise_is_left_out() -> None:
    asvs = [f"{section}.{n}" for section, most in SECTIONS.items() for n in range(1, most + 1)]
    first = [what for what, _shown in _rows()]

    assert [each for each in asvs if first.count(each) != 1] == []
    assert [each for each in PROMISES if each not in first] == []
