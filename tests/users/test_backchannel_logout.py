"""OpenID Connect Back-Channel Logout 1.0: which tokens end which sessions, and which end none."""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import jwt
import pytest
from fastapi import FastAPI

from app import Mooring, SessionDep
from app.backends import Backend
from app.sessions import MemoryStore, StoreUnavailableError
from tests.mooring.test_attach import client_of, settings
from tests.support.eventually import eventually
from tests.support.hooked_store import HookedStore
from tests.support.http import problem
from tests.support.in_thread import in_thread
from tests.users.provider import CLIENT, EVENTS, Provider, published

SLOW_SECONDS = 4.0
"""Less than the verifier waits for the provider."""


@contextmanager
def answering(body: Callable[[], bytes]) -> Iterator[str]:
    """Answer every request at a URL with a body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body())

        def log_message(self, *_: object) -> None: ...

    with in_thread(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        yield f"http://127.0.0.1:{port}/jwks"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with published() as running:
        yield running


@contextmanager
def resetting() -> Iterator[str]:
    """Reset the connection of every request at a URL, amid the response."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "9999")
            self.end_headers()
            at_once = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            self.rfile.close()
            self.connection.close()

        def log_message(self, *_: object) -> None: ...

    with in_thread(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        yield f"http://127.0.0.1:{port}/jwks"


def client_app(provider: Provider, jwks: Any = None, backend: Backend | None = None) -> FastAPI:
    """Return an app whose users come from a provider."""
    app = FastAPI()
    mooring = Mooring(app, settings(), backend=backend)
    keys = f"{provider.issuer}/jwks" if jwks is None else jwks

    @app.post("/callback")
    async def callback(session: SessionDep, claims: dict[str, str]) -> None:
        await session.sign_in(claims["sub"], oidc=claims)

    @app.get("/me")
    async def me(session: SessionDep) -> str | None:
        return session.user

    app.include_router(mooring.backchannel_logout_router(provider.issuer, CLIENT, keys))
    return app


async def _signed_in(app: FastAPI, provider: Provider, sub: str, sid: str) -> httpx.AsyncClient:
    client = client_of(app)
    claims = {"iss": provider.issuer, "sub": sub, "sid": sid}
    assert (await client.post("/callback", json=claims)).status_code == 200
    return client


async def _logout(app: FastAPI, token: str) -> httpx.Response:
    async with client_of(app) as provider_s:
        return await provider_s.post("/backchannel-logout", data={"logout_token": token})


async def _user(client: httpx.AsyncClient) -> str | None:
    answer = await client.get("/me")
    user: str | None = answer.json()
    return user


@pytest.mark.parametrize("published_keys", [True, False])
async def test_a_session_at_the_provider_ends_what_came_of_it(
    provider: Provider, published_keys: bool
) -> None:
    app = client_app(provider, None if published_keys else provider.jwks)
    phone, laptop = [await _signed_in(app, provider, "ann", sid) for sid in ("one", "two")]

    answer = await _logout(app, provider.token(sid="one"))

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert [await _user(each) for each in (phone, laptop)] == [None, "ann"]


async def test_a_token_without_a_session_ends_all_of_the_user(provider: Provider) -> None:
    app = client_app(provider)
    anns = [await _signed_in(app, provider, "ann", sid) for sid in ("one", "two")]
    bob = await _signed_in(app, provider, "bob", "three")

    assert (await _logout(app, provider.token())).status_code == 200

    assert [await _user(each) for each in (*anns, bob)] == [None, None, "bob"]


async def test_who_has_signed_in_again_by_other_means_is_found_as_well(provider: Provider) -> None:
    app = client_app(provider)

    @app.post("/password")
    async def password(session: SessionDep) -> None:
        await session.sign_in("ann")

    ann = await _signed_in(app, provider, "ann", "one")
    assert (await ann.post("/password")).status_code == 200

    assert (await _logout(app, provider.token(sid="one"))).status_code == 200
    assert await _user(ann) is None


async def test_a_token_works_once_and_who_came_back_stays(provider: Provider) -> None:
    app = client_app(provider)
    token = provider.token()
    await _signed_in(app, provider, "ann", "one")
    assert (await _logout(app, token)).status_code == 200
    back = await _signed_in(app, provider, "ann", "two")

    assert problem(await _logout(app, token)) == (400, "invalid-logout-token")
    assert await _user(back) == "ann"


async def test_a_logout_that_failed_can_be_tried_again(provider: Provider) -> None:
    store = HookedStore(MemoryStore())
    app = client_app(provider, backend=Backend(store.inner))
    ann = await _signed_in(app, provider, "ann", "one")
    token = provider.token()
    end = store.inner.end

    async def fail(*_: object, **__: object) -> Any:
        raise StoreUnavailableError("on purpose")

    store.inner.end = fail  # type: ignore[method-assign] # what an outage does
    assert (await _logout(app, token)).status_code == 503
    store.inner.end = end  # type: ignore[method-assign] # it is over

    assert (await _logout(app, token)).status_code == 200
    assert await _user(ann) is None


async def test_a_new_key_of_the_provider_is_fetched(provider: Provider) -> None:
    app = client_app(provider)
    assert (await _logout(app, provider.token())).status_code == 200
    old = provider.token()
    provider.rotate_key()

    assert (await _logout(app, provider.token())).status_code == 200
    assert problem(await _logout(app, old))[0] in (200, 400)  # its key may be known still


CHANGES: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://elsewhere.example"},
    "another client": {"aud": "another"},
    "no audience": {"aud": None},
    "no time": {"iat": None},
    "no end": {"exp": None},
    "expired": {"exp": time.time() - 3600},
    "from long ago": {"iat": time.time() - 7200},
    "from the future": {"iat": time.time() + 3600},
    "no id": {"jti": None},
    "no events": {"events": None},
    "other events": {"events": {"x": {}}},
    "events of another type": {"events": list(EVENTS)},
    "a nonce": {"nonce": "n"},
    "neither sub nor sid": {"sub": None},
    "a number as sid": {"sid": 7},
    "an empty sid": {"sid": ""},
    "an empty id": {"jti": ""},
    "half of a character as sub": {"sub": "\ud800"},
    "half of a character as sid": {"sid": "\udfff"},
    "half of a character as id": {"jti": "\ud800"},
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
async def test_a_token_that_breaks_a_rule_ends_nothing(
    provider: Provider, changes: dict[str, Any]
) -> None:
    app = client_app(provider)
    ann = await _signed_in(app, provider, "ann", "one")

    answer = await _logout(app, provider.token(**changes))

    assert problem(answer) == (400, "invalid-logout-token")
    assert answer.json()["error"] == "invalid_request"
    assert await _user(ann) == "ann"


async def test_a_token_that_the_provider_did_not_sign_ends_nothing(provider: Provider) -> None:
    app = client_app(provider)
    ann = await _signed_in(app, provider, "ann", "one")
    thief = Provider(provider.issuer)
    thief.kid = provider.kid
    token = provider.token()
    forged = {
        "another key": thief.token(),
        "no signature": jwt.encode(provider.claims(), "", algorithm="none"),
        "by a shared secret": jwt.encode(
            provider.claims(), CLIENT.encode() * 8, algorithm="HS256", headers={"kid": provider.kid}
        ),
        "changed": token[:-8] + ("A" * 8),
        "no token": "x",
        "nothing": "",
    }

    for name, each in forged.items():
        assert problem(await _logout(app, each)) == (400, "invalid-logout-token"), name
    async with client_of(app) as anybody:
        for body in (b"", b"logout_token=" + b"x" * 30_000, b"\xff\xfe", b"a=b"):
            answer = await anybody.post("/backchannel-logout", content=body)
            assert problem(answer) == (400, "invalid-logout-token"), body[:20]
    assert await _user(ann) == "ann"


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"{}",
        b'{"keys": []}',
        b'{"keys": 5}',
        b'{"keys": [5]}',
        b"[]",
        b"\xff",
        b"[" * 9999,
    ],
)
async def test_a_provider_that_answers_with_no_keys_is_said_to_be_down(
    provider: Provider, body: bytes
) -> None:
    with answering(lambda: body) as url:
        app = client_app(provider, url)
        for _ in range(2):
            assert problem(await _logout(app, provider.token())) == (503, "provider-unavailable")


async def test_a_provider_that_hangs_takes_no_thread_of_the_app(provider: Provider) -> None:
    go_on = threading.Event()
    asked: list[float] = []

    def hang() -> bytes:
        asked.append(time.monotonic())
        go_on.wait(SLOW_SECONDS)
        return b"{}"

    with answering(hang) as url:
        app = client_app(provider, url)
        app.get("/thread")(lambda: "served")
        tokens = [asyncio.create_task(_logout(app, provider.token())) for _ in range(100)]
        await eventually(lambda: asked, within=SLOW_SECONDS)
        async with client_of(app) as somebody:
            assert (await somebody.get("/thread")).json() == "served"
        go_on.set()
        answers = await asyncio.gather(*tokens)

    assert {each.status_code for each in answers} == {503}
    assert len(asked) == 1


async def test_a_provider_that_is_down_is_said_to_be(provider: Provider) -> None:
    app = client_app(provider, "http://127.0.0.1:9/jwks")

    assert problem(await _logout(app, provider.token())) == (503, "provider-unavailable")


async def test_a_provider_that_resets_its_connections_is_said_to_be_down(
    provider: Provider,
) -> None:
    with resetting() as url:
        app = client_app(provider, url)
        for _ in range(2):
            assert problem(await _logout(app, provider.token())) == (503, "provider-unavailable")
