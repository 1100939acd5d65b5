"""Events are declared here: a name, what it takes, what it answers."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from app.rooms import Rooms
from app.sessions import Session

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])


@dataclass(frozen=True, slots=True)
class Context:
    """What an event handler works with: the sender's session, reloaded just now, and all rooms."""

    session: Session
    rooms: Rooms
    sid: str


class InvalidPayloadError(Exception):
    """The arguments of an event do not fit its handler."""


class Event:
    """One declared event; its handler's parameters after the context are its payload."""

    def __init__(self, name: str, handler: Callable[..., Awaitable[Any]]) -> None:
        self.name = name
        self.description = inspect.getdoc(handler) or ""
        self._handler = handler
        hints = get_type_hints(handler)
        parameters = list(inspect.signature(handler).parameters)[1:]
        self.payload = tuple(hints[parameter] for parameter in parameters)
        self.answer = hints.get("return", Any)
        shape: Any = tuple[self.payload] if self.payload else tuple[()]  # type: ignore[name-defined] # a type made at run time
        self._parse: TypeAdapter[tuple[Any, ...]] = TypeAdapter(shape)
        self._write: TypeAdapter[Any] = TypeAdapter(self.answer)

    async def __call__(self, context: Context, arguments: tuple[Any, ...]) -> Any:
        """Handle one event; gives its ack as JSON data, raises InvalidPayloadError."""
        if len(arguments) != len(self.payload):
            raise InvalidPayloadError(
                f"{self.name!r} takes {len(self.payload)} arguments, not {len(arguments)}"
            )
        try:
            payload = self._parse.validate_python(arguments, strict=True)
        except ValidationError as error:
            raise InvalidPayloadError(_explain(error)) from error
        answer = await self._handler(context, *payload)
        return self._write.dump_python(answer, mode="json")


class Events:
    """The declared events by name.

    A newcomer adds one in five lines: decorate an async function that takes the context and one
    Pydantic-typed parameter for each argument, and that returns the ack.
    """

    def __init__(self) -> None:
        self._events: dict[str, Event] = {}

    def on(self, name: str) -> Callable[[Handler], Handler]:
        """Declare the decorated coroutine function as the handler of an event."""

        def declare(handler: Handler) -> Handler:
            if name in self._events:
                raise ValueError(f"the event {name!r} is declared twice")
            self._events[name] = Event(name, handler)
            return handler

        return declare

    def get(self, name: str) -> Event | None:
        """Give a declared event."""
        return self._events.get(name)


def _explain(error: ValidationError) -> str:
    parts = [
        f"argument {'.'.join(map(str, item['loc']))}: {item['msg']}"
        for item in error.errors(include_url=False, include_input=False)
    ]
    return "; ".join(parts)
