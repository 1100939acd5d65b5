"""A FastAPI app that has never seen Mooring: for what the server does around any app."""

from fastapi import FastAPI, Request, Response, WebSocket

app = FastAPI(title="Plain")


@app.get("/healthz")
async def healthz() -> str:
    """Answer that the process is alive."""
    return "alive"


@app.get("/where/{name}")
async def where(request: Request, name: str) -> dict[str, str]:
    """Say which URLs the request sees."""
    return {"name": name, "url": str(request.url), "own": str(request.url_for("healthz"))}


@app.get("/break")
async def break_down() -> None:
    """Raise."""
    raise LookupError("a handler that breaks on purpose")


@app.post("/echo")
async def echo_body(request: Request) -> Response:
    """Answer with what was sent."""
    return Response(await request.body(), media_type="application/octet-stream")


@app.websocket("/echo")
async def echo(socket: WebSocket) -> None:
    """Send back what comes."""
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)


@app.websocket("/break")
async def break_handshake(_socket: WebSocket) -> None:
    """Raise before the handshake is answered."""
    raise LookupError("a handshake that breaks on purpose")


def create_app() -> FastAPI:
    """Return the app, as a factory does."""
    return app
