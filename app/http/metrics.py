"""What is counted of HTTP requests."""

from functools import cache

from starlette.types import Scope

from ..metric_types import Count, Counter, Distribution, Histogram

_REQUESTS = Counter(
    "mooring_http_requests", "HTTP requests, by route and status.", ["method", "route", "status"]
)
_SECONDS = Histogram("mooring_http_seconds", "Time until a response started.", ["route"])

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_UNKNOWN = "other"


def count(scope: Scope, status: int, seconds: float) -> None:
    """Count a request. The route is its pattern, never a path that a client made up."""
    route = getattr(scope.get("route"), "path", _UNKNOWN)
    method = scope["method"] if scope["method"] in _METHODS else _UNKNOWN
    requests, durations = _series(method, route, status)
    requests.inc()
    durations.observe(seconds)


@cache  # as many as there are routes: a path that a client made up has none
def _series(method: str, route: str, status: int) -> tuple[Count, Distribution]:
    return _REQUESTS.labels(method, route, str(status)), _SECONDS.labels(route)
