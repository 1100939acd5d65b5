"""Bytecode for environments that tests make of a page or an example: what .venv has compiled already.

uv links a package's files from its cache into each environment. Where it copies them, nothing is lent.
"""

import os
import sysconfig
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path

from tests.support.processes import ROOT


def lend(environment: Path) -> None:
    """Link to the bytecode of all files that the environment has in common with .venv.

    Its first program would compile them otherwise, which takes seconds. Python takes no bytecode of a file
    that has changed, and replaces it by a new file.
    """
    lender, borrower = _packages(ROOT / ".venv"), _packages(environment)
    for theirs in borrower.rglob("*.py"):
        ours = lender / theirs.relative_to(borrower)
        with suppress(FileNotFoundError, FileExistsError):
            if ours.samefile(theirs):
                _link(_compiled(ours), _compiled(theirs))


def _packages(environment: Path) -> Path:
    return Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))


def _compiled(source: Path) -> Path:
    return Path(cache_from_source(str(source)))


def _link(existing: Path, link: Path) -> None:
    if existing.exists():
        link.parent.mkdir(exist_ok=True)
        os.link(existing, link)
