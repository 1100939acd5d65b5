"""Fast path: dependencies that take nothing of a request, called in FastAPI's order without its work.

What FastAPI does with each request it finds out once for each handler: which dependencies are called,
in which order, and which of them share a value. Trees with anything else (headers, cookies, security
scopes, limits of concurrency, background tasks) go to FastAPI, as all do where fast paths are off, or where
`solve_dependencies` has been replaced.

Undocumented names of FastAPI that this needs stand here, in dependencies.py and in app/dependants.py alone.
"""

from collections.abc import Callable
from contextlib import AsyncExitStack
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

from fastapi.dependencies import utils
from fastapi.dependencies.models import (
    Dependant,
    _get_cache_key,
    _is_async_gen_callable,
    _is_coroutine_callable,
    _is_gen_callable,
)
from starlette.concurrency import run_in_threadpool

from ..dependants import takes_anything
from .context import Context

_ORIGINAL = utils.solve_dependencies

AT_HAND: dict[str, Callable[[Context], Any]] = {
    name: attrgetter(name) for name in ("session", "emitter", "socket", "users")
}
"""What Mooring's own dependencies give, by name."""


class Step:
    """One call of a dependency.

    Attributes:
        give: returns a value that is at hand, in place of a call; or None.
        slot: where its value is kept.
        values: the names of its parameters, and the slots of their values.
    """

    __slots__ = ("call", "dependant", "give", "is_async", "slot", "values", "yields")

    def __init__(self, dependant: Dependant, slot: int, values: dict[str, int]) -> None:
        self.dependant = dependant
        self.call: Any = dependant.call
        self.slot = slot
        self.values = values
        self.give: Callable[[Context], Any] | None = None
        self.is_async = _is_coroutine_callable(self.call)
        self.yields = _is_gen_callable(self.call) or _is_async_gen_callable(self.call)


class Plan:
    """The calls that a handler's dependencies come to, in order.

    Args:
        dependant: what FastAPI has read of the handler.
        own: returns the name of the value that a dependency of Mooring's gives, None for others.
    """

    def __init__(self, dependant: Dependant, own: Callable[[Any], str | None]) -> None:
        self._own = own
        self._known: dict[Any, int] = {}
        self._slots = 0
        self.steps: list[Step] = []
        self.values = self._read(dependant)

    @classmethod
    def of(cls, dependant: Dependant, own: Callable[[Any], str | None]) -> "Plan | None":
        """Return the plan of a tree, None if it has anything that only FastAPI does."""
        return cls(dependant, own) if _is_plain(dependant, own) else None

    @property
    def holds(self) -> bool:
        """Whether FastAPI would do the same: instrumentation may have put its own in its place."""
        return utils.solve_dependencies is _ORIGINAL

    async def solve(
        self, context: Context, request_stack: AsyncExitStack, function_stack: AsyncExitStack
    ) -> dict[str, Any]:
        """Call all dependencies; return the handler's values by name."""
        slots: list[Any] = [None] * self._slots
        request: Any = None
        for step in self.steps:
            if step.give is not None:
                slots[step.slot] = step.give(context)
                continue
            values = {name: slots[slot] for name, slot in step.values.items()}
            if step.yields:
                request = request or SimpleNamespace(scope={"fastapi_inner_astack": request_stack})
                at_function = step.dependant.scope == "function"
                stack = function_stack if at_function else request_stack
                slots[step.slot] = await utils._solve_generator(  # noqa: SLF001 - as the module says
                    dependant=step.dependant, stack=stack, sub_values=values, request=request
                )
            elif step.is_async:
                slots[step.slot] = await step.call(**values)
            else:
                slots[step.slot] = await run_in_threadpool(step.call, **values)
        return {name: slots[slot] for name, slot in self.values.items()}

    def _read(self, dependant: Dependant) -> dict[str, int]:
        """Add the calls of a dependant's dependencies; return the slots of their values by name."""
        values = {}
        for each in dependant.dependencies:
            slot = self._slot_of(each)
            if each.name is not None:
                values[each.name] = slot
        return values

    def _slot_of(self, dependant: Dependant) -> int:
        name = self._own(dependant.call)
        below = {} if name else self._read(dependant)  # also where the value is known already
        key = _get_cache_key(dependant=dependant)
        if dependant.use_cache and key in self._known:
            return self._known[key]
        slot = self._slots
        self._slots += 1
        step = Step(dependant, slot, below)
        if name is not None:
            step.give = AT_HAND[name]
        self.steps.append(step)
        self._known.setdefault(key, slot)
        return slot


def _is_plain(dependant: Dependant, own: Callable[[Any], str | None]) -> bool:
    return all(
        own(each.call) is not None
        or (
            each.concurrency is None
            and not takes_anything(each)
            and not each.own_oauth_scopes
            and _is_plain(each, own)
        )
        for each in dependant.dependencies
    ) and not takes_anything(dependant)
