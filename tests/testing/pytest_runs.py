"""Runs of pytest of their own, forked from a process that has imported FastAPI and the library."""

import os
import shlex
import time
from pathlib import Path

import pytest

from tests.support.processes import ROOT
from tests.support.service import process_of

_QUIET = (
    *("-p", "no:valkey", "-p", "no:schemathesis", "-p", "no:cacheprovider", "-W", "error"),
    # It is, where processes are forked, and rewriting its assertions is not what is tested.
    *("-W", "ignore:Module already imported so cannot be rewritten; anyio"),
)


def run_pytest(folder: Path, *options: str) -> pytest.RunResult:
    """Run the tests of a folder, where all warnings are errors."""
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTEST_ADDOPTS": shlex.join([*_QUIET, *options]),
    }
    begun = time.monotonic()
    process = process_of("pytest", folder, env)
    code = process.run()
    return pytest.RunResult(code, process.log().splitlines(), [], time.monotonic() - begun)
