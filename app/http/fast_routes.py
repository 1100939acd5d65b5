"""Routes that take nothing from a request but Mooring's own dependencies, without FastAPI's work.

FastAPI decides, once for each method and path, which route answers, with which effective dependencies,
prefix and response. `FastRoutes` remembers that decision, and calls the same endpoint again as
FastAPI would. What is not remembered, and what cannot be repeated exactly, goes to FastAPI.

Undocumented names of FastAPI and Starlette that this package needs for it stand in `fast_*.py` and
app/dependants.py alone.
"""

import copy
import os
from collections.abc import Awaitable, Iterable
from functools import partial
from itertools import zip_longest
from operator import is_
from types import FunctionType
from typing import Any

from fastapi import APIRouter, routing
from fastapi.dependencies import utils
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Match, Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from ..asgi.paths import route_path
from .fast_calls import Call
from .idempotency import has_key
from .raised_errors import RAISED, Sender, raise_again, send_json, send_unmarked

Key = tuple[str, str]
"""A method, and a path below `root_path`."""

_ROUTES = (APIRoute, APIWebSocketRoute, Route, WebSocketRoute, Mount, routing._IncludedRouter)
"""Types whose `matches` depends on the type of the scope, its method and its path alone."""

_REPLACED = (
    (routing, "get_request_handler"),
    (routing, "request_response"),
    (routing, "run_endpoint_function"),
    (routing, "serialize_response"),
    (routing, "solve_dependencies"),
    (utils, "solve_dependencies"),
)
"""Functions that are not called on the fast path; instrumentation puts its own in their place."""

_TRACING = ("OTEL_", "FASTAPI_OTEL_")
"""Prefixes of OpenTelemetry's settings. Its spans are made by what is not called here."""
_TELEMETRY = "fastapi.telemetry"

_FASTAPI = "fastapi"
_CONTEXT = "effective_route_context"
_ENTRIES = {"route", "endpoint", "starlette.exception_handlers"}
"""Entries of a scope that are the same for each request of a route."""

_MAX_REFUSED = 1000


def fast_routes(below: ASGIApp, *, enabled: bool, own_routes: Iterable[type] = ()) -> ASGIApp:
    """Return a layer that remembers routes, or `below` itself where it could not be exact.

    Args:
        below: what the middleware stack of a FastAPI app has below Mooring.
        enabled: False for FastAPI's own way.
        own_routes: further types of routes whose `matches` depends on method and path alone.
    """
    traced = any(name.startswith(_TRACING) for name in os.environ)
    router = _router_of(below)
    if (
        not enabled
        or traced
        or router is None
        or not all(_is_original(*each) for each in _REPLACED)
    ):
        return below
    return FastRoutes(below, router, frozenset((*_ROUTES, *own_routes)))


class FastRoutes:
    """Serves what it remembers, and has everything else served by the app.

    What an endpoint or a dependency raises is raised again inside of the app's own exception
    handling. The exit stacks for dependencies with `yield` are not in the scope: no route with such a
    dependency is remembered. Changed lists of routes, overrides and dependencies are noticed; a
    route whose other attributes are set after its first request is not.

    Args:
        below: the app's ExceptionMiddleware.
        router: the app's router, at the end of the middleware stack.
        known: types whose `matches` depends on method and path alone.
    """

    def __init__(self, below: Any, router: APIRouter, known: frozenset[type]) -> None:
        self._below: ASGIApp = below
        self._router = router
        self._known = known
        self._exceptions = copy.copy(below)
        self._exceptions.app = AsyncExitStackMiddleware(routing.request_response(raise_again))
        self._plans: dict[Key, _Plan] = {}
        self._refused: dict[int, object] = {}

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            return self._below(scope, receive, send)
        path = route_path(scope) if scope.get("root_path") else scope["path"]
        key = (scope["method"], path)
        plan = self._plans.get(key)
        if plan is None:
            return self._ask(key, scope, receive, send)
        if not plan.holds():
            self._plans.pop(key, None)
            self._refused.clear()
            return self._ask(key, scope, receive, send)
        if plan.is_overridden or _is_entered(scope) or (plan.may_repeat and has_key(scope)):
            return self._below(scope, receive, send)
        return plan.serve(scope, receive, send, self._exceptions)

    async def _ask(self, key: Key, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to FastAPI, and remember which route it chose."""
        entered = _is_entered(scope)
        await self._below(scope, receive, send)
        if entered or type(scope.get("route")) is not APIRoute or not scope.keys() >= _ENTRIES:
            return
        chosen = scope.get(_FASTAPI, {}).get(_CONTEXT) or scope["route"]
        if id(chosen) in self._refused or not _answers(chosen, key):
            return
        plan = self._plan(chosen, key, scope)
        if plan is not None:
            self._plans[key] = plan
        elif len(self._refused) < _MAX_REFUSED:
            self._refused[id(chosen)] = chosen

    def _plan(self, chosen: Any, key: Key, scope: Scope) -> "_Plan | None":
        call = Call.of(chosen)
        decision = None if call is None else _Decision.again(self._router, self._known, key)
        if call is None or decision is None or decision.chosen is not chosen:
            return None
        return _Plan(call, decision, self._router, scope)


class _Plan:
    """A remembered decision, and how to act on it.

    Args:
        scope: that of a request which FastAPI has served: it says what the scopes of the next have.
    """

    def __init__(self, call: Call, decision: "_Decision", router: APIRouter, scope: Scope) -> None:
        self._call = call
        self._decision = decision
        self._router = router
        self._entries = {name: scope[name] for name in _ENTRIES}
        self._fastapi = dict(scope[_FASTAPI]) if _FASTAPI in scope else None
        self._status = call.status or 200
        self.may_repeat = call.may_repeat
        """Whether requests with an Idempotency-Key are FastAPI's, as their bodies have to be read."""

    def holds(self) -> bool:
        """Return True if FastAPI would decide the same, and call the same."""
        return self._decision.holds() and self._call.is_current()

    @property
    def is_overridden(self) -> bool:
        """Return True if FastAPI would check for overrides of the route's dependencies."""
        overrides = self._call.overrides
        return bool(overrides and overrides.dependency_overrides)

    async def serve(self, scope: Scope, receive: Receive, send: Send, exceptions: ASGIApp) -> None:
        """Serve one request; `exceptions` is the app that raises what an endpoint raised."""
        self._enter(scope)
        started = False
        try:
            response = await self._call.run(scope)
            if isinstance(response, bytes):
                started = True
                await send_json(self._status, response, send)
                return
            sender = Sender(send)
            try:
                await response(scope, receive, sender.send)
            finally:
                started = sender.started
        except Exception as error:  # noqa: BLE001 - raised again inside the app's exception handlers
            scope[RAISED] = (error, started)
        if RAISED in scope:
            await exceptions(scope, receive, partial(send_unmarked, send))

    def _enter(self, scope: Scope) -> None:
        """Complete a scope as the router does on the way to the route."""
        scope.update(self._entries)
        scope["path_params"] = dict(scope.get("path_params", ()))
        scope.setdefault("router", self._router)
        if self._fastapi is not None:
            scope.setdefault(_FASTAPI, {}).update(self._fastapi)


class _Decision:
    """What FastAPI chose for a method and a path, and the lists that it chose from.

    Args:
        within: the routers whose routes it checked, the app's first.
        checked: how many of the app's own routes; those behind its choice make no difference.
    """

    def __init__(self, chosen: object, within: list[APIRouter], checked: int) -> None:
        self.chosen = chosen
        self._seen = [
            (router, router._routes_version, len(router.routes), router.routes[:end])
            for router, end in zip_longest(within, [checked])
        ]

    @classmethod
    def again(cls, router: APIRouter, known: frozenset[type], key: Key) -> "_Decision | None":
        """Ask the routes once more; None if the answer may depend on more than method and path."""
        scope = {"type": "http", "method": key[0], "path": key[1], "root_path": ""}
        routers = [router]
        for number, route in enumerate(router.routes, start=1):
            within = _routers_within(route, known)
            if within is None:
                return None
            routers += within
            if route.matches(scope)[0] is Match.FULL:
                return cls(_innermost(route, scope), routers, number)
        return None

    def holds(self) -> bool:
        """Return True if the lists have the same routes, in the same order."""
        for router, version, length, then in self._seen:
            now = router.routes
            # Not by `==`: equal routes may have other dependencies.
            same = router._routes_version == version and len(now) == length
            if not (same and all(map(is_, then, now))):
                return False
        return True


def _routers_within(route: Any, known: frozenset[type]) -> list[APIRouter] | None:
    """Return the routers that a route is made of, often none; None if there is an unknown route."""
    if type(route) not in known or not vars(route).keys().isdisjoint(("matches", "handle")):
        return None
    if not isinstance(route, routing._IncludedRouter):
        return []
    router = route.original_router
    if type(router) is not APIRouter:
        return None
    routers = [router]
    for candidate in route.effective_candidates():
        inner = getattr(candidate, "original_route", candidate)
        within = _routers_within(inner, known)
        if within is None:
            return None
        routers += within
    return routers


def _innermost(route: Any, scope: dict[str, Any]) -> object:
    """Return the route that a full match is handled by, or its effective context if it is included."""
    context = None
    while isinstance(route, routing._IncludedRouter):
        _, _, route, context = route._match(scope)
    return context or route


def _is_entered(scope: Scope) -> bool:
    """Return True if FastAPI is at work on a request already: tracing it, or mounting this app."""
    return _TELEMETRY in scope or bool(scope.get(_FASTAPI))


def _answers(chosen: Any, key: Key) -> bool:
    """Return True if a route has this very method and path, and no parameters."""
    method, path = key
    return path == chosen.path_format and method in chosen.methods and not chosen.param_convertors


def _router_of(below: Any) -> APIRouter | None:
    """Return the router of an app, None unless the app's middleware stack ends as FastAPI's does."""
    if type(below) is not ExceptionMiddleware or below.debug:  # debug pages show frames
        return None
    stack = below.app
    router = stack.app if type(stack) is AsyncExitStackMiddleware else None
    if type(router) is not APIRouter or router.middleware_stack != router.app:
        return None
    return router if "app" not in vars(router) else None


def _is_original(module: Any, name: str) -> bool:
    function = getattr(module, name, None)
    return isinstance(function, FunctionType) and function.__code__.co_qualname == name
