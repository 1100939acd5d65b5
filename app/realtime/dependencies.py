"""Dependencies of handlers, solved by FastAPI itself.

Undocumented names of FastAPI that this needs stand here, in fast_dependencies.py and in app/dependants.py
alone.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Literal

from fastapi.dependencies import utils
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import FastAPIError, RequestValidationError
from fastapi.params import Depends
from starlette.requests import HTTPConnection
from starlette.responses import Response

from ..asgi.provided import provided_by
from ..asgi.scope import EMITTER, EVENT_SOCKET, USERS
from ..sessions import SCOPE_KEY, Session
from .context import Context
from .declarations import is_generator
from .handshake import NO_HANDSHAKE, EventConnection

if TYPE_CHECKING:
    from .fast_dependencies import Plan

Reply = Callable[[Any], Awaitable[None]]
Overrides = Mapping[Callable[..., Any], Callable[..., Any]]
Refuse = Callable[[str], Exception]

_PATH = ""


class Solver:
    """What a handler asks FastAPI for.

    Args:
        parameters: of the handler, that are no arguments of the event; with their annotations evaluated.
        dependencies: of its routers, which run first.
        refuse: returns the error for a message about the declaration.
    """

    def __init__(
        self,
        parameters: Sequence[inspect.Parameter],
        dependencies: Sequence[Depends],
        refuse: Refuse,
    ) -> None:
        self._parameters = [
            each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters
        ]
        self._dependencies = dependencies
        self._refuse = refuse
        self._dependant = self._build({})
        self._overrides: Overrides = {}
        self._overridden = self._dependant
        self.keeps_handshake = any(map(_reads_handshake, _all(self._dependant)))
        """Whether anything of it reads the handshake's headers, cookies, query or client."""
        self._yields = any(map(_yields, _all(self._dependant)))
        self._late = any(map(_leaves_late, _all(self._dependant)))
        self._planned: Plan | Literal["unread"] | None = "unread"

    @property
    def _plan(self) -> "Plan | None":
        """The fast path, made at its first use: it reaches into what other versions may lack."""
        if self._planned == "unread":
            # Imported here, as it needs parts of FastAPI that other versions lack.
            from .fast_dependencies import Plan  # noqa: PLC0415 - see above

            self._planned = Plan.of(self._dependant, _own_name)
        return self._planned

    async def call(
        self,
        context: Context,
        handler: Callable[[dict[str, Any]], Awaitable[Any]],
        reply: Reply | None = None,
        left_last: AsyncExitStack | None = None,
    ) -> Any:
        """Solve the dependencies, await `handler` with them, leave those of its scope, and reply.

        Those with `scope="request"` are left behind the reply, or with the stack that is given.
        """
        overrides = context.overrides
        if not overrides and not self._yields:
            answer = await handler(
                await self._solve(context, self._dependant, _NO_STACK, _NO_STACK)
            )
            if reply is not None:
                await reply(answer)
            return answer
        dependant = self._with(overrides) if overrides else self._dependant
        inner, outer = Handled(), Handled()
        async with AsyncExitStack() as own_stack:
            request_stack = left_last or own_stack
            async with AsyncExitStack() as function_stack:
                answer = await handler(
                    await self._solve(context, dependant, request_stack, function_stack)
                )
                inner.done = True
            inner.check()
            if reply is not None:
                await reply(answer)
            outer.done = True
        outer.check()
        return answer

    def leaves_late(self, context: Context) -> bool:
        """Return True if something is left behind the reply."""
        return self._late or bool(context.overrides)

    async def _solve(
        self,
        context: Context,
        dependant: Dependant,
        request_stack: AsyncExitStack,
        function_stack: AsyncExitStack,
    ) -> dict[str, Any]:
        if context.fast and dependant is self._dependant:
            plan = self._plan
            if plan is not None and plan.holds:
                return await plan.solve(context, request_stack, function_stack)
        connection = EventConnection(
            context.handshake or NO_HANDSHAKE,
            **{
                **context.scope,
                SCOPE_KEY: _EventSession(context),
                EMITTER: context.emitter,
                EVENT_SOCKET: context,
                "fastapi_inner_astack": request_stack,
                "fastapi_function_astack": function_stack,
            },
        )
        solved = await utils.solve_dependencies(
            request=connection,
            dependant=dependant,
            response=_UNUSED,
            async_exit_stack=request_stack,
            embed_body_fields=False,
        )
        if solved.errors:
            raise RequestValidationError(solved.errors)
        if solved.background_tasks is not None:
            request_stack.push_async_callback(solved.background_tasks)
        return solved.values

    def _with(self, overrides: Overrides) -> Dependant:
        if dict(overrides) != self._overrides:
            self._overrides = dict(overrides)
            self._overridden = self._build(self._overrides)
        return self._overridden

    def _build(self, overrides: Overrides) -> Dependant:
        def handler(**_values: Any) -> None: ...

        handler.__signature__ = inspect.Signature(self._parameters)  # type: ignore[attr-defined] # as inspect reads it
        try:
            dependant = utils.get_dependant(path=_PATH, call=handler)
            first = [
                utils.get_parameterless_sub_dependant(depends=each, path=_PATH)
                for each in self._dependencies
            ]
            dependant.dependencies[:0] = first
            _override(dependant, overrides)
        except (FastAPIError, AssertionError, NameError, TypeError, ValueError) as error:
            raise self._refuse(f"has a dependency that cannot be solved: {error}") from error
        for each in _all(dependant):
            self._check(each)
        _shorten(dependant)
        _leave_early(dependant, below_request=False)
        return dependant

    def _check(self, dependant: Dependant) -> None:
        name = getattr(dependant.call, "__name__", repr(dependant.call))
        if provided_by(dependant.call) == "idempotent":
            raise self._refuse(f"depends on {name}, which is for routes: an event has once=True")
        if dependant.request_param_name:
            raise self._refuse(
                f"depends on {name}, which takes a Request: an event has none; write HTTPConnection"
            )
        if dependant.body_params:
            raise self._refuse(f"depends on {name}, which takes a body: an event has none")
        if dependant.path_params:
            raise self._refuse(
                f"depends on {name}, which takes a part of the path: an event has none"
            )


class Handled:
    """Whether a block was left because it was done: a stack that has been left does not say so."""

    done = False

    def check(self) -> None:
        """Raise RuntimeError for a block whose error did not come out, as FastAPI does for a route."""
        if not self.done:
            raise RuntimeError(
                "a dependency with yield has caught an exception of what came behind it, and has not raised "
                "it again: https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/"
            )


class _EventSession:
    """What Mooring's own dependencies use of a RequestSession: the session is the event's."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def get(self) -> Session:
        return self._context.session

    get_or_create = get


async def _own_session(connection: HTTPConnection) -> Session:
    found: Context = connection.scope[EVENT_SOCKET]
    return found.session


async def _own_emitter(connection: HTTPConnection) -> Any:
    return connection.scope[EMITTER]


async def _own_socket(connection: HTTPConnection) -> Any:
    return connection.scope[EVENT_SOCKET].socket


async def _own_users(connection: HTTPConnection) -> Any:
    return connection.scope[USERS]


_OWN = {
    "session": _own_session,
    "emitter": _own_emitter,
    "socket": _own_socket,
    "users": _own_users,
}
_OWN_NAMES = {call: name for name, call in _OWN.items()}
_UNUSED = Response()
_NO_STACK = AsyncExitStack()
"""Nothing is ever put on it: FastAPI wants one for dependencies with `yield` alone."""


def _all(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from _all(each)


def _override(dependant: Dependant, overrides: Overrides) -> None:
    """Put overrides in the place of what they override, and below them, as FastAPI does with each request."""
    for index, each in enumerate(dependant.dependencies):
        call = each.call
        if call is not None and call in overrides:
            dependant.dependencies[index] = utils.get_dependant(
                path=_PATH,
                call=overrides[call],
                name=each.name,
                parent_oauth_scopes=[
                    *(each.parent_oauth_scopes or []),
                    *(each.own_oauth_scopes or []),
                ],
                use_cache=each.use_cache,
                scope=each.scope,
                concurrency=each.concurrency,
            )
        _override(dependant.dependencies[index], overrides)


def _shorten(dependant: Dependant) -> None:
    """Replace each dependency of Mooring's by one call that returns the same."""
    for each in dependant.dependencies:
        name = provided_by(each.call)
        if name is None:
            _shorten(each)
            continue
        each.call = _OWN[name]
        each.dependencies.clear()
        each.http_connection_param_name = "connection"


def _leave_early(dependant: Dependant, *, below_request: bool) -> None:
    """Exit what yields before the ack, unless it says otherwise, or something that does uses it."""
    for each in dependant.dependencies:
        if not below_request and each.scope is None and _yields(each):
            each.scope = "function"
        _leave_early(each, below_request=below_request or each.scope == "request")


def _yields(dependant: Dependant) -> bool:
    call = inspect.unwrap(dependant.call) if dependant.call is not None else None
    if is_generator(getattr(call, "func", call)):
        return True
    return dependant.background_tasks_param_name is not None


def _leaves_late(dependant: Dependant) -> bool:
    return _yields(dependant) and dependant.scope != "function"


def _own_name(call: Any) -> str | None:
    return _OWN_NAMES.get(call)


def _reads_handshake(dependant: Dependant) -> bool:
    if dependant.call in _OWN.values() or provided_by(dependant.call) is not None:
        return False
    return bool(
        dependant.http_connection_param_name
        or dependant.websocket_param_name
        or dependant.header_params
        or dependant.cookie_params
        or dependant.query_params
    )
