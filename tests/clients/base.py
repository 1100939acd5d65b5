"""What a test asks of a client, whichever it is."""

from typing import Any, Protocol

from tests.support.browsers import Transport


class Client(Protocol):
    """One client with one socket."""

    @property
    def connects(self) -> int:
        """How often it has connected."""

    @property
    def counts(self) -> list[int]:
        """The values of `current count`."""

    @property
    def ended(self) -> list[str]:
        """The reasons of `session ended`."""

    @property
    def disconnects(self) -> list[str]:
        """Why it was disconnected, in its own words."""

    @property
    def cookies(self) -> list[str]:
        """The cookies that its handshakes were given, as `name=value`."""

    async def open(self, url: str, transport: Transport) -> None:
        """Connect; return when it has, and has upgraded where it upgrades."""

    async def incr(self) -> Any:
        """Emit `incr`, and return the ack."""

    async def close(self) -> None:
        """Disconnect for good; may be called twice."""


def pair_of(set_cookie: str) -> str:
    """Return `name=value` of a Set-Cookie header."""
    return set_cookie.partition(";")[0]
