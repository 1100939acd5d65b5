"""The session transport around an HTTP app: what it loads, commits and sends, and when."""

import logging
from collections.abc import AsyncIterator, Callable

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.sessions import (
    Record,
    Session,
    SessionManager,
    SessionTooLargeError,
    StoreUnavailableError,
)
from tests.http.conftest import ABSOLUTE, COOKIE, Around, Ask, open_session
from tests.support.hooked_store import HookedStore
from tests.support.http import problem, set_cookies, the_set_cookie

DARK = b'{"theme":"dark"}'


def _handler(act: Callable[[Session], object], status: int = 200) -> ASGIApp:
    """An app that opens the session, does something to it, and answers."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        act(await open_session(scope))
        await PlainTextResponse("done", status)(scope, receive, send)

    return app


def _write(session: Session) -> None:
    session["theme"] = "dark"


def _fill(session: Session) -> None:
    session["text"] = "x" * 2000


async def _opened(ask: Ask) -> str:
    """The cookie of a session that holds a theme."""
    return the_set_cookie(await ask(_handler(_write)).get("/")).pair


async def _data(store: HookedStore) -> bytes:
    """What is stored of the only session."""
    (key,) = store.created
    found = await store.inner.load(key)
    assert isinstance(found, Record)
    return found.data


async def _unavailable() -> None:
    raise StoreUnavailableError("out of reach", retry_after=1.5)


async def test_an_app_that_asks_for_no_session_costs_nothing_and_gets_no_header(
    ask: Ask, store: HookedStore
) -> None:
    genuine = COOKIE.set("A" * 43, 60).partition(";")[0]
    for cookie in ("", genuine):
        answer = await ask(PlainTextResponse("hello"), cookie=cookie).get("/")
        assert not {"set-cookie", "vary", "cache-control"} & answer.headers.keys()
    assert store.calls == []


async def test_what_used_the_session_is_private_whatever_the_app_says(ask: Ask) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await open_session(scope)
        headers = {"Vary": "Accept", "Cache-Control": "public, max-age=60"}
        await PlainTextResponse("hello", headers=headers)(scope, receive, send)

    answer = await ask(app).get("/")

    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert answer.headers["vary"] == "Accept, Cookie"


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        ("private, max-age=60", "private, max-age=60"),
        ("max-age=60, PRIVATE", "max-age=60, PRIVATE"),
        ("no-store", "no-store"),
        ("No-Store, public", "No-Store, public"),
        ("public, max-age=60", "no-store"),
        ("max-age=60", "no-store"),
        ("no-cache", "no-store"),
        ("privately", "no-store"),
    ],
)
async def test_a_cache_control_of_the_apps_stays_only_if_it_is_private(
    ask: Ask, own: str, sent: str
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await open_session(scope)
        await PlainTextResponse("hello", headers={"Cache-Control": own})(scope, receive, send)

    assert (await ask(app).get("/")).headers.get_list("cache-control") == [sent]


async def test_a_first_request_makes_one_session_however_often_it_is_asked_for(
    ask: Ask, store: HookedStore
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        first, second = await open_session(scope), await open_session(scope)
        await JSONResponse(first is second)(scope, receive, send)

    answer = await ask(app).get("/")

    assert answer.json() is True
    assert store.calls == ["create"]
    assert the_set_cookie(answer).max_age == ABSOLUTE


async def test_a_known_session_is_loaded_once_and_gets_no_cookie(
    ask: Ask, store: HookedStore
) -> None:
    cookie = await _opened(ask)
    store.calls.clear()

    answer = await ask(_handler(lambda session: session["theme"]), cookie=cookie).get("/")

    assert store.calls == ["load"]
    assert not set_cookies(answer)


async def test_a_write_is_in_the_store_before_the_response_starts(
    around: Around, store: HookedStore
) -> None:
    seen: list[bytes] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            seen.append(await _data(store))

    scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await around(_handler(_write))(scope, _no_body, send)

    assert seen == [DARK]


async def _no_body() -> Message:
    return {"type": "http.request", "body": b""}


@pytest.mark.parametrize("status", [200, 302, 404, 499])
async def test_a_response_below_500_commits_plain_writes(
    ask: Ask, store: HookedStore, status: int
) -> None:
    await ask(_handler(_write, status)).get("/")
    assert await _data(store) == DARK


@pytest.mark.parametrize("status", [500, 503])
async def test_a_response_from_500_up_commits_no_plain_writes(
    ask: Ask, store: HookedStore, status: int
) -> None:
    cookie = await _opened(ask)

    answer = await ask(_handler(_fill, status), cookie=cookie).get("/")

    assert answer.status_code == status
    assert await _data(store) == DARK


async def test_an_end_before_the_commit_replaces_the_response_by_409_without_a_cookie(
    ask: Ask, store: HookedStore, sessions: SessionManager
) -> None:
    cookie = await _opened(ask)
    store.before("commit", lambda: sessions.ends.destroy(store.created[0]))

    answer = await ask(_handler(lambda session: session.clear()), cookie=cookie).get("/")

    assert problem(answer) == (409, "session-ended")
    assert not set_cookies(answer)


@pytest.mark.parametrize("path", ["/open", "/rotate"])
async def test_a_session_that_ends_in_the_request_that_opened_or_rotated_it_gets_no_cookie(
    ask: Ask, store: HookedStore, sessions: SessionManager, path: str
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        session = await open_session(scope)
        if scope["path"] == "/rotate":
            await session.rotate()
        store.before("commit", lambda: sessions.ends.destroy(session.key))
        session["late"] = True
        await PlainTextResponse("done")(scope, receive, send)

    cookie = await _opened(ask) if path == "/rotate" else ""
    answer = await ask(app, cookie=cookie).get(path)

    assert problem(answer) == (409, "session-ended")
    assert not set_cookies(answer)


async def test_a_store_that_is_away_at_the_commit_replaces_the_response_by_503(
    ask: Ask, store: HookedStore
) -> None:
    store.before("commit", _unavailable)

    answer = await ask(_handler(_write)).get("/")

    assert problem(answer) == (503, "store-unavailable")
    assert answer.headers["retry-after"] == "2"
    the_set_cookie(answer)  # the session is there, and the client is to find it again
    assert await _data(store) == b"{}", "what the client was told is lost was stored"


async def test_a_store_that_is_away_at_the_load_leaves_the_cookie_alone(
    ask: Ask, store: HookedStore
) -> None:
    cookie = await _opened(ask)
    store.before("load", _unavailable)

    answer = await ask(_handler(_write), cookie=cookie).get("/")

    assert problem(answer) == (503, "store-unavailable")
    assert not set_cookies(answer)


async def test_a_session_that_gets_too_large_is_refused_and_keeps_its_data(
    ask: Ask, store: HookedStore
) -> None:
    cookie = await _opened(ask)

    answer = await ask(_handler(_fill), cookie=cookie).get("/")

    assert problem(answer) == (413, "session-too-large")
    assert await _data(store) == DARK


async def test_a_first_request_whose_session_gets_too_large_sets_no_cookie(ask: Ask) -> None:
    answer = await ask(_handler(_fill)).get("/")

    assert problem(answer) == (413, "session-too-large")
    assert not set_cookies(answer)


@pytest.mark.parametrize(
    "act",
    [
        lambda session: session.setdefault("seen", [{"ids": {1, 2}}]),
        lambda session: session.setdefault("seen", [{}])[0].update(ids={1, 2}),
    ],
    ids=["at the assignment", "nested later"],
)
async def test_data_that_json_would_change_are_our_error_with_route_and_path_in_one_line(
    ask: Ask,
    store: HookedStore,
    caplog: pytest.LogCaptureFixture,
    act: Callable[[Session], object],
) -> None:
    cookie = await _opened(ask)
    answer = await ask(_handler(act), cookie=cookie).get("/a%0Ab")

    assert problem(answer) == (500, "internal-error")
    assert await _data(store) == DARK
    (line,) = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert line.startswith("GET /a%0Ab: answered 500: seen[0].ids: a set is no JSON value")
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("handled", [False, True], ids=["raised", "answered by the app"])
async def test_a_413_after_a_rotation_has_the_new_cookie(
    ask: Ask, store: HookedStore, handled: bool
) -> None:
    cookie = await _opened(ask)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        session = await open_session(scope)
        await session.rotate()
        _fill(session)
        try:
            await session.save()
        except SessionTooLargeError:
            if not handled:
                raise
        await PlainTextResponse("too large", 413)(scope, receive, send)

    answer = await ask(app, cookie=cookie).get("/")

    assert problem(answer) == (413, "session-too-large")
    renewed = the_set_cookie(answer).pair
    assert renewed != cookie
    store.calls.clear()
    seen = await ask(_handler(lambda session: session["theme"]), cookie=renewed).get("/")
    assert seen.status_code == 200
    assert store.calls == ["load"]


async def test_a_session_that_ends_after_a_rotation_in_the_same_request_gets_no_cookie(
    ask: Ask, store: HookedStore, sessions: SessionManager
) -> None:
    cookie = await _opened(ask)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        session = await open_session(scope)
        await session.rotate()
        await sessions.ends.destroy(session.key)
        session["late"] = 1
        await PlainTextResponse("done")(scope, receive, send)

    answer = await ask(app, cookie=cookie).get("/")

    assert problem(answer) == (409, "session-ended")
    assert set_cookies(answer) == []


async def test_an_error_that_is_none_of_ours_is_passed_on(ask: Ask) -> None:
    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        await open_session(scope)
        raise LookupError("not about sessions")

    with pytest.raises(LookupError):
        await ask(app).get("/")


async def test_a_write_while_the_body_is_streamed_is_stored(ask: Ask, store: HookedStore) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        session = await open_session(scope)

        async def body() -> AsyncIterator[str]:
            yield "first"
            session["late"] = True
            yield "last"

        await StreamingResponse(body())(scope, receive, send)

    assert (await ask(app).get("/")).text == "firstlast"
    assert await _data(store) == b'{"late":true}'


async def test_a_write_after_the_response_that_cannot_be_stored_is_logged(
    ask: Ask, sessions: SessionManager, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        session = await open_session(scope)
        await PlainTextResponse("done")(scope, receive, send)
        session["late"] = True
        await sessions.ends.destroy(session.key)

    with caplog.at_level(logging.WARNING):
        answer = await ask(app).get("/")

    assert answer.status_code == 200
    assert "a write after the response was lost" in caplog.text


async def test_a_rotation_sets_the_new_cookie_and_a_destroyed_session_clears_it(ask: Ask) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        session = await open_session(scope)
        await (session.rotate() if scope["path"] == "/rotate" else session.destroy())
        await Response(status_code=204)(scope, receive, send)

    rotated = the_set_cookie(await ask(app).get("/rotate"))
    assert COOKIE.session_ids([(b"cookie", rotated.pair.encode())])
    destroyed = the_set_cookie(await ask(app, cookie=rotated.pair).get("/destroy"))
    assert destroyed.clears
    assert destroyed.value == ""
