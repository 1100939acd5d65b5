"""Declarations of the events that clients and the server send, and of what happens around them."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi.params import Depends

from ..article import kind_of
from .callee import AnyHandler
from .context import EventContext
from .declarations import (
    check_function,
    check_parameters,
    check_state,
    declaration_error,
    is_async,
    known_as,
    label_of,
)
from .dependencies import Solver
from .emitter import RESERVED, SESSION_ENDED
from .errors import InvalidPayloadError
from .handlers import ClientEvent, Event, Middleware
from .hooks import ConnectHook, DisconnectHook
from .namespace_events import NamespaceEvents, ReadState, ServerEvent
from .payloads import payload_type
from .session_hooks import SessionHooks
from .streams.shapes import stream_of

__all__ = [
    "ROOT",
    "ClientEvent",
    "Event",
    "EventContext",
    "EventRouter",
    "InvalidPayloadError",
    "NamespaceEvents",
    "ServerEvent",
]

Handler = TypeVar("Handler", bound=AnyHandler)

ROOT = "/"
_NAMESPACE = re.compile(r"/[^\s,?/\[\]{}\"][^\s,?\[\]{}\"]{0,78}|/")


class EventRouter:
    """Events of one namespace, declared like the routes of an APIRouter.

    `Mooring.include_router` adds them to an app. Several routers may have one namespace; each
    namespace has events, hooks and dependencies of its own, over one connection of the client.

    Args:
        namespace: what clients connect to: `io()` to `/`, `io("/admin")` to `/admin`.
        dependencies: `Depends(...)` that run for each connect to the namespace, which is refused by
            what they raise, and for each event of this router.
        recovery: whether clients that come back within RECOVERY_WINDOW get what they missed. The listeners
            of stock clients then get one more last argument of each event that is emitted in the
            namespace: its offset. One router of the namespace that asks for it is enough.

    Attributes:
        namespace: what clients connect to.
        session_hooks: what `Mooring.on_session_created` and its like have declared.

    Raises:
        ValueError: the namespace is none.
        TypeError: a dependency cannot be solved.
    """

    def __init__(
        self,
        namespace: str = ROOT,
        dependencies: Sequence[Depends] = (),
        recovery: bool = False,
    ) -> None:
        if not _NAMESPACE.fullmatch(namespace):
            raise ValueError(
                f"{namespace!r} is no namespace: it begins with / and has no space, comma or ?"
            )
        self.namespace = namespace
        self._dependencies = _checked_dependencies(dependencies)
        self._middleware: list[Middleware] = []
        self._sending: dict[str, tuple[NamespaceEvents, ...]] = {}
        self.session_hooks = SessionHooks()
        self._is_included = False
        self._included: list[EventRouter] = []
        self._namespaces = {namespace: NamespaceEvents(namespace, recovery=recovery)}
        if self._dependencies:
            self._own.connects.append(ConnectHook(_accept, self._dependencies, argument="auth"))

    @property
    def namespaces(self) -> Mapping[str, NamespaceEvents]:
        """All that is declared here, and in the routers that were included, by namespace."""
        return self._namespaces

    @property
    def received(self) -> Iterable[ClientEvent]:
        """All events that clients may send, in any namespace."""
        return [event for each in self._namespaces.values() for event in each.received.values()]

    @property
    def sent(self) -> Iterable[ServerEvent]:
        """All events that the server is declared to send, in any namespace."""
        return [event for each in self._namespaces.values() for event in each.sent.values()]

    @property
    def streams(self) -> bool:
        """Whether any event that the server sends is a stream, in any namespace."""
        return any(each.streams for each in self._namespaces.values())

    @property
    def stateful(self) -> Iterable[ServerEvent]:
        """The events that the server sends of a session's state, in any namespace."""
        return [event for each in self._namespaces.values() for event in each.stateful]

    @property
    def keeps_handshake(self) -> bool:
        """Whether anything declared reads the handshake's headers, cookies, query or client."""
        return any(each.keeps_handshake for each in self._namespaces.values())

    def on(
        self,
        name: str,
        *,
        once: bool = False,
        limit: str | None = None,
        reload: bool = True,
    ) -> Callable[[Handler], Handler]:
        """Declare the decorated function as the handler of an event.

        Its parameters are the event's arguments in order, strictly validated by their annotations;
        those with a default may be left out, and `*args: T` takes the rest. Parameters that are
        annotated SessionDep, EmitterDep or SocketDep, at any place, are given those of the event, and
        whatever is a `Depends` is resolved as FastAPI resolves it. What yields is left before the ack,
        with `scope="request"` after it. The result is the ack, bytes too; a tuple is several
        arguments. The docstring is the event's description. A plain function runs in the thread pool. A
        first parameter without an annotation, or of type EventContext, is given the session, the
        emitter and the `sid`.

        Args:
            name: the event's name.
            once: each event takes effect once on the session's data, however often the client sends it
                within ten minutes. Its first argument is an id, a string of 8 to 64 characters, that the
                handler does not get; a repeat, with the same id and arguments, gets the first ack, once
                that is there. The JavaScript client repeats by `retries` and `ackTimeout`.
            limit: how often one user, or one session if nobody is signed in, may send it, on all nodes:
                `20/minute`, `5 per 10 seconds`, `2/second; 100/hour`. What is beyond it gets the error ack
                `rate-limited`, with `retry_after` in seconds. Needs the extra `limits`.
            reload: read the session before the handler runs. A handler that only ever updates it
                atomically can save that round trip: the update is on the newest data all the same.

        Returns:
            A decorator, which returns the function as it is.

        Raises:
            TypeError: the handler's signature or the event's name does not fit; the message names the
                function and the line.
            ValueError: the event has a handler already, or the limit cannot be read.
        """
        _check_name(name)

        def declare(handler: Handler) -> Handler:
            self._check_open(handler)
            event = ClientEvent(
                name,
                handler,
                reload=reload,
                once=once,
                dependencies=self._dependencies,
                middleware=self._middleware,
                limit=limit,
            )
            other = self._own.received.get(name)
            if other is not None:
                raise ValueError(
                    f"the event {name!r} has a handler already, {known_as(other.handler)}, and gets no "
                    f"second one: {known_as(handler)}"
                )
            self._own.received[name] = event
            return handler

        return declare

    def sends(
        self,
        name: str,
        *types: Any,
        description: str = "",
        state: ReadState | None = None,
        stream: bool = False,
    ) -> None:
        """Declare an event that the server sends.

        Args:
            name: the event's name.
            *types: types of its arguments; what is sent is validated by them.
            description: what the event says, in Markdown.
            state: reads the one argument from a session's data. With it, a socket that has missed a
                message is sent the value when its session is reloaded.
            stream: `Emitter.stream` sends it, and the one type is that of an item. Sockets that connect to
                the namespace are sent the streams of their session, and user, from where they were.

        Raises:
            TypeError: a type cannot be validated by Pydantic, `state` is no plain function of the data, or
                the router was included before.
            ValueError: the event is declared already, is one of the library's own, or has a state, or is a
                stream, and has other than one argument.
        """
        if name in RESERVED or name == SESSION_ENDED:
            raise ValueError(f"the event {name!r} is one of the library's own")
        if name in self._own.sent:
            raise ValueError(f"the event {name!r} is declared already")
        self._check_open(f"the event {name!r}")
        if state is not None:
            check_state(name, state)
            if len(types) != 1:
                raise ValueError(f"the event {name!r} has a state, so it has one argument")

        def refuse(message: str) -> TypeError:
            return TypeError(f"the event {name!r} {message}")

        if stream:
            self._own.sent[name] = _streamed(name, types, description, state, refuse)
            self._sending = {}
            return
        arguments = tuple(payload_type(each, refuse) for each in types)
        self._own.sent[name] = ServerEvent(name, arguments, description, state)
        self._sending = {}

    def on_connect(self, function: Handler = None) -> Handler:  # type: ignore[assignment] # see _check_hook
        """Call the decorated function when a socket connects, before the client's CONNECT is answered.

        It takes the socket (a first parameter, or SocketDep), dependencies, and an argument with an
        annotation: the client's `auth`, validated. To refuse the connect it raises EventError or
        HTTPException. What it emits reaches the client after the answer.

        Args:
            function: the function, plain or async.

        Raises:
            TypeError: its signature does not fit.
        """
        self._check_hook(function, "on_connect")
        connects = self._own.connects
        if self._dependencies and connects and connects[0].function is _accept:
            connects[0] = ConnectHook(function, self._dependencies, argument="auth")
        else:
            connects.append(ConnectHook(function, (), argument="auth"))
        return function

    def on_disconnect(self, function: Handler = None) -> Handler:  # type: ignore[assignment] # see _check_hook
        """Call the decorated function when a socket that was connected has left.

        It takes the socket, dependencies, and an argument: the reason, a string. That is the session's
        (`logout`, `expired`, `rotated`, `revoked`, `shutdown`), or `client disconnect`, `server
        disconnect`, `ping timeout`, `transport close` or `transport error`.

        Args:
            function: the function, plain or async.

        Raises:
            TypeError: its signature does not fit.
        """
        self._check_hook(function, "on_disconnect")
        self._own.disconnects.append(DisconnectHook(function))
        return function

    def middleware(self, function: Handler = None) -> Handler:  # type: ignore[assignment] # see _check_hook
        """Call the decorated function around every event of this router.

        It takes `call_next`, the socket and the event: its name, a string, which has the arguments as
        `args`. `await call_next(event)` handles the event and returns its ack; the middleware
        returns the ack, raises EventError, or does not call it. The first one declared is the outermost.

        Args:
            function: a coroutine function.

        Raises:
            TypeError: it is none.
        """
        self._check_hook(function, "middleware")
        if not is_async(function):
            raise declaration_error(function, "a middleware is an async function")
        check_parameters(function, 3, "a middleware takes call_next, the socket and the event")
        self._middleware.append(function)
        return function

    def include_router(self, router: "EventRouter") -> None:
        """Add what another router, of any namespace, declares; this one's dependencies come first.

        What is declared on the other router afterwards is refused, as it would have no effect.

        Args:
            router: declares the events.

        Raises:
            TypeError: it is no router of events, or a state of a namespace with recovery is a string.
            ValueError: an event is declared in both, or the router is included already; nothing is added.
        """
        given: object = router
        if not isinstance(given, EventRouter):
            raise TypeError(
                f"{kind_of(given)} is no EventRouter; routes are for app.include_router"
            )
        if any(router is each for each in self._included):
            raise ValueError(
                "this router is included already: each of its events would be there twice"
            )
        if router is self:
            raise ValueError("a router cannot include itself")
        self._check_open("a router")
        merged = dict(self._namespaces)
        for name, events in router.namespaces.items():
            merged[name] = _copy(merged.get(name) or NamespaceEvents(name))
            merged[name].add(events, self._dependencies, self._middleware)
        self._namespaces.update(merged)  # in place: whoever has asked for it sees all that is added
        self._sending = {}
        self._included.append(router)
        router._is_included = True  # noqa: SLF001 - it is of this class

    def get(self, name: str, namespace: str | None = None) -> ClientEvent | None:
        """Return the event of a name that clients may send, None if there is none.

        Args:
            name: the event's name.
            namespace: this router's own if it is left out.
        """
        events = self._namespaces.get(namespace or self.namespace)
        return None if events is None else events.received.get(name)

    def dump(self, name: str, *values: Any, namespace: str | None = None) -> list[Any]:
        """Return an event's arguments as JSON data, validated if the event is declared.

        Args:
            name: the event's name.
            *values: its arguments.
            namespace: this router's own if it is left out.

        Raises:
            pydantic.ValidationError: a value does not fit the declared type.
        """
        events = self._namespaces.get(namespace or self.namespace) or NamespaceEvents(ROOT)
        return events.dump(name, *values)

    def sending(self, event: str) -> tuple[NamespaceEvents, ...]:
        """Return the namespaces that declare an event that the server sends; the root if none does.

        Args:
            event: its name.
        """
        found = self._sending.get(event)
        if found is None:
            found = tuple(each for each in self if event in each.sent)
            if not found:
                return (self._namespaces.get(ROOT) or NamespaceEvents(ROOT),)
            self._sending[event] = found
        return found

    def _check_hook(self, function: Any, decorator: str) -> None:
        check_function(function, f"router.{decorator}")
        self._check_open(function)

    def _check_open(self, declared: Any) -> None:
        """Raise TypeError for what is declared on a router that was included before: it would be ignored."""
        if not self._is_included:
            return
        message = "its router was included before: include a router once all of it is declared"
        if isinstance(declared, str):
            raise TypeError(f"{declared}: {message}")
        raise declaration_error(declared, message)

    def __iter__(self) -> Iterator[NamespaceEvents]:
        return iter(self._namespaces.values())

    @property
    def _own(self) -> NamespaceEvents:
        return self._namespaces[self.namespace]

    if not TYPE_CHECKING:  # else every name would be one, to type checkers

        def __getattr__(self, name: str) -> Any:
            """Raise AttributeError, with where it belongs: an app's `include_router` asks for `routes`."""
            raise AttributeError(
                f"an EventRouter has no {name!r}: it is included by mooring.include_router, "
                "not by an app or an APIRouter",
                name=name,
                obj=self,
            )


async def _accept() -> None:
    """Accept a connect: the router has dependencies, and nothing else to say about it."""


def _streamed(
    name: str,
    types: tuple[Any, ...],
    description: str,
    state: ReadState | None,
    refuse: Callable[[str], Exception],
) -> ServerEvent:
    """Return a stream that is declared: what clients are sent has items of the one type."""
    if len(types) != 1 or state is not None:
        raise ValueError(f"the stream {name!r} has one type, that of an item, and no state")
    item = payload_type(types[0], refuse)
    chunk = payload_type(stream_of(types[0]), refuse)
    return ServerEvent(name, (chunk,), description, item=item)


def _copy(events: NamespaceEvents) -> NamespaceEvents:
    return NamespaceEvents(
        events.name,
        dict(events.received),
        dict(events.sent),
        list(events.connects),
        list(events.disconnects),
        events.recovery,
    )


def _checked_dependencies(dependencies: Sequence[Depends]) -> tuple[Depends, ...]:
    for each in dependencies:
        if not isinstance(each, Depends):
            raise TypeError(f"dependencies= takes Depends(...), not {each!r}")
    if (
        dependencies
    ):  # where they stand, so that the message names no handler that has no part in it
        Solver((), dependencies, _refuse_dependencies)
    return tuple(dependencies)


def _refuse_dependencies(message: str) -> TypeError:
    return TypeError(f"EventRouter(dependencies=...) {message}")


def _check_name(name: object) -> None:
    """Refuse what is no name, such as the handler itself if the decorator has no brackets."""
    if not isinstance(name, str):
        what = label_of(name) if callable(name) else repr(name)
        raise TypeError(f'{what}: the name of an event is a string; write @events.on("name")')
