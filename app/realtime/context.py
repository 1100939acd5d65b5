"""What an event, or a connect, has at hand for its handlers."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from ..asgi.scope import USERS
from ..sessions import Session
from .counters import Counters, MemoryCounters
from .socket import Socket

if TYPE_CHECKING:
    from .emitter import Emitter
    from .handshake import Handshake
    from .session_sockets import Member


class EventContext(NamedTuple):
    """What a handler's first parameter may ask for.

    Attributes:
        session: the sender's session, read when the event's turn came.
        emitter: sends events to sockets.
        sid: id of the socket that sent the event.
    """

    session: Session
    emitter: "Emitter"
    sid: str


class Resources(NamedTuple):
    """What handlers are given of the node.

    Attributes:
        emitter: sends to sockets.
        overrides: returns the app's `dependency_overrides`.
        fast: whether dependencies may be solved without FastAPI.
        scope: what else dependencies find in the scope of an event.
        counters: counts events that have a limit.
    """

    emitter: "Emitter"
    overrides: Callable[[], Mapping[Any, Any]] = dict
    fast: bool = True
    scope: Mapping[str, Any] = MappingProxyType({})
    counters: Counters = MemoryCounters()


class Context:
    """One event, connect or disconnect of a socket.

    Attributes:
        member: the socket.
        session: a handle of its own.
        emitter: sends to sockets.
    """

    __slots__ = ("_resources", "_socket", "emitter", "member", "session")

    def __init__(self, member: "Member", session: Session, resources: Resources) -> None:
        self.member = member
        self.session = session
        self.emitter = resources.emitter
        self._resources = resources
        self._socket: Socket | None = None

    @property
    def overrides(self) -> Mapping[Any, Any]:
        """The app's `dependency_overrides`, as they are now."""
        return self._resources.overrides()

    @property
    def fast(self) -> bool:
        """Whether dependencies may be solved without FastAPI."""
        return self._resources.fast

    @property
    def users(self) -> Any:
        """The Users of the app."""
        return self._resources.scope[USERS]

    @property
    def scope(self) -> Mapping[str, Any]:
        """What else dependencies find in the scope of an event."""
        return self._resources.scope

    @property
    def sid(self) -> str:
        """The id of the socket."""
        return self.member.sid

    @property
    def handshake(self) -> "Handshake | None":
        """What is kept of the connection's handshake."""
        found: Handshake | None = self.member.connection.handshake
        return found

    @property
    def public(self) -> EventContext:
        """What a first parameter without annotation gets."""
        return EventContext(self.session, self.emitter, self.member.sid)

    @property
    def socket(self) -> Socket:
        """The socket, for handlers."""
        if self._socket is None:
            self._socket = Socket(self.member, self.session, self.emitter)
        return self._socket
