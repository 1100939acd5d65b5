"""A copy of the checkout, to be broken."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import ROOT


@contextmanager
def checkout() -> Iterator[Path]:
    """A copy of what git knows, or would take, for the time of a run."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder)
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file() and not (ROOT / name).is_symlink():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name)
        for modules in ("tests/js", "spa", "benchmarks/node", "examples/chat/web"):
            if (ROOT / modules / "node_modules").exists():
                (copy / modules / "node_modules").symlink_to(ROOT / modules / "node_modules")
        yield copy
