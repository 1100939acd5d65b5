"""GET /devices, DELETE /devices, DELETE /devices/{key}."""

from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Path, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ...asgi.problems import Problem
from ...sessions import Session
from ..dependencies import OptionalSessionDep
from ..openapi import (
    BODY_TOO_LARGE,
    FOREIGN,
    UNAVAILABLE,
    response,
)
from ..sign_in import UserDep, recent_sign_in, users
from .get import add_get

_TIME = "2026-11-23T09:00:00Z"


class DeviceView(BaseModel):
    """A session of the user, as the list of devices shows it."""

    model_config = ConfigDict(from_attributes=True)

    key: str = Field(description="Names the session; it is no secret.", examples=["5e88…"])
    label: str | None = Field(
        description="What it calls the client.", examples=["Firefox on Linux"]
    )
    created_at: AwareDatetime = Field(description="When the session was opened.", examples=[_TIME])
    signed_in_at: AwareDatetime = Field(description="When the user signed in.", examples=[_TIME])
    last_seen_at: AwareDatetime = Field(description="When it was used last.", examples=[_TIME])
    address: str | None = Field(description="The client's address.", examples=["203.0.113.7"])
    sockets: int = Field(description="Its connected sockets, on all nodes.", ge=0, examples=[1])
    current: bool = Field(
        False, description="Whether it is the session of this request.", examples=[True]
    )


class Ended(BaseModel):
    """How many sessions were ended."""

    ended: int = Field(ge=0, examples=[2])


class UserSessions(Protocol):
    """What the routes ask of Users."""

    async def sessions(self, user: str) -> list[object]:
        """Return the live sessions of a user."""

    async def end(self, user: str, keep: Session | None = None) -> int:
        """End all sessions of a user but one; return how many."""

    async def end_session(self, user: str, key: str) -> bool:
        """End one; return False if it is none of the user's."""


UsersDep = Annotated[UserSessions, Depends(users)]
SessionKey = Annotated[str, Path(description="The key of a device.")]
UNKNOWN_DEVICE = Problem(
    404, "unknown-device", "This is no device of yours", "No live session of yours has this key."
)


def devices_router(*, recent_minutes: float) -> APIRouter:
    """Return the routes of a user's devices; both DELETEs want a sign-in of the last minutes."""
    router = APIRouter(tags=["devices"])
    recent = [Depends(recent_sign_in(recent_minutes))]
    refusals = {**FOREIGN, **BODY_TOO_LARGE, **UNAVAILABLE}
    add_get(
        router,
        "/devices",
        list_devices,
        summary="List the devices",
        response_description="The user's live sessions, those that were used last first.",
    )
    router.add_api_route(
        "/devices",
        end_others,
        methods=["DELETE"],
        dependencies=recent,
        summary="Sign out all other devices",
        response_description="How many sessions were ended.",
        responses=refusals,
    )
    router.add_api_route(
        "/devices/{key}",
        end_device,
        methods=["DELETE"],
        status_code=204,
        dependencies=recent,
        summary="Sign out one device",
        response_description="Its session has ended, and its sockets are disconnected.",
        responses={**refusals, **response(UNKNOWN_DEVICE, "the key is none of the user's.")},
    )
    return router


async def list_devices(
    user: UserDep, session: OptionalSessionDep, users: UsersDep
) -> list[DeviceView]:
    """Return the live sessions of the user who is signed in, on all nodes."""
    views = [DeviceView.model_validate(each) for each in await users.sessions(user)]
    for view in views:
        view.current = session is not None and view.key == session.key
    return views


async def end_others(user: UserDep, session: OptionalSessionDep, users: UsersDep) -> Ended:
    """End all sessions of the user but the one of this request, on all nodes."""
    return Ended(ended=await users.end(user, keep=session))


async def end_device(
    key: SessionKey, user: UserDep, session: OptionalSessionDep, users: UsersDep
) -> Response:
    """End one session of the user, on all nodes; that of this request, too."""
    if session is not None and session.key == key:
        await session.sign_out()
    elif not await users.end_session(user, key):
        return UNKNOWN_DEVICE.response()
    return Response(status_code=204)
