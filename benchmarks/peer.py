"""What Python users have without Mooring: FastAPI, starsessions and python-socketio, as their docs show.

PORT, REDIS_URL (none: in memory) and LOBBY (all sockets are in one room) come from the environment.
"""

import os
from typing import Any

import socketio
import uvicorn
from fastapi import FastAPI, Request
from redis.asyncio import Redis
from starsessions import (
    InMemoryStore,
    SessionAutoloadMiddleware,
    SessionMiddleware,
    SessionStore,
    get_session_id,
)
from starsessions.session import SessionHandler
from starsessions.stores.redis import RedisStore

_LIFETIME = 1800
_LOBBY = "lobby"
_URL = os.environ.get("REDIS_URL")

store: SessionStore = RedisStore(connection=Redis.from_url(_URL)) if _URL else InMemoryStore()
sio = socketio.AsyncServer(
    async_mode="asgi", client_manager=socketio.AsyncRedisManager(_URL) if _URL else None
)
api = FastAPI()


@api.get("/healthz")
async def healthz() -> dict[str, str]:
    """Answer that the process is alive."""
    return {"status": "alive"}


@api.get("/session")
async def look(request: Request) -> dict[str, int]:
    """Give the session's count; opens a session."""
    return {"count": request.session.setdefault("count", 0)}


@api.post("/incr")
async def incr(request: Request) -> int:
    """Count one more, and tell the session's sockets."""
    count: int = request.session.get("count", 0) + 1
    request.session["count"] = count
    await sio.emit("current count", count, room=get_session_id(request))
    return count


@api.post("/say")
async def say() -> None:
    """Tell all sockets in the room."""
    await sio.emit("said", ("hello", 1), room=_LOBBY)


async def on_connect(sid: str, environ: dict[str, Any]) -> None:
    """Have the socket in the room of its session, and keep the session at hand."""
    handler: SessionHandler = environ["asgi.scope"]["session_handler"]
    await sio.save_session(sid, {"handler": handler})
    await sio.enter_room(sid, handler.session_id)
    if "LOBBY" in os.environ:
        await sio.enter_room(sid, _LOBBY)


async def on_incr(sid: str) -> int:
    """Count one more in the session as it is now, and tell all its sockets."""
    handler: SessionHandler = (await sio.get_session(sid))["handler"]
    handler.is_loaded = False  # or it would not read again
    await handler.load()
    session = handler.connection.session
    count: int = session.get("count", 0) + 1
    session["count"] = count
    await handler.save(_LIFETIME)
    await sio.emit("current count", count, room=handler.session_id)
    return count


sio.on("connect", on_connect)
sio.on("incr", on_incr)

app = SessionMiddleware(
    SessionAutoloadMiddleware(socketio.ASGIApp(sio, api)),
    store=store,
    lifetime=_LIFETIME,
    rolling=True,
    cookie_https_only=False,
)

if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        log_level="warning",
        access_log=False,
    )
