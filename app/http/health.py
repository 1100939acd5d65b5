"""Is the process alive; is it ready for traffic."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from app.http.documents import UNAVAILABLE
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

    status: str


@router.get("/healthz", summary="Alive?")
async def healthz() -> Status:
    """Answer as long as the process does; an outage of the store does not count."""
    return Status(status="alive")


@router.get("/readyz", summary="Ready?", responses={503: UNAVAILABLE})
async def readyz(health: HealthDep) -> Status:
    """Answer 200 if the store can be reached and the process is not shutting down."""
    await health.ready()
    return Status(status="ready")
