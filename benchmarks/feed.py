"""Two apps that are the same but for recovery, whose sockets are all in one room; for benchmarks.recovery."""

import asyncio

from fastapi import FastAPI

from app import EmitterDep, EventRouter, Mooring, SocketDep

_AT_ONCE = 10


def _app(*, recovery: bool) -> FastAPI:
    app = FastAPI()
    mooring = Mooring(app)
    events = EventRouter(recovery=recovery)

    @events.on_connect
    async def enter(socket: SocketDep) -> None:
        await socket.join("lobby")

    @app.post("/emit")
    async def emit(emitter: EmitterDep, messages: int, room: str) -> None:
        """Emit so many messages to a room, some at a time."""
        for _ in range(messages // _AT_ONCE):
            await asyncio.gather(
                *(emitter.emit("said", "hello", 1, to=room) for _ in range(_AT_ONCE))
            )

    mooring.include_router(events)
    app.include_router(mooring.session_router())
    app.include_router(mooring.health_router())
    return app


plain = _app(recovery=False)
recovering = _app(recovery=True)
