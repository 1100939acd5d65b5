"""WebSocket routes of the app's own, in process: what they have of sessions, and how they end."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI, WebSocket

from app import Mooring, SessionDep, Settings, UserDep
from app.testing import ConnectError, TestApp


def routes() -> FastAPI:
    """Return an app with a WebSocket route for everybody, one for users, and others that let nobody in."""
    app = FastAPI()
    settings = Settings(
        session_secrets=["x" * 32], session_idle_timeout=60, session_reload_interval=600
    )
    mooring = Mooring(app, settings)
    app.include_router(mooring.session_router())

    @app.post("/login/{name}")
    async def login(name: str, session: SessionDep) -> None:
        await session.sign_in(name)

    @app.websocket("/echo")
    async def echo(websocket: WebSocket, session: SessionDep) -> None:
        chosen = websocket.scope["subprotocols"]
        await websocket.accept(chosen[0] if chosen else None)
        session["opened"] = True
        await websocket.send_text(websocket.headers.get("x-name", "nobody"))
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                app.state.left = message["code"]
                return
            await websocket.send({**message, "type": "websocket.send"})

    @app.websocket("/me")
    async def me(websocket: WebSocket, user: UserDep) -> None:
        await websocket.accept()
        await websocket.send_text(user)
        await websocket.receive()

    @app.websocket("/closes")
    async def closes(websocket: WebSocket) -> None:
        await websocket.close(4000, "not today")

    @app.websocket("/waits")
    async def waits(websocket: WebSocket) -> None:
        await asyncio.Event().wait()

    return app


@pytest.fixture
async def two() -> AsyncIterator[TestApp]:
    """Two nodes."""
    async with TestApp(routes(), nodes=2) as started:
        yield started


async def test_messages_come_once_and_in_order_text_and_bytes(two: TestApp) -> None:
    websocket = await two.browser().websocket("/echo", headers={"x-name": "ann"})
    for each in ("one", "", b"\x00\xff", b""):
        websocket.send(each)
    assert [await websocket.receive() for _ in range(5)] == ["ann", "one", "", b"\x00\xff", b""]
    with pytest.raises(AssertionError, match=r"waited 0\.05 s for a message; it is open"):
        await websocket.receive(within=0.05)


async def test_it_has_the_browser_s_session_and_user(two: TestApp) -> None:
    ann = two.browser()
    with pytest.raises(ConnectError) as refused:
        await ann.websocket("/me")
    assert refused.value.status == 401
    assert refused.value.data["type"] == "sign-in-required"
    await ann.post("/login/ann")
    websocket = await ann.websocket("/me", node=1)
    assert await websocket.receive() == "ann"


async def test_a_first_contact_gets_a_cookie_and_the_subprotocol_that_the_app_chooses(
    two: TestApp,
) -> None:
    ann = two.browser()
    websocket = await ann.websocket("/echo", subprotocols=["chat", "other"])
    assert websocket.subprotocol == "chat"
    assert ann.cookies["session"]


@pytest.mark.parametrize(("path", "status"), [("/closes", 403), ("/nowhere", 403)])
async def test_a_handshake_that_is_refused_has_the_status(
    two: TestApp, path: str, status: int
) -> None:
    with pytest.raises(ConnectError, match=f"got {status}") as refused:
        await two.browser().websocket(path)
    assert refused.value.status == status


@pytest.mark.parametrize("node", [0, 1])
async def test_a_logout_closes_it_on_all_nodes(two: TestApp, node: int) -> None:
    ann = two.browser()
    await ann.post("/login/ann")
    websocket = await ann.websocket("/me", node=node)
    assert await websocket.receive() == "ann"
    assert (await ann.post("/logout")).status_code == 204
    assert await websocket.closed() == 1008
    with pytest.raises(ConnectionResetError, match="1008"):
        await websocket.receive()
    with pytest.raises(ConnectionResetError, match="1008"):
        websocket.send("late")


async def test_it_ends_at_the_deadline_of_its_session(two: TestApp) -> None:
    ann = two.browser()
    await ann.post("/login/ann")
    websocket = await ann.websocket("/me")
    await two.clock.advance(45)
    assert websocket.close_code is None
    await two.clock.advance(20)
    assert await websocket.closed() == 1001


@pytest.mark.parametrize(("code", "told"), [(4001, 4001), (None, 1006)])
async def test_the_app_is_told_how_the_browser_left(
    two: TestApp, code: int | None, told: int
) -> None:
    websocket = await two.browser().websocket("/echo")
    assert await websocket.receive() == "nobody"
    if code is None:
        websocket.cut()
    else:
        websocket.close(code)
    await two.settle()
    assert two.app.state.left == told
    assert websocket.close_code == told


async def test_a_killed_node_cuts_it(two: TestApp) -> None:
    ann = two.browser(node=1)
    open_one = await ann.websocket("/echo")
    assert await open_one.receive() == "nobody"
    opening = asyncio.ensure_future(ann.websocket("/waits"))
    await two.settle()
    two.nodes[1].kill()
    assert await open_one.closed() == 1006
    with pytest.raises(ConnectionResetError, match="before it was accepted"):
        await opening
    with pytest.raises(ConnectionError, match="killed"):
        await ann.websocket("/echo")


async def test_what_is_no_message_is_refused(two: TestApp) -> None:
    websocket = await two.browser().websocket("/echo")
    with pytest.raises(TypeError, match="sends text or bytes, not a dict"):
        websocket.send({"name": "ann"})  # type: ignore[arg-type] # it is the mistake
