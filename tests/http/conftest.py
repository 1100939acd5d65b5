"""Fixtures: the session transport around an app of the test's own, on a store that can be looked into."""

from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from starlette.types import ASGIApp, Scope

from app.asgi.rate_limit import NoRateLimit
from app.http.cookies import CookieAttributes, SessionCookie
from app.http.middleware.session import SessionMiddleware
from app.sessions import (
    SCOPE_KEY,
    CookieSigner,
    MemoryStore,
    Policy,
    RequestSession,
    Session,
    SessionManager,
)
from tests.support.hooked_store import HookedStore
from tests.support.http import http_client

COOKIE = SessionCookie(CookieAttributes(), CookieSigner(["a secret of these tests"]))
ABSOLUTE = 600

Around = Callable[[ASGIApp], ASGIApp]
Ask = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def store() -> AsyncIterator[HookedStore]:
    """A memory store that tells what was asked of it."""
    store = HookedStore(MemoryStore())
    yield store
    await store.aclose()


@pytest.fixture
def sessions(store: HookedStore) -> SessionManager:
    """The service that the transport opens sessions with."""
    return SessionManager(store, Policy(idle=60, absolute=ABSOLUTE, max_data=1000))


@pytest.fixture
def around(sessions: SessionManager) -> Around:
    """Puts the transport around an app."""
    return lambda app: SessionMiddleware(app, lambda _scope: sessions, COOKIE, NoRateLimit())


@pytest.fixture
def ask(around: Around) -> Ask:
    """`ask(app, cookie=...)`: a client of an app with the transport around it."""

    def client(app: ASGIApp, *, cookie: str = "") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(around(app))
        return http_client("http://test", cookie=cookie or None, transport=transport)

    return client


async def open_session(scope: Scope) -> Session:
    """What a route does that wants the session."""
    request_session: RequestSession = scope[SCOPE_KEY]
    return await request_session.get_or_create()
