"""The entries of signed-in sessions in the index of a store, around their rotations and ends."""

import time
from contextlib import suppress

from .errors import StoreUnavailableError
from .models import CommitOutcome, Committed, EndReason, Record
from .policy import Policy
from .sign_in import index_names
from .stores.base import SessionStore
from .stores.user_index import UserIndex

_INDEX_MARGIN_SECONDS = 60.0
"""For how long an entry of the index outlives its session: clocks of two servers differ."""


class IndexEntries:
    """Makes and removes the entries by which a user's sessions are found.

    Args:
        store: where the sessions are kept.
        policy: their limits.
        index: what has the entries; None where the store cannot, so that there are none.
    """

    def __init__(self, store: SessionStore, policy: Policy, index: UserIndex | None) -> None:
        self.index = index
        self._store = store
        self._policy = policy

    async def add(self, key: str, record: Record) -> float | None:
        """Make the entries of a signed-in session, before there is a record under the key.

        Return when that of the user was made, by the store's clock; None if there is none.
        """
        names = index_names(record.owner)
        if self.index is None or not names:
            return None
        keep = record.absolute_at - _now(record) + _INDEX_MARGIN_SECONDS
        added, *_ = [await self.index.add_to_index(name, key, keep=keep) for name in names]
        return added

    async def time(self, key: str, record: Record) -> float:
        """Return what the store's clock says; the record of a handle may have been read minutes ago."""
        found = await self._store.load(key)
        return _now(found) if isinstance(found, Record) else _now(record)

    def latest(self, added: float | None) -> float | None:
        """Return until when the record may follow an entry.

        `revoke` puts a tombstone in its place, which does not stay for ever, and this node may be stopped
        for longer.
        """
        if added is None:
            return None
        blocked = self._policy.keep(EndReason.ROTATED)
        return added + max(blocked - _INDEX_MARGIN_SECONDS, blocked / 2)

    async def remove(self, key: str, outcome: CommitOutcome) -> None:
        """Remove the entries of a session that has ended; if that fails they go with their time."""
        if self.index is None or not isinstance(outcome, Committed):
            return
        with suppress(StoreUnavailableError):
            for name in index_names(outcome.record.owner):
                await self.index.remove_from_index(name, key)


def _now(record: Record) -> float:
    return time.time() if record.lease is None else record.lease.now
