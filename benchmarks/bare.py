"""`POST /incr` without a session: what is left of a request's cost is FastAPI's and the layers'.

python -m benchmarks.bare layers    with all our layers but the session's
python -m benchmarks.bare fastapi   FastAPI alone
"""

import os
import sys

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.cookies import CookieAttributes, SessionCookie
from app.http.metrics import Metered
from app.http.origins import OriginRules
from app.http.request_id import RequestId
from app.realtime.handshake import PATHS
from app.serving import Server, configure
from app.sessions import CookieSigner

_counts = {"count": 0}
_ORIGINS = ["http://localhost:4200"]


def make_fastapi() -> FastAPI:
    """Make an app with the one route."""
    app = FastAPI()
    app.add_api_route("/incr", incr, methods=["POST"])
    app.add_api_route("/healthz", healthz)
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
    app: ASGIApp = OriginRules(Metered(make_fastapi()), _ORIGINS, cookie, sockets=PATHS)
    return RequestId(CORSMiddleware(app, allow_origins=_ORIGINS, allow_credentials=True))


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
