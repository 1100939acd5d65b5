"""Finds and ends the sessions of a user, on all nodes."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from itertools import compress
from typing import TYPE_CHECKING

from ..aio.in_batches import in_batches
from ..article import kind_of
from ..extras import explain_missing
from ..injected import Injected
from ..sessions import EndReason, Record, Session, SessionManager, UserIndex
from ..sessions.ids import SESSION_KEY, oidc_name, user_name
from ..sessions.live import ids_of, load_live
from ..sessions.sign_in import SignIn, check_user, unpack
from ..sessions.stores.user_index import NO_USER_INDEX
from .models import UserSession

if TYPE_CHECKING:
    from .outside import ConnectedUsers

logger = logging.getLogger(__name__)

CountSockets = Callable[[str], Awaitable[int]]
"""Returns the number of connected sockets of a session key, on all nodes."""

Found = tuple[str, Record, SignIn]


class Users(Injected):
    """The sessions of users, by the ids that `sign_in` was given. UsersDep gives it to handlers.

    Every method asks the store, so that what it says is true over all nodes, and raises
    StoreUnavailableError if there is no reply.
    """

    def __init__(self, manager: SessionManager, count_sockets: CountSockets) -> None:
        self._manager = manager
        self._count_sockets = count_sockets

    @classmethod
    def connect(
        cls, redis_url: str, *, prefix: str = "mooring", idle_timeout: float = 1800
    ) -> "ConnectedUsers":
        """Return the Users for code outside of the app: workers, cron jobs, other services.

        `async with Users.connect(url) as users:` has all methods. It needs no FastAPI and no server.
        Without `async with` it is closed by `await users.aclose()`; one that is not closed by the time
        that it goes is warned about with a ResourceWarning.

        Args:
            redis_url: REDIS_URL of the app.
            prefix: REDIS_PREFIX of the app.
            idle_timeout: SESSION_IDLE_TIMEOUT of the app, in seconds; `last_seen_at` is reckoned by it.

        Raises:
            ValueError: the URL or the prefix cannot be used, or `idle_timeout` is not more than 0.
            TypeError: one of them is no string, but a SecretStr say.
            ImportError: the extra `redis` is not installed.
        """
        try:
            from .outside import ConnectedUsers  # noqa: PLC0415 - it needs an extra
        except ModuleNotFoundError as error:
            raise ImportError(f"Users.connect: {explain_missing('redis', error)}") from error
        if not idle_timeout > 0:
            raise ValueError("idle_timeout takes seconds, more than none")
        return ConnectedUsers(redis_url, prefix=prefix, idle_timeout=idle_timeout)

    async def sessions(self, user: str) -> list[UserSession]:
        """Return the live sessions of a user, those that were used last first.

        Args:
            user: the id that `sign_in` was given.

        Raises:
            TypeError: the store cannot find a user's sessions, or the id is no string.
            ValueError: the id is empty, too long or no Unicode: nobody can have signed in by it.
            StoreUnavailableError: there was no reply.
        """
        found = await self._live([user])
        views = [each async for each in in_batches(self._view, found)]
        return sorted(views, key=lambda view: view.last_seen_at, reverse=True)

    async def online(self, user: str) -> bool:
        """Return whether a user has a connected socket, on any node.

        Args:
            user: the id that `sign_in` was given.

        Raises:
            TypeError: the store cannot find a user's sessions, or the id is no string.
            ValueError: the id is empty, too long or no Unicode: nobody can have signed in by it.
            StoreUnavailableError: there was no reply.
        """
        return bool(await self.online_among([user]))

    async def online_among(self, users: Iterable[str]) -> set[str]:
        """Return those of many users who have a connected socket, on any node.

        All are asked for together: with Redis hundreds take no more round trips than one does.

        Args:
            users: the ids that `sign_in` was given.

        Raises:
            TypeError: the store cannot find a user's sessions, or an id is no string.
            ValueError: an id is empty, too long or no Unicode: nobody can have signed in by it.
            StoreUnavailableError: there was no reply.
        """
        if isinstance(users, str):
            raise TypeError("online_among takes many ids; of one user: online(...)")
        found = await self._live(users)
        counts = in_batches(self._count_sockets, [key for key, _, _ in found])
        connected = [sockets > 0 async for sockets in counts]
        return {sign_in.user for _, _, sign_in in compress(found, connected)}

    async def end(self, user: str, keep: Session | str | None = None) -> int:
        """End all sessions of a user, and with them their sockets, on all nodes.

        A sign-in that began before either ends with them, or fails.

        Args:
            user: the id that `sign_in` was given.
            keep: the session, or the key of one, that goes on: the one that asks, say.

        Returns:
            How many sessions were ended.

        Raises:
            TypeError: the store cannot find a user's sessions, the id is no string, or `keep` neither.
            ValueError: the id is empty, too long or no Unicode: nobody can have signed in by it. Or `keep`
                is no key: nothing would be kept.
            StoreUnavailableError: there was no reply; some may have ended.
        """
        return await self._end_all(user_name(check_user(user)), _key_of(keep))

    async def forget(self, user: str) -> int:
        """End all sessions of a user, and erase what is kept of them: labels, addresses, the list.

        Args:
            user: the id that `sign_in` was given.

        Returns:
            How many sessions were ended.

        Raises:
            TypeError: the store cannot find a user's sessions, or the id is no string.
            ValueError: the id is empty, too long or no Unicode: nobody can have signed in by it.
            StoreUnavailableError: there was no reply; some may have ended.
        """
        return await self.end(user)  # a tombstone has no user, and an entry goes with its session

    async def end_session(self, user: str, key: str) -> bool:
        """End one session of a user.

        Args:
            user: the id that `sign_in` was given.
            key: that of a UserSession.

        Returns:
            False if it is no live session of that user.

        Raises:
            TypeError: the store cannot find a user's sessions, or the id is no string.
            ValueError: the id is empty, too long or no Unicode: nobody can have signed in by it.
            StoreUnavailableError: there was no reply; it may have ended.
        """
        if key not in [each for each, _, _ in await self._live([user])]:
            return False
        return bool(await self._end(user_name(user), [key]))

    async def end_provider_sessions(
        self, issuer: str, subject: str | None, sid: str | None = None, *, once: str | None = None
    ) -> int | None:
        """End the sessions that came of one at an OpenID Connect provider; see `backchannel_logout_router`.

        Args:
            issuer: the provider.
            subject: its id of the user, whose sessions all end if `sid` is None.
            sid: its id of the session.
            once: names this logout: a second one of that name does nothing.

        Returns:
            How many sessions were ended; None if the logout was done before.

        Raises:
            TypeError: the store cannot find a user's sessions.
            StoreUnavailableError: there was no reply; some may have ended.
        """
        done = None if once is None else f"logout {issuer} {once}"
        if done is not None and await self._manager.is_done(done):
            return None
        kind, value = ("sub", subject or "") if sid is None else ("sid", sid)
        name = oidc_name(kind, issuer, value)
        ended = await self._end_all(name)
        if done is not None:  # not before: what fails in between has to be tried again
            await self._manager.note_done(done)
        return ended

    async def _end_all(self, name: str, kept: str | None = None) -> int:
        """End all sessions in an index but one; return how many.

        Twice, if this node was stopped meanwhile for so long that what was read is of no use: the tombstone
        that says how a session has moved on does not stay for ever.
        """
        ended = 0
        while True:
            began = time.monotonic()
            keys = await self._index.read_index(name)
            spared = set() if kept is None else await ids_of(self._manager.store, kept, keys)
            ended += await self._end(name, [key for key in keys if key not in spared], spared)
            if time.monotonic() - began < self._manager.policy.keep(EndReason.ROTATED) / 2:
                return ended

    async def _end(self, name: str, keys: Sequence[str], spared: Collection[str] = ()) -> int:
        ended = 0

        async def end(key: str) -> bool:
            lived = await self._manager.ends.revoke(key, spared=spared)
            await self._index.remove_from_index(name, key)
            return lived

        async for lived in in_batches(end, keys):
            ended += lived
        return ended

    @property
    def _index(self) -> UserIndex:
        index = self._manager.index
        if index is None:
            raise TypeError(NO_USER_INDEX)
        return index

    async def _live(self, users: Iterable[str]) -> list[Found]:
        """Return the live sessions of users; raise TypeError or ValueError for what is no id."""
        names = {check_user(user): user_name(user) for user in users}
        indexed = in_batches(self._index.read_index, list(names.values()))
        keys = [key async for each in indexed for key in each]
        live = await load_live(self._manager.store, keys)
        signed_in = ((key, record, unpack(record.owner)) for key, record in live.items())
        return [
            (key, record, sign_in)
            for key, record, sign_in in signed_in
            if sign_in is not None and sign_in.user in names
        ]

    async def _view(self, found: Found) -> UserSession:
        key, record, sign_in = found
        leased, sockets = await asyncio.gather(self._manager.find(key), self._count_sockets(key))
        if isinstance(leased, Record):
            record = leased
        return UserSession(
            key=key,
            label=sign_in.label,
            created_at=_utc(record.created_at),
            signed_in_at=_utc(sign_in.at),
            last_seen_at=_utc(self._last_seen(record, sign_in)),
            address=sign_in.address,
            sockets=sockets,
        )

    def _last_seen(self, record: Record, sign_in: SignIn) -> float:
        """Return when a record was extended last, as far as its deadline says it.

        That of one that is remembered is its absolute one, which no use moves.
        """
        if record.lease is None or sign_in.remembered:
            return sign_in.at
        seen = record.lease.expires_at - self._manager.policy.idle
        return min(max(seen, sign_in.at), record.lease.now)


def _key_of(kept: object) -> str | None:
    """Return the key of what is to be kept; raise TypeError or ValueError if it would not be."""
    if isinstance(kept, Session):
        return kept.key
    if not isinstance(kept, str | None):
        raise TypeError(f"keep= takes a session, or the key of one, not {kind_of(kept)}")
    if kept is not None and not SESSION_KEY.fullmatch(kept):
        raise ValueError("keep= takes a session, or the key of one: 64 hex digits")
    return kept


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
