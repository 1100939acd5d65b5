"""GET /metrics."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from .get import add_get


def metrics_router() -> APIRouter:
    """Return the route that shows all metrics of the process."""
    router = APIRouter(include_in_schema=False)
    add_get(router, "/metrics", metrics)
    return router


async def metrics() -> Response:
    """Return all metrics in Prometheus' text format."""
    return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})
