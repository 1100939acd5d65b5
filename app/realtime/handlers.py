"""Handlers of events: how arguments are validated, the handler called, its result dumped."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Self

from fastapi.params import Depends
from pydantic import ValidationError

from ..extras import explain_missing
from .callee import AnyHandler, Callee
from .context import Context, EventContext
from .declarations import declaration_error, function_of, refusing
from .dependencies import Handled, Reply
from .emitter import RESERVED
from .errors import InvalidPayloadError
from .once import ID
from .parameters import Kind
from .payloads import PLAIN_TYPES, PayloadType, payload_type

__all__ = ["RESERVED", "ClientEvent", "Event", "Middleware", "Reply"]

if TYPE_CHECKING:
    from .event_limit import EventLimit

Middleware = Callable[..., Awaitable[Any]]


class Event(str):
    """An event, for middleware: its name, which it is equal to, and its arguments.

    Attributes:
        args: the arguments as they came, not validated yet.
    """

    __slots__ = ("args",)

    args: tuple[Any, ...]

    def __new__(cls, name: str, args: tuple[Any, ...] = ()) -> Self:
        """Return an event of a name with arguments."""
        event = super().__new__(cls, name)
        event.args = args
        return event

    @property
    def name(self) -> str:
        """Return the event's name."""
        return str(self)


class ClientEvent:
    """An event that clients send.

    Args:
        name: the event's name.
        handler: its parameters are the event's arguments in order, what is at hand (a Session, an
            Emitter, a Socket), and dependencies.
        reload: read the session before the handler runs.
        once: it takes effect once: clients send an id before its arguments, which the handler does not get.
        dependencies: of the routers around it, the outermost first.
        middleware: likewise.
        limit: how often one user, or one session, may send it.

    Raises:
        TypeError: the handler cannot be called so; the message names the function and the line.
    """

    def __init__(
        self,
        name: str,
        handler: AnyHandler,
        *,
        reload: bool = True,
        once: bool = False,
        dependencies: Sequence[Depends] = (),
        middleware: Sequence[Middleware] = (),
        limit: str | None = None,
    ) -> None:
        self.name = name
        self.limit = None if limit is None else _limit(handler, limit)
        self.once = once
        self.handler = handler
        self.reload = reload
        self.checks_first = reload or self.limit is not None
        self.description = inspect.getdoc(function_of(handler)) or ""
        self.dependencies = tuple(dependencies)
        self.middleware = middleware
        if name in RESERVED:
            raise declaration_error(handler, f"{name!r} is an event of the library's own")
        self._callee = Callee(handler, self.dependencies, EventContext)
        self._simple = self._callee.solver is None
        self.is_simple = self._simple and not middleware
        """Whether nothing is between an event and its handler: then `start` is all of it."""
        given = self._callee.arguments
        rest = self._callee.rest
        self._names = [each.name for each in given]
        self._defaults = [each.parameter.default for each in given if each.has_default]
        self._rest = None if rest is None else rest.type
        self._types = [each.type for each in given if each.type is not None]
        self.arguments: list[PayloadType] = [ID, *self._types] if once else self._types
        self.answer = payload_type(self._callee.result, refusing(handler, "the result"))

    @property
    def names(self) -> list[str]:
        """The names of the arguments, the id's included."""
        return ["once_id" if "id" in self._names else "id", *self._names][not self.once :]

    @property
    def required(self) -> int:
        """How many of the arguments have no default."""
        return len(self.arguments) - len(self._defaults)

    @property
    def rest(self) -> PayloadType | None:
        """The type of all further arguments, None if there may be none."""
        return self._rest

    @property
    def keeps_handshake(self) -> bool:
        """Whether anything of it reads the handshake's headers, cookies, query or client."""
        solver = self._callee.solver
        return solver is not None and solver.keeps_handshake

    def within(
        self, dependencies: Sequence[Depends], middleware: Sequence[Middleware]
    ) -> "ClientEvent":
        """Return the same event in a router that has dependencies and middleware of its own."""
        if not dependencies and not middleware:
            return self
        return ClientEvent(
            self.name,
            self.handler,
            reload=self.reload,
            once=self.once,
            dependencies=(*dependencies, *self.dependencies),
            middleware=[*middleware, *self.middleware],
            limit=None if self.limit is None else self.limit.text,
        )

    def start(self, context: Any, arguments: tuple[Any, ...]) -> Awaitable[Any]:
        """Return what is awaited for the result of a simple event, for `dump`. Raise InvalidPayloadError."""
        return self._callee.start(context, self._validate(arguments))

    async def __call__(
        self, context: Any, arguments: tuple[Any, ...], reply: Reply | None = None
    ) -> Any:
        """Handle an event, and return its ack as JSON data. Raise InvalidPayloadError.

        Args:
            context: what is at hand.
            arguments: as they came, without the id of one that takes effect once.
            reply: awaited with the ack, before what is left behind it is left.
        """
        if not self.middleware:
            return await self._handle(context, arguments, reply)
        handled = Handled()
        async with AsyncExitStack() as left_last:
            event = Event(self.name, arguments)
            answer = _dumped(await self._through(0, context, event, left_last))
            if reply is not None:
                await reply(answer)
            handled.done = True
        handled.check()
        return answer

    def leaves_late(self, context: Context) -> bool:
        """Return True if something is left behind the ack, so that it has to be sent from within."""
        solver = self._callee.solver
        return not self._simple and solver is not None and solver.leaves_late(context)

    async def _through(
        self, index: int, context: Context, event: Event, left_last: AsyncExitStack
    ) -> Any:
        """Call one middleware, which calls what is within it."""
        if index == len(self.middleware):
            return await self._handle(context, event.args, None, left_last)

        async def call_next(*changed: Any) -> Any:
            found = next((each for each in changed if isinstance(each, Event)), event)
            return await self._through(index + 1, context, found, left_last)

        return await self.middleware[index](call_next, context.socket, event)

    async def _handle(
        self,
        context: Any,
        arguments: tuple[Any, ...],
        reply: Reply | None,
        left_last: AsyncExitStack | None = None,
    ) -> Any:
        values = self._validate(arguments)
        callee = self._callee
        if callee.solver is None:
            return self.dump(await callee.start(context, values))

        async def handle(solved: dict[str, Any]) -> Any:
            return self.dump(await callee.with_values(context, values, solved))

        return await callee.solver.call(context, handle, reply, left_last)

    def dump(self, answer: Any) -> Any:
        """Return a handler's result as JSON data."""
        kind = type(answer)
        if kind in PLAIN_TYPES:
            return answer
        if kind is tuple:
            return self._dump_several(answer)
        return self.answer.dump(answer)

    def _dump_several(self, answer: tuple[Any, ...]) -> tuple[Any, ...]:
        dumped = self.answer.dump(answer)
        return tuple(dumped) if isinstance(dumped, list) else (dumped,)

    def _validate(self, arguments: tuple[Any, ...]) -> list[Any]:
        if not arguments and not self._types:
            return []
        missing = len(self._types) - len(arguments)
        if missing > len(self._defaults) or (missing < 0 and self._rest is None):
            raise InvalidPayloadError(
                f"{self.name!r} takes {self._expected()}, not {len(arguments)}"
                f"{self._taken_for_context() if missing < 0 else ''}"
            )
        named = zip(self._names, self._types, arguments, strict=False)
        values = [_validate(name, type_, argument) for name, type_, argument in named]
        if missing < 0:
            return values + self._validate_rest(arguments[len(self._types) :])
        if missing == 0:
            return values
        # A copy of each, as of a Body's in FastAPI: what a handler changes is of its own call.
        return values + deepcopy(self._defaults[len(self._defaults) - missing :])

    def _validate_rest(self, arguments: tuple[Any, ...]) -> list[Any]:
        assert self._rest is not None  # noqa: S101 - for the type checker; see above
        start = len(self._types)
        return [
            _validate(str(start + index), self._rest, each) for index, each in enumerate(arguments)
        ]

    def _expected(self) -> str:
        most = len(self._types)
        required = most - len(self._defaults)
        if self._rest is not None:
            numbers = f"at least {required}"
        else:
            numbers = f"{required} to {most}" if self._defaults else str(most)
        plural = "" if numbers in ("1", "at least 1") else "s"
        return f"{numbers} argument{plural}{' behind its id' if self.once else ''}"

    def _taken_for_context(self) -> str:
        """Return what became of a first parameter that was meant for an argument, perhaps."""
        first = next(iter(self._callee.given), None)
        if first is None or first.kind is not Kind.AT_HAND or first.is_annotated:
            return ""
        return f": {first.name!r} has no annotation, so it is given the event's context"


def _limit(handler: AnyHandler, limit: str) -> "EventLimit":
    try:
        from .event_limit import EventLimit  # noqa: PLC0415 - it needs an extra
    except ModuleNotFoundError as error:
        raise declaration_error(handler, f"limit=: {explain_missing('limits', error)}") from error
    try:
        return EventLimit(limit)
    except ValueError as error:
        message = f'limit={limit!r} is no limit; write "20/minute", or "2/second; 100/hour"'
        raise declaration_error(handler, message) from error


def _validate(name: str, type_: PayloadType, argument: Any) -> Any:
    try:
        return type_.validate(argument)
    except ValidationError as error:
        raise InvalidPayloadError(explain(name, error)) from error


def _dumped(answer: Any) -> Any:
    """Return what a middleware returned as JSON data; several arguments stay a tuple."""
    return tuple(map(_ANY.dump, answer)) if type(answer) is tuple else _ANY.dump(answer)


_ANY = PayloadType(Any)


def explain(name: str, error: ValidationError) -> str:
    """Return what is wrong with an argument, on one line."""
    parts = []
    for item in error.errors(include_url=False, include_input=False):
        where = ".".join(map(str, (name, *item["loc"])))
        parts.append(f"{where}: {item['msg']}")
    return "; ".join(parts)
