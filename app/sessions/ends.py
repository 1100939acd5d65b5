"""How sessions are ended on purpose, with those before and after them in a rotation."""

import asyncio
import logging
import time
from collections.abc import Collection
from contextlib import suppress

from .changes import EMPTY
from .errors import SessionExistsError
from .ids import session_key, short, user_name
from .index_entries import IndexEntries
from .listeners import BeforeEndListener, EndListener, LifeListener
from .live import load_live
from .models import CommitOutcome, Committed, EndReason, Gone, Record, Tombstone
from .policy import Policy
from .rotation import Predecessor
from .sign_in import unpack
from .stores.base import SessionStore

logger = logging.getLogger(__name__)

_MAX_KIN = 16
_SLOW_END_SECONDS = 0.05
"""Time within which an end is replied to, so that the second check after its message finds it."""


class Ends:
    """Ends sessions, and notifies those who have to know.

    Args:
        store: where they are kept.
        policy: their limits.
        entries: those of an index, which go with their sessions.

    Attributes:
        before: is called with the key when a session is about to end here.
        listeners: are awaited with the key and the reason after a session was ended here.
        life: is notified of sessions that were ended here, with what was stored last; by the manager also of
            those that were opened and changed.
    """

    def __init__(self, store: SessionStore, policy: Policy, entries: IndexEntries) -> None:
        self._store = store
        self._policy = policy
        self._entries = entries
        self.before: BeforeEndListener = lambda _key: None
        self.listeners: list[EndListener] = []
        self.life: LifeListener | None = None

    async def end(self, key: str, reason: EndReason) -> bool:
        """End a session on purpose; return False if it had ended already."""
        outcome = await self._end_one(key, reason)
        for other in _kin(key, outcome):
            # The new record of a rotation whose reply was lost: the old one may live.
            if not isinstance(outcome, Gone):
                await self._end_one(other, reason)
        return not isinstance(outcome, Gone)

    async def revoke(self, key: str, *, spared: Collection[str] = ()) -> bool:
        """End a session from outside, and what came of it by a rotation; return False if none lived.

        Where there is no record a tombstone is put in its place: a sign-in that is under way has made
        its entry in the index, and not its record yet. The session of the keys that are spared goes on.
        """
        waiting, seen, ended = [key], set(spared), False
        pending, replaced = set[str](), set[str]()
        while waiting and len(seen) < _MAX_KIN + len(spared):
            key = waiting.pop()
            if key not in seen:
                seen.add(key)
                outcome = await self._end_or_block(key)
                if isinstance(outcome, Committed):
                    await self.announce(key, EndReason.REVOKED, outcome.record)
                    if outcome.record.predecessor is None:
                        ended = True
                    else:  # a session only if the one before it has ended for it
                        pending.add(key)
                else:  # perhaps by a rotation that could not go on, and has notified nobody yet
                    await self.notify(key, outcome.reason)
                    if outcome.tombstone is not None and outcome.tombstone.successor is not None:
                        replaced.add(outcome.tombstone.successor)
                waiting += _kin(key, outcome)
        return ended or not pending.isdisjoint(replaced)

    async def logout(self, session_id: str) -> None:
        """End the session of an id by logout; see `destroy`."""
        await self.destroy(session_key(session_id))

    async def destroy(self, key: str) -> None:
        """End a session by logout, with those before and after it in a rotation that may be under way.

        Without them, a logout that races with a rotation would be undone by it.
        """
        waiting, ended = [key], set[str]()
        while waiting and len(ended) < _MAX_KIN:
            key = waiting.pop()
            if key not in ended:
                ended.add(key)
                waiting += _kin(key, await self._end_one(key, EndReason.LOGOUT))

    async def supersede(self, key: str, record: Record, successor: str) -> bool:
        """End a session because another rotation of the one before it goes on; see rotation.complete."""
        keep = self._policy.keep(EndReason.ROTATED)
        outcome = await self._store.end(
            key, EndReason.ROTATED, keep=keep, version=record.version, successor=successor
        )
        if not isinstance(outcome, Committed):
            return False
        self.before(key)
        await self.announce(key, EndReason.ROTATED, record)
        await self._entries.remove(key, outcome)
        return True

    async def end_oldest(self, user: str) -> None:
        """End the sessions of a user beyond `max_per_user`, those that were signed in first."""
        index = self._entries.index
        if index is None or not self._policy.max_per_user:
            return
        name = user_name(user)
        live = await load_live(self._store, await index.read_index(name))
        # Two sign-ins at once find the same, and end the same: not each other.
        newest_first = sorted(live, key=lambda key: (_signed_in_at(live[key]), key), reverse=True)
        for key in newest_first[self._policy.max_per_user :]:
            await self.revoke(key)  # also if it has moved to another id since
            await index.remove_from_index(name, key)

    async def announce(self, key: str, reason: EndReason, record: Record) -> None:
        """Notify all who have to know of a session that was ended here."""
        if self.life is not None:
            self.life.ended(key, reason, record)
        logger.info("session ended", extra={"session": short(key), "reason": str(reason)})
        await self.notify(key, reason)

    async def notify(self, key: str, reason: EndReason) -> None:
        """Await the listeners, also for a session that turns out to have ended before."""
        for listener in self.listeners:
            await listener(key, reason)

    async def _end_or_block(self, key: str) -> Committed | Gone:
        keep = self._policy.keep(EndReason.ROTATED)  # for as long as a sign-in may be under way
        while True:
            outcome = await self._put_tombstone(key, EndReason.REVOKED, keep)
            if isinstance(outcome, Committed):
                return outcome
            if isinstance(outcome, Gone) and outcome.tombstone is not None:
                return outcome
            with suppress(SessionExistsError):
                await self._store.create(key, EMPTY, idle=keep, absolute=keep)
                await self._store.end(key, EndReason.REVOKED, keep=keep)
                return Gone()

    async def _end_one(self, key: str, reason: EndReason) -> CommitOutcome:
        outcome = await self._put_tombstone(key, reason, self._policy.keep(reason))
        if isinstance(outcome, Gone):
            # Perhaps by an earlier call, whose reply was lost before any listener was called.
            await self.notify(key, outcome.reason)
        else:
            await self.announce(key, reason, outcome.record)
            await self._entries.remove(key, outcome)
        return outcome

    async def _put_tombstone(self, key: str, reason: EndReason, keep: float) -> CommitOutcome:
        began = time.monotonic()
        ending = asyncio.ensure_future(self._store.end(key, reason, keep=keep))
        # In the same event-loop turn, so that the message follows the tombstone in one round trip.
        self.before(key)
        outcome = await ending
        if time.monotonic() - began > _SLOW_END_SECONDS:
            self.before(key)  # who checked at the first message may have found no tombstone yet
        return outcome


def _signed_in_at(record: Record) -> float:
    sign_in = unpack(record.owner)
    return 0.0 if sign_in is None else sign_in.at


def _kin(key: str, outcome: CommitOutcome) -> list[str]:
    """Return the keys before and after one whose record was to be ended, in a rotation."""
    match outcome:
        case Committed(record) if record.predecessor is not None:
            return [Predecessor.read(key, record.predecessor).key]
        case Gone(Tombstone() as tombstone):
            kin = [] if tombstone.successor is None else [tombstone.successor]
            if tombstone.predecessor is not None:
                kin.append(Predecessor.read(key, tombstone.predecessor).key)
            return kin
    return []
