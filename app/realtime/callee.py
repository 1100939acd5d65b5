"""A function with what its parameters are given: handlers, hooks."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi.params import Depends
from starlette.concurrency import run_in_threadpool

from .context import Context, EventContext
from .declarations import is_async, refuse_generator, refusing
from .dependencies import Solver
from .parameters import Given, Kind, read_parameters

AnyHandler = Callable[..., Any]


class Callee:
    """A function with what its parameters are given.

    Args:
        function: plain functions run in the thread pool.
        dependencies: of the routers around it.
        first: the type of a first parameter without an annotation.

    Raises:
        TypeError: it cannot be called so; the message names the function and the line.
    """

    def __init__(self, function: AnyHandler, dependencies: Sequence[Depends], first: Any) -> None:
        refuse_generator(function)
        self.function = function
        self._call: Callable[..., Awaitable[Any]] = (
            function if is_async(function) else _in_a_thread(function)
        )
        self.given, self.result = read_parameters(function, first=first)
        solved = [each.parameter for each in self.given if each.kind is Kind.SOLVED]
        self.solver = (
            Solver(solved, dependencies, refusing(function)) if solved or dependencies else None
        )
        self._plain = [
            (index, each.value)
            for index, each in enumerate(self.given)
            if each.value is not None and not each.by_keyword
        ]
        self._keywords = {
            each.name: each.value
            for each in self.given
            if each.value is not None and each.by_keyword
        }

    @property
    def arguments(self) -> list[Given]:
        """The parameters that are arguments, but for `*args`."""
        return [each for each in self.given if each.kind is Kind.ARGUMENT]

    @property
    def rest(self) -> Given | None:
        """The parameter `*args`, None if there is none."""
        return next((each for each in self.given if each.kind is Kind.REST), None)

    def start(self, context: Context | EventContext, arguments: list[Any]) -> Awaitable[Any]:
        """Call the function with validated arguments; it has no dependencies that are to be solved."""
        if not arguments and not self._keywords:
            return self._call(*[value_of(context) for _, value_of in self._plain])
        for index, value_of in self._plain:
            arguments.insert(index, value_of(context))
        if self._keywords:
            keywords = {name: value_of(context) for name, value_of in self._keywords.items()}
            return self._call(*arguments, **keywords)
        return self._call(*arguments)

    async def with_values(
        self, context: Context, arguments: list[Any], values: dict[str, Any]
    ) -> Any:
        """Call the function with validated arguments, and what its dependencies gave."""
        waiting = iter(arguments)
        positional: list[Any] = []
        keywords: dict[str, Any] = {}
        for each in self.given:
            if each.kind is Kind.REST:
                positional.extend(waiting)
            elif each.by_keyword:
                keywords[each.name] = self._value(each, context, values)
            elif each.kind is Kind.ARGUMENT:
                positional.append(next(waiting))
            else:
                positional.append(self._value(each, context, values))
        return await self._call(*positional, **keywords)

    def _value(self, given: Given, context: Context, values: dict[str, Any]) -> Any:
        return values[given.name] if given.value is None else given.value(context)


def _in_a_thread(function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    async def call(*arguments: Any, **keywords: Any) -> Any:
        return await run_in_threadpool(function, *arguments, **keywords)

    return call
