"""What is declared for one namespace: events of both directions, and what happens around them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi.params import Depends

from .callee import AnyHandler
from .declarations import declaration_error, known_as
from .handlers import ClientEvent, Middleware
from .hooks import ConnectHook, Hook
from .payloads import PayloadType, jsonable_all, raise_naming

ReadState = Callable[[Mapping[str, Any]], Any]
"""Returns an event's value from a session's data."""


@dataclass(frozen=True)
class ServerEvent:
    """An event that the server sends.

    Attributes:
        arguments: the types of its arguments.
        state: reads the argument from a session's data, if the event speaks of the session's state.
        item: the type of an item, if the event is a stream.
    """

    name: str
    arguments: tuple[PayloadType, ...]
    description: str
    state: ReadState | None = None
    item: PayloadType | None = None

    def dump(self, *values: Any) -> list[Any]:
        """Validate arguments and return them as JSON data; raise pydantic.ValidationError or TypeError."""
        if len(values) != len(self.arguments):
            raise TypeError(
                f"the event {self.name!r} is declared with {len(self.arguments)} argument(s), "
                f"not {len(values)}"
            )
        try:
            return [each.accept(value) for each, value in zip(self.arguments, values, strict=True)]
        except (TypeError, ValueError):
            raise_naming(self.name, [each.accept for each in self.arguments], values)
            raise

    def takes(self, value: Any) -> bool:
        """Return True if it has one argument, and this is a value that it takes as it is."""
        return len(self.arguments) == 1 and type(value) is self.arguments[0].plain

    def read_state(self, data: Mapping[str, Any]) -> Any:
        """Return the argument as a session's data have it, as JSON data."""
        if self.state is None:
            raise LookupError(f"the event {self.name!r} has no state")
        return self.dump(self.state(data))[0]


@dataclass
class NamespaceEvents:
    """All that is declared for a namespace.

    Attributes:
        name: the namespace.
        received: the events that clients may send, by name.
        sent: the events that the server is declared to send, by name.
        connects: what is called when a socket connects, in order.
        disconnects: what is called when one has gone.
        recovery: clients that come back get what they missed.
    """

    name: str
    received: dict[str, ClientEvent] = field(default_factory=dict)
    sent: dict[str, ServerEvent] = field(default_factory=dict)
    connects: list[ConnectHook] = field(default_factory=list)
    disconnects: list[Hook] = field(default_factory=list)
    recovery: bool = False

    @property
    def stateful(self) -> list[ServerEvent]:
        """The events that the server sends of a session's state."""
        return [event for event in self.sent.values() if event.state is not None]

    @property
    def streams(self) -> bool:
        """Whether any event that the server sends is a stream."""
        return any(event.item is not None for event in self.sent.values())

    @property
    def keeps_handshake(self) -> bool:
        """Whether anything declared reads the handshake's headers, cookies, query or client."""
        handlers: list[ClientEvent | Hook] = [
            *self.received.values(),
            *self.connects,
            *self.disconnects,
        ]
        return any(each.keeps_handshake for each in handlers)

    def dump(self, name: str, *values: Any) -> list[Any]:
        """Return the arguments of an event as JSON data, validated if the event is declared."""
        event = self.sent.get(name)
        return jsonable_all(name, values) if event is None else event.dump(*values)

    def dump_one(self, name: str, value: Any) -> Any:
        """Return the one argument of an event likewise."""
        event = self.sent.get(name)
        if event is not None and event.takes(value):
            return value
        [dumped] = self.dump(name, value)
        return dumped

    def refuse_incomplete(self) -> None:
        """Raise TypeError for a declaration whose types name one that is not there."""
        for event in self.received.values():
            _refuse_incomplete(event.handler, *event.arguments, event.answer, event.rest)
        for hook in self.connects:
            _refuse_incomplete(hook.function, hook.type)
        for sent in self.sent.values():
            if not all(each.is_complete() for each in sent.arguments):
                raise TypeError(f"sends({sent.name!r}): {_INCOMPLETE}")

    def add(
        self,
        other: "NamespaceEvents",
        dependencies: Sequence[Depends] = (),
        middleware: Sequence[Middleware] = (),
    ) -> None:
        """Add what another one has now; raise ValueError if an event is declared in both."""
        for name in sorted(other.received.keys() & self.received.keys()):
            both = " and ".join(known_as(each.received[name].handler) for each in (self, other))
            raise ValueError(f"the event {name!r} has a handler in both routers: {both}")
        for name in sorted(other.sent.keys() & self.sent.keys()):
            raise ValueError(f"sends({name!r}) is declared in both routers")
        self.received |= {
            name: event.within(dependencies, middleware) for name, event in other.received.items()
        }
        self.sent |= other.sent
        self.connects += [
            ConnectHook(each.function, (*dependencies, *each.dependencies), argument="auth")
            for each in other.connects
        ]
        self.disconnects += other.disconnects
        self.recovery = self.recovery or other.recovery
        for sent in self.stateful:
            if self.recovery and sent.arguments[0].is_text():
                refuse_for_offset(sent.name, [self])


def refuse_for_offset(event: str, namespaces: Iterable[NamespaceEvents]) -> None:
    """Raise TypeError for a state that is a string if one of the namespaces that have it has recovery."""
    if any(each.recovery for each in namespaces):
        raise TypeError(
            f"the state {event!r} is a string: clients of a namespace with recovery take a last argument "
            "that is one for an offset; let it be an object that has it"
        )


_INCOMPLETE = "has a type with a forward reference that stands for nothing"


def _refuse_incomplete(function: AnyHandler, *types: PayloadType | None) -> None:
    if not all(each is None or each.is_complete() for each in types):
        raise declaration_error(function, _INCOMPLETE)
