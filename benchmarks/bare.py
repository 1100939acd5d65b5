"""`POST /incr` without a session: what is left of a request's cost is FastAPI's and the layers'.

python -m benchmarks.bare layers    with all our layers but the session's
python -m benchmarks.bare fastapi   FastAPI alone
"""

import os
import sys

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.cookies import CookieAttributes, SessionCookie
from app.http.envelope import Envelope
from app.http.last_resort import LastResort
from app.http.origins import OriginRules
from app.http.short_way import ShortWay
from app.realtime.handshake import PATHS
from app.serving import Server, configure
from app.sessions import CookieSigner

_counts = {"count": 0}
_ORIGINS = ["http://localhost:4200"]


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


def make_layers() -> ASGIApp:
    """Make the same, with the layers of app.main around it."""
    cookie = SessionCookie(CookieAttributes(), CookieSigner(["unused"]))
    router = make_router()
    fastapi = FastAPI()
    fastapi.include_router(router)
    app: ASGIApp = OriginRules(ShortWay(fastapi, [router]), _ORIGINS, cookie, sockets=PATHS)
    app = LastResort(app)
    cors = CORSMiddleware(app, allow_origins=_ORIGINS, allow_credentials=True)
    return Envelope(app, cors=cors, uncounted=PATHS)


class _Undrained:
    """An app that has no sockets to send elsewhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    async def drain(self, seconds: float) -> None:
        """There is nothing to drain."""


if __name__ == "__main__":
    inner = make_layers() if sys.argv[1] == "layers" else make_fastapi()
    service = _Undrained(inner)
    port = int(os.environ["PORT"])
    Server(service, configure(service, host="127.0.0.1", port=port, proxies=["127.0.0.1"])).run()
