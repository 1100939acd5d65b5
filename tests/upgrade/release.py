"""The release 0.1, with the packages of its own lock file."""

import asyncio
import os
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.processes import ROOT, Process, free_port
from tests.support.stores import StoreSettings

COMMIT = "71c56f5"
"""The last commit of 0.1."""

_ARCHIVE = Path(__file__).with_name("release-0.1.tar.xz")
"""What runs of it, without the large scripts of its pages of documents."""


def unpack(folder: Path) -> None:
    """Put the release into a folder, and its packages into an environment there."""
    with tarfile.open(_ARCHIVE) as tar:
        tar.extractall(folder, filter="data")
    uv = ROOT / ".venv" / "bin" / "uv"
    subprocess.run(
        [uv, "sync", "--frozen", "--quiet", "--no-default-groups", "--python", sys.executable],
        cwd=folder,
        env={key: text for key, text in os.environ.items() if key != "VIRTUAL_ENV"},
        check=True,
        timeout=300,
    )


@asynccontextmanager
async def node(folder: Path, **settings: object) -> AsyncIterator[str]:
    """Run a node of the unpacked release; gives its URL. A traceback in its log is a failure."""
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "PORT": str(port), "LOG_LEVEL": "debug"}
    environment |= {name.upper(): str(value) for name, value in settings.items()}
    python = folder / ".venv" / "bin" / "python"
    with tempfile.TemporaryDirectory(prefix="mooring-release-") as logs:
        command = [str(python), "-m", "app"]
        environment["PYTHONPATH"] = str(folder)
        process = Process(command, Path(logs), environment)
        await asyncio.to_thread(process.start, lambda: _answers(port), within=20.0)
        try:
            yield f"http://127.0.0.1:{port}"
            process.stop()
            assert "Traceback" not in process.log(), process.log()
        finally:
            process.kill()


def on(store: StoreSettings) -> dict[str, object]:
    """Return a store's settings as both versions know them."""
    return {name: store[name] for name in ("session_store", "redis_url", "session_secrets")}


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1.0) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
