"""An app for the tests of the kit: a bit of everything that sockets and sessions do."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from app import (
    EmitterDep,
    EventError,
    EventRouter,
    Mooring,
    SessionDep,
    Settings,
    Socket,
    SocketDep,
    UserDep,
    UsersDep,
    to_socket,
    to_user,
)


class Auth(BaseModel):
    """What a client says to get into /strict."""

    word: str = "nothing"


def product(**settings: Any) -> FastAPI:  # noqa: C901, PLR0915 - its routes and events
    """Return a new app; what happens in it stands in `app.state.log`."""
    app = FastAPI()
    app.state.log = log = []
    mooring = Mooring(app, Settings(session_secrets=["x" * 32], **settings))
    events, kept = EventRouter(), EventRouter(namespace="/kept", recovery=True)
    strict = EventRouter(namespace="/strict")
    left_for: dict[str | None, list[str]] = {}
    events.sends("said", str, description="What somebody says.")
    kept.sends("said", str, description="The same, for those who come back.")

    @app.post("/login/{name}")
    async def login(name: str, session: SessionDep) -> None:
        await session.sign_in(name)

    @app.get("/plain")
    def plain() -> str:
        return "by a plain function"

    @app.post("/incr")
    async def incr_by_request(session: SessionDep) -> int:
        return await session.transact(add_one)

    @app.post("/end/{name}")
    async def end(name: str, users: UsersDep) -> int:
        return await users.end(name)

    @app.post("/say/{name}/{line}")
    async def say(name: str, line: str, emitter: EmitterDep) -> None:
        await emitter.emit("said", line, to=to_user(name), namespace="/kept")

    @app.get("/ask/{sid}")
    async def ask(sid: str, emitter: EmitterDep) -> Any:
        return await emitter.call("question", 6, to=to_socket(sid), timeout=2)

    @app.get("/fails")
    async def fails() -> None:
        raise RuntimeError("the app's own error")

    @app.post("/reasons/{name}")
    async def reasons(name: str) -> list[str]:
        return left_for.pop(name, [])

    @events.on("incr")
    async def incr(session: SessionDep) -> int:
        return await session.transact(add_one)

    @events.on("join")
    async def join(room: str, socket: SocketDep) -> None:
        await socket.join(room)

    @events.on("say")
    async def say_in(room: str, line: str, socket: SocketDep) -> None:
        if room not in socket.rooms:
            raise EventError("not-in-room", f"join {room} first")
        await socket.emit("said", line, to=room)

    @events.on("echo")
    async def echo(data: bytes) -> bytes:
        return data

    @events.on("mirror")
    async def mirror(*values: Any) -> Any:
        return values

    @events.on("rare", limit="1/minute")
    async def rare() -> None:
        pass

    @events.on("plain")
    def plain_handler() -> str:
        return "by a plain function"

    @events.on("whoami")
    async def whoami(user: UserDep) -> str:
        return user

    @events.on_connect
    async def connected(socket: Socket) -> None:
        await socket.emit("welcome", "you")

    @events.on_disconnect
    async def left(socket: Socket) -> None:
        log.append("left")

    @kept.on("incr")
    async def incr_kept(session: SessionDep) -> int:
        return await session.transact(add_one)

    @kept.on_disconnect
    async def left_kept(socket: Socket, reason: str) -> None:
        left_for.setdefault(socket.user, []).append(reason)

    @strict.on_connect
    async def enter(auth: Auth) -> None:
        if auth.word != "ahoy":
            raise EventError("no-entry", "Say the word.", word=auth.word)

    @strict.on("repeat")
    async def repeat(socket: SocketDep, times: int) -> None:
        for number in range(times):
            await socket.emit("said", number, number)

    @mooring.on_user_online
    async def online(user: str) -> None:
        log.append(f"{user} is here")

    @mooring.on_user_offline
    async def offline(user: str) -> None:
        log.append(f"{user} has gone")

    mooring.include_router(events)
    mooring.include_router(kept)
    mooring.include_router(strict)
    app.include_router(mooring.session_router())
    app.include_router(mooring.health_router())
    return app


def add_one(data: dict[str, Any]) -> int:
    """Count."""
    data["count"] = data.get("count", 0) + 1
    count: int = data["count"]
    return count
