"""Handlers of connects and disconnects."""

from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from typing import Any

from fastapi.params import Depends
from pydantic import PydanticUserError, ValidationError

from ..sessions import EndReason
from .callee import AnyHandler, Callee
from .context import Context
from .declarations import declaration_error
from .engineio.socket import DisconnectReason
from .errors import InvalidPayloadError
from .handlers import explain
from .payloads import PayloadType
from .socket import Socket


class Hook:
    """A function that is called when a socket connects or disconnects.

    Args:
        function: takes the socket, at most one argument, and dependencies.
        dependencies: of the routers around it.
        argument: what its argument is, for messages.

    Raises:
        TypeError: it cannot be called so; the message names the function and the line.
    """

    def __init__(
        self, function: AnyHandler, dependencies: Sequence[Depends], *, argument: str
    ) -> None:
        self.function = function
        self.dependencies = tuple(dependencies)
        self._callee = Callee(function, dependencies, Socket)
        if len(self._callee.arguments) > 1 or self._callee.rest is not None:
            raise declaration_error(
                function, f"beside the socket and dependencies it takes {argument} and no more"
            )

    @property
    def type(self) -> PayloadType | None:
        """The type of its argument, None if it takes none."""
        return next((each.type for each in self._callee.arguments), None)

    @property
    def keeps_handshake(self) -> bool:
        """Whether anything of it reads the handshake's headers, cookies, query or client."""
        solver = self._callee.solver
        return solver is not None and solver.keeps_handshake

    async def __call__(self, context: Context, value: Any) -> Any:
        """Call the function; raise what it raises, or InvalidPayloadError."""
        arguments = self._arguments(value)
        callee = self._callee
        if callee.solver is None:
            return await callee.start(context, arguments)

        async def call(solved: dict[str, Any]) -> Any:
            return await callee.with_values(context, arguments, solved)

        return await callee.solver.call(context, call)

    def _arguments(self, value: Any) -> list[Any]:
        return [value for _ in self._callee.arguments]


class ConnectHook(Hook):
    """A function that may refuse a connect; its argument is the client's `auth`."""

    def _arguments(self, value: Any) -> list[Any]:
        """Return the validated `auth`: its default, or an empty object, where the client sent none."""
        for given in self._callee.arguments:
            if value is None and given.has_default:
                # A copy, as an event's arguments have: what a hook changes is of its own call.
                return [deepcopy(given.parameter.default)]
            assert given.type is not None  # noqa: S101 - for the type checker: it is an argument
            try:
                return [given.type.validate({} if value is None else value)]
            except ValidationError as error:
                raise InvalidPayloadError(explain(given.name, error)) from error
        return []


class DisconnectHook(Hook):
    """A function that is called when a socket has left; its argument is why."""

    def __init__(self, function: AnyHandler) -> None:
        super().__init__(function, (), argument="the reason")
        if self.type is not None and not _takes_a_reason(self.type):
            raise declaration_error(function, "the reason of a disconnect is a string")


def _takes_a_reason(type_: PayloadType) -> bool:
    try:
        for reason in (*EndReason, *DisconnectReason):
            with suppress(ValidationError):
                type_.validate(str(reason))
                return True
    except PydanticUserError:  # a forward reference
        pass
    return False
