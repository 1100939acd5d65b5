"""The socket that handlers of events get."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection

from ..asgi.provided import provides
from ..asgi.scope import EVENT_SOCKET
from ..injected import Injected
from ..sessions import Session
from .socket_id import SocketLike

if TYPE_CHECKING:
    from .emitter import Emitter
    from .session_sockets import Member


class Socket(Injected, SocketLike):
    """The socket that sent an event, or that connects. SocketDep gives it to handlers.

    It belongs to one event, as its session does; another event of the same socket gets another one.
    """

    __slots__ = ("_emitter", "_member", "_session")

    def __init__(self, member: "Member", session: Session, emitter: "Emitter") -> None:
        self._member = member
        self._session = session
        self._emitter = emitter

    @property
    def sid(self) -> str:
        """Return the id of the socket in its namespace, as the client's `socket.id` has it."""
        return self._member.sid

    @property
    def session(self) -> Session:
        """Return the session of the socket: the handle that belongs to this event."""
        return self._session

    @property
    def user(self) -> str | None:
        """Return the user who is signed in to the session; None if nobody is."""
        return self._session.user

    @property
    def namespace(self) -> str:
        """Return the namespace that the socket is connected to."""
        return self._member.namespace

    @property
    def client(self) -> str | None:
        """Return the address that the handshake came from, None if the server does not know it."""
        return self._member.connection.address

    @property
    def recovered(self) -> bool:
        """Return whether the socket has come back within the recovery window, with all that it missed."""
        recovery = self._member.recovery
        return recovery is not None and recovery.recovered

    @property
    def connected(self) -> bool:
        """Return whether the client is connected; what is sent to one that is not is dropped."""
        return self._member.connected

    @property
    def rooms(self) -> Collection[str]:
        """Return the rooms of the application that the socket is in."""
        return self._emitter._sockets.rooms_of(self._member)  # noqa: SLF001 - as join

    async def join(self, room: str) -> None:
        """Add the socket to a room. In a room that it is in already, this does nothing.

        Args:
            room: its name. Whatever a client chooses for it, it is none of a session, socket or user.

        Raises:
            TypeError: the room is no string.
            BusUnavailableError: other nodes may, or may not, know that this one has a socket in the room.
        """
        await self._emitter._sockets.join_here(self._member, room)  # noqa: SLF001 - as rooms

    async def leave(self, room: str) -> None:
        """Take the socket out of a room. If it is not in it, this does nothing.

        Args:
            room: its name.

        Raises:
            TypeError: the room is no string.
        """
        await self._emitter._sockets.leave_here(self._member, room)  # noqa: SLF001 - as rooms

    async def emit(
        self,
        event: str,
        *args: Any,
        to: str | None = None,
        skip_self: bool = False,
        volatile: bool = False,
    ) -> None:
        """Send an event to this socket, or to a room of its namespace.

        Args:
            event: its name.
            *args: its arguments, validated by the types that it is declared with.
            to: a room's name; without one this socket gets the event.
            skip_self: leave this socket out.
            volatile: drop the event where a client does not keep up with what it is sent.

        Raises:
            pydantic.ValidationError: the arguments do not fit the declared types.
            BusUnavailableError: other nodes may, or may not, get the event.
        """
        await self._emitter.emit(
            event,
            *args,
            to=self if to is None else to,
            skip_sid=self.sid if skip_self else None,
            namespace=self.namespace,
            volatile=volatile,
        )

    async def disconnect(self, reconnect: bool = False) -> None:
        """Disconnect the socket, once what was sent to it before is under way.

        Args:
            reconnect: close its connection, so that the client comes back by itself. Else the client
                takes it for final, and its other namespaces stay connected.
        """
        await self._emitter.disconnect(self, reconnect=reconnect)

    def __repr__(self) -> str:
        return f"<Socket {self.sid} in {self.namespace}>"


@provides("socket")
async def event_socket(connection: HTTPConnection) -> Socket:
    """Return the socket of the event; raise RuntimeError in a route, which has none."""
    context = connection.scope.get(EVENT_SOCKET)
    if context is None:
        raise RuntimeError("SocketDep is for events: a route has no socket")
    found: Socket = context.socket
    return found
