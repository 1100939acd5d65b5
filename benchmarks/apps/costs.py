"""Apps that differ in one thing each, for several benchmarks; all their sockets are in one room.

They are imported beside the `app` of whichever tree is measured.

plain       what the others are compared with
recovering  the same with recovery
traced      the same as FastAPI comes: OpenTelemetry is asked for with every request, and is not set up
"""

import asyncio
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.telemetry import TelemetryConfig

from app import EmitterDep, EventRouter, Mooring, SessionDep, SocketDep

_ROOM = "lobby"
_AT_ONCE = 10
_OFF: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}


def _add_one(data: dict[str, Any]) -> int:
    data["count"] = data.get("count", 0) + 1
    return int(data["count"])


async def one() -> int:
    """Return a number."""
    return 1


async def two(first: Annotated[int, Depends(one)]) -> int:
    """Return a number that depends on another."""
    return first + 1


def _app(telemetry: TelemetryConfig, *, recovery: bool = False) -> FastAPI:
    app = FastAPI(telemetry=telemetry)
    mooring = Mooring(app)
    events = EventRouter(recovery=recovery)

    @events.on_connect
    async def enter(socket: SocketDep) -> None:
        await socket.join(_ROOM)

    @events.on("incr", reload=False)
    async def incr(session: SessionDep) -> int:
        return await session.transact(_add_one)

    @events.on("incr with dependencies", reload=False)
    async def incr_with_dependencies(
        session: SessionDep, one: Annotated[int, Depends(one)], two: Annotated[int, Depends(two)]
    ) -> int:
        return await session.transact(_add_one) + two - one - 1

    @app.post("/incr")
    async def incr_http(session: SessionDep) -> int:
        return await session.transact(_add_one)

    @app.post("/say")
    async def say(emitter: EmitterDep) -> None:
        await emitter.emit("said", "hello", 1, to=_ROOM)

    @app.post("/emit")
    async def emit(emitter: EmitterDep, messages: int, room: str) -> None:
        for _ in range(messages // _AT_ONCE):
            await asyncio.gather(
                *(emitter.emit("said", "hello", 1, to=room) for _ in range(_AT_ONCE))
            )

    mooring.include_router(events)
    app.include_router(mooring.session_router())
    app.include_router(mooring.health_router())
    return app


plain = _app(_OFF)
recovering = _app(_OFF, recovery=True)
traced = _app({})
