"""Users in events: UserDep, UsersDep, recent_sign_in and Socket.user mean what they mean in routes."""

from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from app import (
    EventRouter,
    Mooring,
    SessionDep,
    Settings,
    SocketDep,
    UserDep,
    UsersDep,
    recent_sign_in,
)
from tests.realtime.two_nodes import Client


@pytest.fixture
def app() -> FastAPI:
    """An app whose users sign in by a route."""
    app = FastAPI()
    mooring = Mooring(app, Settings(_env_file=None))
    events = EventRouter()

    @app.post("/login/{name}")
    async def login(name: str, session: SessionDep) -> None:
        await session.sign_in(name)

    @events.on("who")
    async def who(
        user: UserDep,
        socket: SocketDep,
        users: UsersDep,
        recent: Annotated[str, Depends(recent_sign_in(minutes=5))],
    ) -> list[Any]:
        return [user, socket.user, recent, len(await users.sessions(user))]

    mooring.include_router(events)
    return app


async def test_they_mean_the_same_as_in_routes(app: FastAPI) -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://mooring.test") as http:
        for name in (None, "ann"):
            if name is not None:
                assert (await http.post(f"/login/{name}")).status_code == 200
            client = Client(http)
            opened = (await http.get(client._path)).text
            client._path += f"&sid={opened.split(chr(34))[3]}"
            await client.join()
            answer = await client.emit("who")
            if name is None:
                assert answer["error"]["type"] == "sign-in-required"
            else:
                assert answer == ["ann", "ann", "ann", 1]
