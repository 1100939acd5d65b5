"""Which files carry the tests of which promise: the table in docs/architecture.md.

`python -m tests.support.promises` prints them, for `make test-product`.
"""

import re
import sys
from pathlib import Path

from tests.support.processes import ROOT

PRODUCT = "tests/product/test_turnstile.py"
"""What is tested of the product itself."""

_ROW = re.compile(r"^\| (P\d+) \|.*\| ([^|]+) \|$", re.MULTILINE)
_FILE = re.compile(r"`(tests/[\w/]+\.py)`")


def files_by_promise() -> dict[str, list[str]]:
    """Return the files of each promise, in the order of the table."""
    table = (ROOT / "docs" / "architecture.md").read_text()
    return {promise: _FILE.findall(files) for promise, files in _ROW.findall(table)}


def promised_files() -> set[Path]:
    """Return those of these files that say something of any app: not of proxies, nor of pages."""
    files = {ROOT / file for files in files_by_promise().values() for file in files}
    return {each for each in files if each.parent.name not in ("browser", "deploy")}


if __name__ == "__main__":
    files = sorted(str(file.relative_to(ROOT)) for file in promised_files())
    sys.stdout.write(" ".join([*files, PRODUCT]) + "\n")
