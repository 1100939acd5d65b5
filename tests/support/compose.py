"""docker-compose.yml as it stands, and as docker-compose itself understands it. No Docker is needed."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.support.processes import ROOT

COMPOSE = ROOT / "docker-compose.yml"

Services = dict[str, dict[str, Any]]


def services() -> Services:
    """The services, with what they have in common filled in and variables as they are written."""
    found: Services = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def understood(folder: Path, **environment: str) -> dict[str, Any]:
    """The whole file as docker-compose understands it in a folder with a `.env` of its own.

    Fails if it refuses the file, or says that there is something wrong with it.
    """
    shutil.copy(COMPOSE, folder)
    (folder / ".env").write_text("".join(f"{key}={text}\n" for key, text in environment.items()))
    ran = subprocess.run(
        [docker_compose(), "--profile", "observe", "config"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert not ran.stderr, ran.stderr
    whole: dict[str, Any] = yaml.safe_load(ran.stdout)
    return whole


def docker_compose() -> str:
    """Compose of this machine, 1.29 or 2; that there is none is a failure."""
    found = shutil.which("docker-compose", path="/usr/bin:/usr/local/bin")
    assert found, "docker-compose is missing: `make test-needs` installs it"
    return found
