"""Debian's nginx with the project's own configuration, made as the app's Dockerfile makes it."""

import http.client
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import ROOT, Process, free_port

API = "http://localhost:3000"
"""Where the app looks for the API if nothing else is said when it is built."""

_CONFIGURATION = ROOT / "deploy" / "nginx.conf"
_DOCKERFILE = ROOT / "spa" / "Dockerfile"


def nginx_binary() -> str:
    """The nginx of this machine; that there is none is a failure."""
    found = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert found, "nginx is missing: `make test-needs` installs it"
    return found


@contextmanager
def nginx(files: Path, *, api: str = API) -> Iterator[int]:
    """Serve a folder as the app's image does; gives the port."""
    with tempfile.TemporaryDirectory(prefix="mooring-nginx-") as name:
        folder, port = Path(name), free_port()
        configure(folder, files, port, api=api)
        process = Process(nginx_command(folder), folder)
        process.start(lambda: listens(port))
        try:
            yield port
        finally:
            process.stop()


def configure(folder: Path, files: Path, port: int, *, api: str = API) -> None:
    """Write the configuration for an API, but for the paths and the port of a test."""
    text = _CONFIGURATION.read_text().replace("/tmp/", f"{folder}/")
    text = text.replace("root /usr/share/nginx/html", f"root {files}")
    file = folder / "nginx.conf"
    file.write_text(text.replace("listen 4200", f"listen 127.0.0.1:{port}"))
    shutil.copy("/etc/nginx/mime.types", folder)
    [names_the_api] = re.findall(
        r"^RUN (sed .*) /nginx\.conf$", _DOCKERFILE.read_text(), re.MULTILINE
    )
    environment = {"PATH": os.environ["PATH"], "VITE_API_URL": api}
    subprocess.run(["sh", "-c", f"{names_the_api} {file}"], env=environment, check=True)


def nginx_command(folder: Path, *more: str) -> list[str]:
    """How to run it with the configuration in a folder."""
    # Root's workers would become somebody who may not read the folder.
    who = "user root;" if os.geteuid() == 0 else ""
    where = ["-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    return [nginx_binary(), *where, "-g", f"daemon off; {who}", *more]


def listens(port: int) -> bool:
    """Whether nginx answers at a port, in whatever way."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1.0)
    try:
        connection.request("GET", "/")
        return bool(connection.getresponse().status)
    except OSError:
        return False
    finally:
        connection.close()
