"""Sends events to sockets, on all nodes."""

from collections.abc import AsyncIterable, Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from ..injected import Injected
from ..sessions import EndReason, Session
from .targets import Target, To, target_of

if TYPE_CHECKING:
    from .connected_emitter import ConnectedEmitter
    from .session_sockets import Member

DEFAULT_CALL_SECONDS = 10.0

RESERVED = {
    *("connect", "connect_error", "disconnect", "disconnecting"),
    *("newListener", "removeListener"),
}
"""Names that neither side may emit: the libraries would run the handlers of the same name."""

SESSION_ENDED = "session ended"
"""The last event before the server closes a socket."""


class Sockets(Protocol):
    """What an Emitter sends with: the Messenger of a node, or what a worker has in its place."""

    async def emit(
        self,
        to: Target,
        event: str,
        args: Iterable[Any],
        *,
        skip_sid: str | None,
        namespace: str,
        volatile: bool,
        wait: bool,
    ) -> None: ...

    async def call(
        self,
        to: Target,
        event: str,
        args: Iterable[Any],
        *,
        namespace: str,
        timeout: float,  # noqa: ASYNC109 - a part of what is asked
    ) -> Any: ...

    async def join(self, to: Target, room: str, *, namespace: str) -> None: ...

    async def leave(self, to: Target, room: str, *, namespace: str) -> None: ...

    async def count(self, to: Target, *, namespace: str) -> int: ...

    async def disconnect(self, to: Target, *, reconnect: bool, namespace: str | None) -> None: ...

    async def stream(
        self,
        to: Target,
        event: str,
        source: AsyncIterable[Any],
        *,
        namespace: str,
        id_: str | None,
    ) -> EndReason | None: ...


class SocketsHere(Sockets, Protocol):
    """What a node has besides."""

    def publish(self, key: str, version: int, event: str, value: Any) -> None: ...

    async def join_here(self, member: "Member", room: str) -> None: ...

    async def leave_here(self, member: "Member", room: str) -> None: ...

    def rooms_of(self, member: "Member") -> Collection[str]: ...


class Emitter(Injected):
    """Sends events to sockets, on all nodes, and moves, counts and disconnects them.

    EmitterDep gives it to routes and events, `Mooring.emitter` to all other code of the app, and
    `Emitter.connect` to workers. `to` is the name of a room (a string is always a room of the
    application), a `Session` or `to_session(key)`, `to_user(id)`, a `Socket` or `to_socket(sid)`, or
    `EVERYBODY`.
    What one emitter sends reaches each socket in order.
    """

    __slots__ = ("_current",)

    def __init__(self, current: Callable[[], Any]) -> None:
        self._current = current

    @classmethod
    def connect(cls, redis_url: str, *, prefix: str = "mooring") -> "ConnectedEmitter":
        """Return an emitter for code outside of the app: workers, cron jobs, other services.

        `async with Emitter.connect(url) as emitter:` has all verbs but `publish`. It needs neither a
        FastAPI app nor a server. Without `async with` it is closed by `await emitter.aclose()`; one that
        is not closed by the time that it goes is warned about with a ResourceWarning.

        Args:
            redis_url: REDIS_URL of the app.
            prefix: REDIS_PREFIX of the app.

        Raises:
            ValueError: the URL or the prefix cannot be used.
            TypeError: one of them is no string, but a SecretStr say.
            ImportError: the extra `redis` is not installed.
        """
        from .connected_emitter import ConnectedEmitter, connect_outside  # noqa: PLC0415 - it needs this module

        return ConnectedEmitter(connect_outside(redis_url, prefix))

    async def emit(
        self,
        event: str,
        *args: Any,
        to: To,
        skip_sid: str | None = None,
        namespace: str = "/",
        volatile: bool = False,
        wait: bool = True,
    ) -> None:
        """Send an event to sockets: to each one once, in the order of this emitter.

        It returns when the bus has the message; while the bus cannot be reached it waits for up to a
        second. All waits of one request or event take no more than two; a task that goes on for longer waits
        again when two have passed.

        Args:
            event: its name.
            *args: its arguments, bytes too, validated by the types that it is declared with.
            to: a room's name, a Session, a Socket, `to_session(key)`, `to_user(id)`, `to_socket(sid)`,
                EVERYBODY.
            skip_sid: the id of a socket that is left out.
            namespace: where the sockets are; a single socket is found in whichever it is.
            volatile: drop the event where a client does not keep up with what it is sent.
            wait: False leaves the message to the node's outbox, and returns at once.

        Raises:
            pydantic.ValidationError: the arguments do not fit the declared types; a note names the one.
            TypeError: an argument has no form in JSON, or `to` is no target.
            ValueError: the name is one of the library's own, or there is no such namespace.
            BusUnavailableError: sockets of other nodes may, or may not, get the event.
        """
        await self._sockets.emit(
            target_of(to),
            event,
            args,
            skip_sid=skip_sid,
            namespace=namespace,
            volatile=volatile,
            wait=wait,
        )

    async def call(
        self,
        event: str,
        *args: Any,
        to: To,
        namespace: str = "/",
        timeout: float = DEFAULT_CALL_SECONDS,  # noqa: ASYNC109 - a part of what is asked
    ) -> Any:
        """Send an event to one socket, on whichever node, and return the client's ack.

        Args:
            event: its name.
            *args: its arguments.
            to: a Socket or `to_socket(sid)`.
            namespace: whose declaration of the event counts.
            timeout: seconds for the ack.

        Returns:
            The ack's argument; None if it has none, a tuple if it has several.

        Raises:
            TimeoutError: there was no ack in time, or the socket has left.
            pydantic.ValidationError: the arguments do not fit the declared types.
            TypeError: `to` is not one socket, or an argument has no form in JSON.
            ValueError: the name is one of the library's own, or there is no such namespace.
            BusUnavailableError: a socket of another node may, or may not, get the event.
        """
        return await self._sockets.call(
            target_of(to), event, args, namespace=namespace, timeout=timeout
        )

    async def publish(self, event: str, value: Any, *, session: Session) -> None:
        """Send a session's state to all its sockets.

        The session's version orders it: a socket that has received the event at a newer version is
        not sent an older one. Two values that are published at one version keep their order.

        Args:
            event: name of the event; the value is validated by the type that it is declared with.
            value: the event's argument.
            session: the session, at the version that the value belongs to.

        Raises:
            pydantic.ValidationError: the value does not fit the declared type.
            TypeError: it has no form in JSON; or it is a string, and the namespace has recovery: clients
                would take it for an offset.
            ValueError: the name is one of the library's own.
        """
        self._current().publish(session.key, session.state_version, event, value)

    async def join(self, to: To, room: str, *, namespace: str = "/") -> None:
        """Add sockets to a room, on all nodes.

        Args:
            to: which sockets, as for `emit`.
            room: the room's name.
            namespace: where the sockets are.

        Raises:
            TypeError: the room is no string, or `to` is no target.
            ValueError: there is no such namespace.
            BusUnavailableError: sockets of other nodes may, or may not, join.
        """
        await self._sockets.join(target_of(to), room, namespace=namespace)

    async def leave(self, to: To, room: str, *, namespace: str = "/") -> None:
        """Take sockets out of a room, on all nodes.

        Args:
            to: which sockets, as for `emit`.
            room: the room's name.
            namespace: where the sockets are.

        Raises:
            TypeError: the room is no string, or `to` is no target.
            ValueError: there is no such namespace.
            BusUnavailableError: sockets of other nodes may, or may not, leave.
        """
        await self._sockets.leave(target_of(to), room, namespace=namespace)

    async def stream(
        self,
        event: str,
        source: AsyncIterable[Any],
        *,
        to: To,
        namespace: str = "/",
        id: str | None = None,  # noqa: A002 - the word of the field
    ) -> EndReason | None:
        """Send a long answer in parts, to all sockets of a session or a user, on all nodes.

        Each socket gets all of it in order, also one that connects meanwhile, or within a minute after
        the end: from the first item on, or from where the client says that it was. The source is read no
        faster than the slowest socket is sent what it gives, but one that reads nothing for ten seconds is
        waited for no longer. It returns when all is sent, or kept for those who have not read it.

        Clients get the event with `{stream, offset, items}`, and in the end with `done` or `error` in
        place of `items`. The source is closed in the end, whatever that is.

        Args:
            event: its name, which is declared with `stream=True`.
            source: gives the items, each of them of the declared type.
            to: a Session, `to_session(key)`, or `to_user(id)`.
            namespace: where the sockets are.
            id: names the stream for its readers, 1 to 64 letters, digits, - and _; no other one of the
                session or user has it. Left out it is random.

        Returns:
            None; why the session, or the last session of the user, has ended if that was before the source
            did, or `shutdown` if this node ends. Nothing more is read or sent then.

        Raises:
            ValueError: the event is no stream, the id is in use, or an item takes more than 256 KiB.
            TypeError: `to` is another target, or the source is no async iterable.
            pydantic.ValidationError: an item does not fit the declared type.
            ServiceUnavailableError: the stream cannot be kept: the bus could not be reached for ten
                seconds, has lost its data, or the process was stopped for longer than five. Clients
                are notified.
            RequestRefusedError: the session, or user, has a hundred streams.
        """
        sockets: Sockets = self._sockets
        return await sockets.stream(target_of(to), event, source, namespace=namespace, id_=id)

    async def count(self, to: To, *, namespace: str = "/") -> int:
        """Count connected sockets, on all nodes.

        Args:
            to: which sockets, as for `emit`. Of a session its connections are counted, whichever
                namespaces they are in; it may have ended.
            namespace: where the sockets are.

        Returns:
            The number that the nodes have last reported.

        Raises:
            TypeError: `to` is no target.
            ValueError: there is no such namespace.
            BusUnavailableError: the other nodes' numbers cannot be read.
        """
        sockets: Sockets = self._sockets
        return await sockets.count(target_of(to), namespace=namespace)

    async def disconnect(
        self, to: To, *, reconnect: bool = False, namespace: str | None = None
    ) -> None:
        """Disconnect sockets, on all nodes, once what was sent to them before is under way.

        Args:
            to: which sockets, as for `emit`.
            reconnect: close their connections, so that the clients come back by themselves. Else
                a client takes it for final.
            namespace: where the sockets are. Left out it is `/` for a room, and all for all others.

        Raises:
            TypeError: `to` is no target.
            ValueError: there is no such namespace.
            BusUnavailableError: sockets of other nodes may, or may not, be disconnected.
        """
        await self._sockets.disconnect(target_of(to), reconnect=reconnect, namespace=namespace)

    @property
    def _sockets(self) -> SocketsHere:
        found: SocketsHere = self._current()
        return found


def check_event(event: object) -> None:
    """Raise an error for what is no name of an event that an application may send."""
    if not isinstance(event, str):
        raise TypeError(f"the name of an event is a string, not {event!r}")
    if event in RESERVED or event == SESSION_ENDED:
        raise ValueError(f"the event {event!r} is one of the library's own")


def check_room(room: object) -> None:
    """Raise TypeError for what is no name of a room."""
    if not isinstance(room, str):
        raise TypeError(f"the name of a room is a string, not {room!r}")


def ack_of_call(arguments: list[Any]) -> Any:
    """Return a client's ack: its argument, None if it has none, a tuple if it has several."""
    if len(arguments) == 1:
        return arguments[0]
    return tuple(arguments) if arguments else None
