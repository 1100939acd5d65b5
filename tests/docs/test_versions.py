"""The version that is being made has one number, wherever it is written."""

import re

from app import __version__
from tests.support.processes import ROOT

_HEADING = re.compile(r"^## (\d+\.\d+\.\d+)(?:, (?:unreleased|\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)


def _versions() -> list[str]:
    return _HEADING.findall((ROOT / "CHANGELOG.md").read_text())


def test_the_newest_changes_are_those_of_the_package_s_version() -> None:
    assert _versions()[0] == __version__


def test_every_heading_is_a_version_and_they_go_down() -> None:
    headings = re.findall(r"^## .*$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    numbers = [tuple(map(int, each.split("."))) for each in _versions()]

    assert len(headings) == len(numbers)
    assert numbers == sorted(set(numbers), reverse=True)
