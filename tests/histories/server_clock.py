"""The clock of a server, moved while it runs: by libfaketime, which is loaded before the C library."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LIBRARIES = ("/usr/lib", "*/faketime/libfaketime.so.1")


class MovedClock:
    """What a server believes the time is, in seconds ahead of the true one. Its monotonic clock goes on.

    Debian's Redis does not start with it: its allocator asks for the time before it can be told.

    Args:
        folder: where the file is that the library reads at each look at the clock.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.move(0.0)

    @property
    def env(self) -> dict[str, str]:
        """Return the environment of a server that has this clock."""
        return {
            **os.environ,
            "LD_PRELOAD": _library(),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def move(self, seconds: float) -> None:
        """Have it be wrong by so many seconds from now on."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+f}s\n")
        new.replace(self._file)  # in one step: the server may be reading it


@contextmanager
def moved_clock() -> Iterator[MovedClock]:
    """Return a clock that is right, and can be moved."""
    with tempfile.TemporaryDirectory(prefix="mooring-clock-") as folder:
        yield MovedClock(Path(folder))


def _library() -> str:
    folder, pattern = _LIBRARIES
    found = next(Path(folder).glob(pattern), None)
    assert found, "libfaketime is missing: `make test-needs` installs it"
    return str(found)
