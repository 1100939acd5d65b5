"""Calls of endpoints that take nothing from a request but Mooring's own dependencies."""

from collections.abc import Callable, Mapping
from operator import itemgetter
from types import FunctionType
from typing import Any

from fastapi import routing
from fastapi.dependencies.models import Dependant
from starlette.responses import Response
from starlette.types import Scope

from ..asgi.scope import EMITTER
from ..dependants import takes_anything
from ..sessions import SCOPE_KEY
from . import dependencies
from .fast_responses import ResponseMaker
from .idempotency import idempotent, mark_idempotent


class Call:
    """The endpoint of a route that takes nothing but Mooring's own dependencies.

    Args:
        cells: the variables of the route's handler, as FastAPI made it.
    """

    def __init__(self, cells: Mapping[str, Any]) -> None:
        self._dependant: Dependant = cells["dependant"]
        self._endpoint: Any = self._dependant.call
        self.overrides: Any = cells["dependency_overrides_provider"]
        self._sub_dependants = list(self._dependant.dependencies)
        self._providers = [(each.name, *_PROVIDERS[each.call]) for each in self._sub_dependants]
        self._response = ResponseMaker(cells)
        self.may_repeat = any(map(_is_idempotent, self._sub_dependants))
        self.status: int | None = cells["status_code"]

    @classmethod
    def of(cls, chosen: Any) -> "Call | None":
        """Return the call of a route or of its effective context; None if it takes anything else."""
        cells = _cells(chosen.app, "request_response.<locals>.app")
        cells = _cells(cells.get("f"), "get_request_handler.<locals>.app")
        return cls(cells) if _is_plain(cells) else None

    def is_current(self) -> bool:
        """Return True if the dependencies are those that were found plain."""
        dependant = self._dependant
        return dependant.call is self._endpoint and dependant.dependencies == self._sub_dependants

    async def run(self, scope: Scope) -> Response | bytes:
        """Return the endpoint's own response, or what FastAPI makes of its result."""
        values = {}
        for name, provide, is_coroutine in self._providers:
            value = provide(scope)
            if is_coroutine:
                value = await value
            if name is not None:
                values[name] = value
        result = await self._endpoint(**values)
        if isinstance(result, Response):
            return result
        if self._response.is_json:
            return self._response.json(result, scope)
        return self._response.of(await self._response.content(result, scope))


_PROVIDERS: dict[Any, tuple[Callable[[Scope], Any], bool]] = {
    dependencies.request_session: (itemgetter(SCOPE_KEY), False),
    dependencies.session: (lambda scope: scope[SCOPE_KEY].get_or_create(), True),
    dependencies.optional_session: (lambda scope: scope[SCOPE_KEY].get(), True),
    dependencies.emitter: (itemgetter(EMITTER), False),
    dependencies.session_scheme: (lambda _scope: None, False),
    idempotent: (mark_idempotent, False),
}
"""What Mooring's dependencies return for a scope, and whether it is to be awaited."""


def _is_plain(cells: Mapping[str, Any]) -> bool:
    """Return True for a coroutine endpoint without a body, streams, and dependencies of the app's."""
    return (
        bool(cells)
        and cells["is_coroutine"]
        and cells["body_field"] is None
        and not (cells["is_sse_stream"] or cells["is_json_stream"])
        and not takes_anything(cells["dependant"])
        and all(map(_is_ours, cells["dependant"].dependencies))
    )


def _is_idempotent(dependant: Dependant) -> bool:
    return dependant.call is idempotent or any(map(_is_idempotent, dependant.dependencies))


def _is_ours(dependant: Dependant) -> bool:
    return (
        dependant.call in _PROVIDERS
        and dependant.concurrency is None
        and all(map(_is_ours, dependant.dependencies))
    )


def _cells(function: Any, qualname: str) -> dict[str, Any]:
    """Return the variables of a closure of FastAPI's; none if it is any other function."""
    if not isinstance(function, FunctionType):
        return {}
    code, file = function.__code__, routing.request_response.__code__.co_filename
    if code.co_qualname != qualname or code.co_filename != file:
        return {}
    cells = function.__closure__ or ()
    return {name: cell.cell_contents for name, cell in zip(code.co_freevars, cells, strict=True)}
