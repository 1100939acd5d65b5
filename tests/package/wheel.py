"""The wheel: how it is built, and what it says of itself."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Collection
from email import message_from_bytes
from email.message import Message
from functools import cached_property
from pathlib import Path

from packaging.requirements import Requirement

from tests.support.processes import ROOT

UV = Path(sys.prefix) / "bin" / "uv"
_KEPT = ("HOME", "LANG", "PATH", "TMPDIR", "XDG_CACHE_HOME")


class Wheel:
    """A wheel in a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @cached_property
    def files(self) -> dict[str, bytes]:
        """Each file's content by its name."""
        with zipfile.ZipFile(self.file) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    @cached_property
    def metadata(self) -> Message:
        """The core metadata."""
        (name,) = (each for each in self.files if each.endswith(".dist-info/METADATA"))
        return message_from_bytes(self.files[name])

    def requirements(self, extras: Collection[str]) -> list[Requirement]:
        """Return what it requires with extras, without itself."""
        texts: list[str] = self.metadata.get_all("Requires-Dist", [])
        found = [Requirement(text) for text in texts]
        return [
            each
            for each in found
            if each.name != self.metadata["Name"]
            and (
                each.marker is None
                or any(each.marker.evaluate({"extra": extra}) for extra in ("", *extras))
            )
        ]


def build(folder: Path) -> Wheel:
    """Build the source distribution, and the wheel from it."""
    uv("build", "--quiet", "--out-dir", str(folder), str(ROOT))
    (file,) = folder.glob("*.whl")
    return Wheel(file)


def uv(*arguments: str) -> None:
    """Run uv outside of the checkout, whose settings it would read, with the machine's for networks."""
    command = [str(UV), *arguments]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stderr}"


def clean_environ(settings: dict[str, str]) -> dict[str, str]:
    """Return an environment that knows nothing of the checkout or of the developer's settings."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {"PYTHONUNBUFFERED": "1"} | settings
