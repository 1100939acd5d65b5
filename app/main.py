"""The composition root: both edges around one session service."""

import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app import __version__, counter
from app.backends import Backend, open_backend
from app.http.app import TITLE, create_http
from app.http.body_limit import BodyLimit
from app.http.cookies import CookieAttributes, SessionCookie
from app.http.envelope import Envelope
from app.http.health import Health
from app.http.last_resort import LastResort
from app.http.origins import OriginRules
from app.http.transport import SessionTransport
from app.limits import Everybody, PerAddress
from app.realtime.asyncapi import describe
from app.realtime.counting import events
from app.realtime.edge import MAX_PACKET, Realtime, RealtimeOptions
from app.realtime.frames import AFTER, FRAMES
from app.realtime.handshake import PATHS
from app.sessions import CookieSigner, Policy, Sessions
from app.sessions.measured import MeasuredStore
from app.settings import Settings, SettingsError
from app.websockets.channel import frames_of

logger = logging.getLogger(__name__)

_SHORTEST_TOMBSTONE = 60.0


def create_app(settings: Settings, *, backend: Backend | None = None) -> "Service":
    """Compose the service as one ASGI app; `backend` replaces the one that the settings name.

    Raises SettingsError for a setting that cannot be used. Nothing is connected or started before
    the ASGI lifespan is.
    """
    backend = backend or _open_backend(settings)
    admission = PerAddress(settings.client_rate) if settings.client_rate else Everybody()
    sessions = Sessions(MeasuredStore(backend.store), _policy(settings))
    cookie = SessionCookie(_cookie_attributes(settings), CookieSigner(_secrets(settings)))
    realtime = Realtime(
        sessions,
        events,
        _realtime_options(settings),
        state={counter.CURRENT_COUNT: counter.current},
        peers=backend.peers,
        admission=admission,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(sessions.aclose)
            realtime.start()
            stack.push_async_callback(realtime.aclose)
            yield

    health = Health(sessions)
    http = create_http(
        realtime,
        health,
        cookie_name=cookie.attributes.full_name,
        asyncapi=describe(
            events,
            title=TITLE,
            version=__version__,
            cookie_name=cookie.attributes.full_name,
        ),
        lifespan=lifespan,
    )
    edges = _Edges(http, realtime.app)
    app: ASGIApp = SessionTransport(edges, sessions, cookie, admission)
    app = BodyLimit(app, limit=MAX_PACKET)
    app = OriginRules(app, settings.cors_origins, cookie, sockets=PATHS)
    app = LastResort(app)
    cors = CORSMiddleware(
        app,
        allow_origins=settings.cors_origins,
        allow_credentials=True,
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Content-Type"],
        expose_headers=["Retry-After", "X-Request-ID"],
    )
    return Service(Envelope(app, cors=cors, uncounted=PATHS), health, realtime)


class Service:
    """The whole service as an ASGI app, which can send its sockets elsewhere before it stops."""

    def __init__(self, app: ASGIApp, health: Health, realtime: Realtime) -> None:
        self._app = app
        self._health = health
        self._realtime = realtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "websocket":
            await self._serve_socket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a handshake, and then, with nothing of it left, the socket itself."""
        after: list[Callable[[], Awaitable[None]]] = []
        frames = frames_of(send)
        own = {**scope, FRAMES: frames, AFTER: after}
        await self._app(own, receive, send)
        if after:
            del own
            if frames is not None:
                frames.forget_handshake()
            await after.pop()()

    async def drain(self, seconds: float) -> None:
        """Say that this node is not ready, refuse handshakes, and let go all sockets over a time."""
        self._health.draining = True
        await self._realtime.drain(seconds)


def _open_backend(settings: Settings) -> Backend:
    try:
        return open_backend(
            settings.session_store,
            redis_url=settings.redis_url.get_secret_value(),
            lifetime=settings.session_absolute_timeout,
        )
    except ValueError as error:
        raise SettingsError(str(error)) from error


class _Edges:
    """Hands Socket.IO its path, and everything else to FastAPI."""

    def __init__(self, http: ASGIApp, realtime: ASGIApp) -> None:
        self._http = http
        self._realtime = realtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        edge = self._realtime if scope.get("path") in PATHS else self._http
        await edge(scope, receive, send)


def _secrets(settings: Settings) -> list[str]:
    if not settings.session_secrets:
        logger.warning("SESSION_SECRETS is not set: sessions will not outlive this process")
        return [secrets.token_urlsafe(32)]
    if settings.has_short_secret:
        logger.warning("SESSION_SECRETS holds a secret that is short enough to be guessed")
    return [each.get_secret_value() for each in settings.session_secrets]


def _policy(settings: Settings) -> Policy:
    return Policy(
        idle=settings.session_idle_timeout,
        absolute=settings.session_absolute_timeout,
        tombstone=max(_SHORTEST_TOMBSTONE, 2 * settings.session_reload_interval),
        max_data=settings.session_max_bytes,
    )


def _cookie_attributes(settings: Settings) -> CookieAttributes:
    return CookieAttributes(
        name=settings.session_cookie_name,
        samesite=settings.session_cookie_samesite,
        secure=settings.session_cookie_secure,
        domain=settings.session_cookie_domain,
        partitioned=settings.session_cookie_partitioned,
    )


def _realtime_options(settings: Settings) -> RealtimeOptions:
    return RealtimeOptions(
        reload_interval=settings.session_reload_interval,
        activity=settings.session_activity,
        max_sockets=settings.session_max_sockets,
    )
