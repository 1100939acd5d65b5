"""A product that is run as README says: on the wheel, in an environment of its own."""

import http.client
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.markdown import project, write_project
from tests.docs.names import setting_names
from tests.support.bytecode import lend
from tests.support.processes import ROOT, Process, free_port
from tests.support.service import check_log

UV = ROOT / ".venv" / "bin" / "uv"


class Product:
    """The files of a page in a folder, and the environment that `make run` makes for them."""

    def __init__(self, page: Path, folder: Path) -> None:
        self.files = folder / "product"
        self.environment = folder / "environment"
        self.files.mkdir()
        write_project(project(page), self.files)

    @property
    def variables(self) -> dict[str, str]:
        """Variables of the Makefile: where the two are."""
        return {"IN": str(self.files), "APP_VENV": str(self.environment)}

    def prepare(self) -> None:
        """Make the environment."""
        self.run("make", "app-env", *_words(self.variables), folder=ROOT)
        lend(self.environment)

    def install(self, *arguments: str) -> None:
        """Install further packages."""
        self.run(
            str(UV), "pip", "install", "--quiet", "--python", self.program("python"), *arguments
        )
        lend(self.environment)

    def program(self, name: str) -> str:
        """Return the path of a program that is installed in the environment."""
        return str(self.environment / "bin" / name)

    def run(self, *command: str, folder: Path | None = None) -> str:
        """Run a command to its end, and return what it printed; fails if it does."""
        done = subprocess.run(
            command,
            cwd=folder or self.files,
            env=_environ(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def served(
        self,
        *command: str,
        folder: Path | None = None,
        port: int,
        settings: Mapping[str, str] | None = None,
    ) -> Iterator[str]:
        """Serve it on a port, and give its URL; a traceback in the log is a failure."""
        environ = _environ({**(settings or {}), "PORT": str(port)})
        process = Process(command, folder or self.files, environ)
        process.log_file = self.files.parent / f"log-{port}"
        process.start(lambda: _answers(port))
        try:
            yield f"http://127.0.0.1:{port}"
            process.stop()
            check_log(process.log())
        finally:
            process.kill()


@pytest.fixture
def make_product(tmp_path: Path) -> Callable[[Path], Product]:
    """Return what makes a product of a page's files."""
    return lambda page: Product(page, tmp_path)


@pytest.fixture
def port() -> int:
    """A port that is free."""
    return free_port()


def words_of(command: str, **values: str) -> list[str]:
    """Return the words of a documented command, with other values for some `NAME=value`."""
    words = [word.partition("=") for word in shlex.split(command, comments=True)]
    return [f"{name}={values.get(name, value)}" if eq else name for name, eq, value in words]


def _words(variables: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in variables.items()]


def _environ(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the machine's environment, without the developer's settings and those of `make test`."""
    of_python = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV"}
    dropped = setting_names() | {"MAKEFLAGS", "MFLAGS"} | of_python
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.removeprefix("MOORING_") not in dropped
    }
    return kept | {"PYTHONUNBUFFERED": "1"} | dict(more or {})


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1.0)
    try:
        connection.request("GET", "/openapi.json")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
