"""Lua scripts, whose texts a connection sends once."""

import hashlib
from typing import Self

from .commands import Argument


class Script(str):
    """A script's text, as an argument of EVAL: a connection that has sent it sends the digest from then on.

    So a server that is new to it, or was restarted, costs no second round trip, and scripts keep
    their order among other commands.
    """

    digest: str

    def __new__(cls, text: str) -> Self:
        """Return the script with this text."""
        script = super().__new__(cls, text)
        # EVALSHA names scripts by SHA-1, which protects nothing here.
        script.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        return script


class SentScripts:
    """The scripts that one connection has sent by their texts."""

    def __init__(self) -> None:
        self._digests: set[str] = set()

    def shortened(self, arguments: tuple[Argument, ...]) -> tuple[Argument, ...]:
        """Return the arguments of an EVAL as they are to be sent now."""
        script = arguments[1]
        if not isinstance(script, Script):
            return arguments
        if script.digest in self._digests:
            return ("EVALSHA", script.digest, *arguments[2:])
        self._digests.add(script.digest)
        return arguments

    def forget(self, arguments: tuple[Argument, ...]) -> bool:
        """Note that the server does not have a script; return True if its text is to be sent again.

        A server has forgotten it after SCRIPT FLUSH, or as it keeps a few hundred (Redis 7.4).
        """
        script = arguments[1] if len(arguments) > 1 else ""
        if arguments[0] != "EVAL" or not isinstance(script, Script):
            return False
        self._digests.discard(script.digest)
        return True
