"""Log lines about what a server refuses, in its own words, once a change of state."""

import logging
import time
from collections.abc import Callable

from .commands import Argument
from .probe import FORBIDDEN

logger = logging.getLogger(__name__)

_EXPECTED = ("NOSCRIPT", "MOVED", "ASK")
"""Replies that are a step on the way, not a refusal."""

_CODES = ("OOM", "MISCONF", "BUSY", "NOPERM", "NOREPLICAS", "READONLY", "CLUSTERDOWN", "LOADING")
"""Searched for anywhere: before version 7, scripts wrap the error of the command that failed."""

_LONGEST = 200
_SETTLED_SECONDS = 1.0
"""How long ago a refusal has to be before a success is the end of it: a server that is nearly full
refuses the one write and takes the next."""

What = tuple[Argument, ...]


class RefusedCommands:
    """What one server refuses at present: for each code of an error, the commands and when.

    Args:
        server: names the server in log lines.
        clock: a monotonic clock.
        log: is given each line.
    """

    def __init__(
        self,
        server: str,
        clock: Callable[[], float] = time.monotonic,
        log: Callable[[str], object] = logger.error,
    ) -> None:
        self._server = server
        self._clock = clock
        self._log = log
        self._refused: dict[str, dict[What, float]] = {}

    def __bool__(self) -> bool:
        """Return True if there is anything that `accept` would have to check."""
        return bool(self._refused)

    def refuse(self, arguments: tuple[Argument, ...], text: str) -> None:
        """Note an error reply; the first of its code is logged."""
        code = _code(text)
        if code in _EXPECTED:
            return
        if code not in self._refused:
            self._refused[code] = {}
            self._log(f"{self._server} refuses commands: {_printable(text)}")
        self._refused[code][_what(arguments)] = self._clock()

    def accept(self, arguments: tuple[Argument, ...]) -> None:
        """Note a reply that is no error; where it is the last that was refused, that is logged."""
        what, settled = _what(arguments), self._clock() - _SETTLED_SECONDS
        for code, commands in list(self._refused.items()):
            if commands.get(what, settled) < settled:
                del commands[what]
                if not commands:
                    del self._refused[code]
                    self._log(f"{self._server} refuses commands no longer: {code}")


def _what(arguments: tuple[Argument, ...]) -> What:
    """Return what distinguishes a command: its name, and the script that it runs."""
    return arguments[:2] if arguments[0] in ("EVAL", "EVALSHA") else arguments[:1]


def _printable(text: str) -> str:
    """Return the beginning of a server's words, without what would break a line."""
    return ascii(text[:_LONGEST])[1:-1]


def _code(text: str) -> str:
    if "ACL failure" in text or "executing the script can't" in text:
        return FORBIDDEN
    found = next((code for code in _CODES if code in text), None)
    return found or text.partition(" ")[0]
