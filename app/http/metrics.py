"""GET /metrics, and what the HTTP edge counts."""

from functools import cache
from time import perf_counter

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

router = APIRouter(include_in_schema=False)

_REQUESTS = Counter(
    "mooring_http_requests", "HTTP requests, by route and status.", ["method", "route", "status"]
)
_SECONDS = Histogram("mooring_http_seconds", "Time until a response started.", ["route"])

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_UNKNOWN = "other"


class Metered:
    """Counts the requests of an HTTP app. The route is its pattern, never a path that a client made up."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                _count(scope, message["status"], perf_counter() - start)
            await send(message)

        await self._app(scope, receive, counted)


@router.get("/metrics")
async def metrics() -> Response:
    """Give all metrics as Prometheus text."""
    return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})


def _count(scope: Scope, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", _UNKNOWN)
    method = scope["method"] if scope["method"] in _METHODS else _UNKNOWN
    _requests(method, route, status).inc()
    _seconds(route).observe(seconds)


@cache  # as many as there are routes: a path that a client made up has none
def _requests(method: str, route: str, status: int) -> Counter:
    return _REQUESTS.labels(method, route, str(status))


@cache
def _seconds(route: str) -> Histogram:
    return _SECONDS.labels(route)
