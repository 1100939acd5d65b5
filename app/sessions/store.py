"""The port behind which sessions are kept."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from app.sessions.records import UNCHANGED, CommitOutcome, EndReason, Found, Newer, Record


class SessionStore(ABC):
    """Keeps records by session key, and decides by its own clock when they end.

    Keys are session keys (64 hex digits); a store never sees a session id. Durations are seconds,
    fractions allowed. Every verb is one atomic step and at most one round trip; none is ever
    applied twice. A store that gives no answer raises StoreUnavailableError within a second.

    A record that is past its deadline does not exist, for any verb, from that moment on. Nothing
    brings an ended session back: `create` alone makes records, and it refuses a key that is taken.

    To prove an adapter of your own, run the suite in `tests/contracts/store_contract.py` on it.
    """

    @abstractmethod
    async def create(
        self,
        key: str,
        data: bytes,
        *,
        idle: float,
        absolute: float,
        owner: str | None = None,
        created_at: float | None = None,
    ) -> Record:
        """Store a new record, version 1, that ends `idle` seconds from now.

        At the latest it ends `absolute` seconds after `created_at` (seconds since the epoch), which
        is now unless the record continues an older session.
        Raises SessionExistsError if a record or a tombstone stands under that key.
        """

    @abstractmethod
    async def load(self, key: str, *, idle: float | None = None) -> Found:
        """Give the record with its lease, its tombstone, or None.

        With `idle`, the same step extends the record to `idle` seconds from now, capped by its
        absolute deadline.
        """

    @abstractmethod
    async def load_many(self, keys: Sequence[str]) -> list[Found]:
        """Give what stands under each key, in their order, extending nothing.

        One round trip per 500 keys. Leases are not read.
        """

    async def load_newer(self, keys: Sequence[str], versions: Sequence[int]) -> list[Newer]:
        """Do the same, with UNCHANGED for each record that still has the version given for its key.

        A store that can tell without reading the whole record may do so.
        """
        return [
            UNCHANGED if isinstance(found, Record) and found.version == version else found
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
    ) -> CommitOutcome:
        """Replace data and owner if the record still has that version; else say why not.

        With `idle`, extends the record as `load` does; without, its deadline stays.
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

        With `version`, only if the record still has it. Committed carries the last record.
        An older tombstone is left as it is (Gone).
        """

    @abstractmethod
    async def delete(self, key: str) -> None:
        """Drop what stands under the key, without a trace. If there is nothing, this does nothing."""

    @abstractmethod
    async def ping(self) -> None:
        """Return if the store takes writes; raise StoreUnavailableError if it does not.

        Writes nothing.
        """

    async def aclose(self) -> None:
        """Let go of connections and tasks. May be called twice."""
        return
