"""`POST /incr` without a session: what is left of a request's cost is FastAPI's and the layers'.

python -m benchmarks.bare layers    with all our layers but the session's
python -m benchmarks.bare fastapi   FastAPI alone
"""

import os
import sys

from fastapi import APIRouter, FastAPI

from app import Mooring, Settings
from app.server.server import Server, configure
from app.server.service_app import ServiceApp

_counts = {"count": 0}


def make_router() -> APIRouter:
    """Make the one route."""
    router = APIRouter()
    router.add_api_route("/incr", incr, methods=["POST"])
    router.add_api_route("/healthz", healthz)
    return router


def make_fastapi() -> FastAPI:
    """Make an app with the one route."""
    app = FastAPI()
    app.include_router(make_router())
    return app


async def incr() -> int:
    """Count one more."""
    _counts["count"] += 1
    return _counts["count"]


async def healthz() -> dict[str, str]:
    """Answer that the process is alive."""
    return {"status": "alive"}


def make_layers() -> FastAPI:
    """Make the same with Mooring attached: its layers, and no session."""
    app = make_fastapi()
    Mooring(app, Settings(cors_origins=("http://localhost:4200",)))
    return app


if __name__ == "__main__":
    app = ServiceApp(make_layers() if sys.argv[1] == "layers" else make_fastapi())
    config = configure(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        trusted_proxies=["127.0.0.1"],
        max_packet_bytes=1_000_000,
        fast_paths=True,
    )
    Server(app, config).run()
