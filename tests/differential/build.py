"""Builds an app from its spec, and changes it as a spec says."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, WebSocket
from fastapi.dependencies.utils import get_parameterless_sub_dependant
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.routing import APIRoute
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.routing import BaseRoute, Match, Mount, NoMatchFound
from starlette.types import ASGIApp, Receive, Scope, Send

from app import Mooring, Settings
from app.http import dependencies as own
from app.http.routers.session import session_router
from tests.differential import parts
from tests.differential.endpoints import Own, endpoint
from tests.differential.specs import AppSpec, Change, MountSpec, RouterSpec, RouteSpec

_CLASSES: dict[str, Any] = {"json": JSONResponse, "text": PlainTextResponse, "own": Own}
_OPTIONS: dict[str, dict[str, Any]] = {
    "": {},
    "include": {"response_model_include": {"name"}},
    "exclude": {"response_model_exclude": {"number"}},
    "exclude_unset": {"response_model_exclude_unset": True},
    "exclude_defaults": {"response_model_exclude_defaults": True},
    "exclude_none": {"response_model_exclude_none": True},
    "by_name": {"response_model_by_alias": False},
}


OUTER = "/outer"
"""Where an app is that is mounted in a router which another app includes."""


class OwnRoute(APIRoute):
    """A custom class of routes, which does something of its own with each request."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Return a handler around FastAPI's."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Any:
            response = await handler(request)
            response.headers["X-Route"] = "own"
            return response

        return handle


class KeyRoute(BaseRoute):
    """A route that only requests with a key match: the choice depends on more than the path."""

    path = "/key"

    def __init__(self, path: str, note: parts.Note) -> None:
        self._path = path
        self._note = note

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match a header."""
        self._note("matches")
        keyed = any(name == b"x-key" for name, _ in scope["headers"])
        found = scope["type"] == "http" and keyed and scope["path"].endswith(self._path)
        return (Match.FULL if found else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        await PlainTextResponse("by key")(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:
        """Have no name."""
        raise NoMatchFound(name, path_params)


class Built:
    """An app of a spec.

    Args:
        settings: of its Mooring; None for an app without.
    """

    def __init__(self, spec: AppSpec, settings: Settings | None) -> None:
        self.calls: list[str] = []
        self.dependencies = parts.dependencies(self.calls.append)
        self.routers: list[APIRouter] = []
        self.app = self._app(spec, settings)
        self.served = self._below(spec.below)

    def _app(self, spec: AppSpec, settings: Settings | None) -> FastAPI:
        options: dict[str, Any] = {}
        if spec.response_class:
            options["default_response_class"] = _CLASSES[spec.response_class]
        app = FastAPI(title="generated", dependencies=self._depends(spec.dependencies), **options)
        app.root_path = spec.root_path  # as an argument it is deprecated
        for kind in spec.inside:
            self._add_middleware(app, kind)
        mooring: Mooring | None = None
        if settings is not None and spec.mooring_first:
            mooring = Mooring(app, settings)
        else:
            self._add(app.router, spec.entries, top=True)
        if settings is not None and mooring is None:
            Mooring(app, settings)
        if mooring is not None:
            self._add(app.router, spec.entries, top=True)
        for kind in spec.outside:
            self._add_middleware(app, kind)
        for kind, coroutine in spec.handlers:
            parts.add_handler(app, kind, self.calls.append, coroutine=coroutine)
        return app

    def _below(self, how: str) -> ASGIApp:
        """Return the app as it is served: itself, or mounted in another one."""
        if not how:
            return self.app
        if how == "starlette":
            return Starlette(routes=[Mount("/outer/{u}", app=self.app), Mount("/", app=self.app)])
        outer = FastAPI(title="outer", exception_handlers={})
        if how == "fastapi":
            outer.mount("/outer", self.app)
            outer.mount("/", self.app)
            return outer
        router = APIRouter()
        router.mount("/", self.app)
        outer.include_router(router, prefix=OUTER)
        return outer

    def _depends(self, kinds: tuple[str, ...]) -> list[Any]:
        return [Depends(self.dependencies[kind]) for kind in kinds]

    def _add_middleware(self, app: FastAPI, kind: str) -> None:
        note = self.calls.append
        if kind == "asgi":
            app.add_middleware(parts.Noting, note=note)
        elif kind == "stopper":
            app.add_middleware(parts.Noting, note=note, stops=True)
        elif kind == "base":
            app.add_middleware(parts.base_middleware(note))
        elif kind == "cors":
            app.add_middleware(
                CORSMiddleware, allow_origins=["https://a.example"], allow_credentials=True
            )
        else:
            app.add_middleware(GZipMiddleware, minimum_size=1)

    def _add(self, router: APIRouter, entries: tuple[Any, ...], *, top: bool = False) -> None:
        for entry in entries:
            if isinstance(entry, RouteSpec):
                self._add_route(router, entry)
            elif isinstance(entry, RouterSpec):
                self._include(router, entry)
            elif isinstance(entry, MountSpec):
                path = entry.path if top else entry.path or "/m"
                router.mount(path, self._mounted(entry))
            else:
                router.include_router(session_router(view=True))

    def _include(self, parent: APIRouter, spec: RouterSpec) -> None:
        options = (
            {"default_response_class": _CLASSES[spec.response_class]} if spec.response_class else {}
        )
        router = APIRouter(
            prefix=spec.prefix, dependencies=self._depends(spec.dependencies), **options
        )
        self._add(router, spec.entries)
        self.routers.append(router)
        depends = self._depends(spec.include_dependencies)
        parent.include_router(router, prefix=spec.included_at, dependencies=depends)
        if spec.twice:
            parent.include_router(router, prefix="/again")

    def _mounted(self, spec: MountSpec) -> ASGIApp:
        note = self.calls.append
        if spec.kind == "asgi":
            return parts.Noting(PlainTextResponse("mounted"), note)
        if spec.kind == "starlette":
            return Starlette(routes=[Mount("/", app=PlainTextResponse("starlette"))])
        router = APIRouter()
        self._add(router, tuple(each for each in spec.entries if each.path))
        if spec.kind == "router":
            return router
        app = FastAPI(title="mounted", openapi_url=None)
        app.include_router(router)
        self.routers.append(router)
        return app

    def _add_route(self, router: APIRouter, spec: RouteSpec, *, path: str | None = None) -> None:
        note = self.calls.append
        path = spec.path if path is None else path
        path = path or ("" if router.prefix else "/")
        if spec.kind == "starlette":

            async def plain(request: Request) -> PlainTextResponse:
                note(f"plain {parts.describe(request.scope)}")
                return PlainTextResponse("starlette's")

            router.add_route(path or "/", plain, methods=list(spec.methods))
        elif spec.kind == "websocket":
            router.add_api_websocket_route(
                path or "/", _websocket(note), dependencies=self._depends(spec.dependencies)
            )
        elif spec.kind == "custom_match":
            router.routes.append(KeyRoute(path, note))
        else:
            self._add_api_route(router, spec, path)

    def _add_api_route(self, router: APIRouter, spec: RouteSpec, path: str) -> None:
        options = dict(_OPTIONS[spec.options])
        if spec.endpoint not in ("model", "dict_for_model", "wrong", "body"):
            options = {
                key: value for key, value in options.items() if "clude" not in key or value is True
            }
        if spec.response_class:
            options["response_class"] = _CLASSES[spec.response_class]
        if spec.kind == "custom_class":
            options["route_class_override"] = OwnRoute
        if spec.kind == "body_limit":
            options["max_body_size"] = 10
        if spec.status in (204, 205, 304):
            options["response_model"] = None
        router.add_api_route(
            path,
            endpoint(spec.endpoint, self.calls.append),
            methods=list(spec.methods),
            status_code=spec.status,
            dependencies=self._depends(spec.dependencies),
            **options,
        )

    def change(self, change: Change) -> None:
        """Change the app while it runs."""
        routes = self.app.router.routes
        match change.kind:
            case "override" | "override_session" | "clear":
                self._override(change.kind)
            case "insert":
                routes.insert(0, self._new(change))
            case "append":
                routes.append(self._new(change))
            case "remove":
                self._remove(change)
            case "replace_equal":
                self._replace(routes)
            case "dependency":
                self._depend(routes)
            case _:
                self._change_nested(change)

    def _override(self, kind: str) -> None:
        overrides = self.app.dependency_overrides
        if kind == "clear":
            overrides.clear()
        elif kind == "override":
            overrides[self.dependencies["count"]] = parts.stranger
            overrides[self.dependencies["refuse"]] = self.dependencies["count"]
        else:
            overrides[own.session] = parts.fake_session

    def _change_nested(self, change: Change) -> None:
        """Change a router that is included, with the version that FastAPI counts and without."""
        router = self.routers[change.which % len(self.routers)] if self.routers else self.app.router
        late = endpoint("number", self.calls.append)
        if change.kind == "insert_nested":
            router.routes.insert(0, self._new(change))
        elif change.kind == "append_nested":
            router.add_api_route("/late", late)
        elif change.kind == "pop_nested" and len(router.routes) > 1:
            router.routes.pop()
            router.add_api_route("/later", late)
        elif change.kind == "rebind":
            router.routes = [self._new(change), *router.routes]

    def _new(self, change: Change) -> APIRoute:
        """Return a route for a path for which there may be one already."""
        return APIRoute(
            change.path,
            endpoint("json_response", self.calls.append),
            methods=["GET", "POST"],
            dependencies=self._depends(("count",) if change.which % 2 else ()),
            dependency_overrides_provider=self.app,
        )

    def _remove(self, change: Change) -> None:
        routes = self.app.router.routes
        removable = [
            each for each in routes if type(each).__name__ in ("APIRoute", "_IncludedRouter")
        ]
        if removable:
            found = removable[change.which % len(removable)]
            routes[:] = [each for each in routes if each is not found]

    def _replace(self, routes: list[BaseRoute]) -> None:
        """Put equal routes in the place of others: path, methods and endpoint are the same."""
        for index, route in enumerate(routes):
            if type(route) is APIRoute:
                routes[index] = APIRoute(
                    route.path,
                    route.endpoint,
                    methods=route.methods,
                    status_code=route.status_code,
                    dependencies=self._depends(("refuse",)),
                    response_model=None,
                )

    def _depend(self, routes: list[BaseRoute]) -> None:
        """Add a dependency to a route that is there, as some extensions do."""
        for route in routes:
            if type(route) is APIRoute:
                depends = Depends(self.dependencies["count"])
                more = get_parameterless_sub_dependant(depends=depends, path=route.path_format)
                route.dependant.dependencies.insert(0, more)


def _websocket(note: parts.Note) -> Callable[..., Any]:
    async def serve(websocket: WebSocket) -> None:
        note(f"websocket {parts.describe(websocket.scope)}")
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    return serve
