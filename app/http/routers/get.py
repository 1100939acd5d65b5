"""GET routes that answer HEAD, too (RFC 9110, 9.3.2), which FastAPI's do not."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter

Endpoint = Callable[..., Any]


def add_get(
    router: APIRouter,
    path: str,
    endpoint: Endpoint,
    *,
    head: Endpoint | None = None,
    **options: Any,
) -> None:
    """Add a route for GET, and one for HEAD that is not in OpenAPI.

    Args:
        head: the endpoint for HEAD, where that of GET would do more than answer.
        options: those of `APIRouter.add_api_route`.
    """
    router.add_api_route(path, endpoint, methods=["GET"], **options)
    router.add_api_route(path, head or endpoint, methods=["HEAD"], include_in_schema=False)
