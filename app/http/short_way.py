"""A short way to endpoints that take nothing from the request but its session."""

import inspect
import os
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.datastructures import DefaultPlaceholder
from fastapi.routing import APIRoute, serialize_response
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.http import dependencies
from app.sessions import SCOPE_KEY

Provider = Callable[[Scope], Awaitable[Any]]

_JSON = (b"content-type", b"application/json")

_TRACING = ("OTEL_", "FASTAPI_OTEL_")
"""How the settings of OpenTelemetry begin. Its spans are made on the long way."""


class ShortWay:
    """Calls such endpoints without FastAPI's matching and solving, which take longer than all the rest.

    What an endpoint gives and raises is answered as FastAPI answers it. A route that takes anything
    else, an app with middleware of its own or with dependencies overridden, a mounted app, and a
    traced process go the long way.
    """

    def __init__(self, app: FastAPI, routers: Iterable[APIRouter]) -> None:
        self._app = app
        self._routes: dict[tuple[str, str], _Short] = {}
        if not app.user_middleware and not any(name.startswith(_TRACING) for name in os.environ):
            for router in routers:
                self._add(router)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        route = self._find(scope)
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["app"] = self._app
        scope["route"] = route.route
        try:
            answer = await route.answer(scope)
        except Exception as error:  # noqa: BLE001 - what has no handler is raised again
            answer = await self._answer_error(error, Request(scope, receive))
        if isinstance(answer, Response):
            await answer(scope, receive, send)
        else:
            await route.send(answer, send)

    def _add(self, router: APIRouter) -> None:
        for route in router.routes:
            if isinstance(route, APIRoute) and (short := _shorten(route)) is not None:
                for method in route.methods or ():
                    self._routes.setdefault((method, route.path), short)

    def _find(self, scope: Scope) -> "_Short | None":
        if scope["type"] != "http" or scope.get("root_path") or self._app.dependency_overrides:
            return None
        return self._routes.get((scope["method"], scope["path"]))

    async def _answer_error(self, error: Exception, request: Request) -> Response:
        """Have the app's own handler answer; what only its last resort would is raised again."""
        for kind in type(error).__mro__[: -len(Exception.__mro__)]:
            if kind in self._app.exception_handlers:
                answer: Response = await self._app.exception_handlers[kind](request, error)  # type: ignore[misc] # handlers of requests are coroutine functions; see errors.py
                return answer
        raise error


class _Short:
    """A route, and where its endpoint's arguments come from."""

    def __init__(self, route: APIRoute, arguments: dict[str, Provider]) -> None:
        self.route = route
        self._endpoint = route.endpoint
        self._arguments = list(arguments.items())
        self._status = route.status_code or 200

    async def answer(self, scope: Scope) -> Response | bytes:
        """Give the endpoint's own response, or the JSON of what it gave."""
        arguments = {name: await provide(scope) for name, provide in self._arguments}
        given = await self._endpoint(**arguments)
        if isinstance(given, Response):
            return given
        body: bytes = await serialize_response(
            field=self.route.response_field, response_content=given, dump_json=True
        )
        return body

    async def send(self, body: bytes, send: Send) -> None:
        """Send JSON as the whole response."""
        length = (b"content-length", b"%d" % len(body))
        start = {"type": "http.response.start", "status": self._status, "headers": [length, _JSON]}
        await send(start)
        await send({"type": "http.response.body", "body": body})


async def _opener(scope: Scope) -> Any:
    return scope[SCOPE_KEY]


async def _session(scope: Scope) -> Any:
    return await scope[SCOPE_KEY].open()


async def _rooms(scope: Scope) -> Any:
    return scope["app"].state.rooms


_PROVIDERS: dict[Any, Provider] = {
    dependencies.opener: _opener,
    dependencies.session: _session,
    dependencies.rooms: _rooms,
}


def _shorten(route: APIRoute) -> _Short | None:
    """Give a route's short form, None if it has none."""
    takes = route.dependant
    others = (
        takes.path_params,
        takes.query_params,
        takes.header_params,
        takes.cookie_params,
        takes.body_params,
        takes.request_param_name,
        takes.websocket_param_name,
        takes.http_connection_param_name,
        takes.response_param_name,
        takes.background_tasks_param_name,
        takes.security_scopes_param_name,
    )
    known = all(each.call in _PROVIDERS and each.name for each in takes.dependencies)
    if any(others) or not known or not _is_plain(route):
        return None
    arguments = {str(each.name): _PROVIDERS[each.call] for each in takes.dependencies}
    return _Short(route, arguments)


def _is_plain(route: APIRoute) -> bool:
    """Tell whether a route's answer is JSON as its type says, or a response of the endpoint's own."""
    filters = (
        route.response_model_include,
        route.response_model_exclude,
        route.response_model_exclude_unset,
        route.response_model_exclude_defaults,
        route.response_model_exclude_none,
    )
    return (
        inspect.iscoroutinefunction(route.endpoint)
        and isinstance(route.response_class, DefaultPlaceholder)
        and type(route) is APIRoute
        and not any(filters)
        and (route.response_field is not None or route.status_code == 204)
    )
