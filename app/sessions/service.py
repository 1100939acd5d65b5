"""Joins a store to the timeout policy, and tells who listens when a session ends."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

from app.sessions.data import EMPTY
from app.sessions.errors import SessionEndedError, SessionTooLargeError, StoreUnavailableError
from app.sessions.ids import new_session_id, session_key, short
from app.sessions.outage import Outage
from app.sessions.records import (
    CommitOutcome,
    Committed,
    Conflict,
    EndReason,
    Found,
    Gone,
    Newer,
    Record,
    Tombstone,
)
from app.sessions.session import Session, Turn
from app.sessions.store import SessionStore

logger = logging.getLogger(__name__)

Herald = Callable[[str], None]
EndListener = Callable[[str, EndReason], Awaitable[None]]

MAX_DATA = 32 * 1024
_PROVISIONAL = 10.0
"""Seconds that a rotation's new record lives until the old one has ended."""
_LONGEST_CHAIN = 16
_KEPT_TURNS = 500
"""Who writes once often does so again, and knows then what to compare with."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How long sessions live, in seconds, and how large they may be, in bytes.

    `tombstone` is for how long the end of a session stays readable: it must outlive every reload
    that could miss the message.
    """

    idle: float
    absolute: float
    tombstone: float = 60.0
    max_data: int = MAX_DATA


class Sessions:
    """Opens, looks up and ends sessions; the handles it gives come back to it for all they do."""

    def __init__(self, store: SessionStore, policy: Policy) -> None:
        self.store = store
        self.policy = policy
        self.outage = Outage()
        self._turns: WeakValueDictionary[str, Turn] = WeakValueDictionary()
        self._recent: deque[Turn] = deque(maxlen=_KEPT_TURNS)
        self._listeners: list[EndListener] = []
        self._herald: Herald = lambda _key: None

    def on_ending(self, herald: Herald) -> None:
        """Have `herald(key)` called when a session is about to end here: others should look at it.

        It is a hint, called before the end is certain.
        """
        self._herald = herald

    def on_end(self, listener: EndListener) -> None:
        """Have `listener(key, reason)` awaited after a session was ended here, before its caller goes on.

        Also when it turns out to have ended before.
        """
        self._listeners.append(listener)

    async def create(self) -> Session:
        """Open a session under a fresh id."""
        session_id = new_session_id()
        key = session_key(session_id)
        policy = self.policy
        record = await self.store.create(key, EMPTY, idle=policy.idle, absolute=policy.absolute)
        logger.info("session opened", extra={"session": short(key)})
        return Session(self, key, record, session_id)

    async def load(self, session_id: str) -> Session | None:
        """Give the session of an id that we issued, its idle deadline extended; None if there is none.

        Raises SessionEndedError if it was ended on purpose.
        """
        key = session_key(session_id)
        found = await self.store.load(key, idle=self.policy.idle)
        if isinstance(found, Tombstone):
            raise SessionEndedError(found.reason)
        return None if found is None else Session(self, key, found, session_id)

    def attach(self, key: str, record: Record) -> Session:
        """Give a handle for somebody who knows the key alone, as a socket does."""
        return Session(self, key, record, None)

    async def find(self, key: str, *, extend: bool = False) -> Found:
        """Read what stands under a key, with its lease; with `extend`, as activity of the session."""
        return await self.store.load(key, idle=self.policy.idle if extend else None)

    async def find_newer(self, keys: Sequence[str], versions: Sequence[int]) -> list[Newer]:
        """Read many at once, extending nothing; one round trip per 500; see SessionStore."""
        return await self.store.load_newer(keys, versions)

    async def look(self, key: str) -> Record:
        """Read a live record; raises SessionEndedError if there is none."""
        found = (await self.store.load_many([key]))[0]
        if isinstance(found, Record):
            return found
        raise SessionEndedError(Gone(found).reason)

    def turn(self, key: str) -> Turn:
        """Queue up with this node's other writers of a session, who would only conflict otherwise."""
        turn = self._turns.get(key)
        if turn is None:
            turn = self._turns[key] = Turn(self.outage)
            self._recent.append(turn)
        return turn

    async def commit(self, key: str, record: Record, data: bytes) -> CommitOutcome:
        """Store data in place of those of a record, if it is still the newest."""
        if len(data) > self.policy.max_data:
            raise SessionTooLargeError(len(data), self.policy.max_data)
        return await self.store.commit(key, record.version, data, owner=record.owner)

    async def end(self, key: str, reason: EndReason) -> bool:
        """End a session on purpose; False if it had ended already."""
        ending = asyncio.ensure_future(self.store.end(key, reason, keep=self.policy.tombstone))
        # In the same event-loop turn, so that the message follows the tombstone in one round trip.
        self._herald(key)
        outcome = await ending
        if isinstance(outcome, Gone):
            # Perhaps by an earlier try, whose answer was lost: nobody here has been told.
            await self._tell(key, outcome.reason)
            return False
        await self._announce_end(key, reason)
        return True

    async def logout(self, session_id: str) -> None:
        """End the session of an id; see `destroy`."""
        await self.destroy(session_key(session_id))

    async def destroy(self, key: str) -> None:
        """End a session by logout, and the one that a rotation meanwhile put in its place.

        Without the second, a logout that races with a rotation would be undone by it.
        """
        for _ in range(_LONGEST_CHAIN):
            if await self.end(key, EndReason.LOGOUT):
                return
            found = await self.store.load(key)
            if not isinstance(found, Tombstone) or found.successor is None:
                return
            key = found.successor

    async def rotate(self, key: str, record: Record) -> tuple[str, str, Record]:
        """Move a session to a new id; gives the id, its key and its record.

        The new record is there, for a few seconds, before the old one ends: whatever breaks in
        between, there is never none and never two that can be used. Of several rotations at once
        one ends the old record, and the others find it gone.
        """
        new_id = new_session_id()
        new_key = session_key(new_id)
        successor = await self._create_successor(new_key, record)
        try:
            await self._supersede(key, record, new_key, successor)
        except SessionEndedError:
            await self.store.delete(new_key)
            raise
        found = await self.store.load(new_key, idle=self.policy.idle)
        if not isinstance(found, Record):
            raise SessionEndedError(Gone(found).reason)
        self._herald(key)
        await self._announce_end(key, EndReason.ROTATED)
        return new_id, new_key, found

    async def ping(self) -> None:
        """Return if the store takes writes; raises StoreUnavailableError if it does not."""
        await self.store.ping()

    async def aclose(self) -> None:
        """Close the store."""
        await self.store.aclose()

    async def _create_successor(self, new_key: str, record: Record) -> Record:
        return await self.store.create(
            new_key,
            record.data,
            idle=_PROVISIONAL,
            absolute=record.absolute_at - record.created_at,
            owner=record.owner,
            created_at=record.created_at,
        )

    async def _supersede(self, key: str, record: Record, new_key: str, successor: Record) -> None:
        """End the old record as it is in the new one; a write in between is carried over first."""
        while True:
            outcome = await self.store.end(
                key,
                EndReason.ROTATED,
                keep=self.policy.tombstone,
                version=record.version,
                successor=new_key,
            )
            match outcome:
                case Committed():
                    return
                case Conflict(record):
                    carried = await self.store.commit(
                        new_key, successor.version, record.data, owner=record.owner
                    )
                    if not isinstance(carried, Committed):
                        raise StoreUnavailableError("the new record of a rotation was lost")
                    successor = carried.record
                case Gone():
                    raise SessionEndedError(outcome.reason)

    async def _announce_end(self, key: str, reason: EndReason) -> None:
        logger.info("session ended", extra={"session": short(key), "reason": str(reason)})
        await self._tell(key, reason)

    async def _tell(self, key: str, reason: EndReason) -> None:
        for listener in self._listeners:
            await listener(key, reason)
