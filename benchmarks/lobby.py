"""An app whose sockets are all in one room; for benchmarks.nodes."""

from fastapi import FastAPI

from app import EventRouter, Mooring, SocketDep

app = FastAPI()
mooring = Mooring(app)
events = EventRouter()


@events.on_connect
async def enter(socket: SocketDep) -> None:
    """Put every socket into the room."""
    await socket.join("lobby")


mooring.include_router(events)
app.include_router(mooring.session_router())
app.include_router(mooring.health_router())
