"""What the rest of the service may ask of a session's sockets, whoever holds them."""

from typing import Protocol


class Rooms(Protocol):
    """The sockets of each session, on all nodes. Realtime has them; HTTP only speaks to them."""

    async def tell(self, key: str, version: int, event: str, value: object) -> None:
        """Send an event to every socket of a session.

        `version` is the session's version that the value belongs to: a socket that has heard the
        same event with a newer one is not told an older.
        """

    async def count(self, key: str) -> int:
        """Count the live sockets of a session."""
