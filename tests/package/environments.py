"""Virtual environments that have the wheel, and know nothing of the checkout."""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.package.wheel import Wheel, clean_environ, uv
from tests.support.bytecode import lend

ALL = ("fast", "limits", "oidc", "otel", "redis", "server")


class Kind(NamedTuple):
    """What is installed: extras, in which versions, and which other servers."""

    extras: tuple[str, ...] = ()
    lowest: bool = False
    others: tuple[str, ...] = ("granian", "hypercorn")


KINDS = {
    "lowest": Kind(ALL, lowest=True),
    "newest": Kind(ALL),
    "server": Kind(("server",), others=()),
    "core": Kind(),
}


class Environment:
    """A virtual environment, and a folder outside the checkout in which its programs run."""

    def __init__(self, folder: Path, wheel: Wheel, kind: str) -> None:
        self.kind = kind
        self.prefix = folder / kind
        self.work = folder / f"{kind}-work"
        self.work.mkdir()
        uv("venv", "--quiet", "--python", sys.executable, str(self.prefix))
        self._install(wheel, KINDS[kind])

    def _install(self, wheel: Wheel, kind: Kind) -> None:
        # A wheel's requirements are no direct ones, which alone are taken in their lowest versions.
        direct = wheel.requirements(kind.extras) if kind.lowest else ()
        requirements = [f"{each.name}{each.specifier}" for each in direct]
        resolution = "lowest-direct" if kind.lowest else "highest"
        extras = f"[{','.join(kind.extras)}]" if kind.extras else ""
        self.install("--resolution", resolution, *requirements, f"{wheel.file}{extras}")
        if kind.others:
            self.install(*kind.others)

    def program(self, name: str) -> Path:
        """Return the path of a program that is installed in it."""
        return self.prefix / "bin" / name

    def install(self, *arguments: str) -> None:
        """Run `uv pip install`."""
        uv("pip", "install", "--quiet", "--python", str(self.program("python")), *arguments)
        lend(self.prefix)

    def run(self, *command: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end in the folder, with settings in its environment."""
        return subprocess.run(
            [str(each) for each in command],
            cwd=self.work,
            env=clean_environ(settings),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def python(self, code: str, **settings: str) -> str:
        """Run Python code and return what it printed; fails if it does."""
        done = self.run(self.program("python"), "-c", code, **settings)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
