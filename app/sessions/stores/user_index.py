"""An extra ability of a store: to find the sessions of a user."""

from abc import ABC, abstractmethod

NO_USER_INDEX = (
    "this store cannot find the sessions of a user: it is no UserIndex (see docs/users.md)"
)


class UserIndex(ABC):
    """Keeps, for each user, the keys of sessions that may be the user's.

    An entry is made before the record that it speaks of, and nobody believes it: who reads the index
    checks the records. So it never lacks a session, and may name some that have ended.

    Names are opaque (64 hex digits): a store never sees the id of a user here. Every verb is one
    atomic step and at most one round trip; it raises StoreUnavailableError if there is no reply.
    """

    @abstractmethod
    async def add_to_index(self, name: str, key: str, *, keep: float) -> float:
        """Add a session key under a name; the entry goes by itself after `keep` seconds.

        An entry that is there already is kept until the later of its two ends.

        Args:
            name: that of a user.
            key: a session key; there may be no record yet.
            keep: seconds, of which none may be missing while the session can live.

        Returns:
            The time at which it was added, in seconds since the epoch, by the clock of the store.
        """

    @abstractmethod
    async def remove_from_index(self, name: str, key: str) -> None:
        """Remove an entry; do nothing if there is none.

        Args:
            name: that of a user.
            key: a session key whose session has ended, and cannot come back.
        """

    @abstractmethod
    async def read_index(self, name: str) -> list[str]:
        """Return the session keys under a name, in no particular order.

        Args:
            name: that of a user.
        """
