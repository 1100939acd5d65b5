"""Import all modules of the project in this folder, then run its tests: python -m tests.docs.page_project."""

import runpy
import sys
from pathlib import Path

import pytest

from tests.docs import as_wheel

# The entry point of the wheel, whose name it has, does the same for users.
_PLUGINS = ("-p", "tests.docs.as_wheel", "-p", "fastapi_mooring.testing.pytest_plugin")


def main() -> int:
    """Return the exit code of the tests; 0 if there are none."""
    as_wheel.install()
    sources = sorted(Path().rglob("*.py"))
    for each in sources:
        if not each.name.startswith("test_"):
            runpy.run_path(str(each), run_name="imported")
    if not list(Path().rglob("test_*.py")):
        return 0
    return pytest.main(["-q", "-p", "no:schemathesis", *_PLUGINS])


if __name__ == "__main__":
    sys.exit(main())
