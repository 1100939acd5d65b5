"""Events are declared here: a name, what it takes, what it answers."""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from app.rooms import Rooms
from app.sessions import Session

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])


class Context(NamedTuple):
    """What an event handler works with: the sender's session, reloaded just now, and all rooms."""

    session: Session
    rooms: Rooms
    sid: str


class InvalidPayloadError(Exception):
    """The arguments of an event do not fit its handler."""


class Received:
    """An event that clients send; its handler's parameters after the context are its arguments.

    `reads` says whether its handler reads the session before it has updated it.
    """

    def __init__(
        self, name: str, handler: Callable[..., Awaitable[Any]], *, reads: bool = True
    ) -> None:
        self.name = name
        self.reads = reads
        self.description = inspect.getdoc(handler) or ""
        self._handler = handler
        hints = get_type_hints(handler, include_extras=True)
        self._parameters = list(inspect.signature(handler).parameters)[1:]
        self.arguments = [TypeAdapter[Any](hints[each]) for each in self._parameters]
        self.answer = TypeAdapter[Any](hints.get("return", Any))

    async def __call__(self, context: Context, arguments: tuple[Any, ...]) -> Any:
        """Handle one event; gives its ack as JSON data, raises InvalidPayloadError."""
        payload = self._validate(arguments)
        answer = await self._handler(context, *payload)
        return answer if type(answer) in _JSON else self.answer.dump_python(answer, mode="json")

    def _validate(self, arguments: tuple[Any, ...]) -> list[Any]:
        if not arguments and not self.arguments:
            return []
        expected = len(self.arguments)
        if len(arguments) != expected:
            raise InvalidPayloadError(
                f"{self.name!r} takes {expected} arguments, not {len(arguments)}"
            )
        named = zip(self._parameters, self.arguments, arguments, strict=True)
        return [_validate(name, adapter, argument) for name, adapter, argument in named]


_JSON = {bool, int, str, type(None)}
"""Types whose values are JSON as they are."""


@dataclass(frozen=True)
class Sent:
    """An event that the server sends, with one argument."""

    name: str
    argument: TypeAdapter[Any]
    description: str
    plain: type | None = None
    """The argument's type if all values of it are JSON as they are, so that there is nothing to check."""


class Events:
    """The declared events by name.

    A newcomer adds one in five lines: decorate an async function that takes the context and one
    Pydantic-typed parameter for each argument, and that returns the ack. Its docstring is what the
    events page says of it.
    """

    def __init__(self) -> None:
        self._received: dict[str, Received] = {}
        self._sent: dict[str, Sent] = {}

    @property
    def received(self) -> Iterable[Received]:
        """All events that clients may send."""
        return self._received.values()

    @property
    def sent(self) -> Iterable[Sent]:
        """All events that the server may send."""
        return self._sent.values()

    def on(self, name: str, *, reads: bool = True) -> Callable[[Handler], Handler]:
        """Declare the decorated coroutine function as the handler of an event.

        Before a handler runs, its session is read. One that only ever calls `session.update` can do
        without: `reads=False` saves that round trip. The update is on the newest data all the same,
        for the store refuses it on any others; what is read before it may be old.
        """

        def declare(handler: Handler) -> Handler:
            if name in self._received:
                raise ValueError(f"the event {name!r} is declared twice")
            self._received[name] = Received(name, handler, reads=reads)
            return handler

        return declare

    def sends(self, name: str, argument: Any, description: str) -> None:
        """Declare an event that the server sends, and the type of its argument."""
        plain = next((each for each in _JSON if argument is each), None)
        self._sent[name] = Sent(name, TypeAdapter(argument), description, plain)

    def get(self, name: str) -> Received | None:
        """Give the event of a name that clients may send."""
        return self._received.get(name)

    def check(self, name: str, value: Any) -> Any:
        """Give an event's argument as JSON data; what is declared is validated first."""
        sent = self._sent.get(name)
        if sent is None or type(value) is sent.plain:
            return value
        return sent.argument.dump_python(sent.argument.validate_python(value), mode="json")


def _validate(name: str, adapter: TypeAdapter[Any], argument: Any) -> Any:
    try:
        return adapter.validate_python(argument, strict=True)
    except ValidationError as error:
        raise InvalidPayloadError(_explain(name, error)) from error


def _explain(name: str, error: ValidationError) -> str:
    parts = []
    for item in error.errors(include_url=False, include_input=False):
        where = ".".join(map(str, (name, *item["loc"])))
        parts.append(f"{where}: {item['msg']}")
    return "; ".join(parts)
