"""Lazy access to the session of one HTTP request or socket handshake."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from .attempt import Attempt
from .errors import SessionError, SessionHandleError, StoreUnavailableError
from .ids import session_key
from .manager import SessionManager
from .selection import select
from .session import Session
from .usage import Usage, Visitor

SCOPE_KEY = "mooring.session"
"""Where the session middleware leaves the RequestSession in an ASGI scope."""


def _always() -> None:
    return


def _ignore(_session: Session) -> None:
    return


class RequestSession:
    """Load or create the session of one request on first use, and track the cookie to send back.

    Args:
        manager: creates and loads sessions.
        requested_id: session id from the first valid cookie, or None.
        before_create: called before a session is created; an exception prevents it (rate limits).
        other_ids: those of further valid cookies, in the order in which they were sent.
        in_use: whether a session that is opened is in use from then on, by a WebSocket.

    Attributes:
        attempt: the request takes effect once, and this is one try of it; None for all others.
    """

    attempt: Attempt | None = None
    surplus = False
    """Whether all cookies are to be cleared but the one that belongs to the session."""
    session: Session | None = None
    """The session that was loaded or created so far."""
    asked_for = False
    """Whether anybody has asked for it: the response may depend on there being none."""
    error: SessionError | None = None
    """Why the session could not be loaded or created, if that failed."""

    _created_key: str | None = None
    _conflict = _discarded = _logged_out = False

    def __init__(
        self,
        manager: SessionManager,
        requested_id: str | None,
        before_create: Callable[[], None] = _always,
        *,
        other_ids: Sequence[str] = (),
        in_use: bool = False,
    ) -> None:
        self._manager = manager
        self._requested_id = requested_id
        self._other_ids = other_ids
        self._before_create = before_create
        self._in_use = in_use
        self.usage = Usage()
        """That of the session's handle: whether the response has started, and the request is over."""
        self.on_loaded: Callable[[Session], None] = _ignore
        """Called with the session, each time that there is another one."""
        self.new_data: dict[str, Any] = {}
        """What a visitor without a session has in `request.session`."""

    @property
    def requested_key(self) -> str | None:
        """Return the key of the session that the cookie names, whether it exists or not."""
        return session_key(self._requested_id) if self._requested_id else None

    @property
    def requested_keys(self) -> tuple[str, ...]:
        """Return the keys of all sessions that the request's cookies name."""
        ids = [] if self._requested_id is None else [self._requested_id, *self._other_ids]
        return tuple(map(session_key, ids))

    def names(self, key: str | None) -> bool:
        """Return True if a cookie of the request names the session of a key."""
        return key == self.requested_key or any(
            key == session_key(each) for each in self._other_ids
        )

    @property
    def accessed(self) -> bool:
        """Return True if the response depends on a session."""
        return self._logged_out or self._conflict or self.session is not None

    @property
    def issued_id(self) -> str | None:
        """Return the id to set in the cookie, or None if it is one that was sent, and may stay."""
        session = self.session
        if session is None or self._discarded:
            return None
        session_id = session.id
        stays = not self.surplus and self._was_sent(session_id)
        return None if stays or self.cookie_cleared else session_id

    @property
    def created(self) -> bool:
        """Return True if this request has opened its session, under the id that it still has."""
        return self.session is not None and self.session.key == self._created_key

    @property
    def unused(self) -> bool:
        """Return True if this request has opened its session, and nothing was stored in it since."""
        session = self.session
        if session is None or self._discarded or not self.created:
            return False
        return session.version == 1 and not session.ended

    @property
    def cookie_cleared(self) -> bool:
        """Return True if the response must clear the cookie: its session ended, or it is of two users."""
        if self._logged_out:
            return True
        return self._conflict if self.session is None else self.session.destroyed

    @property
    def others_cleared(self) -> bool:
        """Return True if the response must clear the cookie in all variants that are not used any more."""
        return self.surplus or (bool(self._other_ids) and self.cookie_cleared)

    @property
    def cookie_changed(self) -> bool:
        """Return True if the response must set or clear the cookie, or one of its variants."""
        return self.surplus or self.cookie_cleared or self.issued_id is not None

    async def get(self) -> Session | None:
        """Return the requested session, or None if there is none; creates none.

        Every call returns the same object.

        Raises:
            SessionEndedError: the session was ended on purpose, perhaps after the request was sent.
            StoreUnavailableError: the store did not answer in time.
        """
        self.asked_for = True
        if self.session is None and self._requested_id is not None:
            try:
                if self._other_ids:
                    await self._select([self._requested_id, *self._other_ids])
                else:
                    self.session = await self._manager.load(self._requested_id, self.usage)
                if self.session is not None:
                    self.on_loaded(self.session)
            except SessionError as error:
                self.error = error
                raise
        return self.session

    async def _select(self, session_ids: Sequence[str]) -> None:
        selection = await select(self._manager, session_ids, self.usage)
        self.session, self.surplus, self._conflict = selection

    async def get_or_create(self, *, in_use: bool = False) -> Session:
        """Return the requested session, or a new one if there is none (any more).

        Every call returns the same object. What is not `in_use` ends soon unless its cookie comes back.

        Raises:
            SessionEndedError: the session was ended on purpose, perhaps after the request was sent.
            StoreUnavailableError: the store did not answer in time.
        """
        found = await self.get()
        # Not "or": a session without data is an empty mapping, and false.
        if found is None:
            found = await self._create(in_use=in_use or self._in_use)
            found.update(self.new_data)
            self.session = found
            self.on_loaded(found)
            self.new_data = {}
        return found

    async def discard(self) -> None:
        """Delete the session, which this request has opened for nobody; its cookie is not sent."""
        session = self.session
        if session is None:
            return
        self._discarded = self.usage.refused = True
        with suppress(StoreUnavailableError):  # else its deadline deletes it
            await self._manager.discard(session.key)

    async def logout(self) -> None:
        """End the session, if there is one, whether it was loaded in this request or not.

        With it ends whatever else the request's cookies name: what is left of a rotation's, or of
        several, would sign the visitor in again.
        """
        loaded = None if self.session is None else self.session.id
        if self.session is not None:
            await self.session.destroy()
        for each in (self._requested_id, *self._other_ids):
            if each is not None and each != loaded:
                await self._manager.ends.logout(each)
        self._logged_out = True  # not before: without its cookie nobody could try again

    async def confirm_surplus(self) -> None:
        """Leave all cookies alone if the session has ended since it was loaded.

        A newer cookie may be on its way to the browser, which the older id must not replace.
        """
        if self.session is None or not self._was_sent(self.session.id) or self.cookie_cleared:
            return
        try:
            await self._manager.load_live(self.session.key)
        except SessionError:
            self.surplus = False

    def _was_sent(self, session_id: str | None) -> bool:
        return session_id == self._requested_id or session_id in self._other_ids

    async def _create(self, *, in_use: bool) -> Session:
        try:
            if self.usage.answered:
                raise SessionHandleError("the response has started: no cookie can follow")
            self._before_create()
            session = await self._manager.create(self.usage, in_use=in_use)
        except SessionError as error:
            self.error = error
            raise
        self._created_key = session.key
        self.usage.extends = True  # with something in it, it lives as long as any
        return session

    def release(self) -> None:
        """Drop what refers to the request: else each request would be garbage in a cycle."""
        self._before_create = _always
        self.usage.visitor = Visitor
        self.on_loaded = _ignore
