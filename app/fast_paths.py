"""FAST_PATHS: whether code of ours does the work of libraries for the common case.

Fast paths reach into undocumented parts of the libraries, so that they are known to be right with the
versions alone that the tests ran with. Without them everything works as well, and slower.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

from .settings import SettingsError

Mode = Literal["auto", "on", "off"]

TESTED: dict[str, frozenset[str]] = {
    "fastapi": frozenset({"0.165.0"}),
    "httptools": frozenset({"0.9.0"}),
    "python-engineio": frozenset({"4.15.1"}),
    "python-socketio": frozenset({"5.18.1"}),
    "starlette": frozenset({"1.10.0"}),
    "uvicorn": frozenset({"0.54.0"}),
    "websockets": frozenset({"17.4"}),
}
"""Versions with which the whole suite passed. Before one is added, tests/compat says what to read."""

BELOW_ROUTES = ("fastapi", "starlette")
BELOW_EVENTS = ("python-engineio", "python-socketio")
"""What the fast paths of an app reach into, whichever server serves it."""


@dataclass(frozen=True)
class FastPaths:
    """What was decided, and why, in words for the log; the reason is empty if there is nothing to say."""

    enabled: bool
    reason: str = ""

    def __str__(self) -> str:
        state = "fast paths on" if self.enabled else "fast paths off"
        return f"{state}: {self.reason}" if self.reason else state


def installed_version(distribution: str) -> str | None:
    """Return the version of a distribution that is installed, None if it is not."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def decide(
    mode: Mode,
    version: Callable[[str], str | None] = installed_version,
    *,
    of: Collection[str] = TESTED.keys(),
) -> FastPaths:
    """Return whether fast paths are to be used.

    Args:
        mode: the setting FAST_PATHS.
        version: returns the installed version of a distribution.
        of: the distributions that the fast paths reach into, all by default.

    Raises:
        SettingsError: FAST_PATHS is "on", and a version was not tested.
    """
    if mode == "off":
        return FastPaths(enabled=False, reason="FAST_PATHS=off")
    untested = _untested(version, of)
    if untested and mode == "on":
        raise SettingsError(f"FAST_PATHS: on cannot be: {untested}; write auto or off")
    return FastPaths(enabled=not untested, reason=untested)


def _untested(version: Callable[[str], str | None], of: Collection[str]) -> str:
    found = {name: version(name) for name in of}
    return ", ".join(
        f"{name} {installed} is not tested" if installed else f"{name} is not installed"
        for name, installed in found.items()
        if installed not in TESTED[name]
    )
