"""One try of a request or an event that is to take effect once."""

import asyncio
import secrets
from typing import TYPE_CHECKING

from .errors import (
    OnceKeyReusedError,
    OnceOutcomeUnknownError,
    OnceUnderWayError,
    SessionEndedError,
    StoreUnavailableError,
    TooManyOnceKeysError,
)
from .models import Gone
from .once import Steps
from .stores.answers import Answer, NoRoom

if TYPE_CHECKING:
    from .manager import SessionManager

UNKNOWN_AFTER_SECONDS = 30.0
"""The first one is taken for dead if it has no answer after so long."""

_BEGUN, _DONE = b"B", b"D"
_FINGERPRINT_BYTES = 32
_NONCE_BYTES = 16
_MAX_ROTATIONS = 4
_PATIENCE_SECONDS = 0.3
"""How long a response waits at most for the release of its key."""
_RELEASE_DELAYS_SECONDS = (0.0, 0.1, 0.3, 1.0, 2.0, 3.0, 5.0, 8.0, 10.0)
_LATE_SECONDS = 2.0
"""In which a command whose reply was lost has reached the store, or never does."""


class Attempt:
    """Claims a key in the store, then keeps the answer under it, or releases it for the next try.

    Args:
        manager: of the sessions.
        key: the session key.
        name: the key's name, unique in the session.
        fingerprint: 32 bytes that are those of its repeats, and of nothing else.

    Attributes:
        answer: the first one's answer, if this is a repeat.
        settled: the answer is kept, or the key is released.
    """

    def __init__(self, manager: "SessionManager", key: str, name: str, fingerprint: bytes) -> None:
        self.answer: bytes | None = None
        self.settled = False
        self._manager = manager
        self._store = manager.answer_store()
        self._key = key
        self._moved = False
        self._name = name
        self._fingerprint = fingerprint
        self._claim = _BEGUN + fingerprint + secrets.token_bytes(_NONCE_BYTES)

    def steps(self) -> Steps:
        """Return the names of the transactions within."""
        return Steps(f"n:{self._name}")

    async def begin(self) -> bytes | None:
        """Claim the key; return None if this is the first try, or one after a release, else the answer.

        Raises:
            OnceUnderWayError: another try is under way.
            OnceKeyReusedError: the key was used with another fingerprint.
            OnceOutcomeUnknownError: another try has not ended within half a minute.
            TooManyOnceKeysError: there is no room for another key.
            SessionEndedError: the session has ended.
            StoreUnavailableError: there was no reply; if the key was claimed it is released later.
        """
        try:
            found = await self._store.swap_answer(self._key, self._name, self._claim)
        except BaseException:  # no reply came, or nobody waits for it
            self._release_later(in_doubt=True)
            raise
        match found:
            case Answer():
                self.answer, self.settled = self._read(found), True
            case NoRoom(retry_after):
                raise TooManyOnceKeysError(retry_after)
            case Gone():
                raise SessionEndedError(found.reason)
        return self.answer

    async def keep(self, answer: bytes) -> bool:
        """Keep the answer; return False if there is no room for it, and the key is released instead.

        Raises:
            StoreUnavailableError: there was no reply; it may be kept, or the key is released later.
        """
        try:
            outcome = await self._swap(_DONE + self._fingerprint + answer)
        except BaseException:
            self._release_later(in_doubt=True)
            raise
        if isinstance(outcome, NoRoom):
            await self.release()
            return False
        self.settled = True
        return True

    async def release(self) -> None:
        """Allow the next try to begin anew. While there is no reply this goes on in the background."""
        if not self.settled:
            await asyncio.wait([self._release_later()], timeout=_PATIENCE_SECONDS)

    def _read(self, found: Answer) -> bytes:
        kind, fingerprint, rest = (
            found.value[:1],
            found.value[1 : 1 + _FINGERPRINT_BYTES],
            found.value[1 + _FINGERPRINT_BYTES :],
        )
        if fingerprint != self._fingerprint:
            raise OnceKeyReusedError
        if kind == _DONE:
            return rest
        if found.age > UNKNOWN_AFTER_SECONDS:
            raise OnceOutcomeUnknownError
        raise OnceUnderWayError

    def _release_later(self, *, in_doubt: bool = False) -> "asyncio.Task[None]":
        self.settled = True
        return self._manager.run(self._release(in_doubt=in_doubt))

    async def _release(self, *, in_doubt: bool) -> None:
        """Remove the claim; one in doubt, or on its way to a new id, may come behind the first removal."""
        for delay in _RELEASE_DELAYS_SECONDS:
            await asyncio.sleep(delay)
            try:
                await self._swap(None)
                break
            except StoreUnavailableError:
                in_doubt = True
        if in_doubt or self._moved:
            await asyncio.sleep(_LATE_SECONDS)
            try:
                await self._swap(None)
            except StoreUnavailableError:
                return

    async def _swap(self, value: bytes | None) -> Answer | Gone | NoRoom | None:
        """Put a value in place of the claim, which a rotation may have taken along."""
        outcome = await self._swap_at(self._key, value)
        for _ in range(_MAX_ROTATIONS):
            tombstone = outcome.tombstone if isinstance(outcome, Gone) else None
            if tombstone is None or tombstone.successor is None:
                break
            self._moved = True
            outcome = await self._swap_at(tombstone.successor, value)
        return outcome

    async def _swap_at(self, key: str, value: bytes | None) -> Answer | Gone | NoRoom | None:
        return await self._store.swap_answer(key, self._name, value, expected=self._claim)
