"""FastAPI with the sessions of fastapi-redis-sdk, as its README shows them, for HTTP: it has no sockets.

PORT and REDIS_URL come from the environment; the SDK reads the second one itself.
"""

import os

import uvicorn
from fastapi import FastAPI
from redis_fastapi import FastAPIRedis, SessionDep

app = FastAPI()
FastAPIRedis(app).lifespan().sessions()


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """Answer that the process is alive."""
    return {"status": "alive"}


@app.get("/session")
async def look(session: SessionDep) -> dict[str, int]:
    """Return the session's count; opens a session."""
    return {"count": session.setdefault("count", 0)}


@app.post("/incr")
async def incr(session: SessionDep) -> int:
    """Count one more; there is nobody to tell."""
    count: int = session.get("count", 0) + 1
    session["count"] = count
    return count


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        log_level="warning",
        access_log=False,
    )
