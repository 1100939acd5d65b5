"""The Python in the documentation passes `mypy --strict`, beside the package as users install it.

mypy runs once: the samples of each page are a package, and their lines are those of the page.
"""

import re
import subprocess
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import pytest

from tests.docs import as_wheel
from tests.docs.markdown import API, Block, page_name
from tests.docs.test_python import NOT_RUN, PYTHON
from tests.support.processes import ROOT

# In one process, as both write the cache.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("tests/docs/test_types.py")]

CACHE = ROOT / ".mypy_cache" / "documentation"
HAS_AN_ENVIRONMENT = "docs/fastapi-users.md"  # its libraries are there: see test_fastapi_users.py
UNTYPED = re.compile(r"^import socketio$", re.MULTILINE)  # has no types: none can be strict with it
SAMPLES = [
    block
    for block in PYTHON
    if block not in NOT_RUN
    and page_name(block.page) != HAS_AN_ENVIRONMENT
    and not UNTYPED.search(block.text)
]

CONFIG = """
[mypy]
strict = True
explicit_package_bases = True
[mypy-fastapi_mooring.*]
follow_imports = silent
[mypy-httpx2.*]
ignore_missing_imports = True
"""


def test_the_samples_are_strictly_typed(tmp_path: Path) -> None:
    assert _errors(SAMPLES, tmp_path) == []


def test_what_is_not_typed_is_found_at_its_line_on_the_page(tmp_path: Path) -> None:
    text = "from fastapi_mooring import Mooring\n\n\nMooring(1)\n"
    sample = Block(API, 10, "python", frozenset(), "shop/main.py", text)

    [error] = _errors([sample], tmp_path)

    assert error.startswith("docs_api/shop/main.py:14: error: Argument 1 to")


def _errors(samples: Iterable[Block], folder: Path) -> list[str]:
    """Return what mypy finds in samples."""
    packages = []
    for page, found in groupby(samples, key=lambda block: page_name(block.page)):
        packages.append(re.sub(r"\W", "_", page.removesuffix(".md")))
        _write_package(list(found), folder, packages[-1])
    (folder / "mypy.ini").write_text(CONFIG)
    (folder / as_wheel.WHEEL).symlink_to(ROOT / as_wheel.CHECKOUT)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", CACHE, "--no-error-summary", *packages],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert not done.stderr
    return done.stdout.splitlines()


def _write_package(samples: list[Block], folder: Path, package: str) -> None:
    """Write the samples of a page, whose imports of one another name the package."""
    for block in samples:
        path = folder / package / (block.file or f"at_{block.line}.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n" * block.line + _in_package(package, block.text, samples))


def _in_package(package: str, text: str, samples: list[Block]) -> str:
    names = {block.file.removesuffix(".py").split("/")[0] for block in samples if block.file}
    for name in names:
        text = re.sub(rf"^from (?={name}\b)", f"from {package}.", text, flags=re.MULTILINE)
        text = re.sub(rf"^import (?={name}\b)", f"from {package} import ", text, flags=re.MULTILINE)
    return text
