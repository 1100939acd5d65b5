"""What one request, or one handshake, may do with the session that its cookie names."""

from collections.abc import Callable

from app.sessions.ids import session_key
from app.sessions.service import Sessions
from app.sessions.session import Session

SCOPE_KEY = "mooring.opener"
"""Where the session transport leaves the opener in an ASGI scope, for both edges."""


Admit = Callable[[], None]


def _everybody() -> None:
    return


class Opener:
    """Opens the session when it is asked for, and remembers what the cookie must become.

    `session_id` is the id that a valid cookie carried, None without one. Nothing is loaded or
    stored before `open` or `logout` is called. `admit` is called before a new session is made; what
    it raises keeps it from being made.
    """

    def __init__(
        self, sessions: Sessions, session_id: str | None, admit: Admit = _everybody
    ) -> None:
        self._sessions = sessions
        self._presented = session_id
        self._admit = admit
        self._dismissed = False
        self.session: Session | None = None

    @property
    def presented_key(self) -> str | None:
        """The key of the session that the cookie names, whether there is such a session or not."""
        return session_key(self._presented) if self._presented else None

    @property
    def used(self) -> bool:
        """Whether the answer depends on a session."""
        return self._dismissed or self.session is not None

    @property
    def new_id(self) -> str | None:
        """The id to put into the cookie, if it is not the one that came."""
        if self.session is None or self.session.id == self._presented or self.dismissed:
            return None
        return self.session.id

    @property
    def dismissed(self) -> bool:
        """Whether this request ended its session, so that the cookie is to be cleared."""
        return self._dismissed or (self.session is not None and self.session.destroyed)

    async def open(self) -> Session:
        """Give the session that the cookie names, or a new one if it names none that is known.

        The same handle for every call. Raises SessionEndedError for one that was ended on purpose.
        """
        if self.session is None:
            found = await self._load()
            # Not "or": a session without data is an empty mapping, and false.
            self.session = found if found is not None else await self._create()
        return self.session

    async def logout(self) -> None:
        """End the session, if there is one, whether it was opened in this request or not."""
        if self.session is not None:
            await self.session.destroy()
        elif self._presented is not None:
            await self._sessions.logout(self._presented)
        self._dismissed = True  # not before: without its cookie nobody could try again

    async def _create(self) -> Session:
        self._admit()
        return await self._sessions.create()

    async def _load(self) -> Session | None:
        return await self._sessions.load(self._presented) if self._presented else None
