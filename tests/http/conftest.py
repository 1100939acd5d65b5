"""Fixtures: the session transport around an app of the test's own, on a store that can be looked into."""

from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from starlette.types import ASGIApp, Scope

from app.http.cookies import CookieAttributes, SessionCookie
from app.http.transport import SessionTransport
from app.limits import Everybody
from app.sessions import SCOPE_KEY, CookieSigner, MemoryStore, Opener, Policy, Session, Sessions
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
def sessions(store: HookedStore) -> Sessions:
    """The service that the transport opens sessions with."""
    return Sessions(store, Policy(idle=60, absolute=ABSOLUTE, max_data=1000))


@pytest.fixture
def around(sessions: Sessions) -> Around:
    """Puts the transport around an app."""
    return lambda app: SessionTransport(app, sessions, COOKIE, Everybody())


@pytest.fixture
def ask(around: Around) -> Ask:
    """`ask(app, cookie=...)`: a client of an app with the transport around it."""

    def client(app: ASGIApp, *, cookie: str = "") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(around(app))
        return http_client("http://test", cookie=cookie or None, transport=transport)

    return client


async def open_session(scope: Scope) -> Session:
    """What a route does that wants the session."""
    opener: Opener = scope[SCOPE_KEY]
    return await opener.open()
