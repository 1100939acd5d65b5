"""GET /healthz and /readyz, for balancers."""

from collections.abc import Callable

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ..health import Health
from ..openapi import NOT_READY, Responses
from .get import add_get


class Status(BaseModel):
    """One word."""

    status: str = Field(description="`alive` or `ready`.", examples=["ready"])


def health_router(health: Callable[[], Health]) -> APIRouter:
    """Return the routes that report to a balancer how the process is.

    Args:
        health: returns the Health for the running event loop.
    """
    router = APIRouter(tags=["health"])

    async def readyz() -> Status:
        """Answer 200 if the store can be reached and the process is not shutting down. Opens no session."""
        await health().ready()
        return Status(status="ready")

    add_get(
        router,
        "/healthz",
        healthz,
        summary="Alive?",
        response_description="The process answers.",
        responses=_example("alive"),
    )
    add_get(
        router,
        "/readyz",
        readyz,
        summary="Ready?",
        response_description="Requests can be served.",
        responses=_example("ready") | NOT_READY,
    )
    return router


async def healthz() -> Status:
    """Answer as long as the process does; an outage of the store does not count. Opens no session."""
    return Status(status="alive")


def _example(status: str) -> Responses:
    return {200: {"content": {"application/json": {"example": {"status": status}}}}}
