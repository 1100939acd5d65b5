"""From settings to parts: what Mooring is made of, before any event loop runs."""

import logging
import secrets
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from .asgi.paths import SocketPath
from .asgi.rate_limit import NoRateLimit, RateLimiter, TokenBucketRateLimiter
from .asgi.scope import ANSWERED, RUNTIME
from .backends import Backend, backend_factory, of_one_process
from .fast_paths import BELOW_EVENTS, BELOW_ROUTES, decide
from .http.cookies import CookieAttributes, SessionCookie
from .http.middleware.body_limit import BodyLimitMiddleware
from .http.middleware.cors import FindableCORSMiddleware
from .http.middleware.cross_origin import CrossOriginProtection
from .http.middleware.request_context import RequestContextMiddleware
from .http.middleware.session import SendError, SessionMiddleware, SessionOptions
from .http.origins import OriginPolicy
from .http.own_origin import OwnOrigin
from .http.tokens import SessionToken
from .realtime.events import EventRouter
from .realtime.options import RealtimeOptions
from .runtime import Runtime
from .sessions import CookieSigner, Policy, SessionManager, UserIndex
from .sessions.stores.user_index import NO_USER_INDEX
from .settings import Settings, SettingsError
from .socket_route import SocketRoute

logger = logging.getLogger(__name__)

_SHORTEST_TOMBSTONE_SECONDS = 60.0
_CORS_HEADERS = ("Content-Type", "Authorization", "Idempotency-Key", "X-Session-Token")
_EXPOSED_HEADERS = ("Retry-After", "X-Request-ID", "Idempotent-Replayed")
_CORS_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Composition:
    """The parts that do not depend on an event loop, and how to make those that do."""

    def __init__(
        self,
        settings: Settings,
        router: EventRouter,
        backend: Backend | None,
        overrides: Callable[[], Mapping[Any, Any]],
        *,
        request_session: bool = False,
    ) -> None:
        self._settings = settings
        self._request_session = request_session
        self._overrides = overrides
        self._router = router
        self._fast_routes = decide(settings.fast_paths, of=BELOW_ROUTES).enabled
        self._new_backend = (
            _backend_factory(settings) if backend is None else of_one_process(backend)
        )
        self._signer = CookieSigner(_secrets(settings))
        self.cookie = SessionCookie(_cookie_attributes(settings), self._signer)
        self._token = SessionToken(self._signer) if settings.session_tokens else None

        if settings.session_max_per_user and not self._finds_users:
            raise SettingsError(f"SESSION_MAX_PER_USER: {NO_USER_INDEX}")

    def check_finds_users(self, what: str) -> None:
        """Raise TypeError if something needs the sessions of a user, and the store cannot find them."""
        if not self._finds_users:
            raise TypeError(f"{what}: {NO_USER_INDEX}")

    @property
    def _finds_users(self) -> bool:
        return isinstance(self._new_backend().store, UserIndex)

    def new_runtime(self, backend: Backend | None = None) -> Runtime:
        """Return what runs on the running event loop; starts its tasks.

        Args:
            backend: what it shares with other nodes, if not what this Mooring was given.
        """
        settings, backend = self._settings, backend or self._new_backend()
        return Runtime(
            backend,
            _policy(settings),
            self._realtime_options(),
            self._router,
            _rate_limiter(settings, backend.clock),
        )

    def _realtime_options(self) -> RealtimeOptions:
        settings = self._settings
        return RealtimeOptions(
            reload_interval=settings.session_reload_interval,
            activity=settings.session_activity,
            max_sockets=settings.session_max_sockets,
            verify_token=self._signer.verify if settings.session_tokens else None,
            max_packet_bytes=settings.max_packet_bytes,
            ping_interval=settings.ping_interval,
            ping_timeout=settings.ping_timeout,
            connect_timeout=settings.connect_timeout,
            recovery_window=settings.recovery_window,
            overrides=self._overrides,
            fast_dependencies=decide(settings.fast_paths, of=BELOW_ROUTES).enabled,
            fast_codec=decide(settings.fast_paths, of=BELOW_EVENTS).enabled,
        )

    def layers(
        self,
        below: ASGIApp,
        app: FastAPI,
        manager: Callable[[Scope], SessionManager],
        socket_path: SocketPath,
    ) -> ASGIApp:
        """Return Mooring's layers around what is below them in the middleware stack of an app."""
        settings = self._settings
        own = OriginPolicy(settings.cors_origins, own=OwnOrigin(settings.trusted_proxies))
        theirs = _cors_of(app)
        if self.cookie.attributes.full_name in _starlette_cookies(app):
            logger.warning(
                "the app's SessionMiddleware has a cookie of the same name, so that both lose their "
                "data: set SESSION_COOKIE_NAME, or remove the middleware"
            )
        layer: ASGIApp = SessionMiddleware(
            _with_fast_routes(below) if self._fast_routes else below,
            manager,
            self.cookie,
            _RateLimiterOfNode(),
            _error_sender(app),
            SessionOptions(
                settings.session_address,
                self._request_session,
                self._token,
                lambda scope: scope[RUNTIME].watch,
                socket_path,
            ),
        )
        layer = BodyLimitMiddleware(
            layer,
            limit=settings.max_body_bytes,
            socket_limit=settings.max_packet_bytes,
            socket_path=socket_path,
        )
        layer = CrossOriginProtection(
            layer, own | (theirs or OriginPolicy()), self.cookie, socket_path, self._token
        )
        cors = _cors(layer, own, settings) if own and theirs is None else None
        if own and theirs is not None:
            logger.info("the app has a CORSMiddleware: CORS_ORIGINS adds no header fields")
        return RequestContextMiddleware(layer, cors, socket_path)


class _RateLimiterOfNode:
    """That of the event loop that serves a scope."""

    def check(self, scope: Scope) -> None:
        scope[RUNTIME].rate_limiter.check(scope)


def _rate_limiter(settings: Settings, clock: Callable[[], float]) -> RateLimiter:
    return (
        TokenBucketRateLimiter(settings.client_rate, clock)
        if settings.client_rate
        else NoRateLimit()
    )


def _with_fast_routes(below: ASGIApp) -> ASGIApp:
    # Imported here, as it needs parts of FastAPI that other versions may lack.
    from .http.fast_routes import fast_routes  # noqa: PLC0415 - see above

    return fast_routes(below, enabled=True, own_routes=(SocketRoute,))


def _cors(app: ASGIApp, origins: OriginPolicy, settings: Settings) -> CORSMiddleware:
    return FindableCORSMiddleware(
        app,
        allow_origins=sorted(origins.exact),
        allow_origin_regex=origins.regex,
        allow_credentials=True,
        allow_methods=_CORS_METHODS,
        allow_headers=[*_CORS_HEADERS, *settings.cors_headers],
        expose_headers=[*_EXPOSED_HEADERS, *_token_headers(settings)],
    )


def _token_headers(settings: Settings) -> list[str]:
    return ["X-Session-Token"] if settings.session_tokens else []


def _cors_of(app: FastAPI) -> OriginPolicy | None:
    """Return the origins that the app's own CORSMiddleware allows with cookies, or None if it has none.

    Without `allow_credentials` there are none, nor is `*` one: both allow requests without credentials,
    and a session's are not.
    """
    for middleware in app.user_middleware:
        if isinstance(middleware.cls, type) and issubclass(middleware.cls, CORSMiddleware):
            by_position = signature(middleware.cls).bind_partial(None, *middleware.args)
            given: dict[str, Any] = {**by_position.arguments, **middleware.kwargs}
            if not given.get("allow_credentials", False):
                return OriginPolicy()
            origins = [each for each in given.get("allow_origins", ()) if each != "*"]
            return OriginPolicy(origins, given.get("allow_origin_regex"))
    return None


def _starlette_cookies(app: FastAPI) -> list[object]:
    """Return the names of the cookies of the app's own SessionMiddlewares.

    They are known by their name: Starlette's needs a package to be imported.
    """
    return [
        middleware.kwargs.get("session_cookie", "session")
        for middleware in app.user_middleware
        if getattr(middleware.cls, "__name__", "") == "SessionMiddleware"
    ]


def _error_sender(app: FastAPI) -> SendError:
    """Return what sends the response that the app itself has for an error that no handler took."""

    async def send_error(error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        async def fail(_scope: Scope, _receive: Receive, _send: Send) -> None:
            raise error

        handlers = app.exception_handlers
        handler = handlers.get(500) or handlers.get(Exception)
        scope[ANSWERED] = error
        await ServerErrorMiddleware(fail, handler, debug=app.debug)(scope, receive, send)

    return send_error


def _backend_factory(settings: Settings) -> Callable[[], Backend]:
    try:
        return backend_factory(
            settings.session_store,
            redis_url=settings.redis_url.get_secret_value(),
            prefix=settings.redis_prefix,
            lifetime=settings.session_absolute_timeout,
        )
    except ValueError as error:
        raise SettingsError(str(error)) from error


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
        tombstone=max(_SHORTEST_TOMBSTONE_SECONDS, 2 * settings.session_reload_interval),
        max_data=settings.session_max_bytes,
        max_per_user=settings.session_max_per_user,
        unused=settings.session_unused_timeout,
    )


def _cookie_attributes(settings: Settings) -> CookieAttributes:
    return CookieAttributes(
        name=settings.session_cookie_name,
        samesite=settings.session_cookie_samesite,
        secure=settings.session_cookie_secure,
        domain=settings.session_cookie_domain,
        partitioned=settings.session_cookie_partitioned,
        former_domains=settings.session_cookie_former_domains,
    )
