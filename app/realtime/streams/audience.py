"""Whether anybody is left who may read a stream: its session, or any session of its user."""

from collections.abc import Iterable

from ...sessions import EndReason, Gone, LoadResult, Record, SessionStore, UserIndex
from ...sessions.ids import user_name
from ...sessions.sign_in import user_of
from ...sessions.stores.user_index import NO_USER_INDEX
from ..targets import Target


class Audience:
    """Reads the records, which alone say whether a session has ended.

    Args:
        store: has the sessions.
        index: has those of a user; None if the store has none.
        to: the session or the user.
    """

    def __init__(self, store: SessionStore, index: UserIndex | None, to: Target) -> None:
        self._store = store
        self._index = index
        self._to = to
        self._alive = [to.name] if to.space == "session" else []

    async def ended(self) -> EndReason | None:
        """Return why the session, or the last session of the user, has ended; None if it has not.

        Raises:
            StoreUnavailableError: there was no reply.
            TypeError: the store cannot find a user's sessions.
        """
        if self._to.space == "user":
            return await self._user_ended(self._to.name)
        return await self._last_reason()

    async def _user_ended(self, name: str) -> EndReason | None:
        if self._index is None:
            raise TypeError(NO_USER_INDEX)
        before: list[str] = []
        # A session that has moved to another id is in the index under both before the first one ends.
        while (keys := await self._index.read_index(name)) != before:
            alive = [key for key, found in await self._load(keys) if _is_of(found, name)]
            if alive:
                self._alive = alive
                return None
            before = keys
        return await self._last_reason() or EndReason.EXPIRED

    async def _load(self, keys: list[str]) -> Iterable[tuple[str, LoadResult]]:
        return zip(keys, await self._store.load_many(keys), strict=True)

    async def _last_reason(self) -> EndReason | None:
        """Return why those that were alive have ended; None if one has not."""
        reason = None
        for _key, found in await self._load(self._alive):
            if isinstance(found, Record):
                return None
            reason = Gone(found).reason
        return reason


def _is_of(found: LoadResult, name: str) -> bool:
    user = user_of(found.owner) if isinstance(found, Record) else None
    return user is not None and user_name(user) == name
