"""The session transport around a WebSocket app, and what else is no HTTP request."""

import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.sessions import SessionManager
from tests.http.conftest import COOKIE, Around, open_session
from tests.support.hooked_store import HookedStore
from tests.support.http import parse_set_cookie

RESPONSE: dict[str, Any] = {"websocket.http.response": {}}


class Line:
    """The server's end of one WebSocket: what the app has sent on it."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        return {"type": "websocket.connect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def header(self, name: str) -> list[str]:
        """All values of a header of the first message."""
        headers = self.sent[0].get("headers", [])
        return [value.decode() for key, value in headers if key.lower() == name.encode()]


async def _accept(scope: Scope, _receive: Receive, send: Send) -> None:
    session = await open_session(scope)
    session["seen"] = True
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "hello"})


def _scope(cookie: str = "", *, extensions: dict[str, Any] | None = None) -> Scope:
    headers = [(b"cookie", cookie.encode())] if cookie else []
    offered = RESPONSE if extensions is None else extensions
    return {"type": "websocket", "path": "/", "headers": headers, "extensions": offered}


@pytest.fixture
def line() -> Line:
    """A WebSocket that is being opened."""
    return Line()


async def test_the_accept_carries_the_cookie_of_a_stored_session(
    around: Around, store: HookedStore, line: Line
) -> None:
    await around(_accept)(_scope(), line.receive, line.send)

    assert [message["type"] for message in line.sent] == ["websocket.accept", "websocket.send"]
    (cookie,) = line.header("set-cookie")
    assert parse_set_cookie(cookie).name == "session"
    assert line.header("cache-control") == ["no-store"]
    assert line.header("vary") == ["Cookie"]
    assert store.calls == ["create", "commit"]


async def test_the_accept_of_a_known_session_carries_no_cookie(
    around: Around, sessions: SessionManager, line: Line
) -> None:
    session = await sessions.create()
    assert session.id is not None
    cookie = COOKIE.set(session.id, 60).partition(";")[0]

    await around(_accept)(_scope(cookie), line.receive, line.send)

    assert line.sent[0]["type"] == "websocket.accept"
    assert line.header("set-cookie") == []


@pytest.mark.parametrize("moment", ["at the load", "at the commit"])
async def test_a_session_that_has_ended_refuses_the_handshake_with_409_and_no_cookie(
    around: Around, store: HookedStore, sessions: SessionManager, line: Line, moment: str
) -> None:
    session = await sessions.create()
    assert session.id is not None
    cookie = COOKIE.set(session.id, 60).partition(";")[0]
    if moment == "at the load":
        await sessions.ends.destroy(session.key)
    else:
        store.before("commit", lambda: sessions.ends.destroy(session.key))

    await around(_accept)(_scope(cookie), line.receive, line.send)

    start, body = line.sent
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 409)
    assert json.loads(body["body"])["type"] == "session-ended"
    assert line.header("set-cookie") == []


async def test_a_server_that_cannot_answer_a_handshake_closes_it(
    around: Around, sessions: SessionManager, line: Line
) -> None:
    session = await sessions.create()
    assert session.id is not None
    await sessions.ends.destroy(session.key)
    cookie = COOKIE.set(session.id, 60).partition(";")[0]

    await around(_accept)(_scope(cookie, extensions={}), line.receive, line.send)

    assert line.sent == [{"type": "websocket.close", "code": 1008}]


async def test_what_is_neither_a_request_nor_a_websocket_goes_through_untouched(
    around: Around, line: Line
) -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope)

    await around(app)({"type": "lifespan"}, line.receive, line.send)

    assert seen == [{"type": "lifespan"}]
