"""Is the process alive; is it ready for traffic."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from app.http.documents import NOT_READY, Answers
from app.sessions import Sessions, StoreUnavailableError

router = APIRouter(tags=["health"])


class Health:
    """What a balancer wants to know. Set `draining` when the process is about to stop."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self.draining = False

    async def ready(self) -> None:
        """Return if requests can be served; raises StoreUnavailableError if not."""
        if self.draining:
            raise StoreUnavailableError("this node is shutting down")
        await self._sessions.ping()


async def health(request: Request) -> Health:
    """Give the process's health."""
    found: Health = request.app.state.health
    return found


HealthDep = Annotated[Health, Depends(health)]


class Status(BaseModel):
    """One word."""

    status: str = Field(description="`alive` or `ready`.", examples=["ready"])


def _says(status: str) -> Answers:
    return {200: {"content": {"application/json": {"example": {"status": status}}}}}


@router.get(
    "/healthz",
    summary="Alive?",
    response_description="The process answers.",
    responses=_says("alive"),
)
async def healthz() -> Status:
    """Answer as long as the process does; an outage of the store does not count. Opens no session."""
    return Status(status="alive")


@router.get(
    "/readyz",
    summary="Ready?",
    response_description="Requests can be served.",
    responses=_says("ready") | NOT_READY,
)
async def readyz(health: HealthDep) -> Status:
    """Answer 200 if the store can be reached and the process is not shutting down. Opens no session."""
    await health.ready()
    return Status(status="ready")
