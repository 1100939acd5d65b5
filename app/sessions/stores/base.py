"""The port of session stores."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from ..models import NOT_MODIFIED, CommitOutcome, ConditionalResult, EndReason, LoadResult, Record


class SessionStore(ABC):
    """Keeps records by session key, and decides by its own clock when they end.

    Keys are session keys (64 hex digits); a store never sees a session id. Durations are seconds,
    fractions allowed. Every verb is one atomic step and at most one round trip; none is ever
    applied twice. If there is no reply, every verb raises StoreUnavailableError within a second.

    What is stored under a key but cannot be read (written by hand, or by a later version) makes a verb
    for one key raise UnreadableRecordError, but for `end`, which ends it; a read of many logs it once,
    and returns the others. Reasons of ends that it does not know are taken for REVOKED.

    A record that is past its deadline does not exist, for any verb, from that moment on. Nothing
    revives an ended session: `create` alone makes records, and it refuses a key that is in use.

    A store may be used in one event loop after another. To prove an adapter of your own, run
    `StoreContract` of the package's `testing` on it.
    """

    @abstractmethod
    async def create(  # noqa: PLR0913 - what a record has
        self,
        key: str,
        data: bytes,
        *,
        idle: float,
        absolute: float,
        owner: str | None = None,
        created_at: float | None = None,
        predecessor: str | None = None,
        until: float | None = None,
    ) -> Record:
        """Store a new record of version 1, and return it with its lease.

        Args:
            key: its session key.
            data: JSON, an object at the top.
            idle: seconds from now until it ends, unless it is extended.
            absolute: seconds from `created_at` until it ends however often it is extended.
            owner: an opaque string that is kept with the data.
            created_at: seconds since the epoch; now, unless the record continues an older session.
            predecessor: an opaque string that is kept with the record until a commit without it.
            until: seconds since the epoch, by the store's clock, from which on it is too late. Given to
                stores alone that are a UserIndex.

        Raises:
            SessionExistsError: there is a record or a tombstone under that key.
            TooLateError: the time is over; nothing was stored.
        """

    @abstractmethod
    async def load(self, key: str, *, idle: float | None = None) -> LoadResult:
        """Return the record or the tombstone, with its lease, or None.

        Args:
            key: its session key.
            idle: seconds from now to which the same step extends the record, capped by its absolute
                deadline; one that has longer to live keeps its deadline. With None its deadline
                stays, and so does that of a record with a predecessor.
        """

    @abstractmethod
    async def load_many(self, keys: Sequence[str]) -> list[LoadResult]:
        """Return the record without its lease, the tombstone, or None for each key, in their order.

        Extends nothing. One round trip per 500 keys. What cannot be read is returned as None.

        Args:
            keys: any number of session keys.
        """

    async def load_if_changed(
        self, keys: Sequence[str], versions: Sequence[int]
    ) -> list[ConditionalResult]:
        """Return the same as `load_many`, but NOT_MODIFIED for a record of the version given for its key.

        What cannot be read is returned as NOT_MODIFIED: nothing has to be done about it.
        A store that can compare versions without reading whole records may do so.

        Args:
            keys: any number of session keys.
            versions: one for each key, in the same order.
        """
        return [
            NOT_MODIFIED if isinstance(found, Record) and found.version == version else found
            for found, version in zip(await self.load_many(keys), versions, strict=True)
        ]

    @abstractmethod
    async def commit(
        self,
        key: str,
        version: int,
        data: bytes,
        *,
        idle: float | None = None,
        owner: str | None = None,
        predecessor: str | None = None,
    ) -> CommitOutcome:
        """Replace data and owner if the record still has that version.

        Args:
            key: its session key.
            version: that of the record which was read before.
            data: JSON, an object at the top.
            idle: extends the record in the same step, as in `load`.
            owner: replaces the record's.
            predecessor: likewise.

        Returns:
            Committed with the new record, Conflict with the newer one, or Gone.
        """

    @abstractmethod
    async def end(
        self,
        key: str,
        reason: EndReason,
        *,
        keep: float,
        version: int | None = None,
        successor: str | None = None,
    ) -> CommitOutcome:
        """Replace the record by a tombstone that stays for `keep` seconds.

        Args:
            key: its session key.
            reason: kept in the tombstone.
            keep: seconds that the tombstone stays.
            version: if given, nothing is done unless the record still has it.
            successor: the key of the session that replaces this one, kept in the tombstone.

        Returns:
            Committed with the last record, whose predecessor the tombstone keeps, Conflict with the
            newer one, or Gone; an older tombstone stays as it is.
        """

    @abstractmethod
    async def delete(self, key: str) -> None:
        """Delete the record or tombstone without a trace; do nothing if there is none.

        Args:
            key: its session key.
        """

    @abstractmethod
    async def ping(self) -> None:
        """Return if the store accepts writes, without writing anything.

        Raises:
            StoreUnavailableError: it does not, or there is no reply.
        """

    async def aclose(self) -> None:
        """Close connections and end tasks. May be called twice."""
        return
