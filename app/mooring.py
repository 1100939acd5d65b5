"""Mooring: sessions, and the sockets that belong to them, on a FastAPI app."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from .article import kind_of
from .asgi.paths import SocketPath
from .asgi.scope import DRAIN_HOOKS, EMITTER, RUNTIME, USERS
from .backends import Backend
from .composition import Composition
from .extras import explain_missing
from .http.dependencies import request_session
from .http.docs import docs_routes
from .http.exception_handlers import (
    call_error_handler_once,
    install_problem_handlers,
    install_session_handler,
)
from .http.openapi import describe_sessions
from .http.routers.devices import devices_router
from .http.routers.health import health_router
from .http.routers.metrics import metrics_router
from .http.routers.session import session_router
from .misspelt import misspelt
from .realtime.asyncapi import describe as describe_events
from .realtime.emitter import Emitter
from .realtime.events import EventRouter
from .runtime import Runtimes
from .settings import Settings
from .socket_route import SocketRoute
from .users.users import Users

logger = logging.getLogger(__name__)

Hook = TypeVar("Hook", bound=Callable[..., Any])


class Mooring:
    """One server-side session for the routes and the Socket.IO sockets of a FastAPI app.

    It attaches to the app in place: the app stays the object that servers and tests load. It adds a
    middleware, the Socket.IO server at SOCKET_PATH, and its start and stop around the app's lifespan.

    Args:
        app: the FastAPI app. Middleware, routes and handlers may be added before and after.
        settings: read from the environment if None is given.
        backend: the store and the bus; what the settings name if None is given.
        request_session: load the session for every request, so that packages which read Starlette's
            `request.session` work on it; without it that is there where SessionDep is asked for.

    Attributes:
        app: the app that it is attached to.
        settings: those in use.

    Raises:
        SettingsError: a setting is wrong; the message names it.
        RuntimeError: the app has been started, or has a Mooring already.
        TypeError: the app is no FastAPI app, or settings or backend are something else.
    """

    def __init__(
        self,
        app: FastAPI,
        settings: Settings | None = None,
        *,
        backend: Backend | None = None,
        request_session: bool = False,
    ) -> None:
        _check_arguments(settings, backend)
        self.app = app
        self.settings = settings if settings is not None else Settings()
        self._router = EventRouter()
        self._composition = Composition(
            self.settings,
            self._router,
            backend,
            lambda: app.dependency_overrides,
            request_session=request_session,
        )
        self._runtimes = Runtimes(self._composition.new_runtime)
        self._socket_path = SocketPath(self.settings.socket_path)
        self._emitter = Emitter(lambda: self._runtimes.current().realtime.messenger)
        self._draining_is_known = False
        self._nested = False
        self._attach()
        for name, nearest in misspelt(cls=type(self.settings)):
            logger.warning("%s is no setting; did you mean %s?", name, nearest)

    @property
    def emitter(self) -> Emitter:
        """The emitter, for code that is no route and no event handler; they have EmitterDep."""
        return self._emitter

    @property
    def users(self) -> Users:
        """The Users, for code that is no route and no event handler; they have UsersDep.

        It is that of the running event loop.
        """
        return self._runtimes.current().users

    def include_router(self, router: EventRouter) -> None:
        """Add the events of a router. What is declared on it afterwards is refused.

        Args:
            router: declares the events.

        Raises:
            TypeError: it is no router of events, a type has a forward reference that stands for nothing, or a
                state of a namespace with recovery is a string.
            ValueError: an event is declared twice, or the router is included already.
        """
        if isinstance(router, EventRouter):
            for events in router:
                events.refuse_incomplete()
        self._router.include_router(router)

    def on_session_created(self, function: Hook) -> Hook:
        """Call the decorated function with each session that is opened, on the node that opened it.

        It takes the `session`, to which it may write. An error in it is logged, and harms nothing. A visitor
        who is refused right afterwards has no session left behind.

        Args:
            function: plain or async.

        Raises:
            TypeError: it takes something else; the message names it.
        """
        self._router.session_hooks.add_created(function)
        return function

    def on_session_ended(self, function: Hook) -> Hook:
        """Call the decorated function once when a session has ended, on one node.

        It takes the `reason`, an EndReason, and may take the `session`, whose last data can be read, and
        its `key`. For a logout, a rotation (the session goes on under another key) or a revocation
        that is the node that ended it; for one that has expired a node that had sockets of it, and nobody is
        called for one that had none. An error in it is logged, and harms nothing.

        Args:
            function: plain or async.

        Raises:
            TypeError: it takes something else; the message names it.
        """
        self._router.session_hooks.add_ended(function)
        return function

    def on_session_changed(self, name: str) -> Callable[[Hook], Hook]:
        """Call the decorated function when a value of a session has changed, whoever changed it.

        It is called for each socket of the session, on the socket's node, with the socket, dependencies,
        and an argument: the new value, None if it is gone. Of several changes in a row the last counts. An
        error in it is logged, and harms nothing.

        Args:
            name: the value's key in the session.

        Returns:
            A decorator, which returns the function as it is.

        Raises:
            TypeError: the function takes something else; the message names it.
        """
        if not isinstance(name, str):
            raise TypeError(f"on_session_changed takes the value's key, not {name!r}")

        def declare(function: Hook) -> Hook:
            self._router.session_hooks.add_changed(name, function)
            return function

        return declare

    def on_user_online(self, function: Hook) -> Hook:
        """Call the decorated function when a user has a connected socket, and had none, on any node.

        It takes the `user`, by the id that `sign_in` was given, and is called once over all nodes, on one of
        them. An error in it is logged, and harms nothing.

        Args:
            function: plain or async.

        Raises:
            TypeError: it takes something else; the message names it.
        """
        self._router.session_hooks.add_online(function)
        return function

    def on_user_offline(self, function: Hook) -> Hook:
        """Call the decorated function when a user has had no connected socket for a second, on any node.

        So neither a page that is loaded again nor a sign-in calls it. It takes the `user`, and is called once
        over all nodes, on one of them: for the sockets of a node that was killed within two seconds on
        another. An error in it is logged, and harms nothing.

        Args:
            function: plain or async.

        Raises:
            TypeError: it takes something else; the message names it.
        """
        self._router.session_hooks.add_offline(function)
        return function

    def session_router(self, *, view: bool = True) -> APIRouter:
        """Return the routes GET /session, POST /logout and POST /session/rotate.

        Args:
            view: whether GET /session is among them; an app may have its own.

        Returns:
            A router for `app.include_router`, which may give it a prefix and dependencies.
        """
        return session_router(view=view)

    async def logout(self, connection: HTTPConnection) -> None:
        """End the session of a request, for a logout route of the app's own.

        As `POST /logout` does: whether the route has asked for the session or not, the response clears
        the cookie, and no answer is 409. With the id from before a rotation the session ends under its
        new one; `session.destroy()` knows of a rotation that came after the session was loaded alone.

        Args:
            connection: the route's `Request`.

        Raises:
            StoreUnavailableError: there was no reply; the session may have ended.
        """
        await (await request_session(connection)).logout()

    def devices_router(self, *, recent_minutes: float = 10) -> APIRouter:
        """Return the routes GET /devices, DELETE /devices and DELETE /devices/{key}.

        Args:
            recent_minutes: how long ago the sign-in may be of who ends a device's session.

        Returns:
            A router for `app.include_router`: the user's live sessions, and the end of one, or of all
            but that of the request.

        Raises:
            TypeError: the store cannot find the sessions of a user.
        """
        self._composition.check_finds_users("devices_router")
        return devices_router(recent_minutes=recent_minutes)

    def backchannel_logout_router(
        self, issuer: str, client_id: str, jwks: str | Mapping[str, Any]
    ) -> APIRouter:
        """Return the route POST /backchannel-logout (OpenID Connect Back-Channel Logout 1.0).

        A provider calls it to end the sessions that `sign_in(..., oidc=claims)` has bound to one of its own.
        Needs the extra `oidc`.

        Args:
            issuer: the provider, as in its tokens (`iss`).
            client_id: this client there, as in their `aud`.
            jwks: the URL of the provider's keys, fetched again for one that is not known; or the keys
                themselves, a JSON Web Key Set.

        Returns:
            A router for `app.include_router`.

        Raises:
            ImportError: the extra is not installed.
            TypeError: the store cannot find the sessions of a user.
        """
        self._composition.check_finds_users("backchannel_logout_router")
        try:
            from .http.routers.backchannel_logout import (  # noqa: PLC0415 - it needs an extra
                backchannel_logout_router,
            )
        except ModuleNotFoundError as error:
            message = explain_missing("oidc", error)
            raise ImportError(f"backchannel_logout_router: {message}") from error
        return backchannel_logout_router(issuer, client_id, jwks)

    def health_router(self) -> APIRouter:
        """Return the routes GET /healthz and GET /readyz.

        Returns:
            A router for `app.include_router`. /healthz answers 200 as long as the process does; /readyz
            answers 503 while the store is unavailable, or this node is about to stop.
        """
        return health_router(lambda: self._runtimes.current().health)

    def metrics_router(self) -> APIRouter:
        """Return the route GET /metrics, in Prometheus' text format.

        Returns:
            A router for `app.include_router`. The metrics are those of the process.
        """
        return metrics_router()

    def docs(self) -> None:
        """Serve /docs, /docs/events and /asyncapi.json, which need nothing from the internet.

        They take the place of FastAPI's own page at /docs. Call it once; there is nothing to include.
        """
        # Behind the route of Socket.IO, before all of the app's: FastAPI has added its own already.
        self.app.router.routes[1:1] = docs_routes(self.app, self.asyncapi, self._socket_path.path)

    def install_problem_handlers(self) -> None:
        """Answer every error of the app with a problem document (RFC 9457).

        That is HTTPException, invalid requests (422) and exceptions that no handler takes (500). The
        errors of Mooring are answered so in any case.
        """
        install_problem_handlers(self.app)

    async def drain(self, seconds: float) -> None:
        """Report as not ready, refuse handshakes, and disconnect all sockets over some time.

        `mooring` calls it on SIGTERM; under another server an app may, before it stops.

        Args:
            seconds: over which the sockets are disconnected, one after another.
        """
        await self._runtimes.current().drain(seconds)

    def _attach(self) -> None:
        app = self.app
        if not isinstance(app, FastAPI):
            raise TypeError(f"Mooring(app) takes a FastAPI app, not {kind_of(app)}")
        if any(isinstance(route, SocketRoute) for route in app.router.routes):
            raise RuntimeError("this app has a Mooring already")
        app.add_middleware(_MooringMiddleware, mooring=self)
        route = SocketRoute(self._socket_path, lambda scope: scope[RUNTIME].realtime.app)
        app.router.routes.insert(0, route)
        app.router.lifespan_context = self._around(app.router.lifespan_context)
        install_session_handler(app)
        call_error_handler_once(app)
        describe_sessions(
            app,
            self._composition.cookie.attributes.full_name,
            body_limit=bool(self.settings.max_body_bytes),
            tokens=self.settings.session_tokens,
        )

    def _around(self, lifespan: Any) -> Any:
        """Return a lifespan that starts before the app's own and stops after it."""

        @asynccontextmanager
        async def around(app: FastAPI) -> AsyncIterator[Any]:
            self._runtimes.current()
            try:
                async with lifespan(app) as state:
                    yield state
            finally:
                await self._runtimes.aclose()

        return around

    def asyncapi(self, root_path: str = "") -> dict[str, Any]:
        """Return the AsyncAPI document of all events, as /asyncapi.json has it.

        Args:
            root_path: below which a proxy serves the app.
        """
        return describe_events(
            self._router,
            title=self.app.title,
            version=self.app.version,
            cookie_name=self._composition.cookie.attributes.full_name,
            socket_path=root_path + self._socket_path.path,
        )

    def _layers(self, app: ASGIApp) -> ASGIApp:
        """Return the layers of this Mooring around what the middleware stack has below it."""
        return self._composition.layers(
            app, self.app, lambda scope: scope[RUNTIME].manager, self._socket_path
        )

    def _enter(self, scope: Scope) -> None:
        """Prepare a scope for the layers below, and the event loop that serves it."""
        if RUNTIME in scope and not self._nested:
            self._nested = True
            logger.warning(
                "this app is mounted in one that has a Mooring, too: two with the same "
                "SESSION_COOKIE_NAME and stores of their own end each other's sessions"
            )
        runtime = scope[RUNTIME] = self._runtimes.current()
        scope[EMITTER] = runtime.emitter
        scope[USERS] = runtime.users
        if not self._draining_is_known:  # an app that is mounted in another one sees no lifespan
            self._offer_drain(scope)

    def _offer_drain(self, scope: Scope) -> None:
        """Register `drain` with the server, if it is one that drains before it stops."""
        if DRAIN_HOOKS in scope and not self._draining_is_known:
            scope[DRAIN_HOOKS].append(self.drain)
        self._draining_is_known = True


def mooring_of(app: FastAPI) -> Mooring:
    """Return the Mooring of an app; raise ValueError if it has none."""
    for middleware in app.user_middleware:
        found = middleware.kwargs.get("mooring")
        if isinstance(found, Mooring):
            return found
    raise ValueError("the app has no Mooring")


def start_node(app: FastAPI, backend: Backend) -> None:
    """Make the running event loop a node of an app's Mooring, on a backend of its own."""
    mooring = mooring_of(app)
    mooring._runtimes.add(mooring._composition.new_runtime(backend))  # noqa: SLF001 - its module


def forget_node(app: FastAPI, loop: asyncio.AbstractEventLoop) -> None:
    """Drop the node of an event loop that is not run any more."""
    mooring_of(app)._runtimes.forget(loop)  # noqa: SLF001 - its module


class _MooringMiddleware:
    """The one middleware that is added to the app."""

    def __init__(self, app: ASGIApp, *, mooring: Mooring) -> None:
        self._app = app
        self._mooring = mooring
        self._layers: ASGIApp = mooring._layers(app)  # noqa: SLF001 - the two classes are one

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one ASGI connection.

        This and other layers hand on what the next one returns, in place of a coroutine of their own.
        """
        if scope["type"] in ("http", "websocket"):
            self._mooring._enter(scope)  # noqa: SLF001 - as above
            return self._layers(scope, receive, send)
        self._mooring._offer_drain(scope)  # noqa: SLF001 - as above
        return self._app(scope, receive, send)


def _check_arguments(settings: object, backend: object) -> None:
    """Raise TypeError for what is likely to be given in place of settings or of a backend."""
    if not isinstance(settings, Settings | None):
        raise TypeError(f"Mooring(app, settings) takes Settings(...), not {kind_of(settings)}")
    if not isinstance(backend, Backend | None):
        raise TypeError(f"backend= takes a Backend, as Backend(store), not {kind_of(backend)}")
