"""What the server does around any ASGI app, seen from the app."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.asgi.scope import DRAIN_HOOKS
from app.realtime.engineio.websocket import DEFERRED, WEBSOCKET
from app.server.service_app import ServiceApp
from tests.support.eventually import PATIENCE


class App:
    """An ASGI app that notes the scopes it is called with."""

    def __init__(self, serve: Callable[[Scope], Awaitable[None]] | None = None) -> None:
        self.scopes: list[Scope] = []
        self._serve = serve

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        self.scopes.append(scope)
        if self._serve is not None:
            await self._serve(scope)


async def receive() -> Message:
    """Never receive anything."""
    return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return] # never


async def send(_message: Message) -> None:
    """Send nowhere."""


def http(path: str, **more: Any) -> dict[str, Any]:
    """The scope of a request."""
    return {"headers": [], "type": "http", "method": "GET", "path": path, "root_path": "", **more}


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        ("/session", "/api/session"),
        ("/api/session", "/api/session"),
        ("/api", "/api"),
        ("/apiary", "/api/apiary"),
        ("/", "/api/"),
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_the_path_is_below_the_root_path_whether_it_was_stripped_or_not(
    kind: str, asked: str, seen: str
) -> None:
    app = App()

    await ServiceApp(app, root_path="/api")(
        {**http(asked, raw_path=asked.encode()), "type": kind}, receive, send
    )

    (scope,) = app.scopes
    assert (scope["root_path"], scope["path"]) == ("/api", seen)
    assert scope["raw_path"] == seen.encode()


async def test_without_a_root_path_the_scope_stays_as_it_is() -> None:
    app, scope = App(), http("/api/session")

    await ServiceApp(app)(scope, receive, send)

    assert app.scopes[0] is scope


async def test_every_drain_hook_of_the_lifespan_is_called_with_the_time_that_there_is() -> None:
    called: list[tuple[str, float]] = []

    async def add_hooks(scope: Scope) -> None:
        async def first(seconds: float) -> None:
            called.append(("first", seconds))

        async def second(seconds: float) -> None:
            called.append(("second", seconds))

        scope[DRAIN_HOOKS].extend([first, second])

    service = ServiceApp(App(add_hooks))
    await service({"type": "lifespan", "state": {}}, receive, send)
    await service.drain(2.5)

    assert called == [("first", 2.5), ("second", 2.5)]


async def test_a_drain_hook_that_fails_is_logged_and_keeps_no_other_from_ending(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended = asyncio.Event()

    async def add_hooks(scope: Scope) -> None:
        async def fails(_seconds: float) -> None:
            raise LookupError("on purpose")

        async def takes_longer(_seconds: float) -> None:
            await asyncio.sleep(0)
            ended.set()

        scope[DRAIN_HOOKS].extend([fails, takes_longer])

    service = ServiceApp(App(add_hooks))
    await service({"type": "lifespan"}, receive, send)
    await service.drain(1)

    assert ended.is_set()
    (record,) = caplog.records
    assert (record.getMessage(), record.exc_info and record.exc_info[0]) == (
        "closing sockets failed",
        LookupError,
    )


async def test_a_drain_hook_that_hangs_is_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    cancelled = asyncio.Event()

    async def add_hook(scope: Scope) -> None:
        async def hangs(_seconds: float) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        scope[DRAIN_HOOKS].append(hangs)

    service = ServiceApp(App(add_hook))
    await service({"type": "lifespan"}, receive, send)
    async with asyncio.timeout(PATIENCE):
        await service.drain(0.0, overtime_seconds=0.01)
        await cancelled.wait()
    assert [record.getMessage() for record in caplog.records] == [
        "not all sockets were closed in time"
    ]


async def test_an_app_without_hooks_is_drained_at_once() -> None:
    await asyncio.wait_for(ServiceApp(App()).drain(60), timeout=PATIENCE)


class Connection:
    """A WebSocket that notes when its handshake is released."""

    def __init__(self, notes: list[str]) -> None:
        self._notes = notes

    def release_handshake(self) -> None:
        """Note it."""
        self._notes.append("released")


async def test_a_deferred_socket_is_served_when_the_app_has_returned() -> None:
    notes: list[str] = []
    connection: Any = Connection(notes)

    async def defer(scope: Scope) -> None:
        async def serve() -> None:
            notes.append("served")

        assert scope[WEBSOCKET] is connection
        scope[DEFERRED].append(serve)
        notes.append("returned")

    service = ServiceApp(App(defer), find_websocket=lambda _send: connection)
    await service({**http("/"), "type": "websocket"}, receive, send)

    assert notes == ["returned", "released", "served"]


async def test_a_socket_that_the_app_serves_itself_keeps_its_handshake() -> None:
    notes: list[str] = []
    connection: Any = Connection(notes)

    service = ServiceApp(App(), find_websocket=lambda _send: connection)
    await service({**http("/"), "type": "websocket"}, receive, send)

    assert notes == []


async def test_on_a_foreign_server_there_is_no_connection_and_sockets_are_deferred_all_the_same() -> (
    None
):
    served = asyncio.Event()

    async def defer(scope: Scope) -> None:
        async def serve() -> None:
            served.set()

        assert scope[WEBSOCKET] is None
        scope[DEFERRED].append(serve)

    await ServiceApp(App(defer))({**http("/"), "type": "websocket"}, receive, send)

    assert served.is_set()


async def test_an_exception_that_leaves_the_app_is_answered_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent: list[Message] = []

    async def fail(_scope: Scope) -> None:
        raise LookupError("on purpose")

    async def keep(message: Message) -> None:
        sent.append(message)

    await ServiceApp(App(fail))(http("/here"), receive, keep)

    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 500
    assert [record.getMessage() for record in caplog.records] == ["GET /here failed"]


@pytest.mark.parametrize("own", [[], [(b"X-Request-ID", b"mine")]])
async def test_a_response_has_one_request_id_and_the_apps_own_wins(
    own: list[tuple[bytes, bytes]],
) -> None:
    sent: list[Message] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": own})

    async def keep(message: Message) -> None:
        sent.append(message)

    await ServiceApp(app)(http("/"), receive, keep)

    [(name, value)] = sent[0]["headers"]
    assert name.lower() == b"x-request-id"
    assert (value == b"mine") is bool(own)
