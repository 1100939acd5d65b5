"""The example, mounted below another app: APP=tests.support.mounted:app."""

from fastapi import FastAPI

from app.example.main import create_app

app = FastAPI()
app.mount("/shop", create_app())


@app.get("/healthz")
async def healthz() -> str:
    """Answer; tests wait for it."""
    return "ok"
