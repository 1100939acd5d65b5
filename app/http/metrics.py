"""GET /metrics, and what the HTTP edge counts."""

from functools import cache

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from starlette.types import Scope

router = APIRouter(include_in_schema=False)

_REQUESTS = Counter(
    "mooring_http_requests", "HTTP requests, by route and status.", ["method", "route", "status"]
)
_SECONDS = Histogram("mooring_http_seconds", "Time until a response started.", ["route"])

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_UNKNOWN = "other"


@router.get("/metrics")
async def metrics() -> Response:
    """Give all metrics as Prometheus text."""
    return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})


def count(scope: Scope, status: int, seconds: float) -> None:
    """Count a request. The route is its pattern, never a path that a client made up."""
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
