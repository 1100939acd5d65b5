"""The product with a fault: each sign-in leaves a task behind, and a file open."""

import asyncio
from pathlib import Path
from typing import IO

from fastapi import Request
from starlette.middleware.base import RequestResponseEndpoint
from starlette.responses import Response

from tests.soak.product import app, mooring

__all__ = ["app", "mooring"]

left: list[tuple[asyncio.Task[object], IO[bytes]]] = []


@app.middleware("http")
async def leak(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Leave something behind."""
    if request.url.path == "/login":
        forever = asyncio.create_task(asyncio.Event().wait())
        left.append((forever, Path("/dev/null").open("rb")))  # noqa: SIM115 - it is the fault
    return await call_next(request)
