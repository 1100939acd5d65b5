"""The site of the documentation as it is now, built once for all processes of a run."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from tests.support.processes import ROOT


def build_site(project: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a project, as `make site` does; what is wrong in a page is a failure."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=project,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def built_site(shared: Path) -> Path:
    """Return the folder of the site, below one that all processes of this run have in common."""
    folder, done = shared / "site", shared / "site.built"
    with (shared / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            built = build_site(ROOT, folder)
            assert built.returncode == 0, built.stderr
            done.touch()
    return folder
