"""What the chat refuses, in routes and in events alike."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi_mooring import Event, EventError, EventRouter, Socket


class RefusedError(Exception):
    """Something that is not allowed, or is not there."""

    status = 403
    type = "forbidden"
    detail = "You may not do that."


class BannedError(RefusedError):
    """Who wants to sign in is banned."""

    type = "banned"
    detail = "An admin has banned this name."


class NotAMemberError(RefusedError):
    """Members of the channel alone may do that."""

    type = "not-a-member"
    detail = "Join the channel first."


class AdminsOnlyError(RefusedError):
    """Admins alone may do that."""

    type = "admins-only"
    detail = "That is for admins."


class NoSuchThingError(RefusedError):
    """What was asked for is not there, or not for this person."""

    status = 404
    type = "not-found"
    detail = "There is no such thing."


class TakenError(RefusedError):
    """A name is in use."""

    status = 409
    type = "taken"
    detail = "There is a channel of that name."


class TooLargeError(RefusedError):
    """A file is over the limit."""

    status = 413
    type = "too-large"
    detail = "A file may have 5 MB."


def install(app: FastAPI, events: EventRouter) -> None:
    """Answer requests and acknowledge events that were refused in the same words."""

    @app.exception_handler(RefusedError)
    async def answer(request: Request, error: RefusedError) -> JSONResponse:
        problem = {"type": error.type, "status": error.status, "detail": error.detail}
        return JSONResponse(problem, error.status, media_type="application/problem+json")

    @events.middleware
    async def acknowledge(call_next, socket: Socket, event: Event) -> object:  # type: ignore[no-untyped-def] # it takes any
        try:
            return await call_next(event)
        except RefusedError as error:
            raise EventError(error.type, error.detail) from error
