"""The single-page app as its own image serves it: built by npm, with the same Content-Security-Policy."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.support.processes import ROOT

API = "http://localhost:3000"
"""Where the app looks for the API if nothing else is said when it is built."""

SPA = ROOT / "spa"
_NGINX = ROOT / "deploy" / "nginx.conf"


def npm(*arguments: str) -> str:
    """Run npm in the app's folder; gives what it has printed."""
    # tests/needs puts a node into .venv where the machine's own is missing or too old.
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


class _Handler(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", content_security_policy())
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@contextmanager
def serve(folder: Path) -> Iterator[int]:
    """Serve a folder's files; gives the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=folder)) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def content_security_policy() -> str:
    """What the app's own web server sends with its pages."""
    found = re.search(r'Content-Security-Policy "([^"]+)"', _NGINX.read_text())
    assert found, "deploy/nginx.conf sends no policy"
    return found[1].replace("@API@", API).replace("@WS_API@", API.replace("http", "ws", 1))
