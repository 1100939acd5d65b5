"""An app that says what of it waits for the garbage collector: served as tests.support.garbage_app:app."""

from fastapi import FastAPI, WebSocket

from app import EmitterDep, EventRouter, Mooring, SessionDep, SocketDep, to_socket
from tests.support import garbage

app = FastAPI()
mooring = Mooring(app)
events = EventRouter(recovery=True)


def _add_one(data: dict[str, int]) -> int:
    data["count"] = data.get("count", 0) + 1
    return data["count"]


@app.post("/incr")
async def incr(session: SessionDep) -> int:
    """Count by HTTP."""
    return await session.transact(_add_one)


@app.post("/ask/{sid}")
async def ask(sid: str, emitter: EmitterDep) -> str:
    """Ask a socket, and do not wait for long."""
    try:
        return str(await emitter.call("question", to=to_socket(sid), timeout=0.05))
    except TimeoutError:
        return "no answer"


@app.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    """Send back what comes, and close after a farewell."""
    await websocket.accept()
    async for text in websocket.iter_text():
        if text == "farewell":
            await websocket.close()
            break
        await websocket.send_text(text)


@events.on_connect
async def connect(socket: SocketDep) -> None:
    """Enter a room."""
    await socket.join("deck")


@events.on("incr")
async def incr_by_socket(session: SessionDep, socket: SocketDep) -> int:
    """Count by a socket, and say it to the room."""
    count = await session.transact(_add_one)
    await socket.emit("said", count, to="deck", skip_self=True)
    return count


mooring.include_router(events)
app.include_router(garbage.router)
app.include_router(mooring.session_router())
app.include_router(mooring.health_router())
app.include_router(mooring.metrics_router())
