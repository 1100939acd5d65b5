"""The products (tests/product) in an environment, served by one of the servers."""

import http.client
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.package.environments import Environment
from tests.package.wheel import clean_environ
from tests.support.processes import ROOT, Process, free_port
from tests.support.service import check_log

PRODUCTS = ROOT / "tests" / "product"
COUNTER = PRODUCTS / "counter.py"
APP = "counter:app"


@contextmanager
def served(
    environment: Environment, server: str, folder: Path, *, app: str = APP, **settings: str
) -> Iterator[str]:
    """Serve a product, by default the counter, and give its URL; a traceback in the log fails the test."""
    shutil.copy(COUNTER, environment.work)
    shutil.copy(PRODUCTS / "desk.py", environment.work)
    shutil.copytree(PRODUCTS / "files", environment.work / "files", dirs_exist_ok=True)
    port = free_port()
    command = [str(part) for part in _command(environment, server, app, port)]
    env = clean_environ({"HOST": "127.0.0.1", "PORT": str(port)} | settings)
    process = Process(command, environment.work, env)
    process.log_file = folder / "log"
    process.start(lambda: _is_ready(port), within=20.0)
    try:
        yield f"http://127.0.0.1:{port}"
        if server in ("module", "script"):
            assert process.stop() == 0
        check_log(process.log())
    finally:
        process.kill()


def _command(environment: Environment, server: str, app: str, port: int) -> list[str | Path]:
    address = f"127.0.0.1:{port}"
    program = environment.program
    commands: dict[str, list[str | Path]] = {
        "granian": [program("granian"), "--interface", "asgi", "--port", str(port), app],
        "hypercorn": [program("hypercorn"), "--bind", address, app],
        "module": [program("python"), "-m", "fastapi_mooring", app],
        "script": [program("mooring"), app],
        "uvicorn": [program("uvicorn"), "--port", str(port), app],
    }
    return commands[server]


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1.0)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
