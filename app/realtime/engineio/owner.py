"""Who may use a socket: its id is no key."""

from collections.abc import Hashable
from enum import Enum, auto

OWNER = "mooring.owner"
"""Key of a handshake's ASGI scope under which the Owner of its socket is."""


class _Use(Enum):
    """How the requests of a socket have shown whose they are."""

    UNDECIDED = auto()
    BY_COOKIE = auto()
    AS_OPENED = auto()


class Owner:
    """Decides which requests are those of a socket's own client.

    A socket is served with the cookie of its session, and with nothing less. One that was opened
    *without* that cookie was given it in the answer, and its client may be one that keeps none. What the
    second request presents decides it, for good:

    - The session's cookie: the client has a jar. From now on the id alone is worth nothing.
    - Exactly what the handshake presented, which is nothing, or a cookie that stood for no session:
      the client has no jar, and is served as it came. If the session's cookie is presented later, there
      is a jar after all, and somebody else has used the id: nobody is served, and the caller closes
      the socket. Its own client connects anew, and shows its cookie from the first request on.
    - Any other cookie: the request is refused, and decides nothing.

    So the id of a browser's socket gives access to nobody. Between a browser's first contact, if that is a
    handshake, and its next request the id alone would do, but it has been in no URL yet: nobody knows
    it who could not read the answer, and with it the cookie. Whoever guesses right is out with that
    request.

    Args:
        key: key of the session that the socket belongs to.
        presented: a fingerprint of all cookies of that name in the handshake, None if there were none;
            of no interest with `had_cookie`.
        had_cookie: whether the session's own was among them.
    """

    __slots__ = ("_presented", "_use", "key")

    def __init__(self, key: str, presented: Hashable, *, had_cookie: bool) -> None:
        self.key = key
        self._presented = presented
        self._use = _Use.BY_COOKIE if had_cookie else _Use.UNDECIDED

    def admits_cookie(self) -> bool:
        """Return True if a request with the session's cookie is served."""
        if self._use is _Use.UNDECIDED:
            self._use = _Use.BY_COOKIE
        return self._use is _Use.BY_COOKIE

    def admits_as_opened(self, presented: Hashable) -> bool:
        """Return True if a request without the session's cookie is served."""
        if self._use is _Use.BY_COOKIE or presented != self._presented:
            return False
        self._use = _Use.AS_OPENED
        return True
