"""Pages of Markdown: their code blocks, code spans, links and anchors.

A Python block is run as a module of its own unless the words after its language say otherwise:

    ```python                    run
    ```python no-run             compiled, and its imports of the package looked up
    ```python file=shop/main.py  written to that file, beside the other files of its page
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import ROOT

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)

PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
        ROOT / "benchmarks" / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").glob("*/README.md"),
    ]
)
API = ROOT / "docs" / "api.md"
"""Generated; its blocks are signatures, no programs."""


@dataclass(frozen=True)
class Block:
    """A fenced code block. `options` are the words after the language, `file=` has its own field."""

    page: Path
    line: int
    language: str
    options: frozenset[str]
    file: str | None
    text: str

    def __str__(self) -> str:
        return f"{page_name(self.page)}:{self.line}"


def page_name(page: Path) -> str:
    """Return a page's path in the repository, for ids of tests."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> Iterator[Block]:
    """Yield the code blocks of a page."""
    text = page.read_text()
    for found in _FENCE.finditer(text):
        language, *options = found["info"].split() or [""]
        file = next((each[5:] for each in options if each.startswith("file=")), None)
        line = text.count("\n", 0, found.start()) + 1
        rest = frozenset(each for each in options if not each.startswith("file="))
        yield Block(page, line, language, rest, file, found["text"])


def project(page: Path) -> list[Block]:
    """Return the blocks of a page that are files."""
    return [block for block in blocks(page) if block.file is not None]


def write_project(files: list[Block], folder: Path) -> None:
    """Write a page's files into a folder."""
    for block in files:
        assert block.file is not None
        path = folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)


def prose(page: Path) -> str:
    """Return a page without its code blocks."""
    return _FENCE.sub("", page.read_text())


def code_spans(page: Path) -> list[str]:
    """Return what stands in backticks in the prose of a page."""
    return _SPAN.findall(prose(page))


def links(page: Path) -> list[str]:
    """Return the targets of the links and images of a page."""
    return _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    found: set[str] = set()
    for heading in _HEADING.findall(prose(page)):
        text = _LINK.sub(lambda link: link[0][1 : link[0].index("]")], heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        number = sum(
            each == slug or re.fullmatch(rf"{slug}-\d+", each) is not None for each in found
        )
        found.add(f"{slug}-{number}" if number else slug)
    return found
