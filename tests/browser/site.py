"""The single-page app, built as its own image builds it, but for its types: `make check` looks at them."""

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
        [found, *arguments],
        cwd=SPA,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, f"npm {' '.join(arguments)}:\n{ran.stdout}{ran.stderr}"
    return ran.stdout


def build(folder: Path) -> None:
    """Build the app as it is now, for the API at its default address."""
    vite = ("exec", "--silent", "--", "vite", "build")
    npm(*vite, "--outDir", str(folder), "--logLevel", "warn")
