"""The single-page app, built by npm as its own image builds it."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.processes import ROOT

SPA = ROOT / "spa"


def npm(*arguments: str) -> str:
    """Run npm in the app's folder; gives what it has printed."""
    # scripts/test-needs puts a node into .venv where the machine's own is missing or too old.
    env = {"PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}", "HOME": os.environ["HOME"]}
    found = shutil.which("npm", path=env["PATH"])
    assert found, "npm is missing: `make test-needs` installs it"
    ran = subprocess.run(
        [found, "run", "--silent", *arguments],
        cwd=SPA,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, f"npm run {arguments[0]}:\n{ran.stdout}{ran.stderr}"
    return ran.stdout


def build(folder: Path) -> None:
    """Build the app as it is now, for the API at its default address."""
    npm("build", "--", "--outDir", str(folder), "--logLevel", "warn")
